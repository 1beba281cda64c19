"""What EC2 lists, as the core has it."""

import re
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from functools import partial
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from functions.aws.calls import NO_ANSWER, PARALLEL, EC2Clients
from functions.aws.errors import text_of
from shared.model import Disk, Snapshot, State
from shared.planning.labels import DELTAS, Labels
from shared.ports import Listing

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import SnapshotTypeDef

#: DescribeSnapshots gives at most 1,000 a page (Amazon EC2 API Reference, DescribeSnapshots).
PAGE = 1000

#: `recovering` is on its way back from the Recycle Bin, and will be completed: Amazon EC2 API
#: Reference, RestoreSnapshotFromRecycleBin.
_STATES: dict[str, State] = {"completed": "completed", "error": "failed"}
#: In the Recycle Bin: deleted, and in no listing that the documentation knows of.
_DELETED = "recoverable"
#: What has this id was not made from that volume. Amazon EC2 API Reference, Snapshot: copies "have
#: an arbitrary volume ID that you should not use for any purpose".
NO_VOLUME = "vol-ffffffff"
_NO_VOLUME = re.compile(r"vol-f{8}(?:f{9})?")
#: What the console and CopyImage write on copies.
_COPIED = re.compile(r"\[Copied snap-[0-9a-f]+ from |Copied for DestinationAmi ami-")
#: What a region answers that the account has not enabled, whoever asks.
CLOSED = frozenset({"AuthFailure", "OptInRequired"})
_WILD = re.compile(r"[\\*?]")


def list_regions(clients: EC2Clients, labels: Labels, regions: Collection[str]) -> list[Listing]:
    """List our snapshots in each region, several regions at once."""
    with ThreadPoolExecutor(PARALLEL) as pool:
        return list(pool.map(partial(list_region, clients, labels), regions))


def list_region(clients: EC2Clients, labels: Labels, region: str) -> Listing:
    """List a region; where a page cannot be had the listing is incomplete, and says why."""
    found: list[Snapshot] = []
    try:
        for page in pages(clients.of(region), f"tag:{labels.author_key}", [labels.author]):
            found += [snapshot_of(region, item) for item in page if item["State"] != _DELETED]
    except (ClientError, *NO_ANSWER) as error:
        return Listing(region, tuple(found), False, text_of(error), refused=_refused(error))
    return Listing(region, tuple(found))


def _refused(error: Exception) -> bool:
    """Tell whether the region takes no calls of the account at all."""
    return isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") in CLOSED


def pages(
    client: "EC2Client", field: str, values: Sequence[str]
) -> Iterator[Sequence["SnapshotTypeDef"]]:
    """Give the account's own snapshots of which a filter's field has one of some exact values.

    Raises:
        Whatever the client does, and KeyError for an answer that is not EC2's.
    """
    found = client.get_paginator("describe_snapshots").paginate(
        OwnerIds=["self"],
        Filters=[{"Name": field, "Values": [exactly(value) for value in values]}],
        PaginationConfig={"PageSize": PAGE},
    )
    for page in found:
        yield page["Snapshots"]


def exactly(value: str) -> str:
    """Write a filter's value so that it stands for itself.

    Amazon EC2 User Guide, "Filter lists of Amazon EC2 resources": `*` and `?` are wild, a backslash
    escapes them and itself.
    """
    return _WILD.sub(r"\\\g<0>", value)


def snapshot_of(
    region: str, item: "SnapshotTypeDef", labels: dict[str, str] | None = None
) -> Snapshot:
    """Read a snapshot as EC2 describes it; `labels` are its tags where EC2 does not say them."""
    if labels is None:
        labels = {tag["Key"]: tag["Value"] for tag in item.get("Tags", ())}
    copy = is_copy(item)
    return Snapshot(
        id=item["SnapshotId"],
        disk=Disk("aws", region, NO_VOLUME if copy else item["VolumeId"]),
        started=item["StartTime"].astimezone(UTC),
        state=_STATES.get(item["State"], "pending"),
        labels=labels,
        deltas=labels.get(DELTAS, ""),
        size=item.get("VolumeSize", 0),
        full=item.get("FullSnapshotSizeInBytes", 0),
        message=item.get("StateMessage", ""),
        tier=_tier(item),
        copy=copy,
    )


def is_copy(item: "SnapshotTypeDef") -> bool:
    """Tell a copy of another snapshot, whose volume id means nothing.

    EC2 sets TransferType on copies only; those that are older than it have an id of no volume, or
    a description that says so.
    """
    return bool(
        item.get("TransferType")
        or _NO_VOLUME.fullmatch(item["VolumeId"])
        or _COPIED.match(item.get("Description", ""))
    )


def _tier(item: "SnapshotTypeDef") -> str:
    """Tell an archived snapshot; one that is restored for a time can be used meanwhile."""
    archived = item.get("StorageTier") == "archive" and not item.get("RestoreExpiryTime")
    return "archive" if archived else ""
