"""The metrics of a pass: names and units, the same on every cloud."""

from datetime import timedelta
from typing import Literal, NamedTuple

from shared.planning.actions import Plan
from shared.reports.schema import Report

NAMESPACE = "K8sSnapshots"
DIMENSION = "cluster"
#: The second dimension of what DISK_METRICS asks for; nothing else has one.
DISK = "disk"

Unit = Literal["Count", "Milliseconds", "Seconds", "None"]


class Metric(NamedTuple):
    """One value of one pass."""

    name: str
    unit: Unit
    value: float


def of_report(report: Report) -> list[Metric]:
    """Measure a pass that ended.

    One that changes nothing has no metrics. A backfill is no completed pass: it deletes nothing,
    and a schedule that has stopped must be seen.
    """
    summary = report.summary
    if report.mode == "backfill":
        return [
            Metric("SnapshotsCreated", "Count", summary.created),
            Metric("SnapshotsFailed", "Count", summary.failed_creations),
        ]
    if report.mode != "reconcile":
        return []
    if report.outcome == "skipped":
        return [Metric("PassSkipped", "Count", 1)]
    duration = (report.finished - report.started).total_seconds() * 1000
    age = report.mirror_age
    return [
        *(Metric(name, "Count", value) for name, value in _counts(report).items()),
        *([] if age is None else [Metric("MirrorAge", "Seconds", round(age))]),
        Metric("PassDuration", "Milliseconds", round(duration)),
        Metric("WorstOverdue", "None", summary.worst_overdue),
    ]


def _counts(report: Report) -> dict[str, int]:
    """Count what a pass that did its work counts, by the metric's name."""
    summary = report.summary
    return {
        "PassCompleted": 1,
        "PassFailed": 0,
        "PassSkipped": 0,
        "Rules": summary.rules,
        "Disks": summary.disks,
        "DisksOverdue": summary.overdue,
        "SnapshotsCreated": summary.created,
        "SnapshotsDeleted": summary.deleted,
        "SnapshotsFailed": summary.failed_creations + summary.failed_attempts,
        "DeletionsHeld": summary.held - summary.unsettled,
        "DeletionsUnsettled": summary.unsettled,
        "Deferred": summary.deferred + summary.waiting - summary.awaiting_window,
        "Problems": summary.problems,
        "Notes": summary.notes,
        "RulesLost": summary.rules_lost,
        "Orphans": summary.orphans,
        "DisksUncovered": summary.uncovered,
        "MirrorInUse": int(report.mirror_in_use),
        "TwoKeyDisagreements": summary.two_key_disagreements,
    }


def of_disks(report: Report, plan: Plan) -> list[tuple[str, Metric]]:
    """Measure each disk's newest snapshot, for DISK_METRICS; those that have none are overdue."""
    if report.mode != "reconcile":
        return []
    return [
        (account.disk.id, Metric("SnapshotAge", "Seconds", round(age.total_seconds())))
        for account in plan.disks
        if account.newest and (age := max(plan.now - account.newest, timedelta(0))) is not None
    ]


def of_failure() -> list[Metric]:
    """Measure a pass that could not do its work."""
    return [Metric("PassFailed", "Count", 1)]
