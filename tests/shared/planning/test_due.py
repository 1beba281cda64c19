"""When a disk is due, and what makes a due one wait."""

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model import Snapshot, State
from shared.planning.actions import Attempt
from shared.planning.due import Due, is_due
from shared.planning.timing import Rhythm
from shared.retention.deltas import parse
from shared.text import words
from tests.shared.builders import DAY, HOUR, NOW, hourly, snapshot

MINUTE = timedelta(minutes=1)
PERIOD = 5 * MINUTE


def due(
    *snapshots: Snapshot,
    deltas: tuple[str, ...] = ("PT1H P1D",),
    now: datetime = NOW,
    period: timedelta = PERIOD,
) -> Due:
    return is_due(snapshots, rhythms(*deltas, now=now), now, period)


def rhythms(*deltas: str, now: datetime = NOW) -> list[Rhythm]:
    return [Rhythm(parse(text).interval(now)) for text in deltas]


def aged(age: timedelta, state: State = "completed", number: int = 1) -> Snapshot:
    return snapshot(f"snap-{number}", NOW - age, state=state)


def test_is_due_without_any_snapshot() -> None:
    """A disk that has no snapshot yet is due at once, however late."""
    again = NOW + HOUR
    assert Due(HOUR, 57.5 * MINUTE, None, None, True, True, "no snapshot yet", NOW, again) == due()


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(0), False),
        (57 * MINUTE, False),
        (57.5 * MINUTE - timedelta(microseconds=1), False),
        (57.5 * MINUTE, True),
        (HOUR, True),
        (14 * DAY, True),
    ],
)
def test_is_due_half_a_period_before_the_interval_is_over(age: timedelta, expected: bool) -> None:
    """The slack is half of the scheduler's period: the nearest pass takes the snapshot."""
    assert expected == due(aged(age)).due


@pytest.mark.parametrize(("age", "expected"), [(44, False), (45, True)])
def test_is_never_more_than_a_quarter_of_the_interval_early(age: int, expected: bool) -> None:
    """However long the period, three quarters of the interval pass between two snapshots."""
    assert expected == due(aged(age * MINUTE), period=10 * HOUR).due


@pytest.mark.parametrize(
    ("deltas", "interval", "period"),
    [
        ("PT1H P1D", HOUR, PERIOD),
        ("PT15M P1D", 15 * MINUTE, PERIOD),
        ("PT6H P1D", 6 * HOUR, HOUR),
        ("P1D P30D", DAY, DAY),
    ],
)
def test_keeps_the_pace_over_many_passes(
    deltas: str, interval: timedelta, period: timedelta
) -> None:
    """Jittery passes neither stretch an hour to 65 minutes nor skip every other day (traps)."""
    late = random.Random(1)
    now, taken = NOW, [aged(timedelta(0))]
    while now < NOW + 120 * interval:
        now += period
        passing = now + timedelta(seconds=late.uniform(0, 45))
        if due(taken[-1], deltas=(deltas,), now=passing, period=period).due:
            taken.append(snapshot(f"snap-{len(taken)}", passing))
    gaps = [later.started - earlier.started for earlier, later in pairwise(taken)]
    assert interval == round(sum(gaps, timedelta(0)) / len(gaps) / interval, 2) * interval
    assert interval - period < min(gaps) <= max(gaps) < interval + period


@given(
    st.timedeltas(MINUTE, 400 * DAY),
    st.timedeltas(timedelta(0), 100 * DAY),
    st.sampled_from(["PT1M PT5M", "PT1H P1D", "P1D P30D", "P1M P1Y"]),
)
def test_never_takes_two_snapshots_within_an_interval_less_the_slack(
    period: timedelta, age: timedelta, deltas: str
) -> None:
    """Due means that the interval less the slack has passed, and nothing else."""
    found = due(aged(age), deltas=(deltas,), period=period)
    slack = min(period / 2, found.interval / 4)
    assert (age >= found.interval - slack) == found.due


def test_counts_pending_snapshots() -> None:
    """One that is still pending began: the disk is not due until its interval is over."""
    found = due(aged(2 * HOUR), aged(10 * MINUTE, "pending", 2))
    assert (False, NOW - 10 * MINUTE) == (found.due, found.newest)


def test_does_not_count_failed_snapshots() -> None:
    """A failed snapshot is no backup: the disk is due as if it did not exist (trap 8)."""
    found = due(aged(2 * HOUR), aged(10 * MINUTE, "failed", 2))
    assert (True, NOW - 2 * HOUR, None) == (found.due, found.newest, found.wait)


