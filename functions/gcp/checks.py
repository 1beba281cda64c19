"""What `check` tries on Google Cloud: the credentials, and each permission, asked for by name."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from functions.gcp.calls import ComputeClients, must_be, sorted_errors
from functions.gcp.listing import query_of
from shared.errors import ProviderError
from shared.model import Snapshot
from shared.planning.actions import Create
from shared.planning.labels import Labels
from shared.ports import Check


def credentials(identity: Callable[[], str]) -> Check:
    """Tell who we are."""
    try:
        with sorted_errors():
            return Check("Google credentials", True, identity())
    except ProviderError as error:
        return Check("Google credentials", False, str(error), "see docs/google-cloud.md")


def check(
    clients: ComputeClients,
    labels: Labels,
    project: str,
    create: Create | None,
    snapshot: Snapshot | None,
) -> Iterable[Check]:
    """List one, and ask for permissions on a disk and a snapshot: there is no dry run."""
    yield _lists(clients, labels, project)
    if create:
        kind, place, _, name = create.disk.name.split("/")
        client = "DisksClient" if kind == "zones" else "RegionDisksClient"
        where = {kind.removesuffix("s"): place, "resource": name}
        yield _granted(clients, client, project, where, ["compute.disks.createSnapshot"])
    if snapshot:
        wanted = ["compute.snapshots.delete", "compute.snapshots.setLabels"]
        yield _granted(clients, "SnapshotsClient", project, {"resource": snapshot.id}, wanted)


def _lists(clients: ComputeClients, labels: Labels, project: str) -> Check:
    """Tell whether a project's snapshots can be listed."""
    name = f"compute.snapshots.list in {project}"
    query = query_of(labels, project) | {"max_results": 1}
    try:
        with sorted_errors():
            pages = clients.snapshots.list(request=query, **clients.how).pages
            must_be("compute#snapshotList", next(pages))
    except ProviderError as error:
        return Check(name, False, str(error), "see docs/google-cloud.md")
    return Check(name, True)


def _granted(
    clients: ComputeClients,
    client: str,
    project: str,
    where: Mapping[str, str],
    wanted: Sequence[str],
) -> Check:
    """Tell which permissions are missing on one resource."""
    name = f"{', '.join(wanted)} of {where['resource']}"
    asked = {"test_permissions_request_resource": {"permissions": list(wanted)}}
    try:
        with sorted_errors():
            request = {"project": project, **where, **asked}
            answer = clients.of(client).test_iam_permissions(request=request, **clients.how)
    except ProviderError as error:
        return Check(name, False, str(error), "see docs/google-cloud.md")
    missing = sorted(set(wanted) - set(answer.permissions))
    if missing:
        hint = "see docs/google-cloud.md for the role that is needed"
        return Check(name, False, f"missing: {', '.join(missing)}", hint)
    return Check(name, True)
