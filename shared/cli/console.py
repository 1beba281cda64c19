"""How text reaches the terminal, by `rich`.

Whatever is printed is passed as Text, so that no name from the cluster is read as markup.
"""

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.cli.rows import Rows

#: Columns where the output is no terminal.
WIDTH = 140


def open_console() -> Console:
    """Give standard output: as wide as the terminal is, or WIDTH where it is none."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH)


def new_table(title: str, *columns: str) -> Table:
    """Make an empty table."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.ROUNDED)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def table_of(listed: Rows) -> Table:
    """Make a table of rows."""
    table = new_table(listed.title, *listed.columns)
    for row in listed.rows:
        table.add_row(*texts(*row))
    return table


def print_table(console: Console, table: Table) -> None:
    """Print a table; nothing where it has no row."""
    if table.row_count:
        console.print(table)


def print_lines(console: Console, text: str, style: str = "") -> None:
    """Print lines of text."""
    for line in text.split("\n"):
        console.print(Text(shown(line), style))


def texts(*values: str) -> list[Text]:
    """Make the cells of a row."""
    return [Text(shown(value)) for value in values]


def shown(text: str) -> str:
    """Escape what a terminal would obey; line breaks stay."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)
