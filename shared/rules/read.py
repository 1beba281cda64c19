"""Kubernetes objects to rules and problems. Pure; nothing here raises for what an object says.

Every object is untrusted input: a claim or rule reaches only the disks that the cluster itself
says belong to its namespace, and what has no such power causes no hold either.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import chain

import msgspec

from shared.kinds import WINDOW, PersistentVolume, PersistentVolumeClaim, SnapshotRule
from shared.model import Disk, Level, Problem, Rule, RuleSet, Source, Uncovered
from shared.objects import Objects
from shared.ports import Volumes
from shared.rules.bindings import Bindings
from shared.rules.defaults import Defaults
from shared.rules.levels import Decided, Step, decide
from shared.rules.names import SHORT, rule_name, source_of
from shared.rules.options import Options
from shared.rules.said import Listed, Said, Written
from shared.rules.selectors import rule_keys
from shared.rules.targets import Target, targets_of
from shared.rules.windows import allowed_windows, alone, read_window
from shared.rules.wrong import Skip, Warned, Wrong
from shared.windows.window import Window

#: What says something of a volume by itself, or of its own claim.
Own = PersistentVolume | PersistentVolumeClaim | SnapshotRule


def read_rules(objects: Objects, volumes: Volumes, options: Options) -> RuleSet:
    """Read all rules: each volume's own, and what defaults say of the others."""
    return _Reading(objects, volumes, options).read()


