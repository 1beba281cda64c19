"""The kinds of Kubernetes objects that are read: just the fields that are read. Pure."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

GROUP = "k8s-snapshots.elsdoerfer.com"
#: What a SnapshotRule's spec says.
SPEC = ("backend", "claimSelector", "deltas", "disk", "persistentVolume", "persistentVolumeClaim",
        "policy", "window")  # fmt: skip
#: What a SnapshotPolicy's spec says.
POLICY_SPEC = ("deltas", "selector", "window")
#: In place of deltas: the name of a SnapshotPolicy.
POLICY_ANNOTATION = "backup.kubernetes.io/policy"
#: The annotation that says when snapshots may be taken.
WINDOW = "backup.kubernetes.io/window"
#: What the keys of labels begin with that tell a volume's region and zone.
PLACES = ("topology.", "failure-domain.")
#: Labels of that kind that are kept; a volume has up to five.
MOST_PLACES = 16
#: Characters of an annotation that are kept: no value that means anything is as long.
LONGEST_VALUE = 4096


def kinds_of(levels: Collection[str]) -> set[str]:
    """Tell of which kinds default levels are read; policies may select by namespace."""
    kinds = {DEFAULTS[level] for level in levels}
    return kinds | {"Namespace"} if "SnapshotPolicy" in kinds else kinds


class Metadata(msgspec.Struct, frozen=True, omit_defaults=True):
    """`metadata` of any object."""

    name: str
    namespace: str = ""
    uid: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None

    def trimmed(
        self, keys: Collection[str], places: bool, selected: Collection[str] = ()
    ) -> "Metadata":
        """Keep only what is read.

        Args:
            keys: of annotations.
            places: whether labels tell region and zone.
            selected: keys of labels that selectors ask for.
        """
        labels, annotations = self.labels or {}, self.annotations or {}
        found = [key for key in labels if key.startswith(PLACES)] if places else []
        found = found[:MOST_PLACES] + [key for key in labels if key in selected]
        return msgspec.structs.replace(
            self,
            labels={key: labels[key] for key in found} or None,
            annotations={k: annotations[k][:LONGEST_VALUE] for k in keys if k in annotations}
            or None,
        )


class CSI(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """`spec.csi` of a PersistentVolume."""

    driver: str
    volume_handle: str


class AWSElasticBlockStore(msgspec.Struct, frozen=True, omit_defaults=True):
    """The in-tree EBS volume."""

    volume_id: str = msgspec.field(name="volumeID")


class GCEPersistentDisk(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """The in-tree persistent disk."""

    pd_name: str


class ClaimRef(msgspec.Struct, frozen=True, omit_defaults=True):
    """The claim that a volume says it is bound to; the cluster's controller writes it."""

    namespace: str = ""
    name: str = ""
    uid: str = ""


class Expression(msgspec.Struct, frozen=True, omit_defaults=True):
    """One requirement of a node selector term."""

    key: str
    operator: str = "In"
    values: tuple[str, ...] = ()


class Term(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """A node selector term."""

    match_expressions: tuple[Expression, ...] = ()


class NodeSelector(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """`required` of a node affinity."""

    node_selector_terms: tuple[Term, ...] = ()


class NodeAffinity(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a volume can be used."""

    required: NodeSelector | None = None


class VolumeSpec(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """`spec` of a PersistentVolume."""

    csi: CSI | None = None
    aws_elastic_block_store: AWSElasticBlockStore | None = None
    gce_persistent_disk: GCEPersistentDisk | None = None
    claim_ref: ClaimRef | None = None
    node_affinity: NodeAffinity | None = None
    # What restore reads; nobody's rule depends on it, so that it may be anything.
    access_modes: Any = None
    capacity: Any = None
    storage_class_name: Any = None
    volume_mode: Any = None


class PersistentVolume(msgspec.Struct, frozen=True, omit_defaults=True):
    """A PersistentVolume."""

    metadata: Metadata
    spec: VolumeSpec

    def topology(self, *keys: str) -> list[tuple[str, str]]:
        """List what labels and node affinity say under these keys: (field, value)."""
        labels = self.metadata.labels or {}
        found = [(f"metadata.labels[{key}]", labels[key]) for key in keys if labels.get(key)]
        affinity = self.spec.node_affinity
        terms = affinity.required.node_selector_terms if affinity and affinity.required else ()
        for term in terms:
            for expression in term.match_expressions:
                if expression.key in keys and expression.operator == "In":
                    field = f"spec.nodeAffinity[{expression.key}]"
                    found += [(field, value) for value in expression.values]
        return found


class ClaimSpec(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """`spec` of a PersistentVolumeClaim."""

    volume_name: str = ""
    access_modes: Any = None
    resources: Any = None
    storage_class_name: Any = None
    volume_mode: Any = None


class PersistentVolumeClaim(msgspec.Struct, frozen=True, omit_defaults=True):
    """A PersistentVolumeClaim."""

    metadata: Metadata
    spec: ClaimSpec = ClaimSpec()


class SnapshotRule(msgspec.Struct, frozen=True, omit_defaults=True):
    """A SnapshotRule. Upstream's CRD had no schema, so its spec may be anything."""

    metadata: Metadata
    spec: Any = None


class SnapshotPolicy(msgspec.Struct, frozen=True, omit_defaults=True):
    """A SnapshotPolicy; cluster-scoped. Its spec may be anything where no CRD has a schema."""

    metadata: Metadata
    spec: Any = None


class Namespace(msgspec.Struct, frozen=True, omit_defaults=True):
    """A Namespace."""

    metadata: Metadata


class StorageClass(msgspec.Struct, frozen=True, omit_defaults=True):
    """A StorageClass."""

    metadata: Metadata


Object = (
    PersistentVolume
    | PersistentVolumeClaim
    | SnapshotRule
    | SnapshotPolicy
    | Namespace
    | StorageClass
)
#: Each kind, and where `objects.Objects` has those that were read.
KINDS: dict[str, tuple[type[Object], str]] = {
    "PersistentVolume": (PersistentVolume, "volumes"),
    "PersistentVolumeClaim": (PersistentVolumeClaim, "claims"),
    "SnapshotRule": (SnapshotRule, "rules"),
    "SnapshotPolicy": (SnapshotPolicy, "policies"),
    "Namespace": (Namespace, "namespaces"),
    "StorageClass": (StorageClass, "classes"),
}
#: The kinds of `k8s-snapshots.elsdoerfer.com`, with what their specs say.
OURS = {"SnapshotRule": SPEC, "SnapshotPolicy": POLICY_SPEC}
#: What people call several of a kind.
PLURALS = {"SnapshotRule": "SnapshotRules", "SnapshotPolicy": "SnapshotPolicies"}
#: The kinds of which each default level is read; see `settings.DEFAULT_SOURCES`.
DEFAULTS = {
    "namespaces": "Namespace", "storageclasses": "StorageClass", "policies": "SnapshotPolicy"
}  # fmt: skip


def known_spec(kind: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Give those fields of a rule's or policy's spec that mean something."""
    return {key: spec[key] for key in OURS[kind] if key in spec}
