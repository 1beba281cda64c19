"""Whole passes with a bucket: one at a time, recorded, killed anywhere, told of."""

import gzip
import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import (
    ClusterError,
    DiskFailed,
    NextPass,
    NotAllowed,
    PassError,
    ProviderError,
    StopCreating,
    Unanswered,
)
from shared.model import Disk, Snapshot
from shared.passes.listings import list_scopes
from shared.passes.run import CLOSING, Outcome, run
from shared.passes.world import Ports
from shared.planning.actions import Create
from shared.ports import Listing
from shared.reports import metrics
from shared.reports.schema import MAX_ENTRIES
from shared.request import Only, Request
from shared.settings import Settings
from tests.clock import NOON, VirtualClock
from tests.emulators.canned import Canned, Reply
from tests.shared.builders import DAY, HOUR, disk, hourly
from tests.shared.fake_bucket import MIRROR, STATE, FakeBucket, Trouble, ports_with
from tests.shared.fake_cloud import FakeCloud, FakeCluster
from tests.shared.objects_builders import by_disk, snapshot_rule

PERIOD = timedelta(minutes=5)
DELTAS = "PT1H P1D"
#: What the next pass waits for at most where a pass died: its time, and the longest call.
LEASE = timedelta(minutes=9)


def volume(number: int) -> Disk:
    return disk(f"vol-{number:017x}")


class World:
    """A cluster with so many rules, a cloud and a bucket, in one virtual time."""

    def __init__(self, disks: int = 2, deltas: str = DELTAS, **settings: Any) -> None:
        self.clock = VirtualClock()
        self.cloud = FakeCloud(clock=self.clock)
        self.bucket = FakeBucket(self.clock)
        self.disks = [volume(n) for n in range(disks)]
        self.cluster = FakeCluster(*(self.rule(d, deltas) for d in self.disks))
        self.settings = Settings(**settings)

    def rule(self, found: Disk, deltas: str) -> dict[str, Any]:
        spec = by_disk(found.name, found.scope)
        return snapshot_rule(f"rule-{found.name}-{found.scope}", deltas=deltas, **spec)

    @property
    def ports(self) -> Ports:
        return ports_with(self.cluster, self.cloud, self.bucket)

    def run(self, seconds: float | None = None, **request: Any) -> Outcome:
        return run(Request(**request), self.settings, self.ports, seconds)

    def created(self) -> int:
        return sum(call == "create" for call, _ in self.cloud.calls)

    def complete(self) -> None:
        for name, found in self.cloud.snapshots.items():
            if found.state == "pending":
                done = {"state": "completed", "deltas": DELTAS}
                self.cloud.snapshots[name] = _replaced(found, **done)


def _replaced(found: Snapshot, **fields: Any) -> Snapshot:
    import msgspec

    return msgspec.structs.replace(found, **fields)


