"""One seed: a cluster's life of some weeks or years, judged after every step."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from shared.bucket.storage import Storage
from shared.errors import PassError
from shared.model import Disk
from shared.passes.run import Outcome, run
from shared.passes.world import Ports
from shared.planning.labels import AWS, Labels
from shared.request import Request
from shared.settings import Settings
from shared.sources.mirror import Mirror
from tests.clock import VirtualClock
from tests.shared.objects_builders import by_disk, claim, snapshot_rule, volume
from tests.simulation import oracle
from tests.simulation.oracle import AUTHOR, CLUSTER
from tests.simulation.world import (
    MIRROR,
    REGIONS,
    Killed,
    PassLog,
    Real,
    SimBucket,
    SimCloud,
    SimCluster,
    World,
)

MINUTE = timedelta(minutes=1)
FOREIGN = b'{"items": [{"kind": "Pod"}]}'
STEPS = 60
#: Passes after the last fault in which everything must come right again.
CALM = 30
#: Seconds that a pass has: twice what the longest call and the end are given.
DEADLINE = 240.0


class Violation(BaseException):
    """A property of the design does not hold; no handler of the core may swallow it."""


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
    """One seed's world, its events and its judge."""

    def __init__(self, seed: int, say: Callable[[str], None] = lambda _: None) -> None:
        self.seed, self.say = seed, say
        self.world = World(seed)
        self.rng = self.world.rng
        self.world.judge = self.judge
        self.period = self.rng.choice((5, 10, 20)) * MINUTE
        policies: tuple[Literal["keep"], Literal["expire"]] = ("keep", "expire")
        orphans = self.rng.choice(policies)
        self.mirror_only = self.rng.random() < 0.15
        self.settings = Settings(
            schedule_period=self.period,
            orphans=orphans,
            orphan_grace=timedelta(days=3),
            mirror_url="file:///rules.json",
            rules_from="mirror" if self.mirror_only else "cluster",
        )
        self.begun = self.world.now()
        self.passes = 0
        self.outcomes: Counter[str] = Counter()
        self.exempt: set[str] = set()
        self.made: list[Real] = []
        self.deleted = 0
        for _ in range(self.rng.randint(1, 3)):
            self.add_rule()

    def run(self) -> Result:
        violation = ""
        try:
            for _ in range(STEPS):
                self.event()
                self.step()
            self.end()
        except Violation as error:
            violation = str(error)
        span = self.world.now() - self.begun
        return Result(
            self.seed,
            self.passes,
            span,
            self.world.faults,
            self.outcomes,
            len(self.made),
            self.deleted,
            violation,
        )

    # Events

    def event(self) -> None:
        events = (
            (6, self.nothing), (3, self.add_rule), (3, self.edit), (2, self.mangle),
            (2, self.remove), (1, self.delete_disk), (3, self.stranger), (2, self.keep),
            (2, self.episode), (1, self.hurt_mirror), (1, self.lie),
        )  # fmt: skip
        chosen = self.rng.choices([e for _, e in events], [w for w, _ in events])[0]
        self.say(f"{self.world.now():%F %T} {chosen.__name__}")
        chosen()

    def nothing(self) -> None:
        pass

    def deltas(self) -> str:
        return self.rng.choice(sorted(oracle.DELTAS))

    def disks(self) -> list[Disk]:
        found = {s.disk for s in self.world.snapshots.values()}
        return sorted(found)

    def add_rule(self) -> None:
        number, kind = self.world.number(), self.rng.randrange(4)
        name, known = f"vol-{number:017x}", self.disks()
        items = self.world.items
        region = self.rng.choice(REGIONS)
        if kind == 0:
            items.append(volume(f"pv-{number}", name, claimed_by=None, deltas=self.deltas(),
                                zones=(f"{region}a",)))  # fmt: skip
        elif kind == 1:
            owner = ("shop", f"claim-{number}")
            items.append(volume(f"pv-{number}", name, claimed_by=owner, zones=(f"{region}a",)))
            items.append(claim(owner[1], volume=f"pv-{number}", deltas=self.deltas()))
            # A stranger names the same volume, which must have no effect at all.
            items.append(claim(owner[1], "thief", volume=f"pv-{number}",
                               deltas=self.rng.choice((self.deltas(), "PT1H P1X"))))  # fmt: skip
        else:
            if kind == 3 and known:  # a second rule for a disk, or one for an orphan
                disk = self.rng.choice(known)
                name, region = disk.name, disk.scope
            spec = by_disk(name, region)
            items.append(snapshot_rule(f"rule-{number}", deltas=self.deltas(), **spec))

    def rule(self) -> Any:
        """Choose an object that has deltas."""
        items = [
            i
            for i in self.world.items
            if i["metadata"].get("namespace") != "thief"
            and (
                i["kind"] == "SnapshotRule"
                or oracle.KEY in (i["metadata"].get("annotations") or {})
            )
        ]
        return self.rng.choice(items) if items else None

    def write(self, text: Any) -> None:
        item = self.rule()
        if item and item["kind"] == "SnapshotRule":
            item["spec"]["deltas"] = text
        elif item and isinstance(text, str):
            item["metadata"]["annotations"][oracle.KEY] = text

    def edit(self) -> None:
        self.write(self.deltas())

    def mangle(self) -> None:
        self.write(self.rng.choice(oracle.MANGLED))

    def remove(self) -> None:
        item = self.rule()
        if item and len(self.world.items) > 2:
            self.world.items.remove(item)

    def delete_disk(self) -> None:
        if known := self.disks():
            name = self.rng.choice(known).name
            (self.world.gone.discard if name in self.world.gone else self.world.gone.add)(name)

    def stranger(self) -> None:
        """Add a snapshot that somebody else made of one of our disks."""
        known, now = self.disks(), self.world.now()
        if not known:
            return
        labels = self.rng.choice(
            ({}, AUTHOR, {**AUTHOR, CLUSTER: "another"}, {"created-by": "someone"})
        )
        age = self.rng.choice((timedelta(hours=-5), timedelta(hours=5), timedelta(days=50)))
        self.world.add(self.rng.choice(known), labels, now - age)

    def keep(self) -> None:
        if found := [s for s in self.world.snapshots.values() if CLUSTER in s.labels]:
            until = (self.world.now() + timedelta(days=2)).date().isoformat()
            value = self.rng.choice(("true", until, "2020-01-01"))
            self.rng.choice(found).labels["k8s-snapshots-keep"] = value

    def episode(self) -> None:
        kind = self.rng.choice(("API down", "bucket down", "permission lost"))
        longest = {"API down": 21 * 24, "bucket down": 6, "permission lost": 24}[kind]
        self.world.until[kind] = self.world.now() + self.rng.uniform(0, longest) * oracle.HOUR
        self.world.faults[kind] += 1

    def lie(self) -> None:
        """Let the API lose its SnapshotRules, or most of everything, for some minutes."""
        if not _is_json(self.world.objects.get(MIRROR, (b"",))[0]):
            return
        self.world.until["API lies"] = self.world.now() + 14 * MINUTE

        def without_crd(items: list[Any]) -> tuple[list[Any], bool]:
            left = [i for i in items if i["kind"] != "SnapshotRule"]
            return left, True

        def nothing(items: list[Any]) -> tuple[list[Any], bool]:
            return [], False

        self.world.lies = self.rng.choice((without_crd, nothing))
        self.world.faults["API lies"] += 1

    def hurt_mirror(self) -> None:
        """Tear the mirror, put another file in its place, or take it away."""
        found = self.world.objects.get(MIRROR)
        if found is None:
            return
        data, _, written = found
        how = self.rng.choice(("torn", "foreign", "gone"))
        self.world.faults[f"mirror {how}"] += 1
        if how == "gone":
            self.take_mirror()
            return
        spoilt = data[: len(data) // 2] if how == "torn" else FOREIGN
        self.world.objects[MIRROR] = spoilt, self.world.number(), written

    def mend_mirror(self) -> None:
        """Take a spoilt mirror away, as an operator does whom the alarm has told."""
        data = self.world.objects.get(MIRROR, (b"{}",))[0]
        if data == FOREIGN or not _is_json(data):
            self.take_mirror()

    def take_mirror(self) -> None:
        """Take the mirror away; not while the API lies, since then nothing could tell."""
        del self.world.objects[MIRROR]
        self.world.until.pop("API lies", None)

    # Passes

    def step(self) -> None:
        """Let time pass to the next delivery, and deliver: once, or twice at once."""
        rng = self.rng
        far = rng.choice((0, 0, 0, 1, 6, 30, 200))
        late = rng.uniform(0.98, 1.02)
        if far == 0 and rng.random() < 0.3:
            late = rng.uniform(0.1, 1)  # somebody invokes it by hand
        self.world.clock.advance(self.period * (1 + far) * late)
        if rng.random() < 0.4:
            self.mend_mirror()
        self.publish()
        logs = [self.log() for _ in range(2 if rng.random() < 0.2 and not self.world.calm else 1)]
        self.world.faults["two at once"] += len(logs) - 1
        errors: list[BaseException] = []
        bodies = [lambda log=log: self.guarded(log, errors) for log in logs]
        if len(bodies) == 1:
            bodies[0]()
        else:
            self.world.baton.run(bodies)
        for error in errors:
            raise error

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

    def publish(self) -> None:
        """Let the CronJob write the mirror where it is the only source, if the API is there."""
        broken = self.world.lasts("API down")
        self.world.faults["mirror stale"] += self.mirror_only and broken
        if self.mirror_only and not broken:
            from tests.shared.objects_builders import decode

            mirror = Mirror(SimBucket(self.world, self.log()), MIRROR, "file", oracle.KEY)
            data = mirror.encode(decode(*self.world.items))
            self.world.objects[MIRROR] = data, self.world.number(), self.world.now()

    def log(self) -> PassLog:
        rng, world = self.rng, self.world
        skew = timedelta(minutes=rng.uniform(-2, 2)) if world.skewed else timedelta(0)
        kill = rng.randint(1, 30) if not world.calm and rng.random() < 0.15 else 0
        self.passes += 1
        return PassLog(self.passes, skew, kill)

    def deliver(self, log: PassLog) -> Outcome:
        world = self.world
        bucket = SimBucket(world, log)
        mirror = Mirror(bucket, MIRROR, "s3://bucket/rules.json", oracle.KEY)
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
        outcome = run(log.request, self.settings, ports, DEADLINE)
        report = outcome.report
        self.outcomes[report.outcome] += 1
        self.say(f"{world.now():%F %T} pass {log.number}: {report.outcome} from "
                 f"{report.rules_from[:12]}, {report.summary.created} created, "
                 f"{report.summary.deleted} deleted, {report.summary.held} held")  # fmt: skip
        took = world.clock.monotonic() - begin
        if alone and took > DEADLINE:
            raise Violation(f"P6: pass {log.number} took {took:.0f} s")
        self.counted(outcome)
        return outcome

    def request(self) -> Request:
        """Ask for a pass; now and then somebody catches up by hand, or takes one of everything."""
        if self.world.calm or self.rng.random() > 0.08:
            return Request()
        self.world.faults["by hand"] += 1
        return Request(mode="backfill", force=self.rng.random() < 0.3)

    def counted(self, outcome: Outcome) -> None:
        """P6: every planned action and every rule is in the report exactly once."""
        report, plan, summary = outcome.report, outcome.plan, outcome.report.summary
        actions = summary.created + summary.deleted + summary.failed + summary.deferred
        planned = len(plan.creates) + len(plan.deletes)
        listed = [(d.disk, d.snapshot) for d in (*report.creations, *report.deletions)]
        if actions != planned or len(set(listed)) != len(listed):
            raise Violation(f"P6: {planned} actions planned, {actions} accounted for")
        known = len(outcome.ruleset.rules)
        skipped = any(scope.skipped for scope in report.scopes)
        if not skipped and summary.rules != known:
            raise Violation(f"P6: {known} rules read, {summary.rules} counted")

    # Judgement

    def judge(self, log: PassLog, found: Real, created: bool) -> None:
        (self.judge_creation if created else self.judge_deletion)(log, found)

    def judge_creation(self, log: PassLog, made: Real) -> None:
        """P4: no two unfailed snapshots of a disk within one interval less the slack."""
        self.made.append(made)
        if log.degraded or log.request.force:
            self.exempt.add(made.id)
        rules = oracle.rules_of(log.items)
        lists = rules.deltas.get(made.disk.name, [])
        if made.disk.name in rules.broken:
            # What cannot be understood goes on by the deltas that the newest one bears.
            lists = made.labels["k8s-snapshots-deltas"].split(" / ")
        every = min(oracle.DELTAS[text][0] for text in lists)
        least = oracle.spacing(every, self.period)
        tolerance = 4 * MINUTE if self.world.skewed else timedelta(seconds=30)
        for other in self.world.snapshots.values():
            if other is made or other.maker is None or other.disk != made.disk:
                continue
            if other.fails or {other.id, made.id} & self.exempt:
                continue
            if made.started - other.started < least - tolerance:
                raise Violation(
                    f"P4: pass {log.number} began {made.id} of {made.disk.name} "
                    f"{made.started - other.started} after {other.id} of pass "
                    f"{other.maker.number}; least {least}"
                )

    def judge_deletion(self, log: PassLog, gone: Real) -> None:
        world, now = self.world, self.world.now()
        self.deleted += 1
        say = f"pass {log.number} deletes {gone.id} of {gone.disk.name}"
        if log.request.mode != "reconcile":
            raise Violation(f"{say}, a {log.request.mode}")
        if not oracle.ours(gone.labels, world.cluster_name):
            raise Violation(f"P1: {say}, which is not ours")
        if oracle.is_kept(gone.labels, now + log.skew):
            raise Violation(f"P1: {say}, which bears the keep label")
        state = gone.state(now)
        if state == "failed":
            young = now - gone.started < oracle.DAY - 4 * MINUTE
            if young and not self.is_due(log, gone.disk):
                raise Violation(f"{say}, which failed less than a day ago and is in no way")
            return
        if state == "pending":
            raise Violation(f"P2: {say}, which is pending")
        mine = [s for s in world.snapshots.values() if s.disk == gone.disk
                and oracle.ours(s.labels, world.cluster_name)
                and s.state(now) == "completed"
                and s.started <= now + oracle.FUTURE]  # fmt: skip
        if gone is max(mine, key=lambda s: (s.started, s.id)):
            raise Violation(f"P2: {say}, the newest completed one")
        if not log.seen[gone.disk.scope].complete:
            raise Violation(f"P3: {say} by an incomplete listing")
        self.judge_rules(log, gone, say)

    def is_due(self, log: PassLog, disk: Disk) -> bool:
        """Tell whether a pass saw a disk that needed its next snapshot."""
        every = oracle.interval(oracle.rules_of(log.items), disk.name)
        seen = [s.started for s in log.seen[disk.scope].snapshots
                if s.disk == disk and s.state != "failed"
                and oracle.ours(s.labels, self.world.cluster_name)]  # fmt: skip
        if every is None or not seen:
            return True
        return self.world.now() - max(seen) >= oracle.spacing(every, self.period) - 4 * MINUTE

    def judge_rules(self, log: PassLog, gone: Real, say: str) -> None:
        """P3: by the rules that the pass read, and by those that were true then."""
        world = self.world
        if not log.live and not self.mirror_only:
            raise Violation(f"P3: {say} by the mirror of a cluster that is not there")
        if not log.live:
            age = world.now() - world.objects[MIRROR][2]
            if age > self.settings.mirror_max_age + timedelta(minutes=10):
                raise Violation(f"P3: {say} by a mirror {age} old")
        for items in (log.items, log.truth) if log.live else (log.items,):
            rules = oracle.rules_of(items)
            if gone.disk.name in rules.broken:
                raise Violation(f"P3: {say}, whose rule cannot be understood")
            lists = rules.deltas.get(gone.disk.name, [])
            times = self.times(log, gone.disk)
            if not lists:
                self.judge_orphan(gone, times, say)
            elif gone.id not in oracle.let_go(times, lists):
                raise Violation(f"P3: {say}, which {lists} keep of {sorted(times)}")

    def judge_orphan(self, gone: Real, times: dict[str, datetime], say: str) -> None:
        if self.settings.orphans != "expire" or gone.labels.get(CLUSTER) != "demo":
            raise Violation(f"P3: {say}, an orphan that is to be kept")
        now = self.world.now()
        if now - max(times.values()) < self.settings.orphan_grace - 4 * MINUTE:
            raise Violation(f"P3: {say}, an orphan within its grace")
        borne = gone.labels["k8s-snapshots-deltas"].split(" / ")
        if gone.id not in oracle.let_go({**times, "next": now}, borne):
            raise Violation(f"P3: {say}, an orphan that its own deltas keep")

    def times(self, log: PassLog, disk: Disk) -> dict[str, datetime]:
        """Tell the completed snapshots of ours that the pass was shown."""
        now = self.world.now() + log.skew
        shown = log.seen[disk.scope].snapshots
        unsure = {s.id for s in shown if s.state != "completed"}
        return {
            s.id: s.started
            for s in shown
            if s.disk == disk and s.id not in unsure and s.started <= now + oracle.FUTURE
            and oracle.ours(s.labels, self.world.cluster_name)
        }  # fmt: skip

    # The end

    def end(self) -> None:
        """P5: when faults stop, everything due is there and everything expired is gone."""
        world = self.world
        world.calm, world.skewed = True, False
        world.until.clear()
        self.mend_mirror()
        world.clock.advance(timedelta(hours=40))  # what is pending comes to its end
        starts: list[datetime] = []
        first = world.clock.monotonic()
        for number in range(1, CALM + 1):
            # On the dot, as a scheduler fires: only so a slack that is missing shows.
            world.clock.sleep(first + number * self.period.total_seconds()
                              - world.clock.monotonic())  # fmt: skip
            self.publish()
            starts.append(world.now())
            outcome = self.deliver(self.log())
        rules = oracle.rules_of(world.items)
        held = {hold.snapshot for hold in outcome.report.holds}
        causes = {hold.cause for hold in outcome.report.holds}
        if not causes <= {"unsettled", "rule-problem"}:
            raise Violation(f"P5: held for {causes} though all is well")
        for disk, lists in rules.deltas.items():
            self.judge_end(disk, lists, rules, held)

    def judge_end(self, disk: str, lists: list[str], rules: oracle.Rules, held: set[str]) -> None:
        world, now = self.world, self.world.now()
        found = [s for s in world.snapshots.values() if s.disk.name == disk]
        alive = [s for s in found if not s.fails and AUTHOR.items() <= s.labels.items()
                 and s.started <= now + oracle.FUTURE]  # fmt: skip
        every = min(oracle.DELTAS[text][0] for text in lists)
        newest = max((s.started for s in alive), default=None)
        if disk not in world.gone and (newest is None or now - newest > every + 2 * self.period):
            raise Violation(f"P5: {disk} is due since {newest}, every {every}")
        self.judge_rhythm(disk, every)
        if disk in rules.broken:
            return
        times = {s.id: s.started for s in alive if s.state(now) == "completed"
                 and oracle.ours(s.labels, world.cluster_name)}  # fmt: skip
        kept = {s.id for s in alive if oracle.is_kept(s.labels, now)}
        left = oracle.let_go(times, lists) - held - kept
        if left and max(times, key=lambda i: times[i]) not in left:
            raise Violation(f"P5: {sorted(left)} of {disk} should be gone")
        old = [s.id for s in found if s.fails and now - s.started > max(oracle.DAY, every)
               + 2 * self.period and oracle.ours(s.labels, world.cluster_name)
               and not oracle.is_kept(s.labels, now)]  # fmt: skip
        if old:
            raise Violation(f"P5: failed {old} of {disk} should be gone")

    def judge_rhythm(self, disk: str, every: timedelta) -> None:
        """Without faults a snapshot comes every interval, half a period early at most, never late.

        With the slack dropped it would come a period later each time.
        """
        calm = self.world.now() - CALM * self.period + 2 * MINUTE
        times = [s.started for s in self.made if s.disk.name == disk and s.started > calm]
        for first, second in pairwise(times):
            if second - first > every + self.period / 2 + MINUTE:
                raise Violation(f"P5: {disk} drifts: {second - first} between two, every {every}")


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


def simulate(seed: int, say: Callable[[str], None] = lambda _: None) -> Result:
    """Run one seed."""
    logging.disable(logging.CRITICAL)
    try:
        return Simulation(seed, say).run()
    finally:
        logging.disable(logging.NOTSET)
