"""What must not change a plan, and what must change it in one direction only.

Each check makes a plan again from what a pass was given, changed in one way.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

import msgspec

from shared.model import Disk, Rule, RuleSet, Snapshot, Source
from shared.planning.actions import Plan
from shared.planning.histories import by_disk
from shared.planning.plan import plan
from shared.planning.policy import Policy
from shared.request import Only
from tests.simulation import oracle
from tests.simulation.oracle import AUTHOR, CLUSTER, DELTAS, KEEP, TEMPOS, Past
from tests.simulation.world import REGIONS

EVER = timedelta(days=3)
SHIFT = timedelta(days=97)


class Asked(NamedTuple):
    """What a plan was made of, with `rest` by the names of `plan`'s parameters."""

    ruleset: RuleSet
    snapshots: tuple[Snapshot, ...]
    now: Any
    policy: Policy
    rest: Mapping[str, Any]

    def again(self, **changed: Any) -> Plan:
        """Make the plan, with some things changed."""
        names = ("ruleset", "snapshots", "now", "policy")
        given = {**dict(zip(names, self, strict=False)), **self.rest, **changed}
        first = [given.pop(name) for name in names]
        return plan(*first, **given)


class Decided(NamedTuple):
    """What a plan comes to, in no order; names of snapshots and words aside."""

    creates: frozenset[Any]
    deletes: frozenset[str]
    holds: frozenset[tuple[str, str]]
    waits: frozenset[tuple[Disk, str]]
    disks: frozenset[Any]


def decided(found: Plan, without: Disk | None = None) -> Decided:
    """Read what a plan comes to, one disk perhaps left out."""
    return Decided(
        frozenset(
            (c.disk, c.labels.get(DELTAS), c.overdue, c.spacing, tuple(sorted(c.rules)))
            for c in found.creates
            if c.disk != without
        ),
        frozenset(d.snapshot.id for d in found.deletes if d.snapshot.disk != without),
        frozenset((h.snapshot.id, h.cause) for h in found.holds if h.snapshot.disk != without),
        frozenset((w.disk, w.cause) for w in found.waits if w.disk != without),
        frozenset(
            (d.disk, d.late, d.overdue, d.failures, d.trusted, sum(d.kept.values()))
            for d in found.disks
            if d.disk != without
        ),
    )


def check(asked: Asked, rng: random.Random) -> str:
    """Make the plan again in every way; say what breaks, nothing where none does."""
    made = asked.again()
    for one in (_order, _unrelated, _halves, _shifted, _a_rule_more, _always_open):
        if what := one(asked, made, rng):
            return f"{one.__name__.strip('_')}: {what}"
    return ""


def _order(asked: Asked, made: Plan, rng: random.Random) -> str:
    """Mix rules, problems and snapshots: their order means nothing."""

    def mixed(items: Iterable[Any]) -> tuple[Any, ...]:
        found = list(items)
        return tuple(rng.sample(found, len(found)))

    rules, problems = mixed(asked.ruleset.rules), mixed(asked.ruleset.problems)
    ruleset = msgspec.structs.replace(asked.ruleset, rules=rules, problems=problems)
    return _differ(made, asked.again(ruleset=ruleset, snapshots=mixed(asked.snapshots)))


def _unrelated(asked: Asked, made: Plan, rng: random.Random) -> str:
    """Add a disk, with its rule and snapshots: that changes nothing for the others."""
    scope = rng.choice(asked.ruleset.rules).disk.scope if asked.ruleset.rules else "eu-west-1"
    disk = Disk("aws", scope, "vol-unrelated")
    text = rng.choice(TEMPOS["days"])
    labels = {**AUTHOR, CLUSTER: asked.policy.labels.cluster, DELTAS: text}
    snapshots = [
        Snapshot(id=f"unrelated-{n}", disk=disk, started=asked.now - n * rng.random() * EVER,
                 state="completed", labels=labels, deltas=text)
        for n in range(rng.randrange(12))
    ]  # fmt: skip
    rules = (*asked.ruleset.rules, _rule(disk, text, "unrelated"))
    ruleset = msgspec.structs.replace(asked.ruleset, rules=rules)
    more = asked.again(ruleset=ruleset, snapshots=(*snapshots, *asked.snapshots))
    return _differ(made, more, disk)


def _halves(asked: Asked, made: Plan, rng: random.Random) -> str:
    """Plan scope by scope: that comes to the same as at once."""
    if asked.rest.get("only"):
        return ""
    parts = [decided(asked.again(only=Only(scopes=(scope,)))) for scope in REGIONS]
    whole = [frozenset().union(*(part[n] for part in parts)) for n in range(len(Decided._fields))]
    return _apart(decided(made), Decided(*whole))


