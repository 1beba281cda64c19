"""Put a pass's report together from what was listed, planned and done."""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from shared import __version__
from shared.actions import Plan
from shared.apply import Applied
from shared.ports import Listing
from shared.report import Held, Orphaned, Report, ScopeReport, Summary, Waiting, shortened


def answer(
    *,
    mode: str,
    provider: str,
    cluster: str,
    read_from: str,
    started: datetime,
    finished: datetime,
    listings: Collection[Listing],
    plan: Plan,
    applied: Applied,
) -> Report:
    """Give the report; its lists are cut, its counts are not."""
    complete = all(listing.complete for listing in listings)
    return Report(
        pass_id=str(uuid.uuid4()),
        version=__version__,
        mode=mode,
        provider=provider,
        cluster=cluster,
        rules_from=read_from,
        outcome="completed" if complete and not applied.failures else "partial",
        started=started,
        finished=finished,
        summary=_summary(plan, applied, sum(len(listing.snapshots) for listing in listings)),
        scopes=tuple(
            ScopeReport(
                scope=listing.scope,
                snapshots=len(listing.snapshots),
                complete=listing.complete,
                error=listing.error,
            )
            for listing in listings
        ),
        **shortened(_lists(plan, applied)),
    )


def _lists(plan: Plan, applied: Applied) -> dict[str, Sequence[Any]]:
    return {
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
            Orphaned(disk=orphans.disk.id, count=orphans.count, newest=orphans.newest)
            for orphans in plan.orphans
        ],
        "problems": plan.problems,
    }


def _summary(plan: Plan, applied: Applied, snapshots: int) -> Summary:
    late = [d for d in plan.disks if d.late and d.disk.id not in applied.created_disks]
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
        unconfirmed=sum(done.unconfirmed for done in applied.deletions),
        two_key_disagreements=len(disagreed),
    )