class TestOneAtATime:
    def test_a_pass_that_finds_another_does_nothing(self) -> None:
        """It is skipped, which is no failure: no listing, no heartbeat, one metric."""
        world = World()
        other = ports_with(world.cluster, world.cloud, world.bucket)
        assert other.storage
        from shared.bucket.lease import Leases

        held = Leases(world.bucket, other.storage.folder, "other").take("eu-west-1", 600)
        report = world.run().report
        assert ("skipped", 0, 0) == (report.outcome, report.summary.created, report.summary.disks)
        assert [] == world.cloud.calls
        assert [("PassSkipped", 1)] == [(m.name, m.value) for m in metrics.of_report(report)]
        assert held
        held.release({})
        assert 2 == world.run().report.summary.created

    def test_a_scope_that_is_held_is_left_and_others_are_served(self) -> None:
        """The report says which, and counts only what is its own."""
        world = World(1)
        far = disk("vol-00000000000000099", "us-east-1")
        world.cluster.items += (world.rule(far, DELTAS),)
        from shared.bucket.lease import Leases

        Leases(world.bucket, "demo/rules", "other").take("eu-west-1", 600)
        report = world.run().report
        assert ["us-east-1"] == [scope.scope for scope in report.scopes if not scope.skipped]
        assert ["eu-west-1"] == [scope.scope for scope in report.scopes if scope.skipped]
        assert ("completed", 1, 1) == (
            report.outcome,
            report.summary.created,
            report.summary.disks,
        )

    def test_passes_of_different_scopes_do_not_meet(self) -> None:
        """A schedule for each scope: both leases are free for the other."""
        world = World(1)
        far = disk("vol-00000000000000099", "us-east-1")
        world.cluster.items += (world.rule(far, DELTAS),)
        from shared.bucket.lease import Leases

        Leases(world.bucket, "demo/rules", "other").take("eu-west-1", 600)
        report = world.run(only=Only(scopes=("us-east-1",))).report
        assert ("completed", 1) == (report.outcome, report.summary.created)

    def test_the_lease_ends_with_the_pass(self) -> None:
        """Whether it went well, or there was nothing to go by."""
        world = World()
        assert "completed" == world.run().report.outcome
        world.cloud.incomplete["eu-west-1"] = "down"
        world.cloud.snapshots.clear()
        with pytest.raises(PassError):
            world.run()
        world.cloud.incomplete.clear()
        assert "completed" == world.run().report.outcome

    def test_the_lease_outlasts_the_deadline(self) -> None:
        """By the longest call, so that nothing of the dead is still under way."""
        world = World()
        world.run(300)
        first = next(d for name, (d, _, _) in world.bucket.objects.items() if name == STATE)
        assert b'"holder"' not in first
        seen: list[Any] = []
        put = world.bucket.put

        def watch(name: str, data: bytes, expected: str | None) -> str:
            seen.append(json.loads(data) if name == STATE else {})
            return put(name, data, expected)

        world.bucket.put = watch  # type: ignore[method-assign]
        world.run(300)
        assert 301 == max(state.get("seconds", 0) for state in seen)

    def test_a_pass_that_was_overtaken_begins_nothing(self) -> None:
        """What it planned is left to later passes: another holds the scope now."""
        world = World()
        from shared.bucket.lease import Leases

        listing = world.cloud.list

        def slow(scopes: Any) -> list[Listing]:
            del world.bucket.objects[STATE]
            assert Leases(world.bucket, "demo/rules", "thief").take("eu-west-1", 600)
            return listing(scopes)

        world.cloud.list = slow  # type: ignore[method-assign]
        report = world.run().report
        assert (0, 2) == (report.summary.created, report.summary.deferred)
        assert {"another pass took over the lease of eu-west-1"} == {
            entry.reason for entry in report.deferred
        }
        assert 0 == world.created()

    def test_a_plan_leaves_nothing_in_the_bucket(self) -> None:
        """Neither lease nor mirror nor report, though others hold the scope."""
        world = World()
        assert 2 == world.run(mode="plan").report.summary.created
        assert [] == world.bucket.puts()

    def test_a_bucket_that_is_down_stops_no_snapshot(self) -> None:
        """Created, nothing deleted, and an alarm by the problems' count."""
        world = World(1, "PT1H P1D")
        world.cloud.snapshots = {
            s.id: s for s in hourly(5, NOON - 90 * DAY, DAY, disk=world.disks[0])
        }
        world.bucket.trouble = lambda call, name: "before"
        report = world.run().report
        assert (1, 0) == (report.summary.created, report.summary.deleted)
        assert report.summary.problems
        assert {"rules-not-current"} == {hold.cause for hold in report.holds}

    def test_a_lease_that_cannot_be_told_deletes_nothing(self) -> None:
        """Where just the state's object fails its scope is held, and that is a problem too."""
        world = World(1, "PT1H P1D")
        world.cloud.snapshots = {
            s.id: s for s in hourly(5, NOON - 90 * DAY, DAY, disk=world.disks[0])
        }
        world.bucket.trouble = lambda call, name: "before" if "/state/" in name else ""
        report = world.run().report
        assert (1, 0) == (report.summary.created, report.summary.deleted)
        assert {"no-lease"} == {hold.cause for hold in report.holds}
        assert any("lease of eu-west-1" in problem.message for problem in report.problems)

    def test_a_bucket_that_is_down_is_asked_a_few_times_only(self) -> None:
        """A hundred regions would else spend the pass's time on it."""
        world = World(0)
        world.cluster.items = tuple(
            world.rule(disk(f"vol-{n:017x}", f"eu-west-{n}"), DELTAS) for n in range(1, 60)
        )
        world.bucket.trouble = lambda call, name: "before"
        assert 59 == world.run().report.summary.created
        assert 10 > len(world.bucket.calls)


