"""How a disk goes on whose rules cannot be understood."""

import pytest

from shared.model import Problem, RuleSet, Source
from shared.planning.broken_rules import broken_disks
from shared.planning.labels import NAMESPACE, RULE
from tests.shared.builders import NOW, OURS, disk, rule, snapshot
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


@pytest.mark.parametrize(
    ("field", "broken"),
    [
        ("spec.disk", True),
        ("spec.disk.region", True),
        ("spec.backend", True),
        ("spec.persistentVolume", True),
        ("region", True),
        ("zone", True),
        ("spec.persistentVolumeClaim", False),
        ("spec.deltas", False),
    ],
)
def test_a_rule_that_may_be_about_any_disk_holds_what_lost_a_rule(field: str, broken: bool) -> None:
    """A snapshot of two rules names the first: the other is gone, and may be this one."""
    problem = Problem(severity="error", source=Source("SnapshotRule", "ops", "x"), field=field,
                      value="x", message="no", rule="ops-rule-x")  # fmt: skip
    labels = OURS | {RULE: "shop-pvc-data", NAMESPACE: "shop"}
    made = snapshot("s", NOW, labels=labels, deltas="PT1H P1D / P1D P30D")
    left = rule("PT1H P1D", claim="data")
    found = broken_disks(
        RuleSet(problems=(problem,)), {disk(): [made]}, {disk(): [left]}, POLICY.labels
    )
    assert broken == (disk() in found)
