"""A bucket in memory that goes wrong where it is told to."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Literal

from shared.bucket.storage import Storage
from shared.errors import BucketError, Conflict
from shared.kinds import WINDOW
from shared.passes.world import Ports
from shared.planning.labels import AWS, Labels
from shared.ports import Stored
from shared.sources.mirror import Mirror
from tests.clock import VirtualClock
from tests.shared.fake_cloud import FakeCloud, FakeCluster

KEY = "backup.kubernetes.io/deltas"
STATE = "demo/rules/state/eu-west-1.json"
MIRROR = "demo/rules.json"

Trouble = Literal["before", "after", "repeated", ""]


class FakeBucket:
    """Implements `ports.Bucket`; its times are those of its own clock.

    `trouble` tells of each call, `get` or `put` and the name, what goes wrong: `before` its effect,
    `after` it, or `repeated`, a client's second try that meets the first.
    """

    def __init__(self, clock: VirtualClock | None = None) -> None:
        self.clock = clock or VirtualClock()
        self.objects: dict[str, tuple[bytes, int, datetime]] = {}
        self.calls: list[tuple[str, str]] = []
        self.trouble: Callable[[str, str], Trouble] = lambda call, name: ""
        self._written = 0

    def get(self, name: str) -> Stored | None:
        self.calls.append(("get", name))
        if self.trouble("get", name):
            raise BucketError("the bucket is down")
        if name not in self.objects:
            return None
        data, version, written = self.objects[name]
        return Stored(data, str(version), max(self.clock.now() - written, timedelta(0)))

    def put(self, name: str, data: bytes, expected: str | None) -> str:
        self.calls.append(("put", name))
        trouble = self.trouble("put", name)
        if trouble == "before":
            raise BucketError("the bucket is down")
        there = self.objects.get(name)
        if expected is not None and (str(there[1]) if there else "") != expected:
            raise Conflict("was written by another")
        self._written += 1
        self.objects[name] = data, self._written, self.clock.now()
        if trouble == "after":
            raise BucketError("the answer was lost")
        if trouble == "repeated":
            raise Conflict("was written by another")
        return str(self._written)

    def puts(self) -> list[str]:
        """List what was written, in order."""
        return [name for call, name in self.calls if call == "put"]


def storage_in(bucket: FakeBucket, **options: Any) -> Storage:
    """Give the storage whose mirror is `demo/rules.json`, with the mirror's other options."""
    mirror = Mirror(bucket, MIRROR, f"s3://bucket/{MIRROR}", (KEY, WINDOW), **options)
    return Storage(bucket, "demo/rules", mirror)


def ports_with(cluster: FakeCluster, cloud: FakeCloud, bucket: FakeBucket) -> Ports:
    """Give the world of a pass with a bucket, in which time stands still."""
    labels = Labels(AWS, cluster="demo")
    return Ports(cluster, cloud, labels, cloud.clock, workers=1, storage=storage_in(bucket))
