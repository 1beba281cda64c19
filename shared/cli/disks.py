"""The account of each disk as rows of text, which a table shows. Pure."""

from collections import Counter
from datetime import datetime
from zoneinfo import ZoneInfo

from shared.cli.rows import Rows, local_time
from shared.planning.actions import DiskPlan, Plan
from shared.reports.schema import Report
from shared.text import words


def disks(report: Report, plan: Plan, zone: ZoneInfo) -> Rows:
    """Give each disk with its rules, what is kept, and what was done or would be."""
    planned = report.mode == "plan"
    actions = ("Create", "Delete", "Hold") if planned else ("Created", "Deleted", "Held")
    created = {done.disk for done in report.creations}
    deleted = Counter(done.disk for done in report.deletions)
    rows = (
        (
            "\n  ".join([disk.disk.id, *disk.rules]),
            "\n".join(_policy(disk)) or "its rule cannot be read: see Problems",
            local_time(disk.newest, zone),
            _due(disk, plan.now),
            _kept(disk),
            "1" if disk.disk.id in created else "",
            str(deleted[disk.disk.id] or ""),
            str(disk.holds or ""),
        )
        for disk in plan.disks
    )
    return Rows("Disks", ("Disk, rules", "Policy", "Newest", "Due", "Kept", *actions), rows)


def _policy(disk: DiskPlan) -> list[str]:
    return [*disk.policy, *([f"in its window, {disk.window}"] if disk.window else [])]


def _due(disk: DiskPlan, now: datetime) -> str:
    if disk.newest is None or disk.next_due is None:
        return "now" if disk.interval else ""
    left = disk.next_due - now
    return f"in {words(left)}" if left.total_seconds() > 0 else f"{words(-left)} ago"


def _kept(disk: DiskPlan) -> str:
    lines = [f"{count} {why}" for why, count in disk.kept.items()]
    lines += [f"({count} {state})" for state, count in disk.states.items() if state != "completed"]
    total = sum(disk.kept.values())
    return "\n".join([f"{total}, of which", *lines] if len(disk.kept) > 1 else lines or ["0"])
