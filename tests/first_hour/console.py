"""Sessions in documents: commands behind `$`, and what they print."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

#: What differs from run to run, by its name in brackets.
_PLACES = {
    "time": r"\d{4}-\d\d-\d\d \d\d:\d\d UTC",
    "day": r"\d{4}-\d\d-\d\d",
    "age": r" *\d+ (?:d|h|min|s)(?: \d+ (?:h|min|s))?",
    "snapshot": r"snap-[0-9a-f]{17}",
}


class Step(NamedTuple):
    """A command, and the lines that it prints; `...` stands for any."""

    command: str
    printed: tuple[str, ...]


def steps(page: Path) -> Iterator[Step]:
    """Read the blocks of a page that are sessions."""
    for block in re.findall(r"^```console\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            yield Step(command, tuple(printed.splitlines()))


def pattern(printed: tuple[str, ...]) -> str:
    """Make a regular expression of what a page shows."""
    return "".join(r"(?:.*\n)*?" if line == "..." else _line(line) + r"\n" for line in printed)


def _line(line: str) -> str:
    parts = re.split(rf"\[({'|'.join(_PLACES)})\]", line)
    return "".join(
        _PLACES[part] if number % 2 else re.escape(part) for number, part in enumerate(parts)
    )
