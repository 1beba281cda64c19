"""What a plan consists of. Serialises to JSON and back with msgspec."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec

from shared.model import Disk, Problem, Snapshot, Source, Uncovered

WaitCause = Literal["incomplete-listing", "pending", "failing", "recorded", "forced", "window"]
HoldCause = Literal[
    "incomplete-listing", "rule-problem", "rules-not-current", "no-lease", "two-key", "unsettled"
]


class Attempt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The last attempt to take a snapshot of one disk, as it is remembered between passes.

    `spacing` is the disk's interval, less the slack. `snapshot` is the new one's id, empty where
    the answer never came, or the pass ended before it could be told; `operation` is the cloud's,
    where an accepted creation may still fail. `ended` tells that its end is known: the snapshot
    was seen completed or failed, or the attempt counted as a failure. `failures` counts how many
    in a row failed or vanished; `code` and `reason` are what the cloud said of the last, and
    `gone` that it said that there is no such disk.
    """

    at: Annotated[datetime, msgspec.Meta(tz=True)]
    spacing: timedelta
    snapshot: str = ""
    operation: str = ""
    ended: bool = False
    failures: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    code: str = ""
    reason: str = ""
    gone: bool = False

    def __post_init__(self) -> None:
        """Refuse times that cannot be reckoned with: they are read from a bucket."""
        if not 2000 <= self.at.year <= 9000:
            raise ValueError("`at` is no time at which a snapshot was begun")


class Create(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot to begin.

    `overdue` is age over interval, minus one; None where the disk has no snapshot yet. `spacing`
    is the interval less the slack: no other is begun within it. `source` is the object that the
    most frequent rule is read from.
    """

    disk: Disk
    name: str
    labels: dict[str, str]
    description: str
    rules: tuple[str, ...]
    overdue: float | None
    reason: str
    spacing: timedelta = timedelta(0)
    source: Source = Source("Disk", "", "")


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
    """A disk that is due, but not snapshotted in this pass; `until` where its window tells that."""

    disk: Disk
    cause: WaitCause
    reason: str
    until: datetime | None = None


class DiskPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One disk's account.

    `kept` counts the completed snapshots that stay, by why; with the deletions and holds they are
    all completed ones of this cluster. `removed` counts the failed ones that go. `late` tells that
    an earlier pass should have snapshotted it, and `failures` how many attempts in a row have
    failed or vanished since its newest completed one, with what was said of the last in `failing`.
    Where `trusted` a snapshot that this pass begins counts as taken. `states` counts all snapshots
    with our author label.
    `next_due` is when the next snapshot is due in its `window`, and `due_again` when the one after
    it is if that is taken now; `opens` is when a window that is closed opens.
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
    due_again: datetime | None = None
    window: str = ""
    opens: datetime | None = None
    overdue: float | None = None
    late: bool = False
    failures: int = 0
    failing: str = ""
    trusted: bool = False
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
    """What a pass is to do, and why; the most overdue disk first.

    `unselected` counts the values of the selection that select nothing; `uncovered` are bound
    volumes of the whole cluster that have no rule.
    """

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
    unselected: int = 0
    uncovered: tuple[Uncovered, ...] = ()
