"""The generations of a disk as SVG: one path for each state, however many points. Pure.

A path is a dashed line, and each dash of it is a point: a run of points in the same state takes a
dozen characters. States differ by height and place too, so that they can be told without colour.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from shared.planning.pictures import Picture, fitted

#: Marks that fit a row; more points share them.
MOST = 120
#: From one mark to the next, one more than its width; and from one row to the next.
STEP, PITCH = 5, 18
#: The height of a mark.
HEIGHT = 12
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


class Drawing(NamedTuple):
    """The rows below each other: the size, each path's class and line, and a text for each row."""

    width: int
    height: int
    paths: tuple[tuple[str, str], ...]
    texts: tuple[str, ...] = ()


def draw_rows(pictures: Sequence[Picture]) -> Drawing:
    """Draw generations, the newest point of each at the right."""
    drawn, texts = [], []
    for picture in pictures:
        letters, share = fitted(picture.letters, MOST)
        drawn.append(letters)
        several = f" ({share} points a mark)" if share > 1 else ""
        name = picture.name.partition(" for ")[0]
        texts.append(f"{picture.filled} of {len(picture.cells)} {name}{several}")
    return of_letters(drawn, texts)


def of_letters(rows: Sequence[str], texts: Sequence[str] = ()) -> Drawing:
    """Draw rows of letters."""
    width = max((len(letters) for letters in rows), default=0) * STEP
    parts: dict[str, list[str]] = {}
    for number, letters in enumerate(rows):
        x, top = width - len(letters) * STEP, number * PITCH + (PITCH - HEIGHT) // 2
        for letter, run in groupby(letters):
            length, (name, lines) = len(list(run)) * STEP, _LINES[letter]
            parts.setdefault(name, []).extend(f"M{x} {top + y:g}h{length - 1}" for y in lines)
            x += length
    paths = tuple((name, "".join(found)) for name, found in parts.items())
    return Drawing(width, len(rows) * PITCH, paths, tuple(texts))
