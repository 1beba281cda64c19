"""Snapshots of persistent disks; implements `ports.Provider` with google-cloud-compute.

`google.cloud.compute_v1` takes seconds to import: whoever makes the clients imports it.
"""

import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, MutableSequence, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from google.api_core.exceptions import BadRequest, Conflict, NotFound, PreconditionFailed

from functions.gcp.calls import REQUEST, must_be, raise_failed, request_id, retry, sorted_errors
from functions.gcp.listing import (
    by_generation,
    deltas_of,
    disk_of,
    manager_of,
    place,
    snapshot_of,
    time_of,
    warned,
)
from functions.gcp.volumes import PersistentDisks
from shared.errors import DiskFailed, NextPass, ProviderError, UnknownDisk
from shared.model import Disk, Snapshot
from shared.planning.actions import Create
from shared.planning.adopt import Stranger, scopes
from shared.planning.labels import GOOGLE, Labels
from shared.ports import Check, Listing, Volumes

#: Compute Engine's largest page ("Method: snapshots.list", maxResults).
PAGE = 500
#: Projects listed at once.
PARALLEL = 8
#: Seconds that a call is tried again for.
PATIENCE = 20.0

#: The status of a snapshot that is being deleted: it is no backup, and nothing waits for it.
_GOING = "DELETING"


