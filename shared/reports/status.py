"""The status of a rule or policy: what it consists of, how it is read and written over. Pure."""

from datetime import datetime
from typing import Annotated, Any, NamedTuple

import msgspec

from shared.model import Source
from shared.tolerant_json import UNREADABLE

Time = Annotated[datetime, msgspec.Meta(tz=True)]


class Condition(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel", gc=False
):
    """A condition as Kubernetes has them."""

    type: str
    status: str
    reason: str
    message: str
    last_transition_time: Time
    observed_generation: int | None = None


class LastSnapshot(msgspec.Struct, frozen=True, gc=False):
    """The newest completed snapshot of a disk."""

    id: str
    time: Time


class Trouble(msgspec.Struct, frozen=True, gc=False):
    """A problem as a status shows it."""

    severity: str
    field: str
    message: str


class Status(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """`status` of a SnapshotRule or SnapshotPolicy; manifests/crd.yaml describes each field."""

    observed_generation: int | None = None
    conditions: tuple[Condition, ...] = ()
    last_snapshot: LastSnapshot | None = None
    next_due: Time | None = None
    disks: int | None = None
    late: int | None = None
    snapshots: int | None = None
    problems: tuple[Trouble, ...] = ()


class FoundStatus(NamedTuple):
    """The status that a rule has, and the rule's generation where it is a number.

    `uid` tells the rule from another one of its name, made after it was deleted.
    """

    source: Source
    uid: str
    generation: int | None
    status: Status


class StatusPatch(NamedTuple):
    """One status to write, whole, and the `uid` of the rule that it is of."""

    source: Source
    uid: str
    status: dict[str, Any]


class _Metadata(msgspec.Struct):
    name: str
    namespace: str = ""
    uid: str = ""
    generation: Any = None


class _Manifest(msgspec.Struct):
    metadata: _Metadata
    kind: str = "SnapshotRule"
    status: msgspec.Raw = msgspec.Raw(b"null")


def read_status(manifest: msgspec.Raw | bytes) -> FoundStatus | None:
    """Read generation and status of a rule; a status that is none counts as empty."""
    try:
        found = msgspec.json.decode(manifest, type=_Manifest)
    except UNREADABLE:
        return None
    metadata, generation = found.metadata, found.metadata.generation
    source = Source(found.kind, metadata.namespace, metadata.name)
    try:
        status = msgspec.json.decode(found.status, type=Status | None) or Status()
    except UNREADABLE:
        status = Status()
    number = generation if type(generation) is int else None
    return FoundStatus(source, metadata.uid, number, status)


def patch_to(found: FoundStatus, status: Status) -> StatusPatch:
    """Say what to write over a status that was found."""
    return StatusPatch(found.source, found.uid, msgspec.to_builtins(status))
