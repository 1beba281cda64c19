"""Deltas: `PT1H P1D P30D P360D`, when to snapshot and what to keep.

ISO 8601 durations separated by blanks. The smallest is the interval; each pair of neighbours is a
generation: one snapshot every *step*, for a *span*. Years and months have no length of their own:
they get one when they are resolved against an anchor.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any

import isodate

from shared.errors import DeltasError
from shared.text import counted, shorten

#: An EC2 tag value ends at 256 characters, and each snapshot bears the deltas it was made under
#: (Amazon EC2 User Guide, "Tag your Amazon EC2 resources").
MAX_TEXT = 255
#: More snapshots than this are never meant; the cost of a disk stays bounded.
MAX_SNAPSHOTS = 10_000
#: Keeps every point in time within the calendar.
LONGEST = timedelta(days=36_525)

#: Only for order and length while no anchor is known; a month of 31 days precedes it.
_NOMINAL = datetime(2001, 2, 1, tzinfo=UTC)
#: Between durations people write these in place of blanks.
_SEPARATORS = re.compile(r"[\s,;/|]+")
_EXAMPLE = "for example 'PT1H P1D P30D P360D'"

#: A timedelta, or isodate's Duration, which has no types, for years and months.
Span = Any


@dataclass(frozen=True, slots=True)
class Deltas:
    """A valid list of deltas, ascending.

    `text` is the normalised form that `parse` accepts; `in_order` tells whether it was written in
    ascending order. `str()` gives the policy as a sentence.
    """

    text: str
    spans: tuple[Span, ...]
    in_order: bool
    nominal: tuple[timedelta, ...]

    def resolve(self, anchor: datetime) -> tuple[timedelta, ...]:
        """Give years and months their length before `anchor`; ascending."""
        if all(isinstance(span, timedelta) for span in self.spans):
            return self.nominal
        return _resolve(self.spans, anchor)

    def interval(self, anchor: datetime) -> timedelta:
        """Give the time between two snapshots, the smallest delta."""
        return self.resolve(anchor)[0]

    def generations(self) -> tuple[str, ...]:
        """Name each generation, finest first: `hourly for 1 day`."""
        return tuple(f"{_adverb(step)} for {_words(span)}" for step, span in pairwise(self.spans))

    def __str__(self) -> str:
        first = self.spans[0]
        every = _EVERY.get(_code(first), f"every {_words(first)}")
        return f"a snapshot {every}; {', '.join(self.generations())}"


@lru_cache(maxsize=4096)
def parse(text: str) -> Deltas:
    """Parse deltas.

    Raises:
        DeltasError: with what is wrong and what would be right.
    """
    if len(text) > MAX_TEXT:
        raise DeltasError(f"is {len(text):,} characters long; at most {MAX_TEXT} are accepted")
    words = text.split()
    spans = _parse_all(words)
    if len(words) < 2:
        raise DeltasError(
            f"has {counted(len(words), 'duration')}; at least two are needed, "
            f"the interval and how long to keep, {_EXAMPLE}"
        )
    nominal = [_length(span, word) for span, word in zip(spans, words, strict=True)]
    order = sorted(range(len(spans)), key=nominal.__getitem__)
    lengths = tuple(nominal[i] for i in order)
    _check_count(lengths)
    normal = " ".join(words).replace(",", ".")
    return Deltas(normal, tuple(spans[i] for i in order), order == sorted(order), lengths)


def parse_duration(text: str) -> tuple[Span, timedelta]:
    """Parse one duration; give it and its length, which a year or month has only nominally.

    Raises:
        DeltasError: where it is none, or not longer than zero, or longer than 100 years.
    """
    span = _parse_one(text)
    return span, _length(span, text)


def _parse_all(words: Sequence[str]) -> list[Span]:
    try:
        return [_parse_one(word) for word in words]
    except DeltasError as error:
        raise DeltasError(_meant(words) or str(error)) from error


def _meant(words: Sequence[str]) -> str:
    """Say what was probably meant by words that are no durations; nothing where that is unclear."""
    tidy = [word for word in _SEPARATORS.split(" ".join(words)) if word]
    capital = [word.upper() for word in tidy]
    if len(tidy) < 2 or not all(map(_is_duration, capital)):
        return ""
    what = "in small letters" if tidy != capital else "that are separated by more than blanks"
    return f"has durations {what}; write '{shorten(' '.join(capital), 80)}'"


def _is_duration(word: str) -> bool:
    try:
        return bool(_parse_one(word))
    except DeltasError:
        return False


def _parse_one(word: str) -> Span:
    try:
        span: Span = isodate.parse_duration(word)
    except OverflowError as error:
        raise DeltasError(f"'{shorten(word, 40)}' is longer than 100 years") from error
    except (ValueError, ArithmeticError, TypeError, AttributeError) as error:
        raise DeltasError(
            f"'{shorten(word, 40)}' is not an ISO 8601 duration; write PT30M for 30 minutes, PT1H "
            "for an hour, P1D, P1W, P1M, P1Y for a day, week, month, year"
        ) from error
    return span


def _length(span: Span, word: str) -> timedelta:
    try:
        if not isinstance(span, timedelta) and (span.years % 1 or span.months % 1):
            raise DeltasError(
                f"'{shorten(word, 40)}' has a fraction of a year or month, which has no length; "
                "use whole ones, or days"
            )
        length = _resolve((span,), _NOMINAL)[0]
    except (ValueError, ArithmeticError) as error:
        raise DeltasError(f"'{shorten(word, 40)}' is longer than 100 years") from error
    if length <= timedelta(0):
        raise DeltasError(f"'{shorten(word, 40)}' is not longer than zero")
    if length > LONGEST:
        raise DeltasError(f"'{shorten(word, 40)}' is longer than 100 years")
    return length


def _check_count(lengths: tuple[timedelta, ...]) -> None:
    count = sum(span / step for step, span in pairwise(lengths))
    if count > MAX_SNAPSHOTS:
        raise DeltasError(
            f"implies {count:,.0f} snapshots of one disk; at most {MAX_SNAPSHOTS:,} are accepted: "
            "put a delta between the two that lie far apart"
        )


def _resolve(spans: tuple[Span, ...], anchor: datetime) -> tuple[timedelta, ...]:
    lengths: list[timedelta] = [anchor - (anchor - span) for span in spans]
    return tuple(sorted(lengths))


_EVERY = {"PT1M": "every minute", "PT1H": "every hour", "P1D": "every day", "P7D": "every week",
          "P1M": "every month", "P1Y": "every year"}  # fmt: skip
_ADVERBS = {"PT1M": "minutely", "PT1H": "hourly", "P1D": "daily", "P7D": "weekly",
            "P30D": "monthly", "P1M": "monthly", "P1Y": "yearly",
            "P360D": "yearly", "P365D": "yearly"}  # fmt: skip


def _code(span: Span) -> str:
    if isinstance(span, timedelta):
        days, rest = divmod(span, timedelta(days=1))
        if not rest:
            return f"P{days}D"
        return {timedelta(hours=1): "PT1H", timedelta(minutes=1): "PT1M"}.get(span, "")
    if not span.tdelta and {span.years, span.months} == {0, 1}:
        return "P1Y" if span.years else "P1M"
    return ""


def _adverb(span: Span) -> str:
    return _ADVERBS.get(_code(span), f"every {_words(span)}")


def _words(span: Span) -> str:
    parts = []
    if not isinstance(span, timedelta):
        parts = [(int(span.years), "year"), (int(span.months), "month")]
        span = span.tdelta
    days, rest = divmod(span, timedelta(days=1))
    hours, rest = divmod(rest, timedelta(hours=1))
    minutes, rest = divmod(rest, timedelta(minutes=1))
    parts += [(days, "day"), (hours, "hour"), (minutes, "minute"), (rest.total_seconds(), "second")]
    return " ".join(counted(n, unit) for n, unit in parts if n)
