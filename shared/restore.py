"""From a snapshot back to a claim: the manifests by which the CSI driver makes a new disk. Pure.

Nothing that lives is touched: what is made has names of its own, and lets the cloud's snapshot be
when it is deleted. Names from the cluster and from labels are untrusted input.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from shared.due import words
from shared.errors import RequestError, UnknownDisk
from shared.labels import CLAIM, CLUSTER, NAMESPACE, VOLUME, Labels
from shared.model import Disk, Snapshot, printable, shorten
from shared.objects import Objects, PersistentVolume, PersistentVolumeClaim
from shared.policy import CLOCK_SKEW
from shared.ports import Volumes

#: The snapshots that a message names.
NEAREST = 3
#: A new name is cut to what a label's value may hold too, since tools write names there.
MAX_NAME = 63
#: Kubernetes' limit on the names of most objects (DNS subdomain, RFC 1123).
MAX_SUBDOMAIN = 253

_SNAPSHOT_GROUP = "snapshot.storage.k8s.io"
_WORD = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"{_WORD}(?:\.{_WORD})*")
_ACCESS_MODES = ("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod")
_VOLUME_MODES = ("Filesystem", "Block")
_QUANTITY = re.compile(r"(\d{1,18}(?:\.\d{1,9})?)(m|[kMGTPE]|[KMGTPE]i|[eE]\d{1,2})?")
_POWERS = "KMGTPE"


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


class RestoreRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be restored, and as what.

    One of `claim` (with its `namespace`), `volume` and `disk` is given. `at` asks for the newest
    snapshot begun by then, `snapshot` for a certain one; neither, for the newest. `name` and
    `into` are the new claim's name and namespace, `size` its size.
    """

    namespace: str = ""
    claim: str = ""
    volume: str = ""
    disk: str = ""
    at: datetime | None = None
    snapshot: str = ""
    name: str = ""
    into: str = ""
    size: str = ""

    def __str__(self) -> str:
        if self.claim:
            return f"claim {self.namespace}/{self.claim}"
        return f"volume {self.volume}" if self.volume else f"disk {shorten(self.disk)}"


def parse_restore(
    now: datetime,
    *,
    claim: str | None = None,
    volume: str | None = None,
    disk: str | None = None,
    at: str | None = None,
    snapshot: str | None = None,
    name: str | None = None,
    into: str | None = None,
    size: str | None = None,
) -> RestoreRequest:
    """Read what the command line says; None is what was not given.

    Raises:
        RequestError: names the argument and what would do.
    """
    given = [key for key, text in (("--claim", claim), ("--volume", volume), ("--disk", disk))
             if text is not None]  # fmt: skip
    if len(given) != 1:
        what = " and ".join(given) if given else "nothing"
        raise RequestError(f"{what} given; name one of --claim NAMESPACE/NAME, --volume, --disk")
    if at is not None and snapshot is not None:
        raise RequestError("--at and --snapshot both choose the snapshot; give one of them")
    for key, text in (("--disk", disk), ("--snapshot", snapshot)):
        if text is not None and not text.strip():
            raise RequestError(f"{key} is empty")
    namespace = ""
    if claim is not None:
        namespace, slash, claim = claim.partition("/")
        if not slash or not _is_namespace(namespace) or not _is_name(claim):
            written = f"{namespace}{slash}{claim}"
            raise RequestError(f"--claim {shorten(written)}: write NAMESPACE/NAME, as shop/data")
    for key, text, valid in (("--volume", volume, _is_name), ("--name", name, _is_name),
                             ("--namespace", into, _is_namespace)):  # fmt: skip
        if text is not None and not valid(text):
            raise RequestError(f"{key} {shorten(text)}: is no name that Kubernetes takes: lowercase"
                               " letters, digits and -")  # fmt: skip
    if size is not None and not _bytes(size):
        raise RequestError(f"--size {shorten(size)}: is no size; one such as 200Gi would do")
    return RestoreRequest(
        namespace=namespace,
        claim=claim or "",
        volume=volume or "",
        disk=disk or "",
        at=None if at is None else _time(at, now),
        snapshot=snapshot or "",
        name=name or "",
        into=into or "",
        size=size or "",
    )


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What a disk is to the cluster, as far as the objects tell it; what they do not is empty.

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


