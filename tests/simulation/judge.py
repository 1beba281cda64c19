"""The properties P1 to P7, judged at every creation and deletion, and after every pass."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from shared.model import Disk
from shared.passes.run import Outcome
from shared.settings import Settings
from tests.simulation import oracle, windows
from tests.simulation.oracle import CLUSTER, DAY, DELTAS, LAG, MINUTE, Past
from tests.simulation.world import MIRROR, PassLog, Real, Violation, World

#: What clocks may be apart, and a pass may take.
TOLERANCE = 4 * MINUTE
#: Seconds that a pass has: twice what the longest call and the end are given.
DEADLINE = 240.0


class Judge:
    """Judges one world by what is true, and by what each pass was shown.

    `made` are all snapshots that passes began, and `deleted` counts those that they deleted.
    """

    def __init__(self, world: World, settings: Settings, mirror_only: bool) -> None:
        self.world, self.settings, self.mirror_only = world, settings, mirror_only
        self.period, self.settle = settings.schedule_period, settings.settle_after
        self.made: list[Real] = []
        self.deleted = 0
        self._exempt: set[str] = set()
        world.judge = self.act

    def act(self, log: PassLog, found: Real, created: bool) -> None:
        """Judge what a pass is about to do."""
        if created:
            self._creation(log, found)
        else:
            self._deletion(log, found)

    # P4

    def _creation(self, log: PassLog, made: Real) -> None:
        """P4: no two unfailed snapshots of a disk within one interval less the slack."""
        self.made.append(made)
        if log.degraded or log.request.force:
            self._exempt.add(made.id)
        self._in_window(log, made)
        rules = log.rules()
        lists = [*rules.deltas.get(made.disk.name, [])]
        self.world.faults[f"by {rules.level.get(made.disk.name, 'former lists')}"] += 1
        if made.disk.name in rules.broken:
            # What cannot be understood goes on by the deltas that the newest one bears.
            lists += made.labels[DELTAS].split(" / ")
        # The length of a month changes at midnight.
        every = min(oracle.interval(lists, made.started + n * TOLERANCE) for n in (-1, 0, 1))
        tolerance = TOLERANCE if self.world.skewed else timedelta(seconds=30)
        for other in self.world.snapshots.values():
            if other is made or other.maker is None or other.disk != made.disk:
                continue
            if other.fails or {other.id, made.id} & self._exempt:
                continue
            if other.labels.get(CLUSTER) != made.labels.get(CLUSTER):
                continue
            least = oracle.spacing(every, self.period)
            if other.phantom:
                least = min(least, LAG)
            if made.started - other.started < least - tolerance:
                raise Violation(
                    f"P4: pass {log.number} began {made.id} of {made.disk.name} "
                    f"{made.started - other.started} after {other.id} of pass "
                    f"{other.maker.number}; least {least}"
                )

    def _in_window(self, log: PassLog, made: Real) -> None:
        """P4: in a window of its rules, unless it has waited for too long or by hand."""
        rules = log.rules()
        if not rules.windowed(made.disk.name) or log.request.mode == "backfill":
            return
        timed = rules.timed[made.disk.name]
        since, until = log.begun - TOLERANCE, made.started + TOLERANCE
        if any(windows.open_sometime(hours, since, until) for _, hours in timed):
            self.world.faults["in a window"] += 1
            return
        seen = [s.started for s in log.seen[made.disk.scope].snapshots
                if s.disk == made.disk and s.state != "failed"
                and oracle.ours(s.labels, log.cluster)]  # fmt: skip
        age = made.started - max(seen, default=made.started)
        self.world.faults["outside a window"] += 1
        if not any(age >= self._overrun(one) - TOLERANCE - MINUTE for one in timed):
            raise Violation(
                f"P4: pass {log.number} began {made.id} of {made.disk.name} outside its windows, "
                f"{age} after the newest"
            )

    def _overrun(self, timed: windows.Timed) -> timedelta:
        """Tell after how long a rule lets a disk be snapshotted outside its window."""
        every = oracle.interval([timed[0]], self.world.now())
        return 2 * max(every, timed[1].gap if timed[1] else every)

    # P1, P2, P3 and P7

    def _deletion(self, log: PassLog, gone: Real) -> None:
        world, now = self.world, self.world.now()
        self.deleted += 1
        say = f"pass {log.number} deletes {gone.id} of {gone.disk.name}"
        only = log.request.only
        if log.request.mode != "reconcile":
            raise Violation(f"P6: {say}, a {log.request.mode}")
        if not only.scope(gone.disk.scope) or (only.disks and gone.disk.name not in only.disks):
            raise Violation(f"P6: {say}, which it was not asked for")
        if not oracle.ours(gone.labels, world.cluster_name):
            raise Violation(f"P1: {say}, which is not ours")
        if oracle.is_kept(gone.labels, now + log.skew):
            raise Violation(f"P1: {say}, which bears the keep label")
        state = gone.state(now)
        if state == "failed":
            if now - gone.started < DAY - TOLERANCE and not self._is_due(log, gone.disk):
                raise Violation(f"{say}, which failed less than a day ago and is in no way")
            return
        if state == "pending":
            raise Violation(f"P2: {say}, which is pending")
        mine = [s for s in world.of_disk(gone.disk.name)
                if s.state(now) == "completed" and not s.phantom
                and s.started <= now + oracle.FUTURE]  # fmt: skip
        if gone is max(mine, key=lambda s: (s.started, s.id)):
            raise Violation(f"P2: {say}, the newest completed one")
        if not log.seen[gone.disk.scope].complete:
            raise Violation(f"P3: {say} by an incomplete listing")
        self._by_rules(log, gone, say)

    def _is_due(self, log: PassLog, disk: Disk) -> bool:
        """Tell whether a pass saw a disk that needed its next snapshot."""
        now = self.world.now()
        lists = log.rules().deltas.get(disk.name, [])
        seen = [s.started for s in log.seen[disk.scope].snapshots
                if s.disk == disk and s.state != "failed"
                and oracle.ours(s.labels, self.world.cluster_name)]  # fmt: skip
        if not lists or not seen:
            return True
        least = oracle.spacing(oracle.interval(lists, now), self.period)
        return now - max(seen) >= least - TOLERANCE

    def _by_rules(self, log: PassLog, gone: Real, say: str) -> None:
        """P3: by the rules that the pass read, and by those that were true then."""
        world = self.world
        if not log.live and not self.mirror_only:
            raise Violation(f"P3: {say} by the mirror of a cluster that is not there")
        if not log.live:
            age = world.now() - world.objects[MIRROR][2]
            if age > self.settings.mirror_max_age + 10 * MINUTE:
                raise Violation(f"P3: {say} by a mirror {age} old")
        if log.refused:
            raise Violation(f"P3: {say} while {log.refused} may not be listed")
        for rules in (log.rules(), oracle.rules_of(log.truth)) if log.live else (log.rules(),):
            if gone.disk.name in rules.broken:
                raise Violation(f"P3: {say}, whose rule cannot be understood")
            lists = rules.deltas.get(gone.disk.name, [])
            if not lists:
                self._orphan(log, gone, say)
            else:
                self._covered(log, gone, lists, say)

    def _orphan(self, log: PassLog, gone: Real, say: str) -> None:
        if self.settings.orphans != "expire" or CLUSTER not in gone.labels:
            raise Violation(f"P3: {say}, an orphan that is to be kept")
        now, times = self.world.now(), self._times(log, gone.disk)
        if now - max(times.values()) < self.settings.orphan_grace - TOLERANCE:
            raise Violation(f"P3: {say}, an orphan within its grace")
        # The plan was made at some time since the pass began: two may be as near to a point.
        lists, since = gone.labels[DELTAS].split(" / "), log.begun + log.skew
        whens = (since, since + (now + log.skew - since) / 2, now + log.skew)
        if all(gone.id not in oracle.let_go({**times, "next": at}, lists) for at in whens):
            raise Violation(f"P3: {say}, an orphan that its own deltas keep")

    def _covered(self, log: PassLog, gone: Real, lists: list[str], say: str) -> None:
        past = self.past(log, gone.disk, lists)
        if gone.id not in past.gone:
            raise Violation(f"P3: {say}, which {lists} keep of {sorted(past.gone)}")
        why = "" if log.request.release_holds else past.stays(gone.id)
        if why:
            raise Violation(f"P7: {say} under {lists}: {why}")
        self.world.faults["released"] += log.request.release_holds and bool(past.stays(gone.id))
        borne = {text for s in self.world.of_disk(gone.disk.name)
                 for text in s.labels.get(DELTAS, "").split(" / ") if text}  # fmt: skip
        self.world.faults["deleted once settled"] += bool(borne - set(lists))

    def past(self, log: PassLog, disk: Disk, lists: list[str]) -> Past:
        """Give what a pass was shown of a disk, under some lists."""
        times, now = self._times(log, disk), self.world.now() + log.skew
        shown = {s.id: s for s in log.seen[disk.scope].snapshots}
        kept = [name for name in times if oracle.is_kept(shown[name].labels, now)]
        labels = {name: shown[name].labels.get(DELTAS, "") for name in times}
        return Past(times, labels, lists, self.settle, kept)

    def _times(self, log: PassLog, disk: Disk) -> dict[str, datetime]:
        """Tell the completed snapshots of ours that the pass was shown."""
        now = self.world.now() + log.skew
        shown = log.seen[disk.scope].snapshots
        unsure = {s.id for s in shown if s.state != "completed"}
        return {
            s.id: s.started
            for s in shown
            if s.disk == disk and s.id not in unsure and s.started <= now + oracle.FUTURE
            and oracle.ours(s.labels, log.cluster)
        }  # fmt: skip

    # After a pass

    def ended(self, log: PassLog, outcome: Outcome, took: float, alone: bool) -> None:
        """Judge a pass that has ended by what it says."""
        if alone and took > DEADLINE:
            raise Violation(f"P6: pass {log.number} took {took:.0f} s")
        self._counted(log, outcome)
        self._holds(log, outcome)

    def _counted(self, log: PassLog, outcome: Outcome) -> None:
        """P6: every planned action and every rule is in the report exactly once."""
        report, plan, summary = outcome.report, outcome.plan, outcome.report.summary
        actions = summary.created + summary.deleted + summary.failed + summary.deferred
        planned = len(plan.creates) + len(plan.deletes)
        listed = [(d.disk, d.snapshot) for d in (*report.creations, *report.deletions)]
        if actions != planned or len(set(listed)) != len(listed):
            raise Violation(f"P6: {planned} actions planned, {actions} accounted for")
        only = log.request.only
        known = sum(only.scope(r.disk.scope) and (not only.disks or r.disk.name in only.disks)
                    for r in outcome.ruleset.rules)  # fmt: skip
        skipped = any(scope.skipped for scope in report.scopes)
        if not skipped and summary.rules != known:
            raise Violation(f"P6: {known} rules read, {summary.rules} counted")
        done = {d.snapshot for d in report.deletions}
        if log.request.mode != "plan" and not done <= set(log.deleted):
            raise Violation(f"P6: {done - set(log.deleted)} are not deleted, as it is said")

    def _holds(self, log: PassLog, outcome: Outcome) -> None:
        """P7, the other way round: nothing is held as unsettled that nobody may still want."""
        rules, pasts = log.rules(), dict[Disk, Past]()
        for hold in outcome.plan.holds:
            disk, name = hold.snapshot.disk, hold.snapshot.id
            if hold.cause != "unsettled":
                continue
            lists = rules.deltas.get(disk.name)
            if not lists or log.request.release_holds:
                raise Violation(f"P7: pass {log.number} holds {name} of {disk.name} for no rule")
            past = pasts.setdefault(disk, self.past(log, disk, lists))
            if name not in past.gone or not past.stays(name, DAY):
                raise Violation(
                    f"P7: pass {log.number} holds {name} of {disk.name} under {lists}: "
                    f"{hold.reason}"
                )
            self.world.faults["held until settled"] += 1

    # The end

    def all_taken(self, rules: oracle.Rules) -> None:
        """P5: every due disk has its snapshot; a pass has just ended."""
        now = self.world.now()
        for disk, lists in rules.deltas.items():
            found = [s for s in self.world.of_disk(disk) if s.started <= now + oracle.FUTURE]
            pending = [s for s in found if s.state(now) == "pending" and s.listed(now)]
            if disk in self.world.gone or any(now - s.started < DAY for s in pending):
                continue
            good = [s for s in found if not s.phantom and s.state(now) != "failed"]
            newest = max((s.started for s in good), default=None)
            if rules.windowed(disk):
                self._taken_in_windows(disk, rules.timed[disk], newest)
                continue
            every = max(oracle.interval(lists, now + n * TOLERANCE) for n in (-1, 0))
            least = oracle.spacing(every, self.period)
            if disk in rules.broken and any(hours for _, hours in rules.timed[disk]):
                continue  # what cannot be understood may have been the rule that does not wait
            open_ones = [text for text, hours in rules.timed[disk] if hours is None]
            if open_ones and disk not in rules.broken:  # the others may wait
                every = max(oracle.interval(open_ones, now + n * TOLERANCE) for n in (-1, 0))
                least = oracle.spacing(every, self.period)
            if newest is None or now - newest >= least + TOLERANCE:
                raise Violation(f"P5: {disk} is due since {newest}, every {every}")

    def _taken_in_windows(
        self, disk: str, timed: list[windows.Timed], newest: datetime | None
    ) -> None:
        """P5, with windows: what is due has its snapshot while one is open, or after too long."""
        now = self.world.now()
        for one in timed:
            text, hours = one
            every = max(oracle.interval([text], now + n * TOLERANCE) for n in (-1, 0))
            age = None if newest is None else now - newest - TOLERANCE
            due = age is None or age >= oracle.spacing(every, self.period)
            over = age is not None and age >= self._overrun(one)
            if due and (over or windows.open_throughout(hours, now - 2 * TOLERANCE, now)):
                raise Violation(f"P5: {disk} is due since {newest}, in {hours}")

    def all_gone(self, log: PassLog, held: Mapping[str, str]) -> None:
        """P5: nothing that should go remains, but for what is lawfully held; by name, with why."""
        world, now, rules = self.world, self.world.now(), log.rules()
        if causes := set(held.values()) - {"unsettled", "rule-problem"}:
            raise Violation(f"P5: held for {causes} though all is well")
        for disk in world.disks():
            lists = rules.deltas.get(disk.name)
            if not lists or disk.name in rules.broken or not self._times(log, disk):
                continue
            left = (self.past(log, disk, lists).gone - set(held)) & world.snapshots.keys()
            if left:
                raise Violation(f"P5: {sorted(left)} of {disk.name} should be gone")
            every = oracle.interval(lists, now)
            old = [s.id for s in world.of_disk(disk.name) if s.fails and s.listed(now)
                   and now - s.started > max(DAY, every) + 2 * self.period
                   and not oracle.is_kept(s.labels, now)]  # fmt: skip
            if old:
                raise Violation(f"P5: failed {old} of {disk.name} should be gone")
