"""SnapshotPolicies: what they say, and which volumes they select. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from shared.kinds import PersistentVolume, PersistentVolumeClaim, SnapshotPolicy
from shared.model import Source
from shared.rules.said import Policies, Said, Written, said
from shared.rules.selectors import MOST, Selector, known, read_selector
from shared.rules.windows import read_window
from shared.rules.wrong import Wrong

_FIELDS = ("namespaceSelector", "claimSelector", "storageClassNames", "volumes")
_VOLUMES = ("claimed", "unclaimed", "all")


class Selection(NamedTuple):
    """Which volumes a policy is for; what it leaves out does not matter to it."""

    namespaces: Selector | None = None
    claims: Selector | None = None
    classes: frozenset[str] | None = None
    volumes: str = "claimed"

    def takes(self, volume: PersistentVolume, claim: PersistentVolumeClaim | None) -> bool:
        """Tell whether a volume is selected, its namespace aside; `claim` is the one it has."""
        if self.volumes != "all" and (claim is not None) != (self.volumes == "claimed"):
            return False
        if self.classes is not None and str(volume.spec.storage_class_name) not in self.classes:
            return False
        if claim is None:
            return self.claims is None and self.namespaces is None
        return self.claims is None or self.claims.matches(claim.metadata.labels or {})


class Policy(NamedTuple):
    """A SnapshotPolicy as it was read.

    `selection` is None where only those have it who name it; `unreadable` says why nobody can tell
    whom it selects.
    """

    source: Source
    said: Said
    selection: Selection | None = None
    unreadable: Wrong | None = None


def read_policy(item: SnapshotPolicy) -> Policy:
    """Read a policy; what is wrong with it is in the policy."""
    source = Source("SnapshotPolicy", "", item.metadata.name)
    if not isinstance(item.spec, Mapping):
        wrong = Wrong("spec", item.spec, "is not an object; write spec.deltas")
        return Policy(source, Said(wrong=wrong), unreadable=wrong)
    spoken = said(Written("spec.deltas", item.spec.get("deltas")), None, Policies({}))
    spoken = spoken.within(*read_window(item))
    name = item.metadata.name
    spoken = spoken._replace(lists=tuple(one._replace(policy=name) for one in spoken.lists))
    try:
        return Policy(source, spoken, _selection(item.spec.get("selector")))
    except Wrong as wrong:
        return Policy(source, spoken, unreadable=wrong)


def _selection(value: Any) -> Selection | None:
    """Read `spec.selector`; an empty one selects every claimed volume."""
    field = "spec.selector"
    if value is None:
        return None
    known(value, field, _FIELDS)
    volumes = value.get("volumes") or "claimed"
    if volumes not in _VOLUMES:
        raise Wrong(f"{field}.volumes", volumes, f"must be one of {', '.join(_VOLUMES)}")
    labels = {name: read_selector(value[name], f"{field}.{name}")
              for name in _FIELDS[:2] if value.get(name) is not None}  # fmt: skip
    if labels and volumes == "unclaimed":
        raise Wrong(f"{field}.volumes", volumes, "has no claim and no namespace that "
                    f"{' and '.join(labels)} could select; leave it out")  # fmt: skip
    classes = value.get("storageClassNames")
    return Selection(
        labels.get("namespaceSelector"),
        labels.get("claimSelector"),
        None if classes is None else _classes(classes, f"{field}.storageClassNames"),
        volumes,
    )


def _classes(value: Any, field: str) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise Wrong(field, value, "must be a list of names of StorageClasses, such as [gp3]")
    if not 0 < len(value) <= MOST:
        raise Wrong(field, len(value), f"must have 1 to {MOST} names")
    return frozenset(value)
