"""A plan for many disks, and how its time grows with them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from benchmarks.measure import Result, best
from shared.model import Disk, Rule, RuleSet, Snapshot, Source
from shared.planning.labels import AWS, CLUSTER, Labels
from shared.planning.plan import plan
from shared.planning.policy import Policy
from shared.retention.deltas import parse
from shared.retention.kernel import keep

NOW = datetime(2026, 6, 15, tzinfo=UTC)
DELTAS = "PT1H P2D P40D P360D"
POLICY = Policy(labels=Labels(AWS, cluster="bench"))
TAGS = {"created-by": "k8s-snapshots", CLUSTER: "bench"}


def estate(disks: int, surplus: int) -> tuple[RuleSet, list[Snapshot]]:
    """Make disks whose history the rule has shaped, about 100 snapshots each.

    All are due; `surplus` snapshots of each go, which asks tarsnapper too.
    """
    hours = [NOW - timedelta(hours=hour + 1) for hour in range(24 * 400)]
    kept = keep(hours[::-1], parse(DELTAS).resolve(NOW))[0]
    times = [time for n, time in enumerate(reversed(hours)) if n in kept]
    times += [time + timedelta(minutes=7) for time in times[40 : 40 + surplus]]
    rules, snapshots = [], []
    for number in range(disks):
        disk = Disk("aws", "eu-west-1", f"vol-{number:017x}")
        source = Source("PersistentVolumeClaim", "bench", f"data-{number}")
        rules.append(Rule(name=f"pvc-{number}", disk=disk, deltas=DELTAS, source=source))
        snapshots += [
            Snapshot(
                id=f"snap-{number}-{n}",
                disk=disk,
                started=time,
                state="completed",
                labels=TAGS,
                deltas=DELTAS,
            )
            for n, time in enumerate(times)
        ]
    return RuleSet(tuple(rules)), snapshots


def run() -> Iterator[Result]:
    """Measure 1,000, 10,000 and 20,000 disks; the growth is a disk's cost over that of 1,000."""
    first = _each(1_000, 0)
    for disks in (10_000, 20_000):
        each = _each(disks, 0)
        yield Result(
            f"plan for {disks:,} disks of 100 snapshots, each against each of 1,000",
            f"{each:.3f} ms",
            f"{first:.3f} ms",
            first / each,
            "at least 0.6",
            first / each >= 0.6,
        )
    confirmed = _each(1_000, 1)
    yield Result(
        "plan where every disk loses one, which asks tarsnapper, against none",
        f"{confirmed:.3f} ms",
        f"{first:.3f} ms",
        first / confirmed,
        "none",
        True,
    )


def _each(disks: int, surplus: int) -> float:
    """Measure the milliseconds that one disk takes."""
    ruleset, snapshots = estate(disks, surplus)
    return best(lambda: plan(ruleset, snapshots, NOW, POLICY), 1) / disks
