"""What a pass writes down of its attempts, and what the next one makes of it."""

import signal
from datetime import timedelta
from typing import Any
from weakref import WeakSet

import msgspec
import pytest

from shared.errors import DiskFailed, DiskGone, NextPass, ProviderError, StopCreating, Unanswered
from shared.model import OperationState, Snapshot
from shared.passes.apply import FIRST_BATCH, apply
from shared.passes.deadline import Deadline, end_on_sigterm
from shared.passes.scope_leases import Barred
from shared.planning.actions import Attempt, Create, Delete, Plan
from shared.request import Request
from tests.clock import NOON, VirtualClock
from tests.shared.builders import HOUR, disk, snapshot
from tests.shared.fake_bucket import STATE
from tests.shared.fake_cloud import FakeCloud
from tests.shared.passes.test_run import PERIOD, World

MINUTE = timedelta(minutes=1)


def remembered(world: World) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(world.bucket.objects[STATE][0])
    attempts: dict[str, Any] = found.get("attempts", {})
    return attempts


class TestCounting:
    """All was green while backups had stopped: what was begun counted as taken."""

    def world(self, deltas: str = "PT1H P1D") -> World:
        world = World(1, deltas)
        world.cloud.lose = True
        return world

    def test_a_full_quota_is_a_failure_in_each_hour_and_no_heartbeat(self) -> None:
        """Accepted, and failed in the operation: nothing was said of it for six hours."""
        world = World(1, "PT1H P1D")
        world.cloud.operations["operation-0000"] = OperationState(
            "failed", "QUOTA_EXCEEDED", "Quota 'SNAPSHOTS' exceeded."
        )
        world.cloud.lose = True
        world.run()
        world.clock.advance(PERIOD)
        report = world.run().report
        (failed,) = report.failed_attempts
        assert ("QUOTA_EXCEEDED", "Quota 'SNAPSHOTS' exceeded.") == (failed.code, failed.message)
        assert ("partial", 1, 1) == (
            report.outcome, report.summary.failed_attempts, report.summary.overdue,
        )  # fmt: skip
        assert 1 == report.summary.created  # tried again at once: its end is known

    def test_it_is_told_once(self) -> None:
        """By the pass that sees it; the next waits, and tells why."""
        world = self.world()
        counts = []
        for _ in range(15):
            counts.append(world.run().report.summary.failed_attempts)
            world.clock.advance(PERIOD)
        assert [0] * 12 + [1] == counts[:13]
        assert 1 == sum(counts)

    def test_it_stays_late_until_one_is_completed(self) -> None:
        """However many are begun."""
        world = self.world()
        for _ in range(40):
            report = world.run().report
            world.clock.advance(PERIOD)
        assert 1 == report.summary.overdue
        world.cloud.lose = False
        while not world.run().report.summary.created:
            world.clock.advance(PERIOD)
        world.complete()
        world.clock.advance(PERIOD)
        assert 0 == world.run().report.summary.overdue

    @pytest.mark.parametrize("deltas", ["PT1H P1D", "P1D P30D", "P30D P360D"])
    def test_no_interval_waits_longer_than_an_hour(self, deltas: str) -> None:
        """A monthly backup was missed for a month after two lost answers."""
        world = self.world(deltas)
        for _ in range(5 * 12):
            world.run()
            world.clock.advance(PERIOD)
        world.cloud.lose = False
        begin = world.clock.now()
        before = world.created()
        while world.created() == before:
            world.run()
            world.clock.advance(PERIOD)
        assert world.clock.now() - begin <= HOUR + 2 * PERIOD

    def test_what_was_never_begun_leaves_the_failures_before_as_they_were(self) -> None:
        """One that the cloud puts off is no attempt."""
        world = World(1, "PT1H P1D")
        (name,) = (one.name for one in world.disks)
        world.cloud.failing[name] = DiskFailed("broken")
        world.run()
        before = remembered(world)
        world.clock.advance(2 * HOUR)
        world.cloud.failing[name] = NextPass("later")
        world.run()
        assert 1 == len(before)
        assert before == remembered(world)

    def test_without_a_bucket_the_process_remembers(self) -> None:
        """As long as it lives; only a disk's first snapshot is trusted."""
        world = self.world()
        ports = world.ports._replace(storage=None, memory={})
        from shared.passes.run import run

        reports = []
        for _ in range(13):
            reports.append(run(Request(), world.settings, ports).report)
            world.clock.advance(PERIOD)
        assert [0] * 12 + [1] == [found.summary.failed_attempts for found in reports]
        assert [0, 1] == [reports[n].summary.overdue for n in (0, 12)]
        assert 2 == world.created()