class _Reading:
    """One reading of all objects."""

    def __init__(self, objects: Objects, volumes: Volumes, options: Options) -> None:
        self._objects, self._options = objects, options
        self._bindings = Bindings(objects, volumes)
        self._defaults = Defaults(objects, options)
        self._keys = rule_keys(objects)
        self._windows = allowed_windows([*objects.claims, *filter(_has_spec, objects.rules)])
        self._rules: list[Rule] = []
        self._problems: list[Problem] = []
        self._malformed: dict[Source, Problem] = {}
        self._held: dict[Disk, Problem] = {}
        self._uncovered: list[Uncovered] = []
        self._skipped = 0
        #: What a volume's own objects say, by its name.
        self._own: dict[str, list[Step]] = defaultdict(list)

    def read(self) -> RuleSet:
        """Read them all."""
        self._problems += [self._traced(problem) for problem in self._objects.problems]
        self._malformed = {problem.source: problem for problem in self._problems}
        items: Iterable[Own]
        for items in (self._objects.volumes, self._objects.claims, self._objects.rules):
            for item in items:
                self._read_own(item)
        for volume in self._objects.volumes:
            self._search(volume)
        self._problems += self._defaults.problems
        self._problems += self._defaults.notes()
        self._rules.sort(key=lambda r: (r.disk, r.name, r.source, r.deltas))
        self._problems.sort(key=lambda p: (p.source, p.field, p.message))
        covered = {rule.disk for rule in self._rules}
        return RuleSet(
            rules=tuple(self._rules),
            problems=tuple(self._problems),
            skipped=self._skipped,
            read_from=self._objects.read_from,
            held=self._held,
            uncovered=tuple(u for u in self._uncovered if u.disk not in covered),
        )

    # What a volume's own objects say

    def _read_own(self, item: Own) -> None:
        """Read what one object says of the volumes that it has power over."""
        deltas, policy = self._written(item)
        source = source_of(item)
        if deltas is None and policy is None:
            if WINDOW in (item.metadata.annotations or ()):
                self._add(alone(item), source)
            return
        try:
            targets = self._targets(source, item)
        except Skip:
            self._skipped += 1
        except Wrong as wrong:
            self._add(wrong, source)
        else:
            spoken = self._defaults.read(deltas, policy)
            if not isinstance(item, SnapshotRule) or _has_spec(item):
                spoken = spoken.within(*self._window(item))
            for target in targets:
                if isinstance(target, Wrong):
                    self._add(target, source)
                else:
                    self._take(source, target, spoken)

    def _window(self, item: Own) -> tuple[Window | None, Wrong | None]:
        return read_window(item, self._windows.get(item.metadata.namespace))

    def _written(self, item: Own) -> tuple[Written | None, Written | None]:
        """Give what an object has as deltas, and as a policy's name; a rule always asks."""
        if not isinstance(item, SnapshotRule):
            return self._options.written(item.metadata)
        spec = item.spec if _has_spec(item) else {}
        policy = Written("spec.policy", spec["policy"]) if spec.get("policy") is not None else None
        if policy is not None and spec.get("deltas") is None:
            return None, policy
        return Written("spec.deltas", spec.get("deltas")), policy

    def _targets(self, source: Source, item: Own) -> list[Target | Wrong]:
        if isinstance(item, SnapshotRule):
            return targets_of(source, item, self._bindings, self._options.disk_rule_namespaces,
                              self._keys)  # fmt: skip
        if isinstance(item, PersistentVolumeClaim):
            item = self._bindings.volume_of(item, "spec.volumeName")
        return [Target(self._bindings.disk_of(item), item)]

    def _take(self, source: Source, target: Target, spoken: Said) -> None:
        """Take over what an object with power over a disk says of it."""
        problem = spoken.held
        if spoken.held and target.volume:
            self._held.setdefault(target.disk, spoken.held)
        elif spoken.held:  # whoever writes a rule of a bare disk says alone that there is one
            self._add(Wrong("spec.policy", "", spoken.held.message, target.disk), source)
        if spoken.wrong:
            problem = self._add(spoken.wrong.of(target.disk), source)
        for note in spoken.notes:
            self._add(note.of(target.disk), source)
        if spoken.wrong_window and spoken.lists:
            self._add(spoken.wrong_window.of(target.disk), source)
        self._rules += [self._rule(source, target, listed) for listed in spoken.lists]
        ends = _ends(source, target)
        if spoken.none and not ends:
            where = "of another namespace" if target.volume else "of a disk without a volume"
            self._add(Warned("spec.deltas", "none", f"has no power, since it is {where}: remove "
                             "the rule, and its snapshots stay"), source)  # fmt: skip
        if target.volume:
            step = Step("own", source, spoken, problem, ends)
            self._own[target.volume.metadata.name].append(step)

    # What defaults say

    def _search(self, volume: PersistentVolume) -> None:
        """Find what is said of a volume, level by level."""
        own = self._own.get(volume.metadata.name, [])
        if any(s.ends and s.said.deltas for s in own) and not any(s.problem for s in own):
            self._set_aside(own)
            return
        ref, claim = volume.spec.claim_ref, self._bindings.claim_of_volume(volume)
        broken = self._unreadable_claim(volume)
        namespace = ref.namespace if ref and (claim or broken) else ""
        levels = self._defaults.levels(volume, namespace, claim)
        decided = decide(chain([[*own, *broken]], levels))
        self._set_aside(own)
        self._default(volume, namespace, decided)

    def _default(self, volume: PersistentVolume, namespace: str, decided: Decided) -> None:
        """Make rules of what defaults say of a volume, or tell that nothing does."""
        steps = [step for step in decided.steps if step.level != "own"]
        own = len(steps) < len(decided.steps)
        if own and not steps and not decided.held:
            return
        disk: Disk | None = None
        try:
            disk = self._bindings.disk_of(volume)
        except Skip:
            return
        except Wrong as wrong:
            if steps:
                self._add(wrong, self._owner(volume))
        if namespace and not own and (disk is None or not steps):
            self._uncovered.append(self._without_rule(volume, disk, decided))
        if disk is not None:
            self._follow(Target(disk, volume), steps, decided)

    def _follow(self, target: Target, steps: Iterable[Step], decided: Decided) -> None:
        """Make the rules that defaults ask for, and hold what a problem on the way is about."""
        disk = target.disk
        if decided.held and not decided.held.disk:
            self._held.setdefault(disk, decided.held)
        for step in steps:
            if step.doubt:
                self._held.setdefault(disk, step.doubt)
            self._rules += [
                self._rule(step.source, target, listed, step.level) for listed in step.said.lists
            ]

    def _without_rule(
        self, volume: PersistentVolume, disk: Disk | None, decided: Decided
    ) -> Uncovered:
        owner = self._owner(volume)
        return Uncovered(
            disk=disk,
            namespace=owner.namespace,
            claim=owner.name,
            volume=volume.metadata.name,
            by=None if decided.held else decided.by,
        )

    def _unreadable_claim(self, volume: PersistentVolume) -> list[Step]:
        """Give the problem of a volume's claim that cannot be read: it may have said something."""
        ref = volume.spec.claim_ref
        source = Source("PersistentVolumeClaim", ref.namespace, ref.name) if ref else None
        problem = self._malformed.get(source) if source else None
        return [Step("own", problem.source, Said(), problem)] if problem else []

    def _set_aside(self, own: Iterable[Step]) -> None:
        """Tell who says `none` of a volume of which another object has deltas."""
        asking = next((step.source for step in own if step.said.deltas), None)
        for step in own:
            if asking and step.ends and step.said.none:
                note = Warned("deltas", "none", f"has no effect: {asking} asks for snapshots of "
                              "the same disk")  # fmt: skip
                self._add(note, step.source)

    # What comes of it

    def _rule(self, source: Source, target: Target, listed: Listed, level: Level = "own") -> Rule:
        volume = target.volume
        ref = volume.spec.claim_ref if volume else None
        claim = ref.name if ref else ""
        named = source
        if volume and level != "own":
            named = self._owner(volume)
        return Rule(
            name=rule_name(named, claim if self._options.use_claim_name else ""),
            disk=target.disk,
            deltas=listed.deltas,
            source=source,
            namespace=ref.namespace if ref else source.namespace,
            claim=claim,
            volume=volume.metadata.name if volume else "",
            level=level,
            policy=listed.policy,
            window=listed.window,
        )

    def _owner(self, volume: PersistentVolume) -> Source:
        """Name what a volume is to people: its claim, or itself."""
        ref = volume.spec.claim_ref
        if ref and ref.namespace:
            return Source("PersistentVolumeClaim", ref.namespace, ref.name)
        return source_of(volume)

    def _add(self, wrong: Wrong, source: Source) -> Problem:
        self._problems.append(problem := wrong.problem(source, self._options.use_claim_name))
        return problem

    def _traced(self, problem: Problem) -> Problem:
        """Add what is known of the rule, and of a claim's disk, to an object that is malformed."""
        source = problem.source
        if source.kind not in SHORT:
            return problem
        bindings, disk, claim = self._bindings, None, ""
        if source.kind == "PersistentVolumeClaim":
            disk = bindings.disk_of_claim(source)
        if source.kind == "PersistentVolume" and self._options.use_claim_name:
            claim = bindings.claim_of(source.name)
        return msgspec.structs.replace(problem, rule=rule_name(source, claim), disk=disk)


def _has_spec(rule: SnapshotRule) -> bool:
    return isinstance(rule.spec, Mapping)


def _ends(source: Source, target: Target) -> bool:
    """Tell whether an object may end the search for a volume: its own, its claim, its namespace's.

    What others write by `spec.disk` counts beside whatever decides, and cannot weaken it.
    """
    if target.volume is None:
        return False
    ref = target.volume.spec.claim_ref
    if source.kind == "PersistentVolume":
        return True
    return ref is not None and ref.namespace == source.namespace
