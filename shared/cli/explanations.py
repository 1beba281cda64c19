"""The explanation of a disk as lines and rows of text. Pure."""

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shared.cli.rows import Rows, local_time
from shared.planning.explanation import Explanation
from shared.text import counted


class Line(NamedTuple):
    """Some text, perhaps of several lines, and its style, which is rich's."""

    text: str
    style: str = ""


def lines(found: Explanation, zone: ZoneInfo) -> Iterator[Line]:
    """Tell all about a disk but the single snapshots."""
    yield Line(f"\n{found.disk}", "bold")
    yield from _rules(found)
    due = local_time(found.next_due, zone) if found.next_due else "never"
    yield Line(f"  newest {local_time(found.newest, zone)}; next due {due}")
    if found.due:
        yield Line(f"  due now: {found.due}")
    yield from _generations(found)
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
    if not found.rules:
        yield Line("  no rule covers it, or none that can be read")
    for problem in found.problems:
        yield Line(f"  problem: {problem}", "red")


def _generations(found: Explanation) -> Iterator[Line]:
    """Draw each generation, those of one list of deltas below each other."""
    width = max((len(g.name) for g in found.generations), default=0)
    for deltas, generations in groupby(found.generations, key=lambda g: g.deltas):
        yield Line(f"  generations of {deltas}, the newest at the right")
        for one in generations:
            yield Line(f"    {one.name:{width}}  {one.picture}  {one.kept}")


def _next_deletions(found: Explanation, zone: ZoneInfo) -> Iterator[Line]:
    now = sum(fate.fate == "goes" for fate in found.snapshots)
    if now:
        yield Line(f"  {counted(now, 'snapshot')} will go in the next pass")
    if going := found.next_deletion:
        what = "then" if now else "next to go"
        began, at = local_time(going.started, zone), local_time(going.at, zone)
        yield Line(f"  {what}: {going.snapshot} of {began}, at {at}")
