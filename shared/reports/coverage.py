"""Which bound volumes are backed up, and who says so: what an auditor asks for. Pure."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from shared.model import Disk, Level, Rule, RuleSet, Source
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
    wrong = {p.disk: p.source for p in ruleset.problems if p.disk and p.severity == "error"}
    found += [
        Coverage("problem", _claim(source), "", disk.id, (str(source),))
        for disk, source in wrong.items()
        if disk not in by_disk
    ]
    found += [
        Coverage(
            how="none" if one.by else "uncovered",
            claim=f"{one.namespace}/{one.claim}",
            volume=one.volume,
            disk=one.disk.id if one.disk else "",
            sources=(str(one.by),) if one.by else (),
        )
        for one in ruleset.uncovered
    ]
    return sorted(found, key=lambda c: (ORDER.index(c.how), c.claim, c.volume))


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


def _claim(source: Source) -> str:
    return f"{source.namespace}/{source.name}" if source.kind == "PersistentVolumeClaim" else ""


def summary(found: Sequence[Coverage]) -> str:
    """Count them in a sentence."""
    counts = {how: sum(one.how == how for one in found) for how in ORDER}
    covered = len(found) - counts["uncovered"] - counts["problem"] - counts["none"]
    parts = [f"{covered} of {counted(len(found), 'bound volume')} backed up"]
    parts += [f"{counts['uncovered']} not covered by anything"] if counts["uncovered"] else []
    parts += [f"{counts['problem']} with a problem"] if counts["problem"] else []
    parts += [f"{counts['none']} opted out by none"] if counts["none"] else []
    return "; ".join(parts)
