"""Volumes that do not tell their region are found, or are a problem that says what to do."""

from pathlib import Path

import pytest

from functions.aws.locating import FIX
from functions.aws.snapshots import EBS
from functions.aws.volumes import NOWHERE
from functions.aws.wiring import build
from shared.errors import UnknownDisk
from shared.model import Disk
from shared.passes.run import Outcome, run
from shared.request import Request
from shared.sources.file import RulesFile
from tests.emulators.ec2 import ALWAYS
from tests.functions.aws.cloud import ELSEWHERE, REGION, EC2Cloud

REGIONS = (REGION, ELSEWHERE, "us-west-2")

#: Static volumes from the field: in-tree with a bare id (containers-roadmap 287), CSI without node
#: affinity (aws-ebs-csi-driver 760), a zone in the id (kubernetes 21903), `aws:///vol-…`.
STATIC = """
apiVersion: v1
kind: PersistentVolume
metadata: {name: in-tree, annotations: {backup.kubernetes.io/deltas: P1D P7D}}
spec:
  capacity: {storage: 50Gi}
  awsElasticBlockStore: {fsType: ext4, volumeID: vol-0e3f074b4eb9f5ced}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: csi, annotations: {backup.kubernetes.io/deltas: P1D P7D}}
spec:
  capacity: {storage: 6Gi}
  csi: {driver: ebs.csi.aws.com, fsType: xfs, volumeHandle: vol-0afe9f6b6b07bc3b1}
---
apiVersion: v1
kind: PersistentVolume
metadata:
  {name: zoned, labels: {zone: us-west-2a}, annotations: {backup.kubernetes.io/deltas: P1D P7D}}
spec:
  capacity: {storage: 50Gi}
  awsElasticBlockStore: {volumeID: "aws://us-west-2a/vol-b98d464f", fsType: ext4}
---
apiVersion: v1
kind: PersistentVolume
metadata:
  name: three-slashes
  labels: {topology.kubernetes.io/region: us-west-2}
  annotations: {backup.kubernetes.io/deltas: P1D P7D}
spec:
  capacity: {storage: 1Gi}
  awsElasticBlockStore: {volumeID: "aws:///vol-0e3f074b4eb9f5cee"}
"""
NAMES = ("vol-0e3f074b4eb9f5ced", "vol-0afe9f6b6b07bc3b1", "vol-b98d464f", "vol-0e3f074b4eb9f5cee")


def lost(name: str, zone_id: str = "") -> Disk:
    return Disk("aws", NOWHERE + zone_id, name)


@pytest.fixture
def provider(cloud: EC2Cloud) -> EBS:
    return EBS(cloud.labels, cloud.client, lambda: "", cloud.clock.sleep, regions=REGIONS)


def why(provider: EBS, disk: Disk) -> str:
    found = provider.locate([disk])[disk]
    assert isinstance(found, UnknownDisk)
    assert (found.field, found.value, found.fix) == ("region", disk.name, FIX)
    return str(found)


def test_finds_each_volume_where_it_is(cloud: EC2Cloud, provider: EBS) -> None:
    """By one call for each region; those that tell their region are not asked for."""
    here, there = cloud.add_disk(REGION), cloud.add_disk("us-west-2")
    disks = {lost(here.name), lost(there.name, "usw2-az1"), Disk("aws", REGION, here.name)}
    found = provider.locate(disks)
    assert found == {lost(here.name): here, lost(there.name, "usw2-az1"): there}
    assert [call.action for call in cloud.ec2.calls] == ["DescribeVolumes"] * 3


def test_asks_nothing_where_every_region_is_told(cloud: EC2Cloud, provider: EBS) -> None:
    assert provider.locate([cloud.add_disk(REGION)]) == {}
    assert cloud.ec2.calls == []


def test_asks_for_two_hundred_volumes_at_a_time(cloud: EC2Cloud, provider: EBS) -> None:
    """A filter takes no more values; what is not there is no error."""
    last = cloud.add_disk(ELSEWHERE, volume_id=f"vol-{400:017x}")
    disks = [lost(f"vol-{n:017x}") for n in range(401)]
    found = provider.locate(disks)
    assert [disk for disk in found.values() if isinstance(disk, Disk)] == [last]
    assert len(cloud.ec2.calls) == 3 * len(REGIONS)


def test_says_where_it_looked(provider: EBS) -> None:
    said = why(provider, lost("vol-00000000000000001"))
    assert "neither a label nor the node affinity has it" in said
    assert "not in eu-west-1, us-east-1, us-west-2 (AWS_REGION, REGIONS)" in said


def test_names_the_id_of_a_zone_where_it_is_all_there_is(provider: EBS) -> None:
    said = why(provider, lost("vol-00000000000000001", "apne1-az4"))
    assert "only topology.k8s.aws/zone-id=apne1-az4 is, which names no region" in said


def test_says_which_settings_tell_where_to_look(cloud: EC2Cloud) -> None:
    provider = EBS(cloud.labels, cloud.client, lambda: "")
    assert "set AWS_REGION or REGIONS to where it is" in why(provider, lost("vol-00000001"))


def test_a_region_that_cannot_be_looked_in_spoils_no_other(cloud: EC2Cloud, provider: EBS) -> None:
    """What is found elsewhere is found; what is not may be there, and the reason is told."""
    cloud.ec2.fault("DescribeVolumes", "UnauthorizedOperation", region=ELSEWHERE, times=ALWAYS)
    here = cloud.add_disk(REGION)
    assert provider.locate([lost(here.name)]) == {lost(here.name): here}
    said = why(provider, lost("vol-00000000000000001"))
    assert "us-east-1 could not be looked in: UnauthorizedOperation" in said


