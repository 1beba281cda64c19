"""`make demo`: the main job on an embedded cloud and cluster, with no account and no cluster.

Starts moto's server, made honest, as the AWS and a small Kubernetes API that serves
examples/demo-cluster.yaml; both are spoken to over HTTP by the real clients. Then a plan and two
reconciles run through the Lambda's own handler.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, redirect_stdout
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec

from functions.aws.handler import handler
from functions.aws.volumes import EBSVolumes
from functions.aws.wiring import build
from shared import render
from shared.cli import main as command_line
from shared.deltas import parse
from shared.files import RulesFile
from shared.report import Report
from shared.retention import keep
from tests.emulators.ec2 import EC2
from tests.emulators.kube import Kube

CLUSTER = Path(__file__).parent.parent / "examples" / "demo-cluster.yaml"

LEDGER = "vol-0b6e4d2c8a0f91735"
ARCHIVE = "vol-0c47d9e18f2a6b503"
TAGS = {"created-by": "k8s-snapshots"}


class Context:
    """What Lambda hands to a function beside the event."""

    aws_request_id = "demo"

    def get_remaining_time_in_millis(self) -> int:
        """Give the milliseconds until Lambda's time-out."""
        return 60_000


def main() -> int:
    """Run the demo; fails where it shows something else than it says."""
    begin = time.monotonic()
    with ExitStack() as stack:
        cloud = stack.enter_context(EC2())
        cluster = stack.enter_context(Kube())
        cluster.load(CLUSTER)
        seeded = seed(cloud)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        os.environ.update(cloud.environment())
        os.environ["LOG_LEVEL"] = "WARNING"  # what each pass did is in its report
        os.environ["KUBE_CONFIG_FILE"] = str(cluster.kubeconfig(folder / "kubeconfig"))
        say(
            f"An AWS at {cloud.url} and a cluster at {cluster.url}, both embedded.\n"
            f"The cluster is {CLUSTER.name}; {seeded} snapshots of the past two years are there."
        )
        say("\n1. A plan from the command line: what a pass would do, and why\n"
            "   $ python -m functions.aws plan\n")  # fmt: skip
        status = command_line("python -m functions.aws", build, ["plan"])
        first = invoke("2. A pass of the Lambda: it is done", cloud)
        second = invoke("3. The next pass: the new snapshots are still pending", cloud)
        say(f"The demo took {time.monotonic() - begin:.0f} s.")
        done, idle = first["summary"], second["summary"]
        shown = status == 0 and done["created"] and done["deleted"]
        return 0 if shown and not idle["created"] and not idle["deleted"] else 1


def seed(cloud: EC2) -> int:
    """Make the volumes, and for two of them a history as a pass every day would have left it."""
    for region, volume in volumes():
        cloud.add_volume(region, volume_id=volume)
    now = datetime.now(UTC).replace(microsecond=0)
    ledger = history(now, "P1D P7D P1M P1Y", days=700, idle=12)
    archive = history(now, "P1D P7D P90D", days=90, idle=0)
    for volume, deltas, times in ((LEDGER, "P1D P7D P1M P1Y", ledger),
                                  (ARCHIVE, "P1D P7D P90D", archive)):  # fmt: skip
        tags = TAGS | {"k8s-snapshots-cluster": "demo", "k8s-snapshots-deltas": deltas}
        for started in times:
            cloud.add_snapshot("eu-west-1", volume, started=started, tags=tags)
    return len(ledger) + len(archive)


def volumes() -> Iterator[tuple[str, str]]:
    """Tell the volumes of the demo's cluster by their ids, in the regions where they are."""
    objects = RulesFile(str(CLUSTER)).read()
    for volume in objects.volumes:
        disk = EBSVolumes().from_volume(volume)
        if disk:
            yield disk.scope, disk.name
    for rule in objects.rules:
        if "disk" in rule.spec:
            yield rule.spec["disk"]["region"], rule.spec["disk"]["volumeId"]


def history(now: datetime, deltas: str, *, days: int, idle: int) -> list[datetime]:
    """Make what is left of daily snapshots that expired as the deltas say until `idle` days ago.

    After that they were still taken, but nothing expired any more.
    """
    times = [now - timedelta(days=day, hours=2) for day in range(days, idle, -1)]
    kept, _ = keep(times, parse(deltas).resolve(times[-1]))
    recent = [now - timedelta(days=day, hours=2) for day in range(idle, 0, -1)]
    return [times[index] for index in sorted(kept)] + recent


def invoke(title: str, cloud: EC2) -> dict[str, Any]:
    """Invoke the Lambda as EventBridge Scheduler does, and print its answer."""
    say(f"\n{title}\n   functions.aws.handler.handler({{}}, context)\n")
    calls = len(cloud.calls)
    with redirect_stdout(StringIO()):  # the metrics, which CloudWatch would have
        answer = handler({}, Context())
    report = msgspec.convert(answer, Report)
    render.report(report, "UTC")
    actions = [call.action for call in cloud.calls[calls:]]
    say("Calls to EC2: " + ", ".join(f"{actions.count(a)} {a}" for a in dict.fromkeys(actions)))
    if not report.summary.created and not report.summary.deleted:
        say("Nothing to do.")
    return answer


def say(text: str) -> None:
    """Print at once, so that the order is right where output is not a terminal."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
