"""What a disk is to the cluster, in the words of its owners: claim and volume. Pure."""

from collections.abc import Collection
from typing import NamedTuple

from shared.model import Rule, Snapshot
from shared.planning.labels import CLAIM, NAMESPACE, VOLUME


class Names(NamedTuple):
    """The claim, as `namespace/name`, volume and first rule; empty where there is none."""

    claim: str = ""
    volume: str = ""
    rule: str = ""


def names_of(rules: Collection[Rule], newest: Snapshot | None = None) -> Names:
    """Name the disk of some rules; where none names it, as the labels of a snapshot do."""
    claim = next((f"{r.namespace}/{r.claim}" for r in rules if r.claim), "")
    volume = next((r.volume for r in rules if r.volume), "")
    rule = next((r.name for r in rules), "")
    if claim or volume or newest is None:
        return Names(claim, volume, rule)
    labels = newest.labels
    namespace, name = labels.get(NAMESPACE, ""), labels.get(CLAIM, "")
    return Names(f"{namespace}/{name}" if namespace and name else "", labels.get(VOLUME, ""), rule)
