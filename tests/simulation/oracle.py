"""What is right, told independently of the core: rules out of objects, and who may go.

Nothing here calls what it judges: rules are read again from the plain JSON, deltas by a parser of
their own, and retention is tarsnapper's.
"""

import calendar
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from tarsnapper.expire import expire as tarsnapper

from tests.simulation import windows
from tests.simulation.windows import Timed

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
#: The deltas that the simulation writes, by how fast the worlds are in which most rules are so.
TEMPOS: dict[str, tuple[str, ...]] = {
    "hours": ("PT1H P1D", "PT1H PT6H P2D", "PT3H P1D P7D", "PT6H P3D"),
    "days": ("P1D P7D P30D", "P1D P30D P360D", "P1D P3D", "P2D P14D P60D", "P1D P1M P6M"),
    "weeks": ("P7D P28D P360D", "P1M P1Y", "P14D P90D", "P1W P6M P2Y", "P30D P360D"),
}
MANGLED = ("PT1H P1X", "P1D", "", "hourly", 5, None)
KEY, POLICY = "backup.kubernetes.io/deltas", "backup.kubernetes.io/policy"
NONE = "none"
#: The label that each Namespace has by itself.
NAMES = "kubernetes.io/metadata.name"
AUTHOR = {"created-by": "k8s-snapshots"}
CLUSTER = "k8s-snapshots-cluster"
DELTAS = "k8s-snapshots-deltas"
KEEP = "k8s-snapshots-keep"
FUTURE = timedelta(minutes=10)
#: How long a listing may hide a snapshot.
LAG = HOUR

Json = dict[str, Any]
#: Months have no length of their own, and are counted.
Span = timedelta | int

_SPAN = re.compile(r"P(?:(\d+)([YMWD])|T(\d+)([HM]))")
_UNITS = {"W": timedelta(weeks=1), "D": DAY, "H": HOUR, "M": MINUTE}


class Rules(NamedTuple):
    """Of each disk the deltas that can be understood; `broken` disks have a rule that cannot.

    `timed` has each of these deltas with the window of its rule, and `level` tells how far from
    the volume they stand, from `own` on.
    """

    deltas: Mapping[str, list[str]]
    broken: frozenset[str]
    timed: Mapping[str, list[Timed]]
    level: Mapping[str, str]

    def windowed(self, disk: str) -> bool:
        """Tell whether each rule of a disk has a window, and all can be read."""
        found = self.timed.get(disk, [])
        return disk not in self.broken and bool(found) and all(hours for _, hours in found)


class Word(NamedTuple):
    """What one object says: lists, `none`, what cannot be read, a window that cannot be read.

    One that does not `end` the search counts beside whatever else is said.
    """

    lists: Sequence[Timed] = ()
    none: bool = False
    unread: bool = False
    mangled: bool = False
    ends: bool = True


def rules_of(items: Iterable[Json], refused: Collection[str] = ()) -> Rules:
    """Read what the objects of a cluster ask for; the kinds `refused` might say anything."""
    return _Rules(list(items), refused).read()


class _Rules:
    """One reading of a cluster's objects."""

    def __init__(self, items: list[Json], refused: Collection[str]) -> None:
        self._items, self._refused = items, refused
        self._volumes = {_name(i): i for i in items if i["kind"] == "PersistentVolume"}
        self._policies = {_name(i): i for i in items if i["kind"] == "SnapshotPolicy"}
        self._timed: dict[str, list[Timed]] = {}
        self._broken: set[str] = set()
        self._level: dict[str, str] = {}

    def read(self) -> Rules:
        """Read what is said of each volume, and of disks of which there is none."""
        rules = [i for i in self._items if i["kind"] == "SnapshotRule"]
        known = {_handle(volume) for volume in self._volumes.values()}
        for rule in rules:
            disk = rule["spec"]["disk"]["volumeId"]
            if disk not in known:
                self._add(disk, self._word(rule), "own")
        for volume in self._volumes.values():
            for level, words in self._levels(volume, rules):
                for word in words:
                    self._add(_handle(volume), word, level)
                last = [word for word in words if word.ends]
                if not any(word.unread for word in last) and any(w.lists or w.none for w in last):
                    break
        deltas = {disk: [text for text, _ in timed] for disk, timed in self._timed.items()}
        return Rules(deltas, frozenset(self._broken), self._timed, self._level)

    def _add(self, disk: str, word: Word, level: str) -> None:
        if word.lists:
            self._timed.setdefault(disk, []).extend(word.lists)
            self._level.setdefault(disk, level)
        if word.unread or word.mangled:
            self._broken.add(disk)

    def _levels(self, volume: Json, rules: list[Json]) -> Iterator[tuple[str, list[Word]]]:
        """Give what each level says of a volume, the nearest first."""
        claim = next((i for i in self._items if _is_bound(i, volume)), None)
        own = [self._word(item) for item in (volume, claim) if item and _speaks(item)]
        ref = volume["spec"].get("claimRef") or {}
        for rule in rules:
            if rule["spec"]["disk"]["volumeId"] == _handle(volume):
                ends = ref.get("namespace") == rule["metadata"]["namespace"]
                own.append(self._word(rule)._replace(ends=ends))
        yield "own", own
        if claim:
            yield "namespace", self._of("Namespace", ref["namespace"])
        if name := volume["spec"].get("storageClassName"):
            yield "storageclass", self._of("StorageClass", name)
        yield "policy", self._selecting(volume, claim)

    def _of(self, kind: str, name: str) -> list[Word]:
        if kind in self._refused:
            return [Word(unread=True)]
        found = (i for i in self._items if i["kind"] == kind and _name(i) == name)
        return [self._word(item) for item in found if _speaks(item)]

    def _selecting(self, volume: Json, claim: Json | None) -> list[Word]:
        if "SnapshotPolicy" in self._refused:
            return [Word(unread=True)]
        asks = [p for p in self._policies.values() if NAMES in str(p["spec"].get("selector"))]
        words = [self._word(p) for p in self._policies.values() if _selects(p, volume, claim)]
        if claim and asks and "Namespace" in self._refused:
            words.append(Word(unread=True))
        return words

    def _word(self, item: Json) -> Word:
        """Read what an object says, the policy that it names with it."""
        spec, notes = item.get("spec", {}), item["metadata"].get("annotations") or {}
        alone = item["kind"] in windows.WITH_FIELDS
        hours, bad = windows.of(item)
        word = Word()
        if alone or KEY in notes:
            word = _read_word(spec.get("deltas") if alone else notes[KEY], hours)
        if not alone and POLICY in notes:
            named = self._policies.get(notes[POLICY])
            other = self._word(named) if named else Word(unread=True)
            if other.unread:
                other = Word(unread=True)
            elif hours or bad:
                lists = [(text, hours) for text, _ in other.lists]
                other = other._replace(lists=lists, mangled=False)
            word = Word(
                [*word.lists, *other.lists], (word.none or other.none),
                word.unread or other.unread, other.mangled,
            )  # fmt: skip
        mangled = (bad or word.mangled) and bool(word.lists)
        return word._replace(none=word.none and not word.lists, mangled=mangled)


