"""A trial on AWS: one EBS volume and its snapshots."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.exceptions import ClientError

from tools.smoke.account import Found, Seen

#: Marks the volume, so that one that is left behind can be found.
TAG = "k8s-snapshots-smoke"


class AWS:
    """An account and region of AWS; implements `account.Account`.

    Args:
        run: the trial's name.
    """

    module = "functions.aws"

    def __init__(self, run: str) -> None:
        session = boto3.Session()
        if not session.region_name:
            raise SystemExit("set AWS_REGION to the region to try, such as eu-west-1")
        self._run, self._region = run, session.region_name
        self._ec2: Any = session.client("ec2")
        self._sts: Any = session.client("sts")
        self._volume, self._zone = "", ""
        self.environment = {"AWS_REGION": self._region}

    def describe(self) -> str:
        """Name the identity."""
        return f"{self._sts.get_caller_identity()['Arn']} in {self._region}"

    def make_disk(self) -> str:
        """Make a volume, and wait until it can be used."""
        zones = self._ec2.describe_availability_zones()["AvailabilityZones"]
        self._zone = next(zone["ZoneName"] for zone in zones if zone["State"] == "available")
        tags = [{"Key": TAG, "Value": self._run}, {"Key": "Name", "Value": TAG}]
        made = self._ec2.create_volume(
            AvailabilityZone=self._zone,
            Size=1,
            VolumeType="gp3",
            TagSpecifications=[{"ResourceType": "volume", "Tags": tags}],
        )
        self._volume = made["VolumeId"]
        self._ec2.get_waiter("volume_available").wait(VolumeIds=[self._volume])
        return f"{self._volume} in {self._zone}"

    def volume(self) -> dict[str, object]:
        """Describe the volume as the EBS CSI driver does."""
        key, values = "topology.ebs.csi.aws.com/zone", [self._zone]
        expression = {"key": key, "operator": "In", "values": values}
        return {
            "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": self._volume},
            "nodeAffinity": {
                "required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
            },
        }

    def snapshots(self) -> Sequence[Found]:
        """List by the volume's id."""
        found = [
            Found(item["SnapshotId"], item["StartTime"], item["State"] == "completed")
            for item in self._describe()
        ]
        return sorted(found, key=lambda one: one.started)

    def observe(self) -> Sequence[Seen]:
        """Look at times, sizes, tags and patterns."""
        listed = self._describe()
        newest = max(item["StartTime"] for item in listed)
        sizes = [item.get("FullSnapshotSizeInBytes") for item in listed]
        tagged = sum(bool(item.get("Tags")) for item in listed)
        return [
            Seen("aws-start-time", f"the newest began at {newest:%H:%M:%S} by EC2's clock; "
                 f"it is {datetime.now(UTC):%H:%M:%S} by ours", newest <= datetime.now(UTC)),
            Seen("aws-tags-at-creation", f"{tagged} of {len(listed)} snapshots have tags in the "
                 "listing", tagged == len(listed)),
            Seen("aws-full-size", f"FullSnapshotSizeInBytes: {sizes}", None not in sizes),
            self._patterns(),
        ]  # fmt: skip

    def remove(self) -> Sequence[str]:
        """Delete the snapshots, then the volume; its tag finds it: an answer may be lost."""
        left: list[str] = []
        mine = {"Name": f"tag:{TAG}", "Values": [self._run]}
        for volume in self._ec2.describe_volumes(Filters=[mine])["Volumes"]:
            self._volume = volume["VolumeId"]
            for item in self._describe():
                name = item["SnapshotId"]
                left += self._gone(name, self._ec2.delete_snapshot, SnapshotId=name)
            left += self._gone(self._volume, self._ec2.delete_volume, VolumeId=self._volume)
        return left

    def _gone(self, name: str, delete: Any, **what: str) -> list[str]:
        try:
            delete(**what)
        except ClientError as error:
            if not error.response["Error"]["Code"].endswith(".NotFound"):
                return [f"{name}: {error}"]
        return []

    def _describe(self, *filters: dict[str, Any]) -> list[dict[str, Any]]:
        mine = {"Name": "volume-id", "Values": [self._volume]}
        pages = self._ec2.get_paginator("describe_snapshots").paginate(
            OwnerIds=["self"], Filters=[mine, *filters]
        )
        return [item for page in pages for item in page["Snapshots"]]

    def _patterns(self) -> Seen:
        """Ask for a tag's value by a pattern and by the same letters with the star escaped."""
        name = "tag:k8s-snapshots-cluster"
        value = self._run[:-1]
        star, escaped = (
            len(self._describe({"Name": name, "Values": [f"{value}{end}"]})) for end in ("*", "\\*")
        )
        said = f"the filter {value}* finds {star}, with the star escaped {escaped}"
        return Seen("aws-filter-escape", said, bool(star) and not escaped)