class TestRecorded:
    def test_what_is_to_be_created_is_written_before_it_is(self) -> None:
        """Batch by batch, each in one write that the first call of the batch comes after."""
        world = World(5)
        create = world.cloud.create
        before: list[int] = []

        def watch(order: Create) -> Snapshot:
            found = json.loads(world.bucket.objects[STATE][0])
            before.append(len(found["attempts"]))
            return create(order)

        world.cloud.create = watch  # type: ignore[assignment, method-assign]
        world.run()
        assert [4, 4, 4, 4, 5] == before
        assert 4 == world.bucket.puts().count(STATE)

    def test_a_listing_that_never_shows_it_costs_one_an_hour(self) -> None:
        """A region that seems empty is no reason for a snapshot every pass (trap: PR 114).

        Nor is it one to miss a backup: each that does not show counts as a failure, and alarms.
        """
        world = World(1, "PT6H P30D")
        listing = world.cloud.list
        world.cloud.list = lambda scopes: [  # type: ignore[method-assign]
            Listing(found.scope) for found in listing(scopes)
        ]
        failed = 0
        for _ in range(24 * 12):
            report = world.run().report
            failed += report.summary.failed_attempts
            assert report.summary.created == 0 or report.summary.overdue == (failed > 0)
            world.clock.advance(PERIOD)
        assert 24 >= world.created() >= 22
        assert world.created() - 1 == failed

    @pytest.mark.parametrize("error", [DiskFailed, NextPass, StopCreating, NotAllowed])
    def test_a_definite_failure_is_tried_again_at_once(self, error: type[ProviderError]) -> None:
        """There is certainly no snapshot, so that nothing needs to be waited for."""
        world = World(1)
        world.cloud.failing[world.disks[0].name] = error("no")
        world.run()
        world.cloud.failing.clear()
        world.clock.advance(PERIOD)
        assert 1 == world.run().report.summary.created

    def test_without_an_answer_it_is_waited_for_an_hour(self) -> None:
        """As long as a listing may lag; then it counts as failed and is tried again."""
        world = World(1, "P1D P30D")
        world.cloud.failing[world.disks[0].name] = Unanswered("?")
        times = []
        for _ in range(2 * 24 * 12):
            before = world.created()
            report = world.run().report
            if world.created() > before:
                times.append(world.clock.now() - NOON)
            elif report.waiting:
                assert {"recorded", "failing"} >= {entry.cause for entry in report.waiting}
            world.clock.advance(PERIOD)
        assert [n * HOUR for n in range(48)] == times

    def test_out_of_time_leaves_no_record(self) -> None:
        """What was never begun is not waited for."""
        world = World(3)
        assert 3 == world.run(0.0).report.summary.deferred
        world.clock.advance(PERIOD)
        assert 3 == world.run().report.summary.created

    def test_a_failed_snapshot_is_no_reason_to_wait(self) -> None:
        """The listing shows that it failed."""
        world = World(1)
        world.run()
        (found,) = world.cloud.snapshots.values()
        world.cloud.snapshots[found.id] = _replaced(found, state="failed")
        world.clock.advance(PERIOD)
        assert 1 == world.run().report.summary.created

    def test_a_shorter_rule_counts_at_once(self) -> None:
        """A record of a daily rule does not hold back the hourly one that took its place."""
        world = World(1, "P1D P30D")
        world.run()
        world.cloud.snapshots.clear()
        world.cluster.items = (world.rule(world.disks[0], DELTAS),)
        world.clock.advance(HOUR)
        assert 1 == world.run().report.summary.created


