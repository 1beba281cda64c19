"""Whether a SnapshotRule is ready: its disk has the snapshots that it should have. Pure.

Messages have the cloud's code of a failure and never its text, which may differ each time, and may
name what a namespace's owner need not know.
"""

from typing import Literal, NamedTuple

from shared.model import Problem, Rule
from shared.planning.actions import WaitCause
from shared.reports.disk_facts import DiskFacts
from shared.reports.problems import text_with_field
from shared.text import shorten


class Readiness(NamedTuple):
    """Status, reason and message of the condition `Ready`."""

    status: Literal["True", "False"]
    reason: str
    message: str


def readiness(rule: Rule | None, disk: DiskFacts | None, error: Problem | None) -> Readiness:
    """Tell whether a rule is ready, and why not.

    Args:
        rule: None where it could not be understood.
        disk: what is known of its disk; None where nobody can tell which that is.
        error: what is wrong with the rule, if anything.
    """
    if error or rule is None or disk is None:
        return Readiness("False", "Problem", text_with_field(error) if error else "")
    if disk.plan.late and not disk.created:
        return Readiness("False", "Overdue", _overdue(disk))
    if not disk.completed:
        return Readiness("False", "Pending", "no snapshot is completed yet")
    taken = f"{shorten(disk.plan.disk.id)} is snapshotted by {shorten(rule.deltas)}"
    if disk.hold:
        held = f"deletions are held ({disk.hold}), see the pass's report"
        return Readiness("True", "Held", f"{taken}; {held}")
    return Readiness("True", "Snapshotting", taken)


def _overdue(disk: DiskFacts) -> str:
    newest = disk.plan.newest
    since = f"the last one is of {newest:%F %R} UTC" if newest else "there is none yet"
    why = _why_overdue(disk)
    return f"a snapshot is overdue: {since}{f'; {why}' if why else ''}"


def _why_overdue(disk: DiskFacts) -> str:
    if disk.failure is not None:
        code = shorten(disk.failure, 80) or "see the pass's report"
        return f"the next one could not be begun: {code}"
    if disk.deferred:
        return "the next one was left to a later pass"
    return _WAITS[disk.wait] if disk.wait else ""


_WAITS: dict[WaitCause, str] = {
    "incomplete-listing": "the listing is incomplete",
    "pending": "one is still pending",
    "failing": "the last ones failed, and the next is tried once per interval",
    "recorded": "one was begun that the listing does not show yet",
    "window": "it waits until its window opens",
}
