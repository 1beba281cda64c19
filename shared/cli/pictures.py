"""Pictures of generations as lines of text, as wide as there is room. Pure."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from shared.planning.pictures import fitted

#: Mark and meaning of each letter; `ascii` is for terminals that have no others.
MARKS = {
    "#": ("■", "#", "a snapshot covers the point", "green"),
    "-": ("□", "-", "missing", "bold red"),
    ".": ("·", ".", "before the first snapshot", ""),
    "p": ("p", "p", "pending", "cyan"),
    "f": ("f", "f", "failed", "bold red"),
    "h": ("h", "h", "held", "yellow"),
}
#: Lines that a picture takes at most.
LINES = 3


class Line(NamedTuple):
    """Some text, perhaps of several lines, and its style, which is rich's.

    `marks` are the places of a single line whose letters are drawn as marks.
    """

    text: str
    style: str = ""
    marks: Sequence[int] = ()


class Drawn(Protocol):
    """What a generation has to be drawn by."""

    @property
    def name(self) -> str:
        """Say what it is called."""

    @property
    def picture(self) -> str:
        """Give a letter for each point."""

    @property
    def kept(self) -> int:
        """Count the points that have a snapshot."""

    @property
    def wants(self) -> int:
        """Count the points."""


def pictures(found: Sequence[Drawn], width: int, indent: int = 4) -> Iterator[Line]:
    """Draw generations below each other, the newest point at the right."""
    names = max((len(one.name) for one in found), default=0)
    counts = [f"{one.kept} of {one.wants}" for one in found]
    margin = max((len(count) for count in counts), default=0)
    left = indent + names + 2 + margin + 2
    beside = left + max((len(one.picture) for one in found), default=0) <= width
    for one, count in zip(found, counts, strict=True):
        head = f"{'':{indent}}{one.name:{names}}  {count:>{margin}}"
        if beside:
            yield _line(f"{head:{left}}", one.picture)
            continue
        yield Line(head)
        yield from _wrapped(one.picture, width - indent - 2, indent + 2)


def _wrapped(picture: str, width: int, indent: int) -> Iterator[Line]:
    """Draw a long picture on a few lines; where that is not enough, several points share a mark."""
    picture, share = fitted(picture, width * LINES)
    if share > 1:
        yield Line(f"{'':{indent}}(each mark is {share} points, the worst of them shown)")
    for start in range(0, len(picture), width):
        yield _line(f"{'':{indent}}", picture[start : start + width])


def _line(head: str, picture: str) -> Line:
    return Line(head + picture, marks=range(len(head), len(head) + len(picture)))


def legend(found: Sequence[Drawn], indent: int = 4) -> Line:
    """Say what the marks mean that are there."""
    text = " " * indent
    places: list[int] = []
    for letter, (_, _, meaning, _) in MARKS.items():
        if any(letter in one.picture for one in found):
            text += "  " if places else ""
            places.append(len(text))
            text += f"{letter} {meaning}"
    return Line(text, "dim", places)
