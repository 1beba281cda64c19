"""A stand-in for Compute Engine, with a disk, a snapshot and rules."""

from collections.abc import Iterator

import pytest

from shared.model import Disk, Snapshot
from tests.clock import VirtualClock
from tests.contract.cloud import MemoryRules, seed
from tests.contract.passes import HOUR
from tests.emulators.gce import GCE
from tests.functions.gcp.cloud import PROJECT, GCECloud


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[GCECloud]:
    """Let Google's client wait between retries in virtual time."""
    clock = VirtualClock()
    for module in ("retry_unary", "retry_base"):
        monkeypatch.setattr(f"google.api_core.retry.{module}.time", clock)
    with GCE() as gce:
        yield GCECloud(gce, clock)


@pytest.fixture
def disk(cloud: GCECloud) -> Disk:
    return cloud.add_disk(PROJECT)


@pytest.fixture
def rules(cloud: GCECloud) -> MemoryRules:
    return MemoryRules(cloud)


@pytest.fixture
def snapshot(cloud: GCECloud, disk: Disk) -> Snapshot:
    seed(cloud, disk, HOUR)
    return cloud.snapshots()[0]
