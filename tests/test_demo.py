"""`make demo`: the README's first command."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_shows_a_plan_a_pass_and_a_pass_with_nothing_to_do() -> None:
    """The demo prints its three parts and succeeds, whichever AWS and cluster the shell knows."""
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
    _, plan, first, second, third = re.split(r"^(?=[1-4]\. )", done.stdout, flags=re.MULTILINE)
    assert plan.startswith("1. A plan from the command line")
    would, deletions = counted(plan, r"would be (\d+) created; would be (\d+) deleted")
    assert (would, deletions > 0) == (7, True)
    assert "Nothing was changed." in plan
    assert "'P3OD' is not an ISO 8601 duration" in plan
    assert first.startswith("2. A pass")
    assert counted(first, r"; (\d+) created; (\d+) deleted") == (would, deletions)
    assert f"2 DescribeSnapshots, 7 CreateSnapshot, {deletions} DeleteSnapshot" in first
    assert second.startswith("3. The next pass: the new snapshots are still pending")
    assert counted(second, r"; (\d+) created; (\d+) deleted") == (0, 0)
    assert "Nothing to do.\nCalls to the cloud: 2 DescribeSnapshots\n" in second
    assert third.startswith("4. The cluster's API is gone")
    assert "rules from the mirror file:///" in third
    assert counted(third, r"; (\d+) created; (\d+) deleted") == (0, 0)


def counted(text: str, pattern: str) -> tuple[int, int]:
    """Read what a summary counts."""
    match = re.search(pattern, text)
    assert match
    return int(match[1]), int(match[2])
