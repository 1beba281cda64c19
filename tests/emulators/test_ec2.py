"""The embedded AWS keeps EC2's rules, as real boto3 sees them over HTTP."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError
from botocore.parsers import ResponseParserError

from tests.emulators.ec2 import ALWAYS, EC2

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client

REGION = "eu-west-1"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
OURS = {"created-by": "k8s-snapshots"}


@pytest.fixture(scope="module", autouse=True)
def frozen() -> Iterator[None]:
    """Spare the garbage collector moto and EC2's model, which would be a third of all the time."""
    with EC2() as emulator:
        emulator.client().describe_snapshots()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def ec2() -> Iterator[EC2]:
    with EC2() as emulator:
        emulator.clock = lambda: NOON
        yield emulator


@pytest.fixture
def client(ec2: EC2) -> EC2Client:
    return ec2.client()


@pytest.fixture
def volume(ec2: EC2) -> str:
    return ec2.add_volume(REGION)


def refused(call: Callable[..., Any], **params: Any) -> tuple[str, int]:
    """Return the code and the status with which EC2 refuses the call."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def code(call: Callable[..., Any], **params: Any) -> str:
    return refused(call, **params)[0]


def tag_specification(tags: dict[str, str]) -> Any:
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    return [{"ResourceType": "snapshot", "Tags": pairs}]


def listed(client: EC2Client, **params: Any) -> list[str]:
    return [s["SnapshotId"] for s in client.describe_snapshots(**params)["Snapshots"]]


def add_hourly(ec2: EC2, volume: str, number: int) -> list[str]:
    """Add as many snapshots, the newest first."""
    times = [NOON - timedelta(hours=i + 1) for i in range(number)]
    return [ec2.add_snapshot(REGION, volume, started=t, tags=OURS) for t in times]


class TestCreateSnapshot:
    def test_starts_pending_at_the_clocks_time_with_its_tags(
        self, ec2: EC2, client: EC2Client, volume: str
    ) -> None:
        """A new snapshot is pending, begins when the clock says, and bears its tags at once."""
        made = client.create_snapshot(
            VolumeId=volume, Description="a & b", TagSpecifications=tag_specification(OURS)
        )
        assert (made["State"], made["StartTime"]) == ("pending", NOON)
        assert made["Tags"] == [{"Key": "created-by", "Value": "k8s-snapshots"}]
        (seen,) = client.describe_snapshots()["Snapshots"]
        assert (seen["State"], seen["StartTime"], seen["Description"]) == ("pending", NOON, "a & b")
        assert made["Tags"] == seen["Tags"]

    def test_ends_when_it_is_told_to(self, ec2: EC2, client: EC2Client, volume: str) -> None:
        """A pending snapshot stays so until the test completes it or lets it fail."""
        made = client.create_snapshot(VolumeId=volume)["SnapshotId"]
        assert [record.state for record in ec2.snapshots(REGION)] == ["pending"]
        ec2.complete(made)
        assert [made] == listed(client, Filters=[{"Name": "status", "Values": ["completed"]}])
        ec2.fail(made)
        assert [made] == listed(client, Filters=[{"Name": "status", "Values": ["error"]}])

    def test_begins_now_by_default(self) -> None:
        """Without a clock of the test's own, StartTime is the real time."""
        with EC2() as ec2:
            volume = ec2.add_volume(REGION)
            started = ec2.client().create_snapshot(VolumeId=volume)["StartTime"]
        assert abs(datetime.now(UTC) - started) < timedelta(seconds=10)

    def test_refuses_an_unknown_volume(self, ec2: EC2, client: EC2Client, volume: str) -> None:
        """A volume that does not exist, or only in another region, is not found."""
        assert code(client.create_snapshot, VolumeId="vol-0123456789") == "InvalidVolume.NotFound"
        elsewhere = ec2.client("us-east-1")
        assert code(elsewhere.create_snapshot, VolumeId=volume) == "InvalidVolume.NotFound"

    def test_refuses_a_second_one_within_15_seconds(
        self, ec2: EC2, client: EC2Client, volume: str
    ) -> None:
        """Two snapshots of a volume begin at least 15 seconds apart on the emulator's clock."""
        client.create_snapshot(VolumeId=volume)
        ec2.clock = lambda: NOON + timedelta(seconds=14)
        refusal = code(client.create_snapshot, VolumeId=volume)
        assert refusal == "SnapshotCreationPerVolumeRateExceeded"
        ec2.clock = lambda: NOON + timedelta(seconds=15)
        client.create_snapshot(VolumeId=volume)

    @pytest.mark.parametrize(("volume_type", "allowed"), [("gp3", 5), ("st1", 1), ("sc1", 1)])
    def test_limits_what_is_pending_of_a_volume(
        self, ec2: EC2, client: EC2Client, volume_type: str, allowed: int
    ) -> None:
        """Five snapshots of a volume may be pending, but one of a cold or throughput volume."""
        volume = ec2.add_volume(REGION, volume_type=volume_type, size=500)
        minutes = count()
        ec2.clock = lambda: NOON + timedelta(minutes=next(minutes))
        for _ in range(allowed):
            client.create_snapshot(VolumeId=volume)
        assert code(client.create_snapshot, VolumeId=volume) == "ConcurrentSnapshotLimitExceeded"
        ec2.complete()
        client.create_snapshot(VolumeId=volume)

    def test_failed_ones_hold_a_place_too(self, ec2: EC2, client: EC2Client, volume: str) -> None:
        """Until they are deleted: one is enough on st1 and sc1 (AWS re:Post)."""
        ages = [NOON - timedelta(hours=n) for n in range(1, 6)]
        failed = [ec2.add_snapshot(REGION, volume, started=t, state="error") for t in ages]
        assert code(client.create_snapshot, VolumeId=volume) == "ConcurrentSnapshotLimitExceeded"
        client.delete_snapshot(SnapshotId=failed[0])
        client.create_snapshot(VolumeId=volume)
        cold = ec2.add_volume(REGION, volume_type="sc1", size=500)
        ec2.add_snapshot(REGION, cold, started=ages[0], state="error")
        assert code(client.create_snapshot, VolumeId=cold) == "ConcurrentSnapshotLimitExceeded"

    def test_limits_what_is_pending_in_a_region(
        self, ec2: EC2, client: EC2Client, volume: str
    ) -> None:
        """The limit of pending snapshots counts all volumes of the region."""
        ec2.pending_limit = 1
        client.create_snapshot(VolumeId=ec2.add_volume(REGION))
        assert code(client.create_snapshot, VolumeId=volume) == "PendingSnapshotLimitExceeded"

    @pytest.mark.parametrize(
        ("tags", "refusal"),
        [
            ({"k" * 129: ""}, "InvalidParameterValue"),
            ({"": "v"}, "InvalidParameterValue"),
            ({"k": "v" * 257}, "InvalidParameterValue"),
            ({"aws:k": "v"}, "InvalidParameterValue"),
            ({f"k{i}": "v" for i in range(51)}, "TagLimitExceeded"),
        ],
    )
    def test_refuses_tags_that_ec2_refuses(
        self, ec2: EC2, client: EC2Client, volume: str, tags: dict[str, str], refusal: str
    ) -> None:
        """A tag that breaks a rule fails the call, and no snapshot is made."""
        specification = tag_specification(tags)
        params = {"VolumeId": volume, "TagSpecifications": specification}
        assert refusal == code(client.create_snapshot, **params)
        assert ec2.snapshots(REGION) == []
        pairs = specification[0]["Tags"]
        assert refusal == code(client.create_tags, Resources=[volume], Tags=pairs)

    def test_refuses_a_key_twice(self, client: EC2Client, volume: str) -> None:
        """One call cannot give one tag two values."""
        twice: Any = [{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}]
        assert code(client.create_tags, Resources=[volume], Tags=twice) == "InvalidParameterValue"

    def test_accepts_tags_at_their_limits(self, ec2: EC2, client: EC2Client, volume: str) -> None:
        """128 characters of key, 256 of value and 50 tags are allowed."""
        tags = {"k" * 128: "v" * 256} | {f"k{i}": "" for i in range(49)}
        client.create_snapshot(VolumeId=volume, TagSpecifications=tag_specification(tags))
        assert [tags] == [record.tags for record in ec2.snapshots(REGION)]


