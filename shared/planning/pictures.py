"""Pictures of a disk's generations: one cell for each point in time that a list wants. Pure.

The cells are the steps of the retention walk, from the oldest to the newest. A snapshot that the
walk chooses fills a cell. Between two chosen ones lie as many empty cells as steps are missing, so
that snapshots which drift by minutes leave no hole, and one hour without a snapshot leaves one.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Literal, NamedTuple

from shared.model import Snapshot
from shared.retention.deltas import MAX_SNAPSHOTS, Deltas
from shared.retention.kernel import retain, walk_alone

#: `before`: the disk has no snapshot that is as old. `held`: one that is to go is held there.
CellState = Literal["filled", "missing", "before", "pending", "failed", "held"]

#: One letter for each state, as reports have a picture.
LETTERS: dict[CellState, str] = {
    "filled": "#",
    "missing": "-",
    "before": ".",
    "pending": "p",
    "failed": "f",
    "held": "h",
}


#: Of several points that share a mark the worst is shown.
_WORST = "-fhp.#"


class Cell(NamedTuple):
    """A point in time that a generation wants, and the snapshot that stands for it, if any."""

    point: datetime
    state: CellState
    snapshot: str = ""


class Gap(NamedTuple):
    """Points in a row that no snapshot stands for."""

    first: datetime
    last: datetime
    points: int


class Picture(NamedTuple):
    """One generation: a cell for each point, the oldest first."""

    deltas: str
    name: str
    step: timedelta
    cells: tuple[Cell, ...]

    @property
    def filled(self) -> int:
        """Count the points that a completed snapshot stands for."""
        return sum(cell.state == "filled" for cell in self.cells)

    @property
    def letters(self) -> str:
        """Give the picture as a word, a letter for each cell."""
        return "".join(LETTERS[cell.state] for cell in self.cells)

    def gaps(self) -> list[Gap]:
        """List the gaps, the oldest first; what lies before the first snapshot is none."""
        found = []
        for state, cells in groupby(self.cells, key=lambda cell: cell.state):
            if state == "missing":
                points = [cell.point for cell in cells]
                found.append(Gap(points[0], points[-1], len(points)))
        return found


def draw(
    counted: Sequence[Snapshot],
    deltas: Deltas,
    now: datetime,
    others: Iterable[Snapshot] = (),
    held: Iterable[str] = (),
) -> list[Picture]:
    """Draw each generation of a list, the finest first.

    Args:
        counted: the completed snapshots that count, in any order.
        deltas: the list.
        now: points since the newest are missing too, and those at the other end are left out.
        others: pending and failed ones, which fill no cell.
        held: ids of those that would go and are held.
    """
    history = retain(counted, deltas.resolve(now)).history
    if not history:
        return _empty(deltas, now, list(others))
    anchor, held = history[-1].started, set(held)
    lengths = deltas.resolve(anchor)
    times = [snapshot.started for snapshot in history]
    strange = sorted(others, key=lambda s: s.started)
    last = max((s.started for s in strange), default=anchor)
    found = []
    for number, name in enumerate(deltas.generations()):
        step, span = lengths[number], lengths[number + 1]
        chosen = [history[index] for index in walk_alone(times, lengths, number)]
        cells = [*_cells(chosen, anchor, step, span)]
        late = _late(history[-1], step, now, last)[-len(cells) :]
        cells = (cells + late)[len(late) :]
        in_reach = [s for s in history if s.id in held and anchor - s.started <= span]
        cells = _with(cells, [*strange, *in_reach], held, step)
        first = times[0] - step / 2
        cells = [c._replace(state="before") if c.state == "missing" and c.point < first else c
                 for c in cells]  # fmt: skip
        found.append(Picture(deltas.text, name, step, tuple(cells)))
    return found


def fitted(picture: str, most: int) -> tuple[str, int]:
    """Shorten a picture of letters to so many marks; tells how many points share one."""
    share = -(-len(picture) // most)
    if share <= 1:
        return picture, 1
    groups = (picture[n : n + share] for n in range(0, len(picture), share))
    return "".join(min(group, key=_WORST.index) for group in groups), share


def _cells(
    chosen: Sequence[Snapshot], anchor: datetime, step: timedelta, span: timedelta
) -> Iterator[Cell]:
    """Give the cells from `anchor - span` to just before the anchor."""
    inside = [s for s in chosen if s.started < anchor]
    start = anchor - span
    if not inside:
        yield from _missing(start, -(-span // step), step)
        return
    found: list[Cell] = []
    for one, end in zip(inside, [*(s.started for s in inside[1:]), anchor], strict=True):
        found.append(Cell(one.started, "filled", one.id))
        found += _missing(one.started + step, round((end - one.started) / step) - 1, step)
    # What drifted may take up the part of a step that is left; then it is not missing too.
    before = round((inside[0].started - start) / step)
    yield from _missing(start, min(before, -(-span // step) - len(found)), step)
    yield from found


def _missing(start: datetime, count: int, step: timedelta) -> Iterator[Cell]:
    for number in range(count):
        yield Cell(start + number * step, "missing")


def _late(newest: Snapshot, step: timedelta, now: datetime, last: datetime) -> list[Cell]:
    """Give the newest and the cells after it, where one should be there by now, or is begun.

    `last` is when the last pending or failed one was begun. After years without a snapshot they
    are no more than anybody draws.
    """
    # Half a step of grace: a pass that comes some minutes later is no gap.
    count = int((now - newest.started) / step - 0.5)
    count = max(count, round((min(last, now) - newest.started) / step))
    if count <= 0:
        return []
    count = min(count, MAX_SNAPSHOTS)
    after = list(_missing(newest.started + step, count, step))
    return [Cell(newest.started, "filled", newest.id), *after]


def _with(
    cells: list[Cell], strange: Sequence[Snapshot], held: set[str], step: timedelta
) -> list[Cell]:
    """Show pending, failed and held snapshots in the empty cells that they are nearest to."""
    points = [cell.point for cell in cells]
    for snapshot in strange:
        after = bisect_left(points, snapshot.started)
        near = [n for n in (after - 1, after) if 0 <= n < len(cells)]
        place = min(near, key=lambda n: abs(points[n] - snapshot.started), default=None)
        if place is None or abs(points[place] - snapshot.started) > step / 2:
            continue
        if cells[place].state in ("missing", "failed"):
            state: CellState = "held" if snapshot.id in held else _state(snapshot)
            cells[place] = Cell(points[place], state, snapshot.id)
    return cells


def _state(snapshot: Snapshot) -> CellState:
    return "pending" if snapshot.state == "pending" else "failed"


def _empty(deltas: Deltas, now: datetime, others: Sequence[Snapshot]) -> list[Picture]:
    """Draw the generations of a disk that has no completed snapshot."""
    lengths = deltas.resolve(now)
    found = []
    for number, name in enumerate(deltas.generations()):
        step, span = lengths[number], lengths[number + 1]
        cells = [cell._replace(state="before") for cell in _missing(now - span, -(-span // step),
                                                                    step)]  # fmt: skip
        for snapshot in others[-1:] if number == 0 else ():
            cells[-1] = Cell(cells[-1].point, _state(snapshot), snapshot.id)
        found.append(Picture(deltas.text, name, step, tuple(cells)))
    return found
