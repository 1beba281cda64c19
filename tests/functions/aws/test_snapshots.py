"""EBS snapshots: the provider contract, and what only AWS has."""

import gc
import os
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pytest
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
)

from functions.aws.snapshots import EBS, PAGE
from functions.aws.wiring import build
from shared.errors import (
    NextPass,
    NotAllowed,
    PassError,
    ProviderError,
    Refused,
    Unanswered,
)
from shared.model import Disk, Snapshot
from shared.passes.run import run
from shared.planning.labels import AWS, Labels
from shared.ports import Listing
from shared.request import Request
from tests.clock import VirtualClock
from tests.contract.adopt import AdoptContract
from tests.contract.cloud import MemoryRules, existing, order, rule, seed
from tests.contract.passes import DAY, HOUR, PERIOD, counts, one_pass
from tests.contract.provider import ProviderContract, list_one, listed
from tests.emulators.ec2 import ALWAYS, EC2
from tests.functions.aws.cloud import REGION, EC2Cloud

ELSEWHERE = EC2Cloud.scopes[1]
BACKUP = "This snapshot is managed by the AWS Backup service and cannot be deleted via EC2 APIs."
PAGES: dict[str, dict[str, Any]] = {
    "page with status 200": {"html": True, "status": 200},
    "page with status 502": {"html": True, "status": 502},
    "page that is no XML": {"html": "<!doctype html><title>Oops", "status": 200},
    "unreadable 502": {"html": "<!doctype html><title>Oops", "status": 502},
}


@pytest.fixture(scope="module", autouse=True)
def frozen() -> Iterator[None]:
    """Spare the garbage collector moto and EC2's model, which would be a third of all the time."""
    with EC2() as ec2:
        ec2.client().describe_snapshots()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[EC2Cloud]:
    """Let botocore wait in virtual time, and spare it nothing on account of earlier tests."""
    clock = VirtualClock()
    monkeypatch.setattr("botocore.endpoint.time", clock)
    for limit in ("bucket.TokenBucket", "quota.RetryQuota"):
        monkeypatch.setattr(f"botocore.retries.{limit}.acquire", lambda *_, **__: True)
    with EC2() as ec2:
        yield EC2Cloud(ec2, clock)


@pytest.fixture
def disk(cloud: EC2Cloud) -> Disk:
    return cloud.add_disk(REGION)


@pytest.fixture
def snapshot(cloud: EC2Cloud, disk: Disk) -> Snapshot:
    seed(cloud, disk, HOUR)
    return cloud.snapshots()[0]


class TestEBS(ProviderContract):
    """EBS keeps the contract of all providers."""


class TestAdopting(AdoptContract):
    """And that of all adopters; AWS has services that make snapshots and delete them."""

    @pytest.mark.parametrize(
        ("tags", "description", "manager"),
        [
            ({"aws:backup:source-resource": "arn"}, BACKUP, "AWS Backup"),
            ({"aws:dlm:lifecycle-policy-id": "policy-1"}, "", "Data Lifecycle Manager"),
            ({"dlm:managed": "true"}, "", "Data Lifecycle Manager"),
            ({"aws:cloudformation:stack-id": "x"}, "", "a service of AWS"),
            ({"CSIVolumeSnapshotName": "snapshot-1"}, "", "a VolumeSnapshot"),
            ({"velero.io/backup": "nightly"}, "", "Velero"),
            ({}, "Created by CreateImage(i-1) for ami-1", "an AMI"),
            ({"Name": "before the upgrade"}, "by hand", ""),
        ],
    )
    def test_names_who_manages_a_snapshot(
        self, cloud: EC2Cloud, disk: Disk, tags: dict[str, str], description: str, manager: str
    ) -> None:
        """By the tags that they write on it (AWS Backup and DLM would delete it)."""
        cloud.seed(disk, cloud.clock.now() - HOUR, tags, description)
        (found,) = cloud.provider.strangers([disk])
        assert (manager, description) == (found.manager, found.description)

    def test_asks_for_two_hundred_volumes_at_a_time(self, cloud: EC2Cloud) -> None:
        """A filter takes no more values."""
        disks = [Disk("aws", REGION, f"vol-{n:017x}") for n in range(401)]
        assert [] == list(cloud.provider.strangers(disks))
        assert len(cloud.ec2.calls) == 3


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


