"""The command `coverage`: each bound volume, and the level that its deltas come from. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

from shared.cli.pictures import Line
from shared.reports.coverage import Coverage, summary
from shared.request import Only

_STYLES = {"uncovered": "bold red", "problem": "yellow", "none": "dim"}


def selected(found: Sequence[Coverage], only: Only) -> list[Coverage]:
    """Give those of the namespaces and claims that are asked for."""
    return [
        one
        for one in found
        if (not only.namespaces or one.claim.partition("/")[0] in only.namespaces)
        and (not only.claims or one.claim in only.claims)
    ]


def lines(found: Sequence[Coverage]) -> Iterator[Line]:
    """Give a line a volume, the worst first."""
    for one in found:
        yield Line(f"{one.how:12} {one.claim or one.volume}: {_why(one)}", _STYLES.get(one.how, ""))
    yield Line(summary(found) if found else "there is no bound volume of this cloud", "bold")


def _why(one: Coverage) -> str:
    by = " and ".join(one.sources)
    if one.how == "uncovered":
        return f"nothing backs it up (volume {one.volume})"
    if one.how == "problem":
        return f"{by} cannot be read"
    if one.how == "none":
        return f"not backed up, by {by}"
    return f"{' and '.join(one.deltas)} from {by}"


def to_builtins(found: Sequence[Coverage]) -> list[dict[str, Any]]:
    """Tell programs the same."""
    return [one._asdict() | {"covered": bool(one.deltas)} for one in found]