def _read_word(text: Any, hours: windows.Hours | None) -> Word:
    if text == NONE:
        return Word(none=True)
    good = isinstance(text, str) and bool(read(text))
    return Word([(text, hours)]) if good else Word(unread=True)


def _name(item: Json) -> str:
    return str(item["metadata"]["name"])


def _handle(volume: Json) -> str:
    return str(volume["spec"]["csi"]["volumeHandle"])


def _speaks(item: Json) -> bool:
    notes = item["metadata"].get("annotations") or {}
    return KEY in notes or POLICY in notes


def _is_bound(item: Json, volume: Json) -> bool:
    """Tell whether an object is the claim that a volume is bound to, and bound to it."""
    if item["kind"] != "PersistentVolumeClaim":
        return False
    meta, ref = item["metadata"], volume["spec"].get("claimRef") or {}
    mine = meta["namespace"], meta["name"], meta["uid"]
    return item["spec"].get("volumeName") == _name(volume) and mine == (
        ref.get("namespace"), ref.get("name"), ref.get("uid")
    )  # fmt: skip


def _selects(policy: Json, volume: Json, claim: Json | None) -> bool:
    """Tell whether a policy of the simulation selects a volume."""
    selector = policy["spec"].get("selector")
    if selector is None:
        return False
    if selector.get("volumes") != "all" and claim is None:
        return False
    classes = selector.get("storageClassNames")
    if classes is not None and volume["spec"].get("storageClassName") not in classes:
        return False
    names = selector.get("namespaceSelector", {}).get("matchLabels", {}).get(NAMES)
    return names is None or (claim is not None and names == claim["metadata"]["namespace"])


# Deltas


@lru_cache(maxsize=4096)
def read(text: str) -> tuple[Span, ...]:
    """Read deltas, ascending; nothing where they cannot be understood."""
    found: list[Span] = []
    for word in text.split():
        match = _SPAN.fullmatch(word)
        if match is None:
            return ()
        count, unit, hours, part = match.groups()
        if unit and unit in "YM":
            found.append(int(count) * (12 if unit == "Y" else 1))
        else:
            found.append(int(count or hours) * _UNITS[unit or part])
    return tuple(sorted(found, key=_rough)) if len(found) > 1 else ()


def _rough(span: Span) -> timedelta:
    return span if isinstance(span, timedelta) else span * timedelta(days=30.4)


def lists_of(label: str) -> tuple[str, ...]:
    """Read the lists that a snapshot names; nothing where one of them cannot be understood."""
    texts = tuple(label.split(" / "))
    return texts if all(read(text) for text in texts) else ()


def resolve(text: str, anchor: datetime) -> list[timedelta]:
    """Give the lengths of deltas before an anchor, ascending."""
    lengths = [s if isinstance(s, timedelta) else anchor - _before(anchor, s) for s in read(text)]
    return sorted(lengths)


def _before(anchor: datetime, months: int) -> datetime:
    year, month = divmod(anchor.year * 12 + anchor.month - 1 - months, 12)
    day = min(anchor.day, calendar.monthrange(year, month + 1)[1])
    return anchor.replace(year=year, month=month + 1, day=day)