class TestDescribeSnapshots:
    def test_lists_nothing_of_amazons(self, client: EC2Client) -> None:
        """A fresh account has no snapshots, not even those of moto's default AMIs."""
        assert listed(client) == []

    def test_honours_owners(self, ec2: EC2, client: EC2Client, volume: str) -> None:
        """`self` and account ids choose by owner, and no owner means all that is visible."""
        mine = ec2.add_snapshot(REGION, volume, started=NOON)
        shared = ec2.add_snapshot(REGION, "vol-gone", started=NOON, owner="210987654321")
        assert [mine] == listed(client, OwnerIds=["self"])
        assert [mine] == listed(client, OwnerIds=[ec2.account])
        assert [shared] == listed(client, OwnerIds=["210987654321"])
        assert {mine, shared} == set(listed(client))

    @pytest.mark.parametrize(
        "chosen",
        [
            {"Filters": [{"Name": "tag:created-by", "Values": ["k8s-*"]}]},
            {"Filters": [{"Name": "tag:created-by", "Values": ["other", "k8s-snapshots"]}]},
            {"Filters": [{"Name": "tag-key", "Values": ["created-by"]}]},
            {"Filters": [{"Name": "volume-id", "Values": ["vol-1"]}]},
            {"Filters": [{"Name": "status", "Values": ["error"]}]},
            {"Filters": [{"Name": "snapshot-id", "Values": ["snap-1"]}]},
            {"SnapshotIds": ["snap-1"]},
        ],
    )
    def test_filters(self, ec2: EC2, client: EC2Client, chosen: dict[str, Any]) -> None:
        """Filters and ids choose the snapshot that they describe."""
        ec2.add_snapshot(
            REGION, "vol-1", started=NOON, snapshot_id="snap-1", tags=OURS, state="error"
        )
        ec2.add_snapshot(REGION, "vol-2", started=NOON, snapshot_id="snap-2")
        assert listed(client, **chosen) == ["snap-1"]

    @pytest.mark.parametrize(
        ("pattern", "values"),
        [
            ("a*c", {"a*c", "abc", "abbc", "a\\c"}),
            ("a?c", {"a*c", "abc", "a\\c"}),
            (r"a\*c", {"a*c"}),
            (r"a\?c", set()),
            ("a\\c", set()),
            (r"a\\c", {"a\\c"}),
            ("A*", set()),
            ("a[bx]c", set()),
        ],
    )
    def test_filter_values_are_patterns(
        self, ec2: EC2, client: EC2Client, pattern: str, values: set[str]
    ) -> None:
        """`*` and `?` are wild unless a backslash stands before them; case counts."""
        for value in ("a*c", "abc", "abbc", "a\\c"):
            ec2.add_snapshot(REGION, "vol-1", started=NOON, tags={"k": value})
        found = client.describe_snapshots(Filters=[{"Name": "tag:k", "Values": [pattern]}])
        assert values == {s["Tags"][0]["Value"] for s in found["Snapshots"]}

    def test_tells_tiers_messages_and_copies(self, ec2: EC2, client: EC2Client) -> None:
        """Only where there is something to tell, but for the tier."""
        ec2.add_snapshot(REGION, "vol-1", started=NOON, snapshot_id="snap-1")
        ec2.add_snapshot(REGION, "vol-1", started=NOON, snapshot_id="snap-2",
                         transfer_type="standard")  # fmt: skip
        ec2.add_snapshot(REGION, "vol-1", started=NOON, snapshot_id="snap-3", state="error",
                         message="Given key ID is not accessible")  # fmt: skip
        client.modify_snapshot_tier(SnapshotId="snap-1", StorageTier="archive")
        one, two, three = client.describe_snapshots()["Snapshots"]
        assert (one["StorageTier"], one["State"]) == ("archive", "completed")
        assert (two["StorageTier"], two["TransferType"]) == ("standard", "standard")
        assert three["StateMessage"] == "Given key ID is not accessible"
        assert not {"TransferType", "StateMessage", "RestoreExpiryTime"} & one.keys()
        client.restore_snapshot_tier(SnapshotId="snap-1", TemporaryRestoreDays=3)
        again = client.describe_snapshots(SnapshotIds=["snap-1"])["Snapshots"][0]
        assert "RestoreExpiryTime" in again

    def test_leaves_tags_out_where_there_are_none(self, ec2: EC2, client: EC2Client) -> None:
        """A snapshot without tags has no `Tags`, and keeps its volume's id when that is gone."""
        ec2.add_snapshot(REGION, "vol-gone", started=NOON)
        (seen,) = client.describe_snapshots()["Snapshots"]
        assert "Tags" not in seen
        assert seen["VolumeId"] == "vol-gone"

    def test_refuses_an_unknown_id(self, client: EC2Client) -> None:
        """Asking for a snapshot that does not exist is an error, not an empty list."""
        assert code(client.describe_snapshots, SnapshotIds=["snap-1"]) == "InvalidSnapshot.NotFound"

    def test_pages(self, ec2: EC2, client: EC2Client, volume: str) -> None:
        """Pages hold MaxResults at most, and together every snapshot once."""
        made = add_hourly(ec2, volume, 12)
        paginator = client.get_paginator("describe_snapshots")
        pages = list(paginator.paginate(OwnerIds=["self"], PaginationConfig={"PageSize": 5}))
        assert [len(page["Snapshots"]) for page in pages] == [5, 5, 2]
        assert sorted(made) == [s["SnapshotId"] for page in pages for s in page["Snapshots"]]

    def test_pages_are_no_longer_than_the_test_allows(
        self, ec2: EC2, client: EC2Client, volume: str
    ) -> None:
        """`page_size` cuts a listing short of MaxResults, with a token for the rest."""
        made = add_hourly(ec2, volume, 3)
        ec2.page_size = 2
        first = client.describe_snapshots(MaxResults=1000)
        rest = client.describe_snapshots(MaxResults=1000, NextToken=first["NextToken"])
        assert [len(first["Snapshots"]), len(rest["Snapshots"])] == [2, 1]
        assert set(made) == {s["SnapshotId"] for s in first["Snapshots"] + rest["Snapshots"]}
        assert "NextToken" not in rest

    def test_goes_on_where_it_was_after_a_deletion(
        self, ec2: EC2, client: EC2Client, volume: str
    ) -> None:
        """A page's token still leads to the rest when the page's snapshots were deleted."""
        made = add_hourly(ec2, volume, 3)
        ec2.page_size = 2
        first = client.describe_snapshots()
        for snapshot in first["Snapshots"]:
            client.delete_snapshot(SnapshotId=snapshot["SnapshotId"])
        assert [max(made)] == listed(client, NextToken=first["NextToken"])

    @pytest.mark.parametrize(
        ("params", "refusal"),
        [
            ({"NextToken": "bogus"}, "InvalidNextToken"),
            ({"NextToken": "Ym9ndXM="}, "InvalidNextToken"),
            ({"MaxResults": 4}, "InvalidParameterValue"),
            ({"MaxResults": 1001}, "InvalidParameterValue"),
        ],
    )
    def test_refuses_bad_pages(
        self, client: EC2Client, params: dict[str, Any], refusal: str
    ) -> None:
        """A token that EC2 did not hand out and sizes outside 5 to 1000 are refused."""
        assert refusal == code(client.describe_snapshots, **params)

    def test_is_quick(self, ec2: EC2, client: EC2Client, volume: str) -> None:
        """2,500 tagged snapshots list in a second or so, of which most goes into boto3's parser."""
        add_hourly(ec2, volume, 2500)
        begun = time.monotonic()
        found = listed(client, Filters=[{"Name": "tag:created-by", "Values": ["k8s-snapshots"]}])
        assert len(found) == 2500
        assert time.monotonic() - begun < 6  # moto's own: 23 s

    def test_can_lag_behind(self, ec2: EC2, client: EC2Client, volume: str) -> None:
        """A new snapshot is missing from as many listings as `lag` says."""
        ec2.lag = 2
        made = client.create_snapshot(VolumeId=volume)["SnapshotId"]
        assert [[], [], [made]] == [listed(client) for _ in range(3)]

    def test_can_lag_until_told(self, ec2: EC2, client: EC2Client, volume: str) -> None:
        """A snapshot that is always hidden exists all the same, and shows when revealed."""
        ec2.lag = ALWAYS
        made = client.create_snapshot(VolumeId=volume)["SnapshotId"]
        assert [listed(client) for _ in range(2)] == [[], []]
        assert [made] == [record.id for record in ec2.snapshots(REGION)]
        ec2.reveal()
        assert [made] == listed(client)