def read_origins(
    objects: Objects | None,
    volumes: Volumes,
    locate: Callable[[Collection[Disk]], Mapping[Disk, Disk | UnknownDisk]] | None = None,
) -> list[Origin]:
    """Read what the disks of this cloud are to the cluster; nothing where there are no objects.

    Only a volume's claimRef says whose it is, never a claim. `locate` is the provider's, for disks
    that the objects do not place.
    """
    if objects is None:
        return []
    claims = {(c.metadata.namespace, c.metadata.name): c for c in objects.claims}
    found, served = [], set()
    for volume in objects.volumes:
        try:
            disk = volumes.from_volume(volume)
        except UnknownDisk:
            disk = None
        else:
            if disk is None:
                continue
        ref = volume.spec.claim_ref
        claim = claims.get((ref.namespace, ref.name)) if ref else None
        origin = _origin(volume, claim, disk)
        found.append(origin)
        if origin.bound:
            served.add((origin.namespace, origin.claim))
    found += [
        Origin(namespace=namespace, claim=name, claimed=True, **_wanted(claim))
        for (namespace, name), claim in claims.items()
        if (namespace, name) not in served
    ]
    places = locate({o.disk for o in found if o.disk}) if locate else {}
    found.sort(key=lambda o: (o.namespace, o.claim, not o.bound, o.volume))
    return [_placed(origin, places) for origin in found]


def scopes_of(request: RestoreRequest, origins: Sequence[Origin]) -> list[str]:
    """List the scopes where the snapshots lie, as far as request and objects tell; perhaps none."""
    scopes = {o.disk.scope for o in origins if o.disk and _asked(request, o)}
    match = re.fullmatch(r"[a-z]+:([^/]+)/.+", request.disk)
    return sorted(scopes | ({match[1]} if match else set()))


def find(
    request: RestoreRequest,
    snapshots: Iterable[Snapshot],
    origins: Sequence[Origin],
    labels: Labels,
    now: datetime,
) -> Snapshot:
    """Choose the snapshot: of the disk that is the request's now, or else by what labels say.

    Raises:
        RequestError: where none would do; says what would.
    """
    everything = list(snapshots)
    known = _known(request, everything, origins, labels)
    if request.snapshot:
        return _certain(request, everything, known)
    good = [s for s in known if s.state == "completed" and s.started <= now + CLOCK_SKEW]
    if not good:
        others = f": {_count(known)}" if known else _elsewhere(request, everything, labels)
        raise RequestError(f"there is no completed snapshot of {request}{others}")
    present = {o.disk for o in origins if _asked(request, o) and _is_present(request, o)}
    by = request.at
    fit = [s for s in good if by is None or s.started <= by]
    if by is not None and not fit:
        raise RequestError(
            f"no completed snapshot of {request} began at {_utc(by)} or before; the nearest are "
            f"{_list(good)}"
        )
    return max(fit, key=lambda s: (s.disk in present, s.started, s.id))


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