def interval(lists: Iterable[str], now: datetime) -> timedelta:
    """Tell the smallest interval that lists of deltas give a disk."""
    return min(resolve(text, now)[0] for text in lists)


def spacing(every: timedelta, period: timedelta) -> timedelta:
    """Tell what lies between two snapshots at least: the interval less the slack."""
    return every - min(period / 2, every / 4)


# Retention


def kept_by(times: Mapping[str, datetime], text: str) -> frozenset[str]:
    """Tell which snapshots tarsnapper keeps under a list of deltas."""
    return _kept_by(tuple(sorted(times.items())), text)


@lru_cache(maxsize=4096)
def _kept_by(times: tuple[tuple[str, datetime], ...], text: str) -> frozenset[str]:
    lengths = resolve(text, max(time for _, time in times))
    return frozenset(tarsnapper(dict(times), lengths))


def let_go(times: Mapping[str, datetime], lists: Iterable[str]) -> set[str]:
    """Tell which snapshots tarsnapper lets go under every list of deltas."""
    return set(times).difference(*(kept_by(times, text) for text in lists))


class Past:
    """The completed snapshots of one disk, as a pass was shown them: what may go of them (P7).

    Args:
        times: when each was begun.
        labels: what each says of its deltas; empty for nothing.
        lists: those in force.
        settle: SETTLE_AFTER.
        kept: what stays for another reason, such as the keep label.
    """

    def __init__(
        self,
        times: Mapping[str, datetime],
        labels: Mapping[str, str],
        lists: Sequence[str],
        settle: timedelta,
        kept: Collection[str] = (),
    ) -> None:
        self._times, self._labels, self._settle = times, labels, settle
        self._order = sorted(times, key=lambda name: (times[name], name))
        self._anchor = max(times.values())
        self._lists, self._wanted = lists, {read(text) for text in lists}
        self.gone = let_go(times, lists) - set(kept)

    @cached_property
    def witness(self) -> str:
        """Find the oldest of the newest unbroken run that has just the lists in force."""
        found = ""
        for name in reversed(self._order):
            label = self._labels[name]
            if not label:
                continue
            if {read(text) for text in lists_of(label)} != self._wanted:
                break
            if found and self._paused(name, found):
                break
            found = name
        return found

    def _paused(self, older: str, newer: str) -> bool:
        """Tell whether nobody looked between two snapshots: for longer than it takes to settle."""
        most = max(2 * interval(self._lists, self._anchor), self._settle + timedelta(days=2))
        return self._times[newer] - self._times[older] > most

    def settled(self, longer: timedelta = timedelta(0)) -> bool:
        """Tell whether the lists in force are unchanged for long enough."""
        since = self._times[self.witness] if self.witness else self._anchor
        return self._anchor - since >= self._settle + longer

    def stays(self, name: str, longer: timedelta = timedelta(0)) -> str:
        """Say why a snapshot must not go though the lists in force let it go; empty if it may.

        With `longer` it is said why it may be held by one that takes so much longer to settle.
        """
        if not self.settled(longer):
            if why := self._owed.get(name):
                return why
            if name == self.witness and any(other in self._owed for other in self.gone - {name}):
                return "it is the witness of what waits"
        return self._gap(name, longer)

    @cached_property
    def _owed(self) -> dict[str, str]:
        """Say of what goes why it waits for the disk to settle."""
        texts = {text for label in self._labels.values() for text in lists_of(label)}
        found = {}
        for name in self.gone:
            if not lists_of(self._labels[name]):
                found[name] = "it names no deltas that can be read"
            elif keeps := sorted(t for t in texts if name in kept_by(self._times, t)):
                found[name] = f"{keeps[0]!r}, which snapshots of the disk name, keeps it"
        return found

    def _gap(self, name: str, longer: timedelta) -> str:
        """Say whether it is before a gap that has not lasted long enough."""
        lists = [resolve(text, self._anchor) for text in lists_of(self._labels[name])]
        if not lists:
            return ""
        reach = min(lengths[-1] for lengths in lists)
        of_reach = [lengths[0] for lengths in lists if lengths[-1] == reach]
        # By the interval of the list that reaches so far, or of any where it only may be held.
        every = min(lengths[0] for lengths in lists) if longer else max(of_reach)
        times = [self._times[other] for other in self._order]
        place = self._order.index(name)
        for before, after in zip(times[place:], times[place + 1 :], strict=False):
            if after - before >= reach:
                wait = min(self._settle + longer, reach - every)
                return "it is before a gap" if self._anchor - after < wait else ""
        return ""


# Labels


def ours(labels: Mapping[str, str], cluster: str) -> bool:
    """Tell whether a snapshot bears our label and no other cluster's."""
    return AUTHOR.items() <= labels.items() and labels.get(CLUSTER, cluster) == cluster


def is_kept(labels: Mapping[str, str], now: datetime) -> bool:
    """Tell whether the keep label forbids to delete."""
    value = labels.get(KEEP)
    return value == "true" or (value is not None and now.date().isoformat() <= value)
