"""EBS snapshots; implements `ports.Provider` with boto3."""

import logging
import random
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, SSLError
from botocore.exceptions import ConnectionError as NotConnected
from botocore.parsers import ResponseParserError

from functions.aws.errors import NOT_EC2, THROTTLED, classify, text_of
from functions.aws.volumes import EBSVolumes
from shared.errors import NextPass, NotAllowed, ProviderError, Unanswered, UnknownDisk
from shared.model import Disk, Snapshot, State
from shared.planning.actions import Create
from shared.planning.adopt import Stranger, scopes
from shared.planning.labels import AWS, DELTAS, Labels
from shared.ports import Check, Listing, Volumes

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import SnapshotTypeDef

log = logging.getLogger(__name__)

#: DescribeSnapshots gives at most 1,000 a page (Amazon EC2 API Reference, DescribeSnapshots).
PAGE = 1000
#: Regions listed at once.
PARALLEL = 8
#: Tries of a throttled CreateSnapshot, and the longest wait in seconds between two.
TRIES, BACKOFF = 4, 4.0

_CONNECT, _READ = 3, 15

#: Raised where EC2 itself did not answer. A proxy's page with status 200 parses to an answer
#: without its fields, a KeyError; with others the parser gives up.
_NO_ANSWER = (BotoCoreError, ResponseParserError, KeyError)

#: Values that a filter takes at most (Amazon EC2 API Reference, "Filtering").
FILTERED = 200
#: What the tags begin with that services of AWS, the CSI driver and Velero put on snapshots.
_MANAGERS = {
    "aws:backup:": "AWS Backup",
    "aws:dlm:": "Data Lifecycle Manager",
    "dlm:managed": "Data Lifecycle Manager",
    "CSIVolumeSnapshotName": "a VolumeSnapshot",
    "ebs.csi.aws.com/": "a VolumeSnapshot",
    "velero.io/": "Velero",
}

_STATES: dict[str, State] = {"completed": "completed", "error": "failed"}


