"""A whole pass over 2,000 due disks on each cloud's stand-in, against the client's bare calls.

The baseline is what the same creations take one after the other with nothing but the cloud's
client, measured over a tenth of them. Stand-in and pass share the machine, so that the ratio, and
not the time, tells what the pass adds.
"""

import math
import os
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.measure import Result
from functions.aws import wiring as aws
from functions.gcp import wiring as gcp
from shared.kinds import Metadata, SnapshotRule
from shared.model import Disk
from shared.objects import Objects
from shared.passes.run import run as run_pass
from shared.passes.world import Ports
from shared.planning.labels import snapshot_name
from shared.ports import Check
from shared.request import Request
from tests.emulators.ec2 import EC2
from tests.emulators.gce import GCE

DISKS, SAMPLE = 2_000, 200


class Rules:
    """A rule for each disk; implements `ports.RulesSource`."""

    live = False

    def __init__(self, backend: str, specs: list[dict[str, str]]) -> None:
        self._rules = [
            SnapshotRule(
                Metadata(f"disk-{number}", "bench"),
                {"deltas": "PT1H P1D P30D", "backend": backend, "disk": spec},
            )
            for number, spec in enumerate(specs)
        ]

    def read(self) -> Objects:
        """Give all rules."""
        return Objects("memory", rules=self._rules)

    def check(self) -> list[Check]:
        """Need nothing."""
        return []


def run() -> Iterator[Result]:
    """Measure both clouds."""
    with EC2() as cloud:
        specs = [
            {"region": "eu-west-1", "volumeId": cloud.add_volume("eu-west-1")}
            for _ in range(DISKS + SAMPLE)
        ]
        environ = cloud.environment() | {"CLUSTER_NAME": "bench"}
        client = cloud.client()
        os.environ.update(environ)
        settings, ports = aws.build(environ, Rules("aws", specs[:DISKS]))
        bare = _seconds(
            lambda spec: client.create_snapshot(VolumeId=spec["volumeId"]), specs[DISKS:]
        )
        yield _result("AWS", settings, ports, bare)
    with GCE(project="bench-project") as google:
        google.in_flight = math.inf  # it would stop both at 500 snapshots
        names = [f"disk-{number}" for number in range(DISKS + SAMPLE)]
        for name in names:
            google.add_disk("bench-project", "europe-west1-b", name)
        specs = [{"name": name, "zone": "europe-west1-b"} for name in names]
        environ = google.environment() | {"CLUSTER_NAME": "bench"}
        settings_, ports = gcp.build(environ, Rules("google", specs[:DISKS]))
        from google.cloud import compute_v1

        snapshots = google.client(compute_v1.SnapshotsClient)

        def create(spec: dict[str, str]) -> None:
            disk = Disk("google", "bench-project", f"zones/europe-west1-b/disks/{spec['name']}")
            name = snapshot_name(ports.provider.encoding, spec["name"], disk, "bare", False)
            body = {"name": name, "source_disk": f"projects/bench-project/{disk.name}"}
            snapshots.insert_unary(request={"project": "bench-project", "snapshot_resource": body})

        yield _result("Google Cloud", settings_, ports, _seconds(create, specs[DISKS:]))


def _seconds(act: Any, items: list[dict[str, str]]) -> float:
    begin = time.perf_counter()
    for item in items:
        act(item)
    return (time.perf_counter() - begin) * DISKS / len(items)


def _result(cloud: str, settings: Any, ports: Ports, bare: float) -> Result:
    begin = time.perf_counter()
    report = run_pass(Request(), settings, ports).report
    took = time.perf_counter() - begin
    assert report.summary.created == DISKS, report.summary
    return Result(
        f"pass over {DISKS:,} due disks on {cloud}, the client's bare calls",
        f"{took:.1f} s",
        f"{bare:.1f} s",
        bare / took,
        "at least 0.4",
        bare / took >= 0.4,
    )
