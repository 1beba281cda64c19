"""Disks, snapshots, rules and histories in few words."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from shared.model import Disk, Rule, Snapshot, Source, State
from shared.planning.labels import CLUSTER

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
OURS = {"created-by": "k8s-snapshots", CLUSTER: "demo"}


def disk(name: str = "vol-0a", scope: str = "eu-west-1") -> Disk:
    """Make an EBS volume."""
    return Disk("aws", scope, name)


def snapshot(
    id: str,  # noqa: A002
    started: datetime,
    *,
    disk: Disk = disk(),  # noqa: B008
    state: State = "completed",
    labels: Mapping[str, str] | None = None,
    deltas: str = "",
) -> Snapshot:
    """Make a snapshot; without `labels` it is one of the cluster `demo`."""
    return Snapshot(
        id=id,
        disk=disk,
        started=started,
        state=state,
        labels=dict(OURS if labels is None else labels),
        deltas=deltas,
    )


def hourly(
    n: int,
    until: datetime,
    step: timedelta = HOUR,
    *,
    disk: Disk = disk(),  # noqa: B008
    labels: Mapping[str, str] | None = None,
    deltas: str = "",
) -> list[Snapshot]:
    """Make `n` completed snapshots, one every `step`, the last at `until`; the oldest first.

    Ids tell disk and time, so that histories can be put together.
    """
    times = [until - i * step for i in reversed(range(n))]
    return [
        snapshot(f"snap-{disk.name}-{t:%y%m%d-%H%M%S}", t, disk=disk, labels=labels, deltas=deltas)
        for t in times
    ]


def rule(
    deltas: str = "PT1H P1D P30D P360D",
    *,
    disk: Disk = disk(),  # noqa: B008
    name: str = "shop-pvc-data",
    namespace: str = "shop",
    claim: str = "data",
    volume: str = "pv-data",
) -> Rule:
    """Make the rule of the annotated claim `shop/data`."""
    source = Source("PersistentVolumeClaim", namespace, claim)
    return Rule(
        name=name,
        disk=disk,
        deltas=deltas,
        source=source,
        namespace=namespace,
        claim=claim,
        volume=volume,
    )