class EBS:
    """The snapshots of the account's volumes in all regions.

    `client` makes an EC2 client for a region and a botocore Config; it is called once for each
    region and kind of call. `identity` asks STS who we are.
    """

    name = "aws"
    encoding = AWS
    volumes: Volumes = EBSVolumes()
    longest_call = float(TRIES * (_CONNECT + _READ + BACKOFF))

    def __init__(
        self,
        labels: Labels,
        client: Callable[[str, Config], "EC2Client"],
        identity: Callable[[], str],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._labels, self._identity = labels, identity
        self._make, self._sleep = client, sleep
        self._clients: dict[tuple[str, bool], EC2Client] = {}
        self._lock = threading.Lock()

    def locate(self, disks: Collection[Disk]) -> Mapping[Disk, Disk | UnknownDisk]:
        """Find nothing: an EBS volume's region is always told, or a problem."""
        return {}

    def list(self, scopes: Collection[str]) -> list[Listing]:
        """List our snapshots in each region, several regions at once."""
        with ThreadPoolExecutor(PARALLEL) as pool:
            return list(pool.map(self._list_region, scopes))

    def create(self, create: Create) -> Snapshot:
        """Begin a snapshot, tags set in the same call.

        CreateSnapshot is not idempotent: only throttling, which has no effect, is tried again.
        """
        client = self._client(create.disk.scope, once=True)
        for attempt in range(1, TRIES + 1):
            try:
                made = client.create_snapshot(**_order(create))
                return _snapshot(create.disk.scope, made, create.labels)  # type: ignore[arg-type]
            except ClientError as error:
                failure = classify(error, creating=True)
                if failure.code not in THROTTLED or attempt == TRIES:
                    raise failure from None
            except _NO_ANSWER as error:
                raise _transport(error) from None
            self._sleep(BACKOFF * random.uniform(0.2, 1) * attempt / TRIES)  # noqa: S311
        raise AssertionError("unreachable")

    def delete(self, snapshot: Snapshot) -> None:
        """Delete a snapshot; one that is gone already is no error."""
        try:
            answer = self._client(snapshot.disk.scope).delete_snapshot(SnapshotId=snapshot.id)
            answer["ResponseMetadata"]["RequestId"]
        except ClientError as error:
            failure = classify(error)
            if failure.code != "InvalidSnapshot.NotFound":
                raise failure from None
        except _NO_ANSWER as error:
            raise _transport(error) from None

    def strangers(self, disks: Collection[Disk]) -> Iterable[Stranger]:
        """List the snapshots of some volumes that lack our author label."""
        for region, found in scopes(disks).items():
            for start in range(0, len(found), FILTERED):
                names = [disk.name for disk in found[start : start + FILTERED]]
                yield from self._strangers(region, names)

    def adopt(self, snapshot: Snapshot, labels: Mapping[str, str]) -> None:
        """Add tags to a snapshot."""
        tags: Any = [{"Key": key, "Value": value} for key, value in labels.items()]
        client: Any = self._client(snapshot.disk.scope)
        try:
            answer = client.create_tags(Resources=[snapshot.id], Tags=tags)
            answer["ResponseMetadata"]["RequestId"]
        except ClientError as error:
            raise classify(error) from None
        except _NO_ANSWER as error:
            raise _transport(error) from None

    def credentials(self) -> Check:
        """Tell the account and identity; needs no permission."""
        try:
            caller = self._identity()
        except (ClientError, *_NO_ANSWER) as error:
            return Check("AWS credentials", False, text_of(error), "see docs/aws.md")
        return Check("AWS credentials", True, caller)

    def check(
        self, scope: str, create: Create | None, snapshot: Snapshot | None
    ) -> Iterable[Check]:
        """Try each permission with DryRun."""
        client = self._client(scope, once=True)
        yield _dry(f"ec2:DescribeSnapshots in {scope}", lambda: client.describe_snapshots(
            OwnerIds=["self"], DryRun=True))  # fmt: skip
        if create:
            yield _dry(
                f"ec2:CreateSnapshot and ec2:CreateTags of {create.disk.name}",
                lambda: client.create_snapshot(**_order(create), DryRun=True),
            )
        if snapshot:
            yield _dry(
                f"ec2:DeleteSnapshot of {snapshot.id}",
                lambda: client.delete_snapshot(SnapshotId=snapshot.id, DryRun=True),
            )

    def _strangers(self, region: str, volumes: Sequence[str]) -> Iterable[Stranger]:
        try:
            pages = self._client(region).get_paginator("describe_snapshots").paginate(
                OwnerIds=["self"],
                Filters=[{"Name": "volume-id", "Values": list(volumes)}],
                PaginationConfig={"PageSize": PAGE},
            )  # fmt: skip
            items = [item for page in pages for item in page["Snapshots"]]
        except ClientError as error:
            raise classify(error) from None
        except _NO_ANSWER as error:
            raise _transport(error) from None
        for item in items:
            snapshot, text = _snapshot(region, item), item.get("Description", "")
            if not self._labels.ours(snapshot):
                yield Stranger(snapshot, text, _manager(snapshot.labels, text))

    def _list_region(self, region: str) -> Listing:
        found: list[Snapshot] = []
        try:
            pages = self._client(region).get_paginator("describe_snapshots").paginate(
                OwnerIds=["self"],
                Filters=[
                    {"Name": f"tag:{self._labels.author_key}", "Values": [self._labels.author]}
                ],
                PaginationConfig={"PageSize": PAGE},
            )  # fmt: skip
            for page in pages:
                found += [_snapshot(region, item) for item in page["Snapshots"]]
        except (ClientError, *_NO_ANSWER) as error:
            return Listing(region, tuple(found), False, text_of(error))
        return Listing(region, tuple(found))

    def _client(self, region: str, once: bool = False) -> "EC2Client":
        with self._lock:
            key = region, once
            if key not in self._clients:
                retries: Any = (
                    {"total_max_attempts": 1} if once
                    else {"mode": "adaptive", "total_max_attempts": 3}
                )  # fmt: skip
                config = Config(
                    connect_timeout=_CONNECT,
                    read_timeout=_READ,
                    retries=retries,
                    max_pool_connections=2 * PARALLEL,
                )
                self._clients[key] = self._make(region, config)
            return self._clients[key]


def _order(create: Create) -> dict[str, Any]:
    tags = [{"Key": key, "Value": value} for key, value in create.labels.items()]
    return {
        "VolumeId": create.disk.name,
        "Description": create.description,
        "TagSpecifications": [{"ResourceType": "snapshot", "Tags": tags}],
    }


def _snapshot(
    region: str, item: "SnapshotTypeDef", labels: dict[str, str] | None = None
) -> Snapshot:
    if labels is None:
        labels = {tag["Key"]: tag["Value"] for tag in item.get("Tags", ())}
    return Snapshot(
        id=item["SnapshotId"],
        disk=Disk("aws", region, item["VolumeId"]),
        started=item["StartTime"].astimezone(UTC),
        state=_STATES.get(item["State"], "pending"),
        labels=labels,
        deltas=labels.get(DELTAS, ""),
        size=item.get("VolumeSize", 0),
    )


def _manager(tags: Mapping[str, str], description: str) -> str:
    """Tell which service made a snapshot and deletes it, by what it writes on it.

    AWS Backup, "Backup creation by resource type"; Amazon EBS User Guide, "How Amazon Data
    Lifecycle Manager works"; Amazon EC2 User Guide, "Create an Amazon EBS-backed AMI".
    """
    for prefix, name in _MANAGERS.items():
        if any(key.startswith(prefix) for key in tags):
            return name
    if any(key.startswith("aws:") for key in tags):
        return "a service of AWS"
    return "an AMI" if description.startswith("Created by CreateImage(") else ""


def _transport(error: Exception) -> ProviderError:
    """Tell calls that never left from those that may have taken effect."""
    # TLS may break on either side of the call.
    if isinstance(error, (HTTPClientError, SSLError, ResponseParserError, KeyError)):
        return Unanswered(
            f"no answer, so that it is not known whether the call took effect: {text_of(error)}",
            type(error).__name__,
        )
    if isinstance(error, NotConnected):
        return NextPass(f"EC2 cannot be reached: {text_of(error)}", type(error).__name__)
    return NotAllowed(text_of(error), type(error).__name__)  # no credentials, for one


def _dry(name: str, call: Callable[[], Any]) -> Check:
    """Run a dry call; one that would have succeeded answers DryRunOperation."""
    try:
        call()
    except ClientError as error:
        if error.response["Error"]["Code"] == "DryRunOperation":
            return Check(name, True)
        return Check(name, False, text_of(error), "see docs/aws.md for the policy that is needed")
    except (BotoCoreError, ResponseParserError) as error:
        return Check(name, False, text_of(error), "check region, network and credentials")
    # EC2 answers a dry call with an error, always.
    return Check(name, False, NOT_EC2, "check network and AWS_ENDPOINT_URL")
