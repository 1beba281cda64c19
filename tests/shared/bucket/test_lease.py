"""The lease on a scope, and what is remembered of creations: the object beside the mirror."""

from datetime import timedelta

import pytest

from shared.bucket.lease import Leases
from shared.bucket.records import WATCHED, settle
from shared.errors import BucketError, Conflict
from shared.planning.actions import Began
from tests.clock import NOON
from tests.shared.builders import DAY, HOUR, disk, snapshot
from tests.shared.fake_bucket import STATE, FakeBucket, Trouble

SCOPE = "eu-west-1"
MINUTE = timedelta(minutes=1)


def leases(bucket: FakeBucket, holder: str) -> Leases:
    return Leases(bucket, "demo/rules", holder)


def began(age: timedelta = timedelta(0), **more: object) -> Began:
    return Began(at=NOON - age, interval=HOUR, **more)  # type: ignore[arg-type]


def test_one_pass_holds_a_scope() -> None:
    """Until it is released nobody else gets it; another scope is another lease."""
    bucket = FakeBucket()
    lease = leases(bucket, "a").take(SCOPE, 600)
    assert lease
    assert leases(bucket, "b").take(SCOPE, 600) is None
    assert leases(bucket, "b").take("us-east-1", 600)
    lease.release({})
    assert leases(bucket, "b").take(SCOPE, 600)


@pytest.mark.parametrize(("seconds", "free"), [(599, False), (600, True)])
def test_a_dead_holders_lease_runs_out(seconds: int, free: bool) -> None:
    """By the store's own clock, whatever time it is here."""
    bucket = FakeBucket()
    leases(bucket, "dead").take(SCOPE, 600)
    bucket.clock.sleep(seconds)
    assert free == bool(leases(bucket, "b").take(SCOPE, 600))


def test_of_two_that_find_it_free_one_gets_it() -> None:
    """The second's write meets another version."""
    bucket = FakeBucket()
    first, second = leases(bucket, "a"), leases(bucket, "b")
    stale = bucket.get

    def overtaken(name: str) -> object:
        found = stale(name)
        bucket.get = stale  # type: ignore[method-assign]
        assert first.take(SCOPE, 600)
        return found

    bucket.get = overtaken  # type: ignore[method-assign, assignment]
    assert second.take(SCOPE, 600) is None


def test_a_pass_that_was_overtaken_notices_before_it_creates() -> None:
    """Its next write fails, and leaves the other's lease and records as they are."""
    bucket = FakeBucket()
    slow = leases(bucket, "slow").take(SCOPE, 600)
    bucket.clock.sleep(600)
    quick = leases(bucket, "quick").take(SCOPE, 600)
    assert slow
    assert quick
    quick.record({"vol-b": began()})
    with pytest.raises(Conflict):
        slow.record({"vol-a": began()})
    with pytest.raises(Conflict):
        slow.release({})
    assert {"vol-b": began()} == leases(bucket, "c").peek(SCOPE)


def test_what_is_recorded_is_found_by_the_next() -> None:
    """Also where the pass that wrote it died."""
    bucket = FakeBucket()
    lease = leases(bucket, "a").take(SCOPE, 600)
    assert lease
    lease.record({"vol-a": began(snapshot="snap-1")})
    bucket.clock.sleep(600)
    lease = leases(bucket, "b").take(SCOPE, 600)
    assert lease
    assert {"vol-a": began(snapshot="snap-1")} == lease.began


@pytest.mark.parametrize("trouble", ["after", "repeated"])
def test_a_write_that_took_effect_is_taken_for_one(trouble: Trouble) -> None:
    """Where the answer is lost, or the client's second try meets its first, it looks again."""
    bucket = FakeBucket()
    bucket.trouble = lambda call, name: trouble if call == "put" else ""
    lease = leases(bucket, "a").take(SCOPE, 600)
    assert lease
    lease.record({"vol-a": began()})
    lease.release({"vol-a": began()})
    bucket.trouble = lambda call, name: ""
    assert leases(bucket, "b").take(SCOPE, 600)


def test_a_bucket_that_is_down_is_no_free_lease() -> None:
    """Nor is it a held one: nobody knows."""
    bucket = FakeBucket()
    bucket.trouble = lambda call, name: "before"
    with pytest.raises(BucketError):
        leases(bucket, "a").take(SCOPE, 600)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b'{"kind": "List", "items": []}', b"\xff", b"[" * 5000, b"null"]
)
def test_what_is_not_ours_is_not_overwritten(data: bytes) -> None:
    """A torn or foreign object is an error that names it."""
    bucket = FakeBucket()
    bucket.put(STATE, data, None)
    with pytest.raises(BucketError, match=STATE):
        leases(bucket, "a").take(SCOPE, 600)
    assert bucket.objects[STATE][0] == data


class TestSettle:
    def test_forgets_what_is_over(self) -> None:
        """A record without an answer stands for its interval, and no longer."""
        records = {"old": began(HOUR), "new": began(HOUR - MINUTE)}
        assert ({"new": records["new"]}, 0) == settle(records, [], NOON)

    def test_counts_what_completed_once(self) -> None:
        """The first time that a listing shows it completed."""
        records = {"vol-a": began(snapshot="snap-1")}
        listed = [snapshot("snap-1", NOON)]
        left, completed = settle(records, listed, NOON)
        assert (1, True) == (completed, left["vol-a"].seen)
        assert 0 == settle(left, listed, NOON)[1]

    @pytest.mark.parametrize("state", ["pending", "failed"])
    def test_counts_no_other_state(self, state: str) -> None:
        """A failed snapshot is seen, and is nothing to be told."""
        records = {"vol-a": began(snapshot="snap-1")}
        listed = [snapshot("snap-1", NOON, state=state)]  # type: ignore[arg-type]
        left, completed = settle(records, listed, NOON)
        assert (0, state == "failed") == (completed, left["vol-a"].seen)

    def test_watches_a_slow_one_for_a_week(self) -> None:
        """A snapshot may take longer than its interval, and is told of then."""
        records = {"vol-a": began(2 * DAY, snapshot="snap-1")}
        assert records == settle(records, [], NOON)[0]
        assert ({}, 1) == settle(records, [snapshot("snap-1", NOON)], NOON)
        gone = {"vol-a": began(WATCHED, snapshot="snap-1")}
        assert ({}, 0) == settle(gone, [], NOON)

    def test_does_not_grow_without_bound(self) -> None:
        """Of a thousand disks over months a record each is left at most."""
        records: dict[str, Began] = {}
        for hour in range(24 * 60):
            now = NOON + hour * HOUR
            name = f"vol-{hour % 1000}"
            records[name] = Began(at=now, interval=HOUR, snapshot=f"snap-{hour}")
            listed = [snapshot(f"snap-{hour}", now, disk=disk(name))]
            records, _ = settle(records, listed, now)
        assert 1 >= len(records)