class Killed(BaseException):
    """The platform ends the process: no handler of it runs any more."""


class Guillotine:
    """Ends a pass at its nth call of a port, before or after its effect."""

    def __init__(self, world: World, at: int, after: bool) -> None:
        self.left, self.after, self.world = at, after, world
        self.dead = False

    def ports(self) -> Ports:
        ports = self.world.ports
        assert ports.storage
        bucket, provider = self.wrap(ports.storage.bucket), self.wrap(ports.provider)
        mirror = ports.storage.mirror
        mirror._bucket = bucket
        storage = ports.storage._replace(bucket=bucket)
        return ports._replace(provider=provider, source=self.wrap(ports.source), storage=storage)

    def wrap(self, port: Any) -> Any:
        guillotine = self

        class Wrapped:
            def __getattr__(self, name: str) -> Any:
                found = getattr(port, name)
                names = ("get", "put", "create", "delete", "list", "locate", "read")
                return guillotine.call(found) if name in names else found

        return Wrapped()

    def call(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any) -> Any:
            self.left -= 1
            if self.dead or self.left < 0 or (self.left == 0 and not self.after):
                self.dead = True
                raise Killed
            result = function(*args)
            if self.left == 0:
                self.dead = True
                raise Killed
            return result

        return called


@pytest.mark.parametrize("after", [False, True])
def test_killing_a_pass_anywhere_is_harmless(after: bool) -> None:
    """Whatever call it dies at, later passes do what is due, nothing twice, and lose nothing."""
    for at in range(1, 40):
        world = World(3, "PT6H P2D")
        old = hourly(3, NOON - 30 * DAY, disk=world.disks[0], deltas="PT6H P2D")
        old += hourly(1, NOON - 5 * DAY, disk=world.disks[0], deltas="PT6H P2D")  # ends the gap
        world.cloud.snapshots = {s.id: s for s in old}
        guillotine = Guillotine(world, at, after)
        try:
            run(Request(), world.settings, guillotine.ports())
        except Killed:
            pass
        else:
            assert at == 16
            return
        for _ in range(30):
            world.clock.advance(PERIOD)
            world.complete()
            world.run()
        fresh = [s for s in world.cloud.snapshots.values() if s.started >= NOON]
        assert sorted(world.disks) == sorted(s.disk for s in fresh), at
        assert {old[0].id, old[1].id}.isdisjoint(world.cloud.snapshots), at
    raise AssertionError("it never came to its end")


class TestDeadline:
    def test_is_the_setting_where_nothing_else_is_said(self) -> None:
        """On Google Cloud and on the command line no platform tells one."""
        world = World(4, pass_deadline=timedelta(minutes=3))
        create = world.cloud.create

        def slow(order: Create) -> Snapshot:
            world.clock.sleep(70)
            return create(order)

        world.cloud.create = slow  # type: ignore[assignment, method-assign]
        report = world.run().report
        assert (3, 1) == (report.summary.created, report.summary.deferred)
        assert report.finished - report.started < timedelta(minutes=4)

    @pytest.mark.parametrize("seconds", [300, 600])
    def test_a_pass_ends_in_time(self, seconds: float) -> None:
        """Calls of EBS take up to 88 s each, and the last is begun early enough (P6)."""
        world = World(30)
        world.cloud.longest_call = 88.0
        create = world.cloud.create

        def slow(order: Create) -> Snapshot:
            world.clock.sleep(88)
            return create(order)

        world.cloud.create = slow  # type: ignore[assignment, method-assign]
        begin = world.clock.monotonic()
        report = world.run(seconds).report
        assert world.clock.monotonic() - begin <= seconds - CLOSING
        assert 0 < report.summary.created < 30
        assert 30 == report.summary.created + report.summary.deferred

    def test_the_most_overdue_come_first(self) -> None:
        """What is left to the next pass is what can wait."""
        world = World(3)
        ages = dict(zip(world.disks, (2 * HOUR, 5 * HOUR, 3 * HOUR), strict=True))
        for found, age in ages.items():
            for snapshot in hourly(1, NOON - age, disk=found, deltas=DELTAS):
                world.cloud.snapshots[snapshot.id] = snapshot
        create = world.cloud.create

        def slow(order: Create) -> Snapshot:
            world.clock.sleep(60)
            return create(order)

        world.cloud.create = slow  # type: ignore[assignment, method-assign]
        report = world.run(80).report
        assert [world.disks[1].id] == [done.disk for done in report.creations]


