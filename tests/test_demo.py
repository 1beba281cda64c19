"""`make demo`: the README's first command."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_shows_a_cluster_from_its_first_look_to_its_end() -> None:
    """The demo prints its six parts and succeeds, whichever AWS and cluster the shell knows."""
    environment = os.environ | {
        "CLOUD": "aws",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "KUBE_CONFIG_FILE": "/no/such/kubeconfig",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tools.demo"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    _, there, plan, first, points, gone, restored = re.split(
        r"^(?=[1-6]\. )", done.stdout, flags=re.MULTILINE
    )
    assert "11 disks: 8 never, 2 late, 1 uncovered" in there
    would, deletions = counted(plan, r"would be (\d+) created; would be (\d+) deleted")
    assert (would, deletions > 0) == (9, True)
    assert "Nothing was changed." in plan
    assert "'P3OD' is not an ISO 8601 duration" in plan
    assert counted(first, r"; (\d+) created; (\d+) deleted") == (would, deletions)
    assert f"2 DescribeSnapshots, 9 CreateSnapshot, {deletions} DeleteSnapshot" in first
    before, after = points.split("and behind it:")
    assert "35 snapshots: 24 kept, 11 to go" in before
    assert "25 snapshots: 24 kept" in after
    assert "daily for 7 days      7 of 7  " in after
    assert counted(gone, r"; (\d+) created; (\d+) deleted") == (9, 0)
    assert "kind: VolumeSnapshotContent" in restored
    assert "k8s-snapshots plan" in restored
    assert len(done.stdout.splitlines()) < 150
    page = ROOT / "build" / "demo-report.html"
    assert str(page) in first
    assert "erp/ledger-data" in page.read_text()


def counted(text: str, pattern: str) -> tuple[int, int]:
    """Read what a summary counts."""
    match = re.search(pattern, text)
    assert match
    return int(match[1]), int(match[2])
