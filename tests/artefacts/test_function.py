"""The Cloud Function's artefact under functions-framework, against an embedded Google and cluster.

Its own virtual environment would take minutes to install: the libraries are the tests' own, which
requirements.txt is tested to be a part of.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.emulators.functions_framework import FunctionsFramework
from tests.emulators.gce import GCE
from tests.emulators.kube import Kube
from tests.test_requirements import pins
from tools.docs import ROOT

PROJECT, ZONE, DISK = "my-project", "europe-west1-b", "media-archive"
RULE = "P1D P7D"


class World(NamedTuple):
    """A Compute Engine, a cluster, and the function that runs beside them."""

    gce: GCE
    kube: Kube
    function: FunctionsFramework

    def changes(self) -> list[str]:
        return [call.method for call in self.gce.calls if "list" not in call.method.lower()]


def volume() -> dict[str, Any]:
    handle = f"projects/{PROJECT}/zones/{ZONE}/disks/{DISK}"
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": DISK, "annotations": {"backup.kubernetes.io/deltas": RULE}},
        "spec": {"csi": {"driver": "pd.csi.storage.gke.io", "volumeHandle": handle}},
    }


@pytest.fixture(scope="module")
def running(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Serve one volume with twelve daily snapshots to one instance of the function."""
    with GCE(project=PROJECT) as gce, Kube([volume()], tls=True) as kube:
        gce.add_disk(PROJECT, ZONE, DISK)
        labels = {"created-by": "k8s-snapshots", "k8s-snapshots-cluster": "demo"}
        for day in range(1, 13):
            gce.add_snapshot(
                PROJECT,
                f"zones/{ZONE}/disks/{DISK}",
                started=datetime.now(UTC) - timedelta(days=day, hours=2),
                labels=labels,
                description=json.dumps({"deltas": RULE}),
            )
        config = kube.kubeconfig(tmp_path_factory.mktemp("kube") / "config")
        environ = gce.environment() | {"KUBE_CONFIG_FILE": str(config)}
        with FunctionsFramework(marked(workspace), environ) as function:
            yield World(gce, kube, function)


def marked(workspace: Path) -> Path:
    """Give the artefact a version of its own, which its report then shows."""
    core = workspace / "shared" / "__init__.py"
    lines = core.read_text().splitlines()
    lines = [line for line in lines if not line.startswith("__version__")]
    core.write_text("\n".join([*lines, '__version__ = "0.0.0+artefact"']))
    return workspace


@pytest.fixture
def world(running: World) -> World:
    """Forget what earlier tests called."""
    running.gce.calls.clear()
    return running


def test_a_pass(world: World) -> None:
    """POST {} creates and deletes, and what answers is the artefact, not the tree."""
    status, done = world.function.send(b"{}")

    assert (status, done["outcome"], done["provider"]) == (200, "completed", "google")
    assert done["version"] == "0.0.0+artefact"
    assert done["summary"]["created"] == world.changes().count("snapshots.insert") == 1
    assert done["summary"]["deleted"] == world.changes().count("snapshots.delete") > 0


def test_cloud_schedulers_request_is_a_pass(world: World) -> None:
    """As the job that Terraform makes sends it."""
    event = json.loads((ROOT / "examples" / "events" / "cloud-scheduler.json").read_text())
    status, done = world.function.send(
        event["body"].encode(), method=event["method"], **event["headers"]
    )
    assert (status, done["outcome"], done["mode"]) == (200, "completed", "reconcile")


def test_an_empty_body_is_a_pass(world: World) -> None:
    """Cloud Scheduler may send nothing."""
    status, done = world.function.send()

    assert (status, done["mode"]) == (200, "reconcile")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_post_is_served(world: World, method: str) -> None:
    """Everything else is refused, and says what would do."""
    status, answered = world.function.send(method=method)

    assert (status, list(answered)) == (405, ["error"])
    assert world.gce.calls == []


@pytest.mark.parametrize("body", [b"{", b'{"mode": "dry-run"}', b"[]"])
def test_a_bad_request_is_refused(world: World, body: bytes) -> None:
    """What is no JSON, or not ours, is a 400 that says what was wrong."""
    status, answered = world.function.send(body)

    assert status == 400
    assert answered["error"]
    assert world.gce.calls == []


def test_a_pass_that_cannot_is_a_500(world: World) -> None:
    """Without a cluster the request fails, so that the scheduler sees it."""
    world.kube.stop()
    try:
        status, answered = world.function.send(b"{}")
    finally:
        world.kube.start()

    assert status == 500
    assert "cannot be reached" in answered["error"]


def test_every_line_of_the_log_is_json(world: World) -> None:
    """What the function prints is for Cloud Logging; only the server's own lines are not."""
    world.function.send(b'{"mode": "plan"}')

    lines = world.function.output().splitlines()
    entries = [json.loads(line) for line in lines if not line.startswith("[")]
    assert any("metrics" in entry for entry in entries)
    assert all("severity" in entry for entry in entries)


def test_nothing_of_aws_is_imported(workspace: Path) -> None:
    """main.py needs its own folder, and the pins of requirements.txt; none of AWS's."""
    script = "import sys, main, functions.gcp.snapshots; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=workspace, capture_output=True, text=True, check=True
    )
    imported = {name.partition(".")[0] for name in done.stdout.split()}
    assert not {"boto3", "botocore", "aws_lambda_powertools", "moto", "rich"} & imported
    assert not (workspace / "functions" / "aws").exists()


def test_its_requirements_are_pins(workspace: Path) -> None:
    """Cloud Build gets the pins as they are, with the target's framework among them."""
    found = workspace / "requirements.txt"
    assert found.read_bytes() == (ROOT / "functions" / "gcp" / "requirements.txt").read_bytes()
    assert "functions-framework" in pins("functions/gcp/requirements.txt")


def test_argparse_in_site_packages_harms_nothing() -> None:
    """PyPI's, which tarsnapper brings, stands behind the standard library's and is never seen."""
    script = "import argparse, sys; print(argparse.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "site-packages" not in done.stdout
