"""The AWS behind examples/demo-cluster.yaml, with some history to expire."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from functions.aws.volumes import EBSVolumes
from shared.planning.labels import CLUSTER, DELTAS
from shared.sources.file import RulesFile
from tests.emulators.ec2 import EC2

CLUSTER_FILE = Path(__file__).parents[2] / "examples" / "demo-cluster.yaml"
LEDGER = "vol-0b6e4d2c8a0f91735"
#: Of 20 daily snapshots so many are let go by `P1D P7D P1M P1Y`.
SNAPSHOTS, EXPIRED = 20, 10
#: What is due: every disk of a rule that can be read.
DUE = 9


def seed(ec2: EC2) -> None:
    """Add the volumes of the demo's cluster, and a history of one of them."""
    volumes = EBSVolumes()
    objects = RulesFile(str(CLUSTER_FILE)).read()
    disks = {disk for volume in objects.volumes if (disk := volumes.from_volume(volume))}
    disks |= {volumes.from_spec(rule.spec["disk"]) for rule in objects.rules if "disk" in rule.spec}
    for disk in disks:
        ec2.add_volume(disk.scope, volume_id=disk.name)
    now = datetime.now(UTC).replace(microsecond=0)
    tags = {"created-by": "k8s-snapshots", CLUSTER: "demo", DELTAS: "P1D P7D P1M P1Y"}
    for day in range(SNAPSHOTS):
        started = now - timedelta(days=day + 1, hours=2)
        ec2.add_snapshot("eu-west-1", LEDGER, started=started, tags=tags)
