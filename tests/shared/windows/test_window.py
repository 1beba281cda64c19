"""Windows: open or not, compared with a look at the clock at each minute."""

import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shared.errors import WindowError
from shared.windows.entry import Entry
from shared.windows.parse import parse, window
from shared.windows.window import Window, is_open, opens, union
from tests.shared.windows.brute_force import AROUND, DAY, MINUTE, TURNS, begin_of, open_minutes

HOUR = timedelta(hours=1)
#: Minutes that are compared: what lies near the ends is not looked at as a whole.
MIDDLE = range((AROUND - 3) * 24 * 60, (AROUND + 3) * 24 * 60)

times = st.one_of(st.sampled_from([0, 60, 90, 120, 150, 180, 1410]), st.integers(0, 1439))


@st.composite
def entries(draw: st.DrawFn, zone: str) -> Entry:
    """Make an entry, of a zone or of another."""
    begin, end = draw(times), draw(st.one_of(times, st.just(1440)))
    assume(begin != end % 1440 or (begin == 0 and end == 1440))
    days = draw(st.one_of(st.just(range(7)), st.sets(st.integers(0, 6), min_size=1)))
    where = draw(st.sampled_from([zone, zone, zone, "UTC", "Europe/Berlin"]))
    excluded = draw(st.sampled_from([False, False, True]))
    return Entry(excluded, where, tuple(sorted(days)), begin, end or 1440)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Window, list[Entry], datetime]:
    """Make a window, and the first minute around a day at which clocks are set."""
    zone = draw(st.sampled_from(sorted(TURNS)))
    begin = begin_of(draw(st.sampled_from(TURNS[zone])))
    part = draw(st.lists(entries(zone), min_size=1, max_size=3))
    try:
        return window(part), part, begin
    except WindowError:
        assume(False)
        raise


