"""What the cluster is told of its SnapshotRules and SnapshotPolicies after a pass. Pure.

A status is written where it differs from the one that was read beside its rule. What it says is
made so that it stands still while nothing happens: no ages, no counts of seconds, no error texts.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from shared.kinds import OURS
from shared.model import Disk, Problem, Rule, RuleSet, Source
from shared.objects import Objects
from shared.planning.actions import Plan
from shared.planning.labels import Labels
from shared.ports import Listing
from shared.reports.applied import Applied
from shared.reports.disk_facts import DiskFacts, disk_facts
from shared.reports.problems import by_object, text_of, text_with_field
from shared.reports.readiness import Readiness, readiness
from shared.reports.status import (
    Condition,
    FoundStatus,
    LastSnapshot,
    Status,
    StatusPatch,
    Trouble,
    patch_to,
    read_status,
)
from shared.text import shorten

#: Problems that a status shows at most.
MAX_PROBLEMS = 10
#: A snapshot that was just begun is due again an interval after the cloud's own time of it, which
#: only the next listing tells: so far, and a quarter of the interval, may `nextDue` be beside it.
ROUGHLY = timedelta(minutes=10)


class _Figures(NamedTuple):
    """What a status says of the disk."""

    last_snapshot: LastSnapshot | None = None
    next_due: datetime | None = None
    snapshots: int | None = None


def statuses(
    objects: Objects,
    ruleset: RuleSet,
    plan: Plan,
    listings: Iterable[Listing],
    applied: Applied,
    labels: Labels,
) -> list[StatusPatch]:
    """List the statuses that are not what they should be, by source.

    Left alone are rules of another cloud, of disks that are not of this pass, and of scopes whose
    listing was cut short: what is not known is not said.

    Args:
        objects: as the cluster itself gave them, with the status that each rule has.
        ruleset: what was read from them.
        plan: of the pass.
        listings: that it went by.
        applied: what became of it.
        labels: tell which snapshots are ours.
    """
    rules: dict[Source, list[Rule]] = {}
    for rule in ruleset.rules:
        if rule.source.kind == "SnapshotRule":
            rules.setdefault(rule.source, []).append(rule)
        if rule.policy:
            rules.setdefault(Source("SnapshotPolicy", "", rule.policy), []).append(rule)
    problems = by_object(plan, OURS)
    disks = {rule.disk for found in rules.values() for rule in found} | {
        p.disk for entries in problems.values() for p in entries if p.disk
    }
    known = disk_facts(plan, listings, applied, labels, disks)
    now = _second(plan.now)
    patches = []
    for before in filter(None, map(read_status, objects.manifests)):
        found, wrong = rules.get(before.source, []), problems.get(before.source, [])
        if before.source.kind == "SnapshotPolicy" and objects.refused and not wrong:
            continue  # whom it selects is not known
        if before.source.kind == "SnapshotPolicy" or len(found) > 1:
            status = _status_of_many(found, wrong, before, known, now)
        else:
            status = _status(found[0] if found else None, wrong, before, known, now)
        if status is not None and status != before.status:
            patches.append(patch_to(before, status))
    return sorted(patches, key=lambda patch: patch.source)


def _status(
    rule: Rule | None,
    problems: Sequence[Problem],
    before: FoundStatus,
    known: Mapping[Disk, DiskFacts],
    now: datetime,
) -> Status | None:
    """Give the status that a rule should have; None where this pass cannot tell."""
    if rule is None and not problems:
        return None  # another cloud's
    disk = rule.disk if rule else next((p.disk for p in problems if p.disk), None)
    facts = known.get(disk) if disk else None
    wrong = rule is None or any(p.severity == "error" for p in problems)
    if disk and (facts is None or not (facts.complete or wrong)):
        return None
    ready = readiness(rule, facts, problems[0] if wrong else None)
    figures = _figures(facts, before.status, now) if facts else _Figures()
    return Status(
        observed_generation=before.generation,
        conditions=(_condition(ready, before, now),),
        last_snapshot=figures.last_snapshot,
        next_due=figures.next_due,
        snapshots=figures.snapshots,
        problems=tuple(_trouble(p) for p in problems[:MAX_PROBLEMS]),
    )


def _status_of_many(
    rules: Sequence[Rule],
    problems: Sequence[Problem],
    before: FoundStatus,
    known: Mapping[Disk, DiskFacts],
    now: datetime,
) -> Status | None:
    """Give the status of what is about several disks: by the one that is worst off.

    None where this pass has not seen all of them.
    """
    disks = {rule.disk: rule for rule in rules}
    facts = {disk: known[disk] for disk in disks if disk in known and known[disk].complete}
    error = next((p for p in problems if p.severity == "error"), None)
    if len(facts) < len(disks) and not error:
        return None
    judged = [readiness(disks[disk], found, error) for disk, found in sorted(facts.items())]
    ready = next((one for one in judged if one.status == "False"), None)
    if ready is None:
        ready = judged[0] if judged else _of_none(error)
        if len(judged) > 1:
            ready = ready._replace(message=f"{len(judged)} disks are snapshotted")
    return Status(
        observed_generation=before.generation,
        conditions=(_condition(ready, before, now),),
        disks=len(disks),
        late=sum(found.plan.late and not found.created for found in facts.values()),
        problems=tuple(_trouble(p) for p in problems[:MAX_PROBLEMS]),
    )


def _of_none(error: Problem | None) -> Readiness:
    if error:
        return Readiness("False", "Problem", text_with_field(error))
    return Readiness("True", "Unused", "no disk has its deltas from here")


def _condition(ready: Readiness, before: FoundStatus, now: datetime) -> Condition:
    """Make the condition; it has changed only where it says True and said False, or vice versa."""
    since = next(
        (
            c.last_transition_time
            for c in before.status.conditions
            if (c.type, c.status) == ("Ready", ready.status)
        ),
        now,
    )
    return Condition(
        type="Ready",
        status=ready.status,
        reason=ready.reason,
        message=ready.message,
        last_transition_time=since,
        observed_generation=before.generation,
    )


def _figures(disk: DiskFacts, before: Status, now: datetime) -> _Figures:
    """Tell of the disk; where its listing is incomplete, what was told before."""
    if not disk.complete:
        return _Figures(before.last_snapshot, before.next_due, before.snapshots)
    newest = disk.newest
    return _Figures(
        LastSnapshot(newest.id, _second(newest.started)) if newest else None,
        _next_due(disk, before.next_due, now),
        disk.completed,
    )


def _next_due(disk: DiskFacts, before: datetime | None, now: datetime) -> datetime | None:
    """Tell when the next one is due; a disk that has none is due at any time, which is none."""
    interval = disk.plan.interval
    if interval is None:
        return None
    due = disk.plan.next_due if disk.plan.newest else None
    if disk.created:
        due = disk.plan.due_again
    if due and before and abs(due - before) < min(ROUGHLY, interval / 4):
        return before
    return due and _second(due)


def _trouble(problem: Problem) -> Trouble:
    return Trouble(problem.severity, shorten(problem.field), text_of(problem))


def _second(time: datetime) -> datetime:
    return time.replace(microsecond=0)
