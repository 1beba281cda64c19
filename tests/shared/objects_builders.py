"""Kubernetes objects in few words, as plain JSON, and what reads and plans them."""

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from functions.aws.volumes import EBSVolumes
from shared.kinds import POLICY_ANNOTATION
from shared.model import Disk, RuleSet, Source
from shared.objects import Objects, decode_list
from shared.planning.labels import AWS, Labels
from shared.planning.policy import Policy
from shared.rules.options import Options
from shared.rules.read import read_rules

Json = dict[str, Any]

DELTAS = "PT1H P1D P30D"
KEY = "backup.kubernetes.io/deltas"
VOL = "vol-0123456789abcdef0"
OTHER_VOL = "vol-0fedcba9876543210"
DISK = Disk("aws", "eu-west-1", VOL)
OTHER_DISK = Disk("aws", "eu-west-1", OTHER_VOL)
#: The policy of the cluster that `builders.snapshot` makes its snapshots for.
POLICY = Policy(labels=Labels(AWS, cluster="demo"))


def uid(namespace: str, name: str) -> str:
    """Give the uid that claim and claimRef share where nothing else is said."""
    return f"uid-{namespace}-{name}"


def volume(
    name: str = "pv-data",
    handle: str = VOL,
    *,
    claimed_by: tuple[str, str] | None = ("shop", "data"),
    claim_uid: str | None = None,
    deltas: Any = None,
    labels: Mapping[str, str] | None = None,
    zones: tuple[str, ...] = ("eu-west-1a",),
    storage_class: str = "",
    policy: Any = None,
    spec: Json | None = None,
) -> Json:
    """Make the volume of the EBS CSI driver in eu-west-1a that the claim `shop/data` is bound to.

    `spec` replaces the volume's source; without `zones` there is no node affinity.
    """
    source = {"csi": {"driver": "ebs.csi.aws.com", "volumeHandle": handle}}
    body: Json = dict(source if spec is None else spec)
    if claimed_by:
        given = uid(*claimed_by) if claim_uid is None else claim_uid
        body["claimRef"] = {"namespace": claimed_by[0], "name": claimed_by[1], "uid": given}
    if zones:
        body["nodeAffinity"] = affinity("topology.ebs.csi.aws.com/zone", *zones)
    if storage_class:
        body["storageClassName"] = storage_class
    metadata = _annotated({"name": name, "labels": dict(labels or {})}, deltas, policy)
    return {"kind": "PersistentVolume", "metadata": metadata, "spec": body}


def affinity(key: str, *values: str, operator: str = "In") -> Json:
    """Make a node affinity of one requirement."""
    expression = {"key": key, "operator": operator, "values": list(values)}
    return {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}


def claim(
    name: str = "data",
    namespace: str = "shop",
    *,
    volume: str = "pv-data",
    deltas: Any = None,
    policy: Any = None,
    labels: Mapping[str, str] | None = None,
    claim_uid: str | None = None,
) -> Json:
    """Make a claim that says it is bound to `volume`."""
    metadata: Json = {
        "name": name,
        "namespace": namespace,
        "uid": uid(namespace, name) if claim_uid is None else claim_uid,
    }
    if labels:
        metadata["labels"] = dict(labels)
    return {
        "kind": "PersistentVolumeClaim",
        "metadata": _annotated(metadata, deltas, policy),
        "spec": {"volumeName": volume} if volume else {},
    }


def namespace(name: str = "shop", deltas: Any = None, policy: Any = None, **labels: str) -> Json:
    """Make a Namespace."""
    metadata = _annotated({"name": name, "labels": labels}, deltas, policy)
    return {"kind": "Namespace", "metadata": metadata}


def storage_class(name: str = "gp3", deltas: Any = None, policy: Any = None) -> Json:
    """Make a StorageClass."""
    return {"kind": "StorageClass", "metadata": _annotated({"name": name}, deltas, policy)}


def snapshot_policy(name: str = "gold", deltas: Any = DELTAS, **selector: Any) -> Json:
    """Make a SnapshotPolicy; `everything=True` is an empty selector, nothing is none."""
    spec: Json = {"deltas": deltas}
    if selector:
        spec["selector"] = {} if selector.get("everything") else selector
    return {"kind": "SnapshotPolicy", "metadata": {"name": name}, "spec": spec}