class TestTelling:
    @pytest.fixture
    def canned(self) -> Iterator[Canned]:
        with Canned() as server:
            server.replies["*"] = Reply({})
            yield server

    def test_pings_when_what_was_begun_is_completed(self, canned: Canned) -> None:
        """One GET, at the end of the first pass that sees it, and not again."""
        world = World(2, ping_url=f"{canned.url}/ping", mirror_url="file:///tmp/rules.json")
        asked = []
        for step in range(5):
            world.run()
            asked.append(len(canned.asked))
            world.clock.advance(PERIOD)
            if step == 1:
                world.complete()
        assert [0, 0, 1, 1, 1] == asked

    def test_pings_not_for_what_failed(self, canned: Canned) -> None:
        """Nor in a plan."""
        world = World(1, ping_url=f"{canned.url}/ping")
        world.run()
        (found,) = world.cloud.snapshots.values()
        world.cloud.snapshots[found.id] = _replaced(found, state="failed")
        world.run()
        world.complete()
        world.run(mode="plan")
        assert [] == canned.asked

    def test_the_whole_report_is_in_the_bucket(self) -> None:
        """However much of it the answer leaves out."""
        world = World(MAX_ENTRIES + 5)
        answered = world.run().report
        assert {"creations": 5} == answered.omitted
        (name,) = (name for name in world.bucket.objects if "/reports/" in name)
        assert name.startswith("demo/rules/reports/2026/06/15/120000-")
        whole = json.loads(gzip.decompress(world.bucket.objects[name][0]))
        assert MAX_ENTRIES + 5 == len(whole["creations"])
        assert answered.pass_id == whole["pass"]

    @pytest.mark.parametrize("trouble", ["before", "after"])
    def test_a_report_that_cannot_be_kept_fails_no_pass(self, trouble: Trouble) -> None:
        """It is in the answer and in the log."""
        world = World()
        world.bucket.trouble = lambda call, name: trouble if "/reports/" in name else ""
        assert "completed" == world.run().report.outcome

    def test_a_cluster_that_is_gone_is_a_failed_pass_without_a_mirror(self) -> None:
        """There is nothing to go by."""
        world = World()
        world.cluster.error = "refused"
        with pytest.raises(ClusterError, match="refused; and there is no mirror"):
            world.run()
        assert MIRROR not in world.bucket.objects


def test_each_action_is_one_line_of_the_audit(caplog: pytest.LogCaptureFixture) -> None:
    """With fields that programs can ask for, and the reason; what failed is no action."""
    caplog.set_level("INFO")
    world = World(2, "PT1H P1D")
    for made in hourly(30, NOON - HOUR, disk=world.disks[0], deltas="PT1H P1D"):
        world.cloud.snapshots[made.id] = made
    world.cloud.failing[world.disks[1].name] = DiskFailed("no", "X")
    report = world.run().report
    lines = [record.audit for record in caplog.records if hasattr(record, "audit")]
    assert [d.snapshot for d in (*report.creations, *report.deletions)] == [
        line["snapshot"] for line in lines
    ]
    assert ["create"] + ["delete"] * (len(lines) - 1) == [line["action"] for line in lines]
    assert all(line["reason"] and line["disk"] for line in lines)
    assert [world.disks[0].id] == [line["disk"] for line in lines if "rules" in line]


