"""The rules mirror: the objects as they were last seen, in a bucket, for when the API is not there.

It is a Kubernetes List, such as kubectl prints; whole manifests will do, and what is written here
has only the fields that rules and restore read. It is for reading, not for applying.
"""

import gzip
import hashlib
import logging
import zlib
from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any, NamedTuple

import msgspec

from shared.errors import BucketError, ClusterError, Conflict
from shared.kinds import DEFAULTS, GROUP, OURS, Object, PersistentVolume, kinds_of, known_spec
from shared.model import Source
from shared.objects import Objects, decode_list
from shared.ports import Bucket, Check
from shared.rules.selectors import asked_labels
from shared.text import shorten, words

log = logging.getLogger(__name__)

#: Bytes of a mirror at most, uncompressed: some 100,000 whole manifests.
MAX_BYTES = 400_000_000
#: Levels that a spec must leave to what is around it, here and where it is read.
_ROOM = 50


class Copy(NamedTuple):
    """The mirror as it lies there: uncompressed, its version and its age."""

    data: bytes
    version: str
    age: timedelta


class Mirror:
    """One mirror; implements `ports.RulesSource`, for where it is the only source.

    Args:
        bucket: holds it.
        name: of the object; compressed where it ends in `.gz`.
        url: names it for people.
        annotations: the keys of annotations that are kept.
        defaults: the levels beside each volume's own objects that are wanted.
    """

    live = False

    def __init__(
        self,
        bucket: Bucket,
        name: str,
        url: str,
        annotations: Collection[str],
        defaults: Collection[str] = tuple(DEFAULTS),
    ) -> None:
        self._bucket, self._name, self._annotations = bucket, name, annotations
        self._wanted = kinds_of(defaults)
        self.url = shorten(url)

    def read(self) -> Objects:
        """Read all objects.

        Raises:
            ClusterError: where there is no mirror, or none that can be read whole.
        """
        try:
            copy = self.load()
        except BucketError as error:
            raise ClusterError(f"the mirror {self.url} cannot be read: {error}") from None
        if copy is None:
            raise ClusterError(
                f"there is no mirror at {self.url}: a pass that reads the cluster writes it, or a "
                "CronJob of manifests/"
            )
        return self.objects(copy)

    def check(self) -> Iterable[Check]:
        """Tell whether the mirror can be read, and how old it is."""
        try:
            objects = self.read()
        except ClusterError as error:
            yield Check("mirror", False, str(error))
            return
        age = words(objects.age or timedelta(0))
        yield Check("mirror", True, f"{self.url}: {objects.count()} objects, {age} old")

    def load(self) -> Copy | None:
        """Fetch the mirror; None where there is none.

        Raises:
            BucketError: where that cannot be told.
            ClusterError: where it is torn.
        """
        stored = self._bucket.get(self._name)
        return Copy(self._unpack(stored.data), stored.version, stored.age) if stored else None

    def objects(self, copy: Copy) -> Objects:
        """Decode the mirror.

        Raises:
            ClusterError: where it is torn, or something else.
        """
        objects = decode_list(copy.data, f"the mirror {self.url}")
        objects.age = copy.age
        if objects.foreign and not objects.count():
            raise ClusterError(
                f"{self.url} is a List of other things than volumes, claims and SnapshotRules; "
                "MIRROR_URL should name the mirror"
            )
        # No cluster is without namespaces: whoever wrote the mirror did not list them.
        unlisted = "Namespace" in self._wanted and not objects.namespaces
        if objects.claims and unlisted:
            objects.refused |= dict.fromkeys(self._wanted, (
                "the mirror has no Namespaces, StorageClasses and SnapshotPolicies: write it by "
                "the CronJob of this version, or set DEFAULT_SOURCES=none"
            ))  # fmt: skip
        return objects

    def renew(self, data: bytes, copy: Copy | None, touch: timedelta) -> None:
        """Write what `encode` gave where it differs from the mirror, or that is older than `touch`.

        Raises:
            BucketError: where it could not be written.
        """
        if copy and copy.data == data and copy.age < touch:
            return
        packed = gzip.compress(data, 6, mtime=0) if self._name.endswith(".gz") else data
        try:
            self._bucket.put(self._name, packed, copy.version if copy else "")
        except Conflict:
            log.info("the mirror was written by another pass meanwhile")
        else:
            log.info("wrote the mirror, %d bytes", len(packed))

    def encode(self, objects: Objects) -> bytes:
        """Write objects as a List, with just the fields that are read of them."""
        labels = asked_labels(objects)
        items = [self._item(item, labels) for item in objects.all()]
        # What could not be read stays a problem of the same object, and so keeps its holds: labels
        # that are none, since not every kind has a spec that could be missing.
        items += [
            _entry(problem.source, {"name": problem.source.name, "labels": 0}, None)
            for problem in objects.problems
        ]
        items.sort(key=lambda i: (i["kind"], i["metadata"].get("namespace", ""),
                                  i["metadata"]["name"]))  # fmt: skip
        return msgspec.json.encode({"apiVersion": "v1", "kind": "List", "items": items})

    def _item(self, item: Object, labels: Collection[str]) -> dict[str, Any]:
        places, kind = isinstance(item, PersistentVolume), type(item).__name__
        kept = item.metadata.trimmed(self._annotations, places, labels)
        spec = _plain(getattr(item, "spec", None))
        if kind in OURS and isinstance(spec, dict):
            spec = known_spec(kind, spec)
        source = Source(kind, item.metadata.namespace, item.metadata.name)
        return _entry(source, msgspec.to_builtins(kept), spec)

    def _unpack(self, data: bytes) -> bytes:
        if not data.startswith(b"\x1f\x8b"):
            return data
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            unpacked = unpacker.decompress(data, MAX_BYTES)
        except zlib.error:
            raise ClusterError(f"{self.url} is torn: it is no whole gzip file") from None
        if not unpacker.eof:
            what = "too large" if unpacker.unconsumed_tail else "torn: its end is missing"
            raise ClusterError(f"{self.url} is {what}")
        return unpacked


def digest(rules: Iterable[tuple[Source, str]]) -> str:
    """Name a set of rules, each an object and a disk."""
    return hashlib.sha256("\n".join(sorted(map(repr, rules))).encode()).hexdigest()[:32]


def _plain(spec: Any) -> Any:
    """Give a spec as it can be written; null where it is nested deeper than that."""
    try:
        plain = msgspec.to_builtins(spec)
        nested = plain
        for _ in range(_ROOM):
            nested = [nested]
        msgspec.json.encode(nested)
    except RecursionError:
        return None
    return plain


def _entry(source: Source, metadata: dict[str, Any], spec: Any) -> dict[str, Any]:
    version = "storage.k8s.io/v1" if source.kind == "StorageClass" else "v1"
    namespace = {"namespace": source.namespace} if source.namespace else {}
    entry = {
        "apiVersion": f"{GROUP}/v1" if source.kind in OURS else version,
        "kind": source.kind,
        "metadata": metadata | namespace,
    }
    return entry if source.kind in ("Namespace", "StorageClass") else entry | {"spec": spec}
