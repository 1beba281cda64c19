"""Deltas: what is accepted, what is refused and with which words, how long a month is."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from shared.errors import DeltasError
from shared.retention.deltas import LONGEST, MAX_SNAPSHOTS, MAX_TEXT, parse
from tests.shared.builders import DAY, HOUR, NOW

NOT_ISO = "is not an ISO 8601 duration; write PT30M for 30 minutes, PT1H for an hour"
NOT_POSITIVE = "is not longer than zero"
TOO_LONG = "is longer than 100 years"
FRACTION = "has a fraction of a year or month, which has no length; use whole ones, or days"

WRONG = [
    ("", "has 0 durations; at least two are needed"),
    (" \t\n", "has 0 durations; at least two are needed"),
    ("PT1H", "has 1 duration; at least two are needed"),
    ("P1D,P30D", "has durations that are separated by more than blanks; write 'P1D P30D'"),
    ("PT1H;P1D ; P7D", "has durations that are separated by more than blanks; write 'PT1H P1D P7D"),
    ("pt1h, p1d", "has durations in small letters; write 'PT1H P1D'"),
    ("P1D,P3OD", f"'P1D,P3OD' {NOT_ISO}"),
    ("PT1H,", f"'PT1H,' {NOT_ISO}"),
    ("${var.backup_deltas}", f"'${{var.backup_deltas}}' {NOT_ISO}"),
    (
        ",".join(["P1D"] * 60),
        "has durations that are separated by more than blanks; write 'P1D P1D",
    ),
    ("PT0S P1D", f"'PT0S' {NOT_POSITIVE}"),
    ("P0M P1D", f"'P0M' {NOT_POSITIVE}"),
    ("P1D P0Y", f"'P0Y' {NOT_POSITIVE}"),
    ("-P1D P2D", f"'-P1D' {NOT_POSITIVE}"),
    ("-P1M P2D", f"'-P1M' {NOT_POSITIVE}"),
    ("PT0.0000001S P1D", f"'PT0.0000001S' {NOT_POSITIVE}"),
    ("PT P1D", f"'PT' {NOT_POSITIVE}"),
    ("P P1D", f"'P' {NOT_ISO}"),
    ("PT1H daily", f"'daily' {NOT_ISO}"),
    ("p1d p30d", "has durations in small letters; write 'P1D P30D'"),
    ("1d 7d 30d", f"'1d' {NOT_ISO}"),
    ("P1D 30", f"'30' {NOT_ISO}"),
    ("P1D P3OD", f"'P3OD' {NOT_ISO}"),
    ("P1D, P30D", "has durations that are separated by more than blanks; write 'P1D P30D'"),
    ("P1D P1M-1D", f"'P1M-1D' {NOT_ISO}"),
    ("PT1H P1D / P30D", "has durations that are separated by more than blanks; write 'PT1H P1D P3"),
    ("P١D P30D", f"'P١D' {NOT_ISO}"),
    ("P1D P３０D", f"'P３０D' {NOT_ISO}"),
    ("P\x001D P30D", f"'P\\x001D' {NOT_ISO}"),
    ("P0.5M P1Y", f"'P0.5M' {FRACTION}"),
    ("P1D P1,5Y", f"'P1,5Y' {FRACTION}"),
    ("P1.0000000000000000000001M P1Y", f"'P1.0000000000000000000001M' {FRACTION}"),
    ("P1D P99999999999D", f"'P99999999999D' {TOO_LONG}"),
    ("P1D P1000000000D", f"'P1000000000D' {TOO_LONG}"),
    ("P1D P36526D", f"'P36526D' {TOO_LONG}"),
    ("P1D P101Y", f"'P101Y' {TOO_LONG}"),
    ("P1D P9999999999M", f"'P9999999999M' {TOO_LONG}"),
    (f"P1D P{'9' * 200}Y", f"'P{'9' * 38}…' {TOO_LONG}"),
    (f"P1D P{'1' * 200}M", f"'P{'1' * 38}…' {TOO_LONG}"),
    (f"P{'P' * 100} P1D", f"'{'P' * 39}…' {NOT_ISO}"),
    ("PT1S P30D", "implies 2,592,000 snapshots of one disk; at most 10,000 are accepted"),
    ("PT1M P1W", "implies 10,080 snapshots of one disk; at most 10,000 are accepted"),
    ("P1D P100Y", "implies 36,525 snapshots of one disk; at most 10,000 are accepted"),
    (f"PT1H {'P' * 251}", "is 256 characters long; at most 255 are accepted"),
    ("P1D " * 2_500_000, "is 10,000,000 characters long; at most 255 are accepted"),
]


@pytest.mark.parametrize(("text", "message"), WRONG, ids=lambda value: repr(value)[:30])
def test_refuses_deltas_of_every_wrong_kind(text: str, message: str) -> None:
    """Wrong deltas are refused with the word at fault and what would be right.

    A zero or negative delta loops for ever in tarsnapper; `PT` parses to nothing without an error.
    """
    with pytest.raises(DeltasError) as caught:
        parse(text)

    assert message == str(caught.value)[: len(message)]


@pytest.mark.parametrize("text", [text for text, _ in WRONG], ids=lambda value: repr(value)[:30])
def test_an_error_is_one_short_line_whatever_was_written(text: str) -> None:
    """An error's text is one printable line of bounded length, even for 10 MB of annotation."""
    with pytest.raises(DeltasError) as caught:
        parse(text)

    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("text", ["PT1M PT10000M", "PT1M PT5000M PT25000000M", "P1D P10000D"])
