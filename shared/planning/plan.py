"""The plan: rules and snapshots in, actions with their reasons out. Pure and deterministic."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from shared.model import Disk, RuleSet, Snapshot
from shared.planning.actions import Began, Create, Plan
from shared.planning.disk import decide
from shared.planning.naming import named
from shared.planning.notes import of_pass
from shared.planning.orphans import Orphaned, decide_orphans
from shared.planning.policy import Policy
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
    began: Mapping[Disk, Began] | None = None,
    only: Only | None = None,
) -> Plan:
    """Plan a pass.

    Args:
        ruleset: all rules, whatever `only` selects: a disk is judged by all of its rules.
        snapshots: what the listings gave, in any order; others' are passed over.
        now: aware, UTC.
        policy: what else decides.
        incomplete: the scopes whose listing may lack snapshots, with why.
        unleased: the scopes whose lease could be neither taken nor refused, with why.
        began: what is remembered of creations that the listings may not show yet.
        only: the selection; None selects everything.
    """
    only = only or Only()
    situation = situate(ruleset, snapshots, now, policy, incomplete, unleased, began)
    selected, orphaned = _select(situation, only)
    decided = [decide(disk, situation) for disk in selected]
    orphans = [] if policy.creating_only else _orphans(orphaned, situation)
    creates = [(d.create, d.rules) for d in decided if d.create]
    creates.sort(key=lambda pair: (-_urgency(pair[0]), pair[0].disk))
    deletes = [x for d in decided for x in d.deletes]
    deletes += [x for o in orphans for x in o.expiry.deletes]
    holds = [x for d in decided for x in d.holds] + [x for o in orphans for x in o.expiry.holds]
    problems = [*ruleset.problems, *(p for d in decided for p in d.problems)]
    return Plan(
        now=now,
        creates=named(creates, now, policy),
        deletes=tuple(sorted(deletes, key=lambda d: (d.snapshot.started, d.snapshot.id))),
        holds=tuple(holds),
        waits=tuple(d.wait for d in decided if d.wait),
        disks=tuple(d.account for d in decided),
        orphans=tuple(o.account for o in orphans),
        problems=(*problems, *of_pass(situation, only, [*selected, *orphaned])),
        skipped=ruleset.skipped,
        rules=sum(len(situation.rules.get(disk, ())) for disk in selected),
    )


def _select(situation: Situation, only: Only) -> tuple[list[Disk], list[Disk]]:
    """Select the disks that rules cover, and those that none covers any more."""
    rules, broken = situation.rules, situation.broken
    covered = rules.keys() | broken.keys()
    selected = [d for d in covered if only.selects(d, rules.get(d, ()), broken.get(d))]
    told = situation.policy.explaining or only.whole_scopes()
    orphaned = [d for d in situation.histories.keys() - covered if only.orphan(d) and told]
    return sorted(selected), sorted(orphaned)


def _orphans(disks: Iterable[Disk], situation: Situation) -> list[Orphaned]:
    found = (decide_orphans(disk, situation) for disk in disks)
    return [orphans for orphans in found if orphans]


def _urgency(create: Create) -> float:
    return float("inf") if create.overdue is None else create.overdue
