"""Put a pass's report together from what was listed, planned and done."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from math import inf
from typing import Any, NamedTuple

from shared import __version__
from shared.model import Problem, Snapshot
from shared.passes.trust import TrustedRules
from shared.planning.actions import DiskPlan, Plan
from shared.planning.attempts import Failed
from shared.planning.explanation import Explanation
from shared.planning.labels import CLAIM, NAMESPACE, VOLUME, taken
from shared.planning.notes import disk_gone
from shared.ports import Listing
from shared.reports.applied import Applied
from shared.reports.entries import (
    Awaited,
    Copied,
    FailedAttempt,
    Held,
    NotCovered,
    Orphaned,
    ScopeReport,
    Waiting,
)
from shared.reports.schema import Outcome, Report, Summary
from shared.text import shorten


class Facts(NamedTuple):
    """What a report is made of.

    `listings` are those of the scopes that were listed, `skipped` the scopes that another pass
    holds; `failed` are attempts of earlier passes that turned out to have failed; `rules_lost`
    counts disks that had a rule lately; `forced` tells that a snapshot of each disk was asked for.
    `copies` are this cluster's.
    """

    pass_id: str
    mode: str
    provider: str
    cluster: str
    trusted: TrustedRules
    started: datetime
    finished: datetime
    listings: Sequence[Listing]
    skipped: Sequence[str]
    plan: Plan
    applied: Applied
    failed: Sequence[Failed] = ()
    rules_lost: int = 0
    copies: Sequence[Snapshot] = ()
    awaited: tuple[Awaited, ...] = ()
    explanations: tuple[Explanation, ...] = ()
    forced: bool = False


def report_of(facts: Facts) -> Report:
    """Give the whole report; `Report.cut` makes an answer of it."""
    trusted = facts.trusted
    return Report(
        pass_id=facts.pass_id,
        version=__version__,
        mode=facts.mode,
        provider=facts.provider,
        cluster=facts.cluster,
        rules_from=trusted.ruleset.read_from,
        mirror_in_use=trusted.in_use,
        mirror_age=None if trusted.age is None else round(trusted.age.total_seconds(), 1),
        outcome=_outcome(facts),
        started=facts.started,
        finished=facts.finished,
        summary=_summary(facts),
        scopes=tuple(_scopes(facts)),
        explanations=facts.explanations,
        **_lists(facts),
        copies=tuple(_copied(copy) for copy in facts.copies),
        awaited=facts.awaited,
    )


def _outcome(facts: Facts) -> Outcome:
    if facts.skipped and not facts.listings:
        return "skipped"
    failed = facts.applied.failures or facts.failed
    if failed or facts.plan.unselected or not all(x.complete for x in facts.listings):
        return "partial"
    if facts.mode == "backfill" and (facts.skipped or _unfinished(facts)):
        return "partial"
    return "completed"


def _scopes(facts: Facts) -> Iterable[ScopeReport]:
    for listing in facts.listings:
        yield ScopeReport(
            scope=listing.scope,
            snapshots=len(listing.snapshots),
            complete=listing.complete,
            error=listing.error,
        )
    for scope in facts.skipped:
        yield ScopeReport(scope=scope, complete=False, skipped=True)


def _copied(copy: Snapshot) -> Copied:
    said = {key: shorten(copy.labels.get(key, "")) for key in (NAMESPACE, CLAIM, VOLUME)}
    return Copied(
        scope=copy.disk.scope,
        snapshot=copy.id,
        started=copy.started,
        state=copy.state,
        taken=taken(copy),
        message=shorten(copy.message, 200),
        namespace=said[NAMESPACE],
        claim=said[CLAIM],
        volume=said[VOLUME],
    )


def _unfinished(facts: Facts) -> bool:
    """Tell whether a backfill has left something to another call."""
    plan = facts.plan
    waits = any(wait.cause not in ("pending", "forced") for wait in plan.waits)
    open_ends = facts.applied.deferred or any(a.state != "completed" for a in facts.awaited)
    # A disk without a rule that can be read was asked for too.
    return bool(waits or open_ends or (facts.forced and any(not d.policy for d in plan.disks)))


def _lists(facts: Facts) -> dict[str, Any]:
    plan, applied = facts.plan, facts.applied
    lists: dict[str, Iterable[Any]] = {
        "creations": applied.creations,
        "deletions": applied.deletions,
        "failures": applied.failures,
        "failed_attempts": [
            FailedAttempt(
                disk=failed.disk.id,
                snapshot=failed.snapshot,
                began=failed.at,
                code=failed.code,
                message=failed.reason,
            )
            for failed in facts.failed
        ],
        "deferred": applied.deferred,
        "holds": [
            Held(
                disk=hold.snapshot.disk.id,
                snapshot=hold.snapshot.id,
                cause=hold.cause,
                reason=hold.reason,
                until=hold.until,
                tier=hold.snapshot.tier,
            )
            for hold in plan.holds
        ],
        "waiting": [
            Waiting(disk=wait.disk.id, cause=wait.cause, reason=wait.reason, until=wait.until)
            for wait in plan.waits
        ],
        "orphans": [
            Orphaned(
                disk=orphans.disk.id,
                count=orphans.count,
                newest=orphans.newest,
                age=orphans.age,
                reason=orphans.reason,
            )
            for orphans in plan.orphans
        ],
        "problems": _problems(facts),
        "uncovered": [
            NotCovered(
                claim=f"{one.namespace}/{one.claim}",
                volume=one.volume,
                disk=one.disk.id if one.disk else "",
                by=str(one.by or ""),
            )
            for one in plan.uncovered
        ],
        "notes": [p for p in plan.problems if p.severity == "warning"],
    }
    return {name: tuple(entries) for name, entries in lists.items()}


def _summary(facts: Facts) -> Summary:
    plan, applied = facts.plan, facts.applied
    gone = {create.disk for create, _ in applied.gone}
    late = [
        d
        for d in plan.disks
        if d.late and not (d.trusted and _taken(d, applied)) and d.disk not in gone
    ]
    worst = max(late, key=lambda d: inf if d.overdue is None else d.overdue, default=None)
    listed = [snapshot for listing in facts.listings for snapshot in listing.snapshots]
    disagreed = {hold.snapshot.disk for hold in plan.holds if hold.cause == "two-key"}
    return Summary(
        rules=plan.rules,
        disks=len(plan.disks),
        skipped=plan.skipped,
        snapshots=len(listed),
        archived=sum(snapshot.tier == "archive" for snapshot in listed),
        copies=len(facts.copies),
        kept=sum(sum(disk.kept.values()) for disk in plan.disks),
        created=len(applied.creations),
        deleted=len(applied.deletions),
        failed=len(applied.failures),
        failed_attempts=len(facts.failed),
        failed_creations=sum(failure.action == "create" for failure in applied.failures),
        deferred=len(applied.deferred),
        held=len(plan.holds),
        unsettled=sum(hold.cause == "unsettled" for hold in plan.holds),
        waiting=len(plan.waits),
        awaiting_window=sum(wait.cause == "window" for wait in plan.waits),
        problems=len(_problems(facts)),
        notes=sum(problem.severity == "warning" for problem in plan.problems),
        rules_lost=facts.rules_lost,
        orphans=sum(orphans.count for orphans in plan.orphans),
        uncovered=sum(one.by is None for one in plan.uncovered),
        opted_out=sum(one.by is not None for one in plan.uncovered),
        overdue=len(late),
        worst_overdue=max((disk.overdue or 0.0 for disk in late), default=0.0),
        worst_disk=worst.disk.id if worst else "",
        unconfirmed=sum(done.unconfirmed for done in applied.deletions),
        two_key_disagreements=len(disagreed),
    )


def _taken(account: DiskPlan, applied: Applied) -> bool:
    """Tell whether this pass began a snapshot of a disk."""
    return account.disk.id in applied.created_disks


def _problems(facts: Facts) -> list[Problem]:
    """List the errors, with the disks that turned out not to exist in this pass."""
    known = [problem for problem in facts.plan.problems if problem.severity == "error"]
    told = {problem.disk for problem in known}
    return known + [
        disk_gone(create.source, create.disk, said)
        for create, said in facts.applied.gone
        if create.disk not in told
    ]
