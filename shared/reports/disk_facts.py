"""What a pass knows of each of its disks once it has done what it could. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from shared.model import Disk, Snapshot
from shared.planning.actions import DiskPlan, HoldCause, Plan, WaitCause
from shared.planning.labels import Labels
from shared.planning.policy import CLOCK_SKEW
from shared.ports import Listing
from shared.reports.applied import Applied


class DiskFacts(NamedTuple):
    """One disk: what the plan says of it, what is there, and what became of its next snapshot.

    `complete` tells whether the listing was; where it was not, neither `newest`, the newest
    completed snapshot, nor `completed`, how many there are after this pass's deletions, is sure.
    Where no snapshot was `created`, `failure` is the cloud's code of an attempt that failed, None
    without one; `deferred` tells that it was left to a later pass, and `wait` why the plan has
    none. `hold` is the cause of deletions that are held.
    """

    plan: DiskPlan
    complete: bool
    newest: Snapshot | None
    completed: int
    created: bool
    failure: str | None
    deferred: bool
    wait: WaitCause | None
    hold: HoldCause | None


def disk_facts(
    plan: Plan,
    listings: Iterable[Listing],
    applied: Applied,
    labels: Labels,
    disks: Collection[Disk],
) -> dict[Disk, DiskFacts]:
    """Gather what is known of some disks; those that are not of this pass are left out."""
    listings = list(listings)
    incomplete = {listing.scope for listing in listings if not listing.complete}
    newest = _newest(listings, labels, disks, plan.now)
    deleted = _deleted(plan, applied)
    failures = {f.disk: f.code for f in applied.failures if f.action == "create"}
    deferred = {d.disk for d in applied.deferred if d.action == "create"}
    waits = {wait.disk: wait.cause for wait in plan.waits}
    holds = _holds(plan)
    return {
        account.disk: DiskFacts(
            plan=account,
            complete=account.disk.scope not in incomplete,
            newest=newest.get(account.disk),
            completed=account.states.get("completed", 0) - deleted[account.disk],
            created=account.disk.id in applied.created_disks,
            failure=failures.get(account.disk.id),
            deferred=account.disk.id in deferred,
            wait=waits.get(account.disk),
            hold=holds.get(account.disk),
        )
        for account in plan.disks
        if account.disk in disks
    }


def _newest(
    listings: Iterable[Listing], labels: Labels, disks: Collection[Disk], now: datetime
) -> dict[Disk, Snapshot]:
    """Find the newest completed snapshot of each disk, as the plan counts them."""
    newest: dict[Disk, Snapshot] = {}
    for listing in listings:
        ours = [s for s in listing.snapshots if s.disk in disks and labels.ours(s) and not s.copy]
        # One that a listing shows twice, in two states, is as finished as the less finished.
        unfinished = {s.id for s in ours if s.state != "completed"}
        for snapshot in ours:
            if snapshot.id in unfinished or snapshot.started > now + CLOCK_SKEW:
                continue
            best = newest.get(snapshot.disk)
            if best is None or (best.started, best.id) < (snapshot.started, snapshot.id):
                newest[snapshot.disk] = snapshot
    return newest


def _deleted(plan: Plan, applied: Applied) -> Counter[Disk]:
    """Count the completed snapshots of each disk that this pass deleted."""
    gone = {(done.disk, done.snapshot) for done in applied.deletions}
    return Counter(
        d.snapshot.disk
        for d in plan.deletes
        if d.snapshot.state == "completed" and (d.snapshot.disk.id, d.snapshot.id) in gone
    )


def _holds(plan: Plan) -> dict[Disk, HoldCause]:
    """Give one cause for each disk, the same as long as the same causes are there."""
    holds: dict[Disk, HoldCause] = {}
    for hold in sorted(plan.holds, key=lambda hold: hold.cause):
        holds.setdefault(hold.snapshot.disk, hold.cause)
    return holds
