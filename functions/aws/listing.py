"""What EC2 lists, as the core has it."""

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

_STATES: dict[str, State] = {"completed": "completed", "error": "failed"}


def list_regions(clients: EC2Clients, labels: Labels, regions: Collection[str]) -> list[Listing]:
    """List our snapshots in each region, several regions at once."""
    with ThreadPoolExecutor(PARALLEL) as pool:
        return list(pool.map(partial(list_region, clients, labels), regions))


def list_region(clients: EC2Clients, labels: Labels, region: str) -> Listing:
    """List a region; where a page cannot be had the listing is incomplete, and says why."""
    found: list[Snapshot] = []
    try:
        for page in pages(clients.of(region), f"tag:{labels.author_key}", [labels.author]):
            found += [snapshot_of(region, item) for item in page]
    except (ClientError, *NO_ANSWER) as error:
        return Listing(region, tuple(found), False, text_of(error))
    return Listing(region, tuple(found))


def pages(
    client: "EC2Client", field: str, values: Sequence[str]
) -> Iterator[Sequence["SnapshotTypeDef"]]:
    """Give the account's own snapshots of which a filter's field has one of some values.

    Raises:
        Whatever the client does, and KeyError for an answer that is not EC2's.
    """
    found = client.get_paginator("describe_snapshots").paginate(
        OwnerIds=["self"],
        Filters=[{"Name": field, "Values": list(values)}],
        PaginationConfig={"PageSize": PAGE},
    )
    for page in found:
        yield page["Snapshots"]


def snapshot_of(
    region: str, item: "SnapshotTypeDef", labels: dict[str, str] | None = None
) -> Snapshot:
    """Read a snapshot as EC2 describes it; `labels` are its tags where EC2 does not say them."""
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
