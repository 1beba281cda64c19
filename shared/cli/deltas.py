"""The command `deltas`: what a list means, before anybody uses it. No cloud, no cluster."""

import argparse
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from shared.cli.pictures import Line, legend, pictures
from shared.errors import DeltasError, RequestError
from shared.planning.forecast import PRICE, Band, compare, filled, growth, stored
from shared.planning.pictures import draw
from shared.restore.sizes import in_bytes
from shared.retention.deltas import Deltas, parse
from shared.text import counted, shorten

#: What changes in a day where nothing is said.
CHANGE = "2%/day"
#: Steps that differ by less are the same: 30 days and a month.
SAME = 1.1
_GIB = 1024**3
_DAYS = {"hour": 1 / 24, "day": 1.0, "week": 7.0, "month": 30.0}


class Drawing(NamedTuple):
    """A generation of a list that is full."""

    name: str
    picture: str
    kept: int
    wants: int


class Meaning(NamedTuple):
    """What one list comes to; `stored` in GiB where a size was given, else in times of the disk."""

    deltas: Deltas
    snapshots: int
    growth: list[tuple[str, int]]
    generations: list[Drawing]
    stored: float | None = None


class Asked(NamedTuple):
    """What was asked for: lists, and what changes in a day of how much."""

    lists: list[Deltas]
    rate: float | None
    change: str
    gib: float | None


def asked(arguments: argparse.Namespace) -> Asked:
    """Read the arguments.

    Raises:
        RequestError: names the argument and what would do.
    """
    lists = [_list(" ".join(arguments.deltas))]
    if arguments.compare:
        lists.append(_list(arguments.compare, "--compare "))
    change = arguments.change or (CHANGE if arguments.size else "")
    return Asked(
        lists=lists,
        rate=_rate(change) if change else None,
        change=change,
        gib=_gib(arguments.size) if arguments.size else None,
    )


def meaning(deltas: Deltas, wanted: Asked, now: datetime) -> Meaning:
    """Tell what a list comes to once it is full."""
    kept = filled(deltas, now)
    drawn = draw(kept, deltas, now)
    share = None if wanted.rate is None else stored(kept, wanted.rate) * (wanted.gib or 1.0)
    return Meaning(
        deltas=deltas,
        snapshots=len(kept),
        growth=growth(deltas, kept, now),
        generations=[Drawing(p.name, p.letters, p.filled, len(p.cells)) for p in drawn],
        stored=share,
    )


def lines(wanted: Asked, now: datetime, width: int) -> Iterator[Line]:
    """Tell people what the lists mean, and what each loses against the other."""
    for deltas in wanted.lists:
        found = meaning(deltas, wanted, now)
        yield Line(deltas.text, "bold")
        yield Line(f"  {deltas}")
        if not deltas.in_order:
            yield Line("  (they are not in order; it means the same)")
        yield Line(f"  once full: {counted(found.snapshots, 'snapshot')} of each disk")
        yield from pictures(found.generations, width)
        yield legend(found.generations)
        steps = [f"{count} after {reach}" for reach, count in found.growth]
        yield Line(f"  they add up: {', '.join(steps)}")
        yield from _storage(found, wanted)
        yield Line("")
    if len(wanted.lists) > 1:
        yield from _compared(wanted.lists, now)


def to_builtins(wanted: Asked, now: datetime) -> dict[str, Any]:
    """Tell programs the same."""
    return {
        "lists": [_as_dict(meaning(deltas, wanted, now), wanted) for deltas in wanted.lists],
        "comparison": [
            {"up_to": band.reach_words, "points": list(band.words)}
            for band in (compare(wanted.lists, now) if len(wanted.lists) > 1 else [])
        ],
    }


def _as_dict(found: Meaning, wanted: Asked) -> dict[str, Any]:
    told: dict[str, Any] = {
        "deltas": found.deltas.text,
        "sentence": str(found.deltas),
        "snapshots": found.snapshots,
        "growth": [{"after": reach, "snapshots": count} for reach, count in found.growth],
        "generations": [one._asdict() for one in found.generations],
    }
    if found.stored is not None:
        unit = "stored_gib" if wanted.gib else "stored_times_the_disk"
        told |= {"change": wanted.change, unit: round(found.stored, 2)}
        if wanted.gib:
            told["dollars_a_month"] = round(found.stored * PRICE, 2)
    return told


def _storage(found: Meaning, wanted: Asked) -> Iterator[Line]:
    if found.stored is None:
        return
    if wanted.gib:
        cost = f"${found.stored * PRICE:,.2f} a month at ${PRICE} a GiB"
        yield Line(
            f"  stored: about {found.stored:,.0f} GiB for {wanted.gib:,.0f} GiB in use; {cost}"
        )
    else:
        yield Line(f"  stored: about {found.stored:.1f} times what is in use")
    change = wanted.change.replace("/", " a ")
    yield Line(f"  (assumed: {change} of the blocks change, any of them; no compression)", "dim")


def _compared(lists: list[Deltas], now: datetime) -> Iterator[Line]:
    bands = compare(lists, now)
    for number, (mine, other) in enumerate(((0, 1), (1, 0))):
        losses = [*_losses(bands, mine, other)]
        yield Line(f"'{lists[mine].text}' in place of '{lists[other].text}' loses", "bold")
        for loss in losses or ["nothing"]:
            yield Line(f"  {loss}")
        if number == 0:
            yield Line("")


def _losses(bands: list[Band], mine: int, other: int) -> Iterator[str]:
    """Say for which ages one list wants fewer points than another."""
    since = ""
    for band in bands:
        ages = f"from {since} to {band.reach_words}" if since else f"up to {band.reach_words}"
        since = band.reach_words
        had, has = band.steps[other], band.steps[mine]
        if had is not None and (has is None or has > SAME * had):
            yield f"{ages}: {band.words[mine]} in place of {band.words[other]}"


def _list(text: str, option: str = "") -> Deltas:
    try:
        return parse(text)
    except DeltasError as error:
        raise RequestError(f"{option}'{shorten(text, 80)}': {error}") from None


def _rate(text: str) -> float:
    """Read how much changes: the part of a disk's blocks that do in a day."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%(?:\s*/\s*(hour|day|week|month))?", text.strip())
    part = float(match[1]) / 100 if match else 1.0
    if not match or not 0 <= part < 1:
        raise RequestError(
            f"--change {shorten(text, 40)}: write a part of the disk in a time, as 2%/day; the "
            "time is hour, day, week or month"
        )
    return float(1.0 - (1.0 - part) ** (1 / _DAYS[match[2] or "day"]))


def _gib(text: str) -> float:
    size = float(in_bytes(text)) / _GIB
    if size <= 0:
        raise RequestError(f"--size {shorten(text, 40)}: is not a size; write such as 100Gi")
    return size