class TestCreating:
    def test_sets_the_labels_as_tags_exactly(self, cloud: EC2Cloud, disk: Disk) -> None:
        """Names of 253 characters and deltas are tags as they are, and `Name` is for people."""
        claim = "claim." * 42 + "x"
        long = msgspec.structs.replace(rule(disk), claim=claim, volume=claim[::-1])
        labels = cloud.labels.for_snapshot("shop-pvc-data-150626-120000", [long])
        asked = msgspec.structs.replace(order(cloud, disk), labels=labels)
        cloud.provider.create(asked)
        (record,) = cloud.ec2.snapshots(REGION)
        assert record.tags == {
            "created-by": "k8s-snapshots",
            "k8s-snapshots-cluster": "demo",
            "k8s-snapshots-namespace": "shop",
            "k8s-snapshots-claim": claim,
            "k8s-snapshots-volume": claim[::-1],
            "k8s-snapshots-rule": "shop-pvc-Data.0",
            "k8s-snapshots-deltas": "PT1H P1D P30D",
            "Name": "shop-pvc-data-150626-120000",
        }
        assert record.description == asked.description

    def test_leaves_a_volume_that_had_one_just_now(self, cloud: EC2Cloud, disk: Disk) -> None:
        """EC2 wants 15 seconds between two of a volume: not waited for, the next pass's (trap)."""
        cloud.provider.create(order(cloud, disk))
        with pytest.raises(NextPass) as caught:
            cloud.provider.create(order(cloud, disk))
        assert caught.value.code == "SnapshotCreationPerVolumeRateExceeded"
        assert cloud.calls() == {"create": 2}

    @pytest.mark.parametrize(("kind", "pending"), [("gp3", 5), ("st1", 1), ("sc1", 1)])
    def test_leaves_a_volume_with_too_many_pending(
        self, cloud: EC2Cloud, kind: str, pending: int
    ) -> None:
        """The limit of pending snapshots of one volume is left to the next pass (trap)."""
        disk = cloud.add_disk(REGION, volume_type=kind, size=500)
        for n in range(1, pending + 1):
            seed(cloud, disk, n * HOUR, "pending")
        with pytest.raises(NextPass) as caught:
            cloud.provider.create(order(cloud, disk))
        assert caught.value.code == "ConcurrentSnapshotLimitExceeded"
        cloud.complete()
        cloud.provider.create(order(cloud, disk))

    @pytest.mark.parametrize("page", PAGES)
    def test_a_proxys_page_is_no_answer(self, cloud: EC2Cloud, disk: Disk, page: str) -> None:
        """Whether EC2 ever saw the call is not known, so that it is not repeated (trap)."""
        cloud.ec2.fault("CreateSnapshot", times=ALWAYS, **PAGES[page])
        with pytest.raises(Unanswered):
            cloud.provider.create(order(cloud, disk))
        assert cloud.calls() == {"create": 1}

    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            (EndpointConnectionError(endpoint_url="x"), NextPass),
            (ConnectTimeoutError(endpoint_url="x"), NextPass),
            (ProxyConnectionError(proxy_url="x"), NextPass),
            (SSLError(endpoint_url="x", error=OSError("EOF")), Unanswered),
            (ReadTimeoutError(endpoint_url="x"), Unanswered),
            (ConnectionClosedError(endpoint_url="x"), Unanswered),
            (HTTPClientError(error=OSError("reset")), Unanswered),
            (NoCredentialsError(), NotAllowed),
        ],
        ids=lambda value: value.__name__ if isinstance(value, type) else type(value).__name__,
    )
    def test_tells_calls_that_never_left(
        self, cloud: EC2Cloud, disk: Disk, error: Exception, kind: type[ProviderError]
    ) -> None:
        """Only where no connection was made is it certain that there is no snapshot."""
        sent = []

        def fail() -> None:
            sent.append(error)
            raise error

        cloud.before_send = fail
        with pytest.raises(kind) as caught:
            cloud.provider.create(order(cloud, disk))
        assert type(caught.value) is kind
        assert len(sent) == 1

    def test_the_environment_cannot_make_it_retry(
        self, cloud: EC2Cloud, disk: Disk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """AWS_MAX_ATTEMPTS and AWS_RETRY_MODE are for others: creating is never tried twice."""
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "9")
        monkeypatch.setenv("AWS_RETRY_MODE", "standard")
        cloud.trouble("create", "down")
        with pytest.raises(Unanswered):
            cloud.provider.create(order(cloud, disk))
        assert cloud.calls() == {"create": 1}


