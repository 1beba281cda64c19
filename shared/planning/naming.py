"""Names, labels and descriptions of the snapshots that a plan creates. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from shared.model import Disk, Rule, Snapshot
from shared.planning.actions import Create
from shared.planning.labels import Labels, snapshot_name
from shared.planning.policy import Policy


def named(
    creates: Sequence[tuple[Create, Sequence[Rule]]], now: datetime, policy: Policy
) -> tuple[Create, ...]:
    """Name and label the snapshots to create, each by the rules that ask for it."""
    names = _names([create for create, _ in creates], now, policy)
    labels, until = policy.labels, policy.keep_until
    kept = {labels.keep_key: until} if until else {}
    return tuple(
        msgspec.structs.replace(
            create,
            name=names[create.disk],
            labels=labels.for_snapshot(names[create.disk], rules) | kept,
            description=labels.description(names[create.disk], rules),
        )
        for create, rules in creates
    )


def _names(creates: Sequence[Create], now: datetime, policy: Policy) -> dict[Disk, str]:
    """Choose names, with the disk's hash where two would share one."""
    time, encoding = now.strftime(policy.time_format), policy.labels.encoding

    def name(create: Create, distinct: bool) -> str:
        return snapshot_name(encoding, create.rules[0], create.disk, time, distinct)

    names = {create.disk: name(create, False) for create in creates}
    distinct: set[Disk] = set()
    # Again, since a name with a hash may be what another is without one.
    while more := _sharing(names) - distinct:
        distinct |= more
        names |= {c.disk: name(c, True) for c in creates if c.disk in more}
    return names


def _sharing(names: Mapping[Disk, str]) -> set[Disk]:
    counts = Counter(names.values())
    return {disk for disk, name in names.items() if counts[name] > 1}


def is_ours(create: Create, labels: Labels) -> bool:
    """Tell whether the next pass will know a snapshot again that is about to be made."""
    made = Snapshot(
        id="", disk=create.disk, started=datetime.min, state="pending", labels=create.labels
    )
    return labels.ours(made) and labels.owner(made) == ("this" if labels.cluster else "unknown")
