"""Which snapshots are held until their disk is settled: what a former rule may still want. Pure.

What the rules in force let go is not deleted at once where something speaks for it: a list of
deltas that other snapshots of the disk have, no list at all, or a gap in the history. It waits
until the disk is *settled*: until snapshots with just the lists in force reach back `settle_after`.
All of it is read off the snapshots, so that nothing has to be remembered, and nothing is counted.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from operator import attrgetter
from typing import NamedTuple

from shared.model import Disk, Snapshot
from shared.planning.histories import History
from shared.planning.labels import read_deltas
from shared.retention.deltas import Deltas, Span
from shared.retention.kernel import retain
from shared.text import words

#: What becomes free at the same time for many disks is spread over as long.
SPREAD = timedelta(days=1)
#: Lists of deltas that are read off one disk's snapshots, the newest's first; whoever may write
#: labels must not make a plan slow. Where there are more, all counts as wanted by one of them.
MOST_LISTS = 50


class Doubt(NamedTuple):
    """Why a snapshot is held although the rules in force let it go.

    `until` is when that ends if snapshots go on; None where it cannot be told yet.
    """

    reason: str
    until: datetime | None


class Settling:
    """How far one disk has settled under the lists in force.

    Args:
        history: its snapshots.
        rules: the lists in force.
        label: what a snapshot made now would say of them.
        settle_after: how far back snapshots with just these lists must reach.
    """

    def __init__(
        self, history: History, rules: Sequence[Deltas], label: str, settle_after: timedelta
    ) -> None:
        self._history, self._rules, self._label = history, rules, label
        self._ordered = sorted(history.counted, key=attrgetter("started", "id"))
        self._spans = {deltas.spans for deltas in rules}
        self._after = settle_after
        self.after = settle_after + _share(self._ordered[-1].disk)

    @cached_property
    def witness(self) -> Snapshot | None:
        """Find the oldest of the newest run of snapshots that have just the lists in force.

        A pause ends the run: in it no pass saw whether the lists were unchanged.
        """
        found = None
        for snapshot in reversed(self._ordered):
            if not snapshot.deltas:
                continue  # it says nothing: the daemon's, or an adopted one
            if found and found.started - snapshot.started > self._pause:
                break
            if not self._same(snapshot.deltas):
                break
            found = snapshot
        return found

    @property
    def until(self) -> datetime | None:
        """Tell when the disk settles, or has; None where no snapshot has just these lists."""
        return self.witness.started + self.after if self.witness else None

    @property
    def settled(self) -> bool:
        """Tell whether the disk is settled."""
        return self.until is not None and self._history.anchor >= self.until

    def doubts(self, gone: Collection[Snapshot]) -> dict[str, Doubt]:
        """Say of what the rules in force let go what is held, and why, by its id."""
        wanted = {} if self.settled else {s.id: doubt for s in gone if (doubt := self._wanted(s))}
        witness = self.witness
        if wanted and witness and witness in gone:
            # Evidence for what waits for it; what only waits for the end of a gap needs none.
            reason = "it is the oldest that shows how long the rules in force are unchanged"
            wanted.setdefault(witness.id, Doubt(reason, self.until))
        gaps = {s.id: doubt for s in gone if s.id not in wanted and (doubt := self._gap(s))}
        return wanted | gaps

    def long_held(self, held: Collection[str]) -> int:
        """Count what these same lists let go already two times `after` ago."""
        cutoff = self._history.anchor - 2 * self.after
        old = bisect_right(self._ordered, cutoff, key=attrgetter("started"))
        last = next((n for n in reversed(range(old)) if self._same(self._ordered[n].deltas)), None)
        if last is None or not held:
            return 0
        before = self._ordered[: last + 1]
        anchor = before[-1].started
        kept = set().union(*(retain(before, d.resolve(anchor)).kept_ids() for d in self._rules))
        return sum(s.id in held and s.id not in kept for s in before)

    @cached_property
    def _pause(self) -> timedelta:
        """Tell how far apart two snapshots may be for a run: what expires leaves gaps too."""
        interval = min(deltas.interval(self._history.anchor) for deltas in self._rules)
        return max(2 * interval, self._after + 2 * SPREAD)

    def _same(self, text: str) -> bool:
        if text == self._label:
            return True
        lists = read_deltas(text)
        return bool(lists) and {deltas.spans for deltas in lists} == self._spans

    @cached_property
    def _others(self) -> Mapping[tuple[Span, ...], Deltas]:
        """List what snapshots of the disk have beside the lists in force, the newest's first."""
        found: dict[tuple[Span, ...], Deltas] = {}
        for text in dict.fromkeys(s.deltas for s in reversed(self._ordered)):
            for deltas in read_deltas(text):
                if len(found) < MOST_LISTS and deltas.spans not in self._spans:
                    found.setdefault(deltas.spans, deltas)
        return found

    @cached_property
    def _keepers(self) -> Mapping[str, Deltas]:
        """Tell of each snapshot that one of these lists keeps which one does."""
        keepers: dict[str, Deltas] = {}
        for deltas in self._others.values():
            for name in self._history.retain(deltas).kept_ids():
                keepers.setdefault(name, deltas)
        return keepers

    def _wanted(self, snapshot: Snapshot) -> Doubt | None:
        if not read_deltas(snapshot.deltas):
            return Doubt("it names no deltas that can be read", self.until)
        if len(self._others) >= MOST_LISTS:
            return Doubt(f"snapshots of this disk name {MOST_LISTS} lists or more", self.until)
        if keeper := self._keepers.get(snapshot.id):
            return Doubt(f"'{keeper.text}', which this disk's snapshots name, keeps it", self.until)
        return None

    def _gap(self, snapshot: Snapshot) -> Doubt | None:
        """Hold what lies before a gap as long as the shortest reach of its own lists."""
        lists = read_deltas(snapshot.deltas)
        if not lists:
            return None
        lengths = [deltas.resolve(self._history.anchor) for deltas in lists]
        reach, interval = (min(spans[n] for spans in lengths) for n in (-1, 0))
        wait = min(self.after, reach - interval)
        after = self._after_gap(snapshot, reach)
        if after is None or self._history.anchor - after.started >= max(wait, timedelta(0)):
            return None
        return Doubt(
            f"it is before a gap of {words(reach)} or more, in which no snapshot was taken",
            after.started + wait,
        )

    def _after_gap(self, snapshot: Snapshot, reach: timedelta) -> Snapshot | None:
        """Find the first snapshot after the first gap behind this one."""
        if reach not in self._gaps:
            starts = [s.started for s in self._ordered]
            self._gaps[reach] = [
                n for n in range(1, len(starts)) if starts[n] - starts[n - 1] >= reach
            ]
        place = bisect_right(self._ordered, snapshot.started, key=attrgetter("started"))
        later = self._gaps[reach][bisect_right(self._gaps[reach], place - 1) :]
        return self._ordered[later[0]] if later else None

    @cached_property
    def _gaps(self) -> dict[timedelta, list[int]]:
        """Remember the gaps of each length: the index of what comes after."""
        return {}


def _share(disk: Disk) -> timedelta:
    """Give the disk's part of `SPREAD`, always the same."""
    number = int.from_bytes(hashlib.sha256(disk.id.encode()).digest()[:4], "big")
    return SPREAD * (number / 2**32)
