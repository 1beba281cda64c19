"""What a pass changes, at any width: every word can be read, and ids can be copied."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from shared.cli import tables
from shared.cli.changes import DISKS, title
from shared.errors import DiskFailed
from shared.passes.run import Outcome, run
from shared.planning.names import Names
from shared.request import Request
from shared.settings import Settings
from tests.shared.builders import DAY, HOUR, NOW, hourly, snapshot
from tests.shared.fake_cloud import FakeCloud, FakeCluster, ports
from tests.shared.objects_builders import (
    DISK,
    OTHER_DISK,
    OTHER_VOL,
    by_disk,
    claim,
    snapshot_rule,
    volume,
)
from tests.shared.passes.test_run import World

#: kube-prometheus' claim, and a disk as GKE's provisioner calls it.
LONG = "prometheus-monitoring-kube-prometheus-prometheus-db-prometheus-monitoring-kube-prometheus-0"


def outcome(cluster: FakeCluster, cloud: FakeCloud, mode: Any = "plan") -> Outcome:
    return run(Request(mode=mode), Settings(), ports(cluster, cloud))


def printed(found: Outcome, width: int = 80, **how: bool) -> str:
    console = Console(file=StringIO(), width=width, highlight=False)
    tables.outcome(found, "UTC", console, **how)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def nightly(**cloud: Any) -> tuple[FakeCluster, FakeCloud]:
    """Make a disk of which one is due and four go, and one to which nothing happens."""
    other = snapshot_rule("quiet", deltas="P1D P7D", **by_disk(OTHER_VOL))
    cluster = FakeCluster(
        claim(name=LONG, deltas="P1D P7D"), volume(claimed_by=("shop", LONG)), other
    )
    quiet = snapshot("snap-quiet", NOW - HOUR, disk=OTHER_DISK)
    history = hourly(12, NOW - DAY, DAY, disk=DISK, deltas="P1D P7D")
    return cluster, FakeCloud([*history, quiet], **cloud)


def test_only_what_changes_is_shown() -> None:
    """By claim, with what and why; all is there with -o wide."""
    found = outcome(*nightly())
    text = printed(found)
    assert f"shop/{LONG}" in text
    assert "create   the last one began 1 d ago; interval 1 d" in text
    assert "delete   … 2 more: -o wide" in text
    assert OTHER_VOL not in text
    assert "Nothing was changed." in " ".join(text.split())
    wide = printed(found, wide=True)
    assert OTHER_VOL in wide
    assert "a snapshot every day; daily for 7 days" in " ".join(wide.split())
    assert 4 == wide.count("  delete   snap-")


@pytest.mark.parametrize("width", [40, 80, 120, 200])
@pytest.mark.parametrize("wide", [False, True])
def test_every_name_can_be_copied(width: int, wide: bool) -> None:
    """No id is cut in two where lines are wide enough for it."""
    found = outcome(*nightly())
    text = printed(found, width, wide=wide)
    shown = found.report.deletions if wide else found.report.deletions[:2]
    assert all(done.snapshot in text for done in shown)
    assert LONG in text
    assert all(len(line) <= max(width, len(f"shop/{LONG}") + 4) for line in text.splitlines())


def test_a_pass_says_what_it_did_and_what_failed() -> None:
    """In the past tense, new snapshots by their ids, failures with the cloud's words."""
    cluster, cloud = nightly(failing={OTHER_VOL: DiskFailed("The volume is gone", "gone")})
    del cloud.snapshots["snap-quiet"]
    text = printed(outcome(cluster, cloud, "reconcile"))
    assert "created  snap-" in text
    assert "deleted  snap-" in text
    assert "shop-rule-quiet (aws:eu-west-1/" in text
    assert "failed   create: The volume is gone" in text


def test_what_is_held_says_until_when() -> None:
    """And not the whole of what would go otherwise."""
    cluster, cloud = nightly()
    tightened = hourly(20, NOW - DAY, DAY, disk=DISK, deltas="P1D P30D")
    cloud.snapshots = {s.id: s for s in tightened}
    text = " ".join(printed(outcome(cluster, cloud)).split())
    assert "'P1D P30D', which this disk's snapshots name, keeps it" in text
    assert "would go" not in text


def test_many_disks_are_cut() -> None:
    """Where an estate is new nobody reads each disk."""
    world = World(DISKS + 5)
    assert "5 more disks: -o wide or -o json has all" in printed(world.run(mode="plan"))


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (Names("shop/data", "pv-1", "r"), "shop/data (volume pv-1, aws:x/vol-1)"),
        (Names("", "pv-1", "r"), "pv-1 (aws:x/vol-1)"),
        (Names("", "", "ns-rule-r"), "ns-rule-r (aws:x/vol-1)"),
        (Names(), "aws:x/vol-1"),
    ],
)
def test_people_think_in_claims(names: Names, shown: str) -> None:
    """Then volume, rule, and the cloud's id last."""
    assert shown == title("aws:x/vol-1", names)


def test_gkes_disks_are_called_like_their_volumes() -> None:
    """Which is said once."""
    disk = "google:p/zones/z/disks/pvc-3d4a9b0e-2f3c-4c59-9f34-6f1d0f5a2b11"
    names = Names("shop/data", "pvc-3d4a9b0e-2f3c-4c59-9f34-6f1d0f5a2b11", "")
    assert f"shop/data ({disk})" == title(disk, names)
