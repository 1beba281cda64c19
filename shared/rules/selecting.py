"""The SnapshotPolicies of a cluster: which select a volume, and which have no effect. Pure."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from shared.kinds import POLICY_ANNOTATION, PersistentVolume, PersistentVolumeClaim
from shared.model import Problem, Source
from shared.objects import Objects
from shared.rules.levels import Step, step_of
from shared.rules.policies import Policy, Selection, read_policy
from shared.rules.said import Policies, Said
from shared.rules.wrong import Warned

#: The label that a Namespace has by itself (Kubernetes, "Well-Known Labels").
METADATA_NAME = "kubernetes.io/metadata.name"


class Selecting:
    """Tells which policies select a volume.

    Args:
        objects: what was read.
        on: whether policies count at all.
        unread: the problem of each object, and of each kind (with an empty name), that could not
            be read.
    """

    def __init__(self, objects: Objects, on: bool, unread: Mapping[Source, Problem]) -> None:
        self._absent, self._on, self._unread = objects.absent, on, unread
        self._all = {p.metadata.name: read_policy(p) for p in objects.policies if on}
        self._labels = {n.metadata.name: n.metadata.labels or {} for n in objects.namespaces}
        self.problems: list[Problem] = []
        self._steps = {name: self._step(policy) for name, policy in sorted(self._all.items())}
        self._unknown = self._why_unknown()
        selections = [policy.selection for policy in self._all.values() if policy.selection]
        self._asks_namespaces = any(found.namespaces is not None for found in selections)
        self._by_namespace: dict[str, list[tuple[Selection, Step]]] = {}
        self._selected: Counter[str] = Counter()
        self._together: dict[tuple[str, ...], str] = {}

    def policies(self) -> Policies:
        """Give what policies say to objects that name them."""
        why = ""
        if not self._on:
            why = "DEFAULT_SOURCES leaves SnapshotPolicies out"
        elif "SnapshotPolicy" in self._absent:
            why = "the cluster has no SnapshotPolicies: kubectl apply -f manifests/crd.yaml"
        said = {name: policy.said for name, policy in self._all.items()}
        for source, problem in self._unread.items():
            if source.kind == "SnapshotPolicy" and source.name:
                said[source.name] = Said(held=problem)
        return Policies(said, self._unread.get(Source("SnapshotPolicy", "", "")), why)

    def of(
        self, volume: PersistentVolume, namespace: str, claim: PersistentVolumeClaim | None
    ) -> Sequence[Step]:
        """Give what the policies say that select a volume."""
        found = [
            step
            for selection, step in self._in_namespace(namespace)
            if selection.takes(volume, claim)
        ]
        self._selected.update(step.source.name for step in found)
        if len({step.said.deltas for step in found if step.said.deltas}) > 1:
            names = tuple(step.source.name for step in found if step.said.deltas)
            where = f"{namespace}/{claim.metadata.name}" if claim else volume.metadata.name
            self._together[names] = min(where, self._together.get(names, where))
        unknown = self._unknown or self._namespace_unknown(namespace)
        if unknown:
            found.append(Step("policy", unknown.source, Said(), unknown))
        return found

    def notes(self, named: Collection[str]) -> Iterator[Problem]:
        """Say which policies have no effect, and which meet on volumes with other deltas.

        `named` are the policies that objects name.
        """
        for name, policy in sorted(self._all.items()):
            known = not policy.said.broken and not policy.unreadable and self._can_tell(policy)
            if known and not self._selected[name] and name not in named:
                note = Warned("spec.selector", "", f"{_idle(policy)} the annotation "
                              f"{POLICY_ANNOTATION}: {name}")  # fmt: skip
                yield note.problem(policy.source)
        for names, where in sorted(self._together.items()):
            note = Warned("spec.selector", "", f"{' and '.join(names)} select the same volumes, "
                          f"such as {where}, and differ: the deltas of all are in force there. If "
                          "that is not meant, change a selector")  # fmt: skip
            yield note.problem(self._all[names[0]].source)

    def _step(self, policy: Policy) -> Step:
        if policy.unreadable and policy.unreadable is not policy.said.wrong:
            self.problems.append(policy.unreadable.problem(policy.source))
        return step_of("policy", policy.source, policy.said, self.problems)

    def _why_unknown(self) -> Problem | None:
        """Say why nobody can tell which policies select a volume: one of them cannot be read."""
        unread = [p for source, p in self._unread.items() if source.kind == "SnapshotPolicy"]
        unread += [
            policy.unreadable.problem(policy.source)
            for policy in self._all.values()
            if policy.unreadable
        ]
        return min(unread, key=lambda p: (p.source, p.field), default=None) if self._on else None

    def _in_namespace(self, namespace: str) -> list[tuple[Selection, Step]]:
        """Give the policies that select a namespace, or need none; worked out once for each."""
        found = self._by_namespace.get(namespace)
        if found is None:
            labels = {METADATA_NAME: namespace} | self._labels.get(namespace, {})
            found = self._by_namespace[namespace] = [
                (selection, self._steps[name])
                for name, policy in sorted(self._all.items())
                if (selection := policy.selection)
                and (selection.namespaces is None or selection.namespaces.matches(labels))
            ]
        return found

    def _can_tell(self, policy: Policy) -> bool:
        """Tell whether it is known whom a policy selects."""
        asks = policy.selection is not None and policy.selection.namespaces is not None
        return not (asks and any(source.kind == "Namespace" for source in self._unread))

    def _namespace_unknown(self, namespace: str) -> Problem | None:
        """Say why a namespace's labels are not known, where a policy asks for them."""
        if not namespace or not self._asks_namespaces:
            return None
        whole = self._unread.get(Source("Namespace", "", ""))
        return whole or self._unread.get(Source("Namespace", "", namespace))


def _idle(policy: Policy) -> str:
    if policy.selection is None:
        return "has no selector, and nothing names it: it has no effect. Write a selector, or"
    return "selects no volume that an earlier level leaves to it. Check its selector, or write"