def test_counts_snapshots_of_other_clusters() -> None:
    """Any snapshot with our author label is a snapshot of the disk, whatever its cluster."""
    other = snapshot("snap-1", NOW - MINUTE, labels={"created-by": "k8s-snapshots"})
    assert not due(other).due


@pytest.mark.parametrize("ahead", [MINUTE, 10 * MINUTE])
def test_takes_a_snapshot_dated_slightly_ahead_for_one_of_now(ahead: timedelta) -> None:
    """Clocks differ: up to ten minutes ahead counts as now."""
    found = due(aged(-ahead))
    assert (False, -1.0) == (found.due, found.overdue)


@pytest.mark.parametrize("state", ["completed", "pending"])
def test_is_not_kept_waiting_by_a_snapshot_from_the_future(state: State) -> None:
    """One dated further ahead is no reason not to take the next (trap 13)."""
    found = due(aged(2 * HOUR), aged(-10 * MINUTE - timedelta(seconds=1), state, 2))
    assert (True, NOW - 2 * HOUR, None) == (found.due, found.newest, found.wait)


def test_waits_for_a_pending_snapshot() -> None:
    """A due disk whose last snapshot is still pending waits: one at a time."""
    found = due(aged(3 * HOUR), aged(2 * HOUR, "pending", 2))
    assert (True, ("pending", "snap-2 is still pending; one at a time")) == (found.due, found.wait)


@pytest.mark.parametrize(
    ("age", "waits"), [(24 * HOUR - MINUTE, True), (24 * HOUR, False), (9 * DAY, False)]
)
def test_does_not_wait_for_a_stuck_one(age: timedelta, waits: bool) -> None:
    """After 24 hours a pending snapshot is taken to be stuck, and the next is taken."""
    assert waits == bool(due(aged(age, "pending")).wait)


def failures(*minutes: int) -> list[Snapshot]:
    return [aged(m * MINUTE, "failed", 100 + m) for m in minutes]


@pytest.mark.parametrize(
    ("history", "waits"),
    [
        (failures(1, 6), False),
        (failures(1, 6, 11), True),
        (failures(59, 66, 71), True),
        (failures(60, 66, 71), False),
        ([aged(2 * HOUR), *failures(1, 6, 11)], True),
        ([aged(2 * HOUR), *failures(1, 6, 125)], False),
        ([aged(2 * HOUR), *failures(1, 6), aged(-HOUR, "failed", 9)], False),
    ],
    ids=["two", "three", "within", "after", "since", "before", "future"],
)
def test_tries_a_failing_disk_once_per_interval(history: list[Snapshot], waits: bool) -> None:
    """After three failures since the newest good one a disk does not fail at every pass."""
    found = due(*history)
    cause = found.wait[0] if found.wait else None
    assert (True, "failing" if waits else None) == (found.due, cause)


def test_is_due_by_the_most_frequent_of_several_lists() -> None:
    """A disk is due if any of its rules is."""
    found = due(aged(2 * HOUR), deltas=("P1D P30D", "PT1H P1D"))
    assert (True, HOUR) == (found.due, found.interval)


@pytest.mark.parametrize(
    ("now", "interval"),
    [
        (datetime(2026, 3, 31, tzinfo=UTC), 31 * DAY),
        (datetime(2026, 3, 28, tzinfo=UTC), 28 * DAY),
        (datetime(2026, 5, 1, tzinfo=UTC), 30 * DAY),
    ],
)
def test_takes_months_as_intervals(now: datetime, interval: timedelta) -> None:
    """A month is as long as the one before now (trap 5)."""
    ready = snapshot("snap-1", now - interval)
    early = snapshot("snap-1", now - interval + DAY)
    assert interval == due(ready, deltas=("P1M P1Y",), now=now).interval
    assert [True, False] == [due(s, deltas=("P1M P1Y",), now=now).due for s in (ready, early)]


def test_counts_overdue_in_proportion_to_the_interval() -> None:
    """Three hours are two intervals too late for an hourly rule, an eighth of a daily one."""
    hourly_rule, daily_rule = due(aged(3 * HOUR)), due(aged(27 * HOUR), deltas=("P1D P30D",))
    assert (2.0, 0.125) == (hourly_rule.overdue, daily_rule.overdue)


@pytest.mark.parametrize(("age", "late"), [(70 * MINUTE, False), (71 * MINUTE, True)])
def test_is_late_only_after_two_more_passes(age: timedelta, late: bool) -> None:
    """A disk that the next pass will take is not reported as overdue."""
    assert late == due(aged(age)).late


