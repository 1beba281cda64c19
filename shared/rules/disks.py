"""Which disks and scopes a set of rules is about, and disks that are found later. Pure."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from shared.errors import UnknownDisk
from shared.model import Disk, Problem, Rule, RuleSet, Source, Uncovered
from shared.rules.names import rule_name
from shared.text import LONGEST, shorten


def relocate(ruleset: RuleSet, found: Mapping[Disk, Disk | UnknownDisk]) -> RuleSet:
    """Put disks that were found later in the place of what rules and problems called them.

    A rule whose disk was not found becomes a problem.
    """
    if not found:
        return ruleset
    rules, problems = [], []
    held = {
        place: problem
        for disk, problem in ruleset.held.items()
        if isinstance(place := found.get(disk, disk), Disk)
    }
    uncovered = tuple(
        msgspec.structs.replace(item, disk=place if isinstance(place, Disk) else None)
        if item.disk and (place := found.get(item.disk, item.disk)) is not item.disk
        else item
        for item in ruleset.uncovered
    )
    for rule in ruleset.rules:
        place = found.get(rule.disk, rule.disk)
        if isinstance(place, Disk):
            rules.append(msgspec.structs.replace(rule, disk=place))
        else:
            source = rule.source if rule.level == "own" else _owner(rule)
            problems.append(_unplaced(place, source, rule.volume, rule.name))
    for item in ruleset.uncovered:
        unknown = found.get(item.disk) if item.disk in ruleset.held else None
        if isinstance(unknown, UnknownDisk):
            source = _owner(item)
            problems.append(_unplaced(unknown, source, item.volume, rule_name(source)))
    for problem in ruleset.problems:
        known = found.get(problem.disk, problem.disk) if problem.disk else None
        problems.append(
            msgspec.structs.replace(problem, disk=known if isinstance(known, Disk) else None)
        )
    return msgspec.structs.replace(
        ruleset, rules=tuple(rules), problems=tuple(problems), held=held, uncovered=uncovered
    )


def _owner(item: Rule | Uncovered) -> Source:
    """Name the claim of a volume, or the volume: what is wrong with its place is theirs."""
    if item.claim:
        return Source("PersistentVolumeClaim", item.namespace, item.claim)
    return Source("PersistentVolume", "", item.volume)


def _unplaced(unknown: UnknownDisk, source: Source, volume: str, rule: str) -> Problem:
    """Say why a disk's place is not known, and what would put it right.

    By the rule's name, and its snapshots, the disk is held all the same.
    """
    fix = unknown.fix.replace("{volume}", volume or "NAME")
    return Problem(
        severity="error",
        source=source,
        field=unknown.field,
        value=shorten(unknown.value),
        message=shorten(f"{unknown}; {fix}" if fix else str(unknown), LONGEST),
        rule=rule,
    )


def disks_of(ruleset: RuleSet) -> set[Disk]:
    """List the disks that rules and their problems are about."""
    named = {rule.disk for rule in ruleset.rules} | {p.disk for p in ruleset.problems if p.disk}
    return named | ruleset.held.keys()


def scopes_of(ruleset: RuleSet, extra: Iterable[str] = ()) -> Sequence[str]:
    """List the scopes that rules and their problems name, and the extra ones."""
    return sorted({disk.scope for disk in disks_of(ruleset)} | set(extra))
