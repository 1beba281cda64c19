"""The plan: rules and snapshots in, actions with their reasons out. Pure and deterministic."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter

from shared.model import Disk, Rule, RuleSet, Snapshot, Source, Uncovered
from shared.planning.actions import Attempt, Create, Plan
from shared.planning.disk import decide
from shared.planning.naming import is_ours, named
from shared.planning.notes import not_ours, of_pass
from shared.planning.orphans import Orphaned, decide_orphans
from shared.planning.policy import Policy
from shared.planning.selection import select, unselected
from shared.planning.situation import Situation, situate
from shared.request import Only


def plan(
    ruleset: RuleSet,
    snapshots: Iterable[Snapshot],
    now: datetime,
    policy: Policy,
    *,
    incomplete: Mapping[str, str] | None = None,
    unleased: Mapping[str, str] | None = None,
    attempts: Mapping[Disk, Attempt] | None = None,
    remembered: Collection[str] = (),
    only: Only | None = None,
    scopes: Collection[str] = (),
) -> Plan:
    """Plan a pass.

    Args:
        ruleset: all rules, whatever `only` selects: a disk is judged by all of its rules.
        snapshots: what the listings gave, in any order; others' are passed over.
        now: aware, UTC.
        policy: what else decides.
        incomplete: the scopes whose listing may lack snapshots, with why.
        unleased: the scopes whose lease could be neither taken nor refused, with why.
        attempts: what is remembered of the last attempt on each disk, reviewed.
        remembered: the scopes in which attempts are remembered.
        only: the selection; None selects everything.
        scopes: those that are listed though no rule names them.

    Raises:
        RequestError: where `only` has a disk's name that several of them have.
    """
    only = only or Only()
    situation = situate(ruleset, snapshots, now, policy, incomplete, unleased, attempts, remembered)
    selected, orphaned = select(situation, only)
    only.refuse_doubtful([*selected, *orphaned])
    missed = [*unselected(situation, only, scopes, ruleset.uncovered)] if only else []
    decided = [decide(disk, situation) for disk in selected]
    orphans = [] if policy.creating_only else _orphans(orphaned, situation)
    creates = [(d.create, d.rules) for d in decided if d.create]
    problems = [*ruleset.problems, *(p for d in decided for p in d.problems)]
    creates = _in_turn(sorted(creates, key=lambda pair: (-_urgency(pair[0]), pair[0].disk)))
    deletes = [x for d in decided for x in d.deletes]
    deletes += [x for o in orphans for x in o.expiry.deletes]
    holds = [x for d in decided for x in d.holds] + [x for o in orphans for x in o.expiry.holds]
    chosen = named(creates, now, policy)
    strange = [create for create in chosen if not is_ours(create, policy.labels)]
    problems += [not_ours(create) for create in strange]
    return Plan(
        now=now,
        creates=tuple(create for create in chosen if create not in strange),
        deletes=tuple(sorted(deletes, key=lambda d: (d.snapshot.started, d.snapshot.id))),
        holds=tuple(holds),
        waits=tuple(d.wait for d in decided if d.wait),
        disks=tuple(d.account for d in decided),
        orphans=tuple(o.account for o in orphans),
        problems=(*problems, *missed, *of_pass(situation, selected)),
        unselected=len(missed),
        skipped=ruleset.skipped,
        uncovered=_uncovered(ruleset, situation),
        rules=sum(len(situation.rules.get(disk, ())) for disk in selected),
    )


def _uncovered(ruleset: RuleSet, situation: Situation) -> tuple[Uncovered, ...]:
    """Give the volumes that nothing covers; those of a problem are told of by it."""
    told = {p.source for p in ruleset.problems if p.severity == "error"}
    return tuple(
        one
        for one in ruleset.uncovered
        if one.disk not in situation.broken
        and (one.disk or Source("PersistentVolumeClaim", one.namespace, one.claim) not in told)
    )


def _orphans(disks: Iterable[Disk], situation: Situation) -> list[Orphaned]:
    found = (decide_orphans(disk, situation) for disk in disks)
    return [orphans for orphans in found if orphans]


def _in_turn(
    creates: Sequence[tuple[Create, Sequence[Rule]]],
) -> list[tuple[Create, Sequence[Rule]]]:
    """Let namespaces take turns, so that none waits behind all of another's."""
    turns: Counter[str] = Counter()
    ranked = []
    for pair in creates:
        # What a default says is asked for by no namespace but the disk's own.
        namespace = pair[0].source.namespace or pair[1][0].namespace
        ranked.append((turns[namespace], pair))
        turns[namespace] += 1
    return [pair for _, pair in sorted(ranked, key=itemgetter(0))]


def _urgency(create: Create) -> float:
    return float("inf") if create.overdue is None else create.overdue