class TestRetries:
    def test_reads_and_deletes_adapt_to_throttling(
        self, cloud: EC2Cloud, snapshot: Snapshot
    ) -> None:
        """Botocore's adaptive mode tries them three times, and slows down the whole client."""
        for action in ("DescribeSnapshots", "DeleteSnapshot"):
            cloud.ec2.fault(action, "RequestLimitExceeded", times=2)
        assert [found.id for found in listed(cloud, REGION)] == [snapshot.id]
        cloud.provider.delete(snapshot)
        assert cloud.calls() == {"list": 3, "delete": 3}
        (config,) = map(vars, cloud.configs)
        assert config["retries"]["mode"] == "adaptive"

    def test_one_client_serves_a_region(self, cloud: EC2Cloud, disk: Disk) -> None:
        """Clients are dear: one for reads and deletes, one for creations, whatever the threads."""
        for _ in range(2):
            cloud.provider.list(cloud.scopes)
        cloud.provider.create(order(cloud, disk))
        assert len(cloud.configs) == 4

    @pytest.mark.parametrize("action", ["create", "delete"])
    def test_the_longest_call_is_no_longer_than_it_says(
        self, cloud: EC2Cloud, snapshot: Snapshot, action: str
    ) -> None:
        """Every try as late as its time-outs allow, and all waits between: what P6 rests on."""
        cloud.ec2.fault("*", "RequestLimitExceeded", times=ALWAYS)
        asked, provider = order(cloud, snapshot.disk), cloud.provider
        with pytest.raises(NextPass):
            provider.create(asked) if action == "create" else provider.delete(snapshot)
        (config,) = map(vars, cloud.configs)
        answers = len(cloud.ec2.calls) * (config["connect_timeout"] + config["read_timeout"])
        assert answers + cloud.clock.monotonic() <= cloud.provider.longest_call


class TestDeleting:
    @pytest.mark.parametrize("page", PAGES)
    def test_a_proxys_page_is_no_success(
        self, cloud: EC2Cloud, snapshot: Snapshot, page: str
    ) -> None:
        """The snapshot is still there, and is not reported as deleted."""
        cloud.ec2.fault("DeleteSnapshot", times=ALWAYS, **PAGES[page])
        with pytest.raises((NextPass, Unanswered)):
            cloud.provider.delete(snapshot)
        assert existing(cloud) == {snapshot.id}

    def test_a_locked_snapshot_is_refused(self, cloud: EC2Cloud, snapshot: Snapshot) -> None:
        """A snapshot lock is somebody's will (trap)."""
        cloud.ec2.locked.add(snapshot.id)
        with pytest.raises(Refused, match="SnapshotLocked"):
            cloud.provider.delete(snapshot)

    def test_what_aws_backup_owns_is_refused(self, cloud: EC2Cloud, snapshot: Snapshot) -> None:
        """AWS Backup's are skipped with its own words; EC2 has no better code for it (trap)."""
        cloud.ec2.fault("DeleteSnapshot", "InvalidParameterValue", message=BACKUP)
        with pytest.raises(Refused, match="AWS Backup"):
            cloud.provider.delete(snapshot)


class TestPasses:
    @pytest.fixture
    def rules(self, cloud: EC2Cloud) -> MemoryRules:
        return MemoryRules(cloud)

    def test_snapshots_in_use_or_locked_do_not_keep_the_rest(
        self, cloud: EC2Cloud, disk: Disk, rules: MemoryRules
    ) -> None:
        """Skipped with their reasons, and the rest go (trap: ec2-expire-snapshots died on one)."""
        rules.add(disk)
        seed(cloud, disk, HOUR / 2)
        used, locked, managed, *rest = (seed(cloud, disk, (400 + n) * DAY) for n in range(6))
        cloud.ec2.in_use.add(used)
        cloud.ec2.locked.add(locked)
        cloud.ec2.fault("DeleteSnapshot", "InvalidParameterValue", message=BACKUP, times=ALWAYS,
                        when=lambda p: p["SnapshotId"] == managed)  # fmt: skip
        report = one_pass(cloud, rules)
        assert {done.snapshot for done in report.deletions} == set(rest)
        reasons = {skipped.snapshot: skipped.reason for skipped in report.deferred}
        assert reasons.keys() == {used, locked, managed}
        assert "ami-" in reasons[used]
        assert report.outcome == "completed"
        assert not existing(cloud) & set(rest)

    def test_the_limit_of_pending_snapshots_stops_one_region(
        self, cloud: EC2Cloud, rules: MemoryRules
    ) -> None:
        """No more is created there, deletion goes on, and the other region is served (trap)."""
        busy, aged, due = (cloud.add_disk(REGION) for _ in range(3))
        fine = cloud.add_disk(ELSEWHERE)
        rules.add(busy, aged, due, fine)
        seed(cloud, busy, HOUR / 4, "pending")
        seed(cloud, aged, HOUR / 2)
        old = seed(cloud, aged, 400 * DAY)
        cloud.ec2.pending_limit = 1
        report = one_pass(cloud, rules)
        assert [done.disk for done in report.creations] == [fine.id]
        assert [done.snapshot for done in report.deletions] == [old]
        assert [(failure.disk, failure.code) for failure in report.failures] == [
            (due.id, "PendingSnapshotLimitExceeded")
        ]

    def test_throttling_of_a_whole_pass_is_waited_out(
        self, cloud: EC2Cloud, rules: MemoryRules
    ) -> None:
        """A burst of refusals costs calls, never snapshots (trap: RequestLimitExceeded)."""
        rules.add(*(cloud.add_disk(REGION) for _ in range(12)))
        cloud.ec2.fault("CreateSnapshot", "RequestLimitExceeded", times=3)
        assert counts(one_pass(cloud, rules)) == {"created": 12}
        assert len(existing(cloud)) == 12

    def test_a_lagging_listing_costs_a_call_where_ec2_knows_better(
        self, cloud: EC2Cloud, disk: Disk, rules: MemoryRules
    ) -> None:
        """A pass at once after the first does not see its snapshot; EC2's own limit saves it."""
        rules.add(disk)
        cloud.ec2.lag = 1
        one_pass(cloud, rules)
        cloud.clock.advance(timedelta(seconds=10))
        assert counts(one_pass(cloud, rules)) == {"deferred": 1, "overdue": 1}
        cloud.clock.advance(PERIOD)
        assert counts(one_pass(cloud, rules)) == {}
        assert len(existing(cloud)) == 1

    def test_a_lagging_listing_may_cost_a_second_snapshot(
        self, cloud: EC2Cloud, disk: Disk, rules: MemoryRules
    ) -> None:
        """Known limit: a listing minutes late makes one more, until a pass remembers its own.

        Nothing is lost by it: both are ours, and expire as they should.
        """
        rules.add(disk)
        cloud.ec2.lag = 1
        one_pass(cloud, rules)
        cloud.clock.advance(PERIOD)
        assert counts(one_pass(cloud, rules)) == {"created": 1}
        cloud.ec2.reveal()
        cloud.clock.advance(PERIOD)
        assert counts(one_pass(cloud, rules)) == {}
        assert len(existing(cloud)) == 2


