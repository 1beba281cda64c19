"""Backfills: what is due, or everything now; nothing deleted, nothing twice, and waited for."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from shared.errors import NextPass
from shared.model import State
from shared.planning.labels import KEEP
from shared.reports import metrics
from shared.reports.schema import Report
from shared.request import Only
from tests.clock import NOON
from tests.shared.builders import DAY, HOUR, hourly
from tests.shared.passes.test_run import DELTAS, World

MINUTE = timedelta(minutes=1)


def backfill(world: World, seconds: float | None = None, **request: Any) -> Report:
    return world.run(seconds, mode="backfill", **request).report


def labels(world: World) -> list[str | None]:
    return [s.labels.get(KEEP) for s in world.cloud.snapshots.values()]


def aged(world: World, age: timedelta) -> None:
    """Give every disk a snapshot of that age."""
    for found in world.disks:
        for made in hourly(1, world.clock.now() - age, disk=found, deltas=DELTAS):
            world.cloud.snapshots[made.id] = made


def test_takes_what_has_none_within_its_interval() -> None:
    """And nothing else; they are ordinary snapshots, that expire as others."""
    world = World(3)
    aged(world, 30 * MINUTE)
    world.cloud.snapshots.popitem()
    report = backfill(world)
    assert (1, 0, "completed", "backfill") == (
        report.summary.created, report.summary.deleted, report.outcome, report.mode
    )  # fmt: skip
    assert [None] * 3 == labels(world)


def test_deletes_and_holds_nothing() -> None:
    """However much would go: a catch-up is no time to lose anything."""
    world = World(1)
    for made in hourly(200, NOON - HOUR, disk=world.disks[0], deltas=DELTAS):
        world.cloud.snapshots[made.id] = made
    assert world.run(mode="plan").report.summary.deleted > 50
    report = backfill(world)
    assert (1, 0, 0) == (report.summary.created, report.summary.deleted, report.summary.held)
    assert 201 == len(world.cloud.snapshots)


def test_force_takes_one_of_every_disk_and_keeps_it() -> None:
    """Until the date that `keep_for` comes to, since the next expiry would take it otherwise."""
    world = World(2)
    aged(world, MINUTE)
    assert 0 == backfill(world).summary.created
    assert 2 == backfill(world, force=True).summary.created
    assert ["2026-06-22"] * 2 == [value for value in labels(world) if value]
    assert 2 == backfill(World(2), force=True, keep_for=30 * DAY).summary.created


def test_forced_ones_outlive_what_their_rules_keep() -> None:
    """To the end of that day, in UTC, each is still there; after it, it is gone."""
    world = World(1)
    backfill(world, force=True)
    world.complete()
    (forced,) = world.cloud.snapshots
    for day in range(1, 10):
        world.clock.advance(DAY)
        world.run()
        world.complete()
        world.clock.advance(2 * HOUR)
        world.run()
        world.complete()
        kept = world.clock.now().date().isoformat() <= "2026-06-22"
        assert kept == (forced in world.cloud.snapshots), day


def test_calling_again_takes_nothing_twice() -> None:
    """Within the hour; after it somebody means it."""
    world = World(3)
    for expected in (3, 0, 0):
        assert expected == backfill(world, force=True).summary.created
        world.clock.advance(10 * MINUTE)
    world.clock.advance(HOUR)
    assert 3 == backfill(world, force=True).summary.created


def test_calling_again_carries_on() -> None:
    """Where some disks failed or time ran out, the next call takes those, and only those."""
    world = World(3)
    name = world.disks[1].name
    world.cloud.failing[name] = NextPass("too soon", "SnapshotCreationPerVolumeRateExceeded")
    first = backfill(world, force=True)
    assert (2, 1, "partial") == (first.summary.created, first.summary.deferred, first.outcome)
    del world.cloud.failing[name]
    second = backfill(world, force=True)
    assert (1, 0, "completed") == (
        second.summary.created, second.summary.deferred, second.outcome
    )  # fmt: skip
    assert second.creations[0].disk.endswith(name)


def test_a_forced_one_that_no_listing_shows_is_not_taken_again() -> None:
    """What was begun is remembered in the bucket, as in any pass."""
    world = World(1)
    backfill(world, force=True)
    world.cloud.snapshots.clear()
    world.clock.advance(MINUTE)
    again = backfill(world, force=True)
    assert (0, 1) == (again.summary.created, again.summary.waiting)
    assert "partial" == again.outcome


def test_a_regular_snapshot_is_no_forced_one() -> None:
    """Though it may be a minute old and still pending: it is of before."""
    world = World(1)
    assert 1 == world.run().report.summary.created
    world.clock.advance(MINUTE)
    assert 1 == backfill(world, force=True).summary.created


def test_a_pass_counts_what_was_forced() -> None:
    """The rule's next one comes an interval later."""
    world = World(1)
    backfill(world, force=True)
    world.complete()
    world.clock.advance(30 * MINUTE)
    assert 0 == world.run().report.summary.created
    world.clock.advance(30 * MINUTE)
    assert 1 == world.run().report.summary.created


def ticking(world: World, done_after: timedelta, state: State = "completed") -> Callable[[], None]:
    """Let snapshots end so long after they began, as the clock goes on."""
    wait = world.clock.sleep

    def sleep(seconds: float) -> None:
        wait(seconds)
        for name, found in world.cloud.snapshots.items():
            if found.state == "pending" and world.clock.now() - found.started >= done_after:
                world.cloud.snapshots[name] = msgspec.structs.replace(found, state=state)

    world.clock.sleep = sleep  # type: ignore[method-assign]
    return lambda: None


