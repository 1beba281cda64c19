"""Disks that nothing but a rule names, and scopes that nothing but such disks are in. Pure.

Whoever may write a SnapshotRule may write any place into its `spec.disk`: one that is closed to the
account is that rule's problem, and nobody else's.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from shared.errors import UnknownDisk
from shared.model import Disk, RuleSet
from shared.ports import Listing
from shared.rules.disks import disks_of


class Closed(NamedTuple):
    """Scopes that take no calls of the account, with the disks that rules say are there."""

    scopes: frozenset[str]
    disks: Mapping[Disk, UnknownDisk]


def doubted(ruleset: RuleSet) -> set[Disk]:
    """List the disks that only SnapshotRules name, and no volume of the cluster."""
    volumes = {rule.disk for rule in ruleset.rules if rule.volume}
    volumes |= {p.disk for p in ruleset.problems if p.disk and p.source.kind != "SnapshotRule"}
    volumes |= ruleset.held.keys()
    return disks_of(ruleset) - volumes


def refused(ruleset: RuleSet, listings: Sequence[Listing], believed: Collection[str]) -> Closed:
    """Tell which refused listings only doubted disks asked for; `believed` are the settings'."""
    if not any(listing.refused for listing in listings):
        return Closed(frozenset(), {})
    odd = doubted(ruleset)
    real = {disk.scope for disk in disks_of(ruleset) - odd} | set(believed)
    why = {x.scope: x.error for x in listings if x.refused and x.scope not in real}
    return Closed(
        frozenset(why),
        {
            disk: UnknownDisk(
                "spec.disk", disk.scope, f"takes no calls of this account: {why[disk.scope]}"
            )
            for disk in odd
            if disk.scope in why
        },
    )