def _time(text: str, now: datetime) -> datetime:
    try:
        time = datetime.fromisoformat(text.strip().upper())
        time = (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise RequestError(
            f"--at {shorten(text)}: is no time; write it as 2026-06-14T18:00Z; without a zone it "
            "is UTC"
        ) from None
    if time > now:
        raise RequestError(f"--at {_utc(time)} lies ahead; it is {_utc(now)}")
    return time


def _origin(
    volume: PersistentVolume, claim: PersistentVolumeClaim | None, disk: Disk | None
) -> Origin:
    spec, ref = volume.spec, volume.spec.claim_ref
    bound = bool(ref and claim and ref.uid and ref.uid == claim.metadata.uid)
    capacity = spec.capacity.get("storage") if isinstance(spec.capacity, Mapping) else None
    said: dict[str, Any] = {
        "size": _size(capacity),
        "storage_class": _class(spec.storage_class_name),
        "access_modes": _modes(spec.access_modes),
        "volume_mode": _mode(spec.volume_mode),
    }
    wanted = _wanted(claim) if claim and bound else {}
    return Origin(
        disk=disk,
        namespace=ref.namespace if ref else "",
        claim=ref.name if ref else "",
        volume=volume.metadata.name,
        bound=bound,
        claimed=claim is not None,
        driver=spec.csi.driver if spec.csi else "",
        **{key: value or wanted.get(key, value) for key, value in said.items()},
    )


def _wanted(claim: PersistentVolumeClaim) -> dict[str, Any]:
    """Read what a claim asks for."""
    spec = claim.spec
    requests = spec.resources.get("requests") if isinstance(spec.resources, Mapping) else None
    return {
        "size": _size(requests.get("storage") if isinstance(requests, Mapping) else None),
        "storage_class": _class(spec.storage_class_name),
        "access_modes": _modes(spec.access_modes),
        "volume_mode": _mode(spec.volume_mode),
    }


def _placed(origin: Origin, places: Mapping[Disk, Disk | UnknownDisk]) -> Origin:
    place = places.get(origin.disk, origin.disk) if origin.disk else None
    return msgspec.structs.replace(origin, disk=place if isinstance(place, Disk) else None)


def _asked(request: RestoreRequest, origin: Origin) -> bool:
    """Tell whether a volume or claim is what the request names."""
    if request.claim:
        return (origin.namespace, origin.claim) == (request.namespace, request.claim)
    if request.volume:
        return origin.volume == request.volume
    return origin.disk is not None and _is_disk(request, origin.disk)


def _is_disk(request: RestoreRequest, disk: Disk) -> bool:
    return bool(request.disk) and request.disk in (disk.id, disk.name)


def _is_present(request: RestoreRequest, origin: Origin) -> bool:
    """Tell an earlier volume of the same claim from the one that it has now."""
    return origin.bound or not (request.claim and origin.claimed)


def _known(
    request: RestoreRequest,
    snapshots: Iterable[Snapshot],
    origins: Sequence[Origin],
    labels: Labels,
) -> list[Snapshot]:
    """Select the snapshots of what is asked for, the oldest first."""
    disks = {o.disk for o in origins if o.disk and _asked(request, o)}
    # Where labels are not exact, a.b and a-b share a label; the cluster knows which disk is whose.
    exact = labels.encoding.exact
    others = set() if exact else {o.disk for o in origins if o.claim and not _asked(request, o)}
    found, clusters = [], set()
    for snapshot in snapshots:
        if not labels.ours(snapshot):
            continue
        if snapshot.disk in disks or _is_disk(request, snapshot.disk):
            found.append(snapshot)
        elif (
            _labelled(request, snapshot, labels)
            and snapshot.disk not in others
            and not (labels.cluster and labels.owner(snapshot) == "other")
        ):
            found.append(snapshot)
            clusters.add(snapshot.labels.get(CLUSTER, ""))
    if not labels.cluster and len(clusters - {""}) > 1:
        raise RequestError(
            f"several clusters have a {request}: {', '.join(map(shorten, sorted(clusters - {''})))}"
            "; CLUSTER_ID says which is meant"
        )
    return sorted(found, key=lambda s: (s.started, s.id))


def _labelled(request: RestoreRequest, snapshot: Snapshot, labels: Labels) -> bool:
    """Tell whether the labels of a snapshot name what is asked for."""
    if request.claim:
        wanted = {NAMESPACE: request.namespace, CLAIM: request.claim}
    elif request.volume:
        wanted = {VOLUME: request.volume}
    else:
        return False
    return all(snapshot.labels.get(k) == labels.encoding.value(v) for k, v in wanted.items())


def _certain(
    request: RestoreRequest, everything: Iterable[Snapshot], known: Sequence[Snapshot]
) -> Snapshot:
    """Give the snapshot that is asked for by its id."""
    name = shorten(request.snapshot)
    completed = [s for s in known if s.state == "completed"]
    would_do = f"; the newest are {_list(completed[::-1])}" if completed else ""
    chosen = next((s for s in known if s.id == request.snapshot), None)
    if chosen is None:
        other = next((s for s in everything if s.id == request.snapshot), None)
        if other is None:
            why = "is not there, or does not bear our label"
        else:
            why = f"is of disk {shorten(other.disk.id)}, not of {request}"
    elif chosen.state == "failed":
        why = "failed: it is no backup"
    elif chosen.state == "pending":
        why = "is still pending; wait until it is completed"
    else:
        return chosen
    raise RequestError(f"--snapshot {name} {why}{would_do}")


def _elsewhere(request: RestoreRequest, snapshots: Iterable[Snapshot], labels: Labels) -> str:
    """Name the clusters whose snapshots would have done."""
    others = {
        shorten(s.labels.get(CLUSTER, ""))
        for s in snapshots
        if labels.ours(s) and labels.owner(s) == "other" and _labelled(request, s, labels)
    }
    if others:
        return f", but of cluster {', '.join(sorted(others))}: set CLUSTER_ID to restore that"
    return "; check region or project, and the author label"


def _origin_of(request: RestoreRequest, snapshot: Snapshot, origins: Sequence[Origin]) -> Origin:
    """Choose the volume that tells class and modes: the snapshot's own, else the one there is."""
    asked = [o for o in origins if _asked(request, o)]
    own = [o for o in origins if o.disk == snapshot.disk]
    best = sorted(asked, key=lambda o: not _is_present(request, o))
    return next(iter([*[o for o in own if o in asked], *own, *best]), Origin())


def _new_name(
    request: RestoreRequest, snapshot: Snapshot, origin: Origin, origins: Sequence[Origin]
) -> tuple[str, str]:
    """Give namespace and name of the new claim; never those of one that lives."""
    said = {key: snapshot.labels.get(key, "") for key in (NAMESPACE, CLAIM, VOLUME)}
    home = request.namespace or origin.namespace or said[NAMESPACE]
    namespace = request.into or home
    if not _is_namespace(namespace):
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
    spec: dict[str, Any] = {"accessModes": list(origin.access_modes or _ACCESS_MODES[:1])}
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
    told = _size(size)
    least = told or origin.size
    if request.size:
        if least and _bytes(request.size) < _bytes(least):
            raise RequestError(f"--size {request.size} is less than {least}, which is needed")
        return request.size
    if not least:
        raise RequestError(
            "neither the cloud nor an object tells how large the disk was; say it with --size, "
            "such as --size 200Gi; more does no harm"
        )
    if not told:
        notes.append(f"Assumed: size {least}, the volume's; the snapshot's own is not known.")
    return max(least, origin.size or least, key=_bytes)


def _dated(snapshot: Snapshot, now: datetime) -> str:
    age = (
        f"{words(now - snapshot.started)} ago" if snapshot.started <= now else "dated ahead of now"
    )
    return f"Snapshot of disk {shorten(snapshot.disk.id)}, begun {_utc(snapshot.started)}, {age}."


def _doubts(
    request: RestoreRequest,
    snapshot: Snapshot,
    origins: Sequence[Origin],
    labels: Labels,
    missing: str,
) -> Iterable[str]:
    """Say what whoever applies this should look at twice."""
    asked = [o for o in origins if o.disk and _asked(request, o)]
    present = [o.disk for o in asked if o.disk and _is_present(request, o)]
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


def _is_name(text: str) -> bool:
    return len(text) <= MAX_SUBDOMAIN and bool(_SUBDOMAIN.fullmatch(text))


def _is_namespace(text: str) -> bool:
    return len(text) <= 63 and "." not in text and _is_name(text)


def _clean(text: str) -> str:
    """Make a name of anything."""
    if _is_name(text):
        return text
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "volume"


def _cut(base: str, limit: int, suffix: str) -> str:
    """Join base and suffix; where that is too long, a hash stands for what is cut of the base."""
    if len(base) + len(suffix) > limit:
        digest = hashlib.sha256(base.encode()).hexdigest()[:6]
        suffix = f"-{digest}{suffix}"
        base = base[: limit - len(suffix)].rstrip("-.")
    return base + suffix


def _bytes(size: str) -> Decimal:
    """Read a quantity of Kubernetes; zero for what is none."""
    match = _QUANTITY.fullmatch(size)
    if not match or not size.isascii():
        return Decimal(0)
    number, unit = Decimal(match[1]), match[2] or ""
    if unit[:1] in ("e", "E") and len(unit) > 1 and unit[1].isdigit():
        return number * Decimal(10) ** int(unit[1:])
    if unit == "m":
        return number / 1000
    power = _POWERS.index(unit[0].upper()) + 1 if unit else 0
    return number * Decimal(1024 if unit.endswith("i") else 1000) ** power


def _size(value: object) -> str:
    """Read a size; numbers are bytes."""
    if isinstance(value, int) and 0 < value < 2**63:
        value = str(int(value))
    return value if isinstance(value, str) and _bytes(value) else ""


def _class(value: object) -> str:
    return value if isinstance(value, str) and _is_name(value) else ""


def _mode(value: object) -> str:
    return value if isinstance(value, str) and value in _VOLUME_MODES else ""


def _modes(value: object) -> tuple[str, ...]:
    return tuple(m for m in _ACCESS_MODES if m in value) if isinstance(value, list) else ()


#: What any reader of YAML takes for text without quotes. PyYAML alone does not tell: 1e3, 0o7 and
#: y are texts to it, and none to the reader in kubectl.
_PLAIN = re.compile(r"[A-Za-z][-A-Za-z0-9]*(?:[./][-A-Za-z0-9]+)*")
_NOT_TEXT = frozenset(("y", "n", "yes", "no", "true", "false", "on", "off", "null"))


def _is_plain(text: str) -> bool:
    return bool(_PLAIN.fullmatch(text)) and text.lower() not in _NOT_TEXT


def _utc(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _list(snapshots: Sequence[Snapshot]) -> str:
    """Name the first few of some snapshots."""
    return ", ".join(f"{shorten(s.id)} ({_utc(s.started)})" for s in snapshots[:NEAREST])


def _count(snapshots: Collection[Snapshot]) -> str:
    states = sorted({s.state for s in snapshots})
    return ", ".join(f"{sum(s.state == state for s in snapshots)} {state}" for state in states)
