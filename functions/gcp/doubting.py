"""Whether the projects and zones exist that nothing but a rule names."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, MutableSet, Sequence
from functools import partial
from typing import TypeVar

from google.api_core.exceptions import Forbidden, NotFound

from functions.gcp.calls import ComputeClients, sorted_errors
from functions.gcp.errors import text_of
from functions.gcp.listing import PARALLEL
from functions.gcp.locating import scopes
from shared.bounded import TooSlow, each_within
from shared.errors import ProviderError, UnknownDisk
from shared.model import Disk

T = TypeVar("T")

#: Seconds that asking for projects, and for zones, may take; what is not told by then is believed.
ASKING = 20.0


def where(disk: Disk) -> str:
    """Give the zone or region of a disk, such as `zones/europe-west1-b`."""
    return disk.name.partition("/disks/")[0]


def misplaced(
    clients: ComputeClients,
    believed: Collection[str],
    seen: MutableSet[str],
    disks: Collection[Disk],
) -> Mapping[Disk, UnknownDisk]:
    """Tell the disks whose project does not let us in, or whose zone or region is not there.

    `believed` are projects that are not asked for, and `seen` the zones and regions, to which those
    that are found are added. What Compute Engine does not answer is believed.
    """
    strange = sorted({disk.scope for disk in disks} - set(believed))
    why = {project: said for project, said in _ask(partial(_closed, clients), strange) if said}
    found = {
        disk: UnknownDisk("spec.disk.project", disk.scope, f"cannot be used: {why[disk.scope]}")
        for disk in disks
        if disk.scope in why
    }
    places: dict[str, set[Disk]] = defaultdict(set)
    for disk in disks:
        if disk.scope not in why and where(disk) not in seen and "/disks/" in disk.name:
            places[disk.scope].add(disk)
    for project, known in _ask(partial(scopes, clients), sorted(places)):
        seen |= {*known}
        for disk in places[project] if known else ():
            if where(disk) not in known:
                kind, name = where(disk).split("/")
                field = f"spec.disk.{kind.removesuffix('s')}"
                found[disk] = UnknownDisk(field, name, f"project {project} has no such place")
    return found


def _closed(clients: ComputeClients, project: str) -> str:
    """Say why a project does not let us list snapshots, if that is so; a pass has to list them."""
    query = {"project": project, "max_results": 1}
    try:
        with sorted_errors():
            try:
                next(iter(clients.snapshots.list(request=query, **clients.how).pages), None)
            except (Forbidden, NotFound) as error:
                return text_of(error)
    except ProviderError:
        return ""
    return ""


def _ask(call: Callable[[str], T], projects: Sequence[str]) -> Iterator[tuple[str, T]]:
    """Ask for each project, several at once; give those that were answered in time."""
    for project, ended in each_within(ASKING, call, projects, PARALLEL):
        try:
            yield project, ended.result()
        except (ProviderError, TooSlow):
            continue