def test_looks_at_the_whole_history() -> None:
    """The order of the snapshots means nothing."""
    history = [*hourly(30, NOW - 2 * HOUR), aged(3 * HOUR, "pending")]
    assert due(*history) == due(*reversed(history))


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=59.9), "59 s"),
        (HOUR, "1 h"),
        (DAY + 3 * HOUR + 5 * MINUTE, "1 d 3 h"),
        (400 * DAY + MINUTE, "400 d"),
        (-HOUR, "0 s"),
    ],
)
def test_prints_time_spans_in_their_largest_units(span: timedelta, said: str) -> None:
    """Reasons are read by people: the largest unit and the next suffice."""
    assert said == words(span)


@pytest.mark.parametrize(
    ("age", "more", "shown", "begins"),
    [
        (20 * MINUTE, {"snapshot": "snap-1"}, None, False),
        (59 * MINUTE, {"snapshot": "snap-1"}, None, False),
        (60 * MINUTE, {"snapshot": "snap-1"}, None, True),  # whatever the interval
        (20 * MINUTE, {"snapshot": "snap-1"}, "failed", True),
        (20 * MINUTE, {"snapshot": "snap-1", "ended": True}, None, True),
        (20 * MINUTE, {}, None, False),
        (20 * MINUTE, {}, "failed", False),  # perhaps another's, while ours does not show yet
        (59 * MINUTE, {}, None, False),
        (60 * MINUTE, {}, None, True),
        (59 * MINUTE, {"failures": 2}, None, False),
        (60 * MINUTE, {"failures": 2}, None, True),
    ],
)
def test_waits_for_what_was_begun_and_does_not_show(
    age: timedelta, more: dict[str, Any], shown: State | None, begins: bool
) -> None:
    """Answered or not: for an hour at most, however often it failed before."""
    attempt = Attempt(at=NOW - age, spacing=6 * HOUR, **more)
    history = [aged(7 * HOUR, number=2)] + ([aged(age, shown)] if shown else [])
    found = is_due(history, rhythms("PT6H P1D"), NOW, PERIOD, attempt)
    assert found.due
    assert begins == (found.wait is None)
    assert begins or (found.wait and found.wait[0] == "recorded")


@pytest.mark.parametrize(
    ("deltas", "age", "waits"),
    [
        ("PT1H P1D", 59, True),
        ("PT1H P1D", 60, False),
        ("P30D P360D", 59, True),
        ("P30D P360D", 60, False),  # a monthly backup is not missed for a month
        ("PT20M P1D", 19, True),
        ("PT20M P1D", 20, False),
    ],
)
def test_after_three_failures_it_is_tried_once_an_hour(deltas: str, age: int, waits: bool) -> None:
    """Or once per interval, where that is shorter; the reason says what failed."""
    attempt = Attempt(at=NOW - age * MINUTE, spacing=HOUR, ended=True, failures=3, reason="full")
    found = is_due([], rhythms(deltas), NOW, PERIOD, attempt)
    assert (3, "full") == (found.failures, found.failing)
    assert waits == (found.wait is not None and found.wait[0] == "failing")
    assert not waits or (found.wait and "full" in found.wait[1])


def test_a_disk_that_is_gone_is_not_late() -> None:
    """It is its rule's problem, and nobody's alarm that a snapshot is missing."""
    attempt = Attempt(at=NOW - DAY, spacing=HOUR, ended=True, failures=9, gone=True)
    assert not is_due([aged(2 * DAY)], rhythms("PT1H P1D"), NOW, PERIOD, attempt).late


@pytest.mark.parametrize(
    ("listed", "remembered", "times", "said"),
    [
        (2, 0, 2, "snap-12 ended as failed"),
        (2, 1, 2, "snap-12 ended as failed"),
        (2, 2, 2, "Limit: too many"),
        (2, 5, 5, "Limit: too many"),
        (0, 0, 0, ""),
    ],
)
def test_counts_failures_by_what_knows_of_more(
    listed: int, remembered: int, times: int, said: str
) -> None:
    """The cloud may have removed what failed, and what is remembered may be lost."""
    history = [aged(2 * HOUR), *(aged((50 - n) * MINUTE, "failed", 11 + n) for n in range(listed))]
    attempt = None
    if remembered:
        attempt = Attempt(at=NOW - HOUR, spacing=HOUR, ended=True, failures=remembered,
                          code="Limit", reason="too many")  # fmt: skip
    found = is_due(history, rhythms("PT1H P1D"), NOW, PERIOD, attempt)
    assert (times, said) == (found.failures, found.failing)


def test_counts_failures_since_the_last_completed_snapshot() -> None:
    """One that began with it, or before, is over."""
    history = [aged(3 * HOUR, "failed", 1), aged(2 * HOUR, "failed", 2), aged(2 * HOUR, number=3),
               aged(HOUR, "failed", 4)]  # fmt: skip
    assert 1 == due(*history).failures
