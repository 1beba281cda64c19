"""The lease on a scope, and what is remembered of creations: the object beside the mirror."""

from datetime import timedelta

import pytest

from shared.bucket.lease import Leases
from shared.errors import BucketError, Conflict
from shared.planning.actions import Attempt
from tests.clock import NOON
from tests.shared.builders import HOUR
from tests.shared.fake_bucket import STATE, FakeBucket, Trouble

SCOPE = "eu-west-1"
MINUTE = timedelta(minutes=1)


def leases(bucket: FakeBucket, holder: str) -> Leases:
    return Leases(bucket, "demo/rules", holder)


def attempt(age: timedelta = timedelta(0), **more: object) -> Attempt:
    return Attempt(at=NOON - age, spacing=HOUR, **more)  # type: ignore[arg-type]


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
    quick.record({"vol-b": attempt()}, 600)
    with pytest.raises(Conflict):
        slow.record({"vol-a": attempt()}, 600)
    with pytest.raises(Conflict):
        slow.release({})
    assert {"vol-b": attempt()} == leases(bucket, "c").peek(SCOPE)


def test_what_is_recorded_is_found_by_the_next() -> None:
    """Also where the pass that wrote it died."""
    bucket = FakeBucket()
    lease = leases(bucket, "a").take(SCOPE, 600)
    assert lease
    lease.record({"vol-a": attempt(snapshot="snap-1")}, 600)
    bucket.clock.sleep(600)
    lease = leases(bucket, "b").take(SCOPE, 600)
    assert lease
    assert {"vol-a": attempt(snapshot="snap-1")} == lease.attempts


@pytest.mark.parametrize("trouble", ["after", "repeated"])
def test_a_write_that_took_effect_is_taken_for_one(trouble: Trouble) -> None:
    """Where the answer is lost, or the client's second try meets its first, it looks again."""
    bucket = FakeBucket()
    bucket.trouble = lambda call, name: trouble if call == "put" else ""
    lease = leases(bucket, "a").take(SCOPE, 600)
    assert lease
    lease.record({"vol-a": attempt()}, 600)
    lease.release({"vol-a": attempt()})
    bucket.trouble = lambda call, name: ""
    assert leases(bucket, "b").take(SCOPE, 600)


def test_a_bucket_that_is_down_is_no_free_lease() -> None:
    """Nor is it a held one: nobody knows."""
    bucket = FakeBucket()
    bucket.trouble = lambda call, name: "before"
    with pytest.raises(BucketError):
        leases(bucket, "a").take(SCOPE, 600)


def test_a_write_that_failed_is_none() -> None:
    """Nothing may be created by a lease that is not there, nor after a record that is not."""
    bucket = FakeBucket()
    lease = leases(bucket, "a").take(SCOPE, 600)
    assert lease
    bucket.trouble = lambda call, name: "before" if call == "put" else ""
    with pytest.raises(BucketError):
        lease.record({"vol-a": attempt()}, 500)
    with pytest.raises(BucketError):
        lease.release({})
    with pytest.raises(BucketError):
        leases(bucket, "a").take("us-east-1", 600)
    bucket.trouble = lambda call, name: ""
    assert {} == leases(bucket, "b").peek(SCOPE)
    assert leases(bucket, "b").take(SCOPE, 600) is None


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


def test_a_write_does_not_lengthen_a_lease() -> None:
    """It runs from the object's last write, so that each write says what is left of it."""
    bucket = FakeBucket()
    lease = leases(bucket, "dead").take(SCOPE, 600)
    assert lease
    bucket.clock.sleep(500)
    lease.record({}, 100)
    bucket.clock.sleep(99)
    assert leases(bucket, "b").take(SCOPE, 600) is None
    bucket.clock.sleep(1)
    assert leases(bucket, "b").take(SCOPE, 600)


def test_a_lease_longer_than_any_pass_is_nobodys() -> None:
    """A state object that says so was not written by a pass."""
    bucket = FakeBucket()
    assert leases(bucket, "a").take(SCOPE, 3601)
    assert leases(bucket, "b").take(SCOPE, 600)


def test_fields_of_a_later_version_are_ignored() -> None:
    """So that a version can be rolled back without anybody touching the bucket."""
    bucket = FakeBucket()
    data = b'{"kind": "k8s-snapshots-state", "new": {"x": 1}, "attempts": {"vol-a": {"at": '
    data += b'"2026-06-15T11:50:00Z", "spacing": "PT58M", "later": true}}}'
    bucket.put(STATE, data, None)
    assert ["vol-a"] == [*leases(bucket, "a").peek(SCOPE)]


def test_a_lease_as_long_as_a_pass_can_be_is_one() -> None:
    """An hour, with the longest call."""
    bucket = FakeBucket()
    assert leases(bucket, "a").take(SCOPE, 3600)
    assert not leases(bucket, "b").take(SCOPE, 600)
