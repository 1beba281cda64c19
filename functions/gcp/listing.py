"""What Compute Engine lists, as the core has it."""

from collections.abc import Collection, Iterable, Iterator, Mapping, MutableSequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec

from functions.gcp.calls import ComputeClients, must_be, sorted_errors
from shared.errors import ProviderError
from shared.model import Disk, Snapshot, State
from shared.planning.labels import Labels
from shared.ports import Listing
from shared.text import shorten
from shared.tolerant_json import UNREADABLE

#: Compute Engine's largest page ("Method: snapshots.list", maxResults).
PAGE = 500
#: Projects listed at once.
PARALLEL = 8

#: The status of a snapshot that is being deleted: it is no backup, and nothing waits for it.
GOING = "DELETING"
_STATES: dict[str, State] = {"READY": "completed", "FAILED": "failed"}


class _Description(msgspec.Struct):
    """What the description of a snapshot of ours says exactly."""

    deltas: str = ""
    cluster: str = ""


def list_projects(
    clients: ComputeClients, labels: Labels, projects: Collection[str]
) -> list[Listing]:
    """List our snapshots in each project, several projects at once."""
    with ThreadPoolExecutor(PARALLEL) as pool:
        return list(pool.map(partial(list_project, clients, labels), projects))


def list_project(clients: ComputeClients, labels: Labels, project: str) -> Listing:
    """List a project; a page that says that something is missing makes it incomplete."""
    found: list[tuple[Snapshot, int]] = []
    missing: list[str] = []
    query = query_of(labels, project)
    try:
        with sorted_errors():
            for raw in pages(clients, query, missing):
                found += [snapshot_of(project, i) for i in raw.items if i.status != GOING]
    except ProviderError as error:
        missing.append(str(error))
    return Listing(project, tuple(by_generation(found)), not missing, "; ".join(missing[:3]))


def query_of(labels: Labels, project: str) -> dict[str, Any]:
    """Ask for the snapshots of a project that have our author label."""
    author = f"labels.{labels.author_key}={labels.encoding.value(labels.author)}"
    return {"project": project, "filter": author, "max_results": PAGE}


def pages(
    clients: ComputeClients, query: Mapping[str, Any], missing: MutableSequence[str]
) -> Iterable[Any]:
    """Give the pages of a list of snapshots; `missing` collects what they say they lack."""
    for page in clients.snapshots.list(request=query, **clients.how).pages:
        raw = type(page).pb(page)
        must_be("compute#snapshotList", raw)
        missing.extend(warned(raw.warning))
        yield raw


def get(clients: ComputeClients, project: str, name: str) -> Any:
    """Get one snapshot, as Compute Engine has it."""
    request = {"project": project, "snapshot": name}
    return clients.snapshots.get(request=request, **clients.how)


def disk_of(project: str, url: str) -> Disk:
    """Read a disk's URL, …/projects/P/zones/Z/disks/N, as a snapshot in a project bears it.

    A snapshot is deleted in its own project. One that somebody made of another project's disk
    must not count as that project's, where its name is perhaps another's.
    """
    path = "projects/" + url.rpartition("projects/")[2]
    return Disk("google", project, path.removeprefix(f"projects/{project}/"))


def warned(warning: Any) -> Iterator[str]:
    """Tell what a warning says is missing from a list; that a page is empty is none."""
    if warning.code not in ("", "NO_RESULTS_ON_PAGE"):
        yield shorten(warning.message) or f"a page has the warning {warning.code}"


def time_of(text: str) -> datetime:
    """Read a time as Google prints it."""
    return datetime.fromisoformat(text).astimezone(UTC)


def snapshot_of(project: str, item: Any) -> tuple[Snapshot, int]:
    """Read a listed snapshot, with the numeric id of its disk."""
    said = _said(item.description)
    snapshot = Snapshot(
        id=item.name,
        disk=disk_of(project, item.source_disk),
        started=time_of(item.creation_timestamp),
        state=_STATES.get(item.status, "pending"),
        labels=dict(item.labels),
        deltas=said.deltas,
        cluster=said.cluster,
        size=item.disk_size_gb,
        stored=item.storage_bytes,
    )
    return snapshot, item.source_disk_id


def by_generation(found: Iterable[tuple[Snapshot, Any]]) -> Iterable[Snapshot]:
    """Tell a disk from an earlier one of the same name, which its numeric id does.

    The newest id is that of the disk that rules mean; snapshots of other ids are those of another
    disk, which no rule covers any more. One without an id, which Google may leave out, splits
    nothing.
    """
    ordered = sorted(found, key=lambda pair: (pair[0].started, pair[0].id), reverse=True)
    current: dict[Disk, Any] = {}
    for snapshot, number in ordered:
        if not number or current.setdefault(snapshot.disk, number) == number:
            yield snapshot
        else:
            earlier = msgspec.structs.replace(snapshot.disk, name=f"{snapshot.disk.name}#{number}")
            yield msgspec.structs.replace(snapshot, disk=earlier)


def deltas_of(description: str) -> str:
    """Read the deltas of a description of ours; the daemon's says nothing of the kind."""
    return _said(description).deltas


def _said(description: str) -> _Description:
    try:
        return msgspec.json.decode(description, type=_Description)
    except UNREADABLE:
        return _Description()