class TestDeleteSnapshot:
    def test_takes_the_tags_along(self, ec2: EC2, client: EC2Client, volume: str) -> None:
        """A deleted snapshot is gone, and so are its tags."""
        made = ec2.add_snapshot(REGION, volume, started=NOON, tags=OURS)
        client.delete_snapshot(SnapshotId=made)
        assert ec2.snapshots(REGION) == []
        assert client.describe_tags()["Tags"] == []

    def test_refuses_what_is_not_there(self, ec2: EC2, client: EC2Client) -> None:
        """An unknown snapshot is not found, nor is one that belongs to another account."""
        assert code(client.delete_snapshot, SnapshotId="snap-1") == "InvalidSnapshot.NotFound"
        ec2.add_snapshot(REGION, "vol-1", started=NOON, owner="2" * 12, snapshot_id="snap-1")
        assert code(client.delete_snapshot, SnapshotId="snap-1") == "InvalidSnapshot.NotFound"

    @pytest.mark.parametrize(
        ("reason", "refusal"), [("in_use", "InvalidSnapshot.InUse"), ("locked", "NamedByNoSource")]
    )
    def test_refuses_what_is_held(
        self, ec2: EC2, client: EC2Client, volume: str, reason: str, refusal: str
    ) -> None:
        """A snapshot that an AMI uses, or that is locked, stays until it is let go."""
        made = ec2.add_snapshot(REGION, volume, started=NOON)
        getattr(ec2, reason).add(made)
        assert refusal == code(client.delete_snapshot, SnapshotId=made)
        getattr(ec2, reason).clear()
        client.delete_snapshot(SnapshotId=made)


