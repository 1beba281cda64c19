"""What a cold start imports, from the artefacts themselves, with bytecode against without.

Each side runs in a process of its own: the function, and what its first pass imports beside it.
The Cloud Function's libraries are those of this interpreter, which are compiled as Cloud Build
compiles them; the standard library's bytecode is there on both sides.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.measure import Result, at_least
from tests.emulators.lambda_runtime import unpack
from tools import build

#: What a pass imports or makes beside the function's own module.
FIRST_PASS = {
    "Lambda": "import functions.aws.handler, boto3; from kubernetes import client, config; "
    "boto3.client('ec2', 'eu-west-1')",
    "Cloud Function": "import main; from kubernetes import client, config; "
    "from google.cloud import compute_v1",
}
SCRIPT = """
import json, sys, time
begin = time.perf_counter()
{imports}
took = time.perf_counter() - begin
peak = open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]
parts = [(name, name.partition(".")[0]) for name in sys.modules]
used = [name for name, top in parts if top in sys.stdlib_module_names and top != "__main__"]
print(json.dumps([took, int(peak) / 1024, used]))
"""

#: Some of these names can only be imported by those that did.
LIBRARY = """
import contextlib, importlib
for name in {names!r}:
    with contextlib.suppress(Exception):
        importlib.import_module(name)
"""


class Start(NamedTuple):
    """Seconds, MB at the peak, and the modules of the standard library that were imported."""

    seconds: float
    memory: float
    used: list[str]


def run() -> Iterator[Result]:
    """Build both artefacts for this host and measure them."""
    with tempfile.TemporaryDirectory() as folder:
        archives = Path(folder, "archives")
        target = build.Target.of("host")
        build.aws(target, target.compiler(), archives / "aws.zip")
        build.gcp(archives / "gcp.zip")
        for name, cloud, alone in (("Lambda", "aws", ["-S"]), ("Cloud Function", "gcp", [])):
            root = unpack(archives / f"{cloud}.zip", Path(folder, cloud))
            ours, bare = measure(root, FIRST_PASS[name], alone)
            subject = f"cold start of the {name}, without bytecode"
            yield at_least(f"{subject}: time", ours.seconds, bare.seconds, 2, "s")
            yield Result(
                f"{subject}: memory",
                f"{ours.memory:.1f} MB",
                f"{bare.memory:.1f} MB",
                bare.memory / ours.memory,
                "none",
                True,
            )


def measure(root: Path, imports: str, options: list[str]) -> tuple[Start, Start]:
    """Start with the bytecode that is there, and with none but the standard library's."""
    script = SCRIPT.format(imports=imports)
    compiled = min(start(root, script, options, {}) for _ in range(3))
    with tempfile.TemporaryDirectory() as cache:
        elsewhere = {"PYTHONPYCACHEPREFIX": cache}
        start(Path(cache), LIBRARY.format(names=compiled.used), options, elsewhere, write=True)
        return compiled, start(root, script, options, elsewhere)


def start(
    root: Path, script: str, options: list[str], environ: Mapping[str, str], write: bool = False
) -> Start:
    """Run a script with a folder on the path; what it has printed, if anything, is its start."""
    given = {"PYTHONPATH": str(root), "PATH": os.environ["PATH"], **environ}
    if not write:
        given["PYTHONDONTWRITEBYTECODE"] = "1"
    done = subprocess.run(
        [sys.executable, *options, "-c", script],
        env=given,
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    return Start(*json.loads(done.stdout or "[0, 0, []]"))
