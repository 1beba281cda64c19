"""Retention: equal to tarsnapper's, with reasons, and at a cost bounded by the snapshots."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
import tarsnapper.expire
from hypothesis import given, settings
from hypothesis import strategies as st

import shared.retention.kernel
from shared.model import Snapshot
from shared.retention.deltas import parse
from shared.retention.kernel import Reason, Retention, confirm, keep, retain, walk_alone
from tests.shared.builders import DAY, HOUR, NOW, hourly, snapshot

MINUTE = timedelta(minutes=1)


def tarsnapper_keeps(snapshots: Sequence[Snapshot], deltas: Sequence[timedelta]) -> set[str]:
    """Ask tarsnapper, which takes the first it was given of those begun at the same time."""
    backups = {s.id: s.started for s in sorted(snapshots, key=lambda s: s.id)}
    return set(tarsnapper.expire.expire(backups, list(deltas)))


def begun(*minutes: float) -> list[Snapshot]:
    """Make snapshots begun so many minutes after NOW, with ids in the order given."""
    return [snapshot(f"s{i:03}", NOW + m * MINUTE) for i, m in enumerate(minutes)]


def minutes(*lengths: float) -> list[timedelta]:
    return [n * MINUTE for n in lengths]


#: Small whole numbers make equal times and equal distances frequent.
dense = st.lists(st.integers(0, 60), max_size=30).map(lambda times: begun(*times))
sparse = st.lists(st.integers(0, 5_000), max_size=30).map(lambda times: begun(*times))
#: Bursts, steady times and outages: runs that begin at a time, of so many, so far apart.
runs = st.lists(
    st.tuples(st.integers(0, 5_000), st.integers(1, 15), st.integers(0, 60)), max_size=5
).map(lambda parts: begun(*(at + i * step for at, count, step in parts for i in range(count))))
histories = dense | sparse | runs
lengths = st.lists(st.integers(1, 30), min_size=1, max_size=4)


def ascending(factors: list[int]) -> list[timedelta]:
    """Make deltas of which each is a small multiple of the one before."""
    deltas = [factors[0]]
    for factor in [*factors[1:], 3]:
        deltas.append(min(deltas[-1] * factor, 20_000))
    return minutes(*deltas)


any_deltas = lengths.map(ascending) | st.lists(st.integers(7, 90), min_size=2, max_size=5).map(
    lambda n: sorted(minutes(*n))
)


@settings(deadline=None, max_examples=2_000)
@given(histories, any_deltas)
def test_keeps_what_tarsnapper_keeps(history: list[Snapshot], deltas: list[timedelta]) -> None:
    """The result is tarsnapper's: gaps, bursts, equal times, long outages, unsorted input."""
    assert tarsnapper_keeps(history, deltas) == retain(history, deltas).kept_ids()


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.integers(0, 18_000), max_size=60),
    st.sampled_from(
        ["PT12H P1D P1M P1Y", "P1D P1M P30D P1Y", "P1M P1Y P2Y", "P1W P2M P1Y", "P31D P1M P1Y"]
    ),
)
def test_keeps_what_tarsnapper_keeps_by_months_and_years(hours: list[int], text: str) -> None:
    """Months and years, on which tarsnapper itself crashes, are resolved before it is asked."""
    history = begun(*(60 * hour for hour in hours))
    anchor = max((s.started for s in history), default=NOW)
    deltas = parse(text).resolve(anchor)

    assert tarsnapper_keeps(history, deltas) == retain(history, deltas).kept_ids()


@settings(deadline=None, max_examples=150)
@given(histories, any_deltas)
def test_every_kept_snapshot_stands_for_a_point_in_its_generation(
    history: list[Snapshot], deltas: list[timedelta]
) -> None:
    """Each reason's point lies within its generation, and no snapshot lies nearer to it."""
    retention = retain(history, deltas)
    times = [s.started for s in retention.history]

    for index, (generation, point) in retention.kept.items():
        newest = times[-1]
        if generation < 0:
            assert (times[index], point) == (newest, newest)
        else:
            assert newest - deltas[generation + 1] <= point < newest
            assert min(abs(t - point) for t in times) == abs(times[index] - point)


