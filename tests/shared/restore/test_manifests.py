"""From a snapshot back to a claim: which manifests, and nothing that lives."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
import yaml

from shared.errors import RequestError
from shared.model import Disk
from shared.planning.labels import TAKEN
from shared.restore.output import to_yaml
from shared.restore.request import RestoreRequest
from shared.restore.volumes import ClusterVolume
from tests.shared import objects_builders as objects
from tests.shared.restore.builders import (
    BOUND,
    GOOGLE_DISK,
    ID,
    ON_GOOGLE,
    SPEC,
    claim_of,
    made,
    of_data,
    origins,
    said,
    storage,
)

# What is made


def test_the_manifests_are_whole() -> None:
    found = made()
    name = "data-restored-260615-110000"
    assert [
        {
            "apiVersion": "snapshot.storage.k8s.io/v1",
            "kind": "VolumeSnapshotContent",
            "metadata": {"name": f"shop.{name}"},
            "spec": {
                "deletionPolicy": "Retain",
                "driver": "ebs.csi.aws.com",
                "source": {"snapshotHandle": ID},
                "sourceVolumeMode": "Block",
                "volumeSnapshotRef": {
                    "apiVersion": "snapshot.storage.k8s.io/v1",
                    "kind": "VolumeSnapshot",
                    "namespace": "shop",
                    "name": name,
                },
            },
        },
        {
            "apiVersion": "snapshot.storage.k8s.io/v1",
            "kind": "VolumeSnapshot",
            "metadata": {"namespace": "shop", "name": name},
            "spec": {"source": {"volumeSnapshotContentName": f"shop.{name}"}},
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"namespace": "shop", "name": name},
            "spec": {
                "accessModes": ["ReadWriteOncePod"],
                "resources": {"requests": {"storage": "200Gi"}},
                "storageClassName": "gp3",
                "volumeMode": "Block",
                "dataSource": {
                    "apiGroup": "snapshot.storage.k8s.io",
                    "kind": "VolumeSnapshot",
                    "name": name,
                },
            },
        },
    ] == list(found.manifests)
    assert not said(found, "Assumed") + said(found, "Check")


def test_on_google_the_handle_is_the_snapshots_path() -> None:
    found = made(found=of_data("shop-data-1", on=GOOGLE_DISK), known=[], labels=ON_GOOGLE)
    spec = found.manifests[0]["spec"]
    assert spec["source"]["snapshotHandle"] == "projects/acme-data/global/snapshots/shop-data-1"
    assert spec["driver"] == "pd.csi.storage.gke.io"


@pytest.mark.parametrize("driver", ["ebs.csi.aws.com", "ebs.csi.eks.amazonaws.com"])
def test_the_volumes_own_driver_makes_the_disk(driver: str) -> None:
    spec = SPEC | {"csi": {"driver": driver, "volumeHandle": objects.VOL}}
    found = made(known=origins(objects.volume(spec=spec), objects.claim()))
    assert found.manifests[0]["spec"]["driver"] == driver


def test_an_in_tree_volume_is_restored_by_the_csi_driver() -> None:
    spec = {"awsElasticBlockStore": {"volumeID": objects.VOL}, "storageClassName": "gp2"}
    known = origins(objects.volume(spec=spec), objects.claim())
    found = made(known=known)
    assert found.manifests[0]["spec"]["driver"] == "ebs.csi.aws.com"
    assert said(found, "gp2 must have the provisioner ebs.csi.aws.com")


def test_from_a_snapshot_alone_what_is_assumed_is_said() -> None:
    found = made(known=[])
    spec = claim_of(found)["spec"]
    assert spec["accessModes"] == ["ReadWriteOnce"]
    assert not {"storageClassName", "volumeMode"} & spec.keys()
    assert "sourceVolumeMode" not in found.manifests[0]["spec"]
    assert len(said(found, "Assumed: ")) == 3
    assert said(found, "Its provisioner must be ebs.csi.aws.com")
    assert said(found, "Found by its labels")


def test_a_claim_tells_what_its_volume_does_not() -> None:
    wanted = objects.claim(volume="")
    wanted["spec"] = {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": "30Gi"}},
        "storageClassName": "fast",
    }
    spec = claim_of(made(known=origins(wanted), size=None))["spec"]
    assert spec["accessModes"] == ["ReadWriteMany"]
    assert spec["resources"] == {"requests": {"storage": "30Gi"}}
    assert spec["storageClassName"] == "fast"


@pytest.mark.parametrize(
    ("told", "asked", "size"),
    [
        ("100Gi", "", "200Gi"),  # the volume was enlarged since
        ("300Gi", "", "300Gi"),
        (None, "", "200Gi"),
        ("nonsense", "", "200Gi"),
        ("100Gi", "150Gi", "150Gi"),
        ("100Gi", "1Ti", "1Ti"),
    ],
)
def test_the_size_holds_both_snapshot_and_volume(told: str | None, asked: str, size: str) -> None:
    request = RestoreRequest(namespace="shop", claim="data", size=asked)
    found = made(request, size=told)
    assert storage(found) == size
    assert bool(said(found, "Assumed: size")) == (told in (None, "nonsense"))


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [("200G", "200Gi"), ("1023Mi", "1Gi"), ("214748364799", "200Gi"), ("1500m", "2"),
     ("0.5Ti", "513Gi"), ("1e9", "1Gi"), ("999", "1k"), ("9E", "9Ei")],
)  # fmt: skip
def test_sizes_are_compared_as_kubernetes_does(smaller: str, larger: str) -> None:
    spec = SPEC | {"capacity": {"storage": smaller}}
    known = origins(objects.volume(spec=spec), objects.claim())
    assert storage(made(known=known, size=larger)) == larger
    request = RestoreRequest(namespace="shop", claim="data", size=smaller)
    with pytest.raises(RequestError, match=f"--size {smaller} is less than {larger}"):
        made(request, known=known, size=larger)


def test_a_size_that_nothing_tells_is_asked_for() -> None:
    with pytest.raises(RequestError, match="Add --size"):
        made(known=[], size=None)
    request = RestoreRequest(namespace="shop", claim="data", size="5Gi")
    assert storage(made(request, known=[], size=None)) == "5Gi"


@pytest.mark.parametrize("junk", [None, 7, True, -1, 10**400, "x", [], {}, [[]], {"storage": []}])
def test_what_objects_say_may_be_anything(junk: Any) -> None:
    spec = dict.fromkeys(SPEC, junk) | {"csi": SPEC["csi"], "capacity": {"storage": junk}}
    claim = objects.claim()
    claim["spec"] |= {"resources": junk, "accessModes": junk, "storageClassName": junk}
    found = made(known=origins(objects.volume(spec=spec), claim))
    assert claim_of(found)["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert storage(found) == "200Gi"
    assert yaml.safe_load_all(to_yaml(found))


# Never what lives


@pytest.mark.parametrize("known", [BOUND, []])
def test_the_live_claims_name_is_refused(known: list[ClusterVolume]) -> None:
    for asked in (
        RestoreRequest(namespace="shop", claim="data", name="data"),
        RestoreRequest(namespace="shop", claim="data", name="data", into="shop"),
        RestoreRequest(volume="pv-data", name="data"),
        RestoreRequest(disk=objects.VOL, name="data"),
    ):
        with pytest.raises(RequestError, match="claim shop/data is not to be touched"):
            made(asked, known=known)


def test_no_other_live_claims_name_either() -> None:
    known = [*BOUND, *origins(objects.claim("cache", volume=""))]
    with pytest.raises(RequestError, match="claim shop/cache is not to be touched"):
        made(RestoreRequest(namespace="shop", claim="data", name="cache"), known=known)


def test_another_namespace_may_have_the_name() -> None:
    found = made(RestoreRequest(namespace="shop", claim="data", name="data", into="drill"))
    assert claim_of(found)["metadata"] == {"namespace": "drill", "name": "data"}
    assert found.manifests[0]["metadata"] == {"name": "drill.data"}


def test_the_same_question_has_the_same_answer() -> None:
    known = [*BOUND, *origins(objects.claim("data-restored-260615-110000", volume=""))]
    assert made() == made(known=known)
    assert to_yaml(made()) == to_yaml(made(known=known))


def test_a_disk_that_nobody_claimed_needs_a_namespace() -> None:
    etcd = of_data(labels={})
    asked = RestoreRequest(disk=objects.VOL)
    with pytest.raises(RequestError, match="name one with --namespace"):
        made(asked, etcd, [])
    asked = RestoreRequest(disk=objects.VOL, into="kube-system")
    metadata = claim_of(made(asked, etcd, []))["metadata"]
    assert metadata["name"] == f"{objects.VOL}-restored-260615-110000"


def test_a_cloud_without_a_csi_driver_is_refused() -> None:
    with pytest.raises(RequestError, match="no CSI driver is known for disks of other"):
        made(found=of_data(on=Disk("other", "x", "y")))


def test_names_that_were_cut_stay_distinct() -> None:
    def name(claim: str) -> str:
        request = RestoreRequest(namespace="shop", claim=claim)
        found: str = claim_of(made(request, known=[]))["metadata"]["name"]
        return found

    assert len(name("x" * 60 + "a")) == 63
    long = RestoreRequest(namespace="n" * 63, claim="data", name="x" * 253)
    assert len(made(long, known=[]).manifests[0]["metadata"]["name"]) == 253
    assert name("x" * 60 + "a") != name("x" * 60 + "b")
    assert name("x" * 60 + "a").endswith("-restored-260615-110000")


def test_a_listing_that_lacks_some_is_said_to() -> None:
    assert said(made(missing="no permission"), "newer ones too: no permission")


def test_a_snapshot_dated_a_little_ahead_is_said_to_be() -> None:
    assert said(made(found=of_data(age=-timedelta(minutes=5))), "dated ahead of now")


# Other drivers, copies and archived snapshots

AUTO = "ebs.csi.eks.amazonaws.com"


def test_another_driver_may_be_asked_for() -> None:
    """For a cluster that is gone, or another kind; the class may then be of the wrong one."""
    found = made(RestoreRequest(namespace="shop", claim="data", driver=AUTO))
    assert found.manifests[0]["spec"]["driver"] == AUTO
    assert said(found, f"StorageClass gp3 must have the provisioner {AUTO}")
    bare = made(RestoreRequest(namespace="shop", claim="data", driver=AUTO), known=[])
    assert said(bare, f"provisioner must be {AUTO}")
    with pytest.raises(RequestError, match=r"--driver x.y: this snapshot's cloud has ebs.csi.aws"):
        made(RestoreRequest(namespace="shop", claim="data", driver="x.y"))


def test_an_archived_one_says_how_it_comes_back() -> None:
    found = made(found=msgspec.structs.replace(of_data(), tier="archive"))
    assert said(found, "Check: it is archived")
    lines = [line for _, line in found.commands]
    assert lines[1] == (
        f"aws ec2 restore-snapshot-tier --region eu-west-1 --snapshot-id {ID} "
        "--temporary-restore-days 14"
    )
    assert "describe-snapshot-tier-status" in lines[2]
    assert "72 hours" in found.commands[1][0]
    assert lines.index("kubectl apply -f -") > 2
    assert not [line for _, line in made().commands if "tier" in line]


def test_a_copy_says_what_is_known_of_it() -> None:
    copied = msgspec.structs.replace(of_data(), copy=True)
    found = made(found=copied)
    assert said(found, "Copy of a snapshot, copied 2026-06-15 11:00:00 UTC")
    assert said(found, "the date of its data is not known")
    assert not said(found, "earlier disk")
    labels = {**copied.labels, TAKEN: copied.started.isoformat()}
    found = made(found=msgspec.structs.replace(copied, labels=labels))
    assert said(found, "Copy of a snapshot that was begun 2026-06-15 11:00:00 UTC, 1 h ago")
    assert not said(found, "nothing tells")


def test_what_was_passed_over_is_named() -> None:
    newer = msgspec.structs.replace(of_data("snap-new", timedelta(0)), tier="archive")
    assert said(made(newer=[newer]), "snap-new has newer data, of 2026-06-15 12:00:00 UTC, but is "
                "archived; --snapshot chooses it")  # fmt: skip
