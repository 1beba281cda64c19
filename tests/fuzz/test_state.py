"""State objects of any bytes: understood or refused; none of them makes a pass fail."""

import json
from collections.abc import Mapping
from datetime import timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from functions.aws.volumes import EBSVolumes
from shared.bucket.lease import KIND, Leases
from shared.errors import BucketError
from shared.model import Disk, OperationState
from shared.passes.trust import RulesReader
from shared.planning.actions import Attempt
from shared.planning.attempts import review
from shared.planning.due import is_due
from shared.planning.timing import Rhythm
from shared.rules.options import Options
from shared.rules.read import read_rules
from tests.clock import NOON, VirtualClock
from tests.fuzz.budget import assert_line, bounded, fuzz
from tests.fuzz.inputs import SCALARS, TEXTS, VALUES, encoded, listed, torn
from tests.fuzz.test_mirror import Live
from tests.shared.builders import snapshot
from tests.shared.fake_bucket import MIRROR, FakeBucket, storage_in
from tests.shared.objects_builders import DISK, claim, decode, volume

SCOPE = "eu-west-1"
NAME = f"demo/rules/state/{SCOPE}.json"
TIMES = st.sampled_from(
    ["2026-06-15T11:50:00Z", "2026-06-15T11:50:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
     "2026-06-15T13:50:00+14:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
)  # fmt: skip
SPANS = st.sampled_from(["PT58M", "PT0S", "-P1D", "P999999999D", "P1Y", "PT1e9S"])
RECORDS = st.fixed_dictionaries(
    {"at": TIMES | TIMES | SCALARS, "spacing": SPANS | SPANS | SCALARS},
    optional={
        "snapshot": st.just("snap-a") | TEXTS,
        "failures": st.integers(-1, 3) | SCALARS,
        "ended": st.booleans() | SCALARS,
        "operation": st.just("operation-1") | TEXTS,
        "reason": TEXTS,
    },
)
STATES = st.fixed_dictionaries(
    {"kind": st.just(KIND) | st.just(KIND) | TEXTS},
    optional={
        "holder": TEXTS,
        "seconds": st.floats(0, 1e308) | st.just(-1) | SCALARS,
        "attempts": st.dictionaries(st.just(DISK.name) | TEXTS, RECORDS | VALUES, max_size=2),
    },
)
REAL = json.dumps(
    {"kind": KIND, "holder": "me", "seconds": 600.0,
     "attempts": {DISK.name: {"at": "2026-06-15T11:50:00Z", "spacing": "PT58M"}}}
).encode()  # fmt: skip
BYTES = STATES.map(encoded) | torn(REAL) | VALUES.map(encoded) | st.binary(max_size=100)


def began(at: str, **record: object) -> bytes:
    found = {"at": at, "spacing": "PT58M", **record}
    return json.dumps({"kind": KIND, "attempts": {DISK.name: found}}).encode()


@fuzz(250)
@given(BYTES)
@example(REAL)
@example(began("2026-06-15T11:50:00"))
@example(began("0001-01-01T00:00:00Z"))
@example(began("9999-12-31T23:59:59Z"))
def test_any_bytes_are_a_state_or_refused(data: bytes) -> None:
    """What is believed of them can be judged and written again; the rest is an error of ours."""
    bucket = FakeBucket(VirtualClock())
    bucket.put(NAME, data, None)
    leases = Leases(bucket, "demo/rules", "another")
    try:
        with bounded():
            peeked = leases.peek(SCOPE)
            lease = leases.take(SCOPE, 600)
    except BucketError as error:
        assert_line(str(error), 400)
        return
    _judge(peeked)
    if lease:
        attempts = {Disk("aws", SCOPE, name): found for name, found in lease.attempts.items()}
        histories = {DISK: [snapshot("snap-a", NOON, disk=DISK)]}
        left = review(
            attempts, histories, NOON, {DISK: OperationState("failed")}, [], [DISK]
        ).attempts
        lease.record({"vol-new": Attempt(at=NOON, spacing=timedelta(hours=1))}, 600)
        lease.release({disk.name: found for disk, found in left.items()})
        assert Leases(bucket, "demo/rules", "third").take(SCOPE, 1)


def _judge(found: Mapping[str, Attempt]) -> None:
    for record in found.values():
        for tail in ([], [snapshot("snap-a", NOON - timedelta(hours=2))]):
            is_due(tail, [Rhythm(timedelta(hours=1))], NOON, timedelta(minutes=5), record)


@fuzz(100)
@given(
    VALUES.map(encoded)
    | st.binary(max_size=60)
    | st.fixed_dictionaries(
        {"lost": TEXTS, "version": TEXTS, "waited": SCALARS | st.floats(0, 1e308)}
    ).map(encoded)
)
def test_any_bytes_are_a_doubt_or_none(data: bytes) -> None:
    """An answer that lost its rules is doubted whatever lies where doubts are remembered."""
    bucket = FakeBucket(VirtualClock())
    mirror = storage_in(bucket).mirror
    bucket.put(MIRROR, mirror.encode(decode(volume(deltas="PT1H P1D"), claim())), None)
    bucket.put("demo/rules/read.json", data, None)
    reader = RulesReader(
        Live(listed()),  # type: ignore[arg-type]
        storage_in(bucket),
        lambda objects: read_rules(objects, EBSVolumes(), Options()),
        max_age=timedelta(days=1),
        writing=True,
    )
    assert reader.read().no_deletions


def test_the_disk_is_the_one_that_is_recorded() -> None:
    """The records above are of a disk that rules know."""
    assert Disk("aws", SCOPE, "vol-0123456789abcdef0") == DISK
