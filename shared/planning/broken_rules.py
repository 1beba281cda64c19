"""Rules that cannot be understood: whose disks they were about, and how these go on. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product

from shared.model import Disk, Problem, Rule, RuleSet, Snapshot
from shared.planning.labels import CLAIM, NAMESPACE, RULE, VOLUME, Labels, read_deltas, read_uncut

#: Where the problem of a rule lies that names a disk or volume by itself.
_BY_DISK = ("spec.disk", "spec.backend", "spec.persistentVolume", "region", "zone")
#: In place of a namespace: such a rule's disk may be claimed in any. Who may write one, says
#: DISK_RULE_NAMESPACES; a problem of others names no rule.
_ANY = "*"


def broken_disks(
    ruleset: RuleSet,
    histories: Mapping[Disk, Sequence[Snapshot]],
    rules: Mapping[Disk, Sequence[Rule]],
    labels: Labels,
) -> dict[Disk, Problem]:
    """Find the disks of rules with errors, by what their snapshots say if need be.

    Args:
        ruleset: with the problems.
        histories: each disk's snapshots of ours, the oldest first.
        rules: those that could be read, by disk.
        labels: what the labels on snapshots mean.
    """
    broken: dict[Disk, Problem] = {}
    nameless: dict[tuple[str, str], Problem] = {}
    value = labels.encoding.value
    # Of several problems of a disk always the same one counts, however the objects are listed.
    for problem in sorted(ruleset.problems, key=lambda p: (p.source, p.field)):
        if problem.severity != "error":
            continue
        if problem.disk:
            broken.setdefault(problem.disk, problem)
        elif problem.rule:
            namespace = value(problem.source.namespace)
            nameless.setdefault((value(problem.rule), namespace), problem)
            nameless.setdefault(("", namespace), problem)
            if problem.source.kind == "SnapshotRule":
                nameless.setdefault((value(problem.rule), _ANY), problem)
                if _by_disk(problem.field):
                    nameless.setdefault(("", _ANY), problem)
    for disk, history in histories.items() if nameless else ():
        for maker in _makers(history, rules.get(disk, ()), labels):
            if maker in nameless:
                broken.setdefault(disk, nameless[maker])
    return ruleset.held | broken


def _by_disk(field: str) -> bool:
    return field.startswith(_BY_DISK) and not field.startswith("spec.persistentVolumeClaim")


def last_known(history: Sequence[Snapshot], problem: Problem, labels: Labels) -> list[Rule]:
    """Give the rules to go on by: the deltas that the disk's own newest snapshot bears."""
    for snapshot in reversed(history):
        lists = read_uncut(snapshot.deltas)
        if lists and labels.owner(snapshot) != "other":
            borne = snapshot.labels
            return [
                Rule(
                    name=borne.get(RULE, "") or problem.rule,
                    disk=snapshot.disk,
                    deltas=deltas.text,
                    source=problem.source,
                    namespace=borne.get(NAMESPACE, ""),
                    claim=borne.get(CLAIM, ""),
                    volume=borne.get(VOLUME, ""),
                )
                for deltas in lists
            ]
    return []


def _makers(
    history: Sequence[Snapshot], rules: Sequence[Rule], labels: Labels
) -> Iterable[tuple[str, str]]:
    """Tell the rules that the disk's newest snapshot may be owed to: (rule, namespace).

    An empty namespace is that of volumes. An empty rule is any of the namespace: of several rules
    a snapshot names the first only, but bears the deltas of all; here some are gone. A namespace
    from which the disk is no longer claimed has no say over it, but by a rule that names the disk.
    """
    ours = (s for s in reversed(history) if RULE in s.labels and labels.owner(s) != "other")
    newest = next(ours, None)
    if newest is None:
        return ()
    borne = {deltas.text for deltas in read_deltas(newest.deltas)}
    gone = len(borne) > 1 and not borne <= {rule.deltas for rule in rules}
    namespace = newest.labels.get(NAMESPACE, "")
    claimed = {labels.encoding.value(rule.namespace) for rule in rules if rule.claim}
    namespaces = [namespace, "", _ANY] if claimed <= {namespace} else ["", _ANY]
    return product([newest.labels[RULE], ""] if gone else [newest.labels[RULE]], namespaces)
