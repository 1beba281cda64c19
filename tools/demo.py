"""`make demo`: the main job on embedded clouds and clusters, with no account and no cluster.

For each cloud it starts a stand-in of its API and a small Kubernetes API that serves an example
cluster; both are spoken to over HTTP by the real clients. A plan is made from the command line, and
three passes by the function itself: AWS's by its handler, Google's by the functions framework, as a
process of its own. `CLOUD=aws` or `CLOUD=gcp` shows one of them.
"""

import logging
import os
import sys
import time
from contextlib import ExitStack

import msgspec

from functions.aws.settings import AWSSettings
from functions.gcp.settings import GCPSettings
from shared.cli import tables
from shared.cli.main import main as command_line
from shared.environment import describe
from shared.reports.schema import Report
from tools.demo_clouds import Show, aws, gcp


def main() -> int:
    """Run the demo; fails where it shows something else than it says."""
    clouds = {"aws": aws, "gcp": gcp}
    chosen = os.environ.get("CLOUD", "")
    if chosen and chosen not in clouds:
        say(f"CLOUD={chosen}: aws or gcp would do, or nothing for both")
        return 2
    begin = time.monotonic()
    for name, _, _ in [*describe(AWSSettings), *describe(GCPSettings)]:
        os.environ.pop(name, None)  # the shell's own are for another cluster
    os.environ["LOG_LEVEL"] = "WARNING"  # what each pass did is in its report
    good = []
    for name, cloud in clouds.items():
        if chosen in ("", name):
            with ExitStack() as stack:
                good.append(show(cloud(stack)))
    say(f"\nThe demo took {time.monotonic() - begin:.0f} s.")
    return 0 if all(good) else 1


def show(cloud: Show) -> bool:
    """Print a plan and two passes; tell whether they were as they should be."""
    say(f"\n{cloud.title}\n\n1. A plan from the command line: what a pass would do, and why")
    say(f"   $ {cloud.prog} plan\n")
    status = command_line(cloud.prog, cloud.build, ["plan"])
    first = run(f"2. A pass of the function: it is done\n   {cloud.invocation}", cloud)
    second = run("3. The next pass: the new snapshots are still pending", cloud)
    cloud.cluster.stop()
    logging.disable(logging.ERROR)  # which say what the report says too
    third = run("4. The cluster's API is gone: the rules are those of the mirror", cloud)
    done, idle = first.summary, second.summary
    logging.disable(logging.NOTSET)
    did = done.created and done.deleted and not (idle.created or idle.deleted)
    return not status and bool(did) and third.mirror_in_use and third.summary.rules == idle.rules


def run(title: str, cloud: Show) -> Report:
    """Invoke the function and print its answer."""
    say(f"\n{title}\n")
    before = len(cloud.calls())
    report = msgspec.convert(cloud.invoke(), Report)
    tables.report(report, "UTC")
    calls = cloud.calls()[before:]
    if not report.summary.created and not report.summary.deleted:
        say("Nothing to do.")
    say("Calls to the cloud: " + ", ".join(f"{calls.count(c)} {c}" for c in dict.fromkeys(calls)))
    return report


def say(text: str) -> None:
    """Print at once, so that the order is right where output is not a terminal."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
