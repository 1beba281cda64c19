"""Break the core on purpose, one small change at a time, and show what notices.

Changes are sampled by a seed from all that `mutate.py` finds; `--named` takes the written ones.
"""

import argparse
import importlib
import math
import multiprocessing
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

from tests.mutants.equivalents import EQUIVALENT
from tests.mutants.mutate import Change, changes_of
from tests.mutants.patches import MUTANTS, Mutant

ROOT = Path(__file__).parent.parent.parent
PURE = (
    "shared/planning/*.py", "shared/retention/*.py", "shared/rules/*.py", "shared/bucket/lease.py",
    "shared/passes/trust.py", "shared/passes/journal.py", "shared/passes/apply.py",
    "shared/passes/scope_leases.py", "shared/passes/known_rules.py", "shared/sources/mirror.py",
)  # fmt: skip
#: Seeds of the simulation that a change meets after the tests of its room.
SEEDS = 6
#: The rooms whose tests come last, for what the room's own and the simulation let pass.
OTHERS = ("passes", "planning", "rules", "retention", "sources", "bucket", "restore", "reports",
          "cli")  # fmt: skip
#: What does not end in so many times as long as without a change counts as noticed, from so many
#: seconds on.
TOO_SLOW, LEAST = 4, 60.0
#: What is imported once, so that each change need not.
PRELOADED = ("boto3", "hypothesis", "isodate", "kubernetes.client", "msgspec", "pytest", "rich",
             "tarsnapper.expire", "yaml")  # fmt: skip


def apply(mutant: Mutant, tree: Path) -> None:
    """Patch a tree; raise where the text is not there just once."""
    path = tree / mutant.file
    path.write_text(_patched(mutant, path.read_text()))


def _patched(mutant: Mutant, text: str) -> str:
    if text.count(mutant.old) != 1:
        raise LookupError(f"{mutant.name}: {mutant.file} has its text {text.count(mutant.old)} "
                          "times")  # fmt: skip
    return text.replace(mutant.old, mutant.new)


def named(name: str) -> list[Change]:
    """Give the written changes whose name contains a text."""
    found = []
    for mutant in MUTANTS:
        if name in mutant.name:
            text = (ROOT / mutant.file).read_text()
            line = text[: text.find(mutant.old)].count("\n") + 1
            found.append(Change(mutant.file, line, "", mutant.name, _patched(mutant, text)))
    return found


def everything(*only: str) -> list[Change]:
    """List all changes of the pure modules, or those that are printed with one of some texts."""
    files = [path.relative_to(ROOT) for pattern in PURE for path in sorted(ROOT.glob(pattern))]
    return [
        change
        for file in files
        for change in changes_of(str(file), (ROOT / file).read_text())
        if any(text in f"{change.file}:{change.line}  {change.what}" for text in only or ("",))
    ]


class Tests(NamedTuple):
    """What may notice a change: tests that have the marks; without paths the simulation."""

    paths: tuple[str, ...] = ()
    marks: str = ""

    def run(self) -> int:
        """Run them; give the status."""
        return _tested(self.paths, self.marks) if self.paths else _simulated()


class _Tree:
    """One worker's copy of what is broken and tested."""

    def __init__(self, within: str) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=within)) / "tree"
        self._written = 0
        made = shutil.ignore_patterns(
            "__pycache__", ".*_cache", ".git", ".venv", ".hypothesis", "build"
        )
        shutil.copytree(ROOT, self.folder, ignore=made)

    def write(self, file: str, text: str) -> None:
        """Write a file with a time of its own, so that no compiled one is taken for it."""
        path, self._written = self.folder / file, self._written + 1
        path.write_text(text)
        os.utime(path, (self._written, self._written))

    def run(self, tests: Tests, longest: float) -> tuple[int, str]:
        """Run tests in a process of its own; give its status and what it printed."""
        shutil.rmtree(self.folder / ".hypothesis", ignore_errors=True)
        output = self.folder / "output.txt"
        child = os.fork()
        if not child:
            _become(self.folder, output, tests.run)
        until = time.monotonic() + longest
        while not (ended := os.waitpid(child, os.WNOHANG))[0]:
            if time.monotonic() > until:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return 1, "too slow"
            time.sleep(0.05)
        return os.waitstatus_to_exitcode(ended[1]), output.read_text()