class TestJournal:
    def attempt(self, world: World, error: ProviderError | None) -> dict[str, Any]:
        if error:
            world.cloud.failing[world.disks[0].name] = error
        world.run()
        return dict(remembered(world).get(world.disks[0].name, {}))

    def test_a_snapshot_is_remembered_with_its_operation(self) -> None:
        """By which the next pass may ask how it stands."""
        world = World(1)
        world.cloud.named_operations = True
        found = self.attempt(world, None)
        assert ("snap-0000", "operation-0000") == (found["snapshot"], found["operation"])

    @pytest.mark.parametrize("error", [NextPass("later"), StopCreating("full")])
    def test_what_was_never_begun_is_not_remembered(self, error: ProviderError) -> None:
        """Nothing is waited for that the cloud did not begin."""
        assert {} == self.attempt(World(1), error)

    def test_what_was_never_answered_may_exist(self) -> None:
        """It has no id and no end."""
        found = self.attempt(World(1), Unanswered("?"))
        assert found.keys() == {"at", "spacing"}

    def test_a_refusal_is_counted_in_the_clouds_words(self) -> None:
        """And a disk that fails three times is tried once an hour."""
        world = World(1)
        for number in range(1, 4):
            found = self.attempt(world, DiskFailed("the key is disabled", "Key"))
            assert (number, "Key", "the key is disabled") == (
                found["failures"], found["code"], found["reason"],
            )  # fmt: skip
            world.clock.advance(PERIOD)
        report = world.run().report
        assert ["failing"] == [waiting.cause for waiting in report.waiting]
        assert "the key is disabled" in report.waiting[0].reason
        assert 1 == report.summary.overdue

    def test_a_disk_that_is_gone_is_a_problem_in_each_pass(self) -> None:
        """Of its rule: no failure, not late, and tried once an hour all the same."""
        world = World(2)
        world.cloud.failing[world.disks[0].name] = DiskGone("no such volume", "NotFound")
        for _ in range(6):
            report = world.run().report
            assert ("completed", 0, 0) == (
                report.outcome, report.summary.failed, report.summary.overdue,
            )  # fmt: skip
            assert [world.disks[0]] == [problem.disk for problem in report.problems]
            assert "no such volume" in report.problems[0].message
            world.complete()
            world.clock.advance(PERIOD)
        assert 3 == sum(name == world.disks[0].name for _, name in world.cloud.calls)


def creates(count: int) -> tuple[Create, ...]:
    return tuple(
        Create(disk=disk(f"vol-{n}"), name=f"s{n}", labels={}, description="", rules=("r",),
               overdue=None, reason="", spacing=HOUR)
        for n in range(count)
    )  # fmt: skip


