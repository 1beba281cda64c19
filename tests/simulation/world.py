"""A cloud, a cluster and a bucket in virtual time, which go wrong by a seed."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NoReturn

from functions.aws.volumes import EBSVolumes
from shared.errors import (
    BucketError,
    ClusterError,
    Conflict,
    DiskFailed,
    NextPass,
    NotAllowed,
    ProviderError,
    Refused,
    StopCreating,
    Unanswered,
    UnknownDisk,
)
from shared.model import Disk, OperationState, Snapshot, State
from shared.objects import Objects
from shared.planning.actions import Create
from shared.planning.labels import AWS
from shared.ports import Check, Listing, Stored, Volumes
from shared.request import Request
from tests.clock import VirtualClock
from tests.shared.objects_builders import decode
from tests.simulation.oracle import AUTHOR, Json

REGIONS = ("eu-west-1", "us-east-1")
MIRROR = "demo/rules.json"
#: A snapshot may be missing from listings for so long.
LAG = timedelta(minutes=50)


class Killed(BaseException):
    """The platform ended the pass: nothing of it runs any more."""


@dataclass
class Real:
    """A snapshot as it is, whatever listings show; `maker` is the pass that began it."""

    id: str
    disk: Disk
    started: datetime
    completes: datetime
    fails: bool
    labels: dict[str, str]
    visible: datetime
    maker: PassLog | None = None

    def state(self, now: datetime) -> State:
        return "pending" if now < self.completes else "failed" if self.fails else "completed"


@dataclass
class PassLog:
    """What one pass saw and did: what properties are judged by."""

    number: int
    skew: timedelta
    kill_at: int
    calls: int = 0
    dead: bool = False
    request: Request = field(default_factory=Request)
    degraded: bool = False
    live: bool = False
    items: list[Json] = field(default_factory=list)
    truth: list[Json] = field(default_factory=list)
    seen: dict[str, Listing] = field(default_factory=dict)
    created: list[Real] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)


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
    """Everything there is, and what goes wrong with it; `faults` counts that by kind."""

    cluster_name = "demo"

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.clock = VirtualClock()
        self.baton = Baton(self.rng)
        self.snapshots: dict[str, Real] = {}
        self.items: list[Json] = []
        self.gone: set[str] = set()
        self.objects: dict[str, tuple[bytes, int, datetime]] = {}
        self.faults: Counter[str] = Counter()
        self.until: dict[str, datetime] = {}
        self.lies: Callable[[list[Json]], tuple[list[Json], bool]] | None = None
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
        made = Real(name, disk, started, started, False, dict(labels), started)
        self.snapshots[made.id] = made
        return made


class SimCluster:
    """The cluster's API; implements `ports.RulesSource`."""

    live = True

    def __init__(self, world: World, log: PassLog) -> None:
        self._world, self._log = world, log

    def read(self) -> Objects:
        world = self._world
        world.call(self._log)
        if world.lasts("API down") or world.strike("API fails"):
            raise ClusterError("connection refused")
        items, no_crd = [json.loads(json.dumps(item)) for item in world.items], False
        self._log.truth = items
        if world.lies and world.lasts("API lies"):
            items, no_crd = world.lies(items)
        self._log.items, self._log.live = items, True
        objects = decode(*items)
        objects.no_crd = no_crd
        return objects

    def check(self) -> Iterable[Check]:
        return ()


