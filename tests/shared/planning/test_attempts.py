"""What became of what earlier passes began: begun is not taken until it is completed."""

from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from shared.model import OperationState, Snapshot, State
from shared.planning.actions import Attempt
from shared.planning.attempts import KEPT, LAG, Review, review
from tests.shared.builders import DAY, HOUR, NOW, disk, snapshot

MINUTE = timedelta(minutes=1)
A = disk("vol-a")


def looked(
    *listed: Snapshot,
    age: timedelta = 20 * MINUTE,
    operation: OperationState | None = None,
    unsure: bool = False,
    **more: Any,
) -> Review:
    """Look at one attempt: what is remembered of it, and what is told."""
    attempt = Attempt(at=NOW - age, spacing=HOUR, **more)
    states = {A: operation} if operation else {}
    return review({A: attempt}, {A: listed}, NOW, states, [A.scope] if unsure else [], [A])


def listed(state: State = "completed", **more: Any) -> Snapshot:
    made = snapshot("snap-1", NOW - 20 * MINUTE, disk=A, state=state)
    return Snapshot(**{name: getattr(made, name) for name in made.__struct_fields__} | more)


def test_a_completed_snapshot_ends_it_well() -> None:
    """Failures before it are over, and it is told of once."""
    found = looked(listed(), snapshot="snap-1", failures=2, reason="before")
    assert (1, []) == (found.completed, found.failed)
    assert (True, 0, "") == (found.attempts[A].ended, found.attempts[A].failures,
                             found.attempts[A].reason)  # fmt: skip
    again = review(found.attempts, {A: [listed()]}, NOW, {}, [], [A])
    assert 0 == again.completed


def test_a_pending_snapshot_ends_nothing() -> None:
    """It is neither a success nor a failure yet, however long it takes."""
    found = looked(listed("pending"), age=5 * HOUR, snapshot="snap-1", failures=1)
    assert (0, [], 1, False) == (found.completed, found.failed, found.attempts[A].failures,
                                 found.attempts[A].ended)  # fmt: skip


def test_a_failed_snapshot_is_counted_once_in_the_clouds_words() -> None:
    """Begun counted as taken: all was green while every snapshot ended in error."""
    found = looked(listed("failed", message="key is disabled"), snapshot="snap-1")
    assert [("snap-1", "key is disabled")] == [(f.snapshot, f.reason) for f in found.failed]
    assert 1 == found.attempts[A].failures
    assert [] == review(found.attempts, {A: [listed("failed")]}, NOW, {}, [], [A]).failed


def test_an_operation_that_failed_is_counted_once() -> None:
    """The quota was full: accepted, and gone minutes later (case gcp-quota-in-operation)."""
    failed = OperationState("failed", "QUOTA_EXCEEDED", "Quota 'SNAPSHOTS' exceeded.")
    found = looked(snapshot="snap-1", operation=failed)
    assert [("QUOTA_EXCEEDED", "Quota 'SNAPSHOTS' exceeded.")] == [
        (f.code, f.reason) for f in found.failed
    ]
    assert [] == review(found.attempts, {}, NOW + HOUR, {}, [], [A]).failed


@pytest.mark.parametrize("name", ["snap-1", ""])
def test_what_a_listing_should_show_by_now_has_vanished(name: str) -> None:
    """After an hour, answered or not."""
    assert [] == looked(age=59 * MINUTE, snapshot=name).failed
    (failed,) = looked(age=60 * MINUTE, snapshot=name).failed
    assert "no listing shows" in failed.reason


def test_of_a_short_interval_the_listing_has_as_long() -> None:
    """Every five minutes means that nobody waits for an hour."""
    attempt = Attempt(at=NOW - 4 * MINUTE, spacing=4 * MINUTE, snapshot="snap-1")
    assert review({A: attempt}, {}, NOW, {}, [], [A]).failed


def test_nothing_vanishes_from_a_listing_that_was_cut_short() -> None:
    """What is not shown may be on the page that is missing."""
    found = looked(age=5 * HOUR, snapshot="snap-1", unsure=True)
    assert ([], False) == (found.failed, found.attempts[A].ended)


def test_nothing_vanishes_while_its_operation_runs() -> None:
    """A disk of terabytes takes its time."""
    found = looked(age=5 * HOUR, snapshot="snap-1", operation=OperationState("running"))
    assert [] == found.failed


def test_an_unanswered_attempt_is_found_by_its_time() -> None:
    """One that failed may be another's."""
    assert looked(listed()).attempts[A].ended
    assert not looked(listed("failed")).attempts[A].ended


@pytest.mark.parametrize("age", [-11 * MINUTE, KEPT + MINUTE])
def test_what_is_dated_ahead_or_too_old_is_not_believed(age: timedelta) -> None:
    """Nobody began it then, or nobody needs to know any more."""
    assert Review({}, [], 0) == looked(age=age, snapshot="snap-1")


def test_what_ended_well_is_forgotten_after_an_hour() -> None:
    """Until then a listing may hide it again; failures are remembered for a week."""
    assert looked(age=59 * MINUTE, ended=True).attempts
    assert not looked(age=LAG, ended=True).attempts
    assert looked(age=6 * DAY, ended=True, failures=1).attempts


def test_does_not_grow_without_bound() -> None:
    """Of a thousand disks over months an attempt each is left at most."""
    attempts: dict[Any, Attempt] = {}
    for hour in range(24 * 60):
        now, where = NOW + hour * HOUR, disk(f"vol-{hour % 1000}")
        attempts[where] = Attempt(at=now, spacing=HOUR, snapshot=f"snap-{hour}")
        shown = {where: [snapshot(f"snap-{hour}", now, disk=where)]}
        attempts = review(attempts, shown, now, {}, [], [A]).attempts
    assert 1 >= len(attempts)


@pytest.mark.parametrize(("age", "known"), [(7 * DAY, True), (7 * DAY + MINUTE, False)])
def test_failures_are_remembered_for_a_week(age: timedelta, known: bool) -> None:
    """To the minute."""
    assert known == bool(looked(age=age, ended=True, failures=1).attempts)


@pytest.mark.parametrize(("ahead", "known"), [(10, True), (11, False)])
def test_clocks_may_differ_by_ten_minutes(ahead: int, known: bool) -> None:
    """What is dated further ahead bars nothing."""
    assert known == bool(looked(age=-ahead * MINUTE, snapshot="snap-1").attempts)


@pytest.mark.parametrize(
    ("year", "good"), [(1999, False), (2000, True), (9000, True), (9001, False)]
)
def test_no_attempt_is_of_a_time_that_cannot_be_reckoned_with(year: int, good: bool) -> None:
    """Adding an interval to it must have a result; it is read from a bucket."""
    data = f'{{"at": "{year}-01-01T00:00:00Z", "spacing": "PT1H"}}'.encode()
    with nullcontext() if good else pytest.raises(msgspec.ValidationError):
        assert year == msgspec.json.decode(data, type=Attempt).at.year
