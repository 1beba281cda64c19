"""One seed: a cluster's life of some weeks or years, judged after every step."""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from threading import current_thread
from typing import Any, Literal, NamedTuple
from unittest.mock import patch

import msgspec

from shared.bucket.storage import Storage
from shared.errors import PassError
from shared.passes import run as passes
from shared.passes.run import Outcome
from shared.passes.world import Ports
from shared.planning.labels import AWS, Labels
from shared.planning.plan import plan
from shared.reports import pings
from shared.request import Only, Request
from shared.settings import Settings
from shared.sources.mirror import Mirror
from tests.clock import VirtualClock
from tests.shared.objects_builders import decode
from tests.simulation import metamorphic, oracle, windows
from tests.simulation.cloud import SimBucket, SimCloud, SimCluster
from tests.simulation.events import UNITS, Life
from tests.simulation.judge import DEADLINE, Judge
from tests.simulation.metamorphic import Asked
from tests.simulation.oracle import DAY, HOUR, LAG, MINUTE
from tests.simulation.wellness import Wellness
from tests.simulation.world import MIRROR, REGIONS, Killed, PassLog, Violation, World

STEPS = 60
#: Passes in the end by which everything settles, at most.
SETTLING = 70
#: The annotations that a mirror keeps.
KEYS = (oracle.KEY, oracle.POLICY, windows.KEY)
#: How many of the passes make their plans again in other ways.
PLANNED_AGAIN = 0.12


class Result(NamedTuple):
    """What one seed came to."""

    seed: int
    passes: int
    span: timedelta
    faults: Counter[str]
    outcomes: Counter[str]
    created: int = 0
    deleted: int = 0
    violation: str = ""


class SkewedClock:
    """The clock of one pass, which may be wrong by minutes; implements `ports.Clock`."""

    def __init__(self, clock: VirtualClock, skew: timedelta) -> None:
        self._clock, self._skew = clock, skew

    def now(self) -> datetime:
        return self._clock.now() + self._skew

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds)


