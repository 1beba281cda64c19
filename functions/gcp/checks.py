"""What `check` tries on Google Cloud: the credentials, and each permission, asked for by name."""

from collections.abc import Callable, Collection, Iterable, Mapping

from functions.gcp.calls import ComputeClients, must_be, sorted_errors
from functions.gcp.listing import query_of
from functions.gcp.permissions import DELETE, of_project
from functions.gcp.resource_manager import ResourceManager
from functions.gcp.tags import Tag
from shared.errors import ProviderError
from shared.model import Snapshot
from shared.planning.actions import Create
from shared.planning.labels import Labels
from shared.ports import Check

#: Tried by a list of its own.
LIST = "compute.snapshots.list"
HINT = "see docs/google-cloud.md for the role that is needed"


def credentials(identity: Callable[[], str]) -> Check:
    """Tell who we are."""
    try:
        with sorted_errors():
            return Check("Google credentials", True, identity())
    except ProviderError as error:
        return Check("Google credentials", False, str(error), "see docs/google-cloud.md")


def check(
    clients: ComputeClients,
    manager: ResourceManager,
    labels: Labels,
    tag: Tag | None,
    project: str,
    create: Create | None,
    snapshot: Snapshot | None,
) -> Iterable[Check]:
    """List one, and ask for all permissions: there is no dry run.

    They are asked for on the project, and on a disk and a snapshot where a policy of its own may
    deny some, and where deletion is granted under a condition.
    """
    yield _lists(clients, labels, project)
    found, missing = _of_project(manager, project, of_project(tagged=tag is not None) - {LIST})
    yield found
    if create and (wanted := {"compute.disks.createSnapshot"} - missing):
        kind, place, _, name = create.disk.name.split("/")
        client = "DisksClient" if kind == "zones" else "RegionDisksClient"
        where = {kind.removesuffix("s"): place, "resource": name}
        yield _granted(clients, client, project, where, wanted)
    if snapshot and (wanted := {DELETE, "compute.snapshots.setLabels"} - missing):
        found = _granted(clients, "SnapshotsClient", project, {"resource": snapshot.id}, wanted)
        yield found._replace(hint=_untagged(tag)) if tag and not found.ok else found


def _lists(clients: ComputeClients, labels: Labels, project: str) -> Check:
    """Tell whether a project's snapshots can be listed."""
    name = f"{LIST} in {project}"
    query = query_of(labels, project) | {"max_results": 1}
    try:
        with sorted_errors():
            pages = clients.snapshots.list(request=query, **clients.how).pages
            must_be("compute#snapshotList", next(pages))
    except ProviderError as error:
        return Check(name, False, str(error), "see docs/google-cloud.md")
    return Check(name, True)


def _of_project(
    manager: ResourceManager, project: str, wanted: Collection[str]
) -> tuple[Check, set[str]]:
    """Tell which permissions are missing on a project."""
    name = f"permissions in {project}"
    try:
        missing = set(wanted) - manager.held(project, sorted(wanted))
    except ProviderError as error:
        if error.code == "SERVICE_DISABLED":  # passes do without it
            said = "not tried: enable cloudresourcemanager.googleapis.com, which knows them"
            return Check(name, True, said), set()
        return Check(name, False, str(error), HINT), set()
    if missing:
        return Check(name, False, f"missing: {', '.join(sorted(missing))}", HINT), missing
    return Check(name, True, ", ".join(sorted(wanted))), set()


def _granted(
    clients: ComputeClients,
    client: str,
    project: str,
    where: Mapping[str, str],
    wanted: Collection[str],
) -> Check:
    """Tell which permissions are missing on one resource."""
    name = f"{', '.join(sorted(wanted))} of {where['resource']}"
    asked = {"test_permissions_request_resource": {"permissions": sorted(wanted)}}
    try:
        with sorted_errors():
            request = {"project": project, **where, **asked}
            answer = clients.of(client).test_iam_permissions(request=request, **clients.how)
    except ProviderError as error:
        return Check(name, False, str(error), "see docs/google-cloud.md")
    missing = sorted(set(wanted) - set(answer.permissions))
    if missing:
        return Check(name, False, f"missing: {', '.join(missing)}", HINT)
    return Check(name, True)


def _untagged(tag: Tag) -> str:
    return (
        f"deletion is granted for snapshots with the tag {tag}; adopt --apply binds it to those "
        f"that lack it. Otherwise {HINT}"
    )
