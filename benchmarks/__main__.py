"""Run every benchmark and print its figures."""

import sys

from benchmarks import coldstart, estates, pacing, passes, planning, reading, retention


def main() -> int:
    """Run all; the exit status tells whether a promised ratio was missed."""
    parts = (retention, planning, reading, estates, passes, pacing, coldstart)
    results = [result for part in parts for result in part.run()]
    width = max(len(result.name) for result in results)
    print(f"{'measured':{width}}  {'ours':>10}  {'baseline':>10}  {'ratio':>6}  promised")
    missed = 0
    for result in results:
        missed += not result.kept
        print(
            f"{result.name:{width}}  {result.ours:>10}  {result.baseline:>10}  "
            f"{result.ratio:>6.1f}  {result.promise}{'' if result.kept else '  MISSED'}"
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
