"""What a plan warns of, beside the problems of rules. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal

from shared.model import Disk, Problem, Rule, Snapshot, Source
from shared.planning.actions import Create
from shared.planning.expiry import Expiry
from shared.planning.labels import CLUSTER
from shared.planning.policy import CLOCK_SKEW, Policy
from shared.planning.situation import Situation
from shared.retention.deltas import parse
from shared.text import counted, shorten, words


def of_disk(
    rules: Sequence[Rule], history: Iterable[Snapshot], now: datetime, policy: Policy
) -> list[Problem]:
    """Warn of rules more frequent than can be kept, and of snapshots from the future."""
    problems = [
        Problem(
            severity="warning",
            source=rule.source,
            field="deltas",
            value=rule.deltas,
            message=f"the interval is less than {limit}, so that snapshots are taken less often "
            "than it says",
            disk=rule.disk,
        )
        for rule in rules
        for limit in _limits(parse(rule.deltas).interval(now), policy)
    ]
    problems += [
        Problem(
            severity="warning",
            source=rule.source,
            field="window",
            value=shorten(str(rule.window)),
            message=message,
            disk=rule.disk,
        )
        for rule in rules
        for message in _of_window(rule, now, policy)
    ]
    return problems + [
        Problem(
            severity="warning",
            source=Source("Snapshot", "", snapshot.id),
            field="started",
            value=snapshot.started.isoformat(),
            message="is dated in the future; it is kept and not counted",
            disk=snapshot.disk,
        )
        for snapshot in history
        if snapshot.started > now + CLOCK_SKEW
    ]


def _of_window(rule: Rule, now: datetime, policy: Policy) -> Iterator[str]:
    """Say which windows passes may miss, and which leave gaps as long as a history reaches."""
    if rule.window is None:
        return
    if rule.window.shortest_opening(now) < 2 * policy.period:
        yield (
            "is sometimes open for less than twice the scheduler's period (SCHEDULE_PERIOD), so "
            "that a pass may miss it"
        )
    if rule.window.longest_gap(now) >= parse(rule.deltas).resolve(now)[-1]:
        yield (
            "is closed for as long as the longest delta reaches back: of what was taken before "
            "only the newest is kept, and deletions may stay held. Write a longer last delta"
        )


def _limits(interval: timedelta, policy: Policy) -> Iterator[str]:
    """Name what an interval is too short for."""
    least = policy.labels.encoding.least_interval
    if interval < 2 * policy.period:
        yield "twice the scheduler's period (SCHEDULE_PERIOD)"
    if interval < least:
        minutes = counted(int(least.total_seconds() // 60), "minute")
        yield f"{minutes}, in which this cloud takes one snapshot of a disk"


def disk_gone(source: Source, disk: Disk, said: str) -> Problem:
    """Tell a rule's owner that its disk does not exist."""
    return Problem(
        severity="error",
        source=source,
        field="disk",
        value=disk.id,
        message=f"there is no such disk any more: {said}. If that is right, remove the rule; its "
        "snapshots stay",
        disk=disk,
    )


def not_ours(create: Create) -> Problem:
    """Say of a snapshot that was not begun that the next pass would not know it again."""
    return Problem(
        severity="error",
        source=create.source,
        field="labels",
        value="",
        message="no snapshot was begun: with these labels the next pass would not recognise it. "
        "Check SNAPSHOT_AUTHOR_LABEL, SNAPSHOT_AUTHOR_LABEL_KEY, KEEP_LABEL and CLUSTER_ID",
        disk=create.disk,
    )


def held_too_long(disk: Disk, expiry: Expiry, settle_after: timedelta) -> Problem:
    """Warn that a disk does not settle, so that what former rules kept piles up."""
    held = counted(expiry.long_held, "snapshot")
    return Problem(
        severity="warning",
        source=Source("Disk", "", disk.id),
        field="settled",
        value="",
        message=f"{held} held for more than {words(2 * settle_after)}, twice SETTLE_AFTER: the "
        "disk does not settle, since its rules change again and again, or its snapshots are far "
        "apart. If they may go, run a pass with release_holds for this disk",
        disk=disk,
    )


def of_pass(situation: Situation, selected: Collection[Disk]) -> Iterator[Problem]:
    """Say what makes a plan emptier than its reader may think."""
    for scope, why in situation.unleased.items():
        yield _problem("error", Source("Scope", "", scope), "", f"{why}; nothing is deleted there")
    if not situation.rules and not situation.broken:
        yield _problem(
            "warning", Source("Rules", "", "cluster"), "",
            "there is no rule: annotate a claim or a volume, or write a SnapshotRule",
        )  # fmt: skip
    yield from _foreign(situation, selected)


def _foreign(situation: Situation, selected: Collection[Disk]) -> Iterator[Problem]:
    """Say once of each other cluster that its snapshots are on disks of ours."""
    labels = situation.policy.labels
    found: Counter[str] = Counter()
    disks: dict[str, set[Disk]] = {}
    for disk in selected:
        for snapshot in situation.histories.get(disk, ()):
            if labels.owner(snapshot) == "other":
                name = snapshot.labels[CLUSTER]
                found[name] += 1
                disks.setdefault(name, set()).add(disk)
    for name, count in sorted(found.items()):
        of = counted(len(disks[name]), "disk")
        remedy = (
            f"If it is an earlier name of this cluster, run adopt --from-cluster {shorten(name)}"
            if labels.cluster
            else "This cluster has no name: set CLUSTER_NAME or CLUSTER_ID"
        )
        yield _problem(
            "warning", Source("Cluster", "", shorten(name)), "",
            f"{counted(count, 'snapshot')} of {of} with a rule here have this cluster's label: "
            f"they neither count nor go. {remedy}",
        )  # fmt: skip


def _problem(
    severity: Literal["error", "warning"], source: Source, field: str, message: str
) -> Problem:
    return Problem(severity=severity, source=source, field=field, value="", message=message)
