"""Kubernetes objects to rules and problems. Pure; nothing here raises for what an object says.

Every object is untrusted input: a claim or rule reaches only the disks that the cluster itself
says belong to its namespace, and what has no such power causes no hold either.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal

import msgspec

from shared.errors import DeltasError, UnknownDisk
from shared.model import Disk, Problem, Rule, RuleSet, Source
from shared.objects import Objects, PersistentVolume, PersistentVolumeClaim, SnapshotRule
from shared.ports import Volumes
from shared.retention.deltas import parse
from shared.text import LONGEST, shorten

#: What `spec.backend` may name; another cloud's rules are skipped, not wrong.
BACKENDS = ("aws", "google", "digitalocean")
TARGETS = ("disk", "persistentVolumeClaim", "persistentVolume")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that decide how objects are read; see `settings.Settings`."""

    deltas_annotation_key: str = "backup.kubernetes.io/deltas"
    use_claim_name: bool = False
    disk_rule_namespaces: tuple[str, ...] = ()


def read_rules(objects: Objects, volumes: Volumes, options: Options) -> RuleSet:
    """Read all rules: from annotated volumes and claims, and from SnapshotRules."""
    return _Reader(objects, volumes, options).read()


class _Wrong(Exception):
    """One object's problem, on its way to the list.

    `disk` only where the object has power over it; `claim` where the rule may be named after it.
    """

    severity: Literal["error", "warning"] = "error"

    def __init__(
        self, field: str, value: object, message: str, disk: Disk | None = None, claim: str = ""
    ) -> None:
        super().__init__(message)
        self.field, self.value, self.disk, self.claim = field, value, disk, claim


class _Warned(_Wrong):
    severity = "warning"


class _Powerless(_Wrong):
    """The object has no say over what it names: it holds nothing and continues nothing."""


class _Skip(Exception):
    """Another cloud's or driver's volume."""


