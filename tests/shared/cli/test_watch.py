"""`status --watch`: looked at again and again, until Ctrl-C."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from shared.cli.main import main
from shared.environment import load
from shared.settings import Settings
from tests.clock import VirtualClock
from tests.emulators.ec2 import EC2
from tests.emulators.kube import Kube
from tests.shared.builders import hourly
from tests.shared.demo_aws import CLUSTER_FILE, seed
from tests.shared.fake_cloud import FakeCloud, FakeCluster, ports
from tests.shared.objects_builders import DISK, by_disk, snapshot_rule
from tests.terminal import terminal
from tools.docs import ROOT

RULE = snapshot_rule(deltas="P1D P7D", **by_disk())


class Looks(VirtualClock):
    """A clock on which somebody presses Ctrl-C after so many sleeps; each may do something."""

    def __init__(self, *between: Callable[[], None]) -> None:
        super().__init__()
        self.between = [*between]
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.slept.append(seconds)
        if not self.between:
            raise KeyboardInterrupt
        self.between.pop(0)()


Watched = tuple[int, str, str]


@pytest.fixture
def watched(capsys: pytest.CaptureFixture[str]) -> Callable[..., Watched]:
    def run(
        clock: Looks, cluster: FakeCluster, *arguments: str, cloud: FakeCloud | None = None
    ) -> Watched:
        def build(environ: Mapping[str, str], source: object) -> Any:
            return load(Settings, environ), ports(cluster, cloud or FakeCloud(clock=clock))

        return main("k8s-snapshots", build, ["status", *arguments]), *capsys.readouterr()

    return run


def test_each_look_is_a_block_with_its_time(watched: Callable[..., Watched]) -> None:
    """Where the output is no terminal; nothing but the blocks is said."""
    clock = Looks(lambda: None)
    status, out, err = watched(clock, FakeCluster(RULE), "--watch", "90")
    first, second, end = out.split("\n\n")
    assert (130, "", "k8s-snapshots: interrupted\n") == (status, end, err)
    assert [90.0, 90.0] == clock.slept
    assert "2026-06-15 12:00:00 UTC" == first.splitlines()[0]
    assert "2026-06-15 12:01:30 UTC" == second.splitlines()[0]
    assert first.splitlines()[-1] == second.splitlines()[-1] == "1 disk: 1 never"


def test_a_look_that_fails_is_said_and_the_next_may_succeed(
    watched: Callable[..., Watched],
) -> None:
    """A cluster is away for a minute: no reason to end."""
    cluster = FakeCluster(RULE)
    away = "the API cannot be reached"
    clock = Looks(lambda: setattr(cluster, "error", away), lambda: setattr(cluster, "error", ""))
    _, out, _ = watched(clock, cluster, "--watch")
    assert [1, 1, 1] == [
        block.count(text)
        for block, text in zip(out.split("\n\n"), ("1 disk", away, "1 disk"), strict=False)
    ]
    assert [60.0] * 3 == clock.slept


def test_a_first_look_that_fails_ends_it(watched: Callable[..., Watched]) -> None:
    """As `status` does, with its status: a setting is wrong, most likely."""
    done = watched(Looks(), FakeCluster(error="the API cannot be reached"), "--watch")
    assert (2, "", "k8s-snapshots: the API cannot be reached\n") == done


def test_redraws_a_terminal_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    """The real command against stand-ins, in a terminal with room for few lines: no traceback."""
    with EC2() as ec2, Kube() as kube:
        kube.load(CLUSTER_FILE)
        seed(ec2)
        config = kube.kubeconfig(tmp_path / "kubeconfig")
        environment = {"PATH": os.environ["PATH"], "KUBE_CONFIG_FILE": str(config)}
        command = [sys.executable, "-m", "functions.aws", "status", "--watch", "5"]
        with terminal(
            command, environment | ec2.environment() | {"PYTHONPATH": str(ROOT)}, height=10
        ) as screen:
            first = screen.wait("11 disks")
            assert "again every 5 s; Ctrl-C ends" in first
            assert "more lines; -n and --claim select" in first
            screen.forget()
            second = screen.wait("11 disks")
            screen.type("\x03")
            assert 130 == screen.end()
            assert "\x1b[2J" in second
            assert "interrupted" in screen.seen
            assert "Traceback" not in first + second + screen.seen


def test_says_on_the_screen_what_could_not_be_listed(watched: Callable[..., Watched]) -> None:
    """What is only logged is gone when the screen is drawn anew: "all ok" would stay."""
    for arguments in ([], ["--watch"]):
        clock = Looks()
        cloud = FakeCloud(hourly(1, clock.now(), disk=DISK), clock=clock,
                          incomplete={"eu-west-1": "boom"})  # fmt: skip
        _, out, _ = watched(clock, FakeCluster(RULE), *arguments, cloud=cloud)
        assert "the listing of eu-west-1 is incomplete: boom" in out
