"""Snapshots created where EC2 takes only some a second, by a whole pass, against what EC2 gives.

EC2's stand-in is a process of its own, takes 200 ms for a call, and has a token bucket for
CreateSnapshot. The baseline is what it gives at most: eight threads that call again at once where
they were refused, whatever that costs. Requests are counted where they arrive, so that what
botocore repeats counts as well.
"""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from benchmarks.measure import Result
from benchmarks.passes import Rules
from functions.aws.calls import PARALLEL
from functions.aws.wiring import build
from shared.passes.run import run as run_pass
from shared.request import Request
from tests.emulators.ec2 import ALWAYS, EC2

REGION = "eu-west-1"
DISKS = 300
#: The bucket's size, its rate in calls a second, and the seconds that a call takes.
SIZE, RATE, DELAY = 50, 5, 0.2
#: What is promised: the part of EC2's own rate at least, and of the requests refused at most.
USED, REFUSED = 0.95, 0.1


class Measured(NamedTuple):
    """How long the creations took, and how many requests arrived and were refused."""

    seconds: float
    requests: int
    refused: int

    @property
    def share(self) -> float:
        """Give the part of the requests that was refused."""
        return self.refused / self.requests


def run() -> Iterator[Result]:
    """Measure the baseline and a pass, each on a stand-in whose bucket is full."""
    greedy, ours = _measure(_greedy), _measure(_pass)
    subject = f"{DISKS} snapshots where EC2 takes {RATE} a second, as fast as it can be called"
    used = greedy.seconds / ours.seconds
    yield Result(
        f"{subject}: time",
        f"{ours.seconds:.1f} s",
        f"{greedy.seconds:.1f} s",
        used,
        f"at least {USED:g}",
        used >= USED,
    )
    yield Result(
        f"{subject}: requests refused",
        f"{ours.share:.1%}",
        f"{greedy.share:.1%}",
        greedy.share / max(ours.share, 1 / ours.requests),
        f"at most {REFUSED:.0%}",
        ours.share <= REFUSED,
    )


def _measure(create: Callable[[dict[str, str], list[str]], None]) -> Measured:
    with _standin() as (environ, volumes, counts):
        begin = time.perf_counter()
        create(environ, volumes)
        return Measured(time.perf_counter() - begin, *counts())


def _pass(environ: dict[str, str], volumes: list[str]) -> None:
    specs = [{"region": REGION, "volumeId": name} for name in volumes]
    settings, ports = build(environ | {"CLUSTER_NAME": "bench"}, Rules("aws", specs))
    report = run_pass(Request(), settings, ports).report
    assert report.summary.created == DISKS, report.summary


def _greedy(environ: dict[str, str], volumes: list[str]) -> None:
    once = Config(retries={"total_max_attempts": 1}, max_pool_connections=PARALLEL)
    client = boto3.client("ec2", REGION, config=once)

    def create(name: str) -> None:
        while True:
            try:
                client.create_snapshot(VolumeId=name)
            except ClientError as error:
                if error.response["Error"]["Code"] != "RequestLimitExceeded":
                    raise
            else:
                return

    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(create, volumes))


@contextmanager
def _standin() -> Iterator[tuple[dict[str, str], list[str], Callable[[], tuple[int, int]]]]:
    """Run a stand-in; give its environment, its volumes, and what counts the requests so far."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there,), daemon=True)
    process.start()
    try:
        environ, volumes = here.recv()
        os.environ.update(environ)

        def counts() -> tuple[int, int]:
            here.send("counts")
            found: tuple[int, int] = here.recv()
            return found

        yield environ, volumes, counts
    finally:
        here.close()
        process.join(10)
        process.kill()


def _serve(pipe: Connection) -> None:
    """Be the stand-in, until the other end is closed."""
    with EC2() as cloud:
        volumes = [cloud.add_volume(REGION) for _ in range(DISKS)]
        cloud.rates["CreateSnapshot"] = (SIZE, RATE)
        cloud.fault("CreateSnapshot", delay=DELAY, times=ALWAYS)
        pipe.send((cloud.environment(REGION), volumes))
        try:
            while pipe.recv():
                made = [call for call in cloud.calls if call.action == "CreateSnapshot"]
                pipe.send((len(made), cloud.throttled))
        except EOFError:
            return