@settings(deadline=None, max_examples=150)
@given(histories.filter(bool), any_deltas)
def test_the_newest_is_kept_whatever_the_deltas(
    history: list[Snapshot], deltas: list[timedelta]
) -> None:
    """The newest snapshot is always kept, and says so."""
    retention = retain(history, deltas)

    assert max(s.started for s in history) == retention.history[-1].started
    assert retention.kept[len(history) - 1].generation == -1


@settings(deadline=None, max_examples=150)
@given(histories, any_deltas, st.data())
def test_deleting_a_part_of_what_goes_changes_nothing_of_what_is_kept(
    history: list[Snapshot], deltas: list[timedelta], data: st.DataObject
) -> None:
    """A pass cut short among its deletions, or one that runs again, keeps the same snapshots."""
    kept = retain(history, deltas).kept_ids()
    gone = [s for s in history if s.id not in kept]
    left = data.draw(st.lists(st.sampled_from(gone), unique_by=lambda s: s.id)) if gone else []

    after = retain([s for s in history if s.id in kept] + left, deltas)

    assert kept == after.kept_ids()


@settings(deadline=None, max_examples=150)
@given(histories, any_deltas)
def test_counts_the_steps_that_tarsnapper_takes(
    history: list[Snapshot], deltas: list[timedelta]
) -> None:
    """`steps` is exactly how often tarsnapper sorts all backups, which decides who is asked."""
    sorts = 0

    def counting(*args: object, **kwargs: object) -> list[object]:
        nonlocal sorts
        sorts += 1
        return sorted(*args, **kwargs)  # type: ignore[call-overload, no-any-return]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tarsnapper.expire, "sorted", counting, raising=False)
        tarsnapper_keeps(history, deltas)

    first_sort = 1 if history else 0
    assert sorts == retain(history, deltas).steps + first_sort


def test_an_empty_history_keeps_nothing() -> None:
    """No snapshots, nothing kept, no step taken."""
    assert Retention([], {}, 0) == retain([], [HOUR, DAY])
    assert keep([], [HOUR, DAY]) == ({}, 0)


def test_the_history_is_sorted_by_time_then_by_descending_id() -> None:
    """Snapshots come in any order; of those begun together the smallest id comes last."""
    retention = retain(begun(5, 0, 5, 3), [HOUR, DAY])

    assert [s.id for s in retention.history] == ["s001", "s003", "s002", "s000"]


@pytest.mark.parametrize(
    ("at", "deltas", "kept"),
    [
        # The points are 0, 4 and 8.
        ([0, 4, 8, 10], (4, 10), {0, 4, 8, 10}),
        ([0, 3, 5, 10], (4, 10), {0, 5, 10}),
        # The points are 0, 4 and, a step after the 5 that is kept for it, 9.
        ([0, 5, 7, 8, 9, 10], (4, 10), {0, 5, 9, 10}),
        # A single snapshot stands for every point.
        ([0], (4, 10), {0}),
        # Past the last generation nothing stays, but what is nearest to where it begins, -10.
        ([-100, -50, -30, 0], (4, 10), {0}),
        ([-100, -50, -12, 0], (4, 10), {-12, 0}),
    ],
)
def test_keeps_the_nearest_to_each_point(
    at: list[int], deltas: tuple[int, int], kept: set[int]
) -> None:
    """From the newest less the span, step by step: the snapshot nearest to the point is kept."""
    retention = retain(begun(*at), minutes(*deltas))
    started = {retention.history[i].started for i in retention.kept}

    assert {NOW + m * MINUTE for m in kept} == started


