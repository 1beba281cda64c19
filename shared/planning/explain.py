"""Why one disk's snapshots stay or go, and what comes next. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from shared.errors import RequestError
from shared.model import Disk, Rule, Snapshot
from shared.planning.actions import DiskPlan, Plan
from shared.planning.explanation import Explanation, Fate, Generation, Going, RuleUsed
from shared.planning.policy import CLOCK_SKEW, Policy
from shared.request import Only
from shared.retention.deltas import Deltas, parse
from shared.retention.kernel import retain

What = Literal["kept", "goes", "held", "not counted", "not ours"]

#: Disks that are explained at once.
MOST = 20
#: How many snapshots ahead the next deletion is looked for, and how many steps that may take.
AHEAD, STEPS = 500, 100_000
#: Columns of a generation's picture.
WIDTH = 48


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
    histories: dict[Disk, dict[str, Snapshot]] = {}
    for snapshot in snapshots:
        if policy.labels.ours(snapshot):
            histories.setdefault(snapshot.disk, {})[snapshot.id] = snapshot
    accounts = {account.disk: account for account in plan.disks}
    for disk in histories.keys() - rules.keys():
        if disk.id in only.disks or disk.name in only.disks:
            accounts[disk] = DiskPlan(disk=disk, states={})
    if len(accounts) > MOST:
        raise RequestError(
            f"explain would tell of {len(accounts)} disks; name up to {MOST}, for example "
            f'"only": {{"disks": ["{min(accounts).name}"]}}'
        )
    return tuple(
        _Disk(account, rules.get(disk, ()), histories.get(disk, {}), plan, policy).explain()
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
    ) -> None:
        self.account, self.rules, self.plan, self.policy = account, rules, plan, policy
        self.history = sorted(history.values(), key=lambda s: (s.started, s.id))
        self.counted = [s for s in self.history if s.state == "completed" and self._ours(s)
                        and s.started <= plan.now + CLOCK_SKEW]  # fmt: skip
        self.lists = [parse(text) for text in dict.fromkeys(rule.deltas for rule in rules)]
        self.reasons = self._reasons()

    def explain(self) -> Explanation:
        account, plan = self.account, self.plan
        create = next((c for c in plan.creates if c.disk == account.disk), None)
        wait = next((w for w in plan.waits if w.disk == account.disk), None)
        problems = [p for p in plan.problems if p.disk == account.disk]
        return Explanation(
            disk=account.disk.id,
            rules=tuple(
                RuleUsed(name=r.name, source=str(r.source), deltas=r.deltas,
                         sentence=str(parse(r.deltas))) for r in self.rules
            ),
            newest=account.newest,
            next_due=account.next_due,
            due=create.reason if create else wait.reason if wait else "",
            problems=tuple(f"{p.source}: {p.message}" for p in problems),
            generations=tuple(self._generations()),
            snapshots=tuple(self._fate(s) for s in reversed(self.history)),
            next_deletion=self._next_deletion(),
        )  # fmt: skip

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

    def _fate(self, snapshot: Snapshot) -> Fate:
        fate, why = self._decided(snapshot)
        return Fate(
            snapshot=snapshot.id, started=snapshot.started, state=snapshot.state, fate=fate, why=why
        )

    def _decided(self, snapshot: Snapshot) -> tuple[What, str]:
        going = next((d for d in self.plan.deletes if d.snapshot.id == snapshot.id), None)
        if going:
            return "goes", going.reason
        held = next((h for h in self.plan.holds if h.snapshot.id == snapshot.id), None)
        if held:
            return "held", held.reason
        if not self._ours(snapshot):
            return "not ours", "it bears another cluster's label"
        if snapshot.state != "completed":
            return "not counted", f"it is {snapshot.state}; only completed ones are backups"
        if snapshot.started > self.plan.now + CLOCK_SKEW:
            return "kept", "it is dated in the future"
        if snapshot.id in self.reasons:
            return "kept", self.reasons[snapshot.id]
        if not self.rules:
            return "kept", "no rule covers its disk, or none that can be read; see ORPHANS"
        return "kept", f"it bears the label {self.policy.labels.keep_key}"

    def _generations(self) -> Iterable[Generation]:
        """Draw each generation of each rule, the newest at the right."""
        if not self.counted:
            return
        anchor = self.counted[-1].started
        for deltas in self.lists:
            retention = retain(self.counted, deltas.resolve(anchor))
            for number, (name, span) in enumerate(
                zip(deltas.generations(), deltas.resolve(anchor)[1:], strict=True)
            ):
                times = [retention.history[index].started for index, reason in
                         retention.kept.items() if reason.generation == number]  # fmt: skip
                yield Generation(
                    deltas=deltas.text, name=name, kept=len(times),
                    picture=_picture(times, anchor, span),
                )  # fmt: skip

    def _next_deletion(self) -> Going | None:
        """Find what goes next if a snapshot is taken every interval from now on."""
        gone = {delete.snapshot.id for delete in self.plan.deletes}
        history = [s for s in self.counted if s.id not in gone]
        real = {s.id for s in history}
        if not history or not self.lists or not self.account.next_due or self.account.holds:
            return None
        interval = min(deltas.interval(self.plan.now) for deltas in self.lists)
        time = max(self.account.next_due, self.plan.now)
        for _ in range(min(AHEAD, STEPS // len(history))):
            history.append(_virtual(history[-1], time))
            kept = set().union(*(_kept(history, deltas, time) for deltas in self.lists))
            for snapshot in history:
                if snapshot.id not in kept and not self.policy.labels.kept(snapshot, time):
                    if snapshot.id not in real:
                        return None
                    return Going(snapshot=snapshot.id, started=snapshot.started, at=time)
            time += interval
        return None


def _virtual(like: Snapshot, time: datetime) -> Snapshot:
    return msgspec.structs.replace(like, id=f"(the one of {time:%Y-%m-%d %H:%M} UTC)", started=time,
                                   labels={}, state="completed")  # fmt: skip


def _kept(history: Sequence[Snapshot], deltas: Deltas, anchor: datetime) -> set[str]:
    return retain(history, deltas.resolve(anchor)).kept_ids()


def _picture(times: Iterable[datetime], anchor: datetime, span: timedelta) -> str:
    """Draw when snapshots were taken between `anchor - span` and `anchor`."""
    columns = ["·"] * WIDTH
    for time in times:
        place = 1 - (anchor - time) / span
        columns[min(max(int(place * WIDTH), 0), WIDTH - 1)] = "●"
    return "".join(columns)
