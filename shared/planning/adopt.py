"""Adopting snapshots that others made, by hand or by a tool, so that they count. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from shared.model import Disk, Rule, Snapshot
from shared.planning.labels import CLUSTER, DELTAS, FROM, NAME, Labels


class Stranger(NamedTuple):
    """A snapshot without our author label; `manager` is who made it and deletes it, if known.

    One that has the label may be among them: it may lack a tag that deleting it takes.
    """

    snapshot: Snapshot
    description: str = ""
    manager: str = ""


#: Why a snapshot of ours is adopted again: for the tag that it may lack.
TAG = "tag"


class Adoption(NamedTuple):
    """Whether a snapshot is to be ours; `labels` are those to put on, none where it is left."""

    snapshot: Snapshot
    labels: Mapping[str, str]
    why: str


def adoptions(
    strangers: Iterable[Stranger], rules: Mapping[Disk, Sequence[Rule]], labels: Labels
) -> list[Adoption]:
    """Decide over all snapshots of some disks that lack our author label.

    What another manages is left: it would be deleted under its owner's feet, or by it. Adopted ones
    get no deltas, since nobody knows under which they were made: so they are held until their disk
    is settled.
    """
    found = []
    for stranger in sorted(strangers, key=lambda s: (s.snapshot.disk, s.snapshot.started)):
        snapshot = stranger.snapshot
        covering = rules.get(snapshot.disk)
        if not covering:
            continue
        if snapshot.copy and not stranger.manager:
            why = "left: it is a copy of another snapshot, whose disk is not known"
            found.append(Adoption(snapshot, {}, why))
        elif stranger.manager:
            found.append(Adoption(snapshot, {}, f"left: {stranger.manager} manages it"))
        elif labels.owner(snapshot) == "other":
            found.append(Adoption(snapshot, {}, "left: it has another cluster's label"))
        elif labels.ours(snapshot):
            key = labels.author_key
            found.append(Adoption(snapshot, {key: snapshot.labels[key]}, TAG))
        elif snapshot.state == "failed":
            found.append(Adoption(snapshot, {}, "left: it failed, and is no backup"))
        else:
            found.append(Adoption(snapshot, new_labels(covering, labels), "adopt"))
    return found


def takeovers(
    listed: Iterable[Snapshot],
    rules: Mapping[Disk, Sequence[Rule]],
    labels: Labels,
    cluster: str,
) -> list[Adoption]:
    """Decide over the snapshots that another cluster's passes made of disks that have rules here.

    They keep all that they say, their deltas too, and only become this cluster's.
    """
    value = labels.encoding.distinct
    found = [
        s
        for s in listed
        if s.disk in rules
        and labels.ours(s)
        and labels.owner(s) == "other"
        # Once it is taken over, the description still names the cluster that made it.
        and (
            (s.cluster == cluster and FROM not in s.labels)
            or s.labels.get(CLUSTER) in (cluster, value(cluster))
        )
    ]
    new = {CLUSTER: value(labels.cluster), FROM: value(cluster)}
    found.sort(key=lambda s: (s.disk, s.started))
    return [Adoption(snapshot, new, "adopt") for snapshot in found]


def new_labels(rules: Sequence[Rule], labels: Labels) -> dict[str, str]:
    """Give the labels of an adopted snapshot: whose it is, and of what; neither name nor deltas."""
    wanted = labels.for_snapshot("", rules)
    return {key: value for key, value in wanted.items() if key not in (NAME, DELTAS)}


def scopes(disks: Collection[Disk]) -> dict[str, list[Disk]]:
    """Group disks by scope."""
    found: dict[str, list[Disk]] = {}
    for disk in sorted(disks):
        found.setdefault(disk.scope, []).append(disk)
    return found