def test_of_two_equally_near_the_newer_is_kept() -> None:
    """Ties in distance go to the newer."""
    retention = retain(begun(0, 3, 5, 10), minutes(4, 10))

    assert retention.kept[2].point == NOW + 4 * MINUTE
    assert 1 not in retention.kept


def test_of_equal_times_the_smallest_id_is_kept() -> None:
    """Of snapshots begun at the same time one is kept, always the same one."""
    retention = retain(begun(0, 0, 10, 10), minutes(4, 10))

    assert {"s000", "s002"} == retention.kept_ids()


def test_the_reason_is_that_of_the_coarsest_generation() -> None:
    """What stands for several points is said to be kept for the longest."""
    history = begun(0, 1_440, 1_500)

    _, middle, newest = (
        retain(history, [HOUR, DAY, 30 * DAY]).kept.get(index) for index in range(3)
    )

    assert Reason(1, NOW + DAY) == middle
    assert Reason(-1, NOW + 25 * HOUR) == newest


def test_deltas_are_not_emptied() -> None:
    """The caller's deltas stay as they are; tarsnapper empties the list that it is handed."""
    deltas = [HOUR, DAY, 30 * DAY]

    confirm(retain(hourly(50, NOW), deltas), deltas)

    assert deltas == [HOUR, DAY, 30 * DAY]


@pytest.mark.parametrize("days", [14, 400, 36_500])
def test_a_long_outage_takes_no_steps(days: int) -> None:
    """A gap of years between two snapshots is jumped over, and what tarsnapper keeps is kept."""
    history = hourly(30, NOW) + hourly(30, NOW - days * DAY)
    deltas = [HOUR, DAY, (days + 10) * DAY]

    if days < 1_000:
        assert tarsnapper_keeps(history, deltas) == retain(history, deltas).kept_ids()
    assert bisections(history, deltas) <= (len(deltas) - 1) * (4 * len(history) + 1)


@pytest.mark.parametrize(
    "deltas",
    [
        [timedelta(seconds=1), 30 * DAY],
        [timedelta(microseconds=1), 36_525 * DAY],
        [timedelta(microseconds=1), timedelta(microseconds=2), 36_525 * DAY],
    ],
)
@pytest.mark.parametrize("count", [1, 2, 50])
def test_the_cost_is_bounded_by_the_snapshots(deltas: list[timedelta], count: int) -> None:
    """Tiny steps through huge spans, 14 s and more in tarsnapper, are but a few per snapshot."""
    history = hourly(count, NOW, step=7 * HOUR)

    steps = retain(history, deltas).steps
    found = bisections(history, deltas)

    assert steps >= (history[-1].started - history[0].started) // (2 * deltas[-2])
    assert found <= (len(deltas) - 1) * (4 * count + 1)


@settings(deadline=None, max_examples=150)
@given(histories, st.lists(st.integers(1, 10**15), min_size=2, max_size=5))
def test_the_cost_is_bounded_by_the_snapshots_for_any_deltas(
    history: list[Snapshot], microseconds: list[int]
) -> None:
    """No list of deltas makes the kernel loop or crawl."""
    deltas = sorted(timedelta(microseconds=n) for n in microseconds)

    assert bisections(history, deltas) <= (len(deltas) - 1) * (4 * len(history) + 1)


def bisections(history: Sequence[Snapshot], deltas: Sequence[timedelta]) -> int:
    """Count how often the kernel looks for a snapshot."""
    found = 0

    def counting(times: list[datetime], point: datetime, low: int = 0) -> int:
        nonlocal found
        found += 1
        return bisect_right(times, point, low)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared.retention.kernel, "bisect_right", counting)
        keep(sorted(s.started for s in history), deltas)
    return found


@settings(deadline=None, max_examples=150)
@given(histories, any_deltas)
def test_tarsnapper_confirms_the_kernel(history: list[Snapshot], deltas: list[timedelta]) -> None:
    """The second key: asked at run time, tarsnapper gives the same ids, equal times or not."""
    retention = retain(history, deltas)

    assert retention.kept_ids() == confirm(retention, deltas)


