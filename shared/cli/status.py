"""The command `status`: a line a claim, the worst first; and one line for monitors. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from shared.cli.changes import title
from shared.cli.pictures import Line
from shared.cli.rows import local_time
from shared.model import Problem
from shared.reports.health import ORDER, DiskHealth
from shared.reports.schema import Report
from shared.request import Only
from shared.text import counted, shorten, words

#: Nagios' statuses.
OK, WARNING, CRITICAL, UNKNOWN = 0, 1, 2, 3
_WORDS = {OK: "OK", WARNING: "WARNING", CRITICAL: "CRITICAL", UNKNOWN: "UNKNOWN"}
#: Of the first column: the longest word that says how a disk is.
WIDTH = max(map(len, ORDER))
#: What a problem is about that belongs to no object of the cluster.
_OF_THE_PASS = ("Rules", "Scope", "Settings")
_STYLES = {"never": "bold red", "failing": "bold red", "late": "red", "problem": "yellow"}


def lines(found: Sequence[DiskHealth], zone: ZoneInfo, now: datetime, wide: bool) -> Iterator[Line]:
    """Give a line a disk: how it is, what it is called, why, and its restore points."""
    for one in found:
        style = _STYLES.get(one.health, "green" if one.health == "ok" else "")
        name = title(one.disk, one.names) if wide else one.names.claim or one.names.volume
        told = "; ".join(filter(None, [one.why, _points(one, zone, now, wide)]))
        yield Line(f"{one.health:{WIDTH}} {name or one.names.rule or one.disk}: {told}", style)
    yield Line(summary(found), "bold")


def asked_for(found: Sequence[DiskHealth], only: Only) -> list[DiskHealth]:
    """Leave out what nothing covers and nobody asks for; rules select the rest."""
    return [
        one
        for one in found
        if one.health != "uncovered"
        or not only
        or one.names.claim in only.claims
        or one.names.claim.partition("/")[0] in only.namespaces
    ]


def missed(notes: Iterable[Problem]) -> Iterator[Line]:
    """Say which values of the selection select nothing, and what was perhaps meant."""
    for note in notes:
        if note.source.kind == "Request":
            yield Line(f"{note.value} {note.message}", "yellow")


def doubts(report: Report) -> Iterator[Line]:
    """Say why the rest may be wrong: what could not be listed, and what the pass itself lacks."""
    for scope in report.scopes:
        if not scope.complete:
            yield Line(f"the listing of {scope.scope} is incomplete: {scope.error}", "bold red")
    for problem in report.problems:
        if problem.source.kind in _OF_THE_PASS:
            yield Line(f"{problem.source}: {problem.message}", "bold red")


def _points(one: DiskHealth, zone: ZoneInfo, now: datetime, wide: bool) -> str:
    if one.newest is None or one.oldest is None:
        return _opening(one, now)
    parts = [f"newest {words(now - one.newest)} ago"]
    if one.next_due and one.next_due > now:
        parts.append(f"next in {words(one.next_due - now)}")
    elif opening := _opening(one, now):
        parts.append(opening)
    parts += [f"{p.filled} of {len(p.cells)} {p.name.partition(' for ')[0]}" for p in one.pictures]
    parts.append(f"oldest {one.oldest.astimezone(zone):%Y-%m-%d}")
    if one.size:
        parts.append(f"{one.size} GiB")
    if wide:
        parts[0] = f"newest {local_time(one.newest, zone)}, {words(now - one.newest)} ago"
    return "; ".join(parts)


def _opening(one: DiskHealth, now: datetime) -> str:
    """Say when a window that is closed opens."""
    shut = one.opens is not None and one.opens > now
    return f"its window opens in {words(one.opens - now)}" if one.opens and shut else ""


def summary(found: Sequence[DiskHealth]) -> str:
    """Count disks by how they are, in one line."""
    counts = Counter(one.health for one in found)
    told = [f"{counts[health]} {health}" for health in ORDER if counts[health]]
    return f"{counted(len(found), 'disk')}: {', '.join(told)}" if found else "no disk has a rule"


def monitor(found: Sequence[DiskHealth], complete: bool) -> tuple[int, str]:
    """Give Nagios' status, and one line; what is held as unsettled is no trouble."""
    level = max((_level(one) for one in found), default=WARNING)
    if not complete:
        level = max(level, WARNING)
    worst = next((one for one in found if _level(one) == level), None) if level else None
    named = ""
    if worst:
        name = worst.names.claim or worst.names.volume or worst.disk
        named = f"; worst {shorten(name)}: {worst.health}"
    cut = "" if complete else "; a listing is incomplete"
    return level, f"SNAPSHOTS {_WORDS[level]} - {summary(found)}{named}{cut}"


def _level(one: DiskHealth) -> int:
    if one.health in ("failing", "late") or (one.health == "never" and one.late):
        return CRITICAL
    return WARNING if one.health in ("never", "problem") else OK


def to_builtins(found: Sequence[DiskHealth]) -> list[dict[str, Any]]:
    """Tell programs the same."""
    return [
        {
            "disk": one.disk,
            "claim": one.names.claim,
            "volume": one.names.volume,
            "health": one.health,
            "why": one.why,
            "newest": one.newest and one.newest.isoformat(),
            "oldest": one.oldest and one.oldest.isoformat(),
            "next_due": one.next_due and one.next_due.isoformat(),
            "window": one.window,
            "opens": one.opens and one.opens.isoformat(),
            "snapshots": one.snapshots,
            "size_gib": one.size,
            "generations": [
                {"deltas": p.deltas, "name": p.name, "wants": len(p.cells), "kept": p.filled,
                 "picture": p.letters} for p in one.pictures
            ],
        }
        for one in found
    ]  # fmt: skip
