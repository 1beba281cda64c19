"""Label selectors, as Kubernetes has them: which objects a policy or rule is about. Pure.

Kubernetes documentation, "Labels and Selectors": all requirements must hold; an empty selector
selects everything; `NotIn` and `DoesNotExist` hold where there is no such label.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from shared.kinds import SnapshotRule
from shared.objects import Objects
from shared.rules.wrong import Wrong

#: Requirements that a selector may have: nobody writes as many, and each label key costs memory.
MOST = 50
#: Keys of labels that the claimSelectors of one namespace's rules may ask for, all together.
MOST_KEYS = 50
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


class Requirement(NamedTuple):
    """One thing that a label must be."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Tell whether it holds for an object with these labels."""
        value = labels.get(self.key)
        if self.operator in ("Exists", "DoesNotExist"):
            return (value is not None) == (self.operator == "Exists")
        return (value in self.values) == (self.operator == "In")


class Selector(NamedTuple):
    """A label selector."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether an object with these labels is selected."""
        return all(requirement.holds(labels) for requirement in self.requirements)

    @property
    def keys(self) -> frozenset[str]:
        """The labels that it asks for."""
        return frozenset(requirement.key for requirement in self.requirements)


def read_selector(value: Any, field: str) -> Selector:
    """Read a selector.

    Args:
        value: what the object has: any value.
        field: where it has it.

    Raises:
        Wrong: where it is no selector.
    """
    known(value, field, ("matchLabels", "matchExpressions"))
    labels, expressions = value.get("matchLabels") or {}, value.get("matchExpressions") or []
    if not isinstance(labels, Mapping):
        raise Wrong(f"{field}.matchLabels", labels, "must be an object, such as {app: shop}")
    if not isinstance(expressions, list):
        raise Wrong(f"{field}.matchExpressions", expressions, "must be a list of {key, operator, "
                    "values}")  # fmt: skip
    if len(labels) + len(expressions) > MOST:
        raise Wrong(field, len(labels) + len(expressions), f"has too many requirements; {MOST} are "
                    "allowed")  # fmt: skip
    equal = [_equal(key, text, f"{field}.matchLabels") for key, text in labels.items()]
    more = [
        _requirement(item, f"{field}.matchExpressions[{n}]") for n, item in enumerate(expressions)
    ]
    return Selector((*equal, *more))


def known(value: Any, field: str, keys: tuple[str, ...]) -> None:
    """Raise Wrong where a value is no object, or has other fields than these."""
    if not isinstance(value, Mapping):
        raise Wrong(field, value, f"must be an object with {' or '.join(keys)}")
    for key in value:
        if key not in keys:
            raise Wrong(f"{field}.{key}", value[key], f"is not known; {', '.join(keys)} are")


def _equal(key: Any, text: Any, field: str) -> Requirement:
    if not isinstance(key, str) or not isinstance(text, str):
        raise Wrong(f"{field}.{key}", text, "must be a string; write it in quotes")
    return Requirement(key, "In", frozenset((text,)))


def _requirement(item: Any, field: str) -> Requirement:
    known(item, field, ("key", "operator", "values"))
    key, operator, values = item.get("key"), item.get("operator"), item.get("values") or []
    if not isinstance(key, str) or not key:
        raise Wrong(f"{field}.key", key, "must be the key of a label, such as app")
    if operator not in _OPERATORS:
        raise Wrong(f"{field}.operator", operator, f"must be one of {', '.join(_OPERATORS)}")
    if not isinstance(values, list) or not all(isinstance(text, str) for text in values):
        raise Wrong(f"{field}.values", values, "must be a list of strings")
    if (operator in ("In", "NotIn")) != bool(values):
        right = "has none" if operator in ("Exists", "DoesNotExist") else "needs at least one"
        raise Wrong(f"{field}.values", values, f"{operator} {right}")
    return Requirement(key, operator, frozenset(values))


def claim_selector(rule: SnapshotRule) -> Any:
    """Give what a rule has in place of a claimSelector; None where it has none."""
    return rule.spec.get("claimSelector") if isinstance(rule.spec, Mapping) else None


def rule_keys(objects: Objects) -> Mapping[str, frozenset[str]]:
    """Tell by namespace which keys of labels the claimSelectors of its rules ask for.

    Those beyond MOST_KEYS are left out: labels are their owner's to choose, and memory is not.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for rule in sorted(objects.rules, key=lambda rule: rule.metadata.name):
        if (value := claim_selector(rule)) is not None:
            with suppress(Wrong):
                keys = found[rule.metadata.namespace] | read_selector(value, "").keys
                if len(keys) <= MOST_KEYS:
                    found[rule.metadata.namespace] = keys
    return {namespace: frozenset(keys) for namespace, keys in found.items()}


def asked_labels(objects: Objects) -> frozenset[str]:
    """Tell which keys of labels any policy or rule asks for."""
    keys = frozenset[str]().union(*rule_keys(objects).values())
    return keys.union(*_policy_keys(objects))


def _policy_keys(objects: Objects) -> Iterator[frozenset[str]]:
    for policy in objects.policies:
        spec = policy.spec if isinstance(policy.spec, Mapping) else {}
        selector = spec.get("selector")
        for name in ("claimSelector", "namespaceSelector"):
            if isinstance(selector, Mapping) and selector.get(name) is not None:
                with suppress(Wrong):
                    yield read_selector(selector[name], "").keys
