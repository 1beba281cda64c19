"""Ctrl-C in the middle of a pass, by the command as a process against stand-ins."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.emulators.ec2 import ALWAYS, EC2
from tests.emulators.kube import Kube
from tests.shared.objects_builders import by_disk, snapshot_rule
from tools.docs import ROOT

#: More than are under way at once, so that some are left.
DISKS = [f"vol-{number:017x}" for number in range(40)]
COMMAND = [sys.executable, "-c", "import functions.command as c; raise SystemExit(c.main())"]


class Site:
    """A cluster of many disks, an AWS that takes its time, and a bucket in a folder."""

    def __init__(self, ec2: EC2, kube: Kube, folder: Path) -> None:
        self.ec2 = ec2
        for disk in DISKS:
            ec2.add_volume("eu-west-1", volume_id=disk)
        rules = [snapshot_rule(disk[-4:], deltas="P1D P7D", **by_disk(disk)) for disk in DISKS]
        (folder / "rules.yaml").write_text(yaml.safe_dump_all(rules))
        kube.load(folder / "rules.yaml")
        self._environment = ec2.environment() | {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "KUBE_CONFIG_FILE": str(kube.kubeconfig(folder / "kubeconfig")),
            "MIRROR_URL": f"file://{folder}/rules.json",
            "LOG_LEVEL": "ERROR",
        }

    def begin(self) -> "subprocess.Popen[str]":
        """Start a pass."""
        return subprocess.Popen(
            [*COMMAND, "reconcile", "--cloud", "aws"],
            cwd=ROOT, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip

    def made(self) -> list[str]:
        """Name the disks that have a snapshot, each as often as it has one."""
        return sorted(record.volume_id for record in self.ec2.snapshots("eu-west-1"))

    def wait_for(self, calls: int) -> None:
        """Wait until so many snapshots have been asked for."""
        until = time.monotonic() + 30
        while len(self.ec2.calls_of("CreateSnapshot")) < calls and time.monotonic() < until:
            time.sleep(0.05)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with EC2() as ec2, Kube() as kube:
        yield Site(ec2, kube, tmp_path)


def test_what_was_done_is_told_and_the_next_pass_does_the_rest(site: Site) -> None:
    """Calls under way come to their end, nothing new begins, and no lease is in the next's way."""
    slow = site.ec2.fault("CreateSnapshot", delay=1.0, times=ALWAYS)
    process = site.begin()
    site.wait_for(4)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)

    made = site.made()
    assert 130 == process.returncode
    assert "k8s-snapshots: interrupted; what was done is above" in err
    assert "Traceback" not in err
    assert 4 <= len(made) < len(DISKS)
    assert f"{len(made)} created; 0 deleted" in out

    slow.times = 0
    process = site.begin()
    out, err = process.communicate(timeout=60)
    assert (0, "") == (process.returncode, err)
    assert f"{len(DISKS) - len(made)} created; 0 deleted" in out
    assert DISKS == site.made()


def test_a_second_ctrl_c_ends_it_at_once(site: Site) -> None:
    """Without a traceback, and without a second snapshot of any disk by the next pass."""
    slow = site.ec2.fault("CreateSnapshot", delay=4.0, times=ALWAYS)
    process = site.begin()
    site.wait_for(4)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert 130 == process.returncode
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith("k8s-snapshots: interrupted")

    slow.times = 0
    site.begin().communicate(timeout=60)
    assert sorted(set(site.made())) == site.made()
