"""Which volume belongs to which claim, and which disk to which volume: what proves it. Pure.

A claim's own word proves nothing: only the volume's claimRef, which the cluster's controller
writes, says whose it is.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

from shared.errors import UnknownDisk
from shared.kinds import PersistentVolume, PersistentVolumeClaim
from shared.model import Disk, Source
from shared.objects import Objects
from shared.ports import Volumes
from shared.rules.wrong import Powerless, Skip, Warned, Wrong


class Bindings:
    """Volumes, claims and disks of one read, as the cluster itself has bound them.

    Args:
        objects: what was read.
        volumes: what the cloud's volumes look like.
    """

    def __init__(self, objects: Objects, volumes: Volumes) -> None:
        self._objects, self.cloud = objects, volumes
        self.volumes = {volume.metadata.name: volume for volume in objects.volumes}
        self.claims = {(c.metadata.namespace, c.metadata.name): c for c in objects.claims}

    def volume_of(self, claim: PersistentVolumeClaim, field: str) -> PersistentVolume:
        """Find the volume that claim and cluster agree on; `field` names it in problems."""
        name = claim.spec.volume_name
        if not name:
            raise Warned(field, "", "the claim is not bound to a volume yet")
        volume = self.volumes.get(name)
        if volume is None:
            raise Wrong(field, name, "there is no such volume", claim=claim.metadata.name)
        ref, meta = volume.spec.claim_ref, claim.metadata
        if not ref or (ref.namespace, ref.name) != (meta.namespace, meta.name):
            raise Powerless(field, name, "names a volume that is not bound to the claim; it has "
                            "no say over that volume")  # fmt: skip
        if not ref.uid or ref.uid != meta.uid:
            raise Powerless(field, name, "names a volume that is bound to an earlier claim of "
                            "the same name, or not bound yet")  # fmt: skip
        return volume

    def claim_of_volume(self, volume: PersistentVolume) -> PersistentVolumeClaim | None:
        """Find the claim that is bound to a volume; None where there is none that can be read."""
        ref = volume.spec.claim_ref
        claim = self.claims.get((ref.namespace, ref.name)) if ref else None
        if claim is None or ref is None or not ref.uid or ref.uid != claim.metadata.uid:
            return None
        return claim if claim.spec.volume_name == volume.metadata.name else None

    def claims_in(self, namespace: str) -> Sequence[PersistentVolumeClaim]:
        """List the claims of a namespace."""
        return self._by_namespace.get(namespace, ())

    @cached_property
    def _by_namespace(self) -> Mapping[str, Sequence[PersistentVolumeClaim]]:
        found: dict[str, list[PersistentVolumeClaim]] = {}
        for claim in self._objects.claims:
            found.setdefault(claim.metadata.namespace, []).append(claim)
        return found

    def disk_of(self, volume: PersistentVolume) -> Disk:
        """Tell the disk behind a volume."""
        try:
            disk = self.cloud.from_volume(volume)
        except UnknownDisk as error:
            where = f"PersistentVolume {volume.metadata.name}, {error.field}"
            ref = volume.spec.claim_ref
            claim = ref.name if ref else ""
            raise Wrong(where, error.value, str(error), claim=claim) from None
        if disk is None:
            raise Skip
        return disk

    def disk_of_claim(self, claim: Source) -> Disk | None:
        """Tell a claim's disk by the volumes alone, for a claim that cannot be read itself."""
        disk = None
        for volume in self._objects.volumes:
            ref = volume.spec.claim_ref
            if ref and (ref.namespace, ref.name) == (claim.namespace, claim.name):
                with suppress(UnknownDisk):
                    disk = self.cloud.from_volume(volume)
        return disk

    def claim_of(self, volume: str) -> str:
        """Tell the claim that names a volume, for a volume that cannot be read itself."""
        names = (c.metadata.name for c in self._objects.claims if c.spec.volume_name == volume)
        return next(names, "")

    @cached_property
    def owners(self) -> Mapping[Disk, PersistentVolume]:
        """Map disks to their volumes, for what a rule by disk says on its snapshots."""
        owners: dict[Disk, PersistentVolume] = {}
        for volume in self._objects.volumes if self._any_rule_by_disk() else ():
            try:
                disk = self.cloud.from_volume(volume)
            except UnknownDisk:
                continue
            if disk:
                owners[disk] = volume
        return owners

    def _any_rule_by_disk(self) -> bool:
        specs: list[Any] = [rule.spec for rule in self._objects.rules]
        return any(isinstance(spec, Mapping) and "disk" in spec for spec in specs)
