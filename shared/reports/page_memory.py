"""What a page remembers of the disks, so that the next one can tell what changed. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from shared.reports.health import ORDER, DiskHealth
from shared.text import counted, shorten
from shared.tolerant_json import UNREADABLE

#: Before and after the JSON in a page.
BEGIN, END = '<script type="application/json" id="state">', "</script>"
#: The longest JSON that is read: it comes out of a bucket.
LONGEST = 4_000_000


class Remembered(msgspec.Struct, frozen=True, array_like=True):
    """One disk: its name, health and how many completed snapshots it had."""

    name: str
    health: str
    snapshots: int


class State(msgspec.Struct, frozen=True):
    """All disks of a page, by id, at the time it was made."""

    made: datetime
    disks: dict[str, Remembered] = {}


class Change(NamedTuple):
    """What happened to a disk since the last page; `worse` says that it is no good news."""

    name: str
    what: str
    worse: bool


def state_of(found: Sequence[DiskHealth], made: datetime) -> State:
    """Give what is worth remembering."""
    disks = {one.disk: Remembered(name_of(one), one.health, one.snapshots) for one in found}
    return State(made, disks)


def name_of(one: DiskHealth) -> str:
    """Name a disk as people do: by its claim, else volume, else rule, else the cloud's id."""
    names = one.names
    return shorten(names.claim or names.volume or names.rule or one.disk, 300)


def encode(state: State) -> str:
    """Write it as JSON that ends no script element and begins none."""
    text = msgspec.json.encode(state).decode()
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def decode(page: str) -> State | None:
    """Read it out of a page; None where it is no page of ours."""
    text = page.partition(BEGIN)[2].partition(END)[0]
    if not text or len(text) > LONGEST:
        return None
    try:
        return msgspec.json.decode(text, type=State)
    except UNREADABLE:
        return None


def changes(before: State, now: State) -> Iterator[Change]:
    """Tell what changed, what got worse first."""
    found = [*_changes(before, now)]
    yield from sorted(found, key=lambda change: not change.worse)


def _changes(before: State, now: State) -> Iterator[Change]:
    for disk, one in now.disks.items():
        old = before.disks.get(disk)
        if old is None:
            yield Change(one.name, f"new here: {one.health}", _bad(one.health))
        elif old.health != one.health:
            what = f"{shorten(old.health)} → {one.health}"
            yield Change(one.name, what, _rank(one.health) < _rank(old.health))
        elif old.snapshots > one.snapshots:
            gone = counted(old.snapshots - one.snapshots, "snapshot")
            yield Change(one.name, f"{gone} fewer", False)
    for disk, old in before.disks.items():
        if disk not in now.disks:
            yield Change(shorten(old.name, 300), "not here any more", True)


def _bad(health: str) -> bool:
    return _rank(health) < _rank("ok")


def _rank(health: str) -> int:
    return next((n for n, known in enumerate(ORDER) if known == health), len(ORDER))
