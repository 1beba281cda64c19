"""How a disk goes on whose rules cannot be understood."""

from shared.model import Problem, RuleSet, Source
from shared.planning.broken_rules import broken_disks
from tests.shared.builders import disk
from tests.shared.objects_builders import POLICY


def problem(name: str) -> Problem:
    source = Source("SnapshotRule", "shop", name)
    return Problem(severity="error", source=source, field="spec.deltas", value="x", message="no",
                   rule=f"shop-rule-{name}", disk=disk())  # fmt: skip


def test_of_two_broken_rules_always_the_same_counts() -> None:
    """However the objects are listed: the disk's next snapshot is named and labelled by it."""
    found = [
        broken_disks(RuleSet(rules=(), problems=problems), {}, {}, POLICY.labels)[disk()]
        for problems in ((problem("a"), problem("b")), (problem("b"), problem("a")))
    ]
    assert ["a", "a"] == [one.source.name for one in found]
