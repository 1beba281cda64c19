"""A generation as SVG: one path for each state, however many points there are. Pure.

A path is a dashed line, and each dash of it is a point: a run of points in the same state takes a
dozen characters. States differ by height and place too, so that they can be told without colour.
"""

from itertools import groupby
from typing import NamedTuple

from shared.planning.pictures import Picture, fitted

#: Marks that fit a row; more points share them.
MOST = 120
#: From one mark to the next, and how high a row is; the dash of report.css is one shorter.
STEP, HEIGHT = 5, 12
#: Class of each letter, and where its lines lie, from the top; report.css says how thick they are.
#: Filled is a bar and missing an empty one; pending is its upper half, held its lower one.
_LINES: dict[str, tuple[str, tuple[float, ...]]] = {
    "#": ("filled", (6,)),
    "-": ("missing", (1, 11)),
    ".": ("before", (11.5,)),
    "p": ("pending", (3,)),
    "f": ("failed", (6,)),
    "h": ("held", (9,)),
}


class Row(NamedTuple):
    """One generation: its size, the paths by class, and what they say in words."""

    width: int
    paths: tuple[tuple[str, str], ...]
    said: str
    shared: int


def row(picture: Picture) -> Row:
    """Draw a generation, the newest point at the right."""
    name = picture.name.partition(" for ")[0]
    return row_of(picture.letters, f"{picture.filled} of {len(picture.cells)} {name}")


def row_of(picture: str, said: str) -> Row:
    """Draw a picture of letters."""
    letters, share = fitted(picture, MOST)
    parts: dict[str, list[str]] = {}
    start = 0
    for letter, run in groupby(letters):
        count, (name, lines) = len(list(run)), _LINES[letter]
        drawn = [f"M{start * STEP} {y:g}h{count * STEP - 1}" for y in lines]
        parts.setdefault(name, []).extend(drawn)
        start += count
    paths = tuple((name, "".join(found)) for name, found in parts.items())
    return Row(len(letters) * STEP, paths, said, share)
