"""The function's roles on Google are what it takes, and no more."""

from collections.abc import Iterator

import msgspec
import pytest

from functions.gcp.permissions import DELETE, of_project
from shared.errors import DiskFailed, NotAllowed, UnknownDisk
from tests.clock import VirtualClock
from tests.contract.cloud import order
from tests.contract.provider import ProviderContract, list_one
from tests.emulators.gce import GCE, PERMISSIONS
from tests.functions.gcp.cloud import PROJECT, GCECloud
from tests.terraform.plans import need_terraform, plan

need_terraform()

EVERY = {permission for permissions in PERMISSIONS.values() for permission in permissions}


def role(name: str, **variables: str) -> set[str]:
    """Tell the permissions of a custom role."""
    kind = "google_project_iam_custom_role"
    found = [v for a, v in plan("gcp", **variables).items() if a.startswith(f"{kind}.{name}")]
    assert found
    return {permission for values in found for permission in values["permissions"]}


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[GCECloud]:
    """Let Google's client wait in virtual time, and have it refuse what the role does not hold."""
    clock = VirtualClock()
    for module in ("retry_unary", "retry_base"):
        monkeypatch.setattr(f"google.api_core.retry.{module}.time", clock)
    with GCE() as gce:
        gce.denied = EVERY - role("snapshots")
        yield GCECloud(gce, clock)


class TestBehindTheRole(ProviderContract):
    """Persistent disks keep the contract of all providers with just these permissions."""


def everything(cloud: GCECloud) -> Iterator[bool]:
    """Do all that passes do, and tell whether each came to what it should."""
    disk, other = cloud.add_disk(PROJECT), cloud.add_disk(PROJECT)
    asked = order(cloud, disk)
    made = cloud.provider.create(asked)
    yield cloud.provider.operation(PROJECT, made.operation).state == "running"
    # The name is taken: by another disk's snapshot, so that this one is not there.
    try:
        cloud.provider.create(msgspec.structs.replace(asked, disk=other))
    except DiskFailed as error:
        yield "other" in str(error) or "another" in str(error)
    lost = msgspec.structs.replace(disk, name="disks/" + disk.name.rpartition("/")[2])
    yield disk == cloud.provider.locate([lost])[lost]
    cloud.complete()
    listing = list_one(cloud, PROJECT)
    yield listing.complete
    for snapshot in listing.snapshots:
        cloud.provider.delete(snapshot)
    yield not cloud.snapshots()


def test_the_role_is_what_is_used(cloud: GCECloud) -> None:
    """Creating, expiring, finding a disk's zone, and the look at a name that is taken."""
    assert all(everything(cloud))
    assert role("snapshots") == cloud.gce.used_permissions


@pytest.mark.parametrize("permission", sorted(EVERY))
def test_each_permission_is_needed(cloud: GCECloud, permission: str) -> None:
    """Without any one of them something of the above is refused."""
    cloud.gce.denied |= {permission}
    try:
        complete = all(everything(cloud))
    except (NotAllowed, DiskFailed, UnknownDisk):
        complete = False
    assert complete == (permission not in role("snapshots"))


def test_no_disk_can_be_made_of_a_snapshot() -> None:
    """Who takes over the function cannot read what it backs up."""
    assert not {p for p in role("") if "useReadOnly" in p or p.startswith("compute.disks.create.")}


def test_the_bucket_is_the_functions_folder() -> None:
    """Objects by their names, within one folder; listing only tells what is missing."""
    assert {"storage.objects.create", "storage.objects.delete", "storage.objects.get"} == role(
        "bucket"
    )
    assert {"storage.objects.list"} == role("list")
    found = plan("gcp")["google_storage_bucket_iam_member.function"]
    assert '/objects/k8s-snapshots/")' in found["condition"][0]["expression"]


def test_who_publishes_the_mirror_can_do_nothing_else() -> None:
    """One object, written over."""
    found = plan("gcp", rules_from="mirror")
    assert {"storage.objects.create", "storage.objects.delete"} == role(
        "mirror", rules_from="mirror"
    )
    member = found['google_storage_bucket_iam_member.mirror["k8s-snapshots"]']
    expression = member["condition"][0]["expression"]
    assert expression.startswith("resource.name == ")
    assert expression.endswith('/objects/k8s-snapshots/rules.json.gz"')


def test_the_role_is_what_check_asks_for() -> None:
    """`check` tests every permission, and no other."""
    assert role("snapshots") == of_project(tagged=False)
    tag = {"snapshot_tag": "tagKeys/123456789012=tagValues/567890123456"}
    assert role("snapshots", **tag) == of_project(tagged=True)
    assert role("delete", **tag) == {DELETE}
