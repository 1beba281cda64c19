"""What a SnapshotRule's spec names: a disk, a claim or a volume. Pure."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from shared.errors import UnknownDisk
from shared.kinds import PersistentVolume, PersistentVolumeClaim, SnapshotRule
from shared.model import Disk, Source
from shared.rules.bindings import Bindings
from shared.rules.selectors import MOST_KEYS, read_selector
from shared.rules.wrong import Powerless, Skip, Warned, Wrong
from shared.text import counted

#: What `spec.backend` may name; another cloud's rules are skipped, not wrong.
BACKENDS = ("aws", "google", "digitalocean")
TARGETS = ("disk", "persistentVolumeClaim", "persistentVolume", "claimSelector")


class Target(NamedTuple):
    """A disk that an object has power over, and its volume, where the cluster has one."""

    disk: Disk
    volume: PersistentVolume | None


def targets_of(
    source: Source,
    rule: SnapshotRule,
    bindings: Bindings,
    disk_rule_namespaces: Collection[str],
    keys: Mapping[str, Collection[str]],
) -> list[Target | Wrong]:
    """Tell what a SnapshotRule is about: one disk, or those of the claims that it selects.

    Of the claims that it selects one may be wrong, and the others not.

    Args:
        source: the rule.
        rule: as it was read.
        bindings: whose volume is whose.
        disk_rule_namespaces: may use `spec.disk` and `spec.persistentVolume`; none: all may.
        keys: of labels that each namespace's claimSelectors may ask for.

    Raises:
        Wrong: where that cannot be told, or the rule has no power over it.
        Skip: where it is another cloud's.
    """
    spec = rule.spec
    if not isinstance(spec, Mapping):
        raise Wrong("spec", spec, "is not an object; write spec.deltas and one of "
                    f"{', '.join(TARGETS)}")  # fmt: skip
    given = [target for target in TARGETS if spec.get(target) is not None]
    if len(given) != 1:
        raise Wrong("spec", ", ".join(given), f"must name one of {', '.join(TARGETS)}; "
                    f"it names {len(given)}")  # fmt: skip
    kind, field = given[0], f"spec.{given[0]}"
    if kind == "claimSelector":
        return _selected(source, spec[kind], bindings, keys.get(source.namespace, ()))
    if kind == "disk":
        _may_use_disks(source, field, disk_rule_namespaces)
        disk = _disk(spec, bindings)
        return [Target(disk, bindings.owners.get(disk))]
    name = spec[kind]
    if not isinstance(name, str) or not name:
        raise Wrong(field, name, "is not a name; write it as a string")
    if kind == "persistentVolume":
        _may_use_disks(source, field, disk_rule_namespaces)
        volume = _volume(source, name, bindings)
    else:
        volume = _volume_of_claim(source, name, bindings)
    return [Target(bindings.disk_of(volume), volume)]


def _selected(
    source: Source, value: Any, bindings: Bindings, keys: Collection[str]
) -> list[Target | Wrong]:
    """Give the disks of the claims of a rule's namespace that it selects.

    Claims that are not bound yet are passed over: their turn comes.
    """
    field = "spec.claimSelector"
    selector = read_selector(value, field)
    if not selector.keys <= set(keys):
        raise Wrong(field, ", ".join(sorted(selector.keys)), "the claimSelectors of namespace "
                    f"{source.namespace} ask for more than {MOST_KEYS} labels")  # fmt: skip
    claims = [
        claim
        for claim in bindings.claims_in(source.namespace)
        if selector.matches(claim.metadata.labels or {})
    ]
    if not claims:
        raise Warned(field, "", f"selects no claim of namespace {source.namespace}")
    found = list(_bound(claims, bindings))
    if not found:
        raise Warned(field, "", f"selects {counted(len(claims), 'claim')}, and none is bound to a "
                     "volume of this cloud yet")  # fmt: skip
    return found


def _bound(
    claims: Collection[PersistentVolumeClaim], bindings: Bindings
) -> Iterator[Target | Wrong]:
    for claim in claims:
        volume = bindings.volumes.get(claim.spec.volume_name)
        if volume and bindings.claim_of_volume(volume) is claim:
            try:
                yield Target(bindings.disk_of(volume), volume)
            except Skip:
                continue
            except Wrong as wrong:
                yield wrong


def _disk(spec: Mapping[str, Any], bindings: Bindings) -> Disk:
    backend = spec.get("backend")
    if backend not in BACKENDS:
        raise Wrong("spec.backend", backend, "is not a cloud; write aws or google")
    if backend != bindings.cloud.backend:
        raise Skip
    disk = spec["disk"]
    if not isinstance(disk, Mapping):
        raise Wrong("spec.disk", disk, "is not an object; see the examples of SnapshotRules")
    try:
        return bindings.cloud.from_spec(disk)
    except UnknownDisk as error:
        raise Wrong(f"spec.disk.{error.field}", error.value, str(error)) from None


def _volume_of_claim(source: Source, name: str, bindings: Bindings) -> PersistentVolume:
    field = "spec.persistentVolumeClaim"
    claim = bindings.claims.get((source.namespace, name))
    if claim is None:
        raise Wrong(field, name, f"there is no such claim in namespace {source.namespace}",
                    claim=name)  # fmt: skip
    return bindings.volume_of(claim, field)


def _volume(source: Source, name: str, bindings: Bindings) -> PersistentVolume:
    field = "spec.persistentVolume"
    volume = bindings.volumes.get(name)
    if volume is None:
        raise Wrong(field, name, "there is no such volume")
    ref = volume.spec.claim_ref
    if ref and ref.namespace != source.namespace:
        raise Powerless(field, name, "is claimed from another namespace; write the rule there")
    return volume


def _may_use_disks(source: Source, field: str, allowed: Collection[str]) -> None:
    if allowed and source.namespace not in allowed:
        raise Powerless(field, source.namespace, "rules of this namespace may not use it; "
                        "DISK_RULE_NAMESPACES says which may")  # fmt: skip
