"""`python -m tests.simulation`: many seeds, what was injected, and whether anything broke."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta

from tests.simulation.run import Result, simulate

YEAR = timedelta(days=365.25)


def main(argv: Sequence[str] | None = None) -> int:
    """Run seeds, and give 1 where a property does not hold."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation",
        description="Drive passes of the real core over virtual time, with faults at every call, "
        "and check the safety properties P1 to P7 after every step.",
    )
    parser.add_argument("--seeds", type=int, default=1000, help="how many (default 1000)")
    parser.add_argument("--start", type=int, default=0, help="the first one (default 0)")
    parser.add_argument("--seed", type=int, help="replay this one, and say what happens")
    parser.add_argument("--workers", type=int, default=2, help="processes (default 2)")
    arguments = parser.parse_args(argv)
    if arguments.seed is not None:
        result = simulate(arguments.seed, print)
        print(result.violation or "All properties hold.")
        return int(bool(result.violation))
    begin = time.monotonic()
    seeds = range(arguments.start, arguments.start + arguments.seeds)
    results: list[Result] = []
    with ProcessPoolExecutor(arguments.workers) as pool:
        for result in pool.map(simulate, seeds, chunksize=5):
            results.append(result)
            if result.violation:
                print(f"seed {result.seed}: {result.violation}", flush=True)
            if len(results) % 100 == 0:
                print(f"{len(results)} seeds, {time.monotonic() - begin:.0f} s", flush=True)
    return summarize(results)


def summarize(results: Sequence[Result]) -> int:
    """Print what it came to."""
    faults, outcomes = Counter[str](), Counter[str]()
    for result in results:
        faults += result.faults
        outcomes += result.outcomes
    broken = [result for result in results if result.violation]
    span = sum((result.span for result in results), timedelta(0))
    print(f"{sum(r.passes for r in results):,} passes of {len(results):,} seeds over "
          f"{span / YEAR:.1f} years")  # fmt: skip
    print(f"{sum(r.created for r in results):,} snapshots begun, "
          f"{sum(r.deleted for r in results):,} deleted")  # fmt: skip
    print("passes: " + ", ".join(f"{n:,} {name}" for name, n in outcomes.most_common()))
    print(f"{sum(faults.values()):,} faults injected:")
    for name, count in faults.most_common():
        print(f"  {count:>8,}  {name}")
    print(f"{len(broken)} violations")
    for result in broken[:5]:
        print(f"  replay: python -m tests.simulation --seed {result.seed}")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
