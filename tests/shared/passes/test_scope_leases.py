"""The leases of one pass over several scopes."""

from typing import Any

import pytest

from shared.bucket.lease import Leases
from shared.passes.scope_leases import ScopeLeases
from tests.shared.fake_bucket import FakeBucket

SCOPES = [f"eu-west-{n}" for n in range(1, 6)]


def taken(bucket: FakeBucket, **more: Any) -> ScopeLeases:
    leases = ScopeLeases(bucket.clock, "aws")
    leases.take(Leases(bucket, "demo/rules", "pass"), SCOPES, 600, **more)
    return leases


def test_no_scope_is_without_a_lease_unnoticed() -> None:
    """Of a bucket that is down the first two are asked; nothing may be deleted in the others."""
    bucket, asked = FakeBucket(), []

    def down(call: str, name: str) -> Any:
        asked.append(name)
        return "before"

    bucket.trouble = down
    leases = taken(bucket)
    assert SCOPES == [*leases.failed]
    assert {f"demo/rules/state/{scope}.json" for scope in SCOPES[:2]} == set(asked)
    assert all("cannot read the lease" in why for why in leases.failed.values())


def test_one_that_fails_leaves_the_others_theirs() -> None:
    """It alone is without, and alone not remembered."""
    bucket = FakeBucket()
    bucket.trouble = lambda call, name: "before" if SCOPES[0] in name else ""
    leases = taken(bucket)
    assert [SCOPES[0]] == [*leases.failed]
    assert set(SCOPES[1:]) == leases.remembered
    assert set() == leases.skipped


def test_a_lease_lasts_as_long_as_the_pass_may() -> None:
    """From when it was taken, so that a pass that dies bars the next no longer."""
    bucket = FakeBucket()
    taken(bucket)
    bucket.clock.sleep(599)
    assert set(SCOPES) == taken(bucket).skipped
    bucket.clock.sleep(1)
    assert set() == taken(bucket).skipped


def test_what_cannot_be_recorded_lets_nothing_go() -> None:
    """The bucket failed: create. Another pass took over: do neither."""
    bucket = FakeBucket()
    leases = taken(bucket)
    bucket.trouble = lambda call, name: "before"
    assert {("delete", SCOPES[0])} == leases.record({}, SCOPES[:1]).keys()
    bucket.trouble = lambda call, name: ""
    bucket.clock.sleep(600)
    taken(bucket)
    barred = leases.record({}, SCOPES[1:2])
    assert {("create", SCOPES[1]), ("delete", SCOPES[1])} == barred.keys()
    assert {} == leases.record({}, ["us-east-1"])


def test_objects_that_are_not_ours_are_no_failure_of_the_bucket() -> None:
    """However many: each leaves its own scope without a lease, and the others have theirs."""
    bucket = FakeBucket()
    for scope in SCOPES[:3]:
        bucket.put(f"demo/rules/state/{scope}.json", b"{torn", "")
    leases = taken(bucket)
    assert SCOPES[:3] == [*leases.failed]
    assert set(SCOPES[3:]) == leases.remembered
    assert leases.broken == 0


def test_a_slow_bucket_is_asked_for_so_long_only(caplog: pytest.LogCaptureFixture) -> None:
    """In the other scopes nothing is deleted; a plan reads no longer either."""
    bucket = FakeBucket()
    taken(bucket)
    assert not caplog.messages

    def slow(call: str, name: str) -> Any:
        bucket.clock.sleep(4)
        return ""

    bucket.trouble = slow
    bucket.clock.sleep(600)
    leases = taken(bucket, within=10)
    assert ["the bucket is too slow: there was no time for 3 leases"] == caplog.messages
    assert SCOPES[2:] == [*leases.failed]
    assert all("too slow" in why for why in leases.failed.values())
    leases = ScopeLeases(bucket.clock, "aws")
    leases.peek(Leases(bucket, "demo/rules", "plan"), SCOPES, 10)
    assert SCOPES[3:] == [*leases.failed]
