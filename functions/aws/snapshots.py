"""EBS snapshots; implements `ports.Provider` and `ports.Adopter` with boto3."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from botocore.config import Config

from functions.aws.calls import CONNECT, READ, EC2Clients, order, sorted_errors
from functions.aws.listing import list_regions, snapshot_of
from functions.aws.pacing import PATIENCE, Pacer
from functions.aws.volumes import EBSVolumes
from shared.errors import ProviderError, UnknownDisk
from shared.model import Disk, OperationState, Snapshot
from shared.planning.actions import Create
from shared.planning.adopt import Stranger
from shared.planning.labels import AWS, Labels
from shared.ports import Check, Listing, Volumes

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client


#: No tags.
NONE: Mapping[str, str] = {}


class EBS:
    """The snapshots of the account's volumes in all regions.

    `client` makes an EC2 client for a region and a botocore Config; it is called once for each
    region and kind of call. `identity` asks STS who we are. `regions` are where volumes are looked
    for whose region nothing tells, and `known` lists EC2's regions. `extra_tags` are set on every
    snapshot that is made.
    """

    name = "aws"
    encoding = AWS
    volumes: Volumes = EBSVolumes()
    longest_call = PATIENCE + CONNECT + READ

    def __init__(
        self,
        labels: Labels,
        client: Callable[[str, Config], "EC2Client"],
        identity: Callable[[], str],
        sleep: Callable[[float], None] = time.sleep,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        regions: Sequence[str] = (),
        extra_tags: Mapping[str, str] = NONE,
        known: Callable[[], Collection[str]] | None = None,
    ) -> None:
        self._labels, self._identity, self._extra = labels, identity, extra_tags
        self._regions, self._known = regions, known
        self._pacer = Pacer(monotonic, sleep)
        self._clients = EC2Clients(client)

    def locate(
        self, disks: Collection[Disk], doubted: Collection[Disk] = ()
    ) -> Mapping[Disk, Disk | UnknownDisk]:
        """Find the volumes whose region nothing tells, by one call for each region.

        Those that are said to be in a region that EC2 does not have are problems.
        """
        from functions.aws import locating

        found = locating.locate(self._clients, self._regions, disks)
        if self._known is None:
            return found
        return {**found, **locating.misplaced(self._known, self._regions, disks)}

    def list(self, scopes: Collection[str]) -> list[Listing]:
        """List our snapshots in each region, several regions at once."""
        return list_regions(self._clients, self._labels, scopes)

    def create(self, create: Create) -> Snapshot:
        """Begin a snapshot, tags set in the same call.

        CreateSnapshot is not idempotent: only throttling, which has no effect, is tried again.
        """
        return self._pacer.call(create.disk.scope, lambda: self._create(create))

    def _create(self, create: Create) -> Snapshot:
        client = self._clients.of(create.disk.scope, once=True)
        with sorted_errors(creating=True):
            made = client.create_snapshot(**order(create, self._extra))
            return snapshot_of(create.disk.scope, made, create.labels)  # type: ignore[arg-type]

    def operation(self, scope: str, name: str) -> OperationState:
        """Tell that it is done: EC2 names no operations, and lists a snapshot that fails."""
        return OperationState("done")

    def delete(self, snapshot: Snapshot) -> None:
        """Delete a snapshot; one that is gone already is no error."""
        try:
            with sorted_errors():
                client = self._clients.of(snapshot.disk.scope)
                answer = client.delete_snapshot(SnapshotId=snapshot.id)
                answer["ResponseMetadata"]["RequestId"]
        except ProviderError as failure:
            if failure.code != "InvalidSnapshot.NotFound":
                raise

    def strangers(self, disks: Collection[Disk]) -> Iterable[Stranger]:
        """List the snapshots of some volumes that lack our author label."""
        from functions.aws import adopting

        return adopting.strangers(self._clients, self._labels, disks)

    def adopt(self, snapshot: Snapshot, labels: Mapping[str, str]) -> None:
        """Add tags to a snapshot."""
        from functions.aws import adopting

        adopting.adopt(self._clients, snapshot, labels)

    def credentials(self) -> Check:
        """Tell the account and identity; needs no permission."""
        from functions.aws import checks

        return checks.credentials(self._identity)

    def check(
        self, scope: str, create: Create | None, snapshot: Snapshot | None
    ) -> Iterable[Check]:
        """Try each permission with DryRun."""
        from functions.aws import checks

        return checks.check(self._clients, scope, create, snapshot, self._extra)
