"""Snapshots of persistent disks; implements `ports.Provider` and `ports.Adopter`.

`google.cloud.compute_v1` takes seconds to import: whoever makes the clients imports it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from google.api_core.exceptions import Conflict, NotFound

from functions.gcp.calls import (
    PATIENCE,
    REQUEST,
    ComputeClients,
    raise_failed,
    request_id,
    sorted_errors,
)
from functions.gcp.errors import text_of
from functions.gcp.listing import deltas_of, disk_of, get, list_projects, snapshot_of, time_of
from functions.gcp.resource_manager import ResourceManager
from functions.gcp.tags import Tag
from functions.gcp.volumes import PersistentDisks
from shared.errors import DiskFailed, DiskGone, UnknownDisk
from shared.model import Disk, OperationState, Snapshot
from shared.planning.actions import Create
from shared.planning.adopt import Stranger
from shared.planning.labels import GOOGLE, Labels
from shared.ports import Check, Listing, Volumes


class Disks:
    """The snapshots of the disks of all projects.

    `client` makes a client of compute_v1 by its class's name; it is called once for each.
    `identity` tells who we are. `manager` knows permissions and binds tags. `project` is where
    disks are whose volumes name none; it and `projects` are believed to be there.
    `storage_location`, `guest_flush` and `tag` are for new snapshots; with a tag only those that
    have it may be deleted.
    """

    name = "google"
    encoding = GOOGLE

    def __init__(
        self,
        labels: Labels,
        client: Callable[[str], Any],
        identity: Callable[[], str],
        manager: ResourceManager,
        *,
        project: str,
        projects: Collection[str] = (),
        storage_location: str = "",
        guest_flush: bool = False,
        tag: Tag | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self.volumes: Volumes = PersistentDisks(project)
        self._believed = frozenset({project, *projects})
        self.seen: set[str] = set()  # zones and regions that are there
        self.longest_call = 2 * (patience + REQUEST)  # a second call asks whose snapshot it is
        self._labels, self._identity = labels, identity
        self._location, self._guest_flush = storage_location, guest_flush
        self._manager, self._tag = manager, tag
        self._clients = ComputeClients(client, patience)

    def locate(
        self, disks: Collection[Disk], doubted: Collection[Disk] = ()
    ) -> Mapping[Disk, Disk | UnknownDisk]:
        """Find the disks whose volumes tell no place, by one list for each of their projects.

        The doubted ones in projects or zones that are not there are problems.
        """
        from functions.gcp import doubting, locating

        found = locating.locate(self._clients, disks)
        believed = self._believed | {disk.scope for disk in disks if disk not in doubted}
        self.seen |= {doubting.where(disk) for disk in disks if disk not in doubted}
        return {**found, **doubting.misplaced(self._clients, believed, self.seen, doubted)}

    def list(self, scopes: Collection[str]) -> list[Listing]:
        """List our snapshots in each project, several projects at once."""
        return list_projects(self._clients, self._labels, scopes)

    def create(self, create: Create) -> Snapshot:
        """Begin a snapshot, its labels in the same body; never wait for the operation."""
        with sorted_errors():
            began, operation = self._insert(create)
        return Snapshot(
            id=create.name,
            disk=create.disk,
            started=began,
            state="pending",
            labels=create.labels,
            deltas=deltas_of(create.description),
            operation=operation,
        )

    def operation(self, scope: str, name: str) -> OperationState:
        """Tell how an insert's operation stands: an accepted one may fail minutes later."""
        from functions.gcp import operations

        return operations.state_of(self._clients, scope, name)

    def delete(self, snapshot: Snapshot) -> None:
        """Delete a snapshot; one that is gone, or going already, is no error."""
        from functions.gcp import deleting

        deleting.delete(self._clients, snapshot, self._tag)

    def strangers(self, disks: Collection[Disk]) -> Iterable[Stranger]:
        """List the snapshots of some disks that lack our author label.

        With a tag ours are among them: a listing does not tell which lack it.
        """
        from functions.gcp import adopting

        return adopting.strangers(self._clients, self._labels, disks, self._tag)

    def adopt(self, snapshot: Snapshot, labels: Mapping[str, str]) -> None:
        """Add labels to a snapshot, and the tag if there is one."""
        from functions.gcp import adopting

        adopting.adopt(self._clients, snapshot, labels, self._manager, self._tag)

    def credentials(self) -> Check:
        """Tell who we are."""
        from functions.gcp import checks

        return checks.credentials(self._identity)

    def check(
        self, scope: str, create: Create | None, snapshot: Snapshot | None
    ) -> Iterable[Check]:
        """List one, and ask which permissions we hold: there is no dry run."""
        from functions.gcp import checks

        return checks.check(
            self._clients, self._manager, self._labels, self._tag, scope, create, snapshot
        )

    def _insert(self, create: Create) -> tuple[datetime, str]:
        """Insert a snapshot, or find that it is there already; tell when it began, and by what.

        The operation of one that is there already is not known: its name is empty.
        """
        clients = self._clients
        request = {
            "project": create.disk.scope,
            # The name has the pass's time: a retry within the pass begins nothing twice.
            "request_id": request_id(create.name, create.disk.id),
            "snapshot_resource": self._body(create),
        }
        try:
            operation = clients.snapshots.insert_unary(request=request, **clients.how)
        except Conflict:
            return time_of(self._owned(create).creation_timestamp), ""
        except NotFound as error:
            # It may be the project that is not found, which says nothing of the disk.
            if create.disk.name not in str(error.message):
                raise
            raise DiskGone(text_of(error), "notFound") from None
        raise_failed(operation)
        return time_of(operation.insert_time), operation.name

    def _owned(self, create: Create) -> Any:
        """Get the snapshot which has the name already, if it is of the same disk and ours."""
        found = get(self._clients, create.disk.scope, create.name)
        if disk_of(create.disk.scope, found.source_disk) != create.disk:
            raise DiskFailed(
                f"a snapshot {create.name} of another disk is there already", "alreadyExists"
            )
        snapshot, _ = snapshot_of(create.disk.scope, found)
        expected = "this" if self._labels.cluster else "unknown"
        if not self._labels.ours(snapshot) or self._labels.owner(snapshot) != expected:
            raise DiskFailed(
                f"a snapshot {create.name} of this disk is there already, and its labels do not "
                "say that this cluster made it",
                "alreadyExists",
            )
        return found

    def _body(self, create: Create) -> dict[str, Any]:
        body: dict[str, Any] = {
            "name": create.name,
            "source_disk": f"projects/{create.disk.scope}/{create.disk.name}",
            "labels": create.labels,
            "description": create.description,
        }
        if self._location:
            body["storage_locations"] = [self._location]
        if self._guest_flush:
            body["guest_flush"] = True
        if self._tag:
            body["params"] = {"resource_manager_tags": {self._tag.key: self._tag.value}}
        return body