@given(cases(), st.lists(st.sampled_from(MIDDLE), min_size=3, max_size=3))
@settings(deadline=None)
def test_is_open_when_the_clock_on_the_wall_says_so(
    case: tuple[Window, list[Entry], datetime], some: list[int]
) -> None:
    """At each minute around changes of clocks, and what comes next is the first open minute."""
    made, part, begin = case
    expected = open_minutes(part, begin)
    since, until = begin + MIDDLE[0] * MINUTE, begin + (MIDDLE[-1] + 1) * MINUTE
    spans = made.spans(since, until)
    found = {n for span in spans for n in range(*((at - begin) // MINUTE for at in span))}
    assert {n for n in MIDDLE if expected[n]} == found
    assert all(before[1] < after[0] for before, after in pairwise(spans))
    edges = [(at - begin) // MINUTE for span in spans for at in span][:4]
    for n in some + [n for n in edges if n in MIDDLE]:
        assert expected[n] == made.is_open(begin + n * MINUTE)
        first = next((m for m in range(n, MIDDLE[-1]) if expected[m]), None)
        if first is not None:
            assert begin + first * MINUTE == made.next_opening(begin + n * MINUTE)


@given(cases(), st.timedeltas(timedelta(0), 20 * DAY))
@settings(deadline=None)
def test_the_next_opening_is_not_past_and_is_open(
    case: tuple[Window, list[Entry], datetime], after: timedelta
) -> None:
    """Of any instant, with seconds too."""
    made, _, begin = case
    at = begin + after
    first = made.next_opening(at)
    assert first is not None
    assert first >= at
    assert made.is_open(first)
    assert (first == at) == made.is_open(at)
    opening = made.opening(at)
    assert opening is not None
    assert opening[0] == first < opening[1]


@given(cases())
@settings(deadline=None)
def test_its_text_is_itself(case: tuple[Window, list[Entry], datetime]) -> None:
    """What is printed is accepted, and means the same."""
    assert case[0] == parse(str(case[0]))


@given(cases(), cases(), st.timedeltas(timedelta(0), 20 * DAY))
@settings(deadline=None)
def test_a_union_is_open_while_one_is(
    one: tuple[Window, list[Entry], datetime],
    other: tuple[Window, list[Entry], datetime],
    after: timedelta,
) -> None:
    """Whatever each of them excludes."""
    at = one[2] + after
    both = union([one[0], other[0]])
    assert both is not None
    assert both == union([other[0], one[0], both])
    assert both.is_open(at) == (one[0].is_open(at) or other[0].is_open(at))
    first, second = one[0].next_opening(at), other[0].next_opening(at)
    assert first is not None
    assert second is not None
    assert min(first, second) == both.next_opening(at)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)))
def test_no_window_is_always(at: datetime) -> None:
    """No window is open at any time, and so is its union with others."""
    assert is_open(None, at)
    assert at == opens(None, at)
    assert union([parse("01:00-02:00"), None]) is None
    assert union([]) is None


NIGHTS = [
    # Clocks go forward from 02:00 to 03:00, which is 01:00 UTC.
    ("02:00-03:00", "2026-03-29", "01:00", "02:00"),
    ("02:30-03:30", "2026-03-29", "01:00", "01:30"),
    ("01:00-02:30", "2026-03-29", "00:00", "01:00"),
    ("01:00-02:00", "2026-03-29", "00:00", "01:00"),
    ("01:00-05:00", "2026-03-29", "00:00", "03:00"),
    ("02:15-02:45", "2026-03-29", "01:00", "01:30"),
    # Clocks go back from 03:00 to 02:00, which is 01:00 UTC.
    ("02:00-03:00", "2026-10-25", "00:00", "02:00"),
    ("02:15-02:45", "2026-10-25", "00:15", "01:45"),
    ("02:30-03:30", "2026-10-25", "00:30", "02:30"),
    ("01:00-02:30", "2026-10-25", "23:00", "01:30"),
    ("01:00-02:00", "2026-10-25", "23:00", "01:00"),
    ("01:00-05:00", "2026-10-25", "23:00", "04:00"),
]


@pytest.mark.parametrize(("hours", "day", "begin", "end"), NIGHTS)
def test_nights_on_which_clocks_are_set(hours: str, day: str, begin: str, end: str) -> None:
    """No window is lost: the table of docs/windows.md."""
    made = parse(f"{hours} Europe/Berlin")
    noon = datetime.fromisoformat(f"{day}T12:00:00+00:00")
    spans = made.spans(noon - 16 * HOUR, noon)
    assert [(begin, end)] == [(f"{a:%R}", f"{b:%R}") for a, b in spans]


GAPS = [
    ("01:00-05:00", DAY),
    ("01:00-05:00 Europe/Berlin", 25 * HOUR),
    ("01:00-05:00 sun", 7 * DAY),
    ("01:00-05:00 sun; 01:00-05:00 wed", 4 * DAY),
    ("not 08:00-20:00 mon-fri", 3 * DAY),
    ("01:00-02:00; 03:00-04:00", 22 * HOUR),
    ("00:00-24:00", timedelta(0)),
    ("22:00-02:00 sun,mon Europe/Berlin", 6 * DAY + HOUR),
]


@pytest.mark.parametrize(("text", "expected"), GAPS)
def test_the_greatest_distance_between_openings(text: str, expected: timedelta) -> None:
    """From one opening to the next, over weekends and changes of clocks."""
    assert expected == parse(text).longest_gap(datetime(2026, 7, 1, tzinfo=UTC))


SHORTEST = [
    ("01:00-05:00", 4 * HOUR),
    ("01:00-05:00 Europe/Berlin", 3 * HOUR),
    ("not 08:00-20:00 mon-fri", 12 * HOUR),
    ("01:00-02:00; 03:00-03:05", 5 * MINUTE),
]


@pytest.mark.parametrize(("text", "expected"), SHORTEST)
def test_the_shortest_time_of_being_open(text: str, expected: timedelta) -> None:
    """Nights that lose an hour included."""
    assert expected == parse(text).shortest_opening(datetime(2026, 7, 1, tzinfo=UTC))


@given(cases())
@settings(deadline=None, max_examples=25)
def test_no_two_openings_are_further_apart(case: tuple[Window, list[Entry], datetime]) -> None:
    """The distance is that of a year's openings, looked at one by one."""
    made, _, begin = case
    at = datetime(begin.year, 1, 1, tzinfo=UTC)
    end, found = at + timedelta(weeks=53), []
    while at < end and (opening := made.opening(at)) is not None:
        found.append(opening)
        at = max(opening[1], at + MINUTE)
    begins = [b for n, (b, _) in enumerate(found) if n == 0 or b != found[n - 1][1]]
    gaps = [after - before for before, after in pairwise(begins) if after < end]
    longest = made.longest_gap(begin)
    assert all(gap <= longest for gap in gaps[1:])


def test_the_worst_window_is_quick() -> None:
    """Twenty entries of five zones, some of them exclusions, cost little."""
    zones = ["UTC", "Etc/UTC", "Asia/Tokyo", "Asia/Dubai", "Asia/Kabul"]
    text = "; ".join(
        f"{'not ' if n % 2 else ''}{n:02}:00-{n + 1:02}:30 {zones[n % 5]}" for n in range(17)
    )
    before = time.process_time()
    made = parse(text)
    made.longest_gap(datetime(2026, 1, 1, tzinfo=UTC))
    assert time.process_time() - before < 1
