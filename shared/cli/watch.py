"""`--watch`: the same looked at again and again, on a screen that is drawn anew each time."""

import logging
import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import Console

from shared.cli.console import open_console, print_line
from shared.cli.pictures import Line
from shared.errors import PassError
from shared.ports import Clock
from shared.text import counted

Look = Callable[[], Iterable[Line]]


def watch(look: Look, seconds: float, clock: Clock, zone: ZoneInfo) -> None:
    """Print what a look shows, each time after so many seconds, until it is interrupted.

    Raises:
        PassError: where the first look fails; a later one may, and is said on the screen.
    """
    # Each look would say it, and a screen that is drawn anew has no room for it.
    for name in ("shared", "functions"):
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.WARNING))
    lines = [*look()]
    while True:
        console = open_console()
        _draw(console, _head(clock.now(), zone, seconds, console.is_terminal), lines)
        clock.sleep(seconds)
        try:
            lines = [*look()]
        except PassError as error:
            lines = [Line(str(error), "bold red")]


def _head(now: datetime, zone: ZoneInfo, seconds: float, terminal: bool) -> Line:
    again = f", again every {seconds:g} s; Ctrl-C ends" if terminal else ""
    return Line(f"{now.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}{again}", "dim")


def _draw(console: Console, head: Line, lines: Iterable[Line]) -> None:
    with console.capture() as captured:
        for line in (head, *lines):
            print_line(console, line)
    found = captured.get().splitlines()
    if console.is_terminal:
        found = _fitted(found, console.height - 1)
        console.clear()
    else:
        found.append("")
    sys.stdout.write("\n".join([*found, ""]))
    sys.stdout.flush()


def _fitted(lines: list[str], height: int) -> list[str]:
    """Leave out what a screen has no room for; the last line stays, which sums up."""
    over = len(lines) - height
    if over <= 0 or height < 4:
        return lines
    left_out = counted(over + 1, "more line")
    return [*lines[: height - 2], f"… {left_out}; -n and --claim select", lines[-1]]
