"""The cloud, the cluster's API and the bucket of a simulated world, each as one pass meets it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any, NoReturn

import msgspec

from functions.aws.volumes import EBSVolumes
from shared.errors import (
    BucketError,
    ClusterError,
    Conflict,
    DiskFailed,
    DiskGone,
    NextPass,
    NotAllowed,
    ProviderError,
    Refused,
    StopCreating,
    Unanswered,
    UnknownDisk,
)
from shared.model import Disk, OperationState, Snapshot
from shared.objects import Objects
from shared.planning.actions import Create
from shared.planning.labels import AWS
from shared.ports import Check, Listing, Stored, Volumes
from tests.shared.objects_builders import decode
from tests.simulation.oracle import AUTHOR, DELTAS, Json
from tests.simulation.world import MIRROR, Lie, PassLog, Real, Violation, World

#: A snapshot may be missing from listings for so long.
LAG = timedelta(minutes=50)
#: Most snapshots are completed within so long; slow ones take hours.
QUICK, SLOW = timedelta(minutes=20), timedelta(hours=30)


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
        said = Lie([json.loads(json.dumps(item)) for item in world.items])
        self._log.truth = said.items
        if world.lies and world.lasts("API lies"):
            said = world.lies(said.items)
        self._log.items, self._log.refused, self._log.live = said.items, said.refused, True
        objects = decode(*said.items)
        objects.absent = [*said.absent]
        objects.refused = dict.fromkeys(said.refused, "the API answered 403")
        return objects

    def check(self) -> Iterable[Check]:
        return ()


class SimCloud:
    """The cloud; implements `ports.Provider` for one pass.

    In a world like Google's a creation is accepted with an operation, and one that fails late is
    told by that alone; in one like AWS's it is listed as failed.
    """

    name = "aws"
    encoding = AWS
    volumes: Volumes = EBSVolumes()
    longest_call = 20.0

    def __init__(self, world: World, log: PassLog) -> None:
        self._world, self._log = world, log

    def locate(
        self, disks: Collection[Disk], doubted: Collection[Disk] = ()
    ) -> Mapping[Disk, Disk | UnknownDisk]:
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
                labels=dict(s.labels), deltas=s.labels.get(DELTAS, ""),
            )
            for s in world.snapshots.values()
            if s.disk.scope == scope and s.listed(now) and AUTHOR.items() <= s.labels.items()
        ]  # fmt: skip
        world.rng.shuffle(shown)
        if shown and world.strike("listing twice"):
            twice = world.rng.choice(shown)
            shown.append(msgspec.structs.replace(twice, state="pending"))
        if world.strike("listing cut short"):
            keep = world.rng.randrange(len(shown) + 1)
            return Listing(scope, tuple(shown[:keep]), False, "cut short")
        return Listing(scope, tuple(shown))

    def create(self, create: Create) -> Snapshot:
        self._begin("create")
        world, disk = self._world, create.disk
        self._fail((("throttled", NextPass), ("creation fails", DiskFailed),
                    ("scope full", StopCreating), ("lost before", Unanswered)))  # fmt: skip
        if disk.name in world.gone:
            raise DiskGone("there is no such volume", "InvalidVolume.NotFound")
        made = self._made(create)
        self._log.created.append(made)
        world.judge(self._log, made, True)
        if world.strike("lost after"):
            raise Unanswered("no answer")
        if world.strike("defect"):
            raise RuntimeError("a defect on the way of one disk")
        made.answered = True
        return Snapshot(id=made.id, disk=disk, started=made.started, state="pending",
                        operation=made.operation)  # fmt: skip

    def _made(self, create: Create) -> Real:
        world, rng = self._world, self._world.rng
        now = world.now()
        takes = SLOW if world.strike("slow snapshot") else QUICK
        lag = LAG * rng.random() if world.strike("listing lags", 2) else timedelta(0)
        made = world.add(create.disk, create.labels, now)
        made.maker = self._log
        made.completes, made.visible = now + takes * rng.random(), now + lag
        if world.google:
            made.operation = f"operation-{made.id}"
            made.fails = world.strike("operation fails late", 2)
            if made.fails and rng.random() < 0.4:
                made.visible = made.completes  # as where a quota is full
        else:
            made.fails = world.strike("snapshot fails", 2)
        made.phantom = not made.fails and world.strike("never shows")
        return made

    def operation(self, scope: str, name: str) -> OperationState:
        world = self._world
        world.call(self._log)
        if world.strike("operation not told"):
            raise Unanswered("no answer")
        found = world.snapshots.get(name.removeprefix("operation-"))
        state = found.state(world.now()) if found and not found.phantom else "completed"
        if state == "failed":
            return OperationState("failed", "QUOTA_EXCEEDED", "the quota is full")
        return OperationState("running" if state == "pending" else "done")

    def delete(self, snapshot: Snapshot) -> None:
        self._begin("delete")
        world = self._world
        self._fail((("throttled", NextPass), ("in use", Refused), ("lost before", Unanswered)))
        self._log.deleted.append(snapshot.id)
        found = world.snapshots.get(snapshot.id)
        if found is None:
            return
        world.judge(self._log, found, False)
        del world.snapshots[snapshot.id]
        if world.strike("lost after"):
            raise Unanswered("no answer")

    def credentials(self) -> Check:
        return Check("credentials", True)

    def check(self, scope: str, create: Any, snapshot: Any) -> Iterable[Check]:
        return ()

    def _begin(self, action: str) -> None:
        self._world.call(self._log)
        if self._log.request.mode == "plan":
            raise Violation(f"P6: pass {self._log.number}, a plan, would {action}")

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
            self._log.items, self._log.refused = _items(data), ()
        return Stored(data, str(version), max(world.now() - written, timedelta(0)))

    def put(self, name: str, data: bytes, expected: str | None) -> str:
        world = self._world
        world.call(self._log)
        if self._log.request.mode == "plan":
            raise Violation(f"P6: pass {self._log.number}, a plan, writes {name}")
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


def _items(data: bytes) -> list[Json]:
    try:
        found = json.loads(data)["items"]
    except (ValueError, KeyError, TypeError):
        return []
    return [item for item in found if "metadata" in item]
