"""Break the core in each way, and show what notices; exit status 1 where nothing does."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutants.patches import MUTANTS, Mutant

ROOT = Path(__file__).parent.parent.parent
#: Seeds that a mutant must survive to go on to the tests.
SEEDS = 150
TESTS = tuple(
    f"tests/shared/{name}.py"
    for name in (
        "planning/test_expiry", "planning/test_due", "planning/test_plan", "planning/test_orphans",
        "bucket/test_lease", "passes/test_trust", "passes/test_run", "rules/test_read",
        "passes/test_apply",
    )
)  # fmt: skip


def apply(mutant: Mutant, tree: Path) -> None:
    """Patch a tree; raise where the text is not there just once."""
    path = tree / mutant.file
    text = path.read_text()
    if text.count(mutant.old) != 1:
        raise LookupError(f"{mutant.name}: {mutant.file} has its text {text.count(mutant.old)} "
                          "times")  # fmt: skip
    path.write_text(text.replace(mutant.old, mutant.new))


def caught_by(mutant: Mutant) -> str:
    """Tell what notices a mutant: a seed of the simulation, else a test; empty for nothing."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        for name in ("shared", "functions", "tests", "examples"):
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", tree)
        apply(mutant, tree)
        script = (
            "import sys\n"
            "from tests.simulation.run import simulate\n"
            f"for seed in range({SEEDS}):\n"
            "    try:\n"
            "        found = simulate(seed).violation\n"
            "    except Exception as error:\n"
            "        found = repr(error)\n"
            "    if found:\n"
            "        sys.exit(f'seed {seed}: {found[:90]}')\n"
        )
        done = _run(tree, "-c", script)
        if done.returncode:
            lines = done.stderr.strip().splitlines()
            return lines[-1] if lines else "a crash"
        done = _run(tree, "-m", "pytest", "-x", "-q", "-rf", *TESTS)
        failed = re.findall(r"^FAILED \S+?::(\S+)", done.stdout, re.MULTILINE)
        return failed[0] if failed else "a crash" if done.returncode else ""


def _run(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=False,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run all mutants, or those whose name contains the argument."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("name", nargs="?", default="", help="only mutants whose name contains it")
    parser.add_argument("--workers", type=int, default=2, help="processes (default 2)")
    arguments = parser.parse_args(argv)
    chosen = [mutant for mutant in MUTANTS if arguments.name in mutant.name]
    survivors = 0
    with ThreadPoolExecutor(arguments.workers) as pool:
        for mutant, caught in zip(chosen, pool.map(caught_by, chosen), strict=True):
            survivors += not caught
            print(f"{'caught' if caught else 'SURVIVED':<9} {mutant.name:<48} {caught}", flush=True)
    print(f"{len(chosen) - survivors} of {len(chosen)} mutants caught")
    return int(bool(survivors))


if __name__ == "__main__":
    sys.exit(main())