def test_the_worst_offender_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """In the log and in the report: a disk without any snapshot, else the most overdue."""
    world = World(2)
    age = {0: 5, 1: 9}
    for number, found in enumerate(world.disks):
        for made in hourly(1, NOON - age[number] * HOUR, disk=found, deltas="PT1H P1D"):
            world.cloud.snapshots[made.id] = made
        world.cloud.failing[found.name] = DiskFailed("no", "X")
    report = world.run().report
    assert (2, world.disks[1].id) == (report.summary.overdue, report.summary.worst_disk)
    assert f"2 disks are overdue; the worst is {world.disks[1].id}" in caplog.text
    world.cloud.snapshots.popitem()
    world.cloud.snapshots.popitem()
    assert world.run().report.summary.worst_disk == world.disks[0].id


class TestTheTime:
    """No part of a pass takes all of its time."""

    def test_leases_of_a_slow_bucket_leave_time_for_snapshots(self) -> None:
        """Four seconds a call and 101 scopes: each pass creates, and others get the leases."""
        world = World(1)
        for n in range(100):
            world.cluster.items += (world.rule(disk(f"vol-{n:017x}", f"eu-north-{n}"), DELTAS),)

        def slow(call: str, name: str) -> Trouble:
            if call == "get" and "/state/" in name:
                world.clock.sleep(4)
            return ""

        world.bucket.trouble = slow
        begun = world.clock.monotonic()
        report = world.run(300).report
        assert world.clock.monotonic() - begun < 300
        assert 101 == report.summary.created
        first = {name for name in world.bucket.objects if "/state/" in name}
        world.clock.advance(HOUR)
        world.run(300)
        assert {name for name in world.bucket.objects if "/state/" in name} > first

    def test_reading_the_cluster_is_bounded_by_a_short_deadline(self) -> None:
        """The mirror stands in while there is time to create."""
        world = World(2)
        world.run()
        world.clock.advance(2 * HOUR)

        class Drip(FakeCluster):
            def read(self) -> Any:
                time.sleep(4)
                return super().read()

        world.cluster.__class__ = Drip
        begun = time.monotonic()
        report = run(Request(), world.settings, world.ports._replace(workers=4), 4.0).report
        assert time.monotonic() - begun < 3
        assert report.mirror_in_use

    def test_listing_is_bounded_by_a_short_deadline(self, monkeypatch: pytest.MonkeyPatch) -> None:
        given: list[float] = []

        def watch(provider: Any, scopes: Any, seconds: float, *more: Any) -> list[Listing]:
            given.append(seconds)
            return list_scopes(provider, scopes, seconds, *more)

        monkeypatch.setattr("shared.passes.run.list_scopes", watch)
        World().run(40)
        assert given[0] <= 20


class TestClosedScopes:
    """A region that is closed to the account, which a SnapshotRule names."""

    def test_is_the_problem_of_the_rules_that_name_it(self) -> None:
        """Nobody else's pass is partial."""
        world = World(1)
        world.cluster.items += (world.rule(disk("vol-00000000000000666", "ap-east-1"), DELTAS),)
        world.cloud.incomplete["ap-east-1"] = "OptInRequired: you are not subscribed"
        world.cloud.closed.add("ap-east-1")
        report = world.run().report
        assert ("completed", 1) == (report.outcome, report.summary.created)
        assert [("spec.disk", "ap-east-1")] == [(p.field, p.value) for p in report.problems]
        assert "OptInRequired" in report.problems[0].message

    def test_is_everybodys_where_the_settings_name_it_or_it_is_merely_down(self) -> None:
        world = World(1)
        world.cluster.items += (world.rule(disk("vol-00000000000000666", "ap-east-1"), DELTAS),)
        world.cloud.incomplete["ap-east-1"] = "down"
        assert "partial" == world.run().report.outcome
        world.cloud.closed.add("ap-east-1")
        ports = world.ports._replace(scopes=("ap-east-1",))
        assert "partial" == run(Request(), world.settings, ports).report.outcome