def states(report: Report) -> list[str]:
    return sorted(awaited.state for awaited in report.awaited)


def test_waits_until_all_are_completed() -> None:
    """So that one may begin what one made them for."""
    world = World(2)
    ticking(world, 3 * MINUTE)
    report = backfill(world, force=True, wait=True)
    assert ("completed", ["completed"] * 2) == (report.outcome, states(report))
    assert 3 * MINUTE <= report.finished - report.started < 5 * MINUTE


def test_waits_for_what_an_earlier_call_began() -> None:
    """A call that ran out of time is called again, and answers for all."""
    world = World(2)
    ticking(world, 10 * MINUTE)
    first = backfill(world, 300, force=True, wait=True)
    assert ("partial", ["pending"] * 2) == (first.outcome, states(first))
    assert first.finished - first.started < timedelta(seconds=300)
    second = backfill(world, 600, force=True, wait=True)
    assert ("completed", ["completed"] * 2, 0) == (
        second.outcome, states(second), second.summary.created
    )  # fmt: skip


def test_says_what_failed() -> None:
    """A snapshot that failed is no way back, and the outcome says so."""
    world = World(1)
    ticking(world, MINUTE, "failed")
    report = backfill(world, wait=True)
    assert ("partial", ["failed"]) == (report.outcome, states(report))


def test_lets_others_work_while_it_waits() -> None:
    """The lease is given back before, so that passes go on."""
    world = World(1)
    seen: list[str] = []
    wait = world.clock.sleep

    def sleep(seconds: float) -> None:
        wait(seconds)
        seen.append(world.run().report.outcome)

    world.clock.sleep = sleep  # type: ignore[method-assign]
    backfill(world, 120, wait=True)
    assert {"completed"} == set(seen)


def test_looks_rarely() -> None:
    """At first after ten seconds, at last once a minute: each look is a listing."""
    world = World(1)
    looks: list[float] = []
    wait = world.clock.sleep

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        wait(seconds)

    world.clock.sleep = sleep  # type: ignore[method-assign]
    backfill(world, 600, wait=True)
    assert (10, 60) == (looks[0], looks[-1])
    assert len(looks) < 20


def test_is_no_completed_pass_to_the_alarms() -> None:
    """A schedule that stopped must not be hidden by somebody's backfills."""
    report = backfill(World(2))
    assert {"SnapshotsCreated": 2, "SnapshotsFailed": 0} == {
        m.name: m.value for m in metrics.of_report(report)
    }


def test_a_plan_forces_nothing() -> None:
    """It belongs to a backfill; what a plan shows is what a pass does."""
    world = World(1)
    world.run(mode="plan")
    assert {} == world.cloud.snapshots


@pytest.mark.parametrize("force", [True, False])
def test_an_incomplete_listing_creates_nothing(force: bool) -> None:
    """Nobody knows what is there; the outcome says that something is left."""
    world = World(1)
    world.cloud.incomplete["eu-west-1"] = "cut short"
    world.cloud.snapshots |= {s.id: s for s in hourly(1, NOON - DAY, disk=world.disks[0])}
    report = backfill(world, force=force)
    assert (0, "partial") == (report.summary.created, report.outcome)


def test_only_what_is_selected() -> None:
    """As in any mode."""
    world = World(3)
    report = backfill(world, force=True, only=Only(disks=(world.disks[2].name,)))
    assert [world.disks[2].id] == [done.disk for done in report.creations]


def test_a_disk_whose_rule_cannot_be_read_is_asked_for_too() -> None:
    """Nobody must begin a risky change in the belief that all of a namespace is there."""
    world = World(2)
    world.cluster.items = (
        *world.cluster.items[:1],
        world.rule(world.disks[1], "PT1H P1X"),
    )
    only = Only(namespaces=("shop",))
    forced = backfill(world, force=True, only=only)
    assert (1, 2, "partial") == (forced.summary.created, forced.summary.disks, forced.outcome)
    assert "completed" == backfill(world, only=only).outcome
    named = Only(rules=(f"shop-rule-rule-{world.disks[1].name}-eu-west-1",))
    assert 1 == backfill(world, only=named).summary.disks


def test_calling_again_after_midnight_takes_nothing_twice() -> None:
    """It asks for a day more than the call before, whose snapshots count all the same."""
    world = World(2)
    world.clock.advance(11 * HOUR + 50 * MINUTE)
    assert 2 == backfill(world, force=True).summary.created
    world.clock.advance(20 * MINUTE)
    assert 0 == backfill(world, force=True).summary.created
    assert 2 == backfill(world, force=True, keep_for=30 * DAY).summary.created


def test_calling_again_at_once_takes_nothing_twice() -> None:
    """Though no time has passed."""
    world = World(2)
    assert [2, 0] == [backfill(world, force=True).summary.created for _ in range(2)]


def test_after_an_hour_somebody_means_it() -> None:
    """Just an hour is enough."""
    world = World(2)
    assert 2 == backfill(world, force=True).summary.created
    world.clock.advance(HOUR - timedelta(seconds=1))
    assert 0 == backfill(world, force=True).summary.created
    world.clock.advance(timedelta(seconds=1))
    assert 2 == backfill(world, force=True).summary.created
