"""EBS volumes as Kubernetes describes them. Pure.

A disk's scope is its region. Where nothing in the cluster tells that, it is `NOWHERE`, with the id
of the zone where there is one; `locating.locate` finds the volume.
"""

import re
from collections.abc import Mapping
from typing import Any

from shared.errors import UnknownDisk
from shared.kinds import PersistentVolume
from shared.model import Disk

#: The EBS CSI driver, and that of EKS Auto Mode.
DRIVERS = ("ebs.csi.aws.com", "ebs.csi.eks.amazonaws.com")

REGION_KEYS = ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region")
ZONE_KEYS = (
    "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/zone",
    "topology.ebs.csi.aws.com/zone",
    "topology.ebs.csi.eks.amazonaws.com/zone",
)

#: An id such as `usw2-az1`: it names a zone, but no region in so many words (AWS RAM User Guide,
#: "Availability Zone IDs for your AWS resources").
ZONE_ID = "topology.k8s.aws/zone-id"
#: Begins the scope of a volume whose region is not told; no region does.
NOWHERE = "?"
#: What the driver calls a node's own disk, which is no volume of anybody's (aws-ebs-csi-driver,
#: "Node-local volumes").
_LOCAL = "local-ebs://"

_VOLUME = re.compile(r"vol-[0-9a-f]{8}(?:[0-9a-f]{9})?")
# The zone of a region (eu-west-1a), a local zone (us-west-2-lax-1a) or a wavelength zone
# (us-east-1-wl1-bos-wlz-1): Amazon EC2 User Guide, "Regions and Zones".
_REGION = r"[a-z]{2,4}(?:-[a-z]+)+-\d{1,2}"
_ZONE = re.compile(rf"({_REGION})(?:[a-z]|(?:-[a-z0-9]+)+)")


class EBSVolumes:
    """Tells EBS volumes; implements `ports.Volumes`."""

    backend = "aws"

    def from_volume(self, volume: PersistentVolume) -> Disk | None:
        """Tell the disk behind a volume of the CSI drivers or the in-tree plugin."""
        spec = volume.spec
        if spec.csi:
            if spec.csi.driver not in DRIVERS:
                return None
            field, handle = "spec.csi.volumeHandle", spec.csi.volume_handle
            if handle.startswith(_LOCAL):
                return None
        elif spec.aws_elastic_block_store:
            field, handle = (
                "spec.awsElasticBlockStore.volumeID",
                (spec.aws_elastic_block_store.volume_id),
            )
        else:
            return None
        zone, name = _split(handle)
        if not _VOLUME.fullmatch(name):
            raise UnknownDisk(
                field, handle, "is not an EBS volume; write vol-… or aws://ZONE/vol-…"
            )
        region = _region_of_zone(field, zone) if zone else _region(volume)
        return Disk("aws", region, name)

    def from_spec(self, spec: Mapping[str, Any]) -> Disk:
        """Tell the disk of `{region, volumeId}`."""
        region, name = spec.get("region"), spec.get("volumeId")
        if not isinstance(region, str) or not re.fullmatch(_REGION, region):
            raise UnknownDisk("region", region, "is not a region; write one such as eu-west-1")
        if not isinstance(name, str) or not _VOLUME.fullmatch(name):
            raise UnknownDisk("volumeId", name, "is not an EBS volume; write vol-…")
        return Disk("aws", region, name)


def _split(handle: str) -> tuple[str, str]:
    """Split `aws://zone/vol-…`; the zone may be missing, or all but the volume."""
    if not handle.startswith("aws://"):
        return "", handle
    zone, _, name = handle.removeprefix("aws://").partition("/")
    return zone, name


def _region_of_zone(field: str, zone: str) -> str:
    match = _ZONE.fullmatch(zone)
    if not match:
        raise UnknownDisk(field, zone, "is not an availability zone, so the region is not known")
    return match[1]


def _region(volume: PersistentVolume) -> str:
    """Tell the region from labels and node affinity, which must agree; or that nothing does."""
    found = {value: field for field, value in volume.topology(*REGION_KEYS)}
    for field, zone in volume.topology(*ZONE_KEYS):
        found.setdefault(_region_of_zone(field, zone), field)
    if len(found) > 1:
        said = "; ".join(f"{field} says {region}" for region, field in sorted(found.items()))
        raise UnknownDisk("region", said, "labels and node affinity disagree on the region")
    if not found:
        zone_ids = [value for _, value in volume.topology(ZONE_ID)]
        return NOWHERE + next(iter(zone_ids), "")
    region = next(iter(found))
    if not re.fullmatch(_REGION, region):
        raise UnknownDisk(found[region], region, "is not a region; write one such as eu-west-1")
    return region
