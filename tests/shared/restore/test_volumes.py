"""What the cluster's objects tell of its disks, live or by the mirror."""

from pathlib import Path
from typing import Any

from functions.aws.volumes import EBSVolumes
from functions.gcp.volumes import PersistentDisks
from shared.errors import UnknownDisk
from shared.model import Disk
from shared.objects import decode_list
from shared.restore.volumes import read_cluster_volumes
from shared.sources.file import RulesFile
from shared.sources.mirror import Mirror
from tests.shared import objects_builders as objects
from tests.shared.fake_bucket import FakeBucket
from tests.shared.restore.builders import origins

ROOT = Path(__file__).parents[3]


def test_disks_that_objects_do_not_place_are_located() -> None:
    handle = "projects/UNSPECIFIED/zones/UNSPECIFIED/disks/{}"
    items = [
        {"kind": "PersistentVolume", "metadata": {"name": n}, "spec": {
            "csi": {"driver": "pd.csi.storage.gke.io", "volumeHandle": handle.format(n)}}}
        for n in ("found", "lost")
    ]  # fmt: skip
    lost, here = (Disk("google", "acme-data", f"disks/{n}") for n in ("lost", "found"))
    place = Disk("google", "acme-data", "zones/europe-west1-b/disks/found")

    def locate(disks: Any) -> dict[Disk, Disk | UnknownDisk]:
        assert disks == {lost, here}
        return {here: place, lost: UnknownDisk("zone", "", "gone")}

    known = read_cluster_volumes(objects.decode(*items), PersistentDisks("acme-data"), locate)
    assert {"found": place, "lost": None} == {o.volume: o.disk for o in known}


def test_no_objects_and_no_readable_volume_are_no_failure() -> None:
    assert [] == read_cluster_volumes(None, EBSVolumes())
    (known,) = origins(objects.volume(handle="not-a-volume", spec=None))
    assert known.disk is None
    assert [] == origins(objects.volume(spec={"csi": {"driver": "nfs", "volumeHandle": "x"}}))


def test_the_mirror_tells_all_that_the_cluster_does() -> None:
    """What the mirror keeps is enough: the manifests are the same with the cluster gone."""
    read = RulesFile(str(ROOT / "examples" / "demo-cluster.yaml")).read()
    mirror = Mirror(FakeBucket(), "rules.json", "s3://b/rules.json", (objects.KEY,))
    mirrored = decode_list(mirror.encode(read), "the mirror")
    assert read_cluster_volumes(read, EBSVolumes()) == read_cluster_volumes(mirrored, EBSVolumes())
