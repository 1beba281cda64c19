"""Progress, for who waits: a bar on a terminal, now and then a line elsewhere."""

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared.cli.progress import Lines
from shared.errors import Refused
from shared.passes.apply import apply
from shared.passes.deadline import Deadline
from shared.passes.progress import Advance
from shared.passes.run import run
from shared.request import Request
from shared.settings import Settings
from tests.clock import VirtualClock
from tests.emulators.ec2 import EC2
from tests.emulators.kube import Kube
from tests.shared.demo_aws import CLUSTER_FILE, seed
from tests.shared.passes.test_apply import FakeProvider, creating, deleting, plan_of
from tests.shared.passes.test_run import World
from tests.terminal import terminal
from tools.docs import ROOT


class Heard:
    """Remembers what it was told; implements `Progress`."""

    def __init__(self) -> None:
        self.steps: dict[str, tuple[int, int]] = {}

    @contextmanager
    def step(self, what: str, total: int = 0) -> Iterator[Advance]:
        self.steps[what] = (0, total)

        def advance(count: int) -> None:
            self.steps[what] = (self.steps[what][0] + count, total)

        yield advance


def test_a_pass_tells_of_each_step() -> None:
    """What it does, and how many of how many are done, failures among them."""
    world, heard = World(3), Heard()
    ports = world.ports._replace(progress=heard)
    run(Request(mode="backfill", wait=True), Settings(), ports, 300)
    assert {
        "reading the rules": (0, 0),
        "listing snapshots": (1, 1),
        "creating": (3, 3),
        "deleting": (0, 0),
        "waiting for completion": (0, 3),
    } == heard.steps


def test_deletions_are_counted_as_they_end() -> None:
    """Failures among them."""
    heard = Heard()
    provider = FakeProvider(errors={"b": Refused("in use")})
    clock = VirtualClock()
    plan = plan_of([creating("x")], map(deleting, "abc"))
    apply(plan, provider, Deadline(clock, 600, 60), 2, progress=heard)
    assert {"creating": (1, 1), "deleting": (3, 3)} == heard.steps


def test_what_is_short_prints_no_line(caplog: pytest.LogCaptureFixture) -> None:
    """Nor does it take longer for it."""
    caplog.set_level(logging.INFO)
    begun = time.monotonic()
    with Lines().step("creating", 5) as advance:
        advance(5)
    assert [] == caplog.messages
    assert time.monotonic() - begun < 1


def test_what_is_long_prints_a_line_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    """However often it is told, and also where it is not told at all."""
    caplog.set_level(logging.INFO)
    with Lines(0.2).step("creating", 500) as advance:
        for _ in range(50):
            advance(1)
            time.sleep(0.01)
    with Lines(0.2).step("reading the rules"):
        time.sleep(0.3)
    lines = caplog.messages
    assert 2 <= len(lines) <= 4
    assert lines[0].startswith("creating: ")
    assert " of 500, 0 s" in lines[0]
    assert "reading the rules: 0 s" == lines[-1]


def test_draws_a_bar_on_a_terminal_and_leaves_the_output_clean(tmp_path: Path) -> None:
    """The real command: the bar is on standard error, and what a program reads is JSON."""
    with EC2() as ec2, Kube() as kube:
        kube.load(CLUSTER_FILE)
        seed(ec2)
        ec2.fault("DescribeSnapshots", delay=1.5)
        config = kube.kubeconfig(tmp_path / "kubeconfig")
        environment = {"PATH": os.environ["PATH"], "KUBE_CONFIG_FILE": str(config)}
        out = tmp_path / "out.json"
        command = f"exec {sys.executable} -m functions.aws plan --json >{out}"
        with terminal(
            ["sh", "-c", command], environment | ec2.environment() | {"PYTHONPATH": str(ROOT)}
        ) as screen:
            assert 0 == screen.end()
        assert "listing snapshots" in screen.seen
        assert "━" in screen.seen
        assert "planned" in screen.seen
        assert out.read_text().startswith("{")
        assert "━" not in out.read_text()
