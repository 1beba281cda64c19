"""The embedded AWS as the provider contract's `Cloud`."""

import os
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import boto3
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config

from functions.aws.snapshots import EBS
from shared.model import Disk, Snapshot, State
from shared.planning.labels import AWS, Labels
from tests.clock import VirtualClock
from tests.contract.cloud import ALWAYS, Kind, Trouble
from tests.emulators.ec2 import EC2, NO_TAGS

REGION = "eu-west-1"
NOWHERE = "http://127.0.0.1:1"
SECRETS = ("wJalrXUtnFEMIsecret", "IQoJb3JpZ2luX2Vjtoken")
ACTIONS: dict[Kind, str] = {
    "list": "DescribeSnapshots",
    "create": "CreateSnapshot",
    "delete": "DeleteSnapshot",
}
TROUBLES: dict[Trouble, dict[str, Any]] = {
    "throttled": {"error_code": "RequestLimitExceeded"},
    "denied": {
        "error_code": "UnauthorizedOperation",
        "message": "You are not authorized to perform this operation. "
        f"Encoded authorization failure message: {SECRETS[1]}",
    },
    "full": {"error_code": "PendingSnapshotLimitExceeded"},
    "down": {"error_code": "InternalError"},
    "cut off": {"timeout_before": True},
    "lost": {"timeout_after": True},
}
STATES: dict[str, State] = {"completed": "completed", "pending": "pending", "error": "failed"}

#: What a proxy may answer in place of EC2.
PAGES: dict[str, dict[str, Any]] = {
    "page with status 200": {"html": True, "status": 200},
    "page with status 502": {"html": True, "status": 502},
    "page that is no XML": {"html": "<!doctype html><title>Oops", "status": 200},
    "unreadable 502": {"html": "<!doctype html><title>Oops", "status": 502},
}
#: What EC2 says of a snapshot that AWS Backup owns.
BACKUP = "This snapshot is managed by the AWS Backup service and cannot be deleted via EC2 APIs."

#: Making a client costs more than most tests do, so that clouds hand them on.
_clients: dict[str, Any] = {}


class EC2Cloud:
    """EBS with real boto3 on the embedded AWS.

    `configs` tells of the clients that were made; `before_send` is called before each request of
    theirs, and may raise what the network would.
    """

    scopes = (REGION, "us-east-1", "ap-southeast-2")
    page_size = 5
    repeatable = False
    secrets = SECRETS

    def __init__(self, ec2: EC2, clock: VirtualClock) -> None:
        self.ec2, self.clock = ec2, clock
        ec2.clock, ec2.page_size = clock.now, self.page_size
        self.configs: list[Config] = []
        self.before_send: Callable[[], None] = lambda: None
        self.labels = Labels(AWS, cluster="demo")
        self.provider = EBS(
            self.labels, self.client, self._identity, clock.sleep, monotonic=clock.monotonic
        )

    def client(self, region: str, config: Config) -> Any:
        self.configs.append(config)
        environment = sorted(item for item in os.environ.items() if item[0].startswith("AWS_"))
        key = f"{region} {vars(config)} {environment}"
        if key not in _clients:
            ours = config.merge(Config(proxies={}))
            _clients[key] = session().client("ec2", region, endpoint_url=NOWHERE, config=ours)
        events = _clients[key].meta.events
        events.unregister("before-send.ec2", unique_id="cloud")
        events.register("before-send.ec2", self._send, unique_id="cloud")
        return _clients[key]

    def add_disk(self, scope: str, **details: Any) -> Disk:
        return Disk("aws", scope, self.ec2.add_volume(scope, **details))

    def missing_disk(self, scope: str) -> Disk:
        return Disk("aws", scope, "vol-0dead0dead0dead00")

    def spec(self, disk: Disk) -> dict[str, Any]:
        return {"region": disk.scope, "volumeId": disk.name}

    def seed(
        self,
        disk: Disk,
        started: datetime,
        labels: Mapping[str, str] = NO_TAGS,
        description: str = "",
        state: State = "completed",
    ) -> str:
        code = next(code for code, name in STATES.items() if name == state)
        return self.ec2.add_snapshot(
            disk.scope, disk.name, started=started, state=code, tags=labels, description=description
        )

    def complete(self) -> None:
        self.ec2.complete()

    def fail(self, snapshot_id: str) -> None:
        self.ec2.fail(snapshot_id)

    def protect(self, snapshot_id: str) -> None:
        self.ec2.in_use.add(snapshot_id)

    def snapshots(self) -> list[Snapshot]:
        return [
            Snapshot(
                id=record.id,
                disk=Disk("aws", region, record.volume_id),
                started=record.started.astimezone(UTC),
                state=STATES[record.state],
                labels=dict(record.tags),
            )
            for region in self.scopes
            for record in self.ec2.snapshots(region)
        ]

    def trouble(
        self,
        kind: Kind,
        trouble: Trouble,
        *,
        scope: str = "",
        disk: Disk | None = None,
        times: float = ALWAYS,
        after: int = 0,
    ) -> None:
        details = TROUBLES[trouble] | {"region": scope or None, "when": _when(disk, after)}
        self.ec2.fault(ACTIONS[kind], times=times, **details)

    def calm(self) -> None:
        self.ec2.faults.clear()

    def calls(self) -> Counter[str]:
        kinds: dict[str, str] = {action: kind for kind, action in ACTIONS.items()}
        return Counter(kinds.get(call.action, "other") for call in self.ec2.calls)

    def _send(self, request: AWSPreparedRequest, **_: Any) -> None:
        self.before_send()
        request.url = f"{self.ec2.url}/"

    def _identity(self) -> str:
        url, config = self.ec2.url, Config(proxies={})
        sts = session().client("sts", REGION, endpoint_url=url, config=config)
        return str(sts.get_caller_identity()["Arn"])


ELSEWHERE = EC2Cloud.scopes[1]


@cache
def session() -> boto3.Session:
    """Share one, which has read EC2's model."""
    return boto3.Session("AKIAIOSFODNN7EXAMPLE", *SECRETS)


def _when(disk: Disk | None, after: int) -> Callable[[Mapping[str, str]], bool]:
    left = after

    def when(params: Mapping[str, str]) -> bool:
        nonlocal left
        if disk and params.get("VolumeId") != disk.name:
            return False
        left -= 1
        return left < 0

    return when
