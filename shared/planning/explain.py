"""Why one disk's snapshots stay or go, and what comes next. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from shared.errors import RequestError
from shared.model import Disk, Rule, Snapshot
from shared.planning.actions import DiskPlan, Plan
from shared.planning.copies import copies_of, is_copy_for, told
from shared.planning.explanation import (
    Explanation,
    Fate,
    Generation,
    Going,
    MissingPoints,
    RuleUsed,
)
from shared.planning.labels import read_uncut
from shared.planning.names import Names, names_of
from shared.planning.next_deletion import next_deletion
from shared.planning.pictures import Picture, draw
from shared.planning.policy import CLOCK_SKEW, Policy
from shared.request import Only, named
from shared.retention.deltas import Deltas, parse
from shared.retention.kernel import retain
from shared.text import shorten

What = Literal["kept", "goes", "held", "not counted", "not ours"]

#: Disks that are explained at once.
MOST = 20
#: Gaps that are told of one generation.
MOST_GAPS = 10


def explain(
    plan: Plan,
    rules: Mapping[Disk, Sequence[Rule]],
    snapshots: Iterable[Snapshot],
    policy: Policy,
    only: Only,
) -> tuple[Explanation, ...]:
    """Explain each disk of a plan, and those that `only` names though no rule covers them.

    Args:
        plan: says what is due, goes, waits and is held.
        rules: that each disk goes by.
        snapshots: what the listings gave.
        policy: as the plan went by.
        only: what was asked for.

    Raises:
        RequestError: where that is too much for one answer.
    """
    listed = list(snapshots)
    copies = copies_of(listed, policy.labels)
    histories: dict[Disk, dict[str, Snapshot]] = {}
    for snapshot in listed:
        if policy.labels.ours(snapshot) and not snapshot.copy:
            histories.setdefault(snapshot.disk, {})[snapshot.id] = snapshot
    accounts = {account.disk: account for account in plan.disks}
    for disk in histories.keys() - rules.keys():
        if named(disk, only.disks):
            accounts[disk] = DiskPlan(disk=disk, states={})
    if len(accounts) > MOST:
        raise RequestError(
            f"explain would show {len(accounts)} disks; name up to {MOST}, for example "
            f'"only": {{"disks": ["{min(accounts).name}"]}}'
        )
    return tuple(
        _Disk(account, rules.get(disk, ()), histories.get(disk, {}), plan, policy, copies).explain()
        for disk, account in sorted(accounts.items())
    )


class _Disk:
    def __init__(
        self,
        account: DiskPlan,
        rules: Sequence[Rule],
        history: Mapping[str, Snapshot],
        plan: Plan,
        policy: Policy,
        copies: Iterable[Snapshot],
    ) -> None:
        self.account, self.rules, self.plan, self.policy = account, rules, plan, policy
        self.history = sorted(history.values(), key=lambda s: (s.started, s.id))
        self.counted = [s for s in self.history if s.state == "completed" and self._ours(s)
                        and s.started <= plan.now + CLOCK_SKEW]  # fmt: skip
        self.copies = [c for c in copies if is_copy_for(c, rules, policy.labels)]
        self.lists = [parse(text) for text in dict.fromkeys(rule.deltas for rule in rules)]
        self.reasons = self._reasons()

    def explain(self) -> Explanation:
        account, plan = self.account, self.plan
        create = next((c for c in plan.creates if c.disk == account.disk), None)
        wait = next((w for w in plan.waits if w.disk == account.disk), None)
        problems = [p for p in plan.problems if p.disk == account.disk]
        names = self._names()
        return Explanation(
            disk=account.disk.id,
            claim=names.claim,
            volume=names.volume,
            rules=tuple(
                RuleUsed(name=r.name, source=str(r.source), deltas=r.deltas,
                         sentence=str(parse(r.deltas)), window=str(r.window or ""))
                for r in self.rules
            ),
            newest=account.newest or (self.counted[-1].started if self.counted else None),
            oldest=self.counted[0].started if self.counted else None,
            next_due=account.next_due,
            due=create.reason if create else wait.reason if wait else "",
            opens=account.opens,
            orphaned="" if self.rules else self._orphaned(),
            problems=tuple(f"{p.source}: {p.message}" for p in problems),
            generations=tuple(_generation(picture) for picture in self._pictures()),
            snapshots=tuple(self._fates()),
            next_deletion=self._next_deletion(),
        )  # fmt: skip

    def _names(self) -> Names:
        return names_of(self.rules, self.history[-1] if self.history else None)

    def _orphaned(self) -> str:
        """Say what becomes of the snapshots of a disk that no rule covers."""
        orphans = next((o for o in self.plan.orphans if o.disk == self.account.disk), None)
        return orphans.reason if orphans else "kept; no rule covers it, or none that can be read"

    def _ours(self, snapshot: Snapshot) -> bool:
        return self.policy.labels.owner(snapshot) != "other"

    def _reasons(self) -> dict[str, str]:
        """Tell of each snapshot that is kept why, by the first list that keeps it."""
        if not self.counted:
            return {}
        found: dict[str, str] = {}
        anchor = self.counted[-1].started
        for deltas in self.lists:
            retention = retain(self.counted, deltas.resolve(anchor))
            names = deltas.generations()
            for index, reason in retention.kept.items():
                snapshot = retention.history[index]
                why = "the newest"
                if reason.generation >= 0:
                    why = f"{names[reason.generation]}, for {reason.point:%Y-%m-%d %H:%M} UTC"
                found.setdefault(snapshot.id, why)
        return found

    def _fates(self) -> Iterable[Fate]:
        """Tell of each snapshot, and of each copy for this disk, what becomes of it."""
        everything = sorted([*self.history, *self.copies], key=lambda s: (s.started, s.id))
        for snapshot in reversed(everything):
            fate, why = self._decided(snapshot)
            yield Fate(
                snapshot=snapshot.id,
                started=snapshot.started,
                state=snapshot.state,
                fate=fate,
                why=why,
                tier=snapshot.tier,
            )

    def _decided(self, snapshot: Snapshot) -> tuple[What, str]:
        if snapshot.copy:
            return "not counted", told(snapshot)
        going = next((d for d in self.plan.deletes if d.snapshot.id == snapshot.id), None)
        if going:
            return "goes", going.reason
        held = next((h for h in self.plan.holds if h.snapshot.id == snapshot.id), None)
        if held:
            return "held", held.reason
        if not self._ours(snapshot):
            return "not ours", "it has another cluster's label"
        if snapshot.state != "completed":
            why = f": {shorten(snapshot.message, 200)}" if snapshot.message else ""
            return "not counted", f"it is {snapshot.state}{why}; only completed ones are backups"
        if snapshot.started > self.plan.now + CLOCK_SKEW:
            return "kept", "it is dated in the future"
        if snapshot.id in self.reasons:
            return "kept", self.reasons[snapshot.id]
        if not self.rules:
            return "kept", "no rule covers its disk, or none that can be read; see ORPHANS"
        return "kept", f"it has the label {self.policy.labels.keep_key}"

    def _pictures(self) -> Iterable[Picture]:
        """Draw each generation of each rule, or of the deltas that the newest snapshot bears."""
        lists: Sequence[Deltas] = self.lists
        now = self.plan.now
        if not self.rules and self.counted:
            lists, now = read_uncut(self.counted[-1].deltas), self.counted[-1].started
        others = [s for s in self.history if s.state != "completed" and self._ours(s)]
        held = [hold.snapshot.id for hold in self.plan.holds]
        for deltas in lists:
            yield from draw(self.counted, deltas, now, others, held)

    def _next_deletion(self) -> Going | None:
        """Find what goes next if a snapshot is taken every interval from now on."""
        gone = {delete.snapshot.id for delete in self.plan.deletes}
        history = [s for s in self.counted if s.id not in gone]
        if not self.account.next_due or self.account.holds:
            return None
        return next_deletion(
            history, self.lists, self.account.next_due, self.plan.now, self.policy.labels
        )


def _generation(picture: Picture) -> Generation:
    gaps = picture.gaps()[::-1][:MOST_GAPS]
    return Generation(
        deltas=picture.deltas,
        name=picture.name,
        wants=len(picture.cells),
        kept=picture.filled,
        picture=picture.letters,
        gaps=tuple(MissingPoints(first=g.first, last=g.last, points=g.points) for g in gaps),
    )
