"""What people and the cluster do meanwhile: rules come, change and go, and so does the rest."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from datetime import timedelta
from typing import Any

from shared.model import Disk, Source
from shared.reports.schema import Report
from tests.shared.objects_builders import (
    by_disk,
    claim,
    namespace,
    snapshot_policy,
    snapshot_rule,
    storage_class,
    volume,
)
from tests.simulation import oracle, windows
from tests.simulation.oracle import AUTHOR, CLUSTER, DAY, DELTAS, HOUR, MINUTE, Json
from tests.simulation.world import MIRROR, REGIONS, Lie, PassLog, World

#: What a pass is about that could not accept what it was asked to.
NOT_ACCEPTED = Source("Rules", "", "accept")
FOREIGN = b'{"items": [{"kind": "Pod"}]}'
#: How many objects have deltas at most, so that passes stay cheap.
MOST_RULES = 7
SPACES, CLASSES, POLICIES = ("shop", "lab"), ("gp3", "io2"), ("gold", "silver")
DEFAULTS = (
    *(("Namespace", name) for name in (*SPACES, "thief")),
    *(("StorageClass", name) for name in CLASSES),
    *(("SnapshotPolicy", name) for name in POLICIES),
)
#: What policies of the simulation select.
SELECTORS: tuple[Json, ...] = (
    {}, {"everything": True}, {"storageClassNames": ["io2"]}, {"volumes": "all"},
    {"namespaceSelector": {"matchLabels": {oracle.NAMES: "lab"}}},
)  # fmt: skip
#: What takes as long as its world's rules are apart.
UNITS = {"hours": 6 * HOUR, "days": 3 * DAY, "weeks": 20 * DAY}


class Life:
    """The events of one world.

    `accepting` tells that an operator accepts what has changed, and `shrunk` is when rules that
    passes read may last have become fewer.
    """

    def __init__(self, world: World) -> None:
        self.world, self.rng = world, world.rng
        self._plans: list[Generator[None, None, None]] = []
        self.accepting = False
        self.shrunk = world.now() - 1000 * DAY
        world.items.append(namespace("default"))  # as in any cluster
        for _ in range(self.rng.randint(1, 3)):
            self.add_rule()

    def event(self) -> str:
        """Let something happen; tell what."""
        events = (
            (6, self.nothing), (3, self.add_rule), (3, self.edit), (2, self.mangle),
            (2, self.remove), (1, self.delete_disk), (2, self.stranger), (2, self.keep),
            (2, self.episode), (1, self.hurt_mirror), (1, self.lie), (1, self.flap),
            (1, self.vanish), (1, self.tighten), (1, self.adopt), (1, self.pause),
            (0.3, self.purge), (0.3, self.rename), (4 * self.world.levelled, self.default),
        )  # fmt: skip
        chosen = self.rng.choices([e for _, e in events], [w for w, _ in events])[0]
        chosen()
        return chosen.__name__

    def go_on(self) -> None:
        """Let what was begun by earlier events go on by a step."""
        self._plans = [plan for plan in self._plans if next(plan, self) is not self]

    def stop(self) -> None:
        """Let nothing more change, and mend what an operator would."""
        for plan in self._plans:
            plan.close()
        self._plans = []
        self.mend_mirror()

    def heard(self, log: PassLog, report: Report) -> None:
        """Let an operator read what a pass says, and accept what is gone, in time."""
        if log.request.accept_rules:
            missed = any(p.source == NOT_ACCEPTED for p in report.problems)
            # One that was skipped says nothing of it: who accepts runs it again.
            self.accepting = log.degraded or missed or report.outcome == "skipped"
        elif report.summary.rules_lost and self.rng.random() < 0.1:
            self.accepting = True

    def _count(self, what: str) -> None:
        self.world.faults[what] += 1

    def nothing(self) -> None:
        pass

    # Rules

    def add_rule(self) -> None:
        """Annotate a volume or a claim, or write a SnapshotRule, perhaps for a known disk."""
        rng, world, known = self.rng, self.world, self.world.disks()
        if len(self._ruled()) >= MOST_RULES:
            return
        if world.levelled and world.levels.random() < 0.4:
            self._bare()
            return
        number, kind, text = world.number(), rng.randrange(4), world.deltas()
        disk = Disk("aws", rng.choice(REGIONS), f"vol-{number:017x}")
        world.places[disk.name], zones = disk.scope, (f"{disk.scope}a",)
        if kind == 0:
            world.items.append(volume(f"pv-{number}", disk.name, claimed_by=None, deltas=text,
                                      zones=zones))  # fmt: skip
        elif kind == 1:
            owner = ("shop", f"claim-{number}")
            world.items += [
                volume(f"pv-{number}", disk.name, claimed_by=owner, zones=zones),
                claim(owner[1], volume=f"pv-{number}", deltas=text),
                # A stranger names the same volume, which must have no effect at all.
                claim(owner[1], "thief", volume=f"pv-{number}",
                      deltas=rng.choice((world.deltas(), "PT1H P1X"))),
            ]  # fmt: skip
        else:
            if kind == 3 and known:  # a second rule for a disk, or one for an orphan
                disk = rng.choice(known)
            spec = by_disk(disk.name, disk.scope)
            world.items.append(snapshot_rule(f"rule-{number}", deltas=text, **spec))
        self._window(next(i for i in reversed(world.items) if i in self._ruled()))
        if disk not in known and rng.random() < 0.6:
            self._past(disk, text)

    def _bare(self) -> None:
        """Add a volume that says nothing itself, or names a policy."""
        rng, world = self.world.levels, self.world
        number = world.number()
        disk = Disk("aws", rng.choice(REGIONS), f"vol-{number:017x}")
        world.places[disk.name] = disk.scope
        owner = (rng.choice(SPACES), f"claim-{number}") if rng.random() < 0.8 else None
        item = volume(f"pv-{number}", disk.name, claimed_by=owner, zones=(f"{disk.scope}a",),
                      storage_class=rng.choice(("", *CLASSES)))  # fmt: skip
        world.items.append(item)
        if owner:
            named = rng.choice(POLICIES) if rng.random() < 0.2 else None
            item = claim(owner[1], owner[0], volume=f"pv-{number}", policy=named)
            world.items.append(item)
        found = oracle.rules_of(world.items).deltas.get(disk.name)
        if rng.random() < 0.6:
            self._past(disk, found[0] if found else world.deltas())

    def default(self) -> None:
        """Write a default where there is none, or take it away."""
        rng, world = self.world.levels, self.world
        self.shrunk = world.now()  # `none` may stand where a later level says something
        kind, name = rng.choice(DEFAULTS)
        found = [i for i in world.items if _names(i) == (kind, None, name)]
        world.items = [i for i in world.items if i not in found]
        if found and rng.random() < 0.5:
            return
        text = oracle.NONE if rng.random() < 0.15 else world.deltas()
        named = rng.choice(POLICIES) if rng.random() < 0.2 else None
        if kind == "Namespace":
            made = namespace(name, None if named else text, named)
        elif kind == "StorageClass":
            made = storage_class(name, None if named else text, named)
        else:
            made = snapshot_policy(name, text, **rng.choice(SELECTORS))
        world.items.append(made)
        self._window(made)

    def _window(self, item: Json) -> None:
        """Give a rule a window, or none, or one that cannot be read."""
        rng = self.world.windows
        if self.world.windowed:
            mangled = rng.random() < 0.03
            windows.write(item, rng.choice((*windows.SOME, None)), mangled)
            self.world.faults["window mangled"] += mangled

    def _past(self, disk: Disk, text: str) -> None:
        """Give a disk the snapshots that a rule would have left if it had been there for long."""
        rng, world = self.rng, self.world
        every, *_, reach = oracle.resolve(text, world.now())
        count = max(int(reach * rng.uniform(0.1, 1.2) / every), 1)
        labels = {**AUTHOR, CLUSTER: world.cluster_name, DELTAS: text}
        last = world.now() - rng.random() * every
        times = {f"{n:03}": last - n * every * rng.uniform(0.99, 1.01) for n in range(count)}
        for name in sorted(oracle.kept_by(times, text), reverse=True):
            world.add(disk, labels, times[name])

    def _ruled(self) -> list[Json]:
        """List the objects that have deltas."""
        return [
            i
            for i in self.world.items
            if i["metadata"].get("namespace") != "thief"
            and (
                i["kind"] in windows.WITH_FIELDS
                or oracle.KEY in (i["metadata"].get("annotations") or {})
            )
        ]

    def _rule(self) -> Json | None:
        found = self._ruled()
        return self.rng.choice(found) if found else None

    def _write(self, item: Json | None, text: Any) -> None:
        """Change the deltas of an object, if it is still there."""
        self.shrunk = self.world.now()
        if item and item["kind"] in windows.WITH_FIELDS:
            item["spec"]["deltas"] = text
        elif item and isinstance(text, str):
            item["metadata"]["annotations"][oracle.KEY] = text

    def edit(self) -> None:
        item = self._rule()
        self._write(item, self.world.deltas())
        if item and self.world.windows.random() < 0.5:
            self._window(item)

    def mangle(self) -> None:
        self._write(self._rule(), self.rng.choice(oracle.MANGLED))

    def remove(self) -> None:
        item = self._rule()
        if item and len(self.world.items) > 2:
            self._take(item)

    def _take(self, item: Json) -> None:
        self.shrunk = self.world.now()
        self.world.items.remove(item)

    def flap(self) -> None:
        """Let a rule change to and fro for some time."""
        if item := self._rule():
            self._plans.append(self._flapping(item, [self.world.deltas(), self.world.deltas()]))

    def _flapping(self, item: Json, texts: list[Any]) -> Generator[None, None, None]:
        for number in range(self.rng.randint(2, 16)):
            self._write(item, texts[number % 2])
            self._count("rule flaps")
            yield

    def vanish(self) -> None:
        """Let a rule be absent for some passes: most often beside another on its disk."""
        disks = [
            i["spec"]["disk"]["volumeId"] for i in self._ruled() if i["kind"] == "SnapshotRule"
        ]
        beside = [i for i in self._ruled() if i["kind"] == "SnapshotRule"
                  and disks.count(i["spec"]["disk"]["volumeId"]) > 1]  # fmt: skip
        item = self.rng.choice(beside) if beside else self._rule()
        if item:
            self._plans.append(self._vanished(item))

    def _vanished(self, item: Json) -> Generator[None, None, None]:
        if item not in self.world.items:
            return
        self._take(item)
        self._count("rule vanishes")
        try:
            for _ in range(self.rng.randint(1, 6)):
                yield
        finally:
            if not any(_names(i) == _names(item) for i in self.world.items):
                self.world.items.append(item)

    def tighten(self) -> None:
        """Shorten a rule in steps, each of which lets little go."""
        if item := self._rule():
            self._plans.append(self._tightened(item))

    def _tightened(self, item: Json) -> Generator[None, None, None]:
        unit = {"hours": "PT{}H", "days": "P{}D", "weeks": "P{}D"}[self.world.tempo]
        every = {"hours": 1, "days": 1, "weeks": 7}[self.world.tempo]
        span = every * self.rng.randint(12, 50)
        for _ in range(self.rng.randint(4, 20)):
            span = max(2 * every, int(span * 0.85))
            self._write(item, f"{unit} {unit}".format(every, span))
            self._count("rule tightened")
            yield

    def purge(self) -> None:
        """Take most rules away, or all: a namespace was deleted, or an annotation renamed."""
        found = self._ruled()
        some = self.rng.random() < 0.5
        for item in found[self.rng.randint(0, 1) if some else 0 :]:
            self._take(item)
        self._count("rules purged")

    def rename(self) -> None:
        """Give the cluster another id: by mistake, or for good, and then its snapshots too."""
        self._plans.append(self._renamed(self.rng.random() < 0.5))

    def _renamed(self, meant: bool) -> Generator[None, None, None]:
        world, before = self.world, self.world.cluster_name
        if self.accepting or world.cluster_name != "demo" or "demo/rules/known.json" not in (
            world.objects
        ):  # fmt: skip
            return
        world.cluster_name = f"demo-{world.number()}"
        self._count("cluster renamed")
        try:
            for _ in range(self.rng.randint(1, 5)):
                yield
        finally:
            if meant:
                self.accepting = True
                for found in world.theirs(before):
                    found.labels |= {CLUSTER: world.cluster_name, "k8s-snapshots-from": before}
            else:
                world.cluster_name = before

    # Snapshots

    def delete_disk(self) -> None:
        if known := self.world.disks():
            name = self.rng.choice(known).name
            gone = self.world.gone
            (gone.discard if name in gone else gone.add)(name)
            self.world.back[name] = self.world.now()
            self._count("disk gone")

    def stranger(self) -> None:
        """Add a snapshot that somebody else made of one of our disks."""
        known, now = self.world.disks(), self.world.now()
        if not known:
            return
        labels = self.rng.choice(
            ({}, AUTHOR, {**AUTHOR, CLUSTER: "another"}, {"created-by": "someone"})
        )
        age = self.rng.choice((-5 * HOUR, 5 * HOUR, 50 * DAY))
        self.world.add(self.rng.choice(known), labels, now - age)

    def adopt(self) -> None:
        """Adopt snapshots that name no deltas, or let the daemon have left some."""
        known = self.world.disks()
        if not known:
            return
        world, rng, disk = self.world, self.rng, self.rng.choice(known)
        label: dict[str, str] = rng.choice(
            ({}, {CLUSTER: world.cluster_name},
             {CLUSTER: world.cluster_name, DELTAS: f"{world.deltas()} / +3 0a1b2c3d"})
        )  # fmt: skip
        step = UNITS[world.tempo] * rng.uniform(0.05, 0.6)
        start = world.now() - step * rng.random()
        for number in range(rng.randint(3, 20)):
            world.add(disk, {**AUTHOR, **label}, start - number * step)
        self._count("snapshots without lists")

    def keep(self) -> None:
        if found := [s for s in self.world.snapshots.values() if CLUSTER in s.labels]:
            until = (self.world.now() + timedelta(days=2)).date().isoformat()
            value = self.rng.choice(("true", until, "2020-01-01"))
            self.rng.choice(found).labels[oracle.KEEP] = value

    def pause(self) -> None:
        """Let no pass run for longer than a list of the world reaches back."""
        text = self.rng.choice(oracle.TEMPOS[self.world.tempo])
        reach = oracle.resolve(text, self.world.now())[-1]
        self.world.clock.advance(reach * self.rng.uniform(0.8, 1.6))
        self._count("paused")

    # Faults that last

    def episode(self) -> None:
        kind = self.rng.choice(("API down", "bucket down", "permission lost"))
        longest = {"API down": 21 * 24, "bucket down": 6, "permission lost": 24}[kind]
        self.world.until[kind] = self.world.now() + self.rng.uniform(0, longest) * HOUR
        self._count(kind)

    def lie(self) -> None:
        """Let the API lose its SnapshotRules, or everything, for some minutes."""
        if not _is_json(self.world.objects.get(MIRROR, (b"",))[0]):
            return
        self.world.until["API lies"] = self.world.now() + 14 * MINUTE

        def without_crd(items: list[Json]) -> Lie:
            return Lie([i for i in items if i["kind"] != "SnapshotRule"], ("SnapshotRule",))

        def nothing(items: list[Json]) -> Lie:
            return Lie([])

        lies: tuple[Callable[[list[Json]], Lie], ...] = (without_crd, nothing)
        self.world.lies = self.rng.choice(lies)
        if self.world.levelled and self.world.levels.random() < 0.6:
            kind = self.world.levels.choice([kind for kind, _ in DEFAULTS])

            def refused(items: list[Json]) -> Lie:
                return Lie([i for i in items if i["kind"] != kind], refused=(kind,))

            self.world.lies = refused
        self.shrunk = self.world.now()
        self._count("API lies")

    def hurt_mirror(self) -> None:
        """Tear the mirror, put another file in its place, or take it away."""
        found = self.world.objects.get(MIRROR)
        if found is None:
            return
        data, _, written = found
        how = self.rng.choice(("torn", "foreign", "gone"))
        self._count(f"mirror {how}")
        self.shrunk = self.world.now()
        if how == "gone":
            self._take_mirror()
            return
        spoilt = data[: len(data) // 2] if how == "torn" else FOREIGN
        self.world.objects[MIRROR] = spoilt, self.world.number(), written

    def mend_mirror(self) -> None:
        """Take a spoilt mirror away, as an operator does whom the alarm has told."""
        data = self.world.objects.get(MIRROR, (b"{}",))[0]
        if data == FOREIGN or not _is_json(data):
            self._take_mirror()

    def _take_mirror(self) -> None:
        """Take the mirror away; not while the API lies, since then nothing could tell."""
        del self.world.objects[MIRROR]
        self.world.until.pop("API lies", None)


def _names(item: Json) -> tuple[Any, ...]:
    return item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True
