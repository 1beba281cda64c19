"""A pass in one sentence. Pure."""

from collections import Counter

from shared.reports.schema import Report
from shared.text import counted


def summary(report: Report) -> str:
    """Say in a sentence what a pass did, or would do."""
    if report.outcome == "skipped":
        return "Skipped: another pass is at work. Nothing was changed."
    parts = [*_done(report), *_beside(report), *_awaited(report)]
    skipped = [scope.scope for scope in report.scopes if scope.skipped]
    if skipped:
        parts.append(f"{', '.join(skipped)} left to another pass that is at work there")
    if report.summary.problems:
        parts.append(counted(report.summary.problems, "problem"))
    if report.summary.notes:
        parts.append(counted(report.summary.notes, "note"))
    ending = "Nothing was changed." if report.mode == "plan" else ""
    return f"{'; '.join(parts)}. {ending}".strip()


def _done(report: Report) -> list[str]:
    """Count what is always said, zero too."""
    counts = report.summary
    would = "would be " if report.mode == "plan" else ""
    return [
        f"{counted(counts.rules, 'rule')} on {counted(counts.disks, 'disk')}",
        f"{would}{counts.created} created",
        f"{would}{counts.deleted} deleted",
        f"{counts.kept} kept",
    ]


def _beside(report: Report) -> list[str]:
    """Count what is said only where there is any."""
    counts = report.summary
    extra = {
        "held": counts.held,
        "failed": counts.failed,
        "failed since an earlier pass": counts.failed_attempts,
        "not done" if report.mode == "backfill" else "left to a later pass": counts.deferred,
        "waiting": counts.waiting,
        f"overdue, the worst {counts.worst_disk}": counts.overdue,
        "orphaned": counts.orphans,
        "are copies, which nothing deletes": counts.copies,
        "archived": counts.archived,
        "of other drivers skipped": counts.skipped,
    }
    return [f"{count} {name}" for name, count in extra.items() if count]


def _awaited(report: Report) -> list[str]:
    states = Counter(awaited.state for awaited in report.awaited)
    return [f"{count} {state} at the end" for state, count in sorted(states.items())]
