"""The plan: rules and snapshots in, actions with their reasons out. Pure and deterministic."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from operator import attrgetter
from typing import Literal

import msgspec

from shared.model import Disk, Problem, Rule, RuleSet, Snapshot, Source
from shared.planning.actions import (
    Began,
    Create,
    Delete,
    DiskPlan,
    Hold,
    HoldCause,
    Orphans,
    Plan,
    Wait,
)
from shared.planning.broken_rules import broken_disks, last_known
from shared.planning.due import FORCED, Due, forced, is_due
from shared.planning.expiry import Expiry, expire, expire_failed, expire_orphans
from shared.planning.labels import snapshot_name
from shared.planning.policy import CLOCK_SKEW, Policy
from shared.request import Only
from shared.retention.deltas import parse
from shared.text import words


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
    planner = _Planner(ruleset, snapshots, now, policy, only or Only())
    planner.incomplete, planner.unleased = incomplete or {}, unleased or {}
    planner.began = began or {}
    return planner.plan()


def group_rules(rules: Iterable[Rule]) -> dict[Disk, list[Rule]]:
    """Group rules by disk."""
    grouped: dict[Disk, list[Rule]] = defaultdict(list)
    for rule in rules:
        grouped[rule.disk].append(rule)
    return dict(grouped)


def rules_in_force(
    ruleset: RuleSet, snapshots: Iterable[Snapshot], now: datetime, policy: Policy
) -> dict[Disk, list[Rule]]:
    """Give the rules that each disk goes by, the last known ones of broken rules included."""
    planner = _Planner(ruleset, snapshots, now, policy, Only())
    return {disk: planner.in_force(disk) for disk in planner.rules.keys() | planner.broken.keys()}


class _Planner:
    incomplete: Mapping[str, str]
    unleased: Mapping[str, str]
    began: Mapping[Disk, Began]

    def __init__(
        self,
        ruleset: RuleSet,
        snapshots: Iterable[Snapshot],
        now: datetime,
        policy: Policy,
        only: Only,
    ) -> None:
        self.ruleset, self.now, self.policy, self.only = ruleset, now, policy, only
        self.histories = _by_disk(snapshots, policy)
        self.rules = group_rules(ruleset.rules)
        self.broken = broken_disks(ruleset, self.histories, self.rules, policy.labels)
        self.creates: list[tuple[Create, list[Rule]]] = []
        self.deletes: list[Delete] = []
        self.holds: list[Hold] = []
        self.waits: list[Wait] = []
        self.disks: list[DiskPlan] = []
        self.orphans: list[Orphans] = []
        self.problems = list(ruleset.problems)

    def plan(self) -> Plan:
        covered = self.rules.keys() | self.broken.keys()
        selected = [
            disk
            for disk in sorted(covered)
            if self.only.selects(disk, self.rules.get(disk, ()), self.broken.get(disk))
        ]
        for disk in selected:
            self._disk(disk)
        orphaned = [
            disk
            for disk in sorted(self.histories.keys() - covered)
            if self.only.orphan(disk) and (self.policy.explaining or self.only.whole_scopes())
        ]
        for disk in [] if self.policy.creating_only else orphaned:
            self._orphan(disk)
        self._warn_of_circumstances(bool(selected or orphaned))
        self.creates.sort(key=lambda pair: (-_urgency(pair[0]), pair[0].disk))
        self.deletes.sort(key=lambda d: (d.snapshot.started, d.snapshot.id))
        return Plan(
            now=self.now,
            creates=tuple(self._named()),
            deletes=tuple(self.deletes),
            holds=tuple(self.holds),
            waits=tuple(self.waits),
            disks=tuple(self.disks),
            orphans=tuple(self.orphans),
            problems=tuple(self.problems),
            skipped=self.ruleset.skipped,
            rules=sum(len(self.rules.get(disk, ())) for disk in selected),
        )

    def _disk(self, disk: Disk) -> None:
        history = self.histories.get(disk, [])
        problem = self.broken.get(disk)
        rules = self.in_force(disk)
        self._warn(rules, history)
        if not rules:
            self.disks.append(_account(disk, history))
            return
        lists = [parse(text) for text in dict.fromkeys(rule.deltas for rule in rules)]
        due = is_due(history, lists, self.now, self.policy.period, self.began.get(disk))
        if self.policy.keep_until:
            due = self._forced(disk, due, history)
        self._due(disk, due, rules)
        blocked = self._blocked(disk, problem)
        expiry = expire(history, lists, self.now, self.policy, blocked)
        failed = []
        if not blocked:
            failed = expire_failed(history, due.interval, self.now, self.policy)
        if self.policy.creating_only:
            expiry, failed = Expiry([], [], expiry.kept), []
        self.deletes += expiry.deletes
        self.holds += expiry.holds
        self.deletes += failed
        self.disks.append(
            msgspec.structs.replace(
                _account(disk, history),
                rules=tuple(dict.fromkeys(rule.name for rule in rules)),
                policy=tuple(str(deltas) for deltas in lists),
                interval=due.interval,
                newest=due.newest,
                next_due=due.newest + due.interval if due.newest else self.now,
                overdue=due.overdue,
                late=due.late,
                kept=dict(expiry.kept),
                deletes=len(expiry.deletes),
                removed=len(failed),
                holds=len(expiry.holds),
            )
        )

    def in_force(self, disk: Disk) -> list[Rule]:
        """Give the rules that a disk goes by: where one cannot be read, the last known too."""
        problem, rules = self.broken.get(disk), self.rules.get(disk, [])
        if problem is None:
            return rules
        return rules + last_known(self.histories.get(disk, []), problem, self.policy.labels)

    def _forced(self, disk: Disk, due: Due, history: Sequence[Snapshot]) -> Due:
        labels = self.policy.labels
        # A call around midnight asks for a day more than the one before.
        least = date.fromisoformat(self.policy.keep_until) - timedelta(days=1)
        before = next(
            (
                s
                for s in reversed(history)
                if s.state != "failed"
                and timedelta(0) <= self.now - s.started < FORCED
                and labels.owner(s) != "other"
                and labels.kept_until(s) >= least.isoformat()
            ),
            None,
        )
        return forced(due, history, before, self.now, self.began.get(disk))

    def _due(self, disk: Disk, due: Due, rules: list[Rule]) -> None:
        if not due.due:
            return
        wait = due.wait
        if disk.scope in self.incomplete:
            wait = "incomplete-listing", self._incomplete(disk)
        if wait:
            self.waits.append(Wait(disk=disk, cause=wait[0], reason=wait[1]))
            return
        ordered = sorted(rules, key=lambda r: (parse(r.deltas).interval(self.now), r.name))
        create = Create(
            disk=disk,
            name="",
            labels={},
            description="",
            rules=tuple(dict.fromkeys(rule.name for rule in ordered)),
            overdue=due.overdue,
            reason=due.reason,
            spacing=due.spacing,
        )
        self.creates.append((create, ordered))

    def _blocked(self, disk: Disk, problem: Problem | None) -> tuple[HoldCause, str] | None:
        if self.policy.no_deletions:
            return "rules-not-current", self.policy.no_deletions
        if disk.scope in self.incomplete:
            return "incomplete-listing", self._incomplete(disk)
        if disk.scope in self.unleased:
            return "no-lease", self.unleased[disk.scope]
        if problem:
            return "rule-problem", f"{problem.source} has a problem: {problem.message}"
        return None

    def _orphan(self, disk: Disk) -> None:
        """Account for a disk that no rule covers any more, and let go what is to go."""
        owner = self.policy.labels.owner
        ours = [s for s in self.histories[disk] if owner(s) == "this"]
        if not ours:
            return
        newest, grace = ours[-1].started, self.policy.orphan_grace
        age = max(self.now - newest, timedelta(0))
        # A daemon that still takes snapshots of the disk keeps the grace from running.
        last = max(s.started for s in self.histories[disk] if owner(s) != "other")
        left = (grace or timedelta(0)) - (self.now - last)
        blocked = self._blocked(disk, None)
        expiry = Expiry([], [], Counter())
        if grace is None:
            reason = "kept; ORPHANS=expire would let them go by the deltas that they bear"
        elif left > timedelta(0):
            reason = f"kept; they begin to expire in {words(left)}"
        else:
            reason = "expire by the deltas that they bear, the newest never"
            expiry = expire_orphans(self.histories[disk], self.now, self.policy, blocked)
            if not blocked:
                failed = expire_failed(ours, timedelta(0), self.now, self.policy)
                expiry.deletes.extend(failed)
        self.deletes += expiry.deletes
        self.holds += expiry.holds
        self.orphans.append(
            Orphans(
                disk=disk,
                count=len(ours),
                newest=newest,
                age=age,
                deletes=len(expiry.deletes),
                holds=len(expiry.holds),
                reason=reason,
            )
        )

    def _incomplete(self, disk: Disk) -> str:
        return f"the listing of {disk.scope} is incomplete: {self.incomplete[disk.scope]}"

    def _warn_of_circumstances(self, selected: bool) -> None:
        """Say what makes a plan emptier than its reader may think."""
        labels = self.policy.labels
        for scope, why in self.unleased.items():
            self._say("error", "Scope", scope, "", f"{why}; nothing is deleted there")
        if not selected and not self.only.whole_scopes():
            self._say(
                "warning", "Request", "only", "only",
                "selects no disk: no rule, namespace or disk is called so, or the disk has no rule",
            )  # fmt: skip
        named = (labels.owner(s) == "other" for history in self.histories.values() for s in history)
        if not labels.cluster and any(named):
            self._say(
                "warning", "Settings", "CLUSTER_ID", "CLUSTER_ID",
                "this cluster has no name, so that snapshots which bear a cluster's are taken for "
                "another's; set CLUSTER_NAME or CLUSTER_ID",
            )  # fmt: skip

    def _say(
        self, severity: Literal["error", "warning"], kind: str, name: str, field: str, message: str
    ) -> None:
        source = Source(kind, "", name)
        self.problems.append(
            Problem(severity=severity, source=source, field=field, value="", message=message)
        )

    def _warn(self, rules: Sequence[Rule], history: Sequence[Snapshot]) -> None:
        for rule in rules:
            if parse(rule.deltas).interval(self.now) < self.policy.period:
                self.problems.append(
                    Problem(
                        severity="warning",
                        source=rule.source,
                        field="deltas",
                        value=rule.deltas,
                        message="the interval is shorter than the scheduler's period "
                        "(SCHEDULE_PERIOD), which decides how often snapshots can be taken",
                        disk=rule.disk,
                    )
                )
        for snapshot in history:
            if snapshot.started > self.now + CLOCK_SKEW:
                self.problems.append(
                    Problem(
                        severity="warning",
                        source=Source("Snapshot", "", snapshot.id),
                        field="started",
                        value=snapshot.started.isoformat(),
                        message="is dated in the future; it is kept and not counted",
                        disk=snapshot.disk,
                    )
                )

    def _named(self) -> Iterable[Create]:
        """Name the snapshots to create, with the disk's hash where two would share a name."""
        time = self.now.strftime(self.policy.time_format)
        labels = self.policy.labels

        def name(create: Create, distinct: bool) -> str:
            return snapshot_name(labels.encoding, create.rules[0], create.disk, time, distinct)

        names = {create.disk: name(create, False) for create, _ in self.creates}
        distinct: set[Disk] = set()
        # Again, since a name with a hash may be what another is without one.
        while more := _sharing(names) - distinct:
            distinct |= more
            names |= {c.disk: name(c, True) for c, _ in self.creates if c.disk in more}
        until = self.policy.keep_until
        kept = {labels.keep_key: until} if until else {}
        for create, rules in self.creates:
            chosen = names[create.disk]
            yield msgspec.structs.replace(
                create,
                name=chosen,
                labels=labels.for_snapshot(chosen, rules) | kept,
                description=labels.description(chosen, rules),
            )


def _by_disk(snapshots: Iterable[Snapshot], policy: Policy) -> dict[Disk, list[Snapshot]]:
    """Group the snapshots of ours by disk, each once, the oldest first."""
    # Where a listing shows one twice, in two states, the less finished counts.
    ordered = sorted(
        filter(policy.labels.ours, snapshots), key=attrgetter("started", "id", "state")
    )
    unique = {(s.disk, s.id): s for s in ordered}
    histories: dict[Disk, list[Snapshot]] = defaultdict(list)
    for snapshot in unique.values():
        histories[snapshot.disk].append(snapshot)
    return dict(histories)


def _sharing(names: Mapping[Disk, str]) -> set[Disk]:
    counts = Counter(names.values())
    return {disk for disk, name in names.items() if counts[name] > 1}


def _account(disk: Disk, history: Sequence[Snapshot]) -> DiskPlan:
    return DiskPlan(disk=disk, states=dict(Counter(s.state for s in history)))


def _urgency(create: Create) -> float:
    return float("inf") if create.overdue is None else create.overdue