def _shifted(asked: Asked, made: Plan, rng: random.Random) -> str:
    """Shift all times by some days: that changes nothing, but for the lengths of months."""
    texts = {rule.deltas for rule in asked.ruleset.rules} | {s.deltas for s in asked.snapshots}
    if any(rule.window for rule in asked.ruleset.rules):
        return ""
    if asked.policy.keep_until or any(re.search(r"P\d+[MY]", text) for text in texts):
        return ""
    attempts = {
        disk: msgspec.structs.replace(found, at=found.at + SHIFT)
        for disk, found in asked.rest.get("attempts", {}).items()
    }
    later = asked.again(
        snapshots=[_later(s) for s in asked.snapshots], now=asked.now + SHIFT, attempts=attempts
    )
    return _differ(made, later)


def _always_open(asked: Asked, made: Plan, rng: random.Random) -> str:
    """Take all windows away: the same is kept, and no disk is snapshotted less."""
    rules = tuple(msgspec.structs.replace(rule, window=None) for rule in asked.ruleset.rules)
    free = asked.again(ruleset=msgspec.structs.replace(asked.ruleset, rules=rules))
    less = {create.disk for create in made.creates} - {create.disk for create in free.creates}
    if less or any(wait.cause == "window" for wait in free.waits):
        return f"{less} are snapshotted only with windows"
    kept = [{d.disk: sum(d.kept.values()) + d.holds for d in one.disks} for one in (made, free)]
    return "" if kept[0] == kept[1] else "windows change what is kept"


def _later(found: Snapshot) -> Snapshot:
    labels, value = dict(found.labels), found.labels.get(KEEP, "")
    if value[:1].isdigit():
        labels[KEEP] = (date.fromisoformat(value) + SHIFT).isoformat()
    return msgspec.structs.replace(found, started=found.started + SHIFT, labels=labels)


def _a_rule_more(asked: Asked, made: Plan, rng: random.Random) -> str:
    """Add a rule: that never deletes more, and never leaves a disk waiting that was not (P7)."""
    if not asked.ruleset.rules:
        return ""
    disk = rng.choice(asked.ruleset.rules).disk
    text = rng.choice([text for texts in TEMPOS.values() for text in texts])
    rules = (*asked.ruleset.rules, _rule(disk, text, "more"))
    more = asked.again(ruleset=msgspec.structs.replace(asked.ruleset, rules=rules))
    if {c.disk for c in made.creates} - {c.disk for c in more.creates}:
        return f"{disk.name} is no longer snapshotted with {text!r} as well"
    extra = _completed(more) - _completed(made)
    if not extra:
        return ""
    lists = [rule.deltas for rule in asked.ruleset.rules if rule.disk == disk]
    before, after = _past(asked, disk, lists), _past(asked, disk, [*lists, text])
    # What the rule's own absence let settle is settled as soon as it is back.
    if after.settled() or extra <= {before.witness}:
        return ""
    return f"{sorted(extra)} go of {disk.name} with {text!r} beside {lists}"


def _completed(found: Plan) -> set[str]:
    return {d.snapshot.id for d in found.deletes if d.snapshot.state == "completed"}


def _past(asked: Asked, disk: Disk, lists: list[str]) -> Past:
    """Give the completed snapshots that count."""
    labels = asked.policy.labels
    counted = {
        s.id: s
        for s in by_disk(asked.snapshots, labels).get(disk, [])
        if s.state == "completed" and s.started <= asked.now + oracle.FUTURE
        and oracle.ours(s.labels, labels.cluster)
    }  # fmt: skip
    times = {name: s.started for name, s in counted.items()}
    return Past(times, {n: s.deltas for n, s in counted.items()}, lists, asked.policy.settle_after)


def _rule(disk: Disk, text: str, name: str) -> Rule:
    source = Source("SnapshotRule", name, name)
    return Rule(name=f"{name}-{name}", disk=disk, deltas=text, source=source, namespace=name)


def _differ(first: Plan, second: Plan, without: Disk | None = None) -> str:
    return _apart(decided(first), decided(second, without))


def _apart(first: Decided, second: Decided) -> str:
    """Say in what two differ."""
    for field, one, other in zip(Decided._fields, first, second, strict=True):
        if one != other:
            only, others = sorted(map(str, one - other)), sorted(map(str, other - one))
            return f"{field}: {only} against {others}"
    return ""
