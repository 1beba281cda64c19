"""From a snapshot back to a claim: the manifests by which the CSI driver makes a new disk. Pure.

Nothing that lives is touched: what is made has names of its own, and lets the cloud's snapshot be
when it is deleted. Names from the cluster and from labels are untrusted input.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from shared.errors import RequestError
from shared.model import Snapshot
from shared.planning.labels import CLAIM, NAMESPACE, VOLUME, Labels
from shared.restore.origins import (
    ACCESS_MODES,
    MAX_SUBDOMAIN,
    Origin,
    RestoreRequest,
    as_size,
    in_bytes,
    is_asked,
    is_name,
    is_namespace,
    is_present,
    utc,
)
from shared.text import printable, shorten, words

#: A new name is cut to what a label's value may hold too, since tools write names there.
MAX_NAME = 63
_SNAPSHOT_GROUP = "snapshot.storage.k8s.io"


@dataclass(frozen=True, slots=True)
class _Cloud:
    """What a cloud's CSI driver calls things."""

    driver: str
    handle: str
    where: str
    keep: str


_CLOUDS = {
    # docs/snapshot.md of aws-ebs-csi-driver, "snapshot-import".
    "aws": _Cloud(
        "ebs.csi.aws.com",
        "{id}",
        "The snapshot is of region {scope} and serves every zone of it; for another region or "
        "account copy or share it first.",
        "aws ec2 create-tags --region {scope} --resources {id} --tags Key={key},Value=true",
    ),
    # SnapshotIDToProjectKey of gcp-compute-persistent-disk-csi-driver.
    "google": _Cloud(
        "pd.csi.storage.gke.io",
        "projects/{scope}/global/snapshots/{id}",
        "The snapshot is global in project {scope} and serves every region; a cluster of another "
        "project needs compute.snapshots.useReadOnly of it.",
        "gcloud compute snapshots add-labels {id} --project={scope} --labels={key}=true",
    ),
}


class Restore(NamedTuple):
    """The manifests, in the order of their making, and what is to be said of them.

    `notes` says what was found and what was assumed; `commands` what to do next, each as what it
    does and its line.
    """

    snapshot: Snapshot
    notes: tuple[str, ...]
    commands: tuple[tuple[str, str], ...]
    manifests: tuple[dict[str, Any], ...]


def restore(
    request: RestoreRequest,
    snapshot: Snapshot,
    origins: Sequence[Origin],
    labels: Labels,
    now: datetime,
    *,
    size: str | None = None,
    missing: str = "",
) -> Restore:
    """Make the manifests that bring a snapshot back beside what lives.

    Args:
        request: what was asked for.
        snapshot: what `find` chose.
        origins: what `read_origins` read.
        labels: what labels mean.
        now: the time of day.
        size: of the snapshotted disk, such as `200Gi`, where the cloud tells it.
        missing: why snapshots may be missing from the listing; empty where none are.

    Raises:
        RequestError: where name, namespace or size would not do.
    """
    cloud = _CLOUDS.get(snapshot.disk.provider)
    if cloud is None:
        raise RequestError(f"no CSI driver is known for disks of {shorten(snapshot.disk.provider)}")
    origin = _origin_of(request, snapshot, origins)
    namespace, name = _new_name(request, snapshot, origin, origins)
    notes = [
        f"Restores {request} from {shorten(snapshot.id)}, beside what lives, which is not touched.",
        _dated(snapshot, now),
        *_doubts(request, snapshot, origins, labels, missing),
    ]
    spec = _claim_spec(request, origin, size, cloud, notes)
    # A namespace has no dot, so that no two claims share the cluster-wide name.
    content = _cut(f"{namespace}.{name}", MAX_SUBDOMAIN, "")
    driver = origin.driver or cloud.driver
    notes.append(f"Needs the driver {driver}, and the CRDs and controller of snapshots.")
    notes.append(cloud.where.format(scope=snapshot.disk.scope))
    handle = cloud.handle.format(scope=snapshot.disk.scope, id=snapshot.id)
    mode = origin.volume_mode if origin.disk == snapshot.disk else ""
    # Left out it is unknown, which the driver's provisioner takes for any.
    source_mode = {"sourceVolumeMode": mode} if mode else {}
    manifests: tuple[dict[str, Any], ...] = (
        _object("VolumeSnapshotContent", {"name": content}, {
            "deletionPolicy": "Retain",  # our backup outlives every object that stands for it
            "driver": driver,
            "source": {"snapshotHandle": handle},
            **source_mode,
            "volumeSnapshotRef": {
                "apiVersion": f"{_SNAPSHOT_GROUP}/v1",
                "kind": "VolumeSnapshot",
                "namespace": namespace,
                "name": name,
            },
        }),
        _object("VolumeSnapshot", {"namespace": namespace, "name": name}, {
            "source": {"volumeSnapshotContentName": content},
        }),
        _object("PersistentVolumeClaim", {"namespace": namespace, "name": name}, spec | {
            "dataSource": {
                "apiGroup": _SNAPSHOT_GROUP,
                "kind": "VolumeSnapshot",
                "name": name,
            },
        }),
    )  # fmt: skip
    commands = _commands(namespace, name, content)
    words_of = {"scope": snapshot.disk.scope, "id": snapshot.id, "key": labels.keep_key}
    if all(re.fullmatch(r"[-\w.:/]+", word, re.ASCII) for word in words_of.values()):
        keep = ("Keep the snapshot from expiring meanwhile:", cloud.keep.format(**words_of))
        commands = (keep, *commands)
    return Restore(snapshot, tuple(notes), commands, manifests)


