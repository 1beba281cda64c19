"""What a list of deltas comes to once it is full: how many snapshots, what they take. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from shared.model import Disk, Snapshot
from shared.retention.deltas import Deltas
from shared.retention.kernel import retain

#: US dollars for a GiB in a month, AWS's standard tier and Google's in one region: docs/costs.md.
PRICE = 0.05

_DISK = Disk("none", "none", "none")
_DAY = timedelta(days=1)


class Band(NamedTuple):
    """Ages up to `reach`, and how often a point is wanted there: in words, None for never."""

    reach: timedelta
    reach_words: str
    steps: tuple[timedelta | None, ...]
    words: tuple[str, ...]


def filled(deltas: Deltas, now: datetime) -> list[Snapshot]:
    """Make what is kept of a disk that has lived by a list for long, the oldest first."""
    lengths = deltas.resolve(now)
    times = {now}
    for step, span in pairwise(lengths):
        times |= {now - span + number * step for number in range(-(-span // step))}
    history = [
        Snapshot(id=f"{number:05}", disk=_DISK, started=time, state="completed")
        for number, time in enumerate(sorted(times))
    ]
    retention = retain(history, lengths)
    return [retention.history[index] for index in sorted(retention.kept)]


def growth(deltas: Deltas, kept: Sequence[Snapshot], now: datetime) -> list[tuple[str, int]]:
    """Tell how many there are once each generation is full: its span in words, and the count."""
    spans = deltas.resolve(now)[1:]
    reaches = [name.rpartition(" for ")[2] for name in deltas.generations()]
    return [
        (words, sum(now - s.started <= span for s in kept))
        for words, span in zip(reaches, spans, strict=True)
    ]


def stored(kept: Sequence[Snapshot], rate: float) -> float:
    """Estimate what snapshots take, in times of what is in use on the disk.

    Blocks change at random, a part `rate` of them in a day, and each block that changed between
    two snapshots is stored once more.
    """
    gaps = ((newer.started - older.started) / _DAY for older, newer in pairwise(kept))
    return 1.0 + sum(1.0 - (1.0 - rate) ** gap for gap in gaps) if kept else 0.0


def compare(lists: Sequence[Deltas], now: datetime) -> list[Band]:
    """Tell for each range of ages how often each list wants a point there, the newest first."""
    reaches = {
        span: name.rpartition(" for ")[2]
        for deltas in lists
        for span, name in zip(deltas.resolve(now)[1:], deltas.generations(), strict=True)
    }
    bands: list[Band] = []
    for reach in sorted(reaches):
        found = [_step(deltas, reach, now) for deltas in lists]
        band = Band(reach, reaches[reach], tuple(s for s, _ in found), tuple(w for _, w in found))
        if bands and bands[-1].steps == band.steps:
            bands.pop()
        bands.append(band)
    return bands


def _step(deltas: Deltas, age: timedelta, now: datetime) -> tuple[timedelta | None, str]:
    """Give the step of the generation that reaches an age, and its name."""
    lengths = deltas.resolve(now)
    for name, (step, span) in zip(deltas.generations(), pairwise(lengths), strict=True):
        if age <= span:
            return step, name.rpartition(" for ")[0]
    return None, "nothing"
