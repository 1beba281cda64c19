"""What the lists of a report have: an entry for each listing, action, hold, disk or snapshot."""

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from shared.model import State

Action = Literal["create", "delete"]


class ScopeReport(msgspec.Struct, frozen=True, kw_only=True):
    """One listing: how many of our snapshots; where it is incomplete, why.

    A scope that was `skipped` was not listed, since another pass held its lease.
    """

    scope: str
    snapshots: int = 0
    complete: bool = True
    skipped: bool = False
    error: str = ""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A creation or deletion; in plan mode one that would be, its `snapshot` empty if new.

    `tier` is `archive` where an archived snapshot is deleted.
    """

    disk: str
    snapshot: str
    name: str = ""
    rules: tuple[str, ...] = ()
    reason: str
    unconfirmed: bool = False
    tier: str = ""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A planned action that did not succeed; `code` is the cloud's own."""

    action: Action
    disk: str
    snapshot: str = ""
    code: str
    message: str


class FailedAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot that an earlier pass began, and that failed or that no listing shows.

    `began` is when; `snapshot` is empty where the creation was never answered; `code` and
    `message` are the cloud's own.
    """

    disk: str
    snapshot: str
    began: datetime
    code: str
    message: str


class Deferred(msgspec.Struct, frozen=True, kw_only=True):
    """A planned action left to the next pass."""

    action: Action
    disk: str
    snapshot: str = ""
    reason: str


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A deletion that the plan refuses for now; `until` is when that ends, if it can be told.

    `tier` is `archive` for an archived snapshot.
    """

    disk: str
    snapshot: str
    cause: str
    reason: str
    until: datetime | None = None
    tier: str = ""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A disk that is due, but not snapshotted in this pass.

    `until` is when its window lets it be, where that is what it waits for.
    """

    disk: str
    cause: str
    reason: str
    until: datetime | None = None


class Orphaned(msgspec.Struct, frozen=True, kw_only=True):
    """Snapshots of this cluster on a disk that no rule covers any more.

    `age` is the newest's, an ISO 8601 duration; `reason` says what becomes of them.
    """

    disk: str
    count: int
    newest: datetime
    age: timedelta
    reason: str


class NotCovered(msgspec.Struct, frozen=True, kw_only=True):
    """A bound volume of this cloud without a rule.

    Nothing says anything of it, or `by` says that it is not to be backed up. `disk` is empty where
    the volume does not tell it.
    """

    claim: str
    volume: str
    disk: str
    by: str = ""


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """A copy of a snapshot: of no disk's history, and never deleted by a pass.

    `started` is when it was copied, `taken` when its data was, where its label tells; `message` is
    why it failed. The rest is what its labels say that it is of.
    """

    scope: str
    snapshot: str
    started: datetime
    state: State
    taken: datetime | None = None
    message: str = ""
    namespace: str = ""
    claim: str = ""
    volume: str = ""


class Awaited(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot that a backfill waited for, and how it was at the end."""

    disk: str
    snapshot: str
    state: State