def to_yaml(found: Restore) -> str:
    """Write what `kubectl apply -f -` takes, notes and commands above it as comments."""
    import yaml

    class Dumper(yaml.SafeDumper):
        pass

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        style = None if _is_plain(value) else '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    lines = [*found.notes, *(line for what, how in found.commands for line in (what, f"  {how}"))]
    comments = "".join(f"# {printable(line)}\n" for line in lines)
    documents: str = yaml.dump_all(
        found.manifests, Dumper=Dumper, sort_keys=False, explicit_start=True, width=1000
    )
    return comments + documents


def to_builtins(found: Restore) -> dict[str, Any]:
    """Give what `--json` prints; `manifests` is a List that `kubectl apply -f -` takes."""
    snapshot = found.snapshot
    return {
        "snapshot": snapshot.id,
        "disk": snapshot.disk.id,
        "started": snapshot.started.isoformat(),
        "notes": list(found.notes),
        "commands": [{"what": what, "command": how} for what, how in found.commands],
        "manifests": {"apiVersion": "v1", "kind": "List", "items": list(found.manifests)},
    }


def _origin_of(request: RestoreRequest, snapshot: Snapshot, origins: Sequence[Origin]) -> Origin:
    """Choose the volume that tells class and modes: the snapshot's own, else the one there is."""
    asked = [o for o in origins if is_asked(request, o)]
    own = [o for o in origins if o.disk == snapshot.disk]
    best = sorted(asked, key=lambda o: not is_present(request, o))
    return next(iter([*[o for o in own if o in asked], *own, *best]), Origin())


def _new_name(
    request: RestoreRequest, snapshot: Snapshot, origin: Origin, origins: Sequence[Origin]
) -> tuple[str, str]:
    """Give namespace and name of the new claim; never those of one that lives."""
    said = {key: snapshot.labels.get(key, "") for key in (NAMESPACE, CLAIM, VOLUME)}
    home = request.namespace or origin.namespace or said[NAMESPACE]
    namespace = request.into or home
    if not is_namespace(namespace):
        raise RequestError(f"the namespace of {request} is not known; name one with --namespace")
    claim = request.claim or origin.claim or said[CLAIM]
    disk = snapshot.disk.name.rpartition("/")[2]
    base = claim or request.volume or origin.volume or said[VOLUME] or disk
    name = request.name or _cut(
        _clean(base), MAX_NAME, f"-restored-{snapshot.started:%y%m%d-%H%M%S}"
    )
    living = {(o.namespace, o.claim) for o in origins if o.claimed}
    if (namespace, name) == (home, claim) or (request.name and (namespace, name) in living):
        raise RequestError(
            f"claim {namespace}/{name} is not to be touched; choose another --name, or another "
            "--namespace"
        )
    return namespace, name