def test_accepts_as_many_snapshots_as_the_limit(text: str) -> None:
    """Lists that imply exactly the limit are accepted."""
    count = sum(span / step for step, span in pairwise(parse(text).nominal))

    assert count == MAX_SNAPSHOTS


def test_accepts_the_longest_span_and_the_longest_text() -> None:
    """100 years and 255 characters are still accepted."""
    text = "P1Y P36525D".ljust(MAX_TEXT)

    assert (timedelta(365), LONGEST) == parse(text).resolve(NOW)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("PT1H P1D", "PT1H P1D"),
        ("  PT1H\tP1D \n P30D ", "PT1H P1D P30D"),
        ("PT1H\u00a0P1D", "PT1H P1D"),
        ("PT0,5H P1,5D", "PT0.5H P1.5D"),
        ("P30D PT1H P1D", "P30D PT1H P1D"),
    ],
)
def test_normalises_blanks_and_decimal_commas(text: str, normal: str) -> None:
    """The normalised text has single blanks and decimal points, and keeps the order written."""
    assert normal == parse(text).text


@pytest.mark.parametrize(
    ("text", "in_order"),
    [
        ("PT1H P1D P30D", True),
        ("P1D P1D P30D", True),
        ("P1D P1M P1Y", True),
        ("P31D P1M P1Y", True),
        ("P1D PT1H P30D", False),
        ("PT1H P1M P30D", False),
        ("P1Y P1M P1D", False),
    ],
)
def test_accepts_deltas_out_of_order_and_flags_them(text: str, in_order: bool) -> None:
    """Deltas are read in ascending order however they were written, and it is told if they were."""
    deltas = parse(text)

    assert in_order == deltas.in_order
    assert sorted(deltas.resolve(NOW)) == list(deltas.resolve(NOW))


@pytest.mark.parametrize(
    ("text", "anchor", "days"),
    [
        ("P1D P1M P1Y", datetime(2026, 3, 1, tzinfo=UTC), [1, 28, 365]),
        ("P1D P1M P1Y", datetime(2028, 3, 1, tzinfo=UTC), [1, 29, 366]),
        ("P1D P1M P1Y", datetime(2026, 5, 1, tzinfo=UTC), [1, 30, 365]),
        ("P1D P1M P1Y", datetime(2026, 6, 1, tzinfo=UTC), [1, 31, 365]),
        ("P1D P1M P1Y", datetime(2026, 3, 31, 23, 59, tzinfo=UTC), [1, 31, 365]),
        ("P1D P1M P1Y", datetime(2028, 2, 29, tzinfo=UTC), [1, 31, 366]),
        ("P1D P1M P4Y", datetime(2026, 6, 15, tzinfo=UTC), [1, 31, 1461]),
        ("P1W P2M P12M", datetime(2026, 3, 1, tzinfo=UTC), [7, 59, 365]),
        ("P1D P1M1D P1Y", datetime(2026, 3, 1, tzinfo=UTC), [1, 29, 365]),
        # In March the month is the shorter one, though it stands behind 30 days in the text.
        ("P1D P30D P1M P1Y", datetime(2026, 3, 1, tzinfo=UTC), [1, 28, 30, 365]),
    ],
)
def test_resolves_months_and_years_against_the_anchor(
    text: str, anchor: datetime, days: list[int]
) -> None:
    """Months and years, which crash in the daemon's sorting, have 28 to 31 and 365 or 366 days."""
    assert [timedelta(n) for n in days] == list(parse(text).resolve(anchor))


