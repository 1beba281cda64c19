"""Windows: when a due disk waits, until when, when it is late, when it waits no longer."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model import Snapshot
from shared.planning.actions import Attempt
from shared.planning.due import Due, is_due
from shared.planning.timing import Rhythm, next_due, turn
from shared.windows.parse import parse
from tests.shared.builders import DAY, HOUR, snapshot

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
PERIOD = 5 * MINUTE
NIGHT = parse("01:00-05:00")
#: A Wednesday.
MIDNIGHT = datetime(2026, 6, 17, tzinfo=UTC)


def due(
    newest: datetime | None,
    now: datetime,
    *rhythms: Rhythm,
    by_hand: bool = False,
    attempt: Attempt | None = None,
) -> Due:
    history = [taken(newest)] if newest else []
    found = rhythms or (Rhythm(DAY, NIGHT),)
    return is_due(history, found, now, PERIOD, attempt, by_hand)


def taken(at: datetime) -> Snapshot:
    return snapshot("snap-1", at)


def test_waits_for_its_window() -> None:
    """A disk that is due while its window is closed waits, and says until when."""
    found = due(MIDNIGHT - 16 * HOUR, MIDNIGHT + 10 * HOUR)
    assert found.due
    assert found.wait == (
        "window",
        "waits for its window (01:00-05:00 UTC), which opens 2026-06-18 01:00:00 UTC",
    )
    assert MIDNIGHT + 25 * HOUR == found.until


def test_is_snapshotted_while_its_window_is_open() -> None:
    """In it nothing keeps a due disk, and nothing is said of windows."""
    found = due(MIDNIGHT - 23 * HOUR, MIDNIGHT + 2 * HOUR)
    assert (True, None) == (found.due, found.wait)
    assert "window" not in found.reason


@pytest.mark.parametrize(("hour", "expected"), [(1, True), (4.99, True), (5, False), (0.99, False)])
def test_the_end_does_not_belong_to_the_window(hour: float, expected: bool) -> None:
    """From the first instant to the last before its end."""
    assert expected == (due(None, MIDNIGHT + hour * HOUR).wait is None)


def test_what_is_not_due_does_not_wait() -> None:
    """A window asks for nothing by itself."""
    found = due(MIDNIGHT + 2 * HOUR, MIDNIGHT + 10 * HOUR)
    assert (False, None, None) == (found.due, found.wait, found.until)
    assert MIDNIGHT + 26 * HOUR == found.next


def test_the_next_is_due_in_the_window() -> None:
    """Not an interval after the last, where the window is closed then."""
    assert MIDNIGHT + 25 * HOUR == due(MIDNIGHT - 10 * HOUR, MIDNIGHT + 12 * HOUR).next
    assert MIDNIGHT + 25 * HOUR == due(MIDNIGHT + 4 * HOUR, MIDNIGHT + 4 * HOUR,
                                       Rhythm(2 * HOUR, NIGHT)).next  # fmt: skip


LATE = [
    # Due while it is open: late after two periods, as without a window.
    (2 * HOUR, 26 * HOUR + 10 * MINUTE, False),
    (2 * HOUR, 26 * HOUR + 11 * MINUTE, True),
    # Due while it is closed: late once it has been open and is closed again.
    (12 * HOUR, 36 * HOUR + 11 * MINUTE, False),
    (12 * HOUR, 49 * HOUR, False),
    (12 * HOUR, 53 * HOUR, False),
    (12 * HOUR, 53 * HOUR + MINUTE, True),
    # Due when it was about to close: no pass need have come.
    (5 * HOUR - 6 * MINUTE, 29 * HOUR + 30 * MINUTE, False),
    (5 * HOUR - 6 * MINUTE, 53 * HOUR, False),
    (5 * HOUR - 6 * MINUTE, 53 * HOUR + MINUTE, True),
]


@pytest.mark.parametrize(("newest", "now", "expected"), LATE)
def test_is_late_only_after_its_window(newest: timedelta, now: timedelta, expected: bool) -> None:
    """Waiting for a window is no delay."""
    assert expected == due(MIDNIGHT + newest, MIDNIGHT + now).late


def test_is_late_in_a_window_that_stays_open_for_long() -> None:
    """What has been open for an interval and two periods has had its chance."""
    evenings = Rhythm(HOUR, parse("not 08:00-20:00 mon-fri"))
    friday = MIDNIGHT + 2 * DAY
    newest = friday + 7.5 * HOUR
    assert not due(newest, friday + 20 * HOUR + 70 * MINUTE, evenings).late
    assert due(newest, friday + 20 * HOUR + 71 * MINUTE, evenings).late


def test_a_disk_without_any_snapshot_is_late_while_its_window_is_open() -> None:
    """While it is closed nothing tells since when one is missing, but for attempts that failed."""
    assert due(None, MIDNIGHT + 2 * HOUR).late
    assert not due(None, MIDNIGHT + 6 * HOUR).late
    failed = Attempt(at=MIDNIGHT + 4 * HOUR, spacing=HOUR, ended=True, failures=1, reason="no")
    assert due(None, MIDNIGHT + 6 * HOUR, attempt=failed).late


@pytest.mark.parametrize(("minutes", "waits"), [(5, False), (9, False), (10, True), (30, True)])
def test_a_first_snapshot_waits_for_no_window_that_passes_may_miss(
    minutes: int, waits: bool
) -> None:
    """One shorter than two periods may pass by each time, and none tells since when."""
    short = Rhythm(DAY, parse(f"01:00-01:{minutes:02}"))
    found = due(None, MIDNIGHT + 6 * HOUR, short)
    assert waits == (found.wait is not None)
    if not waits:
        assert "which passes may miss, since there is none" in found.reason
    assert due(MIDNIGHT - 20 * HOUR, MIDNIGHT + 6 * HOUR, short).wait


FORCED = [
    (Rhythm(DAY, NIGHT), 2 * DAY),
    (Rhythm(HOUR, NIGHT), 2 * DAY),
    (Rhythm(3 * DAY, NIGHT), 6 * DAY),
    (Rhythm(HOUR, parse("01:00-05:00 sun")), 14 * DAY),
]


@pytest.mark.parametrize(("rhythm", "after"), FORCED)
def test_waits_for_twice_the_longest_pause_at_most(rhythm: Rhythm, after: timedelta) -> None:
    """Then it is snapshotted outside its window, and says so."""
    newest = MIDNIGHT - 12 * HOUR
    now = newest + after
    assert due(newest, now - MINUTE, rhythm).wait
    found = due(newest, now, rhythm)
    assert (True, None) == (found.due, found.wait)
    assert f"outside its window ({rhythm.window}): {after.days} d have passed" in found.reason
    assert "twice the longer of its interval and the distance between openings" in found.reason


def test_one_rule_whose_window_is_open_is_enough() -> None:
    """Rules that make a disk due count, by the union of their windows."""
    noon = Rhythm(DAY, parse("12:00-13:00"))
    newest = MIDNIGHT - 2 * HOUR
    found = due(newest, MIDNIGHT + 23 * HOUR, Rhythm(DAY, NIGHT), noon)
    assert found.wait
    assert "01:00-05:00 UTC or 12:00-13:00 UTC" in found.wait[1]
    assert due(newest - 12 * HOUR, MIDNIGHT + 12 * HOUR, Rhythm(DAY, NIGHT), noon).wait is None


def test_a_rule_that_is_not_due_opens_nothing() -> None:
    """A daily rule without a window lets no hourly one be snapshotted all day."""
    hourly, daily = Rhythm(HOUR, NIGHT), Rhythm(DAY)
    newest = MIDNIGHT + 5 * HOUR - MINUTE
    found = due(newest, newest + 8 * HOUR, hourly, daily)
    assert found.wait
    assert found.wait[0] == "window"
    assert MIDNIGHT + 25 * HOUR == found.until
    assert due(newest, newest + 24 * HOUR, hourly, daily).wait is None


def test_says_when_another_rule_asks_before_the_window_opens() -> None:
    """The time of the next snapshot is the first that any rule lets it be."""
    weekly, daily = Rhythm(HOUR, parse("01:00-05:00 sun")), Rhythm(DAY)
    newest = MIDNIGHT + 12 * HOUR
    found = due(newest, MIDNIGHT + 20 * HOUR, weekly, daily)
    assert found.wait
    at = newest + daily.spacing(PERIOD)
    assert at == found.until
    assert "it is taken 2026-06-18 11:57:30 UTC whether that is open or not" in found.wait[1]


def test_what_somebody_asks_for_waits_for_no_window() -> None:
    """A backfill says that it is outside the window."""
    found = due(MIDNIGHT - 16 * HOUR, MIDNIGHT + 10 * HOUR, by_hand=True)
    assert (True, None) == (found.due, found.wait)
    said = "outside its window (01:00-05:00 UTC), which a backfill does not wait for"
    assert found.reason.endswith(said)
    inside = due(MIDNIGHT - 16 * HOUR, MIDNIGHT + 2 * HOUR, by_hand=True)
    assert "window" not in inside.reason


def test_what_is_pending_waits_in_the_window_too() -> None:
    """Windows let a disk be snapshotted; everything else that it waits for goes on."""
    pending = snapshot("snap-2", MIDNIGHT - 22 * HOUR, state="pending")
    found = is_due([pending], [Rhythm(HOUR, NIGHT)], MIDNIGHT + 50 * MINUTE, PERIOD)
    assert found.wait
    assert found.wait[0] == "window"
    found = is_due([pending], [Rhythm(HOUR, NIGHT)], MIDNIGHT + 61 * MINUTE, PERIOD)
    assert found.wait
    assert found.wait[0] == "pending"


windows = st.sampled_from(
    [None, NIGHT, parse("22:00-02:00 Europe/Berlin"), parse("not 08:00-20:00 mon-fri"),
     parse("03:00-04:00 sun"), parse("02:00-03:00 America/New_York")]
)  # fmt: skip
intervals = st.sampled_from([HOUR, 6 * HOUR, DAY, 7 * DAY, 30 * DAY])
rhythms = st.lists(st.builds(Rhythm, intervals, windows), min_size=1, max_size=3)


@given(rhythms, st.integers(0, 40 * 24 * 12), st.integers(0, 365))
def test_waits_never_for_ever_and_is_not_late_while_it_must_wait(
    several: list[Rhythm], passes: int, day: int
) -> None:
    """A due disk is snapshotted or told until when it waits, within twice the longest pause."""
    newest = MIDNIGHT + day * DAY
    now = newest + passes * PERIOD
    found = due(newest, now, *several)
    longest = max(
        2 * max(r.interval, r.window.longest_gap(newest) if r.window else r.interval)
        for r in several
    )
    if found.wait:
        assert found.until is not None
        assert now < found.until <= newest + longest
        assert due(newest, found.until, *several).wait is None
    if found.late and len(several) == 1:
        assert now > found.next
    assert found.next >= newest + found.interval


def test_one_rule_that_has_waited_for_too_long_is_enough() -> None:
    """Though another that makes the disk due may still wait for its own window."""
    nightly, weekly = Rhythm(HOUR, NIGHT), Rhythm(HOUR, parse("01:00-05:00 sun"))
    newest = MIDNIGHT - 12 * HOUR
    found = due(newest, newest + 2 * DAY, nightly, weekly)
    assert (True, None) == (found.due, found.wait)
    assert "2 d have passed" in found.reason


def test_one_open_window_is_enough_for_a_first_snapshot_to_be_missing() -> None:
    """Another rule's may be closed."""
    noon = Rhythm(DAY, parse("11:00-13:00"))
    assert due(None, MIDNIGHT + 2 * HOUR, Rhythm(DAY, NIGHT), noon).late


