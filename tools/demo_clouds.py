"""The embedded clouds and clusters of `make demo`, and how their functions are invoked."""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from shared.model import Disk
from shared.ports import Volumes
from shared.retention.deltas import parse
from shared.retention.kernel import keep
from shared.sources.file import RulesFile
from tests.emulators.kube import Kube

if TYPE_CHECKING:
    from tests.emulators.gce import GCE

ROOT = Path(__file__).parent.parent
#: Disks with a history: how many days of it were never expired.
HISTORIES = {
    "vol-0b6e4d2c8a0f91735": ("P1D P7D P1M P1Y", 12),
    "vol-0c47d9e18f2a6b503": ("P1D P7D P90D", 0),
    "regions/europe-west1/disks/ledger": ("P1D P7D P1M P1Y", 12),
    "zones/europe-west1-b/disks/media-archive": ("P1D P7D P90D", 0),
}


class Show(NamedTuple):
    """One cloud, ready: the command line's build, how to invoke the function, the calls so far.

    `complete` lets pending snapshots complete, `age` makes all older.
    """

    title: str
    cluster: Kube
    invocation: str
    build: Any
    invoke: Callable[[], dict[str, Any]]
    calls: Callable[[], list[str]]
    complete: Callable[[], None]
    age: Callable[[timedelta], None]


def aws(stack: ExitStack) -> Show:
    """Start an AWS, and invoke the Lambda's handler as EventBridge Scheduler does."""
    from functions.aws.handler import handler
    from functions.aws.volumes import EBSVolumes
    from functions.aws.wiring import build
    from tests.emulators.ec2 import EC2

    cloud = stack.enter_context(EC2())
    path = ROOT / "examples" / "demo-cluster.yaml"
    for disk in disks(path, EBSVolumes()):
        cloud.add_volume(disk.scope, volume_id=disk.name)
        for started, labels in history(disk):
            cloud.add_snapshot(disk.scope, disk.name, started=started, tags=labels)

    def invoke() -> dict[str, Any]:
        with redirect_stdout(StringIO()):  # the metrics, which CloudWatch would have
            return handler({}, Context())

    title, cluster = start(stack, path, cloud.environment(), f"An AWS at {cloud.url}")
    return Show(
        title=title,
        cluster=cluster,
        invocation="functions.aws.handler.handler({}, context)",
        build=build,
        invoke=invoke,
        calls=lambda: [call.action for call in cloud.calls],
        complete=cloud.complete,
        age=cloud.age,
    )


class Context:
    """What Lambda hands to a function beside the event."""

    aws_request_id = "demo"

    def get_remaining_time_in_millis(self) -> int:
        """Give the milliseconds until Lambda's time-out."""
        return 600_000


def gcp(stack: ExitStack) -> Show:
    """Start a Compute Engine, and serve the function by the functions framework."""
    from functions.gcp.volumes import PersistentDisks
    from functions.gcp.wiring import build
    from tests.emulators.gce import GCE

    cloud = stack.enter_context(GCE(project="acme-data"))
    path = ROOT / "examples" / "demo-cluster-google.yaml"
    for disk in disks(path, PersistentDisks("acme-data")):
        seed(cloud, disk)
    title, cluster = start(stack, path, cloud.environment(), f"A Compute Engine at {cloud.url}")
    url = stack.enter_context(served())

    def invoke() -> dict[str, Any]:
        request = urllib.request.Request(url, data=b"{}", method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    return Show(
        title=title,
        cluster=cluster,
        invocation=f"$ curl -X POST -d '{{}}' {url}   (functions-framework --target reconcile)",
        build=build,
        invoke=invoke,
        calls=lambda: [call.method for call in cloud.calls],
        complete=cloud.complete,
        age=cloud.age,
    )


def seed(cloud: "GCE", disk: Disk) -> None:
    """Add a disk and its snapshots; one whose zone the cluster leaves open is of europe-west1-b."""
    place, name = disk.name.split("/")[-3:-2], disk.name.rpartition("/")[2]
    where = place[0] if place else "europe-west1-b"
    cloud.add_disk(disk.scope, where, name)
    found = Disk("google", disk.scope, disk.name if place else f"zones/{where}/{disk.name}")
    for started, labels in history(found):
        text = json.dumps({"deltas": HISTORIES[found.name][0]})
        cloud.add_snapshot(disk.scope, found.name, started=started, labels=labels, description=text)


@contextmanager
def served() -> Iterator[str]:
    """Serve the Google function as a process and give its address."""
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    target = ["--target", "reconcile", "--source", "functions/gcp/main.py"]
    where = ["--host", "127.0.0.1", "--port", str(port)]
    command = [sys.executable, "-m", "functions_framework", *target, *where]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait()


def start(
    stack: ExitStack, path: Path, environment: Mapping[str, str], cloud: str
) -> tuple[str, Kube]:
    """Serve the example cluster and point the environment at both, and at a mirror; say so."""
    cluster = stack.enter_context(Kube())
    cluster.load(path)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    os.environ.update(environment)
    os.environ["KUBE_CONFIG_FILE"] = str(cluster.kubeconfig(folder / "kubeconfig"))
    os.environ["MIRROR_URL"] = f"file://{folder}/rules.json"
    title = f"{cloud} and a cluster at {cluster.url}, both embedded; the cluster is {path.name}."
    return title, cluster


def disks(path: Path, volumes: Volumes) -> Iterable[Disk]:
    """Tell the disks of an example cluster."""
    objects = RulesFile(str(path)).read()
    found = {disk for volume in objects.volumes if (disk := volumes.from_volume(volume))}
    rules = (rule.spec for rule in objects.rules)
    named = (spec["disk"] for spec in rules if spec.get("backend") == volumes.backend)
    return sorted(found | {volumes.from_spec(spec) for spec in named})


def history(disk: Disk) -> Iterable[tuple[datetime, dict[str, str]]]:
    """Make daily snapshots of two years that expired as the deltas say, but for the last days."""
    if disk.name not in HISTORIES:
        return []
    deltas, idle = HISTORIES[disk.name]
    now = datetime.now(UTC).replace(microsecond=0)
    days = [now - timedelta(days=day, hours=2) for day in range(700, 0, -1)]
    expired, recent = days[: 700 - idle], days[700 - idle :]
    kept, _ = keep(expired, parse(deltas).resolve(expired[-1]))
    labels = {"created-by": "k8s-snapshots", "k8s-snapshots-cluster": "demo"}
    if disk.provider == "aws":
        labels["k8s-snapshots-deltas"] = deltas
    return [(time, labels) for time in [*(expired[n] for n in sorted(kept)), *recent]]
