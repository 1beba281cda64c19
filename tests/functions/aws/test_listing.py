"""Listing on AWS: pages, regions, and answers that are not all."""

import threading

import pytest

from functions.aws.listing import PAGE
from tests.contract.cloud import seed
from tests.contract.passes import HOUR
from tests.contract.provider import list_one, listed
from tests.emulators.ec2 import ALWAYS
from tests.functions.aws.cloud import ELSEWHERE, PAGES, REGION, EC2Cloud


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
