"""Where disks are of which the cluster tells the name only."""

from collections import defaultdict
from collections.abc import Collection, Mapping

from functions.gcp.calls import ComputeClients, must_be, sorted_errors
from functions.gcp.listing import PAGE, warned
from shared.errors import NextPass, ProviderError, UnknownDisk
from shared.model import Disk


def locate(clients: ComputeClients, disks: Collection[Disk]) -> Mapping[Disk, Disk | UnknownDisk]:
    """Find the disks whose volumes tell no place, by one list for each of their projects."""
    lost = sorted(disk for disk in disks if disk.name.startswith("disks/"))
    found: dict[Disk, Disk | UnknownDisk] = {}
    for project in sorted({disk.scope for disk in lost}):
        try:
            known, why = places(clients, project), ""
        except ProviderError as error:
            known, why = {}, str(error)
        for disk in lost:
            if disk.scope == project:
                found[disk] = place(disk, known.get(disk.name, ()), why)
    return found


def place(disk: Disk, scopes: Collection[str], why: str) -> Disk | UnknownDisk:
    """Place a disk where the only one of its name is; `why` says what kept from looking."""
    name = disk.name.removeprefix("disks/")
    if len(scopes) == 1:
        return Disk(disk.provider, disk.scope, f"{next(iter(scopes))}/{disk.name}")
    if scopes:
        said = f"the project has several disks of this name: {', '.join(sorted(scopes))}"
        return UnknownDisk("zone", name, said)
    return UnknownDisk("zone", name, why or f"project {disk.scope} has no disk of this name")


def places(clients: ComputeClients, project: str) -> Mapping[str, Collection[str]]:
    """List where the disks of a project are, by name.

    Raises:
        ProviderError: where the list cannot be had, or is incomplete.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for scope, names in scopes(clients, project).items():
        for name in names:
            found[f"disks/{name}"].add(scope)
    return found


def scopes(clients: ComputeClients, project: str) -> Mapping[str, Collection[str]]:
    """List the names of a project's disks by zone and region, such as `zones/europe-west1-b`.

    Zones and regions without any are among them.

    Raises:
        ProviderError: where the list cannot be had, or is incomplete.
    """
    found: dict[str, set[str]] = defaultdict(set)
    missing: list[str] = []
    query = {"project": project, "max_results": PAGE}
    with sorted_errors():
        for page in clients.of("DisksClient").aggregated_list(request=query, **clients.how).pages:
            raw = type(page).pb(page)
            must_be("compute#diskAggregatedList", raw)
            missing += [f"{scope} cannot be reached" for scope in raw.unreachables]
            missing += warned(raw.warning)
            for scope, listed in raw.items.items():
                missing += warned(listed.warning)
                found[scope] |= {disk.name for disk in listed.disks}
    if missing:
        # What is not shown may be the disk, or another of its name.
        raise NextPass(f"the list of disks is incomplete: {'; '.join(missing[:3])}")
    return found
