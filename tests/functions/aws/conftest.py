"""An embedded AWS, with a disk and a snapshot."""

import gc
from collections.abc import Iterator

import pytest

from shared.model import Disk, Snapshot
from tests.clock import VirtualClock
from tests.contract.cloud import seed
from tests.contract.passes import HOUR
from tests.emulators.ec2 import EC2
from tests.functions.aws.cloud import REGION, EC2Cloud


@pytest.fixture(scope="module")
def frozen() -> Iterator[None]:
    """Spare the garbage collector moto and EC2's model, which would be a third of all the time."""
    with EC2() as ec2:
        ec2.client().describe_snapshots()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def cloud(frozen: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[EC2Cloud]:
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
