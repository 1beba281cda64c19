"""The cluster's volumes, with their claims and disks: what a restored claim is to be like. Pure.

Names from the cluster are untrusted input.
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from shared.errors import UnknownDisk
from shared.kinds import ClaimSpec, PersistentVolume, PersistentVolumeClaim, VolumeSpec
from shared.model import Disk
from shared.objects import Objects
from shared.ports import Volumes
from shared.restore.names import is_name
from shared.restore.sizes import as_size

ACCESS_MODES = ("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod")
_VOLUME_MODES = ("Filesystem", "Block")


class ClusterVolume(msgspec.Struct, frozen=True, kw_only=True):
    """A volume with its claim and its disk, or a claim alone; what objects do not tell is empty.

    `disk` is None where no volume, or no disk of the volume, is known. `bound` tells that the
    claim is bound to this very volume, and not to a later one; `claimed` that the claim is there.
    """

    disk: Disk | None = None
    namespace: str = ""
    claim: str = ""
    volume: str = ""
    bound: bool = False
    claimed: bool = False
    driver: str = ""
    size: str = ""
    storage_class: str = ""
    access_modes: tuple[str, ...] = ()
    volume_mode: str = ""


Locate = Callable[[Collection[Disk]], Mapping[Disk, Disk | UnknownDisk]]
_Claims = Mapping[tuple[str, str], PersistentVolumeClaim]


def read_cluster_volumes(
    objects: Objects | None, volumes: Volumes, locate: Locate | None = None
) -> list[ClusterVolume]:
    """Read what the disks of this cloud are to the cluster; nothing where there are no objects.

    Only a volume's claimRef says whose it is, never a claim. Disks that just a SnapshotRule names
    are among them, with nothing else known. `locate` is the provider's, for disks that the objects
    do not place.
    """
    if objects is None:
        return []
    claims = {(c.metadata.namespace, c.metadata.name): c for c in objects.claims}
    found = [v for volume in objects.volumes if (v := _read_volume(volume, claims, volumes))]
    served = {(v.namespace, v.claim) for v in found if v.bound}
    found += [
        ClusterVolume(namespace=namespace, claim=name, claimed=True, **_wanted(claim))
        for (namespace, name), claim in claims.items()
        if (namespace, name) not in served
    ]
    known = {v.disk for v in found}
    found += [ClusterVolume(disk=d) for d in _disks_of_rules(objects, volumes) if d not in known]
    places = locate({v.disk for v in found if v.disk}) if locate else {}
    found.sort(key=lambda v: (v.namespace, v.claim, not v.bound, v.volume))
    return [_placed(volume, places) for volume in found]


def _disks_of_rules(objects: Objects, volumes: Volumes) -> list[Disk]:
    """List the disks that SnapshotRules name by `spec.disk`."""
    found = set()
    for rule in objects.rules:
        spec = rule.spec if isinstance(rule.spec, Mapping) else {}
        disk = spec.get("disk")
        if spec.get("backend") == volumes.backend and isinstance(disk, Mapping):
            with suppress(UnknownDisk):
                found.add(volumes.from_spec(disk))
    return sorted(found)


def _read_volume(
    volume: PersistentVolume, claims: _Claims, volumes: Volumes
) -> ClusterVolume | None:
    """Read one volume; None for another cloud's or driver's."""
    try:
        disk = volumes.from_volume(volume)
    except UnknownDisk:
        disk = None
    else:
        if disk is None:
            return None
    spec, ref = volume.spec, volume.spec.claim_ref
    claim = claims.get((ref.namespace, ref.name)) if ref else None
    bound = bool(ref and claim and ref.uid and ref.uid == claim.metadata.uid)
    wanted = _wanted(claim) if claim and bound else {}
    shape = _shape(spec, spec.capacity)
    return ClusterVolume(
        disk=disk,
        namespace=ref.namespace if ref else "",
        claim=ref.name if ref else "",
        volume=volume.metadata.name,
        bound=bound,
        claimed=claim is not None,
        driver=spec.csi.driver if spec.csi else "",
        **{key: value or wanted.get(key, value) for key, value in shape.items()},
    )


def _wanted(claim: PersistentVolumeClaim) -> dict[str, Any]:
    """Read what a claim asks for."""
    resources = claim.spec.resources
    requests = resources.get("requests") if isinstance(resources, Mapping) else None
    return _shape(claim.spec, requests)


def _shape(spec: VolumeSpec | ClaimSpec, quantities: object) -> dict[str, Any]:
    """Read what volumes and claims say alike, as fields of `ClusterVolume`; they may say anything.

    `quantities` is where the size stands, as `storage`.
    """
    storage = quantities.get("storage") if isinstance(quantities, Mapping) else None
    name, mode, modes = spec.storage_class_name, spec.volume_mode, spec.access_modes
    return {
        "size": as_size(storage),
        "storage_class": name if isinstance(name, str) and is_name(name) else "",
        "access_modes": tuple(m for m in ACCESS_MODES if isinstance(modes, list) and m in modes),
        "volume_mode": mode if isinstance(mode, str) and mode in _VOLUME_MODES else "",
    }


def _placed(volume: ClusterVolume, places: Mapping[Disk, Disk | UnknownDisk]) -> ClusterVolume:
    place = places.get(volume.disk, volume.disk) if volume.disk else None
    return msgspec.structs.replace(volume, disk=place if isinstance(place, Disk) else None)
