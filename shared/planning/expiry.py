"""What of one disk's history goes, what is held, and why. Pure.

Every guard is here: only completed snapshots count, the keep label, other clusters' snapshots,
snapshots from the future, the two-key rule, and the hold until a disk is settled.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from shared.model import Snapshot
from shared.planning.actions import Delete, Hold, HoldCause
from shared.planning.histories import History
from shared.planning.policy import Policy
from shared.planning.settled import Doubt, Settling
from shared.retention.deltas import Deltas
from shared.retention.kernel import CONFIRM_LIMIT, Retention, confirm
from shared.text import shorten, words

#: Failed snapshots stay as long, to be seen, and to slow down a disk that always fails.
FAILED_AFTER = timedelta(days=1)


#: Why a snapshot is held, and until when if that can be told.
Cause = tuple[HoldCause, str, datetime | None]


class Expiry(NamedTuple):
    """One disk's deletions and holds; `kept` counts the completed ones that stay, by why.

    Where something is held as unsettled `since` is the time of the oldest snapshot that shows the
    lists in force unchanged, and `settles` when the disk settles if snapshots go on; `long_held`
    counts what has been held for more than twice as long as that should take.
    """

    deletes: list[Delete]
    holds: list[Hold]
    kept: Counter[str]
    since: datetime | None = None
    settles: datetime | None = None
    long_held: int = 0


def expire(
    snapshots: Iterable[Snapshot],
    rules: Sequence[Deltas],
    now: datetime,
    policy: Policy,
    blocked: tuple[HoldCause, str] | None = None,
    label: str = "",
) -> Expiry:
    """Decide over all snapshots of a disk with our author label.

    Args:
        snapshots: in any order.
        rules: the lists in force.
        now: aware, UTC.
        policy: what else decides.
        blocked: why nothing of this disk may be deleted now; what would go is held with it.
        label: what a snapshot made now would say of the lists in force.
    """
    expiry = Expiry([], [], Counter())
    history = History(snapshots, now, policy)
    expiry.kept.update(history.set_aside)
    if not history.counted:
        return expiry
    retentions = [history.retain(deltas) for deltas in rules]
    gone = _count_kept(retentions, rules, history, now, policy, expiry.kept)
    if not gone:
        return expiry
    longest = max(rules, key=lambda d: d.resolve(history.anchor)[-1])
    stand = history.retain(longest)
    settling = Settling(history, rules, label, policy.settle_after)
    doubts = {} if blocked or policy.release_holds else settling.doubts(gone)
    unconfirmed = False
    if not blocked and len(doubts) < len(gone):
        unconfirmed, blocked = two_keys(retentions, rules, history.anchor)
    causes = _causes(gone, blocked, doubts)
    decide_fates(gone, causes, longest, stand, history.anchor, unconfirmed, expiry)
    if blocked or not doubts:
        return expiry
    return expiry._replace(
        since=settling.witness.started if settling.witness else None,
        settles=settling.until,
        long_held=settling.long_held(doubts),
    )


def _causes(
    gone: Iterable[Snapshot], blocked: tuple[HoldCause, str] | None, doubts: Mapping[str, Doubt]
) -> dict[str, Cause]:
    if blocked:
        return {snapshot.id: (*blocked, None) for snapshot in gone}
    return {name: ("unsettled", doubt.reason, doubt.until) for name, doubt in doubts.items()}


def decide_fates(
    gone: Iterable[Snapshot],
    causes: Mapping[str, Cause],
    deltas: Deltas,
    retention: Retention,
    anchor: datetime,
    unconfirmed: bool,
    expiry: Expiry,
    what: str = "",
) -> None:
    """Delete what goes, or hold what has a cause to be held.

    `retention` is what `deltas`, the list that reaches back furthest, keeps: it says which
    snapshots stand in the place of those that go.
    """
    standing = [retention.history[index] for index in sorted(retention.kept)]
    for snapshot in gone:
        why = what + _why(snapshot, deltas, standing, anchor)
        if snapshot.id in causes:
            cause, reason, until = causes[snapshot.id]
            reason = f"{reason} (would go: {why})"
            expiry.holds.append(Hold(snapshot=snapshot, cause=cause, reason=reason, until=until))
        else:
            expiry.deletes.append(Delete(snapshot=snapshot, reason=why, unconfirmed=unconfirmed))


def expire_failed(
    snapshots: Iterable[Snapshot],
    interval: timedelta,
    now: datetime,
    policy: Policy,
    in_the_way: bool = False,
) -> list[Delete]:
    """Remove failed snapshots after a day; not before the interval in which they still count.

    Those that are `in_the_way` of the next one go at once: on EC2 each holds one of a volume's five
    places, or the only one of st1 and sc1.
    """
    after = timedelta(0) if in_the_way else max(FAILED_AFTER, interval)
    return [
        Delete(snapshot=s, reason=f"failed {words(now - s.started)} ago{_said(s)}; no backup")
        for s in snapshots
        if s.state == "failed"
        and now - s.started > after
        and policy.labels.owner(s) != "other"
        and not policy.labels.kept(s, now)
    ]


def _count_kept(
    retentions: Sequence[Retention],
    rules: Sequence[Deltas],
    history: History,
    now: datetime,
    policy: Policy,
    kept: Counter[str],
) -> list[Snapshot]:
    """Count what is kept, each snapshot once, by why; return what goes, the oldest first."""
    names = [deltas.generations() for deltas in rules]
    gone = []
    for index, snapshot in enumerate(retentions[0].history):
        for retention, generations in zip(retentions, names, strict=True):
            reason = retention.kept.get(index)
            if reason:
                kept["newest" if reason.generation < 0 else generations[reason.generation]] += 1
                break
        else:
            if policy.labels.kept(snapshot, now):
                kept["keep label"] += 1
            else:
                gone.append(snapshot)
    return gone


def two_keys(
    retentions: Sequence[Retention], rules: Sequence[Deltas], anchor: datetime
) -> tuple[bool, tuple[HoldCause, str] | None]:
    """Ask tarsnapper too: whether any list went unconfirmed, and the hold where it disagrees.

    The lists of one disk share the limit, so that many rules on it cost no more than one.
    """
    unconfirmed, cost = False, 0
    for retention, deltas in zip(retentions, rules, strict=True):
        cost += retention.steps * len(retention.history)
        affordable = cost <= CONFIRM_LIMIT
        confirmed = confirm(retention, deltas.resolve(anchor)) if affordable else None
        if confirmed is None:
            unconfirmed = True
        elif confirmed != retention.kept_ids():
            return unconfirmed, (
                "two-key",
                f"tarsnapper decides otherwise under '{deltas.text}'; please report this",
            )
    return unconfirmed, None


def _said(failed: Snapshot) -> str:
    return f" ({shorten(failed.message, 200)})" if failed.message else ""


def _why(snapshot: Snapshot, deltas: Deltas, standing: Sequence[Snapshot], anchor: datetime) -> str:
    """Say why a snapshot goes: too old, or which one stands for the point that it is nearest to."""
    age = anchor - snapshot.started
    lengths, names = deltas.resolve(anchor), deltas.generations()
    if age > lengths[-1]:
        return f"too old: {words(age)}; the last generation is '{names[-1]}'"
    generation = next(i for i, span in enumerate(lengths[1:]) if age <= span)
    return f"{_nearest(snapshot, standing).id} covers its point instead, '{names[generation]}'"


def _nearest(snapshot: Snapshot, standing: Sequence[Snapshot]) -> Snapshot:
    """Find the snapshot next in time, among some in the order of time; of two the newer."""
    after = bisect_left(standing, snapshot.started, key=lambda s: s.started)
    beside = standing[max(after - 1, 0) : after + 1]
    return min(beside, key=lambda s: (abs(s.started - snapshot.started), -s.started.timestamp()))