class TestCheck:
    def test_tries_the_tags_too(self, cloud: EC2Cloud, snapshot: Snapshot) -> None:
        """CreateSnapshot with tags needs ec2:CreateTags as well, so that they are dry-run along."""
        cloud.ec2.fault("CreateSnapshot", "UnauthorizedOperation",
                        when=lambda p: "TagSpecification.1.Tag.1.Key" in p)  # fmt: skip
        found = cloud.provider.check(REGION, order(cloud, snapshot.disk), snapshot)
        missing = [check.name for check in found if not check.ok]
        assert missing == [f"ec2:CreateSnapshot and ec2:CreateTags of {snapshot.disk.name}"]

    @pytest.mark.parametrize("page", PAGES)
    def test_a_proxys_page_is_no_permission(self, cloud: EC2Cloud, page: str) -> None:
        """EC2 answers every dry call with an error, so that a success is not EC2's."""
        cloud.ec2.fault("*", times=ALWAYS, **PAGES[page])
        (check,) = cloud.provider.check(REGION, None, None)
        assert not check.ok
        assert check.detail

    @pytest.mark.parametrize(
        "error",
        [
            NoCredentialsError(),
            ClientError({"Error": {"Code": "ExpiredToken"}}, "GetCallerIdentity"),
            KeyError("Arn"),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_tells_that_credentials_do_not_work(self, cloud: EC2Cloud, error: Exception) -> None:
        """None, expired ones and a proxy's page are told, with where to read on."""

        def identity() -> str:
            raise error

        check = EBS(cloud.labels, cloud.client, identity).credentials()
        assert not check.ok
        assert check.detail
        assert check.hint


class TestCredentials:
    def test_without_credentials_no_pass_is_done(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cloud: EC2Cloud, disk: Disk
    ) -> None:
        """Listings are incomplete and say so; a pass raises rather than take all for due."""
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            monkeypatch.setenv(name, str(tmp_path / "none"))
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        rules = MemoryRules(cloud)
        rules.add(disk)
        settings, ports = build({"AWS_REGION": REGION, "CLUSTER_NAME": "demo"}, rules)
        (listing,) = ports.provider.list([REGION])
        assert listing == Listing(
            REGION, (), False, "NoCredentialsError: Unable to locate credentials"
        )
        with pytest.raises(PassError, match="Unable to locate credentials"):
            run(Request(), settings, ports)
        assert not ports.provider.credentials().ok

    def test_a_token_with_a_line_feed_is_not_printed(self, cloud: EC2Cloud, disk: Disk) -> None:
        """Python's HTTP client quotes the header that it refuses, which is the session token."""
        broken = boto3.Session("AKIAIOSFODNN7EXAMPLE", "secret", f"{cloud.secrets[1]}\n")

        def client(region: str, config: Config) -> Any:
            return broken.client("ec2", region, endpoint_url=cloud.ec2.url, config=config)

        provider = EBS(Labels(AWS), client, lambda: "")
        (listing,) = provider.list([REGION])
        with pytest.raises(ProviderError) as caught:
            provider.create(order(cloud, disk))
        for text in (listing.error, str(caught.value)):
            assert text
            assert cloud.secrets[1] not in text