class SimCloud:
    """The cloud; implements `ports.Provider` for one pass."""

    name = "aws"
    encoding = AWS
    volumes: Volumes = EBSVolumes()
    longest_call = 20.0

    def __init__(self, world: World, log: PassLog) -> None:
        self._world, self._log = world, log

    def locate(self, disks: Collection[Disk]) -> Mapping[Disk, Disk | UnknownDisk]:
        return {}

    def list(self, scopes: Collection[str]) -> list[Listing]:
        found = [self._listing(scope) for scope in scopes]
        self._log.seen |= {listing.scope: listing for listing in found}
        return found

    def _listing(self, scope: str) -> Listing:
        world = self._world
        world.call(self._log)
        now = world.now()
        if world.strike("listing fails") or world.lasts("permission lost"):
            return Listing(scope, (), False, "not allowed")
        shown = [
            Snapshot(
                id=s.id, disk=s.disk, started=s.started, state=s.state(now),
                labels=dict(s.labels), deltas=s.labels.get("k8s-snapshots-deltas", ""),
            )
            for s in world.snapshots.values()
            if s.disk.scope == scope and s.visible <= now and AUTHOR.items() <= s.labels.items()
        ]  # fmt: skip
        world.rng.shuffle(shown)
        if shown and world.strike("listing twice"):
            twice = world.rng.choice(shown)
            shown.append(_as_pending(twice))
        if world.strike("listing cut short"):
            keep = world.rng.randrange(len(shown) + 1)
            return Listing(scope, tuple(shown[:keep]), False, "cut short")
        return Listing(scope, tuple(shown))

    def create(self, create: Create) -> Snapshot:
        world, disk = self._world, create.disk
        world.call(self._log)
        self._fail((("throttled", NextPass), ("creation fails", DiskFailed),
                    ("scope full", StopCreating), ("lost before", Unanswered)))  # fmt: skip
        if disk.name in world.gone:
            raise DiskFailed("there is no such volume", "InvalidVolume.NotFound")
        now, rng = world.now(), world.rng
        slow = timedelta(hours=30) if world.strike("slow snapshot") else timedelta(minutes=20)
        lag = LAG * rng.random() if world.strike("listing lags", 2) else timedelta(0)
        made = world.add(disk, create.labels, now)
        made.completes, made.visible = now + slow * rng.random(), now + lag
        made.fails, made.maker = world.strike("snapshot fails"), self._log
        self._log.created.append(made)
        world.judge(self._log, made, True)
        if world.strike("lost after"):
            raise Unanswered("no answer")
        if world.strike("defect"):
            raise RuntimeError("a defect on the way of one disk")
        return Snapshot(id=made.id, disk=disk, started=now, state="pending")

    def operation(self, scope: str, name: str) -> OperationState:
        return OperationState("done")

    def delete(self, snapshot: Snapshot) -> None:
        world = self._world
        world.call(self._log)
        self._fail((("throttled", NextPass), ("in use", Refused), ("lost before", Unanswered)))
        found = world.snapshots.get(snapshot.id)
        if found is None:
            return
        world.judge(self._log, found, False)
        del world.snapshots[snapshot.id]
        self._log.deleted.append(snapshot.id)
        if world.strike("lost after"):
            raise Unanswered("no answer")

    def credentials(self) -> Check:
        return Check("credentials", True)

    def check(self, scope: str, create: Any, snapshot: Any) -> Iterable[Check]:
        return ()

    def _fail(self, kinds: Iterable[tuple[str, type[ProviderError]]]) -> None:
        if self._world.lasts("permission lost"):
            raise NotAllowed("not allowed")
        for kind, error in kinds:
            if self._world.strike(kind):
                raise error(kind)


class SimBucket:
    """The bucket, for one pass; implements `ports.Bucket`."""

    def __init__(self, world: World, log: PassLog) -> None:
        self._world, self._log = world, log

    def get(self, name: str) -> Stored | None:
        world = self._world
        world.call(self._log)
        if world.lasts("bucket down") or world.strike("bucket fails", 0.5):
            self._down("the bucket is down")
        found = world.objects.get(name)
        if found is None:
            return None
        data, version, written = found
        if name == MIRROR and not self._log.live:
            self._log.items = _items(data)
        return Stored(data, str(version), max(world.now() - written, timedelta(0)))

    def put(self, name: str, data: bytes, expected: str | None) -> str:
        world = self._world
        world.call(self._log)
        if world.lasts("bucket down") or world.strike("bucket fails", 0.5):
            self._down("the bucket is down")
        there = world.objects.get(name)
        if expected is not None and (str(there[1]) if there else "") != expected:
            raise Conflict("was written by another")
        version = world.number()
        world.objects[name] = data, version, world.now()
        if world.strike("write lost after"):
            raise BucketError("no answer")
        if world.strike("write repeated"):
            raise Conflict("was written by another")
        return str(version)

    def _down(self, text: str) -> NoReturn:
        self._log.degraded = True
        raise BucketError(text)


def _as_pending(found: Snapshot) -> Snapshot:
    import msgspec

    return msgspec.structs.replace(found, state="pending")


def _items(data: bytes) -> list[Json]:
    try:
        found = json.loads(data)["items"]
    except (ValueError, KeyError, TypeError):
        return []
    return [item for item in found if "metadata" in item]