@pytest.mark.parametrize(
    ("action", "params"),
    [
        ("create_snapshot", {"VolumeId": "vol-1"}),
        ("delete_snapshot", {"SnapshotId": "snap-1"}),
        ("create_tags", {"Resources": ["snap-1"], "Tags": [{"Key": "k", "Value": "v"}]}),
        ("describe_snapshots", {}),
    ],
)
def test_tells_permissions(ec2: EC2, action: str, params: dict[str, Any]) -> None:
    """A dry run changes nothing and tells whether it would be allowed; a denied call is a 403."""
    ec2.add_volume(REGION, volume_id="vol-1")
    ec2.add_snapshot(REGION, "vol-1", started=NOON, snapshot_id="snap-1")
    before = ec2.snapshots(REGION)
    call = getattr(ec2.client(), action)
    assert refused(call, DryRun=True, **params) == ("DryRunOperation", 412)
    ec2.denied.add(ec2.calls[-1].action)
    assert refused(call, DryRun=True, **params) == ("UnauthorizedOperation", 403)
    assert refused(call, **params) == ("UnauthorizedOperation", 403)
    assert before == ec2.snapshots(REGION)


class TestFaults:
    @pytest.mark.parametrize(
        ("error_code", "status"),
        [
            ("AuthFailure", 401),
            ("ExpiredToken", 400),
            ("RequestLimitExceeded", 503),
            ("InternalError", 500),
        ],
    )
    def test_refuses(self, ec2: EC2, client: EC2Client, error_code: str, status: int) -> None:
        """A fault answers the code with EC2's status as often as it was told, and then no more."""
        ec2.fault("*", error_code, times=2)
        for _ in range(2):
            assert (error_code, status) == refused(client.describe_snapshots)
        assert listed(client) == []

    def test_goes_on_until_cleared(self, ec2: EC2, client: EC2Client) -> None:
        """A fault for ever ends when the test clears the faults."""
        ec2.fault("DescribeSnapshots", "Unavailable", status=500, times=ALWAYS)
        for _ in range(3):
            assert refused(client.describe_snapshots) == ("Unavailable", 500)
        ec2.faults.clear()
        assert listed(client) == []

    def test_meets_only_those_meant(self, ec2: EC2, client: EC2Client) -> None:
        """A fault meets its action, its region and the parameters that its predicate picks."""
        bad, good = ec2.add_volume(REGION), ec2.add_volume(REGION)
        ec2.fault("CreateSnapshot", "InternalError", when=lambda p: p["VolumeId"] == bad)
        ec2.fault("DescribeSnapshots", "InternalError", region="us-east-1")
        client.create_snapshot(VolumeId=good)
        assert len(listed(client)) == 1
        assert code(client.create_snapshot, VolumeId=bad) == "InternalError"
        assert code(ec2.client("us-east-1").describe_snapshots) == "InternalError"

    @pytest.mark.parametrize(("kind", "effects"), [("timeout_before", 0), ("timeout_after", 1)])
    def test_hangs_up(
        self, ec2: EC2, client: EC2Client, volume: str, kind: str, effects: int
    ) -> None:
        """A connection closed without an answer leaves open whether the call took effect."""
        setattr(ec2.fault("CreateSnapshot"), kind, True)
        begun = time.monotonic()
        with pytest.raises(ConnectionClosedError):
            client.create_snapshot(VolumeId=volume)
        assert time.monotonic() - begun < 2
        assert effects == len(ec2.snapshots(REGION))

    @pytest.mark.parametrize(("after", "effects"), [(False, 0), (True, 1)])
    def test_hangs(self, ec2: EC2, volume: str, after: bool, effects: int) -> None:
        """A hanging call is a read time-out to the client, and does not hold up the stop."""
        ec2.fault("CreateSnapshot", hang=60, timeout_after=after)
        with pytest.raises(ReadTimeoutError):
            ec2.client(read_timeout=0.3).create_snapshot(VolumeId=volume)
        assert effects == len(ec2.snapshots(REGION))

    def test_delays(self, ec2: EC2, client: EC2Client) -> None:
        """A delayed call is answered as ever, only late."""
        ec2.fault("DescribeSnapshots", delay=0.2)
        begun = time.monotonic()
        assert listed(client) == []
        assert time.monotonic() - begun >= 0.2

    def test_answers_html(self, ec2: EC2, client: EC2Client, volume: str) -> None:
        """A proxy's page is a 503 to boto3, or unreadable; with a 200 it passes for an answer."""
        ec2.fault("*", html=True)
        assert refused(client.describe_snapshots) == ("503", 503)
        ec2.fault("*", html="<!doctype html><title>Oops")
        with pytest.raises(ResponseParserError):
            client.describe_snapshots()
        ec2.fault("*", html=True, status=200, times=2)
        assert "Snapshots" not in client.describe_snapshots()
        assert "SnapshotId" not in client.create_snapshot(VolumeId=volume)
        assert client.describe_snapshots()["Snapshots"] == []


