"""What a volume's Namespace, StorageClass and SnapshotPolicies say of it. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from shared.kinds import (
    DEFAULTS,
    WINDOW,
    Namespace,
    PersistentVolume,
    PersistentVolumeClaim,
    StorageClass,
)
from shared.model import Level, Problem, Source
from shared.objects import Objects
from shared.rules.levels import Step, step_of
from shared.rules.options import Options
from shared.rules.said import Said, Written, said
from shared.rules.selecting import Selecting
from shared.rules.windows import alone, read_window


class Defaults:
    """The levels behind a volume's own objects.

    Args:
        objects: what was read.
        options: which levels there are, and where values stand.
    """

    def __init__(self, objects: Objects, options: Options) -> None:
        self._options = options
        self._unread = {p.source: p for p in objects.problems if p.severity == "error"}
        self._unread |= {
            Source(kind, "", ""): Problem(
                severity="error", source=Source(kind, "", "(all)"), field="", value="", message=why
            )
            for kind, why in objects.refused.items()
        }
        self._selecting = Selecting(objects, self._on("policies"), self._unread)
        self._policies = self._selecting.policies()
        self.problems = self._selecting.problems
        self._named: set[str] = set()
        self._namespaces = self._annotated("namespaces", "namespace", objects.namespaces)
        self._classes = self._annotated("storageclasses", "storageclass", objects.classes)

    def levels(
        self, volume: PersistentVolume, namespace: str, claim: PersistentVolumeClaim | None
    ) -> Iterator[Sequence[Step]]:
        """Give what each level says of a volume, one after the other.

        Args:
            volume: of this cloud, or any.
            namespace: of its claim; empty where none is bound to it.
            claim: that is bound to it, where it can be read.
        """
        if namespace and self._on("namespaces"):
            yield self._of("Namespace", "namespace", namespace, self._namespaces)
        if self._on("storageclasses"):
            name = volume.spec.storage_class_name
            if isinstance(name, str) and name:
                yield self._of("StorageClass", "storageclass", name, self._classes)
        if self._on("policies"):
            yield self._selecting.of(volume, namespace, claim)

    def notes(self) -> Iterator[Problem]:
        """Say what has no effect, once all volumes were asked for."""
        return self._selecting.notes(self._named)

    def read(self, deltas: Written | None, policy: Written | None) -> Said:
        """Read what an object says that has deltas, or names a policy, which is then in use."""
        if policy is not None and isinstance(policy.value, str):
            self._named.add(policy.value.strip())
        return said(deltas, policy, self._policies)

    def _on(self, level: str) -> bool:
        return level in self._options.default_sources

    def _of(self, kind: str, level: Level, name: str, steps: dict[str, Step]) -> Sequence[Step]:
        """Give what one object of a level says; where it could not be had, that."""
        source = Source(kind, "", name)
        problem = self._unread.get(Source(kind, "", "")) or self._unread.get(source)
        if problem:
            return (Step(level, source, Said(), problem),)
        return (steps[name],) if name in steps else ()

    def _annotated(
        self, on: str, level: Level, items: Iterable[Namespace | StorageClass]
    ) -> dict[str, Step]:
        """Read the annotations of Namespaces or StorageClasses, each once."""
        steps = {}
        for item in items if self._on(on) else ():
            deltas, policy = self._options.written(item.metadata)
            source = Source(DEFAULTS[on], "", item.metadata.name)
            if deltas is None and policy is None:
                if WINDOW in (item.metadata.annotations or ()):
                    self.problems.append(alone(item).problem(source))
                continue
            spoken = self.read(deltas, policy).within(*read_window(item))
            steps[item.metadata.name] = step_of(level, source, spoken, self.problems)
        return steps
