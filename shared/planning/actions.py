"""What a plan consists of. Serialises to JSON and back with msgspec."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec

from shared.model import Disk, Problem, Snapshot

WaitCause = Literal["incomplete-listing", "pending", "failing", "recorded", "forced"]
HoldCause = Literal[
    "incomplete-listing", "rule-problem", "rules-not-current", "no-lease", "two-key", "unsettled"
]


class Began(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A snapshot that a pass began, or was about to begin, of one disk.

    `snapshot` is its id; empty where the answer never came, or the pass ended before it could be
    told. `tries` counts how often in a row that was so. `seen` tells that a listing has shown it
    finished. `interval` is the disk's, less the slack, when it was begun.
    """

    at: Annotated[datetime, msgspec.Meta(tz=True)]
    interval: timedelta
    snapshot: str = ""
    tries: int = 1
    seen: bool = False

    def __post_init__(self) -> None:
        """Refuse times that cannot be reckoned with: they are read from a bucket."""
        if not 2000 <= self.at.year <= 9000:
            raise ValueError("`at` is no time at which a snapshot was begun")


class Create(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot to begin.

    `overdue` is age over interval, minus one; None where the disk has no snapshot yet. `spacing`
    is the interval less the slack: no other is begun within it.
    """

    disk: Disk
    name: str
    labels: dict[str, str]
    description: str
    rules: tuple[str, ...]
    overdue: float | None
    reason: str
    spacing: timedelta = timedelta(0)


class Delete(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot to delete. `unconfirmed`: asking tarsnapper as well would have taken too long."""

    snapshot: Snapshot
    reason: str
    unconfirmed: bool = False


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """A deletion that the plan refuses for now.

    `until` is when it is no longer refused if snapshots go on; None where that cannot be told.
    """

    snapshot: Snapshot
    cause: HoldCause
    reason: str
    until: datetime | None = None


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """A disk that is due, but not snapshotted in this pass."""

    disk: Disk
    cause: WaitCause
    reason: str


class DiskPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One disk's account.

    `kept` counts the completed snapshots that stay, by why; with the deletions and holds they are
    all completed ones of this cluster. `removed` counts the failed ones that go. `late` tells that
    an earlier pass should have snapshotted it. `states` counts all snapshots with our author label.
    Of what is held as unsettled, the rules in force are unchanged on snapshots `since` then, and
    the disk `settles` then if snapshots go on.
    """

    disk: Disk
    states: dict[str, int]
    rules: tuple[str, ...] = ()
    policy: tuple[str, ...] = ()
    interval: timedelta | None = None
    newest: datetime | None = None
    next_due: datetime | None = None
    overdue: float | None = None
    late: bool = False
    kept: dict[str, int] = {}
    deletes: int = 0
    removed: int = 0
    holds: int = 0
    since: datetime | None = None
    settles: datetime | None = None


class Orphans(msgspec.Struct, frozen=True, kw_only=True):
    """The snapshots of this cluster on a disk that no rule covers any more.

    `age` is the newest's; `reason` says what becomes of them.
    """

    disk: Disk
    count: int
    newest: datetime
    age: timedelta
    deletes: int
    holds: int
    reason: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a pass is to do, and why; the most overdue disk first."""

    now: datetime
    creates: tuple[Create, ...] = ()
    deletes: tuple[Delete, ...] = ()
    holds: tuple[Hold, ...] = ()
    waits: tuple[Wait, ...] = ()
    disks: tuple[DiskPlan, ...] = ()
    orphans: tuple[Orphans, ...] = ()
    problems: tuple[Problem, ...] = ()
    skipped: int = 0
    rules: int = 0
