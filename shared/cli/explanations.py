"""The explanation of a disk as lines and rows of text. Pure."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from shared.cli.pictures import Line, legend, pictures
from shared.cli.rows import Rows, local_time
from shared.planning.explanation import Explanation, Generation
from shared.text import counted, words

#: Gaps that are told of one generation.
GAPS = 2


def lines(found: Explanation, zone: ZoneInfo, now: datetime, width: int) -> Iterator[Line]:
    """Tell all about a disk but the single snapshots."""
    yield Line(f"\n{found.claim or found.volume or found.disk}", "bold")
    if found.volume and found.claim:
        yield Line(f"  volume {found.volume}")
    if found.claim or found.volume:
        yield Line(f"  disk {found.disk}")
    yield from _rules(found)
    yield from _times(found, zone, now)
    yield from _generations(found, zone, width)
    yield from _next_deletions(found, zone)


def snapshots(found: Explanation, zone: ZoneInfo) -> Rows:
    """Tell what becomes of each snapshot."""
    return Rows(
        "Snapshots",
        ("Snapshot", "Began", "State", "", "Why"),
        ((s.snapshot, local_time(s.started, zone), ", ".join(filter(None, (s.state, s.tier))),
          s.fate, s.why)
         for s in found.snapshots),
    )  # fmt: skip


def _rules(found: Explanation) -> Iterator[Line]:
    for rule in found.rules:
        yield Line(f"  {rule.deltas}: {rule.sentence}\n    from {rule.source}, as {rule.name}")
        if rule.window:
            yield Line(f"    window {rule.window}")
    if not found.rules:
        yield Line("  no rule covers it, or none that can be read")
    for problem in found.problems:
        yield Line(f"  problem: {problem}", "red")


def _times(found: Explanation, zone: ZoneInfo, now: datetime) -> Iterator[Line]:
    """Say what there is, and when the next is due."""
    fates = Counter(s.fate for s in found.snapshots)
    verbs = {"goes": "to go"}
    what = ", ".join(f"{n} {verbs.get(fate, fate)}" for fate, n in fates.most_common())
    total = f"{counted(len(found.snapshots), 'snapshot')}{f': {what}' if len(fates) > 1 else ''}"
    yield Line(f"  {total}" if found.snapshots else "  no snapshot yet")
    if found.newest:
        age = f"{words(now - found.newest)} ago"
        oldest = f"; the oldest {local_time(found.oldest, zone)}" if found.oldest else ""
        yield Line(f"  newest {local_time(found.newest, zone)}, {age}{oldest}")
    if found.orphaned:
        yield Line(f"  {found.orphaned}")
    elif found.due:
        yield Line(f"  due now: {found.due}")
    elif found.next_due:
        yield Line(f"  next due {local_time(found.next_due, zone)}")
    if found.opens:
        state = "open now" if found.opens <= now else f"opens {local_time(found.opens, zone)}"
        yield Line(f"  its window: {state}")


def _generations(found: Explanation, zone: ZoneInfo, width: int) -> Iterator[Line]:
    """Draw each generation, those of one list of deltas below each other."""
    for deltas, group in groupby(found.generations, key=lambda g: g.deltas):
        generations = list(group)
        yield Line(f"  points of {deltas}, the newest at the right")
        yield from pictures(generations, width)
        for one in generations:
            if one.gaps:
                yield Line(f"    missing in '{one.name}': {_gaps(one, zone)}", "red")
    if found.generations:
        yield legend(found.generations)


def _gaps(one: Generation, zone: ZoneInfo) -> str:
    told = []
    for gap in one.gaps[:GAPS]:
        first = local_time(gap.first, zone)
        more = f" and {counted(gap.points - 1, 'point')} after" if gap.points > 1 else ""
        told.append(first + more)
    left = len(one.gaps) - GAPS
    return "; ".join(told) + (f"; {left} more" if left > 0 else "")


def _next_deletions(found: Explanation, zone: ZoneInfo) -> Iterator[Line]:
    now = sum(fate.fate == "goes" for fate in found.snapshots)
    if now:
        yield Line(f"  {counted(now, 'snapshot')} will go in the next pass")
    if going := found.next_deletion:
        what = "then" if now else "next to go"
        began, at = local_time(going.started, zone), local_time(going.at, zone)
        yield Line(f"  {what}: {going.snapshot} of {began}, at {at}")
