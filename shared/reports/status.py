"""The status of a SnapshotRule: what it consists of, how it is read and written over. Pure."""

from datetime import datetime
from typing import Annotated, Any, NamedTuple

import msgspec

from shared.model import Source

#: What decoding raises.
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

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
    """`status` of a SnapshotRule; the definition in manifests/crd.yaml describes each field."""

    observed_generation: int | None = None
    conditions: tuple[Condition, ...] = ()
    last_snapshot: LastSnapshot | None = None
    next_due: Time | None = None
    snapshots: int | None = None
    problems: tuple[Trouble, ...] = ()


class FoundStatus(NamedTuple):
    """The status that a rule has, and the rule's generation where it is a number."""

    source: Source
    generation: int | None
    status: Status


class StatusPatch(NamedTuple):
    """One status to write: `status` is the merge patch of it, null for what is to go."""

    source: Source
    status: dict[str, Any]


class _Metadata(msgspec.Struct):
    name: str
    namespace: str = ""
    generation: Any = None


class _Manifest(msgspec.Struct):
    metadata: _Metadata
    status: msgspec.Raw = msgspec.Raw(b"null")


def read_status(manifest: msgspec.Raw | bytes) -> FoundStatus | None:
    """Read generation and status of a rule; a status that is none counts as empty."""
    try:
        found = msgspec.json.decode(manifest, type=_Manifest)
    except _UNREADABLE:
        return None
    metadata, generation = found.metadata, found.metadata.generation
    source = Source("SnapshotRule", metadata.namespace, metadata.name)
    try:
        status = msgspec.json.decode(found.status, type=Status | None) or Status()
    except _UNREADABLE:
        status = Status()
    return FoundStatus(source, generation if type(generation) is int else None, status)


def patch_to(source: Source, status: Status) -> StatusPatch:
    """Make the merge patch that leaves just this status, whatever was there."""
    written: dict[str, Any] = msgspec.to_builtins(status)
    return StatusPatch(source, dict.fromkeys(Status.__struct_encode_fields__) | written)
