"""Deltas of any text: understood or refused, in bounded time, in one line."""

from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from shared.errors import DeltasError
from shared.planning.labels import SEPARATOR, read_deltas
from shared.retention.deltas import LONGEST, MAX_SNAPSHOTS, MAX_TEXT, parse
from tests.fuzz.budget import assert_line, bounded, fuzz
from tests.fuzz.inputs import TEXTS, bulky

WORDS = st.text("PT0123456789.,-+:WYMDHS\u0661\uff11e", max_size=12)
DURATIONS = st.builds("P{}{}".format, st.integers(0, 10**18), st.sampled_from("YMWD")) | st.builds(
    "PT{}{}".format, st.integers(0, 10**18), st.sampled_from("HMS")
)
LISTS = st.lists(DURATIONS | WORDS, max_size=6).map(" ".join)


@fuzz(250)
@given(LISTS | TEXTS | bulky("PT019.,-WYMDHS \t"))
@example("PT1S P1000Y")
@example("P" + "9" * 250 + "Y P1D")
@example("PT1e9H P1D")
@example("P0001-01-01T00:00:01 P1D")
@example("\ud800 \ud800")
def test_any_text_is_deltas_or_refused(text: str) -> None:
    """What is accepted fits in a label, is ascending, and keeps no more than it may."""
    try:
        with bounded():
            deltas = parse(text)
            lengths = deltas.resolve(datetime(2024, 2, 29, tzinfo=UTC))
    except DeltasError as error:
        assert_line(str(error), 300)
        return
    assert len(deltas.text) <= MAX_TEXT
    assert deltas.text.isascii()
    assert deltas.text.isprintable()
    assert SEPARATOR not in deltas.text
    assert deltas.nominal == parse(deltas.text).nominal
    assert list(lengths) == sorted(lengths)
    assert deltas.nominal[-1] <= LONGEST
    assert sum(b / a for a, b in zip(deltas.nominal, deltas.nominal[1:], strict=False)) <= (
        MAX_SNAPSHOTS
    )
    assert_line(str(deltas), 10_000)


@fuzz(200)
@given(st.lists(LISTS | TEXTS, max_size=4).map(SEPARATOR.join) | bulky("PT1HD /"))
def test_what_a_snapshot_bears_may_be_anything(text: str) -> None:
    """Labels and descriptions are written by whoever may: deltas, or nothing."""
    with bounded():
        assert all(deltas.text for deltas in read_deltas(text))
