"""What all decisions of one plan have in common. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from shared.model import Disk, Problem, Rule, RuleSet, Snapshot
from shared.planning.actions import Attempt, HoldCause
from shared.planning.broken_rules import broken_disks, last_known
from shared.planning.histories import by_disk, group_rules
from shared.planning.policy import Policy


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """What is known when a plan is made.

    `histories` are the snapshots of ours by disk, the oldest first; `rules` those that could be
    read, and `broken` a problem for each disk that has a rule which could not. `incomplete` says
    why a scope's listing may lack snapshots, `unleased` why its lease could be neither taken nor
    refused; `attempts` are the last of each disk, where they are
    remembered; `remembered` are the scopes in which they are.
    """

    now: datetime
    policy: Policy
    histories: Mapping[Disk, Sequence[Snapshot]]
    rules: Mapping[Disk, Sequence[Rule]]
    broken: Mapping[Disk, Problem]
    incomplete: Mapping[str, str]
    unleased: Mapping[str, str]
    attempts: Mapping[Disk, Attempt]
    remembered: Collection[str]

    def in_force(self, disk: Disk) -> list[Rule]:
        """Give the rules that a disk goes by: where one cannot be read, the last known too."""
        problem, rules = self.broken.get(disk), [*self.rules.get(disk, ())]
        if problem is None:
            return rules
        return rules + last_known(self.histories.get(disk, []), problem, self.policy.labels)

    def listing_gap(self, disk: Disk) -> str:
        """Say why the disk's snapshots may not all be listed; empty where they are."""
        if disk.scope not in self.incomplete:
            return ""
        return f"the listing of {disk.scope} is incomplete: {self.incomplete[disk.scope]}"

    def blocked(self, disk: Disk) -> tuple[HoldCause, str] | None:
        """Say why nothing of a disk may be deleted in this pass."""
        if self.policy.no_deletions:
            return "rules-not-current", self.policy.no_deletions
        if gap := self.listing_gap(disk):
            return "incomplete-listing", gap
        if disk.scope in self.unleased:
            return "no-lease", self.unleased[disk.scope]
        if problem := self.broken.get(disk):
            return "rule-problem", f"{problem.source} has a problem: {problem.message}"
        return None


def situate(
    ruleset: RuleSet,
    snapshots: Iterable[Snapshot],
    now: datetime,
    policy: Policy,
    incomplete: Mapping[str, str] | None = None,
    unleased: Mapping[str, str] | None = None,
    attempts: Mapping[Disk, Attempt] | None = None,
    remembered: Collection[str] = (),
) -> Situation:
    """Sort rules and snapshots by disk."""
    histories, rules = by_disk(snapshots, policy.labels), group_rules(ruleset.rules)
    return Situation(
        now=now,
        policy=policy,
        histories=histories,
        rules=rules,
        broken=broken_disks(ruleset, histories, rules, policy.labels),
        incomplete=incomplete or {},
        unleased=unleased or {},
        attempts=attempts or {},
        remembered=remembered,
    )


def rules_in_force(
    ruleset: RuleSet, snapshots: Iterable[Snapshot], now: datetime, policy: Policy
) -> dict[Disk, list[Rule]]:
    """Give the rules that each disk goes by, the last known ones of broken rules included."""
    situation = situate(ruleset, snapshots, now, policy)
    return {
        disk: situation.in_force(disk) for disk in situation.rules.keys() | situation.broken.keys()
    }
