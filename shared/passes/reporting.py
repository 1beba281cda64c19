"""Put a pass's report together from what was listed, planned and done."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from math import inf
from typing import Any

from shared import __version__
from shared.passes.trust import Reading
from shared.planning.actions import Plan
from shared.planning.explanation import Explanation
from shared.ports import Listing
from shared.reports.applied import Applied
from shared.reports.schema import (
    Awaited,
    Held,
    Orphaned,
    Outcome,
    Report,
    ScopeReport,
    Summary,
    Waiting,
)


def answer(
    *,
    pass_id: str,
    mode: str,
    provider: str,
    cluster: str,
    reading: Reading,
    started: datetime,
    finished: datetime,
    listings: Collection[Listing],
    skipped: Sequence[str],
    plan: Plan,
    applied: Applied,
    awaited: tuple[Awaited, ...] = (),
    explanations: tuple[Explanation, ...] = (),
    forced: bool = False,
) -> Report:
    """Give the whole report; `Report.cut` makes an answer of it."""
    complete = all(listing.complete for listing in listings)
    outcome: Outcome = "completed" if complete and not applied.failures else "partial"
    if mode == "backfill" and (skipped or _unfinished(plan, applied, awaited, forced)):
        outcome = "partial"
    if skipped and not listings:
        outcome = "skipped"
    return Report(
        pass_id=pass_id,
        version=__version__,
        mode=mode,
        provider=provider,
        cluster=cluster,
        rules_from=reading.ruleset.read_from,
        mirror_in_use=reading.in_use,
        mirror_age=None if reading.age is None else round(reading.age.total_seconds(), 1),
        outcome=outcome,
        started=started,
        finished=finished,
        summary=_summary(plan, applied, sum(len(listing.snapshots) for listing in listings)),
        scopes=(
            *(
                ScopeReport(
                    scope=listing.scope,
                    snapshots=len(listing.snapshots),
                    complete=listing.complete,
                    error=listing.error,
                )
                for listing in listings
            ),
            *(ScopeReport(scope=scope, complete=False, skipped=True) for scope in skipped),
        ),
        explanations=explanations,
        **_lists(plan, applied),
        awaited=awaited,
    )


def _unfinished(plan: Plan, applied: Applied, awaited: Iterable[Awaited], forced: bool) -> bool:
    """Tell whether a backfill has left something to another call."""
    waits = any(wait.cause not in ("pending", "forced") for wait in plan.waits)
    open_ends = applied.deferred or any(a.state != "completed" for a in awaited)
    # A disk without a rule that can be read was asked for too.
    return bool(waits or open_ends or (forced and any(not d.policy for d in plan.disks)))


def _lists(plan: Plan, applied: Applied) -> dict[str, Any]:
    lists: dict[str, Iterable[Any]] = {
        "creations": applied.creations,
        "deletions": applied.deletions,
        "failures": applied.failures,
        "deferred": applied.deferred,
        "holds": [
            Held(
                disk=hold.snapshot.disk.id,
                snapshot=hold.snapshot.id,
                cause=hold.cause,
                reason=hold.reason,
            )
            for hold in plan.holds
        ],
        "waiting": [
            Waiting(disk=wait.disk.id, cause=wait.cause, reason=wait.reason) for wait in plan.waits
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
        "problems": plan.problems,
    }
    return {name: tuple(entries) for name, entries in lists.items()}


def _summary(plan: Plan, applied: Applied, snapshots: int) -> Summary:
    late = [d for d in plan.disks if d.late and d.disk.id not in applied.created_disks]
    worst = max(late, key=lambda d: inf if d.overdue is None else d.overdue, default=None)
    disagreed = {hold.snapshot.disk for hold in plan.holds if hold.cause == "two-key"}
    return Summary(
        rules=plan.rules,
        disks=len(plan.disks),
        skipped=plan.skipped,
        snapshots=snapshots,
        kept=sum(sum(disk.kept.values()) for disk in plan.disks),
        created=len(applied.creations),
        deleted=len(applied.deletions),
        failed=len(applied.failures),
        failed_creations=sum(failure.action == "create" for failure in applied.failures),
        deferred=len(applied.deferred),
        held=len(plan.holds),
        waiting=len(plan.waits),
        problems=len(plan.problems),
        orphans=sum(orphans.count for orphans in plan.orphans),
        overdue=len(late),
        worst_overdue=max((disk.overdue or 0.0 for disk in late), default=0.0),
        worst_disk=worst.disk.id if worst else "",
        unconfirmed=sum(done.unconfirmed for done in applied.deletions),
        two_key_disagreements=len(disagreed),
    )
