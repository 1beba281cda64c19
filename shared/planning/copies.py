"""Copies of snapshots: of no disk's history, never deleted, told, and good for restoring. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter

from shared.model import Rule, Snapshot
from shared.planning.labels import CLAIM, NAMESPACE, RULE, VOLUME, Labels, taken
from shared.text import utc


def copies_of(snapshots: Iterable[Snapshot], labels: Labels) -> list[Snapshot]:
    """List the copies with our author label, each once; not those of another cluster."""
    found = {s.id: s for s in snapshots if s.copy and labels.ours(s)}
    copies = (s for s in found.values() if labels.owner(s) != "other")
    return sorted(copies, key=attrgetter("disk", "started", "id"))


def is_copy_for(copy: Snapshot, rules: Sequence[Rule], labels: Labels) -> bool:
    """Tell whether a copy's labels name what some rules are about: claim, volume or the rule."""
    value = labels.encoding.value

    def names(wanted: Mapping[str, str]) -> bool:
        found = {key: copy.labels.get(key) for key in wanted}
        return all(wanted.values()) and found == {k: value(text) for k, text in wanted.items()}

    return any(
        names({NAMESPACE: rule.namespace, CLAIM: rule.claim})
        or names({NAMESPACE: rule.namespace, RULE: rule.name})
        or names({VOLUME: rule.volume})
        for rule in rules
    )


def told(copy: Snapshot) -> str:
    """Say what a copy is, and of when its data is."""
    time = taken(copy)
    data = f"its data is from {utc(time)}" if time else "the date of its data is not known"
    return f"it is a copy of another snapshot, and {data}; nothing here deletes it"
