"""Snapshots of this cluster whose disk no rule covers any more. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from shared.model import Disk, Snapshot
from shared.planning.actions import HoldCause, Orphans
from shared.planning.expiry import Cause, Expiry, decide_fates, expire_failed, two_keys
from shared.planning.histories import History
from shared.planning.labels import read_deltas
from shared.planning.policy import Policy
from shared.planning.situation import Situation
from shared.retention.kernel import retain
from shared.text import words


class Orphaned(NamedTuple):
    """One disk's orphans, with what goes of them."""

    account: Orphans
    expiry: Expiry


def decide_orphans(disk: Disk, situation: Situation) -> Orphaned | None:
    """Account for a disk that no rule covers any more, and let go what is to go.

    None where none of its snapshots is this cluster's.
    """
    now, policy, history = situation.now, situation.policy, situation.histories[disk]
    ours = [s for s in history if policy.labels.owner(s) == "this"]
    if not ours:
        return None
    expiry, reason = _expiry(history, ours, situation.blocked(disk), now, policy)
    newest = ours[-1].started
    account = Orphans(
        disk=disk,
        count=len(ours),
        newest=newest,
        age=max(now - newest, timedelta(0)),
        deletes=len(expiry.deletes),
        holds=len(expiry.holds),
        reason=reason,
    )
    return Orphaned(account, expiry)


def _expiry(
    history: Sequence[Snapshot],
    ours: Sequence[Snapshot],
    blocked: tuple[HoldCause, str] | None,
    now: datetime,
    policy: Policy,
) -> tuple[Expiry, str]:
    """Decide by ORPHANS what goes, and say what becomes of them."""
    none, grace = Expiry([], [], Counter()), policy.orphan_grace
    if grace is None:
        return none, "kept; with ORPHANS=expire they would expire, each by its own deltas"
    # A daemon that still takes snapshots of the disk keeps the grace from running.
    last = max(s.started for s in history if policy.labels.owner(s) != "other")
    left = grace - (now - last)
    if left > timedelta(0):
        return none, f"kept; they begin to expire in {words(left)}"
    expiry = expire_orphans(history, now, policy, blocked)
    if not blocked:
        expiry.deletes.extend(expire_failed(ours, timedelta(0), now, policy))
    return expiry, "expire, each by its own deltas; the newest never does"


def expire_orphans(
    snapshots: Iterable[Snapshot],
    now: datetime,
    policy: Policy,
    blocked: tuple[HoldCause, str] | None = None,
) -> Expiry:
    """Decide over all snapshots of a disk with our author label that no rule covers any more.

    Each of this cluster's goes by the deltas that it bears itself, as if one more snapshot were
    made now; one that bears none stays, and so does the newest.
    """
    expiry = Expiry([], [], Counter())
    history = History(snapshots, now, policy)
    ours = [s for s in history.counted if policy.labels.owner(s) == "this"]
    if not ours:
        return expiry
    newest = ours[-1]
    next_one = msgspec.structs.replace(newest, id="next", started=max(now, history.anchor))
    for text in {s.deltas for s in ours}:
        lists = read_deltas(text)
        if not lists:
            continue
        virtual = [retain([*history.counted, next_one], d.resolve(next_one.started)) for d in lists]
        kept = set().union(*(retention.kept_ids() for retention in virtual))
        gone = [
            s
            for s in ours
            if s.deltas == text
            and s is not newest
            and s.id not in kept
            and not policy.labels.kept(s, now)
        ]
        unconfirmed, cause = False, blocked
        if gone and cause is None:
            unconfirmed, cause = two_keys(virtual, lists, next_one.started)
        causes: dict[str, Cause] = {s.id: (*cause, None) for s in gone} if cause else {}
        longest, stand = max(
            zip(lists, virtual, strict=True), key=lambda pair: pair[0].resolve(next_one.started)[-1]
        )
        decide_fates(gone, causes, longest, stand, next_one.started,
                     unconfirmed, expiry, "orphan, ")  # fmt: skip
    return expiry