class TestCopySnapshot:
    def test_makes_one_whose_volume_means_nothing(
        self, ec2: EC2, client: EC2Client, volume: str
    ) -> None:
        """And without the source's tags; it begins now."""
        source = ec2.add_snapshot(REGION, volume, started=NOON - timedelta(days=9), tags=OURS)
        params: Any = {"SourceRegion": REGION, "SourceSnapshotId": source}
        made = ec2.client("us-east-1").copy_snapshot(**params)["SnapshotId"]
        (record,) = ec2.snapshots("us-east-1")
        assert (record.id, record.volume_id) == (made, "vol-ffffffff")
        assert (record.started, record.tags, record.transfer_type) == (NOON, {}, "standard")
        assert record.state == "pending"

    def test_copies_what_is_completed(self, ec2: EC2, client: EC2Client, volume: str) -> None:
        """And nothing else."""
        source = client.create_snapshot(VolumeId=volume)["SnapshotId"]
        params = {"SourceRegion": REGION, "SourceSnapshotId": source}
        assert code(client.copy_snapshot, **params) == "IncorrectState"


class TestRecycleBin:
    @pytest.fixture
    def deleted(self, ec2: EC2, client: EC2Client, volume: str) -> str:
        ec2.bin_rule = ("created-by", "k8s-snapshots")
        made = ec2.add_snapshot(REGION, volume, started=NOON, tags=OURS)
        client.delete_snapshot(SnapshotId=made)
        return made

    def test_keeps_what_its_rule_names(self, ec2: EC2, client: EC2Client, deleted: str) -> None:
        """Out of sight of DescribeSnapshots; another tag's are gone for good."""
        gone = ec2.add_snapshot(REGION, "vol-1", started=NOON, tags={"created-by": "others"})
        client.delete_snapshot(SnapshotId=gone)
        assert listed(client) == []
        inside = client.list_snapshots_in_recycle_bin()["Snapshots"]
        assert [deleted] == [s["SnapshotId"] for s in inside]
        assert code(client.delete_snapshot, SnapshotId=deleted) == "InvalidSnapshot.NotFound"

    def test_gives_back_with_tags(self, ec2: EC2, client: EC2Client, deleted: str) -> None:
        """Those that it had, and those set while it was in the bin."""
        client.create_tags(Resources=[deleted], Tags=[{"Key": "k", "Value": "v"}])
        assert client.restore_snapshot_from_recycle_bin(SnapshotId=deleted)["State"] == "recovering"
        (record,) = ec2.snapshots(REGION)
        assert (record.state, record.tags) == ("recovering", OURS | {"k": "v"})
        ec2.recovered()
        assert [r.state for r in ec2.snapshots(REGION)] == ["completed"]
        assert client.list_snapshots_in_recycle_bin()["Snapshots"] == []

    def test_gives_back_what_is_there(self, client: EC2Client, deleted: str) -> None:
        refusal = code(client.restore_snapshot_from_recycle_bin, SnapshotId="snap-0")
        assert refusal == "InvalidSnapshot.NotFound"


