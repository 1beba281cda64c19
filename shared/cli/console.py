"""How text reaches the terminal, by `rich`.

Whatever is printed is passed as Text, so that no name from the cluster is read as markup.
"""

import textwrap
from itertools import groupby
from typing import Any, NoReturn

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.cli.pictures import MARKS, Line
from shared.cli.rows import Rows, as_lines, widths

#: Columns where the output is no terminal.
WIDTH = 140


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        """Leave the exit status to the command; rich's own would end with 1."""
        raise BrokenPipeError


def open_console() -> Console:
    """Give standard output: as wide as the terminal is, or WIDTH where it is none."""
    console = _Console(highlight=False)
    return console if console.is_terminal else _Console(highlight=False, width=WIDTH)


def print_rows(console: Console, listed: Rows, **look: Any) -> None:
    """Print rows: as a table where no word need be cut, else as lines; nothing where there is none.

    `look` is what else `rich` is to know of the table.
    """
    listed = listed._replace(rows=[tuple(map(shown, row)) for row in listed.rows])
    if not listed.rows:
        return
    wide = table_fits(console, listed)
    if wide is None:
        title, *lines = as_lines(listed)
        print_line(console, Line(title, "bold"))
        for text in lines:
            print_line(console, Line(text))
        return
    table = Table(
        title=listed.title, title_justify="left", title_style="bold", box=box.ROUNDED, **look
    )
    for column, width in zip(listed.columns, wide, strict=True):
        table.add_column(column, overflow="fold", width=width)
    for row in listed.rows:
        table.add_row(*map(Text, row))
    console.print(table)


def table_fits(console: Console, listed: Rows) -> list[int] | None:
    """Give the widths of a table's columns between its borders; None where there is no room."""
    return widths(listed, console.width - 3 * len(listed.columns) - 1)


def print_line(console: Console, line: Line) -> None:
    """Print a line, or what it has several lines of."""
    if line.marks:
        console.print(_drawn(console, line), soft_wrap=True)
        return
    for text in line.text.split("\n"):
        for part in _wrapped(shown(text), console.width) or [""]:
            console.print(Text(part, line.style), soft_wrap=True)


def _wrapped(text: str, width: int) -> list[str]:
    """Break a line between words, never within one: ids can be copied."""
    indent = len(text) - len(text.lstrip())
    return textwrap.wrap(
        text, width, subsequent_indent=" " * (indent + 2), drop_whitespace=True,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _drawn(console: Console, line: Line) -> Text:
    """Draw the letters of a picture as marks, each in its style."""
    places, fancy = set(line.marks), _has_marks(console)
    found = Text(style=line.style)
    letters = enumerate(shown(line.text))
    for (letter, marked), group in groupby(letters, lambda pair: (pair[1], pair[0] in places)):
        mark, in_ascii, _, style = MARKS[letter] if marked else (letter, letter, "", "")
        found.append((mark if fancy else in_ascii) * len(list(group)), style)
    return found


def _has_marks(console: Console) -> bool:
    try:
        "■□·".encode(console.encoding)
    except (UnicodeError, LookupError):
        return False
    return True


def shown(text: str) -> str:
    """Escape what a terminal would obey; line breaks stay."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)
