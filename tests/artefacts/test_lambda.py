"""The Lambda's artefact under AWS's own runtime client, against an embedded AWS and cluster."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from shared.planning.labels import CLUSTER, DELTAS
from tests.emulators.ec2 import EC2
from tests.emulators.kube import Kube
from tests.emulators.lambda_runtime import LambdaRuntime
from tools.build import SERVICES
from tools.docs import ROOT

VOLUME = "vol-0b6e4d2c8a0f91735"
RULE = "P1D P7D"


class World(NamedTuple):
    """An AWS, a cluster, and the function that runs beside them."""

    ec2: EC2
    kube: Kube
    runtime: LambdaRuntime

    def actions(self) -> list[str]:
        return [call.action for call in self.ec2.calls]


def volume(name: str, handle: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {"backup.kubernetes.io/deltas": RULE}},
        "spec": {
            "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": handle},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [{
                "key": "topology.ebs.csi.aws.com/zone",
                "operator": "In",
                "values": ["eu-west-1a"],
            }]}]}},
        },
    }  # fmt: skip


@pytest.fixture(scope="module")
def running(task_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Serve one volume with twelve daily snapshots to one instance of the function."""
    with EC2() as ec2, Kube([volume("ledger", VOLUME)], tls=True) as kube:
        ec2.add_volume("eu-west-1", volume_id=VOLUME)
        tags = {"created-by": "k8s-snapshots", CLUSTER: "demo", DELTAS: RULE}
        for day in range(1, 13):
            started = datetime.now(UTC) - timedelta(days=day, hours=2)
            ec2.add_snapshot("eu-west-1", VOLUME, started=started, tags=tags)
        config = kube.kubeconfig(tmp_path_factory.mktemp("kube") / "config")
        environ = ec2.environment() | {"KUBE_CONFIG_FILE": str(config)}
        with LambdaRuntime(task_root, environ) as runtime:
            yield World(ec2, kube, runtime)


@pytest.fixture
def world(running: World) -> World:
    """Forget what earlier tests called."""
    running.ec2.calls.clear()
    running.ec2.faults.clear()
    return running


def test_a_plan_and_then_the_pass(world: World) -> None:
    """The artefact plans, creates and deletes, tarsnapper's confirmation included."""
    kind, planned = world.runtime.invoke({"mode": "plan"})
    assert (kind, planned["outcome"]) == ("response", "completed")
    assert set(world.actions()) == {"DescribeSnapshots"}

    kind, done = world.runtime.invoke({})

    assert (kind, done["outcome"]) == ("response", "completed")
    assert (done["summary"]["created"], done["rules_from"]) == (1, "cluster")
    assert done["summary"]["deleted"] == planned["summary"]["deleted"] > 0
    assert done["summary"]["created"] == world.actions().count("CreateSnapshot")
    assert done["summary"]["deleted"] == world.actions().count("DeleteSnapshot")
    assert done["summary"].get("unconfirmed", 0) == 0
    metrics = [line for line in world.runtime.output().splitlines() if '"_aws"' in line]
    assert json.loads(metrics[-1])["SnapshotsCreated"] == [1]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "examples" / "events").glob("event*")), ids=lambda path: path.stem
)
def test_schedulers_events_are_passes(world: World, path: Path) -> None:
    """What EventBridge sends, by rule, by schedule, with and without an input of ours."""
    kind, done = world.runtime.invoke(json.loads(path.read_text()))
    assert (kind, done["outcome"], done["mode"]) == ("response", "completed", "reconcile")
    assert world.actions().count("DescribeSnapshots") == 1


def test_a_bad_payload_is_an_error(world: World) -> None:
    """The runtime posts the error, by its type and with what would be right."""
    kind, error = world.runtime.invoke({"mode": "dry-run"})

    assert (kind, error["errorType"]) == ("error", "RequestError")
    assert error["errorMessage"].startswith("mode:")
    assert world.ec2.calls == []


def test_what_runs_is_the_artefact(world: World, task_root: Path) -> None:
    """A traceback names files of the task root, and none of the tree."""
    _, error = world.runtime.invoke({"mode": "dry-run"})

    assert all(f'"{task_root}/' in line for line in error["stackTrace"])


def test_a_pass_that_cannot_is_an_error(world: World) -> None:
    """Without a cluster the invocation fails; with it the same instance works again."""
    world.kube.stop()
    try:
        kind, error = world.runtime.invoke({})
    finally:
        world.kube.start()

    assert (kind, error["errorType"]) == ("error", "ClusterError")
    assert "cannot be reached" in error["errorMessage"]
    assert world.ec2.calls == []


def test_lambdas_deadline_is_the_passs(world: World) -> None:
    """What Lambda says of the remaining time reaches the pass: with none, nothing is begun."""
    world.ec2.add_volume("eu-west-1", volume_id="vol-0c47d9e18f2a6b503")
    world.kube.add(volume("late", "vol-0c47d9e18f2a6b503"))

    kind, answered = world.runtime.invoke({}, remaining=0)

    assert kind == "response", answered
    assert (answered["summary"]["created"], answered["summary"]["deferred"]) == (0, 1)


def test_a_handler_that_is_not_there_ends_the_instance(task_root: Path) -> None:
    """The stand-in takes an error of the initialization too, as Lambda does."""
    with LambdaRuntime(task_root, {}, "functions.aws.missing.handler") as runtime:
        kind, error = runtime.invoke({})

    assert (kind, error["errorType"]) == ("init/error", "Runtime.ImportModuleError")


def python(root: Path, script: str) -> str:
    """Run a script with the task root as all there is beside the standard library."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],
        cwd=root,
        env={"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_module_can_be_imported(task_root: Path) -> None:
    """Nothing that was left out is missed, and the standard library's argparse is the only one."""
    script = """
import argparse, importlib, pkgutil, functions.aws, shared, kubernetes.client, kubernetes.config
people = {"shared.cli.console", "shared.cli.exposition", "shared.cli.tables"}
people |= {"functions.aws.__main__", "shared.cli.watch"}
for package in (functions.aws, shared):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if found.name not in people:
            importlib.import_module(found.name)
import tarsnapper.expire
print(argparse.__file__)
"""
    assert not python(task_root, script).startswith(str(task_root))


def test_the_clients_that_are_needed_can_be_made(task_root: Path) -> None:
    """Each service that was kept has its model, and endpoints in every partition."""
    script = f"""
import boto3
session = boto3.Session("key", "secret")
for service in {SERVICES!r}:
    for region in ("eu-west-1", "us-gov-west-1", "cn-north-1"):
        client = session.client(service, region_name=region)
        assert region in client.meta.endpoint_url, client.meta.endpoint_url
session.client("ec2", "eu-west-1").get_paginator("describe_snapshots")
print(*session.get_available_services())
"""
    assert sorted(python(task_root, script).split()) == sorted(SERVICES)


def test_no_client_is_made_that_was_left_out() -> None:
    """Each service that the function's code names is one that the artefact keeps."""
    code = "".join(path.read_text() for path in (ROOT / "functions" / "aws").glob("*.py"))
    named = set(re.findall(r"""\bclient\(\s*"([a-z0-9-]+)""", code))
    assert {"ec2", "sts"} <= named <= set(SERVICES)