class TestDescribeVolumes:
    def test_filters_by_id_without_missing_any(self, ec2: EC2, client: EC2Client) -> None:
        """A filter passes over what is not there; ids by name are an error."""
        here = ec2.add_volume(REGION, volume_id="vol-0000000000000000a")
        asked = [here, "vol-0000000000000000b"]
        found = client.describe_volumes(Filters=[{"Name": "volume-id", "Values": asked}])
        assert [here] == [v["VolumeId"] for v in found["Volumes"]]
        assert code(client.describe_volumes, VolumeIds=asked) == "InvalidVolume.NotFound"

    def test_pages(self, ec2: EC2, client: EC2Client) -> None:
        made = {ec2.add_volume(REGION) for _ in range(12)}
        pages = list(client.get_paginator("describe_volumes").paginate(
            PaginationConfig={"PageSize": 5}))  # fmt: skip
        assert [5, 5, 2] == [len(page["Volumes"]) for page in pages]
        assert made == {v["VolumeId"] for page in pages for v in page["Volumes"]}
        refusal = code(client.describe_volumes, VolumeIds=[min(made)], MaxResults=5)
        assert refusal == "InvalidParameterCombination"


def test_an_archived_snapshot_makes_no_volume(ec2: EC2, client: EC2Client, volume: str) -> None:
    """Until it is restored to the standard tier, for a time or for good."""
    made = ec2.add_snapshot(REGION, volume, started=NOON)
    ec2.archive(made)
    asked: Any = {"SnapshotId": made, "AvailabilityZone": f"{REGION}a"}
    assert code(client.create_volume, **asked) == "IncorrectState"
    client.restore_snapshot_tier(SnapshotId=made, TemporaryRestoreDays=1)
    client.create_volume(**asked)


