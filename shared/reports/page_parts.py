"""The parts of a page beside the disks: holds, problems, what changed, the legend. Pure."""

from collections.abc import Sequence
from datetime import tzinfo
from typing import NamedTuple

from shared.model import Problem
from shared.planning.actions import HoldCause, Plan
from shared.reports.health import DiskHealth
from shared.reports.page_memory import Change, State, changes, name_of
from shared.reports.page_rows import at, release
from shared.reports.timeline import Drawing, of_letters

#: Entries that a list shows at most.
MOST = 200

_TO_DO: dict[HoldCause, str] = {
    "unsettled": "A former rule may still want them. If the present rule is right, do nothing: "
    "they expire later without any command. If it is wrong, correct it. The command deletes them "
    "now.",
    "rule-problem": "A rule of the disk cannot be understood. Fix the rule: the problem says how.",
    "incomplete-listing": "Not all snapshots could be listed. See what is said of the listing.",
    "two-key": "tarsnapper decides otherwise than this program. Report it: it is a defect.",
    "rules-not-current": "The rules come from the mirror because the cluster did not answer, "
    "or the mirror is too old, or the cluster's answer lost most of its rules. See the problems.",
    "no-lease": "The bucket did not say whether another pass is at work. Look at the bucket, and "
    "at the function's access to it.",
}

_MARKS = {
    "#": "a snapshot covers the point in time",
    "-": "none does",
    ".": "before the first snapshot",
    "p": "a snapshot is pending",
    "f": "one failed",
    "h": "one that would go is held",
}


class Held(NamedTuple):
    """Deletions of one disk that are held; `command` releases them, where one does."""

    name: str
    deletions: int
    until: str
    command: str


class Cause(NamedTuple):
    """Why deletions are held, what to do, and of which disks; `more` disks are left out."""

    cause: str
    to_do: str
    disks: tuple[Held, ...]
    more: int


def holds_by_cause(
    found: Sequence[DiskHealth], plan: Plan, program: str, zone: tzinfo
) -> list[Cause]:
    """Group what is held by cause, then by disk."""
    by_id = {one.disk: one for one in found}
    grouped: dict[HoldCause, dict[str, list[str]]] = {}
    for hold in plan.holds:
        until = at(hold.until, zone) if hold.until else ""
        disks = grouped.setdefault(hold.cause, {})
        disks.setdefault(hold.snapshot.disk.id, []).append(until)
    return [
        Cause(
            cause,
            _TO_DO[cause],
            tuple(
                Held(
                    name_of(by_id[disk]) if disk in by_id else disk,
                    len(untils),
                    max(untils),
                    release(by_id[disk], program) if cause == "unsettled" and disk in by_id else "",
                )
                for disk, untils in [*disks.items()][:MOST]
            ),
            max(len(disks) - MOST, 0),
        )
        for cause, disks in grouped.items()
    ]


def problems_by_owner(plan: Plan) -> list[tuple[str, list[Problem]]]:
    """Group problems by the namespace of the object that has them, errors first."""
    grouped: dict[str, list[Problem]] = {}
    for problem in sorted(plan.problems, key=lambda p: (p.severity, p.source, p.field)):
        grouped.setdefault(problem.source.namespace, []).append(problem)
    return sorted(grouped.items())


def changed(before: State | None, now: State) -> tuple[list[Change], int]:
    """Tell what changed since the last page, and how many changes are left out."""
    found = [*changes(before, now)] if before else []
    return found[:MOST], max(len(found) - MOST, 0)


def meanings() -> list[tuple[Drawing, str]]:
    """Give the legend: each mark with what it means."""
    return [(of_letters([letter]), meaning) for letter, meaning in _MARKS.items()]