class Disks:
    """The snapshots of the disks of all projects.

    `client` makes a client of compute_v1 by its class's name; it is called once for each.
    `identity` tells who we are. `project` is where disks are whose volumes name none.
    `storage_location` and `guest_flush` are for new snapshots.
    """

    name = "google"
    encoding = GOOGLE

    def __init__(
        self,
        labels: Labels,
        client: Callable[[str], Any],
        identity: Callable[[], str],
        *,
        project: str,
        storage_location: str = "",
        guest_flush: bool = False,
        patience: float = PATIENCE,
    ) -> None:
        self.volumes: Volumes = PersistentDisks(project)
        self.longest_call = 2 * (patience + REQUEST)  # a second call asks whose snapshot it is
        self._labels, self._make, self._identity = labels, client, identity
        self._location, self._guest_flush = storage_location, guest_flush
        self._how: dict[str, Any] = {"retry": retry(patience), "timeout": REQUEST}
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def locate(self, disks: Collection[Disk]) -> Mapping[Disk, Disk | UnknownDisk]:
        """Find the disks whose volumes tell no place, by one list for each of their projects."""
        lost = sorted(disk for disk in disks if disk.name.startswith("disks/"))
        found: dict[Disk, Disk | UnknownDisk] = {}
        for project in sorted({disk.scope for disk in lost}):
            try:
                places, why = self._places(project), ""
            except ProviderError as error:
                places, why = {}, str(error)
            for disk in lost:
                if disk.scope == project:
                    found[disk] = place(disk, places.get(disk.name, ()), why)
        return found

    def list(self, scopes: Collection[str]) -> list[Listing]:
        """List our snapshots in each project, several projects at once."""
        with ThreadPoolExecutor(PARALLEL) as pool:
            return list(pool.map(self._list_project, scopes))

    def create(self, create: Create) -> Snapshot:
        """Begin a snapshot, its labels in the same body; never wait for the operation."""
        request = {
            "project": create.disk.scope,
            # The name has the pass's time: a retry within the pass begins nothing twice.
            "request_id": request_id(create.name, create.disk.id),
            "snapshot_resource": self._body(create),
        }
        with sorted_errors():
            try:
                operation = self._client("SnapshotsClient").insert_unary(
                    request=request, **self._how
                )
            except Conflict:
                started = self._owned(create).creation_timestamp
            else:
                raise_failed(operation)
                started = operation.insert_time
            began = time_of(started)
        return Snapshot(
            id=create.name,
            disk=create.disk,
            started=began,
            state="pending",
            labels=create.labels,
            deltas=deltas_of(create.description),
        )

    def delete(self, snapshot: Snapshot) -> None:
        """Delete a snapshot; one that is gone already is no error."""
        request = {
            "project": snapshot.disk.scope,
            "snapshot": snapshot.id,
            # A new one each time: with that of an earlier pass, whose deletion failed, Google would
            # answer that failure and do nothing.
            "request_id": str(uuid.uuid4()),
        }
        with sorted_errors():
            try:
                operation = self._client("SnapshotsClient").delete_unary(
                    request=request, **self._how
                )
            except NotFound:
                return
            except BadRequest:
                if self._get(snapshot.disk.scope, snapshot.id).status != _GOING:
                    raise
                return
        raise_failed(operation)

    def strangers(self, disks: Collection[Disk]) -> Iterable[Stranger]:
        """List the snapshots of some disks that lack our author label."""
        for project in scopes(disks):
            missing: list[str] = []
            query = {"project": project, "max_results": PAGE}
            found: list[tuple[Snapshot, Any]] = []
            texts: dict[str, tuple[str, str]] = {}
            with sorted_errors():
                for raw in self._pages(query, missing):
                    for item in raw.items:
                        if item.status != _GOING:
                            found.append(snapshot_of(project, item))
                            texts[item.name] = item.description, manager_of(item)
            if missing:
                raise NextPass(f"the list of {project} is incomplete: {'; '.join(missing[:3])}")
            for snapshot in by_generation(found):
                if snapshot.disk in disks and not self._labels.ours(snapshot):
                    yield Stranger(snapshot, *texts[snapshot.id])

    def adopt(self, snapshot: Snapshot, labels: Mapping[str, str]) -> None:
        """Add labels to a snapshot; once more where they changed meanwhile."""
        with sorted_errors():
            try:
                self._add_labels(snapshot, labels)
            except PreconditionFailed:
                self._add_labels(snapshot, labels)

    def credentials(self) -> Check:
        """Tell who we are."""
        try:
            with sorted_errors():
                return Check("Google credentials", True, self._identity())
        except ProviderError as error:
            return Check("Google credentials", False, str(error), "see docs/google-cloud.md")

    def check(
        self, scope: str, create: Create | None, snapshot: Snapshot | None
    ) -> Iterable[Check]:
        """List one, and ask for permissions on a disk and a snapshot: there is no dry run."""
        yield self._lists(scope)
        if create:
            kind, place, _, name = create.disk.name.split("/")
            client = "DisksClient" if kind == "zones" else "RegionDisksClient"
            where = {kind.removesuffix("s"): place, "resource": name}
            yield self._granted(client, scope, where, ["compute.disks.createSnapshot"])
        if snapshot:
            wanted = ["compute.snapshots.delete", "compute.snapshots.setLabels"]
            yield self._granted("SnapshotsClient", scope, {"resource": snapshot.id}, wanted)

    def _lists(self, project: str) -> Check:
        """Tell whether a project's snapshots can be listed."""
        name = f"compute.snapshots.list in {project}"
        query = self._query(project) | {"max_results": 1}
        try:
            with sorted_errors():
                pages = self._client("SnapshotsClient").list(request=query, **self._how).pages
                must_be("compute#snapshotList", next(pages))
        except ProviderError as error:
            return Check(name, False, str(error), "see docs/google-cloud.md")
        return Check(name, True)

    def _granted(
        self, client: str, project: str, where: Mapping[str, str], wanted: Sequence[str]
    ) -> Check:
        """Tell which permissions are missing on one resource."""
        name = f"{', '.join(wanted)} of {where['resource']}"
        asked = {"test_permissions_request_resource": {"permissions": list(wanted)}}
        try:
            with sorted_errors():
                request = {"project": project, **where, **asked}
                answer = self._client(client).test_iam_permissions(request=request, **self._how)
        except ProviderError as error:
            return Check(name, False, str(error), "see docs/google-cloud.md")
        missing = sorted(set(wanted) - set(answer.permissions))
        if missing:
            hint = "see docs/google-cloud.md for the role that is needed"
            return Check(name, False, f"missing: {', '.join(missing)}", hint)
        return Check(name, True)

    def _list_project(self, project: str) -> Listing:
        """List a project; a page that says that something is missing makes it incomplete."""
        found: list[tuple[Snapshot, int]] = []
        missing: list[str] = []
        query = self._query(project)
        try:
            with sorted_errors():
                for raw in self._pages(query, missing):
                    found += [snapshot_of(project, i) for i in raw.items if i.status != _GOING]
        except ProviderError as error:
            missing.append(str(error))
        return Listing(project, tuple(by_generation(found)), not missing, "; ".join(missing[:3]))

    def _pages(self, query: Mapping[str, Any], missing: MutableSequence[str]) -> Iterable[Any]:
        """Give the pages of a list of snapshots; `missing` collects what they say they lack."""
        for page in self._client("SnapshotsClient").list(request=query, **self._how).pages:
            raw = type(page).pb(page)
            must_be("compute#snapshotList", raw)
            missing.extend(warned(raw.warning))
            yield raw

    def _places(self, project: str) -> Mapping[str, Collection[str]]:
        """List where the disks of a project are, by name."""
        places = defaultdict(set)
        missing: list[str] = []
        query = {"project": project, "max_results": PAGE}
        with sorted_errors():
            pages = self._client("DisksClient").aggregated_list(request=query, **self._how).pages
            for page in pages:
                raw = type(page).pb(page)
                must_be("compute#diskAggregatedList", raw)
                missing += [f"{scope} cannot be reached" for scope in raw.unreachables]
                missing += warned(raw.warning)
                for scope, listed in raw.items.items():
                    missing += warned(listed.warning)
                    for disk in listed.disks:
                        places[f"disks/{disk.name}"].add(scope)
        if missing:
            # What is not shown may be the disk, or another of its name.
            raise NextPass(f"the list of disks is incomplete: {'; '.join(missing[:3])}")
        return places

    def _owned(self, create: Create) -> Any:
        """Get the snapshot which has the name already, if it is of the same disk."""
        found = self._get(create.disk.scope, create.name)
        if disk_of(create.disk.scope, found.source_disk) != create.disk:
            raise DiskFailed(
                f"a snapshot {create.name} of another disk is there already", "alreadyExists"
            )
        return found

    def _add_labels(self, snapshot: Snapshot, labels: Mapping[str, str]) -> None:
        project = snapshot.disk.scope
        found = self._get(project, snapshot.id)
        body = {"labels": {**found.labels, **labels}, "label_fingerprint": found.label_fingerprint}
        operation = self._client("SnapshotsClient").set_labels_unary(
            request={
                "project": project,
                "resource": snapshot.id,
                "global_set_labels_request_resource": body,
            },
            **self._how,
        )
        raise_failed(operation)

    def _get(self, project: str, name: str) -> Any:
        request = {"project": project, "snapshot": name}
        return self._client("SnapshotsClient").get(request=request, **self._how)

    def _query(self, project: str) -> dict[str, Any]:
        labels = self._labels
        ours = f"labels.{labels.author_key}={self.encoding.value(labels.author)}"
        return {"project": project, "filter": ours, "max_results": PAGE}

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
        return body

    def _client(self, kind: str) -> Any:
        with self._lock:
            if kind not in self._clients:
                self._clients[kind] = self._make(kind)
            return self._clients[kind]
