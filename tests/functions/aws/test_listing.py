"""Listing on AWS: pages, regions, and answers that are not all."""

import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.aws.listing import NO_VOLUME, PAGE, exactly, snapshot_of
from functions.aws.snapshots import EBS
from shared.model import Disk, Snapshot
from shared.planning.labels import AWS, CLUSTER, Labels
from tests.contract.cloud import seed
from tests.contract.passes import HOUR
from tests.contract.provider import list_one, listed
from tests.emulators.ec2 import ALWAYS
from tests.emulators.ec2_filters import fits
from tests.functions.aws.cloud import ELSEWHERE, PAGES, REGION, EC2Cloud

OURS = {"created-by": "k8s-snapshots", CLUSTER: "demo"}


def test_says_what_a_snapshot_takes_alone() -> None:
    """Where EC2 does; what it takes beside others EC2 never says."""
    item: Any = {
        "SnapshotId": "snap-1", "VolumeId": "vol-1", "State": "completed", "VolumeSize": 100,
        "StartTime": datetime(2026, 6, 15, tzinfo=UTC),
    }  # fmt: skip
    found = snapshot_of(REGION, item)
    assert (100, 0, 0) == (found.size, found.full, found.stored)
    assert 7 == snapshot_of(REGION, item | {"FullSnapshotSizeInBytes": 7}).full


class TestListing:
    def test_asks_for_pages_of_a_thousand(self, cloud: EC2Cloud) -> None:
        """1,001 snapshots are two calls, and each is listed once (trap: never paginated)."""
        cloud.ec2.page_size = None
        gone = cloud.missing_disk(REGION)
        made = {seed(cloud, gone, n * HOUR) for n in range(1, PAGE + 2)}
        assert {snapshot.id for snapshot in listed(cloud, REGION)} == made
        sizes = [call.params["MaxResults"] for call in cloud.ec2.calls]
        assert sizes == ["1000", "1000"]

    def test_asks_for_our_own_accounts_snapshots(self, cloud: EC2Cloud) -> None:
        """A stranger's shared snapshot is not ours, though it bears our author label."""
        labels = {"created-by": "k8s-snapshots"}
        started = cloud.clock.now() - HOUR
        cloud.ec2.add_snapshot(REGION, "vol-1", started=started, owner="2" * 12, tags=labels)
        assert listed(cloud, REGION) == []

    def test_lists_regions_at_once(self, cloud: EC2Cloud) -> None:
        """No region waits for another: each request is held until all three are under way."""
        together = threading.Barrier(3, timeout=30)

        def wait() -> None:
            together.wait()

        cloud.before_send = wait
        assert all(listing.complete for listing in cloud.provider.list(cloud.scopes))

    @pytest.mark.parametrize("page", PAGES)
    def test_a_proxys_page_is_no_listing(self, cloud: EC2Cloud, page: str) -> None:
        """HTML with any status makes a listing incomplete (trap: an empty region, all due)."""
        cloud.ec2.fault("DescribeSnapshots", times=ALWAYS, **PAGES[page])
        listing = list_one(cloud, REGION)
        assert not listing.complete
        assert "proxy" in listing.error or "502" in listing.error

    def test_a_page_in_the_middle_of_a_listing_makes_it_incomplete(self, cloud: EC2Cloud) -> None:
        """What was listed before the proxy's page is kept, and known not to be all."""
        gone = cloud.missing_disk(REGION)
        for n in range(1, 8):
            seed(cloud, gone, n * HOUR)
        details = PAGES["page with status 200"]
        cloud.ec2.fault("DescribeSnapshots", when=lambda p: "NextToken" in p, **details)
        listing = list_one(cloud, REGION)
        assert (len(listing.snapshots), listing.complete) == (5, False)

    def test_a_disabled_region_is_incomplete(self, cloud: EC2Cloud) -> None:
        """A region that the account has not enabled refuses the credentials, others go on."""
        cloud.ec2.fault("DescribeSnapshots", "AuthFailure", region=ELSEWHERE, times=ALWAYS)
        bad, good = cloud.provider.list([ELSEWHERE, REGION])
        assert (bad.complete, good.complete) == (False, True)
        assert bad.error.startswith("AuthFailure: ")


def add(cloud: EC2Cloud, disk: Disk, **more: Any) -> Snapshot:
    """Add a snapshot of ours, and list it."""
    details: Any = {"started": cloud.clock.now() - HOUR, "tags": OURS} | more
    made = cloud.ec2.add_snapshot(disk.scope, disk.name, **details)
    (found,) = (s for s in listed(cloud, disk.scope) if s.id == made)
    return found


