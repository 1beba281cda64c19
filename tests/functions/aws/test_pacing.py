"""Snapshots are created as fast as EC2 takes them, by its own refusals, and hardly faster."""

import heapq
import itertools
from collections.abc import Callable

import pytest

from functions.aws.pacing import FIRST, FORGET, LEAST, PATIENCE, TRIES, Pacer
from shared.errors import DiskGone, NextPass
from tests.clock import VirtualClock

HERE, THERE = "eu-west-1", "us-east-1"


def throttled() -> NextPass:
    return NextPass("RequestLimitExceeded: slow down", "RequestLimitExceeded")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def pacer(clock: VirtualClock) -> Pacer:
    return Pacer(clock.monotonic, clock.sleep)


class Bucket:
    """EC2's own token bucket."""

    def __init__(self, clock: VirtualClock, size: float, rate: float, full: bool = True) -> None:
        self._clock, self._size, self._rate = clock, size, rate
        self._tokens, self._at = size * full, clock.monotonic()
        self.calls = self.refused = 0

    def take(self) -> bool:
        now = self._clock.monotonic()
        self._tokens = min(self._size, self._tokens + (now - self._at) * self._rate)
        self._at = now
        self.calls += 1
        taken = self._tokens >= 1
        self._tokens -= taken
        self.refused += not taken
        return taken


class Workers:
    """Threads that call as `Pacer.call` does, over virtual time: eight, 200 ms a call."""

    def __init__(self, clock: VirtualClock, pacer: Pacer, bucket: Bucket) -> None:
        self._clock, self._pacer, self._bucket = clock, pacer, bucket
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._numbers = itertools.count()
        self.made, self.last = 0, 0.0
        self.done: list[int] = []

    def run(self, calls: int) -> None:
        self._left = calls
        for _ in range(8):
            self._after(0, self._next)
        while self._events:
            at, _, act = heapq.heappop(self._events)
            self._clock.sleep(at - self._clock.monotonic())
            act()

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        event = self._clock.monotonic() + seconds, next(self._order), act
        heapq.heappush(self._events, event)

    def _next(self) -> None:
        if self._left:
            self._left -= 1
            number = next(self._numbers)
            self._pacer.ask(HERE, number)
            self._ask(number)

    def _ask(self, number: int) -> None:
        if seconds := self._pacer.turn(HERE, number):
            self._after(seconds, lambda: self._ask(number))
        else:
            self._pacer.leave(HERE, number)
            begun = self._clock.monotonic()
            self._after(0.1, lambda: self._arrive(number, begun))

    def _again(self, number: int) -> None:
        self._pacer.ask(HERE, number)
        self._ask(number)

    def _arrive(self, number: int, begun: float) -> None:
        taken = self._bucket.take()
        self._after(0.1, lambda: self._answer(number, begun, taken))

    def _answer(self, number: int, begun: float, taken: bool) -> None:
        if not taken:
            self._pacer.refused(HERE, begun)
            self._after(0.5, lambda: self._again(number))
            return
        self._pacer.taken(HERE, begun)
        self.done.append(number)
        self.made, self.last = self.made + 1, self._clock.monotonic()
        self._next()


@pytest.mark.parametrize(
    ("size", "rate", "calls"),
    [(50, 5, 300), (50, 5, 1000), (100, 5, 400), (10, 5, 300), (50, 20, 600), (50, 2, 200)],
)
def test_keeps_to_the_rate_whatever_it_is(
    clock: VirtualClock, pacer: Pacer, size: float, rate: float, calls: int
) -> None:
    """At most 10 % of the calls are refused, and at least 95 % of what EC2 gives is used."""
    bucket = Bucket(clock, size, rate)
    workers = Workers(clock, pacer, bucket)
    workers.run(calls)
    assert workers.made == calls
    assert bucket.refused <= 0.1 * bucket.calls
    assert workers.made >= 0.95 * (size + rate * workers.last)
    assert pacer.rate(HERE) == pytest.approx(rate, rel=0.1)


@pytest.mark.parametrize("rate", [0.3, 0.5, 0.9])
def test_a_slow_account_serves_the_most_urgent_first(
    clock: VirtualClock, pacer: Pacer, rate: float
) -> None:
    """Under a call a second too: turns go by the order of asking, and little is refused."""
    bucket = Bucket(clock, 5, rate)
    workers = Workers(clock, pacer, bucket)
    workers.run(100)
    learning = 8  # that were under way together when the first was refused
    assert bucket.refused - learning <= 0.1 * bucket.calls
    late = [place - number for place, number in enumerate(workers.done)]
    assert max(late) <= 2


