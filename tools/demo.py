"""`make demo`: the main job on embedded clouds and clusters, with no account and no cluster.

For each cloud it starts a stand-in of its API and a small Kubernetes API that serves an example
cluster; both are spoken to over HTTP by the real clients. Commands are the command line's, passes
the function's own: AWS's by its handler, Google's by the functions framework, as a process of its
own. AWS is shown in whole, Google Cloud in short; `CLOUD=aws` or `CLOUD=gcp` shows one in whole.
"""

import logging
import os
import re
import sys
import time
from contextlib import ExitStack, redirect_stdout
from datetime import timedelta
from io import StringIO
from pathlib import Path

import msgspec

from functions.aws.settings import AWSSettings
from functions.gcp.settings import GCPSettings
from shared.cli.main import main as command_line
from shared.cli.summary import summary as counts
from shared.environment import describe
from shared.reports.schema import Report
from tools.demo_clouds import Show, aws, gcp

#: The claim whose snapshots are shown.
CLAIM = "erp/ledger-data"
PROG = "k8s-snapshots"
#: Where pages are left.
BUILD = Path(__file__).parents[1] / "build"
YOUR_TURN = """
Your turn: what would it do in your cluster? This reads, and changes nothing.

   pipx install .
   k8s-snapshots plan
"""


def main() -> int:
    """Run the demo; fails where it shows something else than it says."""
    clouds = {"aws": aws, "gcp": gcp}
    chosen = os.environ.get("CLOUD", "")
    if chosen and chosen not in clouds:
        say(f"CLOUD={chosen} is neither aws nor gcp; leave it out for both")
        return 2
    begin = time.monotonic()
    for name, _, _ in [*describe(AWSSettings), *describe(GCPSettings)]:
        os.environ.pop(name, None)  # the shell's own are for another cluster
    os.environ["LOG_LEVEL"] = "ERROR"  # what each pass did is in its report
    good = []
    for name, cloud in clouds.items():
        if chosen in ("", name):
            with ExitStack() as stack:
                short = not chosen and name == "gcp"
                good.append((in_short if short else in_whole)(cloud(stack)))
    say(YOUR_TURN)
    say(f"The demo took {time.monotonic() - begin:.0f} s.")
    return 0 if all(good) else 1


def in_whole(cloud: Show) -> bool:
    """Show a cluster from its first look to its end; tell whether all was as it should be."""
    say(cloud.title)
    good = [command("1. What is there, the worst first", cloud, "status")]
    good += [command("2. What a pass would do, and why", cloud, "plan")]
    before = points(cloud)
    done = a_pass("3. The function runs one pass", cloud)
    cloud.complete()
    good += [page(cloud)]
    say(f"\n4. {CLAIM} before it:\n\n{before}\n\n   and behind it:\n\n{points(cloud)}")
    cloud.cluster.stop()
    cloud.age(timedelta(days=1))
    logging.disable(logging.ERROR)  # which say what the report says too
    gone = a_pass(
        "5. The cluster is gone; a day later the function still takes snapshots, by the mirror",
        cloud,
    )
    good += [restore(cloud)]
    logging.disable(logging.NOTSET)
    summary = gone.summary
    good += [done.summary.created > 0, done.summary.deleted > 0, gone.mirror_in_use]
    return all([*good, summary.created > 0, summary.deleted == 0])


def in_short(cloud: Show) -> bool:
    """Show just the function's passes."""
    say(f"\n{cloud.title}")
    first = a_pass("1. The function runs one pass", cloud).summary
    second = a_pass("2. And another behind it, which has nothing to do", cloud).summary
    say("\n   CLOUD=gcp make demo shows the rest.")
    return bool(first.created and first.deleted) and not (second.created or second.deleted)


def command(title: str, cloud: Show, *words: str) -> bool:
    """Run a command as a person would."""
    say(f"\n{title}\n\n   $ {PROG} {' '.join(words)}\n")
    return command_line(PROG, cloud.build, list(words)) == 0


def a_pass(title: str, cloud: Show) -> Report:
    """Invoke the function, and print what its answer counts."""
    say(f"\n{title}\n\n   {cloud.invocation}\n")
    before = len(cloud.calls())
    report = msgspec.convert(cloud.invoke(), Report)
    say("   " + counts(report))
    calls = cloud.calls()[before:]
    made = ", ".join(f"{calls.count(name)} {name}" for name in dict.fromkeys(calls))
    say(f"   Calls to the cloud: {made}")
    return report


def points(cloud: Show) -> str:
    """Draw the claim's restore points, as `explain` does."""
    lines = printed(cloud, "explain", "--claim", CLAIM).splitlines()
    wanted = re.compile(r" +(\d+ snapshots: |newest |.*for .* \d+ of \d+ )")
    return "\n".join(line for line in lines if wanted.match(line))


def page(cloud: Show) -> bool:
    """Write the report of all claims as a page, and say where it is."""
    file = BUILD / "demo-report.html"
    BUILD.mkdir(exist_ok=True)
    file.unlink(missing_ok=True)  # what changed since another demo tells nothing
    status = command_line(PROG, cloud.build, ["html", str(file)])
    say(f"\n   All claims on a page, from `{PROG} html FILE`: open the file above in a browser.")
    return status == 0


def restore(cloud: Show) -> bool:
    """Print the manifests that bring the claim back, without the comments on how to apply them."""
    say("\n6. The manifests that bring the data back, beside the live claim\n")
    say(f"   $ {PROG} restore --claim {CLAIM}\n")
    text = printed(cloud, "restore", "--claim", CLAIM)
    say("\n".join(f"   {line}" for line in text.splitlines() if not line.startswith("#")))
    return "kind: VolumeSnapshotContent" in text


def printed(cloud: Show, *words: str) -> str:
    """Give what a command prints."""
    with redirect_stdout(StringIO()) as out:
        command_line(PROG, cloud.build, list(words))
    return out.getvalue()


def say(text: str) -> None:
    """Print at once, so that the order is right where output is not a terminal."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