def test_resolves_days_alike_at_every_anchor() -> None:
    """Deltas without months and years have the same length whenever they are asked."""
    deltas = parse("PT1H P1D P30D")

    assert (HOUR, DAY, 30 * DAY) == deltas.resolve(NOW) == deltas.resolve(NOW + 100 * DAY)


@pytest.mark.parametrize(
    ("text", "interval"), [("P1D PT1H P1M", HOUR), ("P1M P1Y", timedelta(31)), ("P1W P1M", 7 * DAY)]
)
def test_the_smallest_delta_is_the_interval(text: str, interval: timedelta) -> None:
    """A snapshot is due every smallest delta, wherever in the list it stands."""
    assert interval == parse(text).interval(NOW)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "PT1H P1D P30D P360D",
            "a snapshot every hour; hourly for 1 day, daily for 30 days, monthly for 360 days",
        ),
        ("PT1H P1D", "a snapshot every hour; hourly for 1 day"),
        ("P1D PT1H", "a snapshot every hour; hourly for 1 day"),
        ("PT60M PT24H P4W", "a snapshot every hour; hourly for 1 day, daily for 28 days"),
        ("PT1M PT1H", "a snapshot every minute; minutely for 1 hour"),
        (
            "PT15M P2D P30D P365D",
            "a snapshot every 15 minutes; every 15 minutes for 2 days, every 2 days for 30 days, "
            "monthly for 365 days",
        ),
        ("P1D P7D P1M", "a snapshot every day; daily for 7 days, weekly for 1 month"),
        ("P1D P1M P1Y", "a snapshot every day; daily for 1 month, monthly for 1 year"),
        ("P1M P1Y P10Y", "a snapshot every month; monthly for 1 year, yearly for 10 years"),
        (
            "P30D P360D P720D",
            "a snapshot every 30 days; monthly for 360 days, yearly for 720 days",
        ),
        ("P365D P1000D", "a snapshot every 365 days; yearly for 1000 days"),
        ("P1D P1,0M", "a snapshot every day; daily for 1 month"),
        ("P1W P2M", "a snapshot every week; weekly for 2 months"),
        ("P1Y P3Y", "a snapshot every year; yearly for 3 years"),
        (
            "P1DT12H P1Y2M3DT4H5M6S",
            "a snapshot every 1 day 12 hours; every 1 day 12 hours for "
            "1 year 2 months 3 days 4 hours 5 minutes 6 seconds",
        ),
        ("PT0,5H P1D", "a snapshot every 30 minutes; every 30 minutes for 1 day"),
        ("PT1.5S PT1M", "a snapshot every 1.5 seconds; every 1.5 seconds for 1 minute"),
    ],
)
def test_prints_itself_as_a_sentence(text: str, sentence: str) -> None:
    """A list says in words how often snapshots are taken and how long which are kept."""
    assert sentence == str(parse(text))


PIECES = st.sampled_from(
    ["P", "T", "Y", "M", "W", "D", "H", "S", " ", "-", "+", ".", ",", "0", "1", "30", "9" * 30,
     "1e9", "P1D", "PT1H", "P1M", "\n", "٣", "/", "P0001-01-01T00:00:00"]
)  # fmt: skip
TEXTS = st.text() | st.lists(PIECES, max_size=40).map("".join)


@settings(deadline=None, max_examples=500)
@given(TEXTS)
def test_any_text_parses_or_is_refused(text: str) -> None:
    """No text makes parsing fail otherwise; what is accepted is valid at every time of the year."""
    try:
        deltas = parse(text)
    except DeltasError:
        return
    for month in range(1, 13):
        lengths = deltas.resolve(datetime(2027, month, 1, tzinfo=UTC))
        assert timedelta(0) < lengths[0]
        assert sorted(lengths) == list(lengths)


UNITS = st.sampled_from(["PT{}M", "PT{}H", "P{}D", "P{}W", "P{}M", "P{}Y", "P1M{}D", "P{},5D"])
WORDS = st.builds(str.format, UNITS, st.integers(1, 400))


@settings(deadline=None, max_examples=150)
@given(st.lists(WORDS, min_size=2, max_size=6), st.sampled_from([" ", "  ", "\n"]))
def test_normalised_text_parses_to_itself(words: list[str], blank: str) -> None:
    """What a snapshot bears as its deltas means the same when it is read back."""
    try:
        deltas = parse(blank.join(words))
    except DeltasError:
        reject()

    assert deltas == parse(deltas.text)
    assert deltas.text == parse(deltas.text).text