def test_nobody_waits_before_the_first_refusal(clock: VirtualClock, pacer: Pacer) -> None:
    """The bucket is full at first."""
    for _ in range(1000):
        pacer.call(HERE, lambda: None)
    assert clock.monotonic() == 0


def test_a_refusal_holds_back_all_who_call_in_that_scope(clock: VirtualClock, pacer: Pacer) -> None:
    """And nobody elsewhere: buckets belong to regions."""
    pacer.refused(HERE, clock.monotonic())
    assert 0 < pacer.turn(HERE) <= 1.1 / FIRST
    assert pacer.turn(THERE) == 0


def test_refusals_at_once_count_once(clock: VirtualClock, pacer: Pacer) -> None:
    """Calls that were under way at the first say nothing new."""
    clock.sleep(1)
    for _ in range(8):
        pacer.refused(HERE, begun=0.9)
    assert pacer.rate(HERE) == FIRST


def test_a_rate_that_fell_is_found(clock: VirtualClock, pacer: Pacer) -> None:
    """The CSI driver takes from the same bucket."""
    Workers(clock, pacer, Bucket(clock, 50, 10)).run(300)
    begin, less = clock.monotonic(), Bucket(clock, 50, 2, full=False)
    Workers(clock, pacer, less).run(200)
    assert 200 >= 0.95 * 2 * (clock.monotonic() - begin)
    assert less.refused <= 0.1 * less.calls


def test_the_rate_never_falls_to_nothing(clock: VirtualClock, pacer: Pacer) -> None:
    for _ in range(50):
        pacer.refused(HERE, clock.monotonic())
        clock.sleep(0.1)
    assert pacer.rate(HERE) == LEAST


def test_a_full_bucket_is_used_again_later(clock: VirtualClock, pacer: Pacer) -> None:
    """A warm function begins the next pass unbound, and knows the rate at the next refusal."""
    Workers(clock, pacer, Bucket(clock, 50, 10)).run(300)
    found = pacer.rate(HERE)
    clock.sleep(FORGET)
    assert [pacer.turn(HERE) for _ in range(100)] == [0] * 100
    pacer.refused(HERE, clock.monotonic())
    assert pacer.rate(HERE) == found
    assert pacer.turn(HERE) == pytest.approx(1 / found, rel=0.1)


class TestCall:
    def test_tries_a_refused_call_again(self, clock: VirtualClock, pacer: Pacer) -> None:
        answers = iter([throttled(), throttled(), None])

        def act() -> str:
            if error := next(answers):
                raise error
            return "made"

        assert pacer.call(HERE, act) == "made"
        assert 0 < clock.monotonic() < PATIENCE

    def test_gives_up_after_some_tries(self, clock: VirtualClock, pacer: Pacer) -> None:
        calls = []

        def act() -> None:
            calls.append(1)
            raise throttled()

        with pytest.raises(NextPass, match="slow down"):
            pacer.call(HERE, act)
        assert len(calls) == TRIES
        assert clock.monotonic() <= PATIENCE

    def test_repeats_nothing_else(self, pacer: Pacer) -> None:
        """CreateSnapshot is not idempotent."""
        calls = []

        def act() -> None:
            calls.append(1)
            raise DiskGone("gone", "InvalidVolume.NotFound")

        with pytest.raises(DiskGone):
            pacer.call(HERE, act)
        assert calls == [1]

    def test_waits_no_longer_than_it_says(self, clock: VirtualClock, pacer: Pacer) -> None:
        """At a rate of next to nothing, with many who ask, the rest is left to the next pass."""
        for _ in range(50):
            pacer.refused(HERE, clock.monotonic())
            clock.sleep(0.1)
        before, calls = clock.monotonic(), []
        stolen = Pacer.turn

        def busy(scope: str, number: int) -> float:
            return stolen(pacer, scope, number) or 5.0  # another thread took it

        pacer.turn = busy  # type: ignore[method-assign, assignment]
        with pytest.raises(NextPass, match="eu-west-1 takes few calls a second at present"):
            pacer.call(HERE, lambda: calls.append(1))
        assert calls == []
        assert clock.monotonic() - before <= PATIENCE
