"""A cloud and a cluster in memory, at the ports of the core."""

import threading
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from functions.aws.volumes import EBSVolumes
from shared.errors import ClusterError, ProviderError, UnknownDisk
from shared.model import Disk, OperationState, Snapshot
from shared.objects import Objects
from shared.passes.world import Ports
from shared.planning.actions import Create
from shared.planning.labels import AWS, Labels
from shared.ports import Check, Clock, Listing, Volumes
from tests.clock import VirtualClock
from tests.shared.objects_builders import decode


class FakeCloud:
    """Holds snapshots; implements `ports.Provider`.

    `incomplete` says of a scope why its listing is cut short, `closed` that it is refused;
    `failing` gives the error of a disk's or a snapshot's next calls; `denied` names what `check`
    finds missing. What is created while `lose` is set exists nowhere; `operations` says how the
    operations of creations stand.
    """

    name = "aws"
    encoding = AWS
    volumes: Volumes = EBSVolumes()
    longest_call = 1.0

    def __init__(
        self,
        snapshots: Iterable[Snapshot] = (),
        *,
        clock: Clock | None = None,
        incomplete: Mapping[str, str] | None = None,
        failing: Mapping[str, ProviderError] | None = None,
        denied: Collection[str] = (),
    ) -> None:
        self.snapshots = {snapshot.id: snapshot for snapshot in snapshots}
        self.clock = clock or VirtualClock()
        self.incomplete, self.failing = dict(incomplete or {}), dict(failing or {})
        self.denied = set(denied)
        self.closed: set[str] = set()
        self.lose = self.named_operations = False
        self.operations: dict[str, OperationState] = {}
        self.calls: list[tuple[str, str]] = []
        self._lock = threading.Lock()
        self._last = -1

    def locate(
        self, disks: Collection[Disk], doubted: Collection[Disk] = ()
    ) -> Mapping[Disk, Disk | UnknownDisk]:
        return {}

    def list(self, scopes: Collection[str]) -> list[Listing]:
        return [self._listing(scope) for scope in scopes]

    def create(self, create: Create) -> Snapshot:
        with self._lock:
            self.calls.append(("create", create.disk.name))
            if error := self.failing.get(create.disk.name):
                raise error
            name = self._new_id()
            named = self.named_operations or self.operations
            made = Snapshot(
                id=name,
                disk=create.disk,
                started=self.clock.now(),
                state="pending",
                labels=create.labels,
                operation=name.replace("snap", "operation") if named else "",
            )
            if not self.lose:
                self.snapshots[made.id] = made
            return made

    def operation(self, scope: str, name: str) -> OperationState:
        return self.operations.get(name, OperationState("done"))

    def delete(self, snapshot: Snapshot) -> None:
        with self._lock:
            self.calls.append(("delete", snapshot.id))
            if error := self.failing.get(snapshot.id):
                raise error
            del self.snapshots[snapshot.id]

    def credentials(self) -> Check:
        return self._tried("credentials")

    def check(
        self, scope: str, create: Create | None, snapshot: Snapshot | None
    ) -> Iterable[Check]:
        yield self._tried(f"list in {scope}")
        if create:
            yield self._tried(f"create of {create.disk.name}")
        if snapshot:
            yield self._tried(f"delete of {snapshot.id}")

    def _new_id(self) -> str:
        """Name a snapshot as none is or was: what was deleted leaves its number behind."""
        self._last = max(self._last + 1, len(self.snapshots))
        return f"snap-{self._last:04}"

    def _tried(self, name: str) -> Check:
        if name.partition(" ")[0] in self.denied:
            return Check(name, False, "not authorized", "see docs/aws.md")
        return Check(name, True)

    def _listing(self, scope: str) -> Listing:
        found = tuple(s for s in self.snapshots.values() if s.disk.scope == scope)
        error = self.incomplete.get(scope, "")
        return Listing(scope, found, not error, error, scope in self.closed)


class FakeCluster:
    """Holds objects, or an error instead; implements `ports.RulesSource`.

    `refused` are kinds that may not be listed, each with why.
    """

    live = True

    def __init__(self, *items: dict[str, Any], error: str = "") -> None:
        self.items, self.error = items, error
        self.refused: dict[str, str] = {}

    def read(self) -> Objects:
        if self.error:
            raise ClusterError(self.error)
        objects = decode(*self.items)
        objects.refused |= self.refused
        return objects

    def check(self) -> Iterable[Check]:
        yield Check("list everything", not self.error, self.error)


def ports(cluster: FakeCluster, cloud: FakeCloud, name: str = "demo") -> Ports:
    """Give the world of a pass in which time stands still."""
    return Ports(cluster, cloud, Labels(AWS, cluster=name), cloud.clock, workers=1)
