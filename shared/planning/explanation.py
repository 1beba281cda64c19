"""What an explanation of a disk consists of. Serialises to JSON with msgspec."""

from datetime import datetime
from typing import Literal

import msgspec

from shared.model import State


class RuleUsed(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that a disk goes by; `source` is the object it stands in."""

    name: str
    source: str
    deltas: str
    sentence: str


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """One delta's span: how many snapshots stand in it, and where, the newest at the right."""

    deltas: str
    name: str
    kept: int
    picture: str


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

    `due` says why a snapshot is taken now, or why it waits; empty where none is due. `snapshots`
    are all of the disk that have our author label, and the copies whose labels name its claim,
    its volume or its rule, the newest first.
    """

    disk: str
    rules: tuple[RuleUsed, ...] = ()
    newest: datetime | None = None
    next_due: datetime | None = None
    due: str = ""
    problems: tuple[str, ...] = ()
    generations: tuple[Generation, ...] = ()
    snapshots: tuple[Fate, ...] = ()
    next_deletion: Going | None = None
