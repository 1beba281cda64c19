"""How the benchmarks measure."""

import time
from collections.abc import Callable
from typing import NamedTuple


class Result(NamedTuple):
    """One comparison. `ratio` is baseline over ours; `kept` tells whether the promise holds."""

    name: str
    ours: str
    baseline: str
    ratio: float
    promise: str
    kept: bool


def at_least(name: str, ours: float, baseline: float, factor: float, unit: str = "ms") -> Result:
    """Compare two figures of which ours should be smaller by a factor."""
    ratio = baseline / ours
    promise = f"at least {factor:g} times"
    return Result(
        name, f"{ours:.2f} {unit}", f"{baseline:.2f} {unit}", ratio, promise, ratio >= factor
    )


def best(act: Callable[[], object], times: int = 5) -> float:
    """Give the shortest of several runs, in milliseconds."""
    shortest = float("inf")
    for _ in range(times):
        begin = time.perf_counter()
        act()
        shortest = min(shortest, time.perf_counter() - begin)
    return shortest * 1000
