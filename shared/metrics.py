"""The metrics of a pass: names and units, the same on every cloud."""

from typing import Literal, NamedTuple

from shared.report import Report

NAMESPACE = "K8sSnapshots"
DIMENSION = "cluster"

Unit = Literal["Count", "Milliseconds", "Seconds", "None"]


class Metric(NamedTuple):
    """One value of one pass."""

    name: str
    unit: Unit
    value: float


def of_report(report: Report) -> list[Metric]:
    """Measure a pass that ended. A pass in plan mode did nothing, and has no metrics."""
    if report.mode != "reconcile":
        return []
    if report.outcome == "skipped":
        return [Metric("PassSkipped", "Count", 1)]
    summary = report.summary
    duration = (report.finished - report.started).total_seconds() * 1000
    counts = {
        "PassCompleted": 1,
        "PassFailed": 0,
        "PassSkipped": 0,
        "Rules": summary.rules,
        "Disks": summary.disks,
        "DisksOverdue": summary.overdue,
        "SnapshotsCreated": summary.created,
        "SnapshotsDeleted": summary.deleted,
        "SnapshotsFailed": summary.failed_creations,
        "DeletionsHeld": summary.held,
        "Deferred": summary.deferred + summary.waiting,
        "Problems": summary.problems,
        "Orphans": summary.orphans,
        "MirrorInUse": int(report.mirror_in_use),
        "TwoKeyDisagreements": summary.two_key_disagreements,
    }
    age = report.mirror_age
    return [
        *(Metric(name, "Count", value) for name, value in counts.items()),
        *([] if age is None else [Metric("MirrorAge", "Seconds", round(age))]),
        Metric("PassDuration", "Milliseconds", round(duration)),
        Metric("WorstOverdue", "None", summary.worst_overdue),
    ]


def of_failure() -> list[Metric]:
    """Measure a pass that could not do its work."""
    return [Metric("PassFailed", "Count", 1)]
