"""A cell for each point that a generation wants: no hole where there is none, none hidden."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model import Snapshot
from shared.planning.pictures import Cell, CellState, Gap, Picture, draw, fitted
from shared.retention.deltas import parse
from shared.retention.kernel import retain
from tests.shared.builders import DAY, HOUR, NOW, hourly, snapshot

MINUTE = timedelta(minutes=1)
GFS = parse("PT1H P1D P30D P360D")


def lived(deltas: str = GFS.text, count: int = 24 * 400, until: datetime = NOW) -> list[Snapshot]:
    """Make what a history of hourly snapshots leaves once it has expired."""
    retention = retain(hourly(count, until), parse(deltas).resolve(until))
    return [retention.history[index] for index in sorted(retention.kept)]


def letters(history: Sequence[Snapshot], text: str = GFS.text, **more: object) -> list[str]:
    found: list[Picture] = draw(history, parse(text), NOW, **more)  # type: ignore[arg-type]
    return [picture.letters for picture in found]


def test_a_perfect_history_has_no_hole() -> None:
    """As many cells as the rule wants points, each filled."""
    assert ["#" * 24, "#" * 30, "#" * 12] == letters(lived())
    assert ["hourly for 1 day", "daily for 30 days", "monthly for 360 days"] == [
        picture.name for picture in draw(lived(), GFS, NOW)
    ]


def test_a_cell_names_the_snapshot_that_stands_for_it() -> None:
    """Also where a coarser generation keeps the same one."""
    history = lived()
    known = {s.id: s.started for s in history}
    for picture in draw(history, GFS, NOW):
        assert all(known[cell.snapshot] == cell.point for cell in picture.cells)


def test_an_hour_without_a_snapshot_is_one_hole() -> None:
    """Where it is, and when."""
    history = [s for s in lived() if s.started != NOW - 5 * HOUR]
    picture = draw(history, GFS, NOW)[0]
    assert "#" * 19 + "-" + "#" * 4 == picture.letters
    assert [Gap(NOW - 5 * HOUR, NOW - 5 * HOUR, 1)] == picture.gaps()


def test_an_outage_is_as_wide_as_it_was() -> None:
    """Three days in a generation of days, all but the rest of the hours in one of hours."""
    history = [s for s in lived() if not NOW - 4 * DAY < s.started <= NOW - 10 * HOUR]
    hours, days, months = letters(history)
    assert "-" * 14 + "#" * 9 == hours[-23:]
    assert 3 == days.count("-")
    assert "#" * 12 == months


def test_snapshots_that_drift_leave_no_hole() -> None:
    """Sixty-five minutes apart, as with a scheduler that is late each time."""
    (picture,) = draw(hourly(40, NOW, 65 * MINUTE), parse("PT1H P1D"), NOW)
    assert set("#") == set(picture.letters)
    assert 22 <= len(picture.cells) <= 24


@given(st.lists(st.integers(-14, 14), min_size=60, max_size=60))
def test_jitter_leaves_no_hole(minutes: list[int]) -> None:
    """A quarter of the interval to either side is no gap."""
    history = [snapshot(f"s{n:02}", NOW - n * HOUR + minutes[n] * MINUTE) for n in range(60)]
    (picture,) = draw(history, parse("PT1H P1D"), NOW)
    assert set("#") == set(picture.letters)


@given(st.sets(st.integers(0, 47)))
def test_counts_what_is_kept(hours: set[int]) -> None:
    """Whatever is missing: the filled cells are snapshots that the retention keeps, in order."""
    history = [snapshot(f"s{n:02}", NOW - n * HOUR) for n in sorted(hours | {0})]
    kept = retain(history, parse("PT1H P1D").resolve(NOW)).kept_ids()
    (picture,) = draw(history, parse("PT1H P1D"), NOW)
    filled = [cell.snapshot for cell in picture.cells if cell.state == "filled"]
    assert kept - {max(history, key=lambda s: s.started).id} <= set(filled) <= kept
    points = [cell.point for cell in picture.cells]
    assert sorted(points) == points


def test_a_young_disk_has_no_gaps() -> None:
    """What lies before its first snapshot is not missing."""
    assert ["." * 19 + "#" * 5, "." * 29 + "#", "." * 11 + "#"] == letters(lived(count=6))
    assert [] == [gap for picture in draw(lived(count=6), GFS, NOW) for gap in picture.gaps()]


def test_what_should_have_come_since_the_newest_is_missing() -> None:
    """A rule that is late shows it, at the right; of a disk that is asleep no hour is there."""
    late = letters(lived(until=NOW - 5 * HOUR - 30 * MINUTE))
    assert ["#" * 19 + "-" * 5, "#" * 30, "#" * 12] == late
    assert "#" * 24 == letters(lived(until=NOW - 70 * MINUTE))[0]
    asleep = letters(lived(until=NOW - 90 * DAY))
    assert ["-" * 24, "-" * 30, "#" * 10 + "--"] == asleep


def test_pending_and_failed_ones_fill_no_cell() -> None:
    """They are shown where a snapshot is missing."""
    gap = NOW - 5 * HOUR
    history = [s for s in lived() if s.started not in (gap, gap - HOUR, NOW)]
    others = [
        snapshot("f", gap + MINUTE, state="failed"),
        snapshot("p", NOW - MINUTE, state="pending"),
    ]
    assert "#" * 17 + "-f" + "#" * 4 + "p" == letters(history, others=others)[0]


def test_a_failed_one_gives_way_to_a_pending_one() -> None:
    """Of one point the attempt that may still succeed is shown."""
    others = [
        snapshot("f", NOW - 2 * MINUTE, state="failed"),
        snapshot("p", NOW - MINUTE, state="pending"),
    ]
    assert "#p" == letters(lived(until=NOW - HOUR), others=others)[0][-2:]


def test_a_disk_without_a_snapshot() -> None:
    """Has points too, and its first snapshot may be pending."""
    assert ["." * 24, "." * 7] == letters([], "PT1H P1D P7D")
    first = snapshot("p", NOW - MINUTE, state="pending")
    assert ["." * 23 + "p", "." * 7] == letters([], "PT1H P1D P7D", others=[first])


def test_months_have_their_length() -> None:
    """Cells by the calendar: weeks of a month, months of a year."""
    days, weeks, months = letters(hourly(800, NOW, DAY), "P1D P7D P1M P1Y")
    assert (7, 12) == (len(days), len(months))
    assert len(weeks) in (4, 5)
    assert set("#") == set(days + weeks + months)


@pytest.mark.parametrize(
    ("picture", "most", "expected"),
    [
        ("##-#", 4, ("##-#", 1)),
        ("##-##", 4, ("#-#", 2)),
        ("#" * 9, 3, ("###", 3)),
        ("", 4, ("", 1)),
    ],
)
def test_a_picture_that_is_too_long_shows_the_worst_of_several(
    picture: str, most: int, expected: tuple[str, int]
) -> None:
    """No gap is lost; one that fits stays as it is."""
    assert expected == fitted(picture, most)


def test_each_state_has_a_letter() -> None:
    """As the legend of tables and pages has them."""
    states: list[CellState] = ["filled", "missing", "before", "pending", "failed", "held"]
    cells = tuple(Cell(NOW, state, "") for state in states)
    assert "#-.pfh" == Picture("PT1H P1D", "hourly for 1 day", HOUR, cells).letters


def test_an_attempt_for_the_oldest_point_is_shown() -> None:
    """It is the first cell."""
    oldest = NOW - 24 * HOUR
    history = [s for s in lived() if abs(s.started - oldest) >= HOUR]
    failed = [snapshot("f", oldest + MINUTE, state="failed")]
    assert "f" == letters(history, others=failed)[0][0]