@pytest.mark.parametrize(("beyond", "answered"), [(0, True), (1, False)])
def test_tarsnapper_is_asked_up_to_a_limit(beyond: int, answered: bool) -> None:
    """Beyond a million steps times snapshots the kernel stands alone."""
    history = hourly(1, NOW)
    retention = Retention(history, {}, 1_000_000 + beyond)

    assert answered == (confirm(retention, [HOUR, DAY]) is not None)


def test_tarsnapper_answers_for_itself() -> None:
    """What confirms is tarsnapper's own answer, not the kernel's repeated."""
    history = hourly(3, NOW)
    wrong = Retention(history, {}, 1)

    assert {s.id for s in history} == confirm(wrong, [HOUR, DAY])


OUTAGE = datetime.fromisoformat("2026-08-03T00:00Z"), datetime.fromisoformat("2026-08-17T00:00Z")
GENERATIONS = ((HOUR, DAY), (DAY, 30 * DAY), (30 * DAY, 360 * DAY))


def passes() -> list[datetime]:
    """List a year of passes at each full hour of Berlin's clocks, but for a two-week outage.

    In spring two of them fall on one time in UTC, in autumn two are two hours apart.
    """
    berlin = ZoneInfo("Europe/Berlin")
    local = [datetime(2026, 1, 1, tzinfo=berlin) + n * HOUR for n in range(366 * 24)]
    return sorted({t.astimezone(UTC) for t in local if not OUTAGE[0] <= t < OUTAGE[1]})


def without_passes(start: datetime, end: datetime) -> timedelta:
    """Tell how long of a time the outage took."""
    return max(min(end, OUTAGE[1]) - max(start, OUTAGE[0]), timedelta(0))


def test_a_year_of_hourly_passes() -> None:
    """Through clock changes and an outage: never too few, never too many, no unexplained gap.

    Each pass takes a snapshot and deletes what goes. A gap is at most a step and, where the one
    that would have been nearest is gone, an hour more.
    """
    deltas = [HOUR, DAY, 30 * DAY, 360 * DAY]
    times = passes()
    first, history = times[0], list[datetime]()

    for now in times:
        kept, _ = keep([*history, now], deltas)
        history = [time for i, time in enumerate([*history, now]) if i in kept]
        fewest = sum(
            (min(now - first, span) - without_passes(now - span, now)) // step
            for step, span in GENERATIONS
        )
        assert history[-1] == now
        assert fewest - 1 <= len(history) <= 24 + 30 + 12 + 3
        if now.hour == 0:
            for older, newer in pairwise(history):
                step = next((step for step, span in GENERATIONS if now - older <= span), 30 * DAY)
                assert newer - older - without_passes(older, newer) <= step + HOUR

    assert len(times) == 366 * 24 - 14 * 24 - 1
    assert history[0] == first


@given(histories, any_deltas)
def test_generations_alone_keep_together_what_they_keep_at_once(
    snapshots: list[Snapshot], deltas: list[timedelta]
) -> None:
    """Beside the newest, which no generation needs; what a coarser one keeps counts for both."""
    times = sorted(s.started for s in snapshots)
    kept, _ = keep(times, deltas)
    alone = [walk_alone(times, deltas, number) for number in range(len(deltas) - 1)]
    newest = {len(times) - 1} if times else set()
    assert kept.keys() == newest.union(*alone)
    for index, reason in kept.items():
        assert reason.generation < 0 or index in alone[reason.generation]


def test_a_generation_alone_begins_at_its_length_before_the_newest() -> None:
    """As when all walk together."""
    times = [s.started for s in begun(*range(0, 100, 10))]
    assert [2, 4, 6, 8] == walk_alone(times, minutes(20, 70), 0)