def test_an_id_in_two_regions_is_no_place(cloud: EC2Cloud, provider: EBS) -> None:
    """Never a guess."""
    for region in (REGION, ELSEWHERE):
        cloud.add_disk(region, volume_id="vol-0123abcd")
    assert "there is a volume of this id in eu-west-1, us-east-1" in why(
        provider, lost("vol-0123abcd")
    )


class TestPlans:
    """Plans over static volumes, by the command line's own wiring."""

    @pytest.fixture
    def rules(self, cloud: EC2Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RulesFile:
        for name, value in cloud.ec2.environment("us-west-2").items():
            monkeypatch.setenv(name, value)
        (tmp_path / "rules.yaml").write_text(STATIC)
        return RulesFile(str(tmp_path / "rules.yaml"))

    def plan(self, rules: RulesFile, **environ: str) -> Outcome:
        settings, ports = build({"CLUSTER_ID": "demo"} | environ, rules)
        return run(Request(mode="plan"), settings, ports)

    def test_static_volumes_are_snapshotted(self, cloud: EC2Cloud, rules: RulesFile) -> None:
        """All four, of which two tell no region; they used to be problems."""
        for name in NAMES:
            cloud.add_disk("us-west-2", volume_id=name)
        plan = self.plan(rules, AWS_REGION="us-west-2").plan
        assert {create.disk for create in plan.creates} == {
            Disk("aws", "us-west-2", name) for name in NAMES
        }
        assert plan.problems == ()

    def test_what_is_not_found_is_a_problem_with_its_remedy(
        self, cloud: EC2Cloud, rules: RulesFile
    ) -> None:
        """The command names the volume's object."""
        plan = self.plan(rules, AWS_REGION="us-west-2", REGIONS="eu-west-1").plan
        said = {p.source.name: p.message for p in plan.problems if p.severity == "error"}
        assert said.keys() == {"in-tree", "csi"}
        assert "not in us-west-2, eu-west-1 (AWS_REGION, REGIONS)" in said["csi"]
        assert said["csi"].endswith("; kubectl label pv csi topology.kubernetes.io/region=REGION")
        assert {c.disk.name for c in plan.creates} == {NAMES[2], NAMES[3]}


BOGUS = """
apiVersion: k8s-snapshots.elsdoerfer.com/v1
kind: SnapshotRule
metadata: {{name: bogus-{n}, namespace: kube-system}}
spec: {{deltas: P1D P7D, backend: aws, disk: {{region: eu-nowhere-{n}, volumeId: vol-{n:017x}}}}}
"""


def test_regions_that_ec2_does_not_have_cost_nothing(
    cloud: EC2Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is its rule's problem; no client is made for it, and nobody else's pass is partial."""
    for name, value in cloud.ec2.environment(REGION).items():
        monkeypatch.setenv(name, value)
    here = cloud.add_disk(REGION, volume_id="vol-0123abcd")
    rule = BOGUS.format(n=99).replace("eu-nowhere-99", REGION)
    rule = rule.replace(f"vol-{99:017x}", here.name)
    texts = [rule, *(BOGUS.format(n=n) for n in range(90))]
    (tmp_path / "rules.yaml").write_text("---".join(texts))
    settings, ports = build(
        {"CLUSTER_ID": "demo", "AWS_REGION": REGION, "DISK_RULE_NAMESPACES": "kube-system"},
        RulesFile(str(tmp_path / "rules.yaml")),
    )
    outcome = run(Request(mode="plan"), settings, ports)
    assert [create.disk for create in outcome.plan.creates] == [here]
    said = {p.value: p.message for p in outcome.plan.problems if p.severity == "error"}
    assert said.keys() == {f"eu-nowhere-{n}" for n in range(90)}
    assert "is not a known region of EC2" in said["eu-nowhere-7"]
    assert {call.region for call in cloud.ec2.calls if call.action == "DescribeSnapshots"} == {
        REGION
    }


def test_a_new_region_is_believed_where_the_settings_name_it(
    cloud: EC2Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here botocore may be older than the region."""
    for name, value in cloud.ec2.environment(REGION).items():
        monkeypatch.setenv(name, value)
    disk = Disk("aws", "eu-nowhere-1", "vol-0123abcd")
    rules = RulesFile(str(tmp_path / "none.yaml"))
    environ = {"CLUSTER_ID": "demo", "AWS_REGION": REGION}
    for more, expected in (({}, {disk}), ({"REGIONS": disk.scope}, set[Disk]())):
        _, ports = build(environ | more, rules)
        assert ports.provider.locate({disk}).keys() == expected


def test_regions_of_other_partitions_are_none(cloud: EC2Cloud, tmp_path: Path) -> None:
    """No credentials of this one are accepted there."""
    rules = RulesFile(str(tmp_path / "none.yaml"))
    regions = ("cn-north-1", "us-gov-west-1", "ap-east-1", "us-east-1")
    disks = {region: Disk("aws", region, "vol-0123abcd") for region in regions}
    for home, expected in (("eu-west-1", regions[:2]), ("cn-northwest-1", regions[1:])):
        _, ports = build({"CLUSTER_ID": "demo", "AWS_REGION": home}, rules)
        found = ports.provider.locate(set(disks.values()))
        assert found.keys() == {disks[region] for region in expected}
