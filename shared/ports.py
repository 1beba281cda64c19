"""The protocols between the core and the world."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol, runtime_checkable

import msgspec

from shared.errors import UnknownDisk
from shared.kinds import PersistentVolume
from shared.model import Disk, OperationState, Snapshot
from shared.objects import Objects
from shared.planning.actions import Create
from shared.planning.adopt import Stranger
from shared.planning.labels import Encoding


class Clock(Protocol):
    """Time, replaced by a virtual one in tests."""

    def now(self) -> datetime:
        """Tell the time of day, aware, UTC."""

    def monotonic(self) -> float:
        """Count seconds that only go forward."""

    def sleep(self, seconds: float) -> None:
        """Let so many seconds pass."""


class Check(NamedTuple):
    """One thing that `check` tried; `hint` says what to do where it failed.

    A `warning` is ok as far as the installation goes, and wrong for somebody.
    """

    name: str
    ok: bool
    detail: str = ""
    hint: str = ""
    warning: bool = False


class Stored(NamedTuple):
    """An object of a bucket.

    `version` changes with every write and means nothing else. `age` is the time since the last
    write, by the store's own clock where it tells it; never negative.
    """

    data: bytes
    version: str
    age: timedelta


class Bucket(Protocol):
    """Where the mirror lies, and beside it the little that is remembered between passes.

    Its methods are called from one thread at a time.
    """

    def get(self, name: str) -> Stored | None:
        """Read an object; None where there is none.

        Raises:
            BucketError: where that cannot be told.
        """

    def put(self, name: str, data: bytes, expected: str | None) -> str:
        """Write an object whole or not at all, and give its new version.

        Args:
            name: of the object, such as `demo/rules.json`.
            data: all of it.
            expected: the version that is to be replaced, empty for no object; None for whatever
                is there.

        Raises:
            Conflict: where another version is there. A store's client that repeats a write whose
                answer was lost may be told so of its own.
            BucketError: where it may or may not be written.
        """


@runtime_checkable
class Trial(Protocol):
    """A bucket that can be asked whether it takes a write, changing nothing."""

    def try_put(self, name: str) -> bool:
        """Tell whether that could be tried; where it returns, a write is not refused.

        Raises:
            BucketError: why an object of that name cannot be written.
        """


class RulesSource(Protocol):
    """Where the objects come from that rules are read from."""

    live: bool
    """Whether it is the cluster itself, which the mirror is written from and stands behind."""

    def read(self) -> Objects:
        """Read all objects.

        Raises:
            ClusterError: where they cannot be had completely.
        """

    def check(self) -> Iterable[Check]:
        """Try what `read` needs, one thing after the other."""


class Volumes(Protocol):
    """What a cloud's volumes look like in Kubernetes. Pure."""

    backend: str
    """The cloud's name in `spec.backend`."""

    def from_volume(self, volume: PersistentVolume) -> Disk | None:
        """Tell the disk behind a volume; None for another cloud's or driver's.

        Raises:
            UnknownDisk: where it is ours, but which disk cannot be told.
        """

    def from_spec(self, spec: Mapping[str, Any]) -> Disk:
        """Tell the disk that a rule's `spec.disk` names.

        Raises:
            UnknownDisk: with the field at fault.
        """


class Listing(msgspec.Struct, frozen=True):
    """All snapshots with our author label in one scope.

    Where `complete` is false some may be missing, `error` says why, and nothing of the scope may
    be deleted. `refused` says that the scope is closed to the account.
    """

    scope: str
    snapshots: tuple[Snapshot, ...] = ()
    complete: bool = True
    error: str = ""
    refused: bool = False


class Provider(Protocol):
    """A cloud's snapshots. Its methods are called from several threads at once."""

    name: str
    encoding: Encoding
    volumes: Volumes
    longest_call: float
    """Seconds that one call of create or delete takes at most, retries included."""

    def locate(
        self, disks: Collection[Disk], doubted: Collection[Disk] = ()
    ) -> Mapping[Disk, Disk | UnknownDisk]:
        """Find the disks that `volumes` could not place, once for all of them.

        Gives only those, each with where it is, or with why that cannot be told; and those of the
        `doubted`, which nothing but a rule names, whose place does not exist.
        """

    def list(self, scopes: Collection[str]) -> list[Listing]:
        """List the snapshots of each scope; a scope that fails is an incomplete listing."""

    def create(self, create: Create) -> Snapshot:
        """Begin a snapshot, its labels set in the same call; never wait for it.

        Raises:
            DiskFailed, NextPass, StopCreating, Unanswered, NotAllowed: what follows.
        """

    def operation(self, scope: str, name: str) -> OperationState:
        """Tell how the operation stands that `create` named in its snapshot.

        Only asked where `Snapshot.operation` was given; one that is forgotten counts as done.

        Raises:
            ProviderError: where that cannot be told.
        """

    def delete(self, snapshot: Snapshot) -> None:
        """Delete a snapshot; one that is gone already is no error.

        Raises:
            DiskFailed, NextPass, Refused, Unanswered, NotAllowed: what follows.
        """

    def credentials(self) -> Check:
        """Tell who we are to the cloud."""

    def check(
        self, scope: str, create: Create | None, snapshot: Snapshot | None
    ) -> Iterable[Check]:
        """Try each permission that a pass needs in a scope, changing nothing.

        `create` and `snapshot` are examples of what a pass would create and delete there.
        """


@runtime_checkable
class Adopter(Protocol):
    """What adopting takes, beside a provider; only people do it, with their own rights."""

    def strangers(self, disks: Collection[Disk]) -> Iterable[Stranger]:
        """List all snapshots of some disks that lack our author label, for a person to adopt.

        Where deleting takes a tag that a listing does not show, ours are among them.

        Raises:
            ProviderError: where they cannot be listed completely.
        """

    def adopt(self, snapshot: Snapshot, labels: Mapping[str, str]) -> None:
        """Add labels to a snapshot, and the tag that deleting it takes, where there is one.

        With the rights of whoever calls; the function has none.

        Raises:
            ProviderError: where they could not be added.
        """
