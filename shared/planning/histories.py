"""The snapshots of ours, disk by disk: what every decision of the plan rests on. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import attrgetter

from shared.model import Disk, Rule, Snapshot
from shared.planning.labels import Labels
from shared.planning.policy import CLOCK_SKEW, Policy
from shared.retention.deltas import Deltas
from shared.retention.kernel import Retention, retain


def by_disk(snapshots: Iterable[Snapshot], labels: Labels) -> dict[Disk, list[Snapshot]]:
    """Group the snapshots of ours by disk, each once, the oldest first; copies are of none."""
    ours = (s for s in snapshots if labels.ours(s) and not s.copy)
    # Where a listing shows one twice, in two states, the less finished counts.
    ordered = sorted(ours, key=attrgetter("started", "id", "state"))
    unique = {(s.disk, s.id): s for s in ordered}
    histories: dict[Disk, list[Snapshot]] = defaultdict(list)
    for snapshot in unique.values():
        histories[snapshot.disk].append(snapshot)
    return dict(histories)


def group_rules(rules: Iterable[Rule]) -> dict[Disk, list[Rule]]:
    """Group rules by disk."""
    grouped: dict[Disk, list[Rule]] = defaultdict(list)
    for rule in rules:
        grouped[rule.disk].append(rule)
    return dict(grouped)


class History:
    """The completed snapshots of this cluster, none from the future, and what lists keep of it.

    `counted` are those that count, the oldest first; `set_aside` counts the completed ones that
    do not, by why; `anchor` is the newest's time.
    """

    def __init__(self, snapshots: Iterable[Snapshot], now: datetime, policy: Policy) -> None:
        self.counted: list[Snapshot] = []
        self.set_aside: Counter[str] = Counter()
        for snapshot in snapshots:
            if snapshot.state != "completed" or policy.labels.owner(snapshot) == "other":
                continue
            if snapshot.started > now + CLOCK_SKEW:
                self.set_aside["dated in the future"] += 1
                continue
            self.counted.append(snapshot)
        self.anchor = max((s.started for s in self.counted), default=now)
        self._retentions: dict[str, Retention] = {}

    def retain(self, deltas: Deltas) -> Retention:
        """Decide what a list keeps, once for each list."""
        if deltas.text not in self._retentions:
            self._retentions[deltas.text] = retain(self.counted, deltas.resolve(self.anchor))
        return self._retentions[deltas.text]


def states_of(history: Sequence[Snapshot]) -> dict[str, int]:
    """Count snapshots by state."""
    return dict(Counter(s.state for s in history))
