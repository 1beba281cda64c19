"""What an explanation of a disk consists of. Serialises to JSON with msgspec."""

from datetime import datetime
from typing import Literal

import msgspec

from shared.model import State


class RuleUsed(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that a disk goes by; `source` is the object it stands in.

    `window` is when it lets snapshots be taken; empty is at any time.
    """

    name: str
    source: str
    deltas: str
    sentence: str
    window: str = ""


class MissingPoints(msgspec.Struct, frozen=True, kw_only=True):
    """Points of a generation, from the first to the last, that no snapshot stands for."""

    first: datetime
    last: datetime
    points: int


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """One delta's span: how many points it wants, and how many of them have a snapshot.

    `picture` has a letter for each point, the newest at the right: `#` a snapshot stands for it,
    `-` none does, `.` it lies before the first snapshot, `p` one is pending, `f` one failed, `h`
    one that would go is held there. `gaps` are the missing ones, the newest first, 10 at most.
    """

    deltas: str
    name: str
    wants: int
    kept: int
    picture: str
    gaps: tuple[MissingPoints, ...] = ()


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a snapshot, and why; `tier` is `archive` for an archived one, else empty."""

    snapshot: str
    started: datetime
    state: State
    fate: Literal["kept", "goes", "held", "not counted", "not ours"]
    why: str
    tier: str = ""


class Going(msgspec.Struct, frozen=True, kw_only=True):
    """The next snapshot to go, if one is taken every interval from now on."""

    snapshot: str
    started: datetime
    at: datetime


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one disk.

    `claim` (`namespace/name`) and `volume` are what the disk is to the cluster, by its rules, or by
    the labels on its newest snapshot where no rule covers it. `due` says why a snapshot is taken
    now, or why it waits; empty where none is due. `opens` is when the window of its rules opens
    next, which is now where it is open; null without one. Where no rule covers the disk
    `orphaned` says what becomes of its snapshots, and the generations are those that its newest
    one says.
    `snapshots` are all of the disk that have our author label, and the copies whose labels name its
    claim, its volume or its rule, the newest first.
    """

    disk: str
    claim: str = ""
    volume: str = ""
    rules: tuple[RuleUsed, ...] = ()
    newest: datetime | None = None
    oldest: datetime | None = None
    next_due: datetime | None = None
    due: str = ""
    opens: datetime | None = None
    orphaned: str = ""
    problems: tuple[str, ...] = ()
    generations: tuple[Generation, ...] = ()
    snapshots: tuple[Fate, ...] = ()
    next_deletion: Going | None = None
