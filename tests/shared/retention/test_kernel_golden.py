"""Retention by example: policies against golden files that a person can check.

`UPDATE_GOLDEN=1 pytest tests/shared/retention/test_kernel_golden.py` writes the files anew; read
the difference before committing it.
"""

import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from tarsnapper.expire import expire

from shared.model import Snapshot
from shared.retention.deltas import Deltas, parse
from shared.retention.kernel import retain
from tests.shared.builders import DAY, HOUR, NOW, hourly, snapshot

GOLDEN = Path(__file__).parents[2] / "golden" / "retention"


class Case(NamedTuple):
    deltas: str
    story: str
    history: Sequence[Snapshot]


def numbered(*runs: Iterable[Snapshot]) -> list[Snapshot]:
    """Put runs together and name the snapshots `s001`, … in the order of their times."""
    times = sorted(s.started for run in runs for s in run)
    return [snapshot(f"s{i:03}", time) for i, time in enumerate(times, 1)]


def daily(n: int, until: datetime) -> list[Snapshot]:
    return hourly(n, until, step=DAY)


def at(*texts: str) -> list[Snapshot]:
    return [snapshot(text, datetime.fromisoformat(f"2026-{text}Z")) for text in texts]


def first_of_months(n: int, until: datetime) -> list[Snapshot]:
    months = [until.year * 12 + until.month - 1 - i for i in range(n)]
    return [snapshot(str(m), datetime(m // 12, m % 12 + 1, 1, tzinfo=UTC)) for m in months]


LEAP = datetime(2028, 3, 1, tzinfo=UTC)
OUTAGE_ENDS = NOW - 2 * DAY

CASES = {
    "hourly-daily-monthly-yearly": Case(
        "PT1H P1D P30D P360D",
        "a year in use: 30 hours hourly, 36 days daily, 15 months monthly",
        numbered(
            hourly(30, NOW),
            daily(35, NOW - 30 * HOUR),
            hourly(14, NOW - 37 * DAY, step=30 * DAY),
        ),
    ),
    "interval-and-span-only": Case(
        "PT1H P1D",
        "hourly for 36 hours: the last day stays",
        numbered(hourly(36, NOW)),
    ),
    "first-week": Case(
        "PT12H P7D P30D",
        "a young disk: everything stays",
        numbered(hourly(13, NOW, step=timedelta(hours=12))),
    ),
    "months-and-years": Case(
        "P1D P1M P1Y",
        "40 days daily, and the first of each month for 15 months",
        numbered(daily(40, NOW), first_of_months(15, NOW - 40 * DAY)),
    ),
    "leap-year": Case(
        "P1D P1M P1Y",
        "on the first of March after a leap day the month has 29 days",
        numbered(daily(33, LEAP), first_of_months(14, datetime(2028, 1, 1, tzinfo=UTC))),
    ),
    "two-week-outage": Case(
        "PT6H P2D P30D",
        "every 6 hours, but no pass for two weeks until two days ago",
        numbered(
            hourly(9, NOW, step=6 * HOUR),
            hourly(60, OUTAGE_ENDS - 14 * DAY, step=6 * HOUR),
        ),
    ),
    "burst": Case(
        "PT1H P1D P7D",
        "twelve snapshots within an hour, as of a daemon that did not find its own",
        numbered(hourly(20, NOW), hourly(12, NOW - 3 * HOUR, step=timedelta(minutes=5))),
    ),
    "drift": Case(
        "PT1H P1D P7D",
        "hourly without slack: every 65 minutes for two days",
        numbered(hourly(45, NOW, step=timedelta(minutes=65))),
    ),
    "equal-times-and-ties": Case(
        "P1D P4D",
        "some begun at the same time, some equally near to a point",
        numbered(
            at("06-11T12:00", "06-12T10:00", "06-12T14:00", "06-13T12:00", "06-13T12:00"),
            at("06-14T13:00", "06-14T15:00", "06-15T12:00", "06-15T12:00"),
        ),
    ),
    "tightened": Case(
        "P1D P7D",
        "made hourly for three days, now daily",
        numbered(hourly(72, NOW)),
    ),
    "long-asleep": Case(
        "P1D P7D P30D",
        "the newest counts as now, however long ago it was made",
        numbered(daily(40, NOW - 500 * DAY)),
    ),
    "ancient-and-new": Case(
        "P1D P7D P30D",
        "two days after a pause of two years the old ones go",
        numbered(daily(5, NOW - 730 * DAY), daily(2, NOW)),
    ),
    "written-out-of-order": Case(
        "P14D PT12H P2D",
        "read as PT12H P2D P14D",
        numbered(hourly(36, NOW, step=12 * HOUR)),
    ),
}


def report(case: Case, deltas: Deltas) -> str:
    """Print one line for each snapshot: when, its id, whether it stays, and why."""
    anchor = max(s.started for s in case.history)
    retention = retain(case.history, deltas.resolve(anchor))
    generations = deltas.generations()
    kept, count = len(retention.kept), len(retention.history)
    lines = [f"{case.deltas}: {deltas}", case.story, f"{kept} kept, {count - kept} gone", ""]
    for index, made in reversed(list(enumerate(retention.history))):
        reason = retention.kept.get(index)
        line = f"{made.started:%a %Y-%m-%d %H:%M}  {made.id}  "
        if reason is None:
            line += "gone"
        elif reason.generation < 0:
            line += "kept  newest"
        else:
            point = f"{reason.point:%a %Y-%m-%d %H:%M}"
            line += f"kept  {generations[reason.generation]}: nearest to {point}"
        lines.append(line)
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", CASES)
def test_policy_gives_its_golden_file(name: str) -> None:
    """Each policy keeps and lets go what its golden file says, for the same reasons."""
    path = GOLDEN / f"{name}.txt"
    actual = report(CASES[name], parse(CASES[name].deltas))
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(actual)

    assert path.read_text() == actual


@pytest.mark.parametrize("name", CASES)
def test_golden_file_keeps_what_tarsnapper_keeps(name: str) -> None:
    """The golden files themselves are right: tarsnapper keeps the same snapshots."""
    case = CASES[name]
    anchor = max(s.started for s in case.history)
    backups = {s.id: s.started for s in case.history}
    _, _, table = (GOLDEN / f"{name}.txt").read_text().partition("\n\n")
    columns = [line.split() for line in table.splitlines()]

    assert {s.id for s in case.history} == {row[3] for row in columns}
    assert set(expire(backups, list(parse(case.deltas).resolve(anchor)))) == {
        row[3] for row in columns if row[4] == "kept"
    }


def test_every_golden_file_belongs_to_a_policy() -> None:
    """No golden file is left over from a policy that is gone."""
    assert {f"{name}.txt" for name in CASES} == {path.name for path in GOLDEN.iterdir()}
