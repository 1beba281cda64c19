"""What is decided about one disk that rules cover. Pure."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from shared.model import Disk, Problem, Rule, Snapshot
from shared.planning.actions import Create, Delete, DiskPlan, Hold, Wait
from shared.planning.due import FORCED, Due, forced, is_due
from shared.planning.expiry import Expiry, expire, expire_failed
from shared.planning.histories import states_of
from shared.planning.labels import deltas_text
from shared.planning.notes import disk_gone, held_too_long, of_disk
from shared.planning.situation import Situation
from shared.planning.timing import Rhythm
from shared.retention.deltas import Deltas, parse
from shared.windows.window import union


class Decision(NamedTuple):
    """What becomes of one disk; `create` has no name or labels yet.

    `rules` are those in force, the most frequent first: the new snapshot is labelled by them.
    """

    account: DiskPlan
    problems: Sequence[Problem] = ()
    rules: Sequence[Rule] = ()
    create: Create | None = None
    wait: Wait | None = None
    deletes: Sequence[Delete] = ()
    holds: Sequence[Hold] = ()


def decide(disk: Disk, situation: Situation) -> Decision:
    """Decide whether a disk gets a snapshot, and which of its snapshots go."""
    history = situation.histories.get(disk, ())
    rules = situation.in_force(disk)
    problems = of_disk(rules, history, situation.now, situation.policy)
    if not rules:
        return Decision(DiskPlan(disk=disk, states=states_of(history)), problems)
    lists = [parse(text) for text in dict.fromkeys(rule.deltas for rule in rules)]
    due = _due(disk, rules, history, situation)
    wait = _wait(disk, due, situation)
    if (attempt := situation.attempts.get(disk)) and attempt.gone:
        problems += [disk_gone(rule.source, disk, attempt.reason) for rule in rules]
    # To the last field, since a default may give a disk several rules of one name.
    ordered = sorted(
        rules, key=lambda r: (parse(r.deltas).interval(situation.now), r.name, r.source, r.deltas)
    )
    expiry, failed = _expiry(disk, lists, deltas_text(ordered), due, history, situation)
    if expiry.long_held:
        problems.append(held_too_long(disk, expiry, situation.policy.settle_after))
    return Decision(
        account=_account(disk, rules, lists, due, expiry, failed, situation),
        problems=problems,
        rules=ordered,
        create=_create(disk, ordered, due) if due.due and not wait else None,
        wait=wait,
        deletes=[*expiry.deletes, *failed],
        holds=expiry.holds,
    )


def _due(
    disk: Disk, rules: Sequence[Rule], history: Sequence[Snapshot], situation: Situation
) -> Due:
    now, policy, attempt = situation.now, situation.policy, situation.attempts.get(disk)
    ours = [s for s in history if policy.labels.owner(s) != "other"]
    by_hand = policy.creating_only
    due = is_due(ours, _rhythms(rules, now), now, policy.period, attempt, by_hand)
    if policy.keep_until:
        return forced(due, ours, _forced_before(ours, situation), now, attempt)
    return due


def _rhythms(rules: Sequence[Rule], now: datetime) -> list[Rhythm]:
    found = (Rhythm(parse(rule.deltas).interval(now), rule.window) for rule in rules)
    return list(dict.fromkeys(found))


def _forced_before(history: Sequence[Snapshot], situation: Situation) -> Snapshot | None:
    """Find what an earlier call forced within the hour and kept as long."""
    now, policy = situation.now, situation.policy
    # A call around midnight asks for a day more than the one before.
    least = (date.fromisoformat(policy.keep_until) - timedelta(days=1)).isoformat()
    return next(
        (
            s
            for s in reversed(history)
            if s.state != "failed"
            and timedelta(0) <= now - s.started < FORCED
            and policy.labels.kept_until(s) >= least
        ),
        None,
    )


def _wait(disk: Disk, due: Due, situation: Situation) -> Wait | None:
    """Say why a disk that is due gets no snapshot in this pass."""
    if not due.due:
        return None
    if gap := situation.listing_gap(disk):
        return Wait(disk=disk, cause="incomplete-listing", reason=gap)
    if not due.wait:
        return None
    return Wait(disk=disk, cause=due.wait[0], reason=due.wait[1], until=due.until)


def _create(disk: Disk, rules: Sequence[Rule], due: Due) -> Create:
    return Create(
        disk=disk,
        name="",
        labels={},
        description="",
        rules=tuple(dict.fromkeys(rule.name for rule in rules)),
        overdue=due.overdue,
        reason=due.reason,
        spacing=due.spacing,
        source=rules[0].source,
    )


def _expiry(
    disk: Disk,
    lists: Sequence[Deltas],
    label: str,
    due: Due,
    history: Sequence[Snapshot],
    situation: Situation,
) -> tuple[Expiry, list[Delete]]:
    """Decide what goes: by retention, and of the failed ones."""
    now, policy, blocked = situation.now, situation.policy, situation.blocked(disk)
    expiry = expire(history, lists, now, policy, blocked, label)
    if policy.creating_only:
        return Expiry([], [], expiry.kept), []
    in_the_way = policy.labels.encoding.failed_block and due.due and not due.wait
    failed = expire_failed(history, due.interval, now, policy, in_the_way)
    return expiry, [] if blocked else failed


def _account(
    disk: Disk,
    rules: Sequence[Rule],
    lists: Sequence[Deltas],
    due: Due,
    expiry: Expiry,
    failed: Sequence[Delete],
    situation: Situation,
) -> DiskPlan:
    window = union(rule.window for rule in rules)
    return DiskPlan(
        disk=disk,
        states=states_of(situation.histories.get(disk, ())),
        rules=tuple(dict.fromkeys(rule.name for rule in rules)),
        policy=tuple(str(deltas) for deltas in lists),
        interval=due.interval,
        newest=due.newest,
        next_due=due.next,
        due_again=due.again,
        window=str(window) if window else "",
        opens=window.next_opening(situation.now) if window else None,
        overdue=due.overdue,
        late=due.late,
        failures=due.failures,
        failing=due.failing,
        trusted=_trusted(disk, due, situation),
        kept=dict(expiry.kept),
        deletes=len(expiry.deletes),
        removed=len(failed),
        holds=len(expiry.holds),
        since=expiry.since,
        settles=expiry.settles,
    )


def _trusted(disk: Disk, due: Due, situation: Situation) -> bool:
    """Tell whether a snapshot that this pass begins counts as taken before it is completed.

    Not where attempts have failed since the last completed one. Where nothing is remembered, and
    so nothing could tell, only the first snapshot of a disk is trusted.
    """
    known = disk.scope in situation.remembered or due.newest is None
    return known and not due.failures
