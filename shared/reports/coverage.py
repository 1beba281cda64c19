"""Which bound volumes are backed up, and who says so: what an auditor asks for. Pure."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from shared.model import Disk, Level, Problem, Rule, RuleSet, Source, Uncovered
from shared.text import counted

How = Literal["uncovered", "problem", "none"] | Level
#: The worst first.
ORDER: tuple[How, ...] = ("uncovered", "problem", "none", "own", "namespace", "storageclass",
                          "policy")  # fmt: skip


class Coverage(NamedTuple):
    """One bound volume: the level that its deltas come from, or why it has none.

    `sources` are the objects that say so; `deltas` what they say.
    """

    how: How
    claim: str
    volume: str
    disk: str
    sources: tuple[str, ...] = ()
    deltas: tuple[str, ...] = ()


def coverage(ruleset: RuleSet) -> list[Coverage]:
    """Tell of each bound volume of this cloud how it is covered, the worst first."""
    by_disk: dict[Disk, list[Rule]] = {}
    for rule in ruleset.rules:
        by_disk.setdefault(rule.disk, []).append(rule)
    found = [_covered(rules) for rules in by_disk.values() if any(rule.claim for rule in rules)]
    errors = [problem for problem in ruleset.problems if problem.severity == "error"]
    wrong = {p.disk: p for p in errors if p.disk} | ruleset.held
    told = {problem.source: problem for problem in errors}
    for one in ruleset.uncovered:
        claim = Source("PersistentVolumeClaim", one.namespace, one.claim)
        problem = wrong.get(one.disk) if one.disk else told.get(claim)
        found.append(_without(one, problem))
    found += [
        Coverage("problem", "", source.name, "", (str(source),))
        for source, problem in told.items()
        if source.kind == "PersistentVolume" and problem.disk is None
    ]
    return sorted(found, key=lambda c: (ORDER.index(c.how), c.claim, c.volume))


def _without(one: Uncovered, problem: Problem | None) -> Coverage:
    """Tell of a volume without a rule; where an object could not be read, that it is to blame."""
    by = problem.source if problem else one.by
    return Coverage(
        how="problem" if problem else "none" if one.by else "uncovered",
        claim=f"{one.namespace}/{one.claim}",
        volume=one.volume,
        disk=one.disk.id if one.disk else "",
        sources=(str(by),) if by else (),
    )


def _covered(rules: Sequence[Rule]) -> Coverage:
    """Tell of a disk that has rules; the nearest level names it."""
    first = min(rules, key=lambda rule: ORDER.index(rule.level))
    named = next(rule for rule in rules if rule.claim)
    return Coverage(
        how=first.level,
        claim=f"{named.namespace}/{named.claim}",
        volume=named.volume,
        disk=first.disk.id,
        sources=tuple(dict.fromkeys(str(rule.source) for rule in rules)),
        deltas=tuple(dict.fromkeys(rule.deltas for rule in rules)),
    )


def summary(found: Sequence[Coverage]) -> str:
    """Count them in a sentence."""
    counts = {how: sum(one.how == how for one in found) for how in ORDER}
    covered = len(found) - counts["uncovered"] - counts["problem"] - counts["none"]
    parts = [f"{covered} of {counted(len(found), 'bound volume')} backed up"]
    parts += [f"{counts['uncovered']} not covered by anything"] if counts["uncovered"] else []
    parts += [f"{counts['problem']} with a problem"] if counts["problem"] else []
    parts += [f"{counts['none']} opted out by none"] if counts["none"] else []
    return "; ".join(parts)
