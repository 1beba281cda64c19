"""Retention with reasons against `tarsnapper.expire`."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from tarsnapper.expire import expire

from benchmarks.measure import Result, at_least, best
from shared.model import Disk, Snapshot
from shared.retention.deltas import parse
from shared.retention.kernel import retain

NOW = datetime(2026, 6, 15, tzinfo=UTC)
DELTAS = parse("PT15M P2D P30D P365D").resolve(NOW)
#: Snapshots, and how many times faster than tarsnapper is promised.
SIZES = ((50, 1.0), (200, 1.0), (500, 20.0), (1000, 20.0))


def history(count: int) -> list[Snapshot]:
    """Make a history of snapshots about 15 minutes apart."""
    random.seed(count)
    disk = Disk("aws", "eu-west-1", "vol-0")
    return [
        Snapshot(
            id=f"snap-{n:05}",
            disk=disk,
            started=NOW - timedelta(minutes=15 * n, seconds=random.randint(0, 60)),
            state="completed",
        )
        for n in range(count)
    ]


def run() -> Iterator[Result]:
    """Measure each size."""
    for count, promised in SIZES:
        snapshots = history(count)
        backups = {snapshot.id: snapshot.started for snapshot in snapshots}
        ours = best(lambda s=snapshots: retain(s, DELTAS))  # type: ignore[misc]
        theirs = best(lambda b=backups: expire(b, list(DELTAS)))  # type: ignore[misc]
        yield at_least(f"retention of {count} snapshots, tarsnapper", ours, theirs, promised)
