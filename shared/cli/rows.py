"""The lists of a report as rows of text, which a table shows. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shared.reports.schema import Report
from shared.text import words

#: Deletions and holds shown of one disk; the report has all.
PER_DISK = 6
#: Columns that a cell of several words has at least.
PROSE = 20


class Rows(NamedTuple):
    """What a table consists of."""

    title: str
    columns: tuple[str, ...]
    rows: Iterable[tuple[str, ...]]


def widths(listed: Rows, room: int) -> list[int] | None:
    """Share so many columns of text out so that no word is cut; None where they are too few.

    A column of prose has some room for its words, whatever the others need.
    """
    columns = [[line for cell in cells for line in cell.split("\n")]
               for cells in zip(listed.columns, *listed.rows, strict=True)]  # fmt: skip
    whole = [max(map(len, lines)) for lines in columns]
    word = [max((len(w) for line in lines for w in line.split()), default=0) for lines in columns]
    least = [min(all_, max(one, PROSE)) for all_, one in zip(whole, word, strict=True)]
    spare = room - sum(least)
    if spare < 0:
        return None
    wants = [all_ - has for all_, has in zip(whole, least, strict=True)]
    part = min(1.0, spare / max(sum(wants), 1))
    return [has + int(want * part) for has, want in zip(least, wants, strict=True)]


def as_lines(listed: Rows) -> Iterator[str]:
    """Give the rows as lines, which may be broken between words."""
    yield listed.title
    for row in listed.rows:
        yield "  " + "  ".join(" ".join(cell.split()) for cell in row if cell)


def local_time(time: datetime | None, zone: ZoneInfo) -> str:
    """Print a time to the minute in a time zone."""
    return time.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z") if time else "none yet"


def lists(report: Report, zone: ZoneInfo) -> Iterator[Rows]:
    """Give all lists of a pass, in their order; some may be empty."""
    yield _creations(report)
    yield _deletions(report)
    yield _by_disk("Held", ((h.disk, h.snapshot, h.reason) for h in report.holds))
    yield Rows("Waiting", ("Disk", "Why"), ((w.disk, w.reason) for w in report.waiting))
    yield Rows(
        "Waited for",
        ("Disk", "Snapshot", "State"),
        ((a.disk, a.snapshot, a.state) for a in report.awaited),
    )
    yield Rows(
        "Failed",
        ("Action", "Disk", "Snapshot", "Why"),
        ((f.action, f.disk, f.snapshot, f.message) for f in report.failures),
    )
    yield Rows(
        "Failed since an earlier pass",
        ("Disk", "Snapshot", "Begun", "Why"),
        (
            (f.disk, f.snapshot, local_time(f.began, zone), f"{f.code} {f.message}".strip())
            for f in report.failed_attempts
        ),
    )
    yield _deferred(report)
    yield _incomplete(report)
    yield problems(report)
    yield notes(report)
    yield _orphans(report, zone)
    yield _copies(report, zone)


def problems(report: Report) -> Rows:
    """Give what is wrong with rules."""
    return Rows(
        "Problems",
        ("Object", "Field", "Value", "What is wrong"),
        ((str(p.source), p.field, p.value, p.message) for p in report.problems),
    )


def notes(report: Report) -> Rows:
    """Give what is worth a word, and no more."""
    return Rows(
        "Notes",
        ("Object", "Field", "Value", "What to know"),
        ((str(p.source), p.field, p.value, p.message) for p in report.notes),
    )


def _creations(report: Report) -> Rows:
    if report.mode == "plan":
        rows = ((d.disk, d.name, d.reason) for d in report.creations)
        return Rows("Would create", ("Disk", "Name", "Why"), rows)
    rows = ((d.disk, d.snapshot, d.reason) for d in report.creations)
    return Rows("Created", ("Disk", "Snapshot", "Why"), rows)


def _deletions(report: Report) -> Rows:
    title = "Would delete" if report.mode == "plan" else "Deleted"
    notes = ("", "; not confirmed by tarsnapper, too much for it")
    rows = ((d.disk, d.snapshot, d.reason + notes[d.unconfirmed]) for d in report.deletions)
    return _by_disk(title, rows)


def _by_disk(title: str, rows: Iterable[tuple[str, str, str]]) -> Rows:
    """Give the first few snapshots of each disk, and how many more there are."""
    shown: list[tuple[str, ...]] = []
    for disk, group in groupby(sorted(rows, key=itemgetter(0)), key=itemgetter(0)):
        found = list(group)
        shown += found[:PER_DISK]
        if len(found) > PER_DISK:
            more = len(found) - PER_DISK
            shown.append((disk, f"… {more} more", "all are in the report: --json"))
    return Rows(title, ("Disk", "Snapshot", "Why"), shown)


def _deferred(report: Report) -> Rows:
    return Rows(
        "Not done: call again" if report.mode == "backfill" else "Left to a later pass",
        ("Action", "Disk", "Snapshot", "Why"),
        ((d.action, d.disk, d.snapshot, d.reason) for d in report.deferred),
    )


def _incomplete(report: Report) -> Rows:
    return Rows(
        "Incomplete listings",
        ("Scope", "Why"),
        ((s.scope, s.error) for s in report.scopes if not s.complete and not s.skipped),
    )


def _copies(report: Report, zone: ZoneInfo) -> Rows:
    rows = (
        (c.scope, c.snapshot, c.state, "/".join(filter(None, (c.namespace, c.claim))) or c.volume,
         local_time(c.taken, zone) if c.taken else "unknown")
        for c in report.copies
    )  # fmt: skip
    title = "Copies: of no disk's history, and never deleted"
    return Rows(title, ("Scope", "Snapshot", "State", "Of", "Data of"), rows)


def _orphans(report: Report, zone: ZoneInfo) -> Rows:
    return Rows(
        "Orphans: no rule covers their disk any more",
        ("Disk", "Snapshots", "Newest", "What becomes of them"),
        (
            (o.disk, str(o.count), f"{local_time(o.newest, zone)}, {words(o.age)} ago", o.reason)
            for o in report.orphans
        ),
    )
