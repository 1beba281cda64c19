"""Which EBS volume stands behind a Kubernetes object."""

import re

import msgspec
import pytest

from functions.aws.volumes import NOWHERE, ZONE_ID, EBSVolumes
from shared.errors import UnknownDisk
from shared.kinds import PersistentVolume
from shared.model import Disk
from tests.shared.objects_builders import VOL, Json, affinity, volume

REGION = "topology.kubernetes.io/region"
ZONE = "topology.kubernetes.io/zone"
OLD_REGION = "failure-domain.beta.kubernetes.io/region"
OLD_ZONE = "failure-domain.beta.kubernetes.io/zone"

ZONES = {
    "eu-west-1a": "eu-west-1",
    "ap-southeast-7c": "ap-southeast-7",
    "us-west-2-lax-1a": "us-west-2",
    "us-east-1-bos-1a": "us-east-1",
    "us-east-1-wl1-bos-wlz-1": "us-east-1",
    "ap-northeast-1-wl1-nrt-wlz-1": "ap-northeast-1",
    "us-gov-west-1a": "us-gov-west-1",
    "us-isob-east-1a": "us-isob-east-1",
    "cn-north-1b": "cn-north-1",
    "eusc-de-east-1a": "eusc-de-east-1",
}


def disk_of(item: Json) -> Disk | None:
    return EBSVolumes().from_volume(msgspec.convert(item, PersistentVolume))


def in_tree(handle: str) -> Json:
    return {"awsElasticBlockStore": {"volumeID": handle}}


def csi(driver: str, handle: str = VOL) -> Json:
    return {"csi": {"driver": driver, "volumeHandle": handle}}


def problem_of(item: Json) -> UnknownDisk:
    with pytest.raises(UnknownDisk) as caught:
        disk_of(item)
    return caught.value


@pytest.mark.parametrize("driver", ["ebs.csi.aws.com", "ebs.csi.eks.amazonaws.com"])
@pytest.mark.parametrize("handle", [VOL, "vol-0a1b2c3d"])
def test_tells_volumes_of_both_csi_drivers(driver: str, handle: str) -> None:
    """EBS's own driver and EKS Auto Mode's are known, ids of 8 and of 17 digits (trap 10)."""
    assert Disk("aws", "eu-west-1", handle) == disk_of(volume(spec=csi(driver, handle)))


@pytest.mark.parametrize(("zone", "region"), ZONES.items())
def test_tells_the_region_from_a_zone_in_the_node_affinity(zone: str, region: str) -> None:
    """Local, wavelength, government, China and sovereign zones lead to their region."""
    assert Disk("aws", region, VOL) == disk_of(volume(zones=(zone,)))


@pytest.mark.parametrize(("zone", "region"), ZONES.items())
def test_tells_the_region_from_a_zone_in_the_id(zone: str, region: str) -> None:
    """An in-tree `aws://zone/vol-…` needs no label, in any kind of zone."""
    item = volume(spec=in_tree(f"aws://{zone}/{VOL}"), zones=())
    assert Disk("aws", region, VOL) == disk_of(item)


@pytest.mark.parametrize("handle", [VOL, f"aws:///{VOL}"])
@pytest.mark.parametrize(
    "labels",
    [
        {REGION: "eu-west-1"},
        {OLD_REGION: "eu-west-1"},
        {ZONE: "eu-west-1b"},
        {OLD_ZONE: "eu-west-1b"},
        {OLD_REGION: "eu-west-1", OLD_ZONE: "eu-west-1b"},
        {REGION: "eu-west-1", ZONE: "eu-west-1b", OLD_REGION: "eu-west-1", OLD_ZONE: "eu-west-1b"},
    ],
)
def test_tells_in_tree_volumes_by_old_and_new_labels(handle: str, labels: dict[str, str]) -> None:
    """Where the id has no zone, the topology labels, old or new, tell the region."""
    item = volume(spec=in_tree(handle), zones=(), labels=labels)
    assert Disk("aws", "eu-west-1", VOL) == disk_of(item)


@pytest.mark.parametrize(
    "key",
    [
        REGION,
        OLD_REGION,
        ZONE,
        OLD_ZONE,
        "topology.ebs.csi.aws.com/zone",
        "topology.ebs.csi.eks.amazonaws.com/zone",
    ],
)
def test_tells_the_region_from_any_key_of_the_node_affinity(key: str) -> None:
    """Each topology key that a driver or the in-tree plugin writes is understood."""
    value = "eu-west-1" if key.endswith("region") else "eu-west-1c"
    item = volume(zones=())
    item["spec"]["nodeAffinity"] = affinity(key, value)
    assert Disk("aws", "eu-west-1", VOL) == disk_of(item)


def test_takes_several_zones_of_one_region() -> None:
    """A node affinity may allow several zones, as long as their region is one."""
    item = volume(zones=("eu-west-1a", "eu-west-1b"))
    assert Disk("aws", "eu-west-1", VOL) == disk_of(item)


@pytest.mark.parametrize(
    "item",
    [
        volume(zones=("eu-west-1a", "us-east-1a")),
        volume(zones=("eu-west-1a",), labels={REGION: "us-east-1"}),
        volume(zones=(), labels={REGION: "eu-west-1", OLD_REGION: "us-east-1"}),
        volume(zones=(), labels={REGION: "eu-west-1", OLD_ZONE: "us-east-1a"}),
        volume(spec=in_tree(VOL), zones=(), labels={ZONE: "eu-west-1a", OLD_ZONE: "us-east-1a"}),
    ],
)
def test_does_not_choose_where_labels_disagree(item: Json) -> None:
    """Two regions are a problem that names both, never a guess."""
    problem = problem_of(item)
    said = sorted(set(re.findall(r"[a-z]+-[a-z]+-\d", str(problem.value))))
    assert ["eu-west-1", "us-east-1"] == said