def _become(folder: Path, output: Path, function: Callable[[], int]) -> None:
    """Run a function in a tree, with the modules of that, and end the process."""
    status = 99
    try:
        target = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(target, 1)
        os.dup2(target, 2)
        os.chdir(folder)
        sys.path[:] = [str(folder), *(p for p in sys.path if p not in ("", str(ROOT)))]
        for name in [*sys.modules]:
            if name.split(".")[0] in ("shared", "functions", "tests"):
                del sys.modules[name]
        status = function()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _tested(paths: Sequence[str], marks: str) -> int:
    import hypothesis
    import pytest

    # A machine that is busy must not be taken for a test that fails.
    hypothesis.settings.register_profile(
        "mutants",
        deadline=None,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    hypothesis.settings.load_profile("mutants")
    options = ["-x", "-q", "-rfE", "-p", "no:cacheprovider", "-m", marks]
    return int(pytest.main([*options, *paths]))


def _simulated() -> int:
    simulate = importlib.import_module("tests.simulation.run").simulate
    for seed in range(SEEDS):
        if found := simulate(seed).violation:
            print(f"FAILED seed::{seed}: {found[:90]}")
            return 1
    return 0


def _quick(file: str) -> list[Tests]:
    """Give what may notice a change and is quick: the tests of its module, and of its room."""
    room, name = f"tests/shared/{Path(file).parent.name}", Path(file).name
    own = f"{room}/test_{name}"
    found = [Tests((own,), "not hypothesis")] if (ROOT / own).exists() else []
    return [*found, Tests((room,), "not hypothesis")]


def _slow(file: str) -> list[Tests]:
    """Give what may notice a change beside that: the simulation, properties, all rooms."""
    shared = ROOT / "tests/shared"
    rooms = tuple(f"tests/shared/{room}" for room in OTHERS)
    rooms += tuple(str(path.relative_to(ROOT)) for path in sorted(shared.glob("test_*.py")))
    own = f"tests/shared/{Path(file).parent.name}"
    return [Tests(), Tests((own,), "hypothesis"), Tests(rooms, "not hypothesis")]


_tree: _Tree | None = None


Stage = Callable[[str], list[Tests]]
Limits = dict[Tests, float]


def _unchanged(tests: Tests) -> tuple[Tests, float, str]:
    """Run tests on the code as it is: how many seconds they take, and what fails."""
    assert _tree
    begun = time.monotonic()
    status, said = _tree.run(tests, math.inf)
    return tests, time.monotonic() - begun, _failed(said) if status not in (0, 5) else ""


def noticed(change: Change, stage: Stage, limits: Limits) -> str:
    """Tell what notices a change; empty for nothing."""
    assert _tree
    tree, before = _tree, (ROOT / change.file).read_text()
    tree.write(change.file, change.text)
    try:
        for tests in stage(change.file):
            status, said = tree.run(tests, limits[tests])
            if status not in (0, 5):  # 5: no tests
                return _failed(said)
    finally:
        tree.write(change.file, before)
    return ""


def _begin(within: str) -> None:
    """Give a worker its tree."""
    global _tree
    _tree = _Tree(within)


def _failed(said: str) -> str:
    failed = re.findall(r"^(?:FAILED|ERROR) \S*?::(.{1,70})", said, re.MULTILINE)
    return failed[0] if failed else (said.strip().splitlines() or ["ended"])[-1][:70]


def main(argv: Sequence[str] | None = None) -> int:
    """Sample changes, run what may notice them, and print the score."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of the sample (default 0)")
    parser.add_argument("--count", type=int, default=150, help="how many (default 150)")
    parser.add_argument("--only", nargs="+", default=[""], help="those printed with a text")
    parser.add_argument("--named", nargs="?", const="", help="those of patches.py, by their name")
    parser.add_argument("--workers", type=int, default=2, help="processes (default 2)")
    arguments = parser.parse_args(argv)
    if arguments.named is not None:
        chosen = named(arguments.named)
    else:
        found = everything(*arguments.only)
        chosen = random.Random(arguments.seed).sample(found, min(arguments.count, len(found)))
        print(f"{len(chosen)} of {len(found)} changes, seed {arguments.seed}", flush=True)
    for name in PRELOADED:
        importlib.import_module(name)
    equal = [change for change in chosen if change.key in EQUIVALENT]
    chosen = [change for change in chosen if change.key not in EQUIVALENT]
    left = chosen
    context = multiprocessing.get_context("fork")
    with (
        tempfile.TemporaryDirectory(prefix="mutants-") as within,
        # Whose workers, other than those of a Pool, may have processes of their own.
        ProcessPoolExecutor(arguments.workers, context, _begin, (within,)) as pool,
    ):
        for stage in (_quick, _slow):
            print(f"{len(left)} changes meet {stage.__name__.strip('_')} tests", flush=True)
            limits = {}
            known = {tests for change in left for tests in stage(change.file)}
            for told in as_completed([pool.submit(_unchanged, tests) for tests in sorted(known)]):
                tests, seconds, failed = told.result()
                if failed:
                    pool.shutdown(cancel_futures=True)
                    sys.exit(f"without any change fails: {failed}; nothing can be told so")
                limits[tests] = max(LEAST, TOO_SLOW * seconds)
            tried, left = left, []
            meeting = {pool.submit(noticed, c, stage, limits): c for c in tried}
            for done in as_completed(meeting):
                change, by = meeting[done], done.result()
                left += [] if by else [change]
                print(f"{'killed' if by else 'left':<7}{change.file}:{change.line}  "
                      f"{change.what}  {by and f'[{by}]'}", flush=True)  # fmt: skip
    for change in equal:
        print(f"equal  {change.file}:{change.line}  {change.what}  [{EQUIVALENT[change.key]}]")
    for change in left:
        print(f"SURVIVED {change.file}:{change.line}  {change.what}  in: {change.at}")
    killed = len(chosen) - len(left)
    print(f"{killed} of {len(chosen)} killed ({killed / max(len(chosen), 1):.3f}); "
          f"{len(equal)} left out, which change nothing")  # fmt: skip
    return int(bool(left))


if __name__ == "__main__":
    sys.exit(main())
