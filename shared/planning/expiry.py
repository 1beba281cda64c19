"""What of one disk's history goes, what is held, and why. Pure.

Every guard stands here: only completed snapshots count, the keep label, other clusters'
snapshots, snapshots from the future, the two-key rule and the hold for mistakes.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from shared.errors import DeltasError
from shared.model import Snapshot
from shared.planning.actions import Delete, Hold, HoldCause
from shared.planning.histories import History
from shared.planning.labels import SEPARATOR
from shared.planning.policy import Policy
from shared.retention.deltas import Deltas, parse
from shared.retention.kernel import CONFIRM_LIMIT, Retention, confirm
from shared.text import words

#: Failed snapshots stay as long, to be seen, and to slow down a disk that always fails.
FAILED_AFTER = timedelta(days=1)


class Expiry(NamedTuple):
    """One disk's deletions and holds; `kept` counts the completed ones that stay, by why."""

    deletes: list[Delete]
    holds: list[Hold]
    kept: Counter[str]


def parse_borne(text: str) -> tuple[Deltas, ...]:
    """Read the deltas that a snapshot bears; nothing where they cannot be understood."""
    try:
        return tuple(parse(part) for part in text.split(SEPARATOR)) if text else ()
    except DeltasError:
        return ()


def expire(
    snapshots: Iterable[Snapshot],
    rules: Sequence[Deltas],
    now: datetime,
    policy: Policy,
    blocked: tuple[HoldCause, str] | None = None,
) -> Expiry:
    """Decide over all snapshots of a disk with our author label.

    `blocked` says why nothing of this disk may be deleted now: what would go is held with it.
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
    unconfirmed = False
    if blocked is None:
        unconfirmed, blocked = two_keys(retentions, rules, history.anchor)
    held = {} if blocked else _mistakes(gone, history, rules, policy)
    longest = max(rules, key=lambda d: d.resolve(history.anchor)[-1])
    causes = {s.id: blocked or held.get(s.id) for s in gone}
    decide_fates(gone, causes, longest, history.anchor, unconfirmed, expiry)
    return expiry


def decide_fates(
    gone: Iterable[Snapshot],
    causes: Mapping[str, tuple[HoldCause, str] | None],
    deltas: Deltas,
    anchor: datetime,
    unconfirmed: bool,
    expiry: Expiry,
    what: str = "",
) -> None:
    """Delete what goes, or hold what has a cause to be held."""
    for snapshot in gone:
        cause = causes[snapshot.id]
        why = what + _why(snapshot, deltas, anchor)
        if cause:
            reason = f"{cause[1]} (would go: {why})"
            expiry.holds.append(Hold(snapshot=snapshot, cause=cause[0], reason=reason))
        else:
            expiry.deletes.append(Delete(snapshot=snapshot, reason=why, unconfirmed=unconfirmed))


def expire_failed(
    snapshots: Iterable[Snapshot], interval: timedelta, now: datetime, policy: Policy
) -> list[Delete]:
    """Remove failed snapshots after a day; not before the interval in which they still count."""
    return [
        Delete(snapshot=s, reason=f"failed {words(now - s.started)} ago; no backup")
        for s in snapshots
        if s.state == "failed"
        and now - s.started > max(FAILED_AFTER, interval)
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


def _mistakes(
    gone: Sequence[Snapshot], history: History, rules: Sequence[Deltas], policy: Policy
) -> dict[str, tuple[HoldCause, str]]:
    """Hold what looks like a mistyped or tightened rule rather than the passing of time."""
    if policy.allow_mass_expiry or len(gone) <= policy.max_expire:
        return {}
    current = {deltas.text for deltas in rules}
    borne = {s.deltas: parse_borne(s.deltas) for s in history.counted}
    silent = [s for s in gone if not borne[s.deltas]]
    kept_by_own = {
        text: set().union(*(history.retain(d).kept_ids() for d in lists))
        for text, lists in borne.items()
        if not {d.text for d in lists} <= current
    }
    tightened = [s for s in gone if s.id in kept_by_own.get(s.deltas, ())]
    held: dict[str, tuple[HoldCause, str]] = {}
    if len(tightened) > policy.max_expire:
        reason = (
            f"the deltas they were made under would keep {len(tightened)} of this disk; "
            f"more than {policy.max_expire} go only with allow_mass_expiry"
        )
        held |= {s.id: ("mass-expiry", reason) for s in tightened}
    all_silent = sum(not borne[s.deltas] for s in history.counted)
    if len(silent) > policy.max_expire and 2 * len(silent) > all_silent:
        reason = (
            f"{len(silent)} of {all_silent} snapshots that bear no deltas would go at once; "
            f"more than {policy.max_expire} and more than half go only with allow_mass_expiry"
        )
        held |= {s.id: ("mass-expiry", reason) for s in silent}
    return held


def _why(snapshot: Snapshot, deltas: Deltas, anchor: datetime) -> str:
    """Say why a snapshot goes, by the list of deltas that reaches back furthest."""
    age = anchor - snapshot.started
    lengths = deltas.resolve(anchor)
    if age > lengths[-1]:
        return f"{words(age)} older than the newest, past the end of the last generation"
    generation = next(i for i, span in enumerate(lengths[1:]) if age <= span)
    name = deltas.generations()[generation]
    return f"{words(age)} older than the newest, in '{name}', where others stand nearer"