def test_a_locked_snapshot_stays(ec2: EC2, client: EC2Client, volume: str) -> None:
    """Until it is unlocked."""
    made = ec2.add_snapshot(REGION, volume, started=NOON)
    client.lock_snapshot(SnapshotId=made, LockMode="governance", LockDuration=1)
    assert [made] == [s["SnapshotId"] for s in client.describe_locked_snapshots()["Snapshots"]]
    assert code(client.delete_snapshot, SnapshotId=made) == "NamedByNoSource"
    client.unlock_snapshot(SnapshotId=made)
    client.delete_snapshot(SnapshotId=made)


def test_throttles(ec2: EC2, client: EC2Client) -> None:
    """A token bucket for each action and region refuses what is too much, and fills up again."""
    seconds = [0.0]
    ec2.monotonic = lambda: seconds[0]
    ec2.rates["DescribeSnapshots"] = (2, 10)
    for _ in range(2):
        client.describe_snapshots()
    assert refused(client.describe_snapshots) == ("RequestLimitExceeded", 503)
    ec2.client("us-east-1").describe_snapshots()
    client.describe_volumes()
    seconds[0] += 0.1
    client.describe_snapshots()


def test_records_every_request(ec2: EC2, client: EC2Client, volume: str) -> None:
    """Requests are recorded in order with region and form fields, retries and refusals too."""
    ec2.fault("CreateSnapshot", "InternalError")
    retrying = ec2.client(retries={"total_max_attempts": 2, "mode": "standard"})
    retrying.create_snapshot(VolumeId=volume)
    ec2.client("us-east-1").describe_regions()
    expected = [("CreateSnapshot", REGION)] * 2 + [("DescribeRegions", "us-east-1")]
    assert expected == [(call.action, call.region) for call in ec2.calls]
    assert [volume] * 2 == [call.params["VolumeId"] for call in ec2.calls_of("CreateSnapshot")]


