"""EBS snapshots: the provider contract, and what only AWS has."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pytest
from botocore.config import Config
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
)

from functions.aws.snapshots import EBS
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
from shared.passes.world import Ports
from shared.planning.labels import AWS, CLUSTER, KEEP, Labels
from shared.ports import Listing
from shared.request import Request
from shared.settings import Settings
from tests.contract.cloud import MemoryRules, existing, order, rule, seed
from tests.contract.passes import BRIDGE, DAY, HOUR, PERIOD, counts, one_pass
from tests.contract.provider import ProviderContract
from tests.emulators.ec2 import ALWAYS
from tests.functions.aws.cloud import BACKUP, ELSEWHERE, PAGES, REGION, EC2Cloud

OURS = {"created-by": "k8s-snapshots"}


class TestEBS(ProviderContract):
    """EBS keeps the contract of all providers."""


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
        """A snapshot lock is somebody's will, whatever code EC2 has for it (trap)."""
        cloud.ec2.locked.add(snapshot.id)
        with pytest.raises(Refused, match="is locked"):
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
        seed(cloud, disk, BRIDGE)
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

    @pytest.mark.parametrize(("kind", "failed"), [("sc1", 1), ("st1", 1), ("gp3", 5)])
    def test_failed_snapshots_make_room_for_the_next(
        self, cloud: EC2Cloud, rules: MemoryRules, kind: str, failed: int
    ) -> None:
        """They hold all places of the volume; each used to stay for a day, and no backup came."""
        disk = cloud.add_disk(REGION, volume_type=kind, size=500)
        rules.add(disk)
        said = "Given key ID is not accessible"
        made = [
            cloud.ec2.add_snapshot(REGION, disk.name, started=cloud.clock.now() - n * HOUR,
                                   state="error", message=said, tags=OURS)
            for n in range(1, failed + 1)
        ]  # fmt: skip
        first = one_pass(cloud, rules)
        assert {done.snapshot for done in first.deletions} == set(made)
        assert all(said in done.reason for done in first.deletions)
        assert [left.disk for left in first.deferred] == [disk.id]
        cloud.clock.advance(PERIOD)
        assert counts(one_pass(cloud, rules))["created"] == 1

    def test_failed_snapshots_that_are_kept_or_anothers_stay(
        self, cloud: EC2Cloud, disk: Disk, rules: MemoryRules
    ) -> None:
        """Whatever is in the way of what."""
        rules.add(disk)
        for tags in ({KEEP: "true"}, {CLUSTER: "other"}):
            name = seed(cloud, disk, HOUR, "failed")
            cloud.ec2.client(REGION).create_tags(
                Resources=[name], Tags=[{"Key": k, "Value": v} for k, v in tags.items()]
            )
            cloud.clock.advance(HOUR)
        before = existing(cloud)
        assert one_pass(cloud, rules).summary.deleted == 0
        assert before < existing(cloud)

    @pytest.mark.parametrize("orphans", [False, True])
    def test_copies_are_of_no_history_and_stay(
        self, cloud: EC2Cloud, disk: Disk, rules: MemoryRules, orphans: bool
    ) -> None:
        """Though their volume's id is, by chance, that of a disk with a rule, or that had one."""
        if not orphans:
            rules.add(disk)
        tags = cloud.labels.for_snapshot("x", [rule(disk)])
        for days in range(50):
            cloud.ec2.add_snapshot(REGION, disk.name, started=cloud.clock.now() - days * DAY,
                                   tags=tags, transfer_type="standard",
                                   state="error" if days % 7 == 3 else "completed")  # fmt: skip
        copies = existing(cloud)
        settings = Settings(orphans="expire", orphan_grace=timedelta(0))
        ports = Ports(rules, cloud.provider, cloud.labels, cloud.clock, scopes=(REGION,))
        report = run(Request(), settings, ports).report
        assert (report.summary.copies, report.summary.deleted) == (50, 0)
        assert copies <= existing(cloud)
        assert report.summary.created == (0 if orphans else 1)  # a copy is no backup of the disk
        assert report.summary.orphans == 0
        assert {copy.snapshot for copy in report.copies} == copies
        assert {(c.namespace, c.claim, c.taken) for c in report.copies} == {
            ("shop", "Data.0", None)
        }

    def test_the_limit_of_pending_snapshots_stops_one_region(
        self, cloud: EC2Cloud, rules: MemoryRules
    ) -> None:
        """No more is created there, deletion goes on, and the other region is served (trap)."""
        busy, aged, due = (cloud.add_disk(REGION) for _ in range(3))
        fine = cloud.add_disk(ELSEWHERE)
        rules.add(busy, aged, due, fine)
        seed(cloud, busy, HOUR / 4, "pending")
        seed(cloud, aged, HOUR / 2)
        seed(cloud, aged, BRIDGE)
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


class TestExtraTags:
    def test_are_set_in_the_call_that_creates(self, cloud: EC2Cloud, disk: Disk) -> None:
        """An organisation's policy may deny the call without them; `check` tries them too."""
        extra = {"cost-center": "4711"}
        provider = EBS(cloud.labels, cloud.client, lambda: "", extra_tags=extra)
        asked = order(cloud, disk)
        made = provider.create(asked)
        (found,) = cloud.snapshots()
        assert found.labels == {**extra, **asked.labels}
        assert made.labels == asked.labels
        list(provider.check(REGION, asked, None))
        *_, dry = cloud.ec2.calls
        assert "cost-center" in dry.params.values()


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
