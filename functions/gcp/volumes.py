"""Persistent disks and hyperdisks as Kubernetes describes them. Pure.

A disk's scope is its project, its name the rest of its URL: `zones/Z/disks/N`, `regions/R/disks/N`,
or `disks/N` where nothing in the cluster tells the place; `locating.locate` finds it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.errors import UnknownDisk
from shared.kinds import PersistentVolume
from shared.model import Disk
from shared.text import shorten

#: The Compute Engine persistent disk CSI driver, and the name that old clusters had for it.
DRIVERS = ("pd.csi.storage.gke.io", "gce-pd.csi.storage.gke.io")

ZONE_KEYS = (
    "topology.gke.io/zone",
    "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/zone",
)

#: What is said of a number where a project's ID belongs: Google's answers have the ID.
NUMBER = (
    "is a project's number, and its ID is needed (GCLOUD_PROJECT where the volume names no "
    "project): gcloud projects describe NUMBER --format='value(projectId)' shows it"
)
_PROJECT = r"(?:[a-z0-9.-]+:)?[a-z][-a-z0-9]{4,28}[a-z0-9]"
_REGION = r"[a-z]+(?:-[a-z0-9]+)*-[a-z]+\d{1,2}"
#: With AI zones, such as us-central1-ai1a.
_ZONE = rf"{_REGION}-(?:ai\d)?[a-z]"
#: Compute Engine, "Resource naming convention".
_NAME = r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?"
_HANDLE = re.compile(r"projects/([^/]+)/(zones|regions)/([^/]+)/disks/([^/]+)")
#: What the CSI driver writes for volumes that the in-tree plugin made.
_UNSPECIFIED = "UNSPECIFIED"


@dataclass(frozen=True, slots=True)
class PersistentDisks:
    """Tells persistent disks; implements `ports.Volumes`.

    `project` is where disks are whose volumes name none.
    """

    project: str
    backend = "google"

    def from_volume(self, volume: PersistentVolume) -> Disk | None:
        """Tell the disk behind a volume of the CSI drivers or the in-tree plugin."""
        spec = volume.spec
        if spec.csi:
            if spec.csi.driver not in DRIVERS:
                return None
            return self._from_handle(volume, spec.csi.volume_handle)
        if spec.gce_persistent_disk:
            field, name = "spec.gcePersistentDisk.pdName", spec.gce_persistent_disk.pd_name
            return self._disk(field, self.project, _place(volume), name)
        return None

    def from_spec(self, spec: Mapping[str, Any]) -> Disk:
        """Tell the disk of `{name, zone}` or `{name, region}`, with an optional `project`."""
        zone, region = spec.get("zone"), spec.get("region")
        if (zone is None) == (region is None):
            raise UnknownDisk("zone", zone, "name either the zone or, of a regional disk, region")
        if region is None:
            if not isinstance(zone, str) or not re.fullmatch(_ZONE, zone):
                raise UnknownDisk("zone", zone, "is not a zone; write one such as europe-west1-b")
            place = f"zones/{zone}/"
        else:
            if not isinstance(region, str) or not re.fullmatch(_REGION, region):
                raise UnknownDisk(
                    "region", region, "is not a region; write one such as europe-west1"
                )
            place = f"regions/{region}/"
        project = self.project if spec.get("project") in (None, "") else spec["project"]
        return self._disk("name", project, place, spec.get("name"))

    def _from_handle(self, volume: PersistentVolume, handle: str) -> Disk:
        field = "spec.csi.volumeHandle"
        match = _HANDLE.fullmatch(handle)
        if not match:
            raise UnknownDisk(
                field,
                handle,
                "is not a disk; write projects/P/zones/Z/disks/N or …/regions/R/disks/N",
            )
        project, kind, where, name = match.groups()
        if where == _UNSPECIFIED:
            place = _place(volume)
        else:
            pattern = _ZONE if kind == "zones" else _REGION
            if not re.fullmatch(pattern, where):
                raise UnknownDisk(field, handle, f"{shorten(where)} is not one of Google's {kind}")
            place = f"{kind}/{where}/"
        return self._disk(field, self.project if project == _UNSPECIFIED else project, place, name)

    def _disk(self, field: str, project: object, place: str, name: object) -> Disk:
        if isinstance(project, str) and re.fullmatch(r"\d+", project):
            raise UnknownDisk("project", project, NUMBER)
        if not isinstance(project, str) or not re.fullmatch(_PROJECT, project):
            raise UnknownDisk(
                "project", project, "the disk's project is not known; set GCLOUD_PROJECT"
            )
        if not isinstance(name, str) or not re.fullmatch(_NAME, name):
            raise UnknownDisk(field, name, "is not the name of a disk")
        return Disk("google", project, f"{place}disks/{name}")


def _place(volume: PersistentVolume) -> str:
    """Tell the place from labels and node affinity, which must agree; empty where they are silent.

    A regional disk's zones are written `zone-a__zone-b` in labels, and as several values in the
    node affinity.
    """
    said: dict[str, set[str]] = {}
    for field, value in volume.topology(*ZONE_KEYS):
        if not all(re.fullmatch(_ZONE, zone) for zone in value.split("__")):
            raise UnknownDisk(field, value, "is not a zone, so the zone of the disk is not known")
        said.setdefault(field, set()).update(value.split("__"))
    zones = set().union(*said.values())
    regions = {zone.rpartition("-")[0] for zone in zones}
    if len(regions) > 1 or any(told != zones for told in said.values()):
        values = "; ".join(
            f"{field} says {', '.join(sorted(told))}" for field, told in said.items()
        )
        raise UnknownDisk("zone", values, "labels and node affinity disagree on the zone")
    if len(zones) > 1:
        return f"regions/{regions.pop()}/"
    return f"zones/{zones.pop()}/" if zones else ""