class TestWhatEC2Says:
    @pytest.mark.parametrize(
        ("volume", "details"),
        [
            ("", {"transfer_type": "standard"}),
            ("", {"transfer_type": "time-based"}),
            ("vol-ffffffff", {}),
            ("vol-fffffffffffffffff", {}),
            ("", {"description": "[Copied snap-0a1b2c3d4e5f60718 from us-west-2] before"}),
            ("", {"description": "Copied for DestinationAmi ami-1 from SourceAmi ami-2 for "
                  "SourceSnapshot snap-3."}),
        ],
    )  # fmt: skip
    def test_a_copy_is_told_by_whatever_tells_it(
        self, cloud: EC2Cloud, disk: Disk, volume: str, details: dict[str, str]
    ) -> None:
        """And is of no volume, whichever id it has: "you should not use it for any purpose"."""
        found = add(cloud, Disk("aws", REGION, volume or disk.name), **details)
        assert (found.copy, found.disk) == (True, Disk("aws", REGION, NO_VOLUME))

    @pytest.mark.parametrize(
        "description",
        ["shop-pvc-data-150626-120000", "copied-pvc-data-150626-120000", "Copied by hand", ""],
    )
    def test_an_original_is_none(self, cloud: EC2Cloud, disk: Disk, description: str) -> None:
        found = add(cloud, disk, description=description)
        assert (found.copy, found.disk) == (False, disk)

    def test_a_copy_of_ec2s_own_making_is_one(self, cloud: EC2Cloud, disk: Disk) -> None:
        """As CopySnapshot answers and lists it, with the tags that were given."""
        source = add(cloud, disk)
        tags: Any = [{"Key": key, "Value": value} for key, value in OURS.items()]
        cloud.ec2.client(ELSEWHERE).copy_snapshot(
            SourceRegion=REGION, SourceSnapshotId=source.id,
            TagSpecifications=[{"ResourceType": "snapshot", "Tags": tags}],
        )  # fmt: skip
        (found,) = listed(cloud, ELSEWHERE)
        assert (found.copy, found.labels) == (True, OURS)

    def test_why_one_failed(self, cloud: EC2Cloud, disk: Disk) -> None:
        said = "Given key ID is not accessible"
        found = add(cloud, disk, state="error", message=said)
        assert (found.state, found.message) == ("failed", said)

    def test_which_tier_one_is_in(self, cloud: EC2Cloud, disk: Disk) -> None:
        """Archived is not at hand, unless it is restored for a time; either way it is completed."""
        made = add(cloud, disk)
        client = cloud.ec2.client(REGION)
        tiers = [made.tier]
        client.modify_snapshot_tier(SnapshotId=made.id, StorageTier="archive")
        for days in (3, 0):
            (found,) = listed(cloud, REGION)
            tiers.append(found.tier)
            assert found.state == "completed"
            if days:
                client.restore_snapshot_tier(SnapshotId=made.id, TemporaryRestoreDays=days)
        assert tiers == ["", "archive", ""]

    def test_states_of_the_recycle_bin(self, cloud: EC2Cloud, disk: Disk) -> None:
        """What is on its way out is neither backup nor failed; what is inside is deleted."""
        assert add(cloud, disk, state="recovering").state == "pending"
        inside = cloud.ec2.add_snapshot(REGION, disk.name, started=cloud.clock.now(), tags=OURS,
                                        state="recoverable")  # fmt: skip
        assert inside not in {s.id for s in listed(cloud, REGION)}


@pytest.mark.parametrize("author", ["k8s-*", "k8s-snapshot?", r"back\slash", "*", "plain"])
def test_an_author_label_is_no_pattern(cloud: EC2Cloud, disk: Disk, author: str) -> None:
    """EC2 takes filters' values for patterns; ours is asked for as it stands."""
    assert fits(author, exactly(author))
    assert not fits(author.replace("*", "x").replace("?", "x") + "x", exactly(author))
    provider = EBS(Labels(AWS, author=author), cloud.client, lambda: "")
    mine = cloud.ec2.add_snapshot(REGION, disk.name, started=cloud.clock.now(),
                                  tags={"created-by": author})  # fmt: skip
    for other in ("k8s-snapshots", "plain-other", "backslash"):
        cloud.ec2.add_snapshot(REGION, disk.name, started=cloud.clock.now(),
                               tags={"created-by": other})  # fmt: skip
    (listing,) = provider.list([REGION])
    assert [mine] == [s.id for s in listing.snapshots]
