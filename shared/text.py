"""Words for people: time spans, counts, and what is safe to print of untrusted input. Pure."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches

#: What a problem says is cut to so many characters: two of the longest names have room.
LONGEST = 600


def printable(text: str) -> str:
    """Escape control characters, so that a text is one line and moves no cursor."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def shorten(value: object, limit: int = 120) -> str:
    """Print untrusted input on one line: control characters escaped, cut to `limit`."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except RecursionError:  # what could just be decoded may be too deep to print
        text = "(nested too deeply to be shown)"
    head = printable(text[: limit + 1])
    return head if len(head) <= limit and len(text) <= limit else head[: limit - 1] + "…"


def closest(asked: str, names: Collection[str], most: int = 3) -> list[str]:
    """Give the names that are nearly what was asked for, the closest first."""
    return get_close_matches(asked[:120], sorted(names), most)


def did_you_mean(near: Collection[str]) -> str:
    """Ask whether one of some names was meant; empty without any."""
    return f"; did you mean {' or '.join(map(shorten, near))}?" if near else ""


def utc(time: datetime) -> str:
    """Print a time to the second."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def words(span: timedelta) -> str:
    """Print a time span in its largest unit and the next: `2 d 3 h`."""
    seconds = max(int(span.total_seconds()), 0)
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    counts = []
    for unit, size in units:
        count, seconds = divmod(seconds, size)
        counts.append((count, unit))
    first = next((n for n, (count, _) in enumerate(counts) if count), len(counts) - 1)
    shown = [f"{count} {unit}" for count, unit in counts[first : first + 2] if count]
    return " ".join(shown) or "0 s"


def counted(count: float, noun: str) -> str:
    """Print a count with its noun, whose plural has an s: `1 rule`, `0 rules`."""
    return f"{count:g} {noun}{'' if count == 1 else 's'}"