@pytest.mark.parametrize("source", [csi("ebs.csi.aws.com"), in_tree(VOL), in_tree(f"aws:///{VOL}")])
def test_never_leaves_the_region_empty(source: Json) -> None:
    """With no label and no affinity it is to be looked for: nowhere is no region (trap 1)."""
    assert Disk("aws", NOWHERE, VOL) == disk_of(volume(spec=source, zones=()))


@pytest.mark.parametrize(
    "item",
    [
        volume(zones=(), labels={REGION: ""}),
        volume(zones=(), labels={ZONE: ""}),
        volume(zones=(), labels={"zone": "us-west-2a"}),
    ],
)
def test_a_label_that_says_nothing_tells_no_region(item: Json) -> None:
    assert Disk("aws", NOWHERE, VOL) == disk_of(item)


def test_the_id_of_a_zone_names_no_region() -> None:
    """It is remembered, for what is said where the volume is not found."""
    item = volume(zones=(), labels={ZONE_ID: "usw2-az1"})
    assert Disk("aws", f"{NOWHERE}usw2-az1", VOL) == disk_of(item)
    both = volume(zones=("us-west-2a",), labels={ZONE_ID: "usw2-az1"})
    assert Disk("aws", "us-west-2", VOL) == disk_of(both)


@pytest.mark.parametrize(
    "item",
    [
        volume(zones=("",)),
        volume(zones=("eu-west-1",)),
        volume(zones=("eu-west-1ab",)),
        volume(zones=("eu-west-1a\n",)),
        volume(zones=("eu-west-1-",)),
        volume(zones=("rack-1",)),
        volume(zones=("use1-az1",)),
        volume(zones=(), labels={REGION: "eu-west-1a"}),
        volume(zones=(), labels={REGION: "EU-WEST-1"}),
        volume(zones=(), labels={REGION: "eu-west-1\n"}),
        volume(zones=(), labels={REGION: "europe"}),
        volume(spec=in_tree(f"aws://nowhere/{VOL}"), labels={REGION: "eu-west-1"}),
    ],
)
def test_refuses_what_is_no_region_or_zone(item: Json) -> None:
    """What looks like no region or zone of AWS is a problem, whatever else is said."""
    assert str(problem_of(item)).startswith(("is not a", "is unknown"))


def test_does_not_believe_what_a_volume_keeps_away_from() -> None:
    """A requirement that excludes a zone says nothing about where the volume is."""
    item = volume(zones=())
    item["spec"]["nodeAffinity"] = affinity(ZONE, "eu-west-1a", operator="NotIn")
    assert Disk("aws", NOWHERE, VOL) == disk_of(item)


@pytest.mark.parametrize(
    "handle",
    [
        "",
        "vol-",
        "vol-0123",
        "vol-0123456789ABCDEF0",
        f"{VOL}\n",
        f"{VOL}0",
        f"aws://{VOL}",
        "aws://eu-west-1a/",
        f"aws://eu-west-1a/x/{VOL}",
        f"AWS://eu-west-1a/{VOL}",
        "snap-0123456789abcdef0",
        "aws://",
    ],
)
@pytest.mark.parametrize("kind", ["csi", "in-tree"])
def test_refuses_what_is_no_volume_id(handle: str, kind: str) -> None:
    """A handle that is no EBS volume's is a problem that names the field and the value."""
    spec = csi("ebs.csi.aws.com", handle) if kind == "csi" else in_tree(handle)
    field = "spec.csi.volumeHandle" if kind == "csi" else "spec.awsElasticBlockStore.volumeID"
    problem = problem_of(volume(spec=spec))
    assert (field, handle) == (problem.field, problem.value)


@pytest.mark.parametrize(
    "source",
    [
        csi("pd.csi.storage.gke.io", "projects/p/zones/z/disks/d"),
        csi("efs.csi.aws.com", "fs-0123456789abcdef0"),
        csi("ebs.csi.aws.com.evil.example", VOL),
        csi("ebs.csi.aws.com", "local-ebs:///dev/xvdbz"),
        {"gcePersistentDisk": {"pdName": "d"}},
        {"hostPath": {"path": "/data"}},
        {"nfs": {"server": "10.0.0.1", "path": "/"}},
        {},
    ],
)
def test_leaves_other_drivers_alone(source: Json) -> None:
    """A volume of another cloud or driver is none of ours, and no problem."""
    assert disk_of(volume(spec=source)) is None


@pytest.mark.parametrize("region", [*dict.fromkeys(ZONES.values())])
def test_takes_a_disk_from_a_rule(region: str) -> None:
    """A rule's `spec.disk` names region and volume."""
    spec = {"region": region, "volumeId": VOL}
    assert Disk("aws", region, VOL) == EBSVolumes().from_spec(spec)


WRONG = [None, "", 5, True, ["eu-west-1"], {"name": "eu-west-1"}, "x" * 100_000, "eu-west-1a"]


@pytest.mark.parametrize("field", ["region", "volumeId"])
@pytest.mark.parametrize("value", WRONG)
def test_refuses_a_wrong_field_of_a_disk(field: str, value: object) -> None:
    """Each field of `spec.disk` that is missing or wrong is named."""
    spec = {"region": "eu-west-1", "volumeId": VOL} | {field: value}
    with pytest.raises(UnknownDisk) as caught:
        EBSVolumes().from_spec(spec)
    assert (field, value) == (caught.value.field, caught.value.value)
