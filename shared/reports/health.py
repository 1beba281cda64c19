"""How each disk is, in a word, the worst first: what `status` tells. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from shared.model import Disk, Problem, Rule, Snapshot, Uncovered
from shared.planning.actions import DiskPlan, Hold, Orphans, Plan
from shared.planning.histories import by_disk
from shared.planning.labels import Labels
from shared.planning.names import Names, names_of
from shared.planning.pictures import Picture, draw
from shared.planning.policy import CLOCK_SKEW
from shared.retention.deltas import parse
from shared.text import counted, words

Health = Literal["never", "failing", "late", "problem", "uncovered", "ok", "held", "orphan"]
#: The worst first.
ORDER: tuple[Health, ...] = (
    "never", "failing", "late", "problem", "uncovered", "ok", "held", "orphan"
)  # fmt: skip


class DiskHealth(NamedTuple):
    """One disk: how it is and why, its completed snapshots, and each generation as a picture.

    `size` is of the newest snapshot's disk, in GiB; 0 where the cloud does not tell. `late` is
    whether an earlier pass should have snapshotted it. `window` is when it may be snapshotted;
    `opens` when that opens next, None without one.
    """

    disk: str
    names: Names
    health: Health
    why: str
    newest: datetime | None
    oldest: datetime | None
    next_due: datetime | None
    snapshots: int
    size: int
    late: bool
    pictures: tuple[Picture, ...] = ()
    window: str = ""
    opens: datetime | None = None


def healths(
    plan: Plan,
    rules: Mapping[Disk, Sequence[Rule]],
    snapshots: Iterable[Snapshot],
    labels: Labels,
) -> list[DiskHealth]:
    """Tell how each disk of a plan is, the worst first, then by claim."""
    histories = by_disk(snapshots, labels)
    wrong = {p.disk: p for p in plan.problems if p.severity == "error" and p.disk}
    holds: dict[Disk, list[Hold]] = {}
    for hold in plan.holds:
        holds.setdefault(hold.snapshot.disk, []).append(hold)
    found = [
        _of(account, rules.get(account.disk, ()), histories.get(account.disk, ()), plan,
            wrong.get(account.disk), holds.get(account.disk, ()), labels)
        for account in plan.disks
    ] + [_orphan(orphans, histories.get(orphans.disk, ())) for orphans in plan.orphans]  # fmt: skip
    found += [_uncovered(one) for one in plan.uncovered if not one.by]
    return sorted(found, key=lambda h: (ORDER.index(h.health), h.names.claim or "~", h.disk))


def _of(
    account: DiskPlan,
    rules: Sequence[Rule],
    history: Sequence[Snapshot],
    plan: Plan,
    wrong: Problem | None,
    holds: Sequence[Hold],
    labels: Labels,
) -> DiskHealth:
    mine = [s for s in history if labels.owner(s) != "other"]
    done = [s for s in mine if s.state == "completed" and s.started <= plan.now + CLOCK_SKEW]
    others = [s for s in mine if s.state != "completed"]
    said = f"{wrong.field} {wrong.value!r}: {wrong.message}" if wrong else ""
    health, why = _judge(account, bool(done), said, [h.cause for h in holds], plan.now)
    names = names_of(rules, history[-1] if history else None)
    if wrong and wrong.source.kind == "PersistentVolumeClaim" and not names.claim:
        names = names._replace(claim=f"{wrong.source.namespace}/{wrong.source.name}")
    held = [hold.snapshot.id for hold in holds]
    lists = [parse(text) for text in dict.fromkeys(rule.deltas for rule in rules)]
    return DiskHealth(
        disk=account.disk.id,
        names=names,
        health=health,
        why=why,
        newest=done[-1].started if done else None,
        oldest=done[0].started if done else None,
        next_due=account.next_due,
        snapshots=len(done),
        size=done[-1].size if done else 0,
        late=account.late,
        pictures=tuple(p for deltas in lists for p in draw(done, deltas, plan.now, others, held)),
        window=account.window,
        opens=account.opens,
    )


def _judge(
    account: DiskPlan, any_done: bool, wrong: str, holds: Sequence[str], now: datetime
) -> tuple[Health, str]:
    if not any_done:
        return "never", account.failing or wrong or "no snapshot is completed yet"
    if account.failures:
        return "failing", f"{counted(account.failures, 'attempt')} failed: {account.failing}"
    if account.late:
        due = f"due {words(now - account.next_due)} ago" if account.next_due else "overdue"
        return "late", due
    if wrong:
        return "problem", wrong
    other = next((cause for cause in holds if cause != "unsettled"), "")
    if other:
        return "problem", f"deletions are held: {other}"
    if holds:
        return "held", f"{counted(len(holds), 'deletion')} held as unsettled"
    return "ok", ""


def _uncovered(one: Uncovered) -> DiskHealth:
    return DiskHealth(
        disk=one.disk.id if one.disk else "",
        names=Names(claim=f"{one.namespace}/{one.claim}", volume=one.volume),
        health="uncovered",
        why="no rule covers it; annotate the claim or its Namespace, or write deltas: none",
        newest=None,
        oldest=None,
        next_due=None,
        snapshots=0,
        size=0,
        late=False,
    )


def _orphan(orphans: Orphans, history: Sequence[Snapshot]) -> DiskHealth:
    return DiskHealth(
        disk=orphans.disk.id,
        names=names_of((), history[-1] if history else None),
        health="orphan",
        why=orphans.reason,
        newest=orphans.newest,
        oldest=history[0].started if history else None,
        next_due=None,
        snapshots=orphans.count,
        size=history[-1].size if history else 0,
        late=False,
    )