def test_volumes_have_the_ids_and_zones_that_tests_choose(ec2: EC2, client: EC2Client) -> None:
    """A volume may bear any id and live in any zone, known to moto or not."""
    chosen = ec2.add_volume(
        "us-west-2", size=7, volume_id="vol-0123456789abcdef0", zone="us-west-2-lax-1a", tags=OURS
    )
    (seen,) = ec2.client("us-west-2").describe_volumes(VolumeIds=[chosen])["Volumes"]
    assert (seen["VolumeId"], seen["Size"]) == ("vol-0123456789abcdef0", 7)
    assert seen["AvailabilityZone"] == "us-west-2-lax-1a"
    assert seen["Tags"] == [{"Key": "created-by", "Value": "k8s-snapshots"}]


def test_labels_can_be_added_later(ec2: EC2, client: EC2Client, volume: str) -> None:
    """CreateTags changes the snapshot that the listing shows."""
    made = ec2.add_snapshot(REGION, volume, started=NOON)
    client.create_tags(Resources=[made], Tags=[{"Key": "k", "Value": "<v>"}])
    assert client.describe_snapshots()["Snapshots"][0]["Tags"] == [{"Key": "k", "Value": "<v>"}]


def test_snapshots_are_told_oldest_first(ec2: EC2, volume: str) -> None:
    """`snapshots` sorts by time, whatever the order in which they came."""
    newest_first = add_hourly(ec2, volume, 3)
    assert newest_first[::-1] == [record.id for record in ec2.snapshots(REGION)]


def test_the_environment_is_all_that_boto3_needs(ec2: EC2, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client built from `environment()` alone talks to the emulator, S3's too."""
    for name, value in ec2.environment("eu-central-1").items():
        monkeypatch.setenv(name, value)
    session = boto3.Session()
    volume = ec2.add_volume("eu-central-1")
    session.client("ec2").create_snapshot(VolumeId=volume)
    assert len(ec2.snapshots("eu-central-1")) == 1
    s3 = session.client("s3")
    s3.create_bucket(
        Bucket="state", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    s3.put_object(Bucket="state", Key="lease", Body=b"{}", IfNoneMatch="*")
    assert refused(s3.put_object, Bucket="state", Key="lease", Body=b"{}", IfNoneMatch="*") == (
        "PreconditionFailed",
        412,
    )


def test_starts_empty_and_leaves_moto_as_it_was() -> None:
    """Neither state nor patches outlive the context, and the account is the test's to choose."""
    with EC2(account="111122223333") as first:
        from moto.ec2.models.elastic_block_store import EBSBackend

        patched = EBSBackend.create_snapshot
        volume = first.add_volume(REGION)
        assert first.client().create_snapshot(VolumeId=volume)["OwnerId"] == "111122223333"
    assert patched is not EBSBackend.create_snapshot
    with EC2(account="111122223333") as second:
        assert listed(second.client()) == []
