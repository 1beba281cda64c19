"""What passes say of the whole: never that all is well when it is not, and nothing twice."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from shared.reports.pings import CLUSTER_ID
from shared.reports.schema import Report
from shared.settings import Settings
from tests.simulation import oracle, windows
from tests.simulation.events import Life
from tests.simulation.oracle import DAY, LAG, MINUTE
from tests.simulation.world import PassLog, Real, Violation, World

TOLERANCE = 4 * MINUTE
#: What the problem of a disk says that the cloud has no more.
GONE = "there is no such disk any more"
#: Records of what was begun are forgotten after a week.
REMEMBERED = timedelta(days=7) - LAG


class Wellness:
    """Judges what the passes of one world say: overdue, failed, lost, and the heartbeat."""

    def __init__(self, world: World, settings: Settings, life: Life) -> None:
        self.world, self.life, self.period = world, life, settings.schedule_period
        self.window = settings.settle_after
        self.made: list[Real] = []
        self._start = world.now()
        self._degraded = world.now() - 1000 * DAY
        self._told: dict[tuple[str, str, datetime], PassLog] = {}
        self._id, self._forgot = "", world.now() - 1000 * DAY
        self._accepting: set[int] = set()
        self._ruled: dict[str, datetime] = {}
        self._seen: dict[str, datetime] = {}
        self._counts: list[tuple[datetime, int]] = []

    def begun(self, log: PassLog) -> None:
        """Forget, where a pass accepts what is there: it may be written at any time from now."""
        if log.request.accept_rules:
            self._accepting.add(log.number)
            self._forget()

    def _forget(self) -> None:
        self._id, self._forgot = "", self.world.now()
        for found in (self._counts, self._ruled, self._seen):
            found.clear()

    def ended(self, log: PassLog) -> None:
        """Judge a pass that has ended; without a report it failed, or was killed."""
        self.made += log.created
        if log.number in self._accepting:
            self._accepting.remove(log.number)
            self._forget()
        if log.degraded or log.dead or log.report is None:
            self._degraded = self.world.now()
        if log.report is None or log.dead:
            return
        self._well(log, log.report)
        self._attempts(log, log.report)
        if self._accepting or log.begun <= self._forgot:
            return
        if not log.report.mirror_in_use and log.report.outcome != "skipped":
            self._name(log, log.report)
            self._lost(log, log.report)

    # Late

    def _well(self, log: PassLog, report: Report) -> None:
        """Look whether a pass says that all is well, and whether it is."""
        counts = report.summary
        bad = counts.overdue or counts.failed or counts.failed_attempts
        well = report.mode == "reconcile" and report.outcome == "completed" and not bad
        renamed = any(p.source == CLUSTER_ID for p in report.problems)
        said = any(p.severity == "error" and "403" in p.message for p in report.problems)
        if log.refused and not said and report.outcome != "skipped":
            raise Violation(f"pass {log.number} says nothing of {log.refused}, not listed")
        self.world.faults["kind refused"] += bool(log.refused)
        if log.beaten and not (well and counts.rules and not counts.rules_lost and not renamed):
            raise Violation(f"pass {log.number} sends a heartbeat, but all is not well: {counts}")
        if not well or not log.request.only.whole_scopes():
            return
        self.world.faults["all is well"] += 1
        world, now = self.world, self.world.now()
        # Who is told that a disk is not there any more is not told that it is well.
        told = {p.disk.name for p in report.problems if p.disk and GONE in p.message}
        for name, lists in log.rules().deltas.items():
            # One that was not there is tried again within the hour.
            back = now - world.back.get(name, now - DAY) > LAG + 2 * self.period
            there = name not in world.gone and name not in told
            if world.places[name] in log.seen and there and back:
                self._taken(log, name, lists)

    def _taken(self, log: PassLog, name: str, lists: list[str]) -> None:
        """Look whether a disk has the snapshot that it should have for all to be well."""
        now = self.world.now()
        found = [s for s in self.world.of_disk(name)
                 if s.started <= now + oracle.FUTURE and not s.phantom]  # fmt: skip
        # What ends while the pass runs counts either way.
        done = [s.started for s in found if s.state(now) == "completed"]
        # One that a listing shows twice counts as the less finished.
        shown = log.seen[self.world.places[name]].snapshots
        pending = {s.id for s in shown if s.state == "pending"}
        listed = [s.started for s in found if s.id in pending]
        mine = [s.started for s in log.created if s.disk.name == name]
        if mine and not self._known_failures(log, name, max(done, default=None)):
            return
        newest = max(done + listed, default=None)
        timed = log.rules().timed[name]
        if name in log.rules().broken and any(hours for _, hours in timed):
            return  # what cannot be understood may have been the rule that does not wait
        if log.rules().windowed(name):
            self._taken_in_windows(log, name, newest)
            return
        open_ones = [text for text, hours in timed if hours is None]
        if open_ones and name not in log.rules().broken:
            lists = open_ones
        every = max(oracle.interval(lists, now + n * TOLERANCE) for n in (-1, 0, 1))
        if newest is None or now - newest > every + 2 * self.period + LAG + TOLERANCE:
            raise Violation(
                f"pass {log.number} says that all is well, but {name} has none since {newest}, "
                f"every {every}"
            )

    def _taken_in_windows(self, log: PassLog, name: str, newest: datetime | None) -> None:
        """Look whether a disk lacks a snapshot for which its window was open long enough."""
        now = self.world.now()
        if now - self.world.back.get(name, now - 2 * REMEMBERED) < REMEMBERED:
            return  # it is tried, and known to be there again, only when a pass meets its window
        for text, hours in log.rules().timed[name]:
            every = max(oracle.interval([text], now + n * TOLERANCE) for n in (-1, 0, 1))
            if newest is None:
                late = windows.open_throughout(hours, log.begun - TOLERANCE, now + TOLERANCE)
            else:
                late_at = windows.late_after(hours, newest + every, every, self.period)
                late = now > late_at + LAG + TOLERANCE
            if late:
                raise Violation(
                    f"pass {log.number} says that all is well, but {name} has none since {newest}, "
                    f"in {hours}"
                )

    def _known_failures(self, log: PassLog, name: str, good: datetime | None) -> list[str]:
        """List this cluster's attempts since the newest completed one that must be known as failed.

        Where the bucket failed meanwhile, or a pass was killed, they may be forgotten.
        """
        return [
            s.id
            for s in self.made
            if s.disk.name == name
            and s.maker is not log
            and s.maker
            and s.maker.cluster == log.cluster
            and (good is None or s.started > good)
            and self._degraded < s.started
            and log.begun - s.started < REMEMBERED
            and self._failed_by(s, log.begun)
        ]

    def _failed_by(self, made: Real, now: datetime) -> bool:
        """Tell whether a pass at `now` must know that an attempt has failed."""
        if made.phantom or not made.answered:
            return (made.phantom or made.fails) and now - made.started > LAG + TOLERANCE
        return made.fails and now > max(made.completes, made.visible) + TOLERANCE

    def _attempts(self, log: PassLog, report: Report) -> None:
        """Look that an attempt which failed is told of once."""
        for failed in report.failed_attempts:
            key = failed.disk, failed.snapshot, failed.began
            before = self._told.get(key)
            if before and not before.degraded and not before.dead:
                raise Violation(f"pass {log.number} tells of {key} as pass {before.number} did")
            if log.request.mode != "plan":
                self._told[key] = log
            self.world.faults["attempt failed"] += 1

    # Absence

    def _name(self, log: PassLog, report: Report) -> None:
        """Look that another CLUSTER_ID is told of until it is accepted."""
        told = any(p.source == CLUSTER_ID for p in report.problems)
        if log.degraded or log.request.mode == "plan":
            return
        if not self._id:
            self._id = "" if told else log.cluster
        elif told != (log.cluster != self._id):
            raise Violation(f"pass {log.number} of {log.cluster} after {self._id}: told is {told}")
        self.world.faults["other id told"] += told

    def _lost(self, log: PassLog, report: Report) -> None:
        """Look that a fall of the rules is told of, and nothing else is."""
        now, rules = self.world.now(), log.rules()
        lost, some = report.summary.rules_lost, rules.deltas.keys() | rules.broken
        self.world.faults["rules lost told"] += bool(lost)
        # A fall is told of until it is accepted, which a pass may be unable to do.
        if lost and self.life.shrunk < self._start:
            raise Violation(f"pass {log.number} misses {lost} rules, and none has gone")
        if log.degraded or log.request.mode == "plan":
            return
        most = max((n for time, n in self._counts if now - time < self.window - DAY), default=0)
        if most and 2 * len(some) <= most and (most >= 5 or not some) and not lost:
            raise Violation(f"pass {log.number} says nothing of {most - len(some)} lost rules")
        self._remember(rules.deltas.keys(), now)

    def _remember(self, disks: Collection[str], now: datetime) -> None:
        for name in disks:
            if now - self._seen.get(name, now - 1000 * DAY) > self.window - DAY:
                self._ruled[name] = now
            self._seen[name] = now
        old = sum(now - self._ruled[name] > DAY + TOLERANCE for name in disks)
        self._counts.append((now, old))