class Spy:
    """A journal that remembers what it is told; implements `Journal`."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.ended: list[str] = []
        self.barred: Barred = {}

    def begin(self, creates: Any) -> Barred:
        self.batches.append([create.disk.name for create in creates])
        return self.barred

    def made(self, create: Create, snapshot: Snapshot) -> None:
        self.ended.append(create.disk.name)

    def missed(self, create: Create, error: ProviderError) -> None:
        self.ended.append(create.disk.name)


class TestBatches:
    def test_have_ten_seconds_of_calls(self) -> None:
        """As long as calls take, which the batch before tells."""
        clock = VirtualClock()
        cloud = FakeCloud(clock=clock)
        slow = cloud.create

        def create(asked: Create) -> Snapshot:
            clock.sleep(0.5)
            return slow(asked)

        cloud.create = create  # type: ignore[method-assign, assignment]
        spy = Spy()
        apply(Plan(now=NOON, creates=creates(100)), cloud, Deadline(clock, 600, 1), 1, spy)
        sizes = [len(batch) for batch in spy.batches]
        assert [FIRST_BATCH, 20, 20, 20, 20, 16] == sizes
        assert 100 == len(set(spy.ended))

    def test_grow_with_calls_that_take_next_to_no_time(self) -> None:
        """Up to the most that are written at once."""
        clock = VirtualClock()
        cloud = FakeCloud(clock=clock)
        spy = Spy()
        apply(Plan(now=NOON, creates=creates(600)), cloud, Deadline(clock, 600, 1), 1, spy)
        assert [4, 500, 96] == [len(batch) for batch in spy.batches]

    def test_there_is_no_empty_one(self) -> None:
        """Where the last one takes all that is left."""
        clock, spy = VirtualClock(), Spy()
        plan = Plan(now=NOON, creates=creates(FIRST_BATCH))
        apply(plan, FakeCloud(clock=clock), Deadline(clock, 600, 1), 1, spy)
        assert [FIRST_BATCH] == [len(batch) for batch in spy.batches]

    def test_nothing_is_written_for_what_is_not_begun(self) -> None:
        """A pass that has no time left bars no disk."""
        clock, spy = VirtualClock(), Spy()
        done = apply(
            Plan(now=NOON, creates=creates(50)),
            FakeCloud(clock=clock),
            Deadline(clock, 0, 1),
            1,
            spy,
        )
        assert ([], 50) == (spy.batches, len(done.deferred))

    def test_what_may_not_be_deleted_any_more_waits(self) -> None:
        """In its scope only; it is not called."""
        barring, clock, cloud = Spy(), VirtualClock(), FakeCloud()
        barring.barred = {("delete", "eu-west-1"): "the record could not be written"}
        deletes = tuple(
            Delete(snapshot=snapshot(f"of-{scope}", NOON, disk=disk("vol-9", scope)), reason="old")
            for scope in ("eu-west-1", "us-east-1")
        )
        cloud.snapshots = {delete.snapshot.id: delete.snapshot for delete in deletes}
        plan = Plan(now=NOON, creates=creates(1), deletes=deletes)
        done = apply(plan, cloud, Deadline(clock, 600, 1), 1, barring)
        assert ["of-us-east-1"] == [deleted.snapshot for deleted in done.deletions]
        assert [("delete", "the record could not be written")] == [
            (one.action, one.reason) for one in done.deferred
        ]

    def test_one_worker_tells_of_each_before_the_next_begins(self) -> None:
        """So that a pass that is killed has begun no more than it has told of, and one."""
        spy, clock = Spy(), VirtualClock()
        cloud = FakeCloud(clock=clock)
        begin, open_ones = cloud.create, []

        def create(asked: Create) -> Snapshot:
            open_ones.append(len(cloud.calls) - len(spy.ended))
            return begin(asked)

        cloud.create = create  # type: ignore[method-assign, assignment]
        apply(Plan(now=NOON, creates=creates(10)), cloud, Deadline(clock, 600, 1), 1, spy)
        assert [0] * 10 == open_ones

    def test_each_ends_exactly_once(self) -> None:
        """Made or missed, before the next batch begins."""
        clock, spy = VirtualClock(), Spy()
        cloud = FakeCloud(clock=clock, failing={"vol-3": NextPass("later")})
        apply(Plan(now=NOON, creates=creates(10)), cloud, Deadline(clock, 600, 1), 2, spy)
        assert sorted(spy.ended) == sorted(f"vol-{n}" for n in range(10))


def test_sigterm_ends_the_time_of_a_pass() -> None:
    """What is under way ends, what is not begun is left, and the process goes on to its end."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        end_on_sigterm()
        deadline = Deadline(VirtualClock(), 600, 1)
        assert deadline.left()
        signal.raise_signal(signal.SIGTERM)
        assert not deadline.left()
    finally:
        signal.signal(signal.SIGTERM, before)


def test_without_a_pass_sigterm_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it would without us."""
    monkeypatch.setattr("shared.passes.deadline._running", WeakSet())  # none of other tests
    before = signal.getsignal(signal.SIGTERM)
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        end_on_sigterm()
        with pytest.raises(SystemExit, match="143"):
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_what_is_dated_ahead_bars_nothing() -> None:
    """A clock was wrong, or somebody wrote it: the disk is snapshotted all the same."""
    world = World(1)
    ahead = Attempt(at=NOON + timedelta(days=300), spacing=HOUR, snapshot="snap-1")
    data = {"kind": "k8s-snapshots-state", "attempts": {world.disks[0].name: ahead}}
    world.bucket.put(STATE, msgspec.json.encode(data), None)
    assert 1 == world.run().report.summary.created


def test_of_another_cluster_no_snapshot_makes_a_disk_not_due() -> None:
    """The daemon's does; another cluster's, pending ones included, does not, and is told of."""
    world = World(2)
    daemons, others = world.disks
    for where, labels in (
        (daemons, {"created-by": "k8s-snapshots"}),
        (others, {"created-by": "k8s-snapshots", "k8s-snapshots-cluster": "blue"}),
    ):
        for state in ("completed", "pending"):
            name = f"{where.name}-{state}"
            world.cloud.snapshots[name] = Snapshot(
                id=name, disk=where, started=NOON - MINUTE, state=state, labels=labels
            )  # fmt: skip
    report = world.run().report
    assert [others.id] == [done.disk for done in report.creations]
    (note,) = report.notes
    assert ("Cluster", "blue") == (note.source.kind, note.source.name)
    assert "2 snapshots of 1 disk" in note.message
    assert "adopt --from-cluster blue" in note.message