class _Reader:
    def __init__(self, objects: Objects, volumes: Volumes, options: Options) -> None:
        self.objects, self.backend, self.options = objects, volumes, options
        self.volumes = {volume.metadata.name: volume for volume in objects.volumes}
        self.claims = {(c.metadata.namespace, c.metadata.name): c for c in objects.claims}
        self.owners = self._owners()
        self.rules: list[Rule] = []
        self.problems = [self._traced(problem) for problem in objects.problems]
        self.skipped = 0

    def read(self) -> RuleSet:
        for volume in self.objects.volumes:
            if self._annotation(volume) is not None:
                self._try(source_of(volume), self._from_volume, volume)
        for claim in self.objects.claims:
            if self._annotation(claim) is not None:
                self._try(source_of(claim), self._from_claim, claim)
        for rule in self.objects.rules:
            self._try(source_of(rule), self._from_rule, rule)
        self.rules.sort(key=lambda r: (r.disk, r.name, r.source))
        self.problems.sort(key=lambda p: (p.source, p.field, p.message))
        return RuleSet(
            tuple(self.rules), tuple(self.problems), self.skipped, self.objects.read_from
        )

    def _traced(self, problem: Problem) -> Problem:
        """Add what is known of the rule, and of a claim's disk, to an object that is malformed."""
        source = problem.source
        if source.kind not in _SHORT:
            return problem
        disk = None
        for volume in self.volumes.values() if source.kind == "PersistentVolumeClaim" else ():
            ref = volume.spec.claim_ref
            if ref and (ref.namespace, ref.name) == (source.namespace, source.name):
                with suppress(UnknownDisk):
                    disk = self.backend.from_volume(volume)
        return msgspec.structs.replace(problem, rule=rule_name(source), disk=disk)

    def _try(self, source: Source, read: Any, item: Any) -> None:
        try:
            read(source, item)
        except _Skip:
            self.skipped += 1
        except _Wrong as wrong:
            self._problem(source, wrong)

    def _problem(self, source: Source, wrong: _Wrong) -> None:
        self.problems.append(
            Problem(
                severity=wrong.severity,
                source=source,
                field=shorten(wrong.field, LONGEST),
                value=shorten(wrong.value),
                message=shorten(str(wrong), LONGEST),
                disk=wrong.disk,
                rule="" if isinstance(wrong, _Powerless) else self._name(source, wrong.claim),
            )
        )

    def _from_volume(self, source: Source, volume: PersistentVolume) -> None:
        self._add(source, self._disk(volume), self._annotated(volume), volume)

    def _from_claim(self, source: Source, claim: PersistentVolumeClaim) -> None:
        volume = self._bound(claim, "spec.volumeName")
        self._add(source, self._disk(volume), self._annotated(claim), volume)

    def _from_rule(self, source: Source, rule: SnapshotRule) -> None:
        spec = rule.spec
        if not isinstance(spec, Mapping):
            raise _Wrong("spec", spec, "is not an object; write spec.deltas and spec.disk, "
                         "spec.persistentVolumeClaim or spec.persistentVolume")  # fmt: skip
        given = [target for target in TARGETS if spec.get(target) is not None]
        if len(given) != 1:
            raise _Wrong("spec", ", ".join(given), f"must name one of {', '.join(TARGETS)}; "
                         f"it names {len(given)}")  # fmt: skip
        deltas = "spec.deltas", spec.get("deltas")
        if given == ["disk"]:
            disk = self._disk_of_rule(source, spec)
            self._add(source, disk, deltas, self.owners.get(disk))
            return
        name = spec[given[0]]
        field = f"spec.{given[0]}"
        if not isinstance(name, str) or not name:
            raise _Wrong(field, name, "is not a name; write it as a string")
        if given == ["persistentVolumeClaim"]:
            claim = self.claims.get((source.namespace, name))
            if claim is None:
                raise _Wrong(field, name, f"there is no such claim in namespace {source.namespace}",
                             claim=name)  # fmt: skip
            volume = self._bound(claim, field)
        else:
            volume = self._volume_of_rule(source, name)
        self._add(source, self._disk(volume), deltas, volume)

    def _disk_of_rule(self, source: Source, spec: Mapping[str, Any]) -> Disk:
        self._may_use_disks(source, "spec.disk")
        backend = spec.get("backend")
        if backend not in BACKENDS:
            raise _Wrong("spec.backend", backend, "is not a cloud; aws or google would do")
        if backend != self.backend.backend:
            raise _Skip
        disk = spec["disk"]
        if not isinstance(disk, Mapping):
            raise _Wrong("spec.disk", disk, "is not an object; see the examples of SnapshotRules")
        try:
            return self.backend.from_spec(disk)
        except UnknownDisk as error:
            raise _Wrong(f"spec.disk.{error.field}", error.value, str(error)) from None

    def _volume_of_rule(self, source: Source, name: str) -> PersistentVolume:
        field = "spec.persistentVolume"
        self._may_use_disks(source, field)
        volume = self.volumes.get(name)
        if volume is None:
            raise _Wrong(field, name, "there is no such volume")
        ref = volume.spec.claim_ref
        if ref and ref.namespace != source.namespace:
            raise _Powerless(field, name, "is claimed from another namespace; write the rule there")
        return volume

    def _may_use_disks(self, source: Source, field: str) -> None:
        allowed = self.options.disk_rule_namespaces
        if allowed and source.namespace not in allowed:
            raise _Powerless(field, source.namespace, "rules of this namespace may not use it; "
                             "DISK_RULE_NAMESPACES says which may")  # fmt: skip

    def _bound(self, claim: PersistentVolumeClaim, field: str) -> PersistentVolume:
        """Find the volume that claim and cluster agree on.

        `spec.volumeName` is the claim's own word: only the volume's claimRef proves it.
        """
        name = claim.spec.volume_name
        if not name:
            raise _Warned(field, "", "the claim is not bound to a volume yet")
        volume = self.volumes.get(name)
        if volume is None:
            raise _Wrong(field, name, "there is no such volume", claim=claim.metadata.name)
        ref, meta = volume.spec.claim_ref, claim.metadata
        if not ref or (ref.namespace, ref.name) != (meta.namespace, meta.name):
            raise _Powerless(field, name, "names a volume that is not bound to the claim; it has "
                             "no say over that volume")  # fmt: skip
        if not ref.uid or ref.uid != meta.uid:
            raise _Powerless(field, name, "names a volume that is bound to an earlier claim of "
                             "the same name, or not bound yet")  # fmt: skip
        return volume

    def _disk(self, volume: PersistentVolume) -> Disk:
        try:
            disk = self.backend.from_volume(volume)
        except UnknownDisk as error:
            where = f"PersistentVolume {volume.metadata.name}, {error.field}"
            ref = volume.spec.claim_ref
            claim = ref.name if ref else ""
            raise _Wrong(where, error.value, str(error), claim=claim) from None
        if disk is None:
            raise _Skip
        return disk

    def _add(
        self,
        source: Source,
        disk: Disk,
        written: tuple[str, Any],
        volume: PersistentVolume | None,
    ) -> None:
        """Add the rule; from here on the source has power over the disk."""
        field, text = written
        if not isinstance(text, str) or not text.strip():
            raise _Wrong(field, text, "has no deltas; write for example 'PT1H P1D P30D', or remove "
                         "the rule", disk)  # fmt: skip
        try:
            deltas = parse(text)
        except DeltasError as error:
            raise _Wrong(field, text, str(error), disk) from None
        if not deltas.in_order:
            unordered = "is not in ascending order; it is read as if it were"
            self._problem(source, _Warned(field, text, unordered, disk))
        ref = volume.spec.claim_ref if volume else None
        claim = ref.name if ref else ""
        self.rules.append(
            Rule(
                name=self._name(source, claim),
                disk=disk,
                deltas=deltas.text,
                source=source,
                namespace=ref.namespace if ref else source.namespace,
                claim=claim,
                volume=volume.metadata.name if volume else "",
            )
        )

    def _owners(self) -> dict[Disk, PersistentVolume]:
        """Map disks to their volumes, for what a rule by disk says on its snapshots."""
        by_disk = any(isinstance(r.spec, Mapping) and "disk" in r.spec for r in self.objects.rules)
        owners: dict[Disk, PersistentVolume] = {}
        for volume in self.objects.volumes if by_disk else ():
            try:
                disk = self.backend.from_volume(volume)
            except UnknownDisk:
                continue
            if disk:
                owners[disk] = volume
        return owners

    def _name(self, source: Source, claim: str) -> str:
        return rule_name(source, claim if self.options.use_claim_name else "")

    def _annotation(self, item: PersistentVolume | PersistentVolumeClaim) -> str | None:
        return (item.metadata.annotations or {}).get(self.options.deltas_annotation_key)

    def _annotated(self, item: PersistentVolume | PersistentVolumeClaim) -> tuple[str, Any]:
        key = self.options.deltas_annotation_key
        return f"metadata.annotations[{key}]", self._annotation(item)


def source_of(item: PersistentVolume | PersistentVolumeClaim | SnapshotRule) -> Source:
    """Name an object."""
    kind = type(item).__name__
    return Source(kind, item.metadata.namespace, item.metadata.name)


_SHORT = {"PersistentVolume": "pv", "PersistentVolumeClaim": "pvc", "SnapshotRule": "rule"}


def rule_name(source: Source, claim: str = "") -> str:
    """Name a rule as upstream does: `[<namespace>-]<pv|pvc|rule>-<name>`.

    The namespace `default` is left out; `claim` replaces the object's own name.
    """
    namespace = "" if source.namespace in ("", "default") else f"{source.namespace}-"
    return f"{namespace}{_SHORT.get(source.kind, source.kind.lower())}-{claim or source.name}"
