"""What the contract needs of a cloud's stand-in, and rules and orders to try the provider with."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from shared.kinds import Metadata, SnapshotRule
from shared.model import Disk, Rule, Snapshot, Source, State
from shared.objects import Objects
from shared.planning.actions import Create
from shared.planning.labels import Labels
from shared.ports import Check, Provider
from tests.clock import VirtualClock

ALWAYS = float("inf")
DELTAS = "PT1H P1D P30D"

Kind = Literal["list", "create", "delete"]
#: `throttled`: too many requests. `denied`: a permission is missing. `full`: the scope takes no
#: more snapshots. `down`: a fault of the server, without effect. `cut off`: the connection ends
#: before anything happens. `lost`: it ends after the call has taken effect.
Trouble = Literal["throttled", "denied", "full", "down", "cut off", "lost"]


class Cloud(Protocol):
    """A cloud of a test's own, empty at first, and the provider that is to be tried on it.

    Times are the clock's, which the stand-in goes by too: new snapshots begin at its `now`.
    Waiting between retries must cost no real time.
    """

    @property
    def provider(self) -> Provider:
        """The provider under test."""

    @property
    def labels(self) -> Labels:
        """The installation's: what the provider lists by and the tests label with."""

    @property
    def clock(self) -> VirtualClock:
        """The time of the stand-in, and of the passes."""

    @property
    def scopes(self) -> tuple[str, str, str]:
        """Three scopes that a rule may name."""

    @property
    def page_size(self) -> int:
        """Snapshots that a page of a listing holds at most; kept small."""

    @property
    def repeatable(self) -> bool:
        """Whether the cloud knows a call to create again, so that it may safely be repeated."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Parts of the credentials in use, which nothing may print."""

    def add_disk(self, scope: str) -> Disk:
        """Add a disk; it has no snapshots."""

    def missing_disk(self, scope: str) -> Disk:
        """Name a disk as the cloud would, of which it knows nothing."""

    def spec(self, disk: Disk) -> dict[str, Any]:
        """Write `spec.disk` of a SnapshotRule for this disk."""

    def seed(
        self,
        disk: Disk,
        started: datetime,
        labels: Mapping[str, str],
        description: str = "",
        state: State = "completed",
    ) -> str:
        """Add a snapshot with any past and any author; return its id as the provider lists it."""

    def complete(self) -> None:
        """Let all pending snapshots complete."""

    def fail(self, snapshot_id: str) -> None:
        """Let a pending snapshot fail."""

    def protect(self, snapshot_id: str) -> None:
        """Have the cloud refuse to delete this snapshot, for it is in use."""

    def snapshots(self) -> list[Snapshot]:
        """Tell all snapshots in all scopes as they are, anybody's, with their labels."""

    def trouble(
        self,
        kind: Kind,
        trouble: Trouble,
        *,
        scope: str = "",
        disk: Disk | None = None,
        times: float = ALWAYS,
        after: int = 0,
    ) -> None:
        """Let calls of a kind go wrong, so many times, when so many have gone well.

        `scope` meets only calls there, `disk` only the creation of its snapshots.
        """

    def calm(self) -> None:
        """End all trouble."""

    def calls(self) -> Counter[str]:
        """Count requests so far: by `Kind`, a page of a listing being one, and `other`."""


class MemoryRules:
    """The SnapshotRules of a cluster that a test writes; implements `ports.RulesSource`."""

    live = False

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._rules: list[SnapshotRule] = []

    def add(self, *disks: Disk, deltas: str = DELTAS) -> None:
        for disk in disks:
            backend = self._cloud.provider.volumes.backend
            spec = {"backend": backend, "disk": self._cloud.spec(disk), "deltas": deltas}
            metadata = Metadata(f"r{len(self._rules)}", "shop")
            self._rules.append(SnapshotRule(metadata, spec))

    def read(self) -> Objects:
        return Objects("the test's rules", rules=list(self._rules))

    def check(self) -> Iterable[Check]:
        return [Check("the test's rules", True)]


def rule(disk: Disk, deltas: str = DELTAS) -> Rule:
    """Make a rule whose names no encoding leaves as they are."""
    return Rule(
        name="shop-pvc-Data.0",
        disk=disk,
        deltas=deltas,
        source=Source("PersistentVolumeClaim", "shop", "Data.0"),
        namespace="shop",
        claim="Data.0",
        volume="pvc-0C1D",
    )


def order(cloud: Cloud, disk: Disk, name: str = "shop-pvc-data.0-150626-120000") -> Create:
    """Order a snapshot as a plan would."""
    encoding, rules = cloud.provider.encoding, [rule(disk)]
    name = encoding.name(name)
    return Create(
        disk=disk,
        name=name,
        labels=cloud.labels.for_snapshot(name, rules),
        description=cloud.labels.description(name, rules),
        rules=(rules[0].name,),
        overdue=None,
        reason="no snapshot yet",
    )


def seed(cloud: Cloud, disk: Disk, age: timedelta, state: State = "completed") -> str:
    """Add a snapshot of ours that the same rule made."""
    made = order(cloud, disk)
    return cloud.seed(disk, cloud.clock.now() - age, made.labels, made.description, state)


def existing(cloud: Cloud) -> set[str]:
    """Tell the ids of all snapshots that there are."""
    return {snapshot.id for snapshot in cloud.snapshots()}
