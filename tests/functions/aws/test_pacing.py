"""Snapshots are created as fast as EC2 takes them, by its own refusals, and hardly faster."""

import random

import pytest

from functions.aws.pacing import FIRST, FORGET, LEAST, PATIENCE, TRIES, Pacer
from shared.errors import DiskGone, NextPass
from tests.clock import VirtualClock
from tests.stage import Stage

HERE, THERE = "eu-west-1", "us-east-1"


def throttled() -> NextPass:
    return NextPass("RequestLimitExceeded: slow down", "RequestLimitExceeded")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture(autouse=True)
def the_same_waits_each_time() -> None:
    random.seed(1)


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
    """Eight threads that create in the order of the plan, 200 ms a call, over virtual time."""

    def __init__(self, clock: VirtualClock, bucket: Bucket) -> None:
        self.bucket, self._stage = bucket, Stage(clock)
        self.pacer = Pacer(clock.monotonic, self._stage.sleep)
        self.made: list[int] = []
        self.put_off: list[int] = []
        self.last = 0.0

    def run(self, calls: int) -> "Workers":
        self._left, self._clock = iter(range(calls)), self._stage.clock
        self._stage.play([self._work] * 8)
        return self

    def _work(self) -> None:
        for number in self._left:
            try:
                self.pacer.call(HERE, self._create)
            except NextPass:
                self.put_off.append(number)
            else:
                self.made.append(number)
                self.last = self._clock.monotonic()

    def _create(self) -> None:
        self._stage.sleep(0.1)
        taken = self.bucket.take()
        self._stage.sleep(0.1)
        if not taken:
            raise throttled()


@pytest.mark.parametrize(
    ("size", "rate", "calls"),
    [(50, 5, 300), (50, 5, 1000), (100, 5, 400), (10, 5, 300), (50, 20, 600), (50, 2, 200)],
)
def test_keeps_to_the_rate_whatever_it_is(
    clock: VirtualClock, size: float, rate: float, calls: int
) -> None:
    """At most 10 % of the calls are refused, and at least 95 % of what EC2 gives is used."""
    bucket = Bucket(clock, size, rate)
    workers = Workers(clock, bucket).run(calls)
    assert len(workers.made) == calls
    assert bucket.refused <= 0.1 * bucket.calls
    assert calls >= 0.95 * (size + rate * workers.last)
    assert workers.pacer.rate(HERE) == pytest.approx(rate, rel=0.1)


@pytest.mark.parametrize("rate", [0.3, 0.5, 0.9])
def test_a_slow_account_serves_the_most_urgent_first(clock: VirtualClock, rate: float) -> None:
    """Under a call a second too: turns go in the plan's order, and none of them is put off."""
    bucket = Bucket(clock, 5, rate)
    workers = Workers(clock, bucket).run(100)
    assert workers.put_off == []
    assert max(place - number for place, number in enumerate(workers.made)) <= 2
    assert 100 >= 0.95 * (5 + rate * workers.last)


@pytest.mark.parametrize("rate", [0.3, 0.5, 0.9])
def test_a_slow_account_refuses_little_once_its_rate_is_known(
    clock: VirtualClock, rate: float
) -> None:
    bucket = Bucket(clock, 5, rate)
    workers = Workers(clock, bucket).run(20)
    calls, refused = bucket.calls, bucket.refused
    workers.run(100)
    assert bucket.refused - refused <= 0.1 * (bucket.calls - calls)


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


def test_a_rate_that_fell_is_found(clock: VirtualClock) -> None:
    """The CSI driver takes from the same bucket."""
    workers = Workers(clock, Bucket(clock, 50, 10)).run(300)
    begin, less = clock.monotonic(), Bucket(clock, 50, 2, full=False)
    workers.bucket = less
    workers.run(200)
    assert 200 >= 0.95 * 2 * (clock.monotonic() - begin)
    assert less.refused <= 0.1 * less.calls


def test_the_rate_never_falls_to_nothing(clock: VirtualClock, pacer: Pacer) -> None:
    for _ in range(50):
        pacer.refused(HERE, clock.monotonic())
        clock.sleep(0.1)
    assert pacer.rate(HERE) == LEAST


def test_a_full_bucket_is_used_again_later(clock: VirtualClock) -> None:
    """A warm function begins the next pass unbound, and knows the rate at the next refusal."""
    pacer = Workers(clock, Bucket(clock, 50, 10)).run(300).pacer
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

    def test_slow_refusals_end_it_too(self, clock: VirtualClock, pacer: Pacer) -> None:
        """No try begins after `PATIENCE`, whatever took the time."""
        begun = []

        def act() -> None:
            begun.append(clock.monotonic())
            clock.sleep(18)
            raise throttled()

        with pytest.raises(NextPass, match="slow down"):
            pacer.call(HERE, act)
        assert 1 < len(begun) < TRIES
        assert max(begun) <= PATIENCE

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

        def busy(scope: str, number: int = 0) -> float:
            return stolen(pacer, scope, number) or 5.0  # another thread took it

        pacer.turn = busy  # type: ignore[method-assign]
        with pytest.raises(NextPass, match="eu-west-1 takes few calls a second at present"):
            pacer.call(HERE, lambda: calls.append(1))
        assert calls == []
        assert clock.monotonic() - before <= PATIENCE