def snapshot_rule(name: str = "nightly", namespace: str = "shop", **spec: Any) -> Json:
    """Make a SnapshotRule; without `deltas` it has some."""
    return with_spec({"deltas": DELTAS} | spec, name, namespace)


def with_spec(spec: Any, name: str = "nightly", namespace: str = "shop") -> Json:
    """Make a SnapshotRule with just this spec, whatever it is."""
    return {
        "kind": "SnapshotRule",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def by_disk(handle: str = VOL, region: str = "eu-west-1") -> Json:
    """Give the fields of a SnapshotRule that names an EBS volume."""
    return {"backend": "aws", "disk": {"region": region, "volumeId": handle}}


def decode(*items: Json) -> Objects:
    """Decode objects as if kubectl had printed them."""
    return decode_list(json.dumps({"kind": "List", "items": items}).encode(), "a test")


def read(*items: Json, **options: Any) -> RuleSet:
    """Read the rules of objects, with the options given."""
    return rules_of(decode(*items), **options)


def rules_of(objects: Objects, **options: Any) -> RuleSet:
    """Read the rules of objects that are decoded already."""
    return read_rules(objects, EBSVolumes(), Options(**options))


def annotated(item: Json, **annotations: str) -> Json:
    """Add annotations of our group to an object, such as `window`."""
    metadata = item["metadata"]
    more = {f"backup.kubernetes.io/{name}": text for name, text in annotations.items()}
    return item | {"metadata": metadata | {"annotations": metadata.get("annotations", {}) | more}}


def _annotated(metadata: Json, deltas: Any, policy: Any = None) -> Json:
    found = {KEY: deltas, POLICY_ANNOTATION: policy}
    annotations = {key: value for key, value in found.items() if value is not None}
    return metadata | ({"annotations": annotations} if annotations else {})


# Any small cluster of two namespaces

NAMESPACES = st.sampled_from(["a", "b"])
NAMES = st.sampled_from(["x", "y"])
VOLUMES = {f"pv-{i}": f"vol-{i:017x}" for i in range(3)}
SOME_DELTAS = st.sampled_from([DELTAS, "PT1H P1D", "typo", "", None])
UIDS = st.sampled_from([None, None, None, "", "stale"])
OWNERS = st.none() | st.tuples(NAMESPACES, NAMES)
TARGETS = st.one_of(
    st.sampled_from([*VOLUMES.values()]).map(by_disk),
    st.fixed_dictionaries({"persistentVolume": st.sampled_from([*VOLUMES])}),
    st.fixed_dictionaries({"persistentVolumeClaim": NAMES}),
)
CLAIMS = st.builds(
    claim,
    NAMES,
    NAMESPACES,
    volume=st.sampled_from(["", *VOLUMES]),
    deltas=SOME_DELTAS,
    claim_uid=UIDS,
)
RULES = st.builds(
    lambda name, namespace, target, deltas: with_spec(
        {"deltas": deltas, **target}, name, namespace
    ),
    NAMES,
    NAMESPACES,
    TARGETS,
    SOME_DELTAS,
)


@st.composite
def clusters(draw: st.DrawFn) -> tuple[list[Json], dict[Disk, str]]:
    """Draw a cluster's objects, and the namespace that each claimed disk belongs to.

    Most claims are bound to their volumes; others name strangers', or none.
    """
    items, owners = [], {}
    for name, handle in VOLUMES.items():
        owner = draw(OWNERS)
        items.append(volume(name, handle, claimed_by=owner, claim_uid=draw(UIDS)))
        if owner:
            owners[Disk("aws", "eu-west-1", handle)] = owner[0]
            if draw(st.integers(0, 3)):
                items.append(claim(owner[1], owner[0], volume=name, deltas=draw(SOME_DELTAS)))
    items += draw(st.lists(CLAIMS | RULES, max_size=8))
    # An API has one object of a name; the first is the one that is bound.
    unique = {naming(item): item for item in reversed(items)}
    return draw(st.permutations([*unique.values()])), owners


def naming(item: Json) -> Source:
    """Name an object as rules and problems do."""
    metadata = item["metadata"]
    return Source(item["kind"], metadata.get("namespace", ""), metadata["name"])
