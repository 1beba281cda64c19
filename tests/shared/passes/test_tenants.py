"""What one tenant writes, or what another pass or cluster does, makes nobody lose a snapshot."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from shared.bucket.lease import Leases
from shared.errors import DiskGone, Unanswered
from shared.passes.run import run
from shared.planning.actions import Create
from shared.planning.labels import CLUSTER
from shared.reports.schema import Report
from shared.request import Only, Request
from shared.settings import Settings
from tests.clock import VirtualClock
from tests.shared.builders import HOUR, OURS, disk, snapshot
from tests.shared.fake_bucket import FakeBucket, ports_with
from tests.shared.fake_cloud import FakeCloud, FakeCluster
from tests.shared.objects_builders import VOL, Json, by_disk, claim, snapshot_rule, volume
from tests.shared.passes.test_run import DELTAS, PERIOD, World
from tests.shared.reports.test_pings import Switch

FAR = disk("vol-00000000000000099", "us-east-1")


class Shop:
    """The claim `shop/data`, whose rule is replaced now and then."""

    def __init__(self, *items: Json, **settings: Any) -> None:
        self.clock = VirtualClock()
        self.cloud, self.bucket = FakeCloud(clock=self.clock), FakeBucket(self.clock)
        self.cluster, self.settings = FakeCluster(*items), Settings(**settings)

    def live(self, hours: int) -> list[Report]:
        """Let as many hourly passes run, and each snapshot complete."""
        return [self._hour() for _ in range(hours)]

    def _hour(self) -> Report:
        ports = ports_with(self.cluster, self.cloud, self.bucket)
        report = run(Request(), self.settings, ports).report
        for name, found in self.cloud.snapshots.items():
            deltas = found.labels["k8s-snapshots-deltas"]
            done = msgspec.structs.replace(found, state="completed", deltas=deltas)
            self.cloud.snapshots[name] = done
        self.clock.advance(HOUR)
        return report

    def left(self) -> int:
        return sum(s.disk.name == VOL for s in self.cloud.snapshots.values())


@pytest.mark.parametrize("namespace", ["shop", "ops"])
def test_a_rule_by_disk_that_breaks_goes_on_by_its_last_deltas(namespace: str) -> None:
    """Also where the disk is claimed in another namespace than the rule's, which labels name."""
    other = snapshot_rule("other", "ops", **by_disk("vol-00000000000000001"))
    good = snapshot_rule("nightly", namespace, **by_disk())
    world = Shop(volume(), claim(), good, other, orphans="expire",
                 orphan_grace=timedelta(days=1))  # fmt: skip
    world.live(30)
    before = world.left()
    typo = {"region": "eu_west_1", "volumeId": VOL}
    broken = snapshot_rule("nightly", namespace, backend="aws", disk=typo)
    world.cluster.items = (volume(), claim(), broken, other)
    reports = world.live(40)
    assert world.left() == before + 40
    assert 0 == sum(r.summary.orphans for r in reports)


@pytest.mark.parametrize("use_claim_name", [False, True])
def test_a_volume_that_cannot_be_read_goes_on_by_its_last_deltas(use_claim_name: bool) -> None:
    """Also where its rule has the claim's name."""
    other = volume("pv2", "vol-00000000000000001", claimed_by=None, deltas="PT1H P1D")
    good = volume(deltas="PT1H P1D")
    world = Shop(good, claim(), other, use_claim_name=use_claim_name)
    world.live(5)
    bad = volume(deltas="PT1H P1D")
    bad["spec"]["csi"]["volumeHandle"] = 7
    world.cluster.items = (bad, claim(), other)
    world.live(5)
    assert world.left() == 10


class Slow(FakeCloud):
    """A cloud that takes five creations a second, and lacks the disks of one tenant."""

    clock: VirtualClock

    def create(self, create: Create) -> Any:
        self.clock.sleep(0.2)
        if create.disk.name.startswith("vol-f"):
            raise DiskGone("InvalidVolume.NotFound: no such volume", "InvalidVolume.NotFound")
        return super().create(create)


def test_no_namespace_waits_behind_all_of_anothers() -> None:
    """A thousand rules of disks that are not there, new ones for each pass, starve nobody."""
    world = World(3)
    world.cloud = Slow(clock=world.clock)
    good, made = world.cluster.items, 0
    for n in range(3):
        bogus = (f"vol-f{n * 1000 + number:016x}" for number in range(1000))
        tenant = [snapshot_rule(f"r-{name}", "noisy", **by_disk(name)) for name in bogus]
        world.cluster.items = (*tenant, *good)
        world.run(60)
        assert len(world.cloud.snapshots) - made == 3, n
        made = len(world.cloud.snapshots)
        world.complete()
        world.clock.advance(2 * HOUR)
    world.cluster.items = good
    world.run()
    world.clock.advance(HOUR)
    world.run()
    state = world.bucket.objects["demo/rules/state/eu-west-1.json"][0]
    assert len(state) < 5000, "failures of disks that have no rule are forgotten"


def test_where_each_snapshot_fails_a_pending_one_is_no_success() -> None:
    """There is always one pending then; the disk is late until one is completed."""
    with Switch() as switch:
        world = World(1, heartbeat_url=switch.url)
        world.run()
        world.complete()
        world.clock.advance(HOUR)
        for _ in range(12 * 24):
            world.run()
            for name, found in world.cloud.snapshots.items():
                old = world.clock.now() - found.started >= timedelta(minutes=50)
                if found.state == "pending" and old:
                    failed = msgspec.structs.replace(found, state="failed", message="no key")
                    world.cloud.snapshots[name] = failed
            world.clock.advance(PERIOD)
        assert len(switch.requests) < 24


def test_a_scope_that_another_pass_has_gives_no_heartbeat() -> None:
    """Whether anything is late there, this pass does not know."""
    with Switch() as switch:
        world = World(1, heartbeat_url=switch.url)
        world.cluster.items += (world.rule(FAR, DELTAS),)
        Leases(world.bucket, "demo/rules", "other").take("eu-west-1", 600)
        assert world.run().report.summary.created == 1
        assert switch.requests == []


def test_another_clusters_snapshot_is_no_success_of_ours() -> None:
    """Our creation had no answer and nothing is listed: it failed, whatever else is there."""
    world = World(1)
    world.cloud.failing[world.disks[0].name] = Unanswered("no answer")
    world.run()
    world.cloud.failing.clear()
    theirs = snapshot("theirs", world.clock.now(), disk=world.disks[0],
                      labels=OURS | {CLUSTER: "other"})  # fmt: skip
    world.cloud.snapshots = {"theirs": theirs}
    world.clock.advance(2 * HOUR)
    assert world.run().report.summary.failed_attempts == 1


@pytest.mark.parametrize("mode", ["reconcile", "backfill"])
def test_values_that_together_select_nothing_are_told(mode: Any) -> None:
    """Each of them selects something; a forced backfill that makes nothing is no success."""
    world = World(1)
    world.cluster.items += (world.rule(FAR, DELTAS),)
    only = Only(scopes=("eu-west-1",), disks=(FAR.name,))
    forced = {"force": True} if mode == "backfill" else {}
    outcome = world.run(mode=mode, only=only, **forced)
    assert outcome.report.outcome == "partial"
    assert [(n.field, n.value) for n in outcome.report.notes] == [("only", "disks, scopes")]
