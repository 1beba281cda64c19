"""Taking over what another cluster's passes made, such as this one's under an earlier name."""

from datetime import timedelta

import pytest

from functions.gcp.volumes import PersistentDisks
from shared.cli.adopt import adopt
from shared.errors import ClusterError, RequestError
from shared.model import Snapshot
from shared.planning.adopt import takeovers
from shared.planning.labels import CLUSTER, FROM, GOOGLE, Labels
from shared.request import Only
from tests.shared.builders import HOUR, NOW, disk, rule, snapshot
from tests.shared.fake_cloud import FakeCloud, FakeCluster
from tests.shared.objects_builders import snapshot_rule
from tests.shared.passes.test_run import World

BLUE = {"created-by": "k8s-snapshots", CLUSTER: "blue"}


class Adopting(FakeCloud):
    """A cloud in which labels can be added; implements `ports.Adopter`."""

    def strangers(self, disks: object) -> list[object]:
        return []

    def adopt(self, found: Snapshot, labels: dict[str, str]) -> None:
        self.snapshots[found.id].labels.update(labels)


@pytest.fixture
def world() -> World:
    made = World(2)
    made.cloud = Adopting(
        [
            snapshot("mine", NOW - HOUR, disk=made.disks[0]),
            snapshot("blue-1", NOW - 2 * HOUR, disk=made.disks[0], labels=BLUE, deltas="PT1H P1D"),
            snapshot("blue-2", NOW - 3 * HOUR, disk=disk("vol-without-rule"), labels=BLUE),
            snapshot("red", NOW - 4 * HOUR, disk=made.disks[1], labels=BLUE | {CLUSTER: "red"}),
        ],
        clock=made.clock,
    )
    return made


def test_takes_over_the_snapshots_of_one_cluster(world: World) -> None:
    """Of disks that have rules here; they keep their deltas, and count from then on."""
    done = adopt(world.settings, world.ports, Only(), apply=True, from_cluster="blue")
    assert ["blue-1"] == [one.adoption.snapshot.id for one in done]
    found = world.cloud.snapshots["blue-1"]
    assert (found.labels[CLUSTER], found.labels[FROM], found.deltas) == ("demo", "blue", "PT1H P1D")
    assert world.ports.labels.owner(found) == "this"


def test_without_apply_nothing_changes(world: World) -> None:
    """It is only shown."""
    assert adopt(world.settings, world.ports, Only(), apply=False, from_cluster="blue")
    assert "blue" == world.cloud.snapshots["blue-1"].labels[CLUSTER]


def test_a_name_that_disks_of_two_zones_have_is_refused(world: World) -> None:
    """Snapshots of a disk that nobody meant would be labelled."""
    world.cloud.volumes = PersistentDisks("acme-data")
    zones = "europe-west1-b", "europe-west1-c"
    places = [{"name": "data", "zone": zone, "project": "acme-data"} for zone in zones]
    world.cluster = FakeCluster(
        *(snapshot_rule(p["zone"], backend="google", disk=p, deltas="P1D P7D") for p in places)
    )
    with pytest.raises(RequestError, match=r"2 disks are called data: .*-b/.*, .*-c/.*; name one"):
        adopt(world.settings, world.ports, Only(disks=("data",)), apply=True)
    whole = Only(disks=("zones/europe-west1-b/disks/data",))
    assert [] == adopt(world.settings, world.ports, whole, apply=True)


def test_this_cluster_is_no_other(world: World) -> None:
    """Its snapshots are its own already."""
    with pytest.raises(RequestError, match="--from-cluster"):
        adopt(world.settings, world.ports, Only(), apply=True, from_cluster="demo")


def test_an_incomplete_listing_takes_over_nothing(world: World) -> None:
    """Half a history would go by the rules as if it were the whole."""
    world.cloud.incomplete["eu-west-1"] = "cut short"
    with pytest.raises(ClusterError, match="cut short"):
        adopt(world.settings, world.ports, Only(), apply=True, from_cluster="blue")
    assert isinstance(world.cluster, FakeCluster)


def test_on_google_the_description_and_the_label_both_name_a_cluster() -> None:
    """A description cannot be changed: the adopted label counts before it."""
    before, now = Labels(GOOGLE, cluster="Blue"), Labels(GOOGLE, cluster="green")
    made = Snapshot(
        id="s", disk=disk(), started=NOW - timedelta(hours=1), state="completed",
        labels=before.for_snapshot("s", [rule()]), cluster="Blue",
    )  # fmt: skip
    (found,) = takeovers([made], {disk(): [rule()]}, now, "Blue")
    made.labels.update(found.labels)
    assert ("other", "this") == (before.owner(made), now.owner(made))
