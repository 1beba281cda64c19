"""The claim that is made anew: its name and its spec, from what is known of the old one. Pure.

Names from the cluster and from labels are untrusted input.
"""

from collections.abc import Sequence
from typing import Any

from shared.errors import RequestError
from shared.model import Snapshot
from shared.planning.labels import CLAIM, NAMESPACE, VOLUME
from shared.restore.names import MAX_NAME, as_name, cut, is_namespace
from shared.restore.request import RestoreRequest, is_asked, is_current
from shared.restore.sizes import as_size, in_bytes
from shared.restore.volumes import ACCESS_MODES, ClusterVolume


def old_volume(
    request: RestoreRequest, snapshot: Snapshot, volumes: Sequence[ClusterVolume]
) -> ClusterVolume:
    """Choose the volume that tells class and modes: the snapshot's own, else the one there is."""
    asked = [v for v in volumes if is_asked(request, v)]
    own = [v for v in volumes if v.disk == snapshot.disk]
    best = sorted(asked, key=lambda v: not is_current(request, v))
    return next(iter([*[v for v in own if v in asked], *own, *best]), ClusterVolume())


def new_name(
    request: RestoreRequest,
    snapshot: Snapshot,
    old: ClusterVolume,
    volumes: Sequence[ClusterVolume],
) -> tuple[str, str]:
    """Give namespace and name of the new claim; never those of one that lives.

    Raises:
        RequestError: where the namespace is not known, or the name is that of a live claim.
    """
    said = {key: snapshot.labels.get(key, "") for key in (NAMESPACE, CLAIM, VOLUME)}
    home = request.namespace or old.namespace or said[NAMESPACE]
    namespace = request.into or home
    if not is_namespace(namespace):
        raise RequestError(f"the namespace of {request} is not known; name one with --namespace")
    claim = request.claim or old.claim or said[CLAIM]
    disk = snapshot.disk.name.rpartition("/")[2]
    base = claim or request.volume or old.volume or said[VOLUME] or disk
    suffix = f"-restored-{snapshot.started:%y%m%d-%H%M%S}"
    name = request.name or cut(as_name(base), MAX_NAME, suffix)
    living = {(v.namespace, v.claim) for v in volumes if v.claimed}
    if (namespace, name) == (home, claim) or (request.name and (namespace, name) in living):
        raise RequestError(
            f"claim {namespace}/{name} is not to be touched; choose another --name, or another "
            "--namespace"
        )
    return namespace, name


def new_spec(
    request: RestoreRequest, old: ClusterVolume, size: str | None, driver: str
) -> tuple[dict[str, Any], list[str]]:
    """Give the new claim's spec without its source, and say what was assumed.

    Args:
        request: what was asked for.
        old: what `old_volume` chose.
        size: the snapshot's, where the cloud tells it.
        driver: that makes the disk.

    Raises:
        RequestError: where the size is too small, or nothing tells it.
    """
    storage, guessed = _storage(request, old, size)
    spec: dict[str, Any] = {
        "accessModes": list(old.access_modes or ACCESS_MODES[:1]),
        "resources": {"requests": {"storage": storage}},
    }
    notes = []
    if not old.access_modes:
        notes.append("Assumed: accessModes ReadWriteOnce; those of the volume are not known.")
    notes += [*guessed, *_class_notes(old, driver)]
    if old.storage_class:
        spec["storageClassName"] = old.storage_class
    if old.volume_mode:
        spec["volumeMode"] = old.volume_mode
    else:
        notes.append("Assumed: volumeMode Filesystem, the default; the volume's is not known.")
    return spec, notes


def _storage(
    request: RestoreRequest, old: ClusterVolume, size: str | None
) -> tuple[str, list[str]]:
    """Give the size: what is asked for, or the larger of the snapshot's and the volume's."""
    told = as_size(size)
    least = told or old.size
    if request.size:
        if least and in_bytes(request.size) < in_bytes(least):
            raise RequestError(f"--size {request.size} is less than {least}, which is needed")
        return request.size, []
    if not least:
        raise RequestError(
            "the size of the disk is not known: neither the cloud nor an object has it. Add "
            "--size, such as --size 200Gi; a larger size is safe"
        )
    guessed = f"Assumed: size {least}, the volume's; the snapshot's own is not known."
    return max(least, old.size or least, key=in_bytes), [] if told else [guessed]


def _class_notes(old: ClusterVolume, driver: str) -> list[str]:
    """Say what the new claim's StorageClass must have, where that is not certain."""
    if not old.storage_class:
        return [
            "Assumed: the cluster's default StorageClass; the volume's is not known. Its "
            f"provisioner must be {driver}."
        ]
    if old.volume and old.driver != driver:
        of = f"driver {old.driver}" if old.driver else "the in-tree plugin"
        return [
            f"Check: the volume is of {of}. StorageClass {old.storage_class} must have the "
            f"provisioner {driver}; else write one that has."
        ]
    return []
