"""Which disks a request selects, and which of its values select nothing. Pure."""

from collections.abc import Collection, Iterable, Iterator

from shared.model import Disk, Problem, Source, Uncovered
from shared.planning.situation import Situation
from shared.request import Only
from shared.text import closest, did_you_mean, shorten

_HINTS = {
    "namespaces": "no rule is of a namespace called so",
    "claims": "no rule is of a claim called so, as NAMESPACE/NAME",
    "rules": "no rule is called so",
    "disks": "no rule and no snapshot of this cluster is on a disk called so",
    "scopes": "no rule names it, nor does REGIONS or PROJECTS",
}


def select(situation: Situation, only: Only) -> tuple[list[Disk], list[Disk]]:
    """Select the disks that rules cover, and those that none covers any more."""
    rules, broken = situation.rules, situation.broken
    covered = rules.keys() | broken.keys()
    selected = [d for d in covered if only.selects(d, rules.get(d, ()), broken.get(d))]
    told = situation.policy.explaining or only.whole_scopes()
    orphaned = [d for d in situation.histories.keys() - covered if only.orphan(d) and told]
    return sorted(selected), sorted(orphaned)


def unselected(
    situation: Situation, only: Only, scopes: Collection[str], uncovered: Iterable[Uncovered] = ()
) -> Iterator[Problem]:
    """Name each value that selects nothing.

    `scopes` are listed though no rule names them; `uncovered` are there, and no rule covers them.
    """
    bare = {f"{one.namespace}/{one.claim}": one for one in uncovered if one.claim}
    missed = False
    for field in Only.__struct_fields__:
        for value in getattr(only, field):
            if not _selects(Only(**{field: (value,)}), situation, scopes):
                found = bare.get(value) if field == "claims" else None
                why = _bare(found) if found else f"{_HINTS[field]}{_near(field, value, situation)}"
                yield Problem(
                    severity="warning",
                    source=Source("Request", "", "only"),
                    field=f"only.{field}",
                    value=shorten(value),
                    message=f"selects nothing: {why}",
                )
                missed = True
    if not missed and len(_given(only)) > 1 and not any(select(situation, only)):
        yield Problem(
            severity="warning",
            source=Source("Request", "", "only"),
            field="only",
            value=", ".join(_given(only)),
            message="selects nothing: each selects some disks, but there is none that all select",
        )


def _given(only: Only) -> list[str]:
    return [field for field in Only.__struct_fields__ if getattr(only, field)]


def _bare(claim: Uncovered) -> str:
    """Say why a claim that is there has no rule."""
    if claim.by:
        return f"the claim is not backed up, by deltas: none of {claim.by}"
    return (
        f"no rule covers this claim, whose volume is {claim.volume}; annotate it or its Namespace"
    )


def _near(field: str, value: str, situation: Situation) -> str:
    """Name what is called nearly so."""
    rules = [rule for found in situation.rules.values() for rule in found]
    names = {
        "namespaces": {rule.namespace for rule in rules},
        "claims": {f"{rule.namespace}/{rule.claim}" for rule in rules if rule.claim},
        "rules": {rule.name for rule in rules},
        "disks": {disk.name for disk in situation.rules},
    }.get(field, set())
    return did_you_mean(closest(value, names))


def _selects(only: Only, situation: Situation, scopes: Collection[str]) -> bool:
    if only.scopes and set(only.scopes) <= set(scopes):
        return True
    if any(select(situation, only)):
        return True
    return bool(only.disks) and any(only.orphan(disk) for disk in situation.histories)
