"""`make smoke` against the stand-ins: it tries what it says, and leaves nothing behind.

One trial runs the commands as processes, as `make smoke` does; the others call them.
"""

import io
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.aws import wiring as aws
from functions.gcp import wiring as gcp
from shared.cli.main import main
from shared.passes import awaiting
from tests.emulators.ec2 import EC2
from tests.emulators.gce import GCE
from tools.smoke import gcp as smoke_gcp
from tools.smoke.account import Account
from tools.smoke.aws import AWS
from tools.smoke.gcp import Google
from tools.smoke.trial import Run, Trial, by_process

REGION = "eu-west-1"


class Printed(list[str]):
    """What a trial said."""

    def text(self) -> str:
        return "\n".join(self)


@contextmanager
def completing(complete: Callable[[], None]) -> Iterator[None]:
    """Let pending snapshots complete meanwhile."""
    over = threading.Event()

    def loop() -> None:
        while not over.wait(0.2):
            complete()

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.fixture
def ec2(monkeypatch: pytest.MonkeyPatch) -> Iterator[EC2]:
    with EC2() as cloud:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        for name, value in cloud.environment(REGION).items():
            monkeypatch.setenv(name, value)
        yield cloud


def called(words: Sequence[str], environment: Mapping[str, str]) -> Run:
    """Run a command in this process."""
    build = aws.build if words[0] == "functions.aws" else gcp.build
    out, err, before = io.StringIO(), io.StringIO(), dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        with redirect_stdout(out), redirect_stderr(err):
            status = main("smoke", build, list(words[1:]))
    finally:
        os.environ.clear()
        os.environ.update(before)
    return Run(status, out.getvalue(), err.getvalue())


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(awaiting, "POLL", 0.3)
    monkeypatch.setattr(smoke_gcp, "LOOK", 0.1)


def trial(account: Account, cloud: Any, folder: Path, printed: Printed) -> Trial:
    """Make a trial whose waiting makes the snapshots older in place of taking time."""

    def sleep(seconds: float) -> None:
        cloud.age(timedelta(seconds=seconds))

    return Trial(account, "k8s-snapshots-smoke-test", folder, printed.append, sleep, called)


def snapshots_of(cloud: EC2) -> list[Any]:
    return list(cloud._backend(REGION).snapshots.values())


def test_on_aws(ec2: EC2, tmp_path: Path) -> None:
    """All steps pass, each assumption is told, and the account is as it was."""
    printed = Printed()
    with completing(ec2.complete):
        account = AWS("k8s-snapshots-smoke-test")
        made = trial(account, ec2, tmp_path, printed)
        made._command_by = by_process
        assert made.run(), printed.text()
    text = printed.text()
    assert "2. A backfill took one and waited" in text
    assert "3. A pass right behind it had nothing to do." in text
    assert "5. The rule was tightened; what the former one kept is held: " in text
    assert "is gone, by the cloud's word" in text
    assert "kind: VolumeSnapshotContent" in text
    assert "as assumed  aws-filter-escape" in text
    # moto tells no full size.
    assert [line.split()[1] for line in printed if "OTHERWISE" in line] == ["aws-full-size:"]
    assert text.endswith("Everything is removed again.")
    assert left(ec2) == []


def left(cloud: EC2) -> list[str]:
    mine = [s.id for s in snapshots_of(cloud) if s.owner_id == cloud.account]
    return [*mine, *cloud._backend(REGION).volumes]


def test_removes_everything_when_interrupted(ec2: EC2, tmp_path: Path) -> None:
    """Ctrl-C in the middle: the disk and its snapshots go, and the status says so."""
    printed = Printed()

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    with completing(ec2.complete):
        account = AWS("k8s-snapshots-smoke-test")
        made = Trial(account, "k8s-snapshots-smoke-test", tmp_path, printed.append, interrupt)
        assert not made.run()
    assert printed[-2:] == ["interrupted", "Everything is removed again."]
    assert left(ec2) == []


def test_names_what_it_cannot_remove(ec2: EC2, tmp_path: Path) -> None:
    printed = Printed()
    ec2.fault("CreateSnapshot", "UnauthorizedOperation")
    ec2.fault("DeleteVolume", "UnauthorizedOperation")
    account = AWS("k8s-snapshots-smoke-test")
    assert not trial(account, ec2, tmp_path, printed).run()
    (failed, behind) = printed[-2:]
    assert failed.startswith("FAILED: expected {'created': 1")
    assert "UnauthorizedOperation" in failed
    (volume,) = left(ec2)
    assert behind.startswith(f"LEFT BEHIND, remove it by hand: {volume}: ")


def test_a_held_deletion_that_goes_is_a_failure(ec2: EC2, tmp_path: Path) -> None:
    """The trial looks at the cloud, not at what the report says."""
    printed = Printed()
    account = AWS("k8s-snapshots-smoke-test")
    made = trial(account, ec2, tmp_path, printed)

    def lose(*arguments: str) -> Any:
        found = type(made)._pass(made, *arguments)
        if "--release-holds" in arguments:
            found["deletions"] = []
        return found

    made._pass = lose  # type: ignore[method-assign]
    with completing(ec2.complete):
        assert not made.run()
    assert "FAILED: the report says that [] went, the cloud" in printed.text()


PROJECT, ZONE = "my-project", "europe-west1-b"


@pytest.fixture
def gce(monkeypatch: pytest.MonkeyPatch) -> Iterator[GCE]:
    with GCE(project=PROJECT) as cloud:
        for name, value in cloud.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("ZONE", ZONE)
        yield cloud


def test_on_google_cloud(gce: GCE, tmp_path: Path) -> None:
    """The same steps; what the stand-in shows is as it was assumed."""
    printed, name = Printed(), "k8s-snapshots-smoke-test"

    def sleep(seconds: float) -> None:
        time.sleep(1.1)  # names tell the second
        gce.age(timedelta(seconds=seconds))

    with completing(gce.complete):
        assert Trial(Google(name), name, tmp_path, printed.append, sleep, called).run(), (
            printed.text()
        )
    text = printed.text()
    assert "by AnonymousCredentials" in text
    assert "is gone, by the cloud's word" in text
    assert "as assumed  google-conflict: an insert of a name that is taken answers 409" in text
    assert "OTHERWISE" not in text
    assert text.endswith("Everything is removed again.")
    assert gce.snapshots(PROJECT) == []
    assert gce._disks == {}


def test_on_google_cloud_interrupted(gce: GCE, tmp_path: Path) -> None:
    printed, name = Printed(), "k8s-snapshots-smoke-test"

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    with completing(gce.complete):
        account = Google(name)
        assert not Trial(account, name, tmp_path, printed.append, interrupt, called).run()
    assert printed[-2:] == ["interrupted", "Everything is removed again."]
    assert gce.snapshots(PROJECT) == []
    assert gce._disks == {}


def test_needs_to_be_told_where(monkeypatch: pytest.MonkeyPatch, gce: GCE) -> None:
    monkeypatch.delenv("ZONE")
    with pytest.raises(SystemExit, match="set GCLOUD_PROJECT and ZONE"):
        Google("k8s-snapshots-smoke-test")
