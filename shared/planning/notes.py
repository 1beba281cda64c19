"""What a plan warns of, beside the problems of rules. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

from shared.model import Disk, Problem, Rule, Snapshot, Source
from shared.planning.expiry import Expiry
from shared.planning.policy import CLOCK_SKEW
from shared.planning.situation import Situation
from shared.request import Only
from shared.retention.deltas import parse
from shared.text import counted, words


def of_disk(
    rules: Iterable[Rule], history: Iterable[Snapshot], now: datetime, period: timedelta
) -> list[Problem]:
    """Warn of rules more frequent than the scheduler, and of snapshots from the future."""
    problems = [
        Problem(
            severity="warning",
            source=rule.source,
            field="deltas",
            value=rule.deltas,
            message="the interval is shorter than the scheduler's period "
            "(SCHEDULE_PERIOD), which decides how often snapshots can be taken",
            disk=rule.disk,
        )
        for rule in rules
        if parse(rule.deltas).interval(now) < period
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


def of_pass(situation: Situation, only: Only, selected: Sequence[object]) -> Iterable[Problem]:
    """Say what makes a plan emptier than its reader may think.

    Args:
        situation: what the plan rests on.
        only: what was asked for.
        selected: the disks that it selects.
    """
    labels = situation.policy.labels
    for scope, why in situation.unleased.items():
        yield _problem("error", Source("Scope", "", scope), "", f"{why}; nothing is deleted there")
    if not selected and not only.whole_scopes():
        yield _problem(
            "warning", Source("Request", "", "only"), "only",
            "selects no disk: no rule, namespace or disk is called so, or the disk has no rule",
        )  # fmt: skip
    histories = situation.histories.values()
    named = (labels.owner(s) == "other" for history in histories for s in history)
    if not labels.cluster and any(named):
        yield _problem(
            "warning", Source("Settings", "", "CLUSTER_ID"), "CLUSTER_ID",
            "this cluster has no name, so that snapshots which bear a cluster's are taken for "
            "another's; set CLUSTER_NAME or CLUSTER_ID",
        )  # fmt: skip


def _problem(
    severity: Literal["error", "warning"], source: Source, field: str, message: str
) -> Problem:
    return Problem(severity=severity, source=source, field=field, value="", message=message)
