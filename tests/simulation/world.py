"""Everything that a cluster's life consists of, in virtual time, and what goes wrong by a seed."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from shared.model import Disk, State
from shared.ports import Listing
from shared.reports.schema import Report
from shared.request import Request
from tests.clock import VirtualClock
from tests.simulation.oracle import CLUSTER, TEMPOS, Json, Rules, ours, rules_of

REGIONS = ("eu-west-1", "us-east-1")
MIRROR = "demo/rules.json"


class Lie(NamedTuple):
    """What an API server answers in place of the truth: objects, and kinds it lacks or refuses."""

    items: list[Json]
    absent: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


class Killed(BaseException):
    """The platform ended the pass: nothing of it runs any more."""


class Violation(BaseException):
    """A property of the design does not hold; no handler of the core may swallow it."""


@dataclass
class Real:
    """A snapshot as it is, whatever listings show; `maker` is the pass that began it.

    One that `fails` does so when it would be completed: then it is listed as failed, or, where it
    has an `operation`, not listed any more. A `phantom` was accepted, and is never listed.
    `answered` tells whether the pass was told what it had begun.
    """

    id: str
    disk: Disk
    started: datetime
    completes: datetime
    labels: dict[str, str]
    visible: datetime
    fails: bool = False
    phantom: bool = False
    operation: str = ""
    answered: bool = False
    maker: PassLog | None = None

    def state(self, now: datetime) -> State:
        return "pending" if now < self.completes else "failed" if self.fails else "completed"

    def listed(self, now: datetime) -> bool:
        """Tell whether a complete listing shows it."""
        vanished = bool(self.operation) and self.state(now) == "failed"
        return self.visible <= now and not self.phantom and not vanished


@dataclass
class PassLog:
    """What one pass saw and did: what properties are judged by."""

    number: int
    skew: timedelta
    kill_at: int
    cluster: str
    begun: datetime
    calls: int = 0
    dead: bool = False
    beaten: bool = False
    request: Request = field(default_factory=Request)
    degraded: bool = False
    live: bool = False
    items: list[Json] = field(default_factory=list)
    refused: tuple[str, ...] = ()
    truth: list[Json] = field(default_factory=list)
    seen: dict[str, Listing] = field(default_factory=dict)
    created: list[Real] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    report: Report | None = None

    def rules(self) -> Rules:
        """Read the rules that the pass was shown."""
        return rules_of(self.items, self.refused)


class Baton:
    """Lets two passes run in turns, which the seed decides: one at a time, and the same again."""

    def __init__(self, rng: random.Random) -> None:
        self._rng, self._back = rng, threading.Semaphore(0)
        self._go: dict[int, threading.Semaphore] = {}

    def run(self, functions: Collection[Callable[[], None]]) -> None:
        alive: dict[int, threading.Thread] = {}

        def body(number: int, function: Callable[[], None]) -> None:
            self._go[number].acquire()
            try:
                function()
            finally:
                del self._go[number]
                self._back.release()

        for number, function in enumerate(functions):
            self._go[number] = threading.Semaphore(0)
            alive[number] = threading.Thread(target=body, args=(number, function), name=str(number))
            alive[number].start()
        while self._go:
            self._go[self._rng.choice(sorted(self._go))].release()
            self._back.acquire()
        for thread in alive.values():
            thread.join()

    def switch(self) -> None:
        """Let whoever is next go on; nothing where one runs alone."""
        name = threading.current_thread().name
        if name.isdigit() and int(name) in self._go:
            self._back.release()
            self._go[int(name)].acquire()


class World:
    """Everything there is, and what goes wrong with it; `faults` counts that by kind.

    `tempo` is how frequent most rules are, and `google` tells how the cloud behaves. `places` are
    the scopes of all disks; where `windowed` rules have windows, which `windows` chooses, and where
    `levelled` there are defaults, which `levels` chooses. `gone` are those disks that do not exist,
    and `back` when others were found.
    """

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.clock = VirtualClock()
        self.baton = Baton(self.rng)
        self.windows = random.Random(f"windows of {seed}")
        self.windowed = self.windows.random() < 0.4
        self.levels = random.Random(f"levels of {seed}")
        self.levelled = self.levels.random() < 0.4
        self.tempo = self.rng.choice(("hours", "hours", "days", "weeks"))
        self.google = self.rng.random() < 0.5
        self.cluster_name = "demo"
        self.snapshots: dict[str, Real] = {}
        self.items: list[Json] = []
        self.places: dict[str, str] = {}
        self.gone: set[str] = set()
        self.back: dict[str, datetime] = {}
        self.objects: dict[str, tuple[bytes, int, datetime]] = {}
        self.faults: Counter[str] = Counter()
        self.until: dict[str, datetime] = {}
        self.lies: Callable[[list[Json]], Lie] | None = None
        self.calm = False
        self.rate = self.rng.choice((0.0, 0.02, 0.08))
        self.skewed = self.rng.random() < 0.5
        self.judge: Callable[[PassLog, Real, bool], None] = lambda *_: None
        self._count = 0

    def now(self) -> datetime:
        return self.clock.now()

    def number(self) -> int:
        self._count += 1
        return self._count

    def lasts(self, kind: str) -> bool:
        """Tell whether an episode of a fault goes on."""
        return not self.calm and self.now() < self.until.get(kind, self.now())

    def strike(self, kind: str, times: float = 1.0) -> bool:
        """Decide whether a call suffers a fault, and count it."""
        hit = not self.calm and self.rng.random() < self.rate * times
        self.faults[kind] += hit
        return hit

    def call(self, log: PassLog) -> None:
        """Begin a call: another pass may go on, this one may be killed, and time passes."""
        self.baton.switch()
        log.calls += 1
        if log.dead or log.calls == log.kill_at:
            self.faults["killed"] += not log.dead
            log.dead = True
            raise Killed
        self.clock.sleep(self.rng.choice((0.05, 0.2, 1.0)))
        if self.strike("slow call", 0.5):
            self.clock.sleep(self.rng.uniform(1, 18))

    def add(self, disk: Disk, labels: Mapping[str, str], started: datetime) -> Real:
        """Add a snapshot that is completed and listed at once."""
        name = f"snap-{self.number():06}"
        made = Real(name, disk, started, started, dict(labels), started)
        self.snapshots[made.id] = made
        return made

    def deltas(self) -> str:
        """Choose a list of deltas, most often one of this world's tempo."""
        if self.rng.random() < 0.85:
            return self.rng.choice(TEMPOS[self.tempo])
        return self.rng.choice([text for texts in TEMPOS.values() for text in texts])

    def disks(self) -> list[Disk]:
        """List the disks that have snapshots."""
        return sorted({s.disk for s in self.snapshots.values()})

    def of_disk(self, name: str) -> list[Real]:
        """List this cluster's snapshots of a disk, and those of no cluster."""
        found = (s for s in self.snapshots.values() if s.disk.name == name)
        return [s for s in found if ours(s.labels, self.cluster_name)]

    def theirs(self, cluster: str) -> list[Real]:
        """List the snapshots that have another cluster's label."""
        return [s for s in self.snapshots.values() if s.labels.get(CLUSTER) == cluster]