def test_a_first_snapshot_waits_until_its_window_opens() -> None:
    """And is not said to be taken before."""
    found = turn([Rhythm(DAY, NIGHT)], None, MIDNIGHT + 6 * HOUR, PERIOD)
    assert MIDNIGHT + DAY + HOUR == found.until
    assert "whether that is open or not" not in found.waits


def test_the_rule_that_asks_first_tells_when_the_next_is_due() -> None:
    """With and without a snapshot, whatever order rules have."""
    rules = [Rhythm(DAY, NIGHT), Rhythm(DAY, parse("08:00-09:00"))]
    for rhythms in (rules, rules[::-1]):
        assert MIDNIGHT + 8 * HOUR == next_due(rhythms, None, MIDNIGHT + 6 * HOUR)
        newest = MIDNIGHT - 18 * HOUR  # a day later it is past the night, and before the morning
        assert MIDNIGHT + 8 * HOUR == next_due(rhythms, newest, MIDNIGHT)


@pytest.mark.parametrize(("age", "expected"), [(57 * MINUTE + 30 * SECOND, True),
                                               (57 * MINUTE + 29 * SECOND, False)])  # fmt: skip
def test_is_due_from_the_spacing_on(age: timedelta, expected: bool) -> None:
    """An hour less half of a period of five minutes."""
    assert expected == Rhythm(HOUR).is_due(MIDNIGHT - age, MIDNIGHT, PERIOD)