class Simulation:
    """One seed's world, its events and its judges."""

    def __init__(self, seed: int, say: Callable[[str], None] = lambda _: None) -> None:
        self.seed, self.say = seed, say
        self.world = World(seed)
        self.rng, self.checks = self.world.rng, random.Random(seed)
        self.period = self.rng.choice((5, 10, 20)) * MINUTE
        policies: tuple[Literal["keep"], Literal["expire"]] = ("keep", "expire")
        self.mirror_only = self.rng.random() < 0.15
        self.settings = Settings(
            schedule_period=self.period,
            orphans=self.rng.choice(policies),
            orphan_grace=timedelta(days=3),
            mirror_url="file:///rules.json",
            rules_from="mirror" if self.mirror_only else "cluster",
            settle_after=timedelta(days=2 if self.world.tempo == "hours" else 14),
        )
        self.begun = self.world.now()
        self.passes = 0
        self.outcomes: Counter[str] = Counter()
        self.asked: dict[str, Asked] = {}
        self.logs: dict[int, PassLog] = {}
        self.life = Life(self.world)
        self.judge = Judge(self.world, self.settings, self.mirror_only)
        self.wellness = Wellness(self.world, self.settings, self.life)

    def run(self) -> Result:
        violation = ""
        try:
            with self._listening():
                for _ in range(STEPS):
                    self.say(f"{self.world.now():%F %T} {self.life.event()}")
                    self.life.go_on()
                    self.step()
                self.end()
        except Violation as error:
            violation = str(error)
        return Result(
            self.seed,
            self.passes,
            self.world.now() - self.begun,
            self.world.faults,
            self.outcomes,
            len(self.judge.made),
            self.judge.deleted,
            violation,
        )

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Hear what plans are made of, and the heartbeats."""

        def planned(*given: Any, **rest: Any) -> Any:
            self.asked[current_thread().name] = Asked(
                given[0], tuple(given[1]), given[2], given[3], rest
            )
            return plan(*given, **rest)

        def beaten(setting: str, url: str) -> None:
            if setting == "HEARTBEAT_URL":
                self.logs[int(url)].beaten = True

        with patch.object(passes, "plan", planned), patch.object(pings, "send", beaten):
            yield

    # Passes

    def step(self) -> None:
        """Let time pass to the next delivery, and deliver: once, or twice at once."""
        rng = self.rng
        self.world.clock.advance(self._wait())
        if rng.random() < 0.4:
            self.life.mend_mirror()
        self.publish()
        logs = [self.log() for _ in range(2 if rng.random() < 0.2 else 1)]
        self.world.faults["two at once"] += len(logs) - 1
        errors: list[BaseException] = []
        bodies = [lambda log=log: self.guarded(log, errors) for log in logs]
        if len(bodies) == 1:
            bodies[0]()
        else:
            self.world.baton.run(bodies)
        for error in errors:
            raise error

    def _wait(self) -> timedelta:
        """Choose how long it is to the next pass; those between would find nothing to do."""
        rng, late = self.rng, self.rng.uniform(0.98, 1.02)
        how = rng.random()
        if how < 0.15:  # somebody invokes it by hand
            return self.period * rng.uniform(0.1, 1)
        if how < 0.5:
            return self.period * late
        if how < 0.75:
            return self._until_due() + self.period * rng.random()
        if how < 0.88:
            return self.period * rng.choice((2, 7, 31)) * late
        return UNITS[self.world.tempo] * rng.uniform(0.05, 1)

    def _until_due(self) -> timedelta:
        """Tell how long it is until a disk is due, a period at least."""
        now, world = self.world.now(), self.world
        waits = [self.period]
        for disk, timed in oracle.rules_of(world.items).timed.items():
            started = [s.started for s in world.of_disk(disk) if not s.fails and s.started <= now]
            if started:
                for text, hours in timed:
                    due = max(max(started) + oracle.interval([text], now), now)
                    waits.append(windows.opens(hours, due) - now)
        return max(min(waits[1:], default=self.period), self.period)

    def guarded(self, log: PassLog, errors: list[BaseException]) -> None:
        try:
            self.deliver(log)
        except Killed:
            self.outcomes["killed"] += 1
        except PassError:
            self.outcomes["failed"] += 1
        except BaseException as error:
            if not log.dead:
                errors.append(error)
        try:
            self.wellness.ended(log)
        except Violation as error:
            errors.append(error)

    def publish(self) -> None:
        """Let the CronJob write the mirror where it is the only source, if the API is there."""
        broken = self.world.lasts("API down")
        self.world.faults["mirror stale"] += self.mirror_only and broken
        if self.mirror_only and not broken:
            mirror = Mirror(SimBucket(self.world, self.log()), MIRROR, "file", KEYS)
            data = mirror.encode(decode(*self.world.items))
            self.world.objects[MIRROR] = data, self.world.number(), self.world.now()

    def log(self) -> PassLog:
        rng, world = self.rng, self.world
        skew = timedelta(minutes=rng.uniform(-2, 2)) if world.skewed else timedelta(0)
        kill = rng.randint(1, 30) if not world.calm and rng.random() < 0.15 else 0
        self.passes += 1
        return PassLog(self.passes, skew, kill, world.cluster_name, world.now())

    def deliver(self, log: PassLog) -> Outcome:
        world = self.world
        bucket = SimBucket(world, log)
        mirror = Mirror(bucket, MIRROR, "s3://bucket/rules.json", KEYS)
        ports = Ports(
            mirror if self.mirror_only else SimCluster(world, log),
            SimCloud(world, log),
            Labels(AWS, cluster=world.cluster_name),
            SkewedClock(world.clock, log.skew),
            scopes=REGIONS,
            workers=1,
            storage=Storage(bucket, "demo/rules", mirror),
        )
        begin, alone = world.clock.monotonic(), world.calm
        log.request = self.request()
        self.asked.pop(current_thread().name, None)  # of one that was killed
        self.logs[log.number] = log
        self.wellness.begun(log)
        settings = msgspec.structs.replace(self.settings, heartbeat_url=str(log.number))
        outcome = passes.run(log.request, settings, ports, DEADLINE)
        report = log.report = outcome.report
        self.outcomes[report.outcome] += 1
        self.say(f"{world.now():%F %T} pass {log.number}: {report.outcome} from "
                 f"{report.rules_from[:12]}, {report.summary.created} created, "
                 f"{report.summary.deleted} deleted, {report.summary.held} held")  # fmt: skip
        self.judge.ended(log, outcome, world.clock.monotonic() - begin, alone)
        self.replan()
        self.life.heard(log, report)
        return outcome

    def replan(self) -> None:
        """Make some plans again, changed in ways that must not matter."""
        asked = self.asked.pop(current_thread().name, None)
        if asked is None or self.checks.random() > PLANNED_AGAIN:
            return
        self.world.faults["planned again"] += 1
        if what := metamorphic.check(asked, self.checks):
            raise Violation(f"a plan made again differs by {what}")

    def request(self) -> Request:
        """Ask for a pass; now and then somebody asks for something else by hand."""
        rng, world = self.rng, self.world
        if self.life.accepting and rng.random() < (1 if world.calm else 0.4):
            world.faults["accepted"] += 1
            return Request(accept_rules=True)
        if world.calm or rng.random() > 0.12:
            return Request()
        kind = rng.choice(("backfill", "forced", "plan", "release", "one scope"))
        world.faults[kind] += 1
        disks = world.disks()
        if kind == "release" and disks:
            only = Only(disks=(rng.choice(disks).name,))
            return Request(release_holds=True, only=only)
        if kind == "one scope":
            return Request(only=Only(scopes=(rng.choice(REGIONS),)))
        if kind == "plan":
            return Request(mode="plan")
        return Request(mode="backfill", force=kind == "forced")

    # The end

    def end(self) -> None:
        """P5: when faults stop, everything due is there and everything expired is gone."""
        world = self.world
        world.calm, world.skewed = True, False
        world.until.clear()
        self.life.stop()
        over = world.now() + LAG + 2 * self.period
        log, outcome = self.calm_pass(self.period)
        while world.now() < over:
            log, outcome = self.calm_pass(self.period)
        self.judge.all_taken(log.rules())
        self.judge.all_gone(log, held(outcome))
        if world.tempo == "hours":
            self.rhythm()
        # What is pending comes to its end, and what has failed goes.
        self.calm_pass(40 * HOUR)
        for _ in range(4):
            log, outcome = self.calm_pass(self.period)
        self.judge.all_gone(log, held(outcome))
        self.settle()

    def calm_pass(self, wait: timedelta) -> tuple[PassLog, Outcome]:
        """Run a pass after some time, without faults."""
        self.world.clock.advance(wait)
        self.publish()
        log = self.log()
        outcome = self.deliver(log)
        self.wellness.ended(log)
        return log, outcome

    def rhythm(self) -> None:
        """Without faults a snapshot comes every interval, half a period early at most, never late.

        With the slack dropped it would come a period later each time.
        """
        world, begun = self.world, self.world.now()
        first = world.clock.monotonic()
        for number in range(1, 20):
            # On the dot, as a scheduler fires: only so a slack that is missing shows.
            at = first + number * self.period.total_seconds()
            self.calm_pass(timedelta(seconds=at - world.clock.monotonic()))
        rules = oracle.rules_of(world.items)
        for disk, lists in rules.deltas.items():
            if any(hours for _, hours in rules.timed[disk]):
                continue
            every = oracle.interval(lists, begun)
            # What the daemon made counts as well, such as one that was dated ahead until now.
            found = {s.id: s for s in (*self.judge.made, *world.of_disk(disk))}.values()
            times = sorted(s.started for s in found if s.disk.name == disk
                           and begun < s.started <= world.now())  # fmt: skip
            for before, after in pairwise(times):
                if after - before > every + self.period / 2 + MINUTE:
                    raise Violation(f"P5: {disk} drifts: {after - before} between two")

    def settle(self) -> None:
        """When rules stay the same everything settles: nothing is held for ever."""
        world, start = self.world, self.world.now()
        log, outcome = self.calm_pass(self.period)
        for _ in range(SETTLING):
            log, outcome = self.calm_pass(self._until_due())
        for _ in range(2):
            log, outcome = self.calm_pass(HOUR)
        rules = log.rules()
        if not rules.broken:
            self.judge.all_gone(log, held(outcome))
        longest = self.settings.settle_after + DAY
        for hold in outcome.plan.holds:
            if self._too_far_apart(rules, hold.snapshot.disk.name):
                continue
            lists = rules.deltas.get(hold.snapshot.disk.name, [])
            every = oracle.interval(lists, world.now()) if lists else timedelta(0)
            every += windows.longest(rules.timed.get(hold.snapshot.disk.name, []))
            gap = self.settings.settle_after + every + 2 * DAY
            # Where what the keep label keeps has a former list, what is younger waits anew.
            waited = world.now() - max(start, hold.snapshot.started)
            if hold.cause == "unsettled" and waited > longest + 2 * every + gap:
                raise Violation(f"{hold.snapshot.id} is held for ever: {hold.reason}")
        summary = outcome.report.summary
        due = summary.waiting or summary.overdue or world.gone
        if summary.rules and not summary.rules_lost and not due and not log.beaten:
            raise Violation(f"all is well in the end, and no heartbeat says so: {summary}")
        world.faults["settled"] += not summary.unsettled

    def _too_far_apart(self, rules: oracle.Rules, disk: str) -> bool:
        """Tell whether a window is closed for longer than a list reaches: that never settles."""
        lists = rules.deltas.get(disk, [])
        gap = windows.longest(rules.timed.get(disk, []))
        reaches = [oracle.resolve(text, self.world.now())[-1] for text in lists]
        return bool(gap) and gap + oracle.interval(lists, self.world.now()) >= min(reaches)


def held(outcome: Outcome) -> dict[str, str]:
    """Give the causes of what a pass holds, by the snapshot."""
    return {hold.snapshot.id: hold.cause for hold in outcome.plan.holds}


def simulate(seed: int, say: Callable[[str], None] = lambda _: None) -> Result:
    """Run one seed."""
    logging.disable(logging.CRITICAL)
    try:
        return Simulation(seed, say).run()
    finally:
        logging.disable(logging.NOTSET)
