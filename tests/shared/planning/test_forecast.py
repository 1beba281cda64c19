"""What lists come to once they are full, against histories that were lived through."""

from itertools import pairwise

import pytest

from shared.planning.forecast import compare, filled, growth, stored
from shared.retention.deltas import parse
from shared.retention.kernel import retain
from tests.shared.builders import DAY, HOUR, NOW, hourly

GFS = parse("PT1H P1D P30D P360D")


@pytest.mark.parametrize(
    ("text", "count"),
    [("PT1H P1D P30D P360D", 65), ("P1D P7D", 8), ("PT6H P2D", 9), ("PT1H P30D", 721)],
)
def test_counts_as_the_documents_do(text: str, count: int) -> None:
    """65 of the usual list, the newest included."""
    assert count == len(filled(parse(text), NOW))


@pytest.mark.parametrize("text", ["PT1H P1D P30D P90D", "P1D P7D P1M P1Y", "PT6H P2D P14D"])
def test_counts_as_a_life_leaves_it(text: str) -> None:
    """A disk that is snapshotted and expired each time has as many, give or take one a list."""
    deltas = parse(text)
    step = deltas.interval(NOW)
    history = hourly(1, NOW - 500 * DAY)
    while history[-1].started < NOW:
        history += hourly(1, history[-1].started + step)
        retention = retain(history, deltas.resolve(history[-1].started))
        history = [retention.history[index] for index in sorted(retention.kept)]
    assert abs(len(history) - len(filled(deltas, NOW))) <= len(deltas.spans)


def test_tells_how_they_add_up() -> None:
    """Once each generation is full."""
    assert [("1 day", 25), ("30 days", 54), ("360 days", 65)] == growth(GFS, filled(GFS, NOW), NOW)


def test_stores_the_whole_once_and_changes_beside() -> None:
    """Nothing more where nothing changes; at most one more disk for each gap."""
    kept = filled(GFS, NOW)
    assert 1.0 == stored(kept, 0.0)
    assert 1 + 1 - 0.98**2 == pytest.approx(stored(hourly(2, NOW, 2 * DAY), 0.02))
    assert 1 < stored(kept, 0.02) < len(kept)
    rates = [stored(kept, rate / 100) for rate in range(0, 100, 5)]
    assert all(less < more for less, more in pairwise(rates))


def test_compares_by_age() -> None:
    """Each range of ages once, those alike put together."""
    found = compare([GFS, parse("P1D P7D")], NOW)
    assert [
        ("1 day", ("hourly", "daily")),
        ("7 days", ("daily", "daily")),
        ("30 days", ("daily", "nothing")),
        ("360 days", ("monthly", "nothing")),
    ] == [(band.reach_words, band.words) for band in found]
    assert [("1 day", (HOUR,))] == [
        (b.reach_words, b.steps) for b in compare([parse("PT1H P1D")], NOW)
    ]
