"""The command `metrics`: what `status` tells, as metrics for Prometheus. Pure."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from shared.planning.actions import Plan
from shared.reports.health import DiskHealth
from shared.reports.schema import Report
from shared.text import shorten

PREFIX = "k8s_snapshots_"
#: The labels of what is said of the whole cluster, of a disk, and of one of its generations.
CLUSTER = ("cluster",)
DISK = (*CLUSTER, "namespace", "claim", "volume", "disk")
GENERATION = (*DISK, "deltas", "generation")
#: The longest label: names of Kubernetes end at 253 characters.
LONGEST = 300


class Family(NamedTuple):
    """One metric: its name and meaning, its labels, and a value for each of their values."""

    name: str
    help: str
    labels: tuple[str, ...]
    values: dict[tuple[str, ...], float]


class _Of(NamedTuple):
    """One metric of something: its name without the prefix, its meaning, and how it is read."""

    name: str
    help: str
    value: Callable[[Any], float | None]


def _time(time: datetime | None) -> float | None:
    return time.timestamp() if time else None


def _late(one: DiskHealth) -> float | None:
    return None if one.health in ("uncovered", "orphan") else float(one.late)


_OF_REPORT = (
    _Of("plan_timestamp_seconds", "When these figures were read, in seconds since the epoch.",
        lambda r: _time(r.started)),
    _Of("incomplete_scopes", "Regions or projects whose snapshots could not all be listed. "
        "Their disks are left out.",
        lambda r: sum(not scope.complete for scope in r.scopes)),
    _Of("rules", "Rules that were understood.", lambda r: r.summary.rules),
    _Of("disks", "Disks that have rules.", lambda r: r.summary.disks),
    _Of("problems", "Problems of severity error, most of them in rules.",
        lambda r: r.summary.problems),
    _Of("notes", "Problems of severity warning.", lambda r: r.summary.notes),
    _Of("held_deletions", "Snapshots that would go and are held, for another cause than unsettled.",
        lambda r: r.summary.held - r.summary.unsettled),
    _Of("unsettled_deletions", "Snapshots that would go and are held until their disk is settled.",
        lambda r: r.summary.unsettled),
    _Of("orphaned_snapshots", "Snapshots of this cluster whose disk no rule covers any more.",
        lambda r: r.summary.orphans),
    _Of("uncovered_volumes", "Bound volumes of the whole cluster that no rule covers or excludes.",
        lambda r: r.summary.uncovered),
    _Of("opted_out_volumes", "Bound volumes of the whole cluster that a rule excludes on purpose.",
        lambda r: r.summary.opted_out),
    _Of("mirror_in_use", "1 where the rules come from the mirror: the cluster does not answer.",
        lambda r: float(r.mirror_in_use)),
    _Of("mirror_age_seconds", "How old the mirror of the rules is.", lambda r: r.mirror_age),
)  # fmt: skip

_OF_DISK = (
    _Of("disk_newest_snapshot_timestamp_seconds",
        "When the newest completed snapshot was begun, in seconds since the epoch.",
        lambda one: _time(one.newest)),
    _Of("disk_oldest_snapshot_timestamp_seconds",
        "When the oldest completed snapshot was begun, in seconds since the epoch.",
        lambda one: _time(one.oldest)),
    _Of("disk_next_due_timestamp_seconds",
        "When the next snapshot is due, in seconds since the epoch; a past time means overdue.",
        lambda one: _time(one.next_due)),
    _Of("disk_completed_snapshots", "Completed snapshots.", lambda one: one.snapshots),
    _Of("disk_late", "1 where an earlier pass should have taken a snapshot, else 0.", _late),
)  # fmt: skip

_OF_GENERATION = (
    _Of("generation_points_wanted", "Points in time that a generation wants a snapshot for.",
        lambda p: len(p.cells)),
    _Of("generation_points_filled", "Points in time that have a completed snapshot.",
        lambda p: p.filled),
    _Of("generation_points_missing", "Points in time without a snapshot, later than the first one.",
        lambda p: sum(cell.state == "missing" for cell in p.cells)),
)  # fmt: skip


def without_incomplete(plan: Plan, report: Report) -> Plan:
    """Leave out the disks of scopes whose listing may lack snapshots.

    Otherwise snapshots that were not listed would look like snapshots that are gone.
    """
    cut = {scope.scope for scope in report.scopes if not scope.complete}
    return msgspec.structs.replace(
        plan,
        disks=tuple(one for one in plan.disks if one.disk.scope not in cut),
        orphans=tuple(one for one in plan.orphans if one.disk.scope not in cut),
    )


def families(report: Report, found: Sequence[DiskHealth]) -> list[Family]:
    """Give all metrics: of the cluster, of each disk, and of each of its generations.

    Args:
        report: of a plan.
        found: how each disk of it is, the worst first: of two that have the same labels the first
            is told, since a scrape that has a series twice is refused as a whole.
    """
    disks = [(_labels(report.cluster, one), one) for one in found]
    pictures = [((*labels, p.deltas, p.name), p) for labels, one in disks for p in one.pictures]
    return [
        _family(_Of("build_info", "The version that reads these figures.", lambda _: 1),
                (*CLUSTER, "version"), [((report.cluster, report.version), report)]),
        *(_family(of, CLUSTER, [((report.cluster,), report)]) for of in _OF_REPORT),
        _family(_Of("disk_health", "1 for what a disk's health is; the worst of several.",
                    lambda _: 1),
                (*DISK, "health"), [((*labels, one.health), one) for labels, one in disks]),
        *(_family(of, DISK, disks) for of in _OF_DISK),
        *(_family(of, GENERATION, pictures) for of in _OF_GENERATION),
    ]  # fmt: skip


def _labels(cluster: str, one: DiskHealth) -> tuple[str, ...]:
    namespace, _, claim = one.names.claim.partition("/")
    return cluster, namespace, claim, one.names.volume, one.disk


def _family(
    of: _Of, labels: tuple[str, ...], found: Iterable[tuple[tuple[str, ...], Any]]
) -> Family:
    values: dict[tuple[str, ...], float] = {}
    for texts, one in found:
        value = of.value(one)
        if value is not None:
            values.setdefault(tuple(shorten(text, LONGEST) for text in texts), float(value))
    return Family(PREFIX + of.name, of.help, labels, values)


def to_builtins(found: Iterable[Family]) -> list[dict[str, Any]]:
    """Tell programs the same."""
    return [
        {
            "name": family.name,
            "help": family.help,
            "samples": [
                {"labels": dict(zip(family.labels, texts, strict=True)), "value": value}
                for texts, value in family.values.items()
            ],
        }
        for family in found
    ]