def _claim_spec(
    request: RestoreRequest, origin: Origin, size: str | None, cloud: _Cloud, notes: list[str]
) -> dict[str, Any]:
    """Give the new claim's spec without its source; note what was assumed."""
    spec: dict[str, Any] = {"accessModes": list(origin.access_modes or ACCESS_MODES[:1])}
    if not origin.access_modes:
        notes.append("Assumed: accessModes ReadWriteOnce; nothing tells those of the volume.")
    spec["resources"] = {"requests": {"storage": _storage(request, origin, size, notes)}}
    if origin.storage_class:
        spec["storageClassName"] = origin.storage_class
    else:
        notes.append(
            "Assumed: the cluster's default StorageClass; nothing tells the volume's. Its "
            f"provisioner must be {origin.driver or cloud.driver}."
        )
    if origin.storage_class and origin.volume and not origin.driver:
        notes.append(
            f"Check: the volume is of the in-tree plugin. StorageClass {origin.storage_class} must "
            f"have the provisioner {cloud.driver}; else write one that has."
        )
    if origin.volume_mode:
        spec["volumeMode"] = origin.volume_mode
    else:
        notes.append("Assumed: volumeMode Filesystem, the default; nothing tells the volume's.")
    return spec


def _storage(request: RestoreRequest, origin: Origin, size: str | None, notes: list[str]) -> str:
    """Give the size: what is asked for, or the larger of the snapshot's and the volume's."""
    told = as_size(size)
    least = told or origin.size
    if request.size:
        if least and in_bytes(request.size) < in_bytes(least):
            raise RequestError(f"--size {request.size} is less than {least}, which is needed")
        return request.size
    if not least:
        raise RequestError(
            "neither the cloud nor an object tells how large the disk was; say it with --size, "
            "such as --size 200Gi; more does no harm"
        )
    if not told:
        notes.append(f"Assumed: size {least}, the volume's; the snapshot's own is not known.")
    return max(least, origin.size or least, key=in_bytes)


def _dated(snapshot: Snapshot, now: datetime) -> str:
    age = (
        f"{words(now - snapshot.started)} ago" if snapshot.started <= now else "dated ahead of now"
    )
    return f"Snapshot of disk {shorten(snapshot.disk.id)}, begun {utc(snapshot.started)}, {age}."


def _doubts(
    request: RestoreRequest,
    snapshot: Snapshot,
    origins: Sequence[Origin],
    labels: Labels,
    missing: str,
) -> Iterable[str]:
    """Say what whoever applies this should look at twice."""
    asked = [o for o in origins if o.disk and is_asked(request, o)]
    present = [o.disk for o in asked if o.disk and is_present(request, o)]
    known = snapshot.disk in [o.disk for o in asked]
    if not known and not request.disk:
        yield "Found by its labels: no object tells that the disk was this one's."
        if not labels.encoding.exact:
            yield "Check: labels are not exact here; other names may be written alike."
    if present and snapshot.disk not in present:
        yield f"Check: this is an earlier disk; now it is {', '.join(d.id for d in present)}."
    elif known and not present:
        yield "Check: the disk is that of an earlier claim of the same name."
    if missing:
        yield f"Check: snapshots may be missing here, newer ones too: {shorten(missing, 300)}"


def _commands(namespace: str, name: str, content: str) -> tuple[tuple[str, str], ...]:
    return (
        ("Apply, by piping this into:", "kubectl apply -f -"),
        ("Look; most classes make the disk once a pod uses the claim:",
         f"kubectl -n {namespace} get volumesnapshot,pvc"),
        ("Clean up; the cloud's snapshot stays (Retain), the new disk goes if its class says so:",
         f"kubectl -n {namespace} delete pvc/{name} volumesnapshot/{name} && "
         f"kubectl delete volumesnapshotcontent/{content}"),
    )  # fmt: skip


def _object(kind: str, metadata: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    version = "v1" if kind == "PersistentVolumeClaim" else f"{_SNAPSHOT_GROUP}/v1"
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def _clean(text: str) -> str:
    """Make a name of anything."""
    if is_name(text):
        return text
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "volume"


def _cut(base: str, limit: int, suffix: str) -> str:
    """Join base and suffix; where that is too long, a hash stands for what is cut of the base."""
    if len(base) + len(suffix) > limit:
        digest = hashlib.sha256(base.encode()).hexdigest()[:6]
        suffix = f"-{digest}{suffix}"
        base = base[: limit - len(suffix)].rstrip("-.")
    return base + suffix


#: What any reader of YAML takes for text without quotes. PyYAML alone does not tell: 1e3, 0o7 and
#: y are texts to it, and none to the reader in kubectl.
_PLAIN = re.compile(r"[A-Za-z][-A-Za-z0-9]*(?:[./][-A-Za-z0-9]+)*")
_NOT_TEXT = frozenset(("y", "n", "yes", "no", "true", "false", "on", "off", "null"))


def _is_plain(text: str) -> bool:
    return bool(_PLAIN.fullmatch(text)) and text.lower() not in _NOT_TEXT
