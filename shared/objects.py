"""The Kubernetes objects of one read, with those that cannot be decoded.

Objects are decoded one by one, so that a malformed one is one problem and never fails a page.
"""

from collections.abc import Collection, Iterable
from datetime import timedelta
from itertools import chain
from typing import Any

import msgspec

from shared.errors import ClusterError
from shared.kinds import (
    KINDS,
    OURS,
    Namespace,
    Object,
    PersistentVolume,
    PersistentVolumeClaim,
    SnapshotPolicy,
    SnapshotRule,
    StorageClass,
    known_spec,
)
from shared.model import Problem, Source
from shared.text import shorten
from shared.tolerant_json import UNREADABLE, decode

#: Bytes of a status that are kept; the API server bounds only the whole object.
LONGEST_STATUS = 65536


class Objects(msgspec.Struct):
    """All objects of one read, with a problem for each that could not be decoded.

    `read_from` says where they were read, for the report; `age` is that of a mirror. `absent` are
    kinds that the API does not know; `refused` those that are wanted and could not be listed, with
    why. `foreign` counts the objects of other kinds. `annotations` are the keys that are kept as
    objects are added, and `labels` those that selectors ask for; None keeps all. `manifests` are
    `kind`, `metadata` and `status` of our own kinds, as JSON.
    """

    read_from: str
    volumes: list[PersistentVolume] = []
    claims: list[PersistentVolumeClaim] = []
    rules: list[SnapshotRule] = []
    policies: list[SnapshotPolicy] = []
    namespaces: list[Namespace] = []
    classes: list[StorageClass] = []
    problems: list[Problem] = []
    age: timedelta | None = None
    absent: list[str] = []
    refused: dict[str, str] = {}
    foreign: int = 0
    annotations: Collection[str] | None = None
    labels: Collection[str] = ()
    manifests: list[bytes] = []

    def all(self) -> Iterable[Object]:
        """Give all that could be decoded."""
        return chain.from_iterable(getattr(self, name) for _, name in KINDS.values())

    def count(self) -> int:
        """Count what there is of our kinds, readable or not."""
        return len(self.problems) + sum(1 for _ in self.all())

    def add(self, kind: str, items: Iterable[msgspec.Raw | bytes]) -> None:
        """Decode items of one kind; other kinds are passed over."""
        if kind not in KINDS:
            self.foreign += 1
            return
        struct, name = KINDS[kind]
        target = getattr(self, name)
        decoder = msgspec.json.Decoder(struct)
        for item in items:
            try:
                target.append(self._trimmed(decoder.decode(item)))
            except UNREADABLE as error:
                self.problems.append(_malformed(kind, item, error))
            else:
                if kind in OURS:
                    self.manifests.append(_manifest(kind, item))

    def take(self, part: "Objects") -> None:
        """Take over the objects of another read, and their problems."""
        for name in (*(name for _, name in KINDS.values()), "problems", "manifests"):
            getattr(self, name).extend(getattr(part, name))

    def _trimmed(self, item: Object) -> Object:
        """Drop what nobody reads: the bytes of an object are its owner's to choose."""
        if self.annotations is None:
            return item
        places = isinstance(item, PersistentVolume)
        kept = item.metadata.trimmed(self.annotations, places, self.labels)
        item = msgspec.structs.replace(item, metadata=kept)
        if isinstance(item, (SnapshotRule, SnapshotPolicy)) and isinstance(item.spec, dict):
            kind = type(item).__name__
            item = msgspec.structs.replace(item, spec=known_spec(kind, item.spec))
        return item


class _ManifestMetadata(msgspec.Struct, omit_defaults=True):
    name: str
    namespace: str = ""
    uid: str = ""
    generation: Any = None


class _Manifest(msgspec.Struct):
    metadata: _ManifestMetadata
    kind: Any = ""
    status: msgspec.Raw = msgspec.Raw(b"null")


def _manifest(kind: str, item: msgspec.Raw | bytes) -> bytes:
    """Keep of a rule or policy what its status is written by."""
    found = msgspec.json.decode(item, type=_Manifest)
    found.kind = kind
    if len(found.status) > LONGEST_STATUS:  # not ours, which is written anew
        found.status = msgspec.Raw(b"null")
    return msgspec.json.encode(found)


class _Loose(msgspec.Struct):
    kind: Any = ""
    metadata: Any = None
    items: list[msgspec.Raw] | None = None


def decode_list(data: bytes, read_from: str) -> Objects:
    """Decode what `kubectl get pv,pvc,snapshotrules -A -o json` prints.

    A List may hold other lists, such as the pages that `kubectl get --raw` prints: their items have
    no kind of their own.

    Raises:
        ClusterError: where it is no such List.
    """
    objects = Objects(read_from)
    try:
        listed = decode(data, _Loose)
    except UNREADABLE as error:
        raise ClusterError(
            f"{read_from} is not JSON as kubectl prints it: {shorten(str(error))}"
        ) from None
    if listed.items is None:
        raise ClusterError(
            f"{read_from} is not a List: write it with "
            "kubectl get pv,pvc,ns,sc,snapshotrules -A -o json"
        )
    for kind, item in _items(listed, objects):
        objects.add(kind, [item])
    return objects


def _items(listed: _Loose, objects: Objects) -> Iterable[tuple[str, msgspec.Raw]]:
    """Give the items of a list, each with its kind; of a List those of its lists."""
    of = _text(listed.kind).removesuffix("List")
    for item in listed.items or ():
        try:
            found = decode(bytes(item), _Loose)
        except UNREADABLE as error:
            objects.problems.append(_malformed("object", item, error))
            continue
        kind = _text(found.kind) or of
        inner = kind.endswith("List") and kind.removesuffix("List") in KINDS
        if not of and inner and found.items is not None:
            yield from _items(found, objects)
        else:
            yield kind, item


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _malformed(kind: str, item: msgspec.Raw | bytes, error: Exception) -> Problem:
    """Describe an object that cannot be decoded, by what can still be read of its name."""
    try:
        metadata = msgspec.json.decode(item, type=_Loose).metadata
    except UNREADABLE:
        metadata = None
    found = metadata if isinstance(metadata, dict) else {}
    problem, _, path = str(error).partition(" - at `$")
    return Problem(
        severity="error",
        source=Source(
            kind, shorten(found.get("namespace", "")), shorten(found.get("name", "(no name)"))
        ),
        field=path.rstrip("`").lstrip(".") or "object",
        value="",
        message=f"cannot be read: {shorten(problem)}",
    )
