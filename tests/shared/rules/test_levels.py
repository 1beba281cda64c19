# ruff: noqa: E501
"""Who gets which deltas: the levels, where the search ends, and what stands in its way."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import UnknownDisk
from shared.model import Rule, RuleSet, Source
from shared.reports.coverage import coverage
from shared.rules.disks import relocate
from shared.rules.selectors import asked_labels
from tests.shared.objects_builders import (
    DISK,
    KEY,
    OTHER_DISK,
    OTHER_VOL,
    Json,
    by_disk,
    claim,
    decode,
    namespace,
    read,
    rules_of,
    snapshot_policy,
    snapshot_rule,
    storage_class,
    volume,
)

OWN, SPACE, CLASS, GOLD = "PT1H P1D", "PT2H P2D", "PT3H P3D", "PT4H P4D"
PV = volume(storage_class="gp3")


def deltas(ruleset: RuleSet) -> list[str]:
    return [rule.deltas for rule in ruleset.rules]


def messages(ruleset: RuleSet, severity: str = "error") -> list[str]:
    return [f"{p.source}: {p.message}" for p in ruleset.problems if p.severity == severity]


def only(ruleset: RuleSet) -> Rule:
    assert ruleset.problems == ()
    (rule,) = ruleset.rules
    return rule


ALL = {
    "own": claim(deltas=OWN),
    "namespace": namespace(deltas=SPACE),
    "storageclass": storage_class(deltas=CLASS),
    "policy": snapshot_policy(deltas=GOLD, everything=True),
}
BARE = {"own": claim(), "namespace": namespace(), "storageclass": storage_class()}


@pytest.mark.parametrize(
    ("levels", "wanted", "source"),
    [
        (["own", "namespace", "storageclass", "policy"], OWN, "PersistentVolumeClaim shop/data"),
        (["namespace", "storageclass", "policy"], SPACE, "Namespace shop"),
        (["storageclass", "policy"], CLASS, "StorageClass gp3"),
        (["policy"], GOLD, "SnapshotPolicy gold"),
    ],
)
def test_the_nearest_level_that_says_something_decides(
    levels: list[str], wanted: str, source: str
) -> None:
    """Own objects, Namespace, StorageClass, SnapshotPolicy: the first that speaks."""
    items = [ALL[name] if name in levels else BARE.get(name, namespace("other")) for name in ALL]
    ruleset = read(PV, *items)
    assert [(wanted, source, levels[0])] == [
        (rule.deltas, str(rule.source), rule.level) for rule in ruleset.rules
    ]
    assert messages(ruleset) == []
    assert (DISK, "shop", "data", "shop-pvc-data") == (
        (rule := ruleset.rules[0]).disk, rule.namespace, rule.claim, rule.name
    )  # fmt: skip


@pytest.mark.parametrize("level", ["own", "namespace", "storageclass", "policy"])
def test_none_ends_the_search(level: str) -> None:
    """`none` at a level: no rule, no problem, and it is said who wants that."""
    none = {
        "own": claim(deltas="none"),
        "namespace": namespace(deltas=" None "),
        "storageclass": storage_class(deltas="none"),
        "policy": snapshot_policy(deltas="none", everything=True),
    }
    names = list(none)
    items = [BARE[name] for name in names[: names.index(level)]]
    items += [none[level], *(ALL[name] for name in names[names.index(level) + 1 :])]
    ruleset = read(PV, *items)
    assert ((), []) == (ruleset.rules, messages(ruleset))
    (uncovered,) = ruleset.uncovered
    assert (DISK, "shop", "data", "pv-data") == (
        uncovered.disk, uncovered.namespace, uncovered.claim, uncovered.volume
    )  # fmt: skip
    assert uncovered.by
    assert uncovered.by.kind == none[level]["kind"]


def test_what_nothing_covers_is_told() -> None:
    """A bound volume without a rule is uncovered; an unbound one is nobody's yet."""
    ruleset = read(PV, claim(), namespace(), volume("pv-free", OTHER_VOL, claimed_by=None))
    assert [("data", None)] == [(u.claim, u.by) for u in ruleset.uncovered]


def test_a_list_beats_none_at_the_same_level() -> None:
    """The claim says none, and a rule of its namespace asks: it is backed up, with a note."""
    ruleset = read(
        PV, claim(deltas="none"), snapshot_rule(persistentVolumeClaim="data", deltas=OWN)
    )
    assert ([OWN], []) == (deltas(ruleset), messages(ruleset))
    (note,) = messages(ruleset, "warning")
    assert note == (
        "PersistentVolumeClaim shop/data: has no effect: SnapshotRule shop/nightly asks for "
        "snapshots of the same disk"
    )


def test_none_of_another_namespace_has_no_power() -> None:
    """A stranger's rule that says none neither ends the search nor opts anybody out."""
    rule = snapshot_rule(namespace="evil", deltas="none", **by_disk())
    ruleset = read(PV, claim(), namespace(deltas=SPACE), rule)
    assert ([SPACE], []) == (deltas(ruleset), messages(ruleset))
    assert "has no power, since it is of another namespace" in messages(ruleset, "warning")[0]


def test_a_rule_from_elsewhere_is_united_with_what_decides() -> None:
    """A stranger's list comes on top, and weakens nothing."""
    rule = snapshot_rule(namespace="ops", deltas=OWN, **by_disk())
    ruleset = read(PV, claim(), namespace(deltas=SPACE), rule)
    assert [SPACE, OWN] == sorted(deltas(ruleset), reverse=True)
    assert read(PV, claim(deltas="none"), rule).rules[0].deltas == OWN


@pytest.mark.parametrize(
    ("items", "wanted", "source"),
    [
        ([claim(deltas="P1O"), namespace(deltas=SPACE)], SPACE, "PersistentVolumeClaim shop/data"),
        ([claim(policy="glod"), namespace(deltas=SPACE)], SPACE, "PersistentVolumeClaim shop/data"),
        ([claim(), namespace(deltas="P1O"), storage_class(deltas=CLASS)], CLASS, "Namespace shop"),
        ([claim(), namespace(policy="x"), storage_class(deltas=CLASS)], CLASS, "Namespace shop"),
        (
            [
                claim(),
                namespace(),
                storage_class(deltas="?"),
                snapshot_policy(deltas=GOLD, everything=1),
            ],
            GOLD,
            "StorageClass gp3",
        ),
    ],
)
def test_a_typo_leaves_no_claim_without_a_backup(
    items: list[Json], wanted: str, source: str
) -> None:
    """What cannot be read is a problem, and the next level that speaks counts meanwhile."""
    ruleset = read(PV, *items)
    assert [wanted] == deltas(ruleset)
    (problem,) = (p for p in ruleset.problems if p.severity == "error")
    assert source == str(problem.source)
    assert problem.disk == DISK or ruleset.held == {DISK: problem}


def test_a_typo_in_a_namespace_holds_only_what_it_decides() -> None:
    """Whose own objects say everything is not held by a namespace's typo."""
    other = [volume("pv-b", OTHER_VOL, claimed_by=("shop", "b")), claim("b", volume="pv-b")]
    ruleset = read(PV, claim(deltas=OWN), *other, namespace(deltas="P1O"))
    assert [OTHER_DISK] == [*ruleset.held]


def test_a_policy_is_named_in_place_of_deltas() -> None:
    """On claim, volume, Namespace, StorageClass and in a SnapshotRule."""
    gold = snapshot_policy(deltas=GOLD)
    for items in (
        [PV, claim(policy="gold")],
        [volume(policy="gold"), claim()],
        [PV, claim(), namespace(policy="gold")],
        [PV, claim(), storage_class(policy="gold")],
        [PV, claim(), snapshot_rule(persistentVolumeClaim="data", policy="gold", deltas=None)],
    ):
        assert GOLD == only(read(*items, gold)).deltas


@pytest.mark.parametrize(
    ("name", "policies", "options", "said"),
    [
        ("glod", ["gold"], {}, "there is no SnapshotPolicy called so; did you mean gold?"),
        ("none", ["gold"], {}, "to back nothing up, write deltas: none"),
        ("gold", [], {}, "there are no SnapshotPolicies"),
        ("gold", ["gold"], {"default_sources": ()}, "DEFAULT_SOURCES leaves SnapshotPolicies out"),
        (" ", ["gold"], {}, "is not the name of a SnapshotPolicy"),
    ],
)
def test_a_policy_that_is_not_there(
    name: str, policies: list[str], options: dict[str, Any], said: str
) -> None:
    """The problem says what would be right."""
    made = [snapshot_policy(n, GOLD, volumes="unclaimed") for n in policies]
    ruleset = read(PV, claim(policy=name), *made, **options)
    assert ruleset.rules == ()
    assert said in messages(ruleset)[0]


def test_a_policy_with_an_error_is_no_use_to_who_names_it() -> None:
    """Both its owner and who names it learn of it."""
    ruleset = read(PV, claim(policy="gold"), snapshot_policy(deltas="P1O"))
    assert 2 == len(messages(ruleset))
    assert "SnapshotPolicy gold has an error" in " ".join(messages(ruleset))


def test_a_policy_beside_deltas() -> None:
    """Both are in force, with a note."""
    ruleset = read(PV, claim(deltas=OWN, policy="gold"), snapshot_policy(deltas=GOLD))
    assert [OWN, GOLD] == deltas(ruleset)
    assert "is set together with a policy" in messages(ruleset, "warning")[0]


SELECTING: list[tuple[dict[str, Any], bool]] = [
    ({"everything": True}, True),
    ({"volumes": "claimed"}, True),
    ({"volumes": "unclaimed"}, False),
    ({"volumes": "all"}, True),
    ({"storageClassNames": ["gp3"]}, True),
    ({"storageClassNames": ["io2", "gp2"]}, False),
    ({"namespaceSelector": {}}, True),
    ({"namespaceSelector": {"matchLabels": {"env": "prod"}}}, True),
    ({"namespaceSelector": {"matchLabels": {"env": "test"}}}, False),
    ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}, True),
    ({"claimSelector": {"matchLabels": {"app": "db"}}}, True),
    ({"claimSelector": {"matchLabels": {"app": "db", "tier": "x"}}}, False),
    ({"claimSelector": {"matchLabels": {"app": "db"}}, "storageClassNames": ["io2"]}, False),
    *(
        (
            {
                "claimSelector": {
                    "matchExpressions": [{"key": key, "operator": op, "values": values}]
                }
            },
            found,
        )
        for key, op, values, found in [
            ("app", "In", ["web", "db"], True),
            ("app", "In", ["web"], False),
            ("app", "NotIn", ["web"], True),
            ("app", "NotIn", ["db"], False),
            ("other", "NotIn", ["db"], True),
            ("app", "Exists", [], True),
            ("other", "Exists", [], False),
            ("app", "DoesNotExist", [], False),
            ("other", "DoesNotExist", None, True),
        ]
    ),
]


@pytest.mark.parametrize(("selector", "found"), SELECTING)
def test_whom_a_policy_selects(selector: dict[str, Any], found: bool) -> None:
    """By namespace, claim, StorageClass and kind of volume, as Kubernetes' selectors do."""
    items = [PV, claim(labels={"app": "db"}), namespace(env="prod")]
    ruleset = read(*items, snapshot_policy(deltas=GOLD, **selector))
    assert [GOLD] * found == deltas(ruleset)
    idle = "SnapshotPolicy gold: selects no volume that an earlier level leaves to it"
    assert found != any(note.startswith(idle) for note in messages(ruleset, "warning"))


def test_a_policy_for_unclaimed_volumes() -> None:
    """A volume without a claim is selected by `volumes` alone."""
    free = volume(claimed_by=None, storage_class="gp3")
    for volumes in ("unclaimed", "all"):
        rule = only(read(free, snapshot_policy(deltas=GOLD, volumes=volumes)))
        assert ("pv-pv-data", "", "policy") == (rule.name, rule.claim, rule.level)
    assert read(free, snapshot_policy(deltas=GOLD, everything=True)).rules == ()
    assert read(free, storage_class(deltas=CLASS)).rules[0].deltas == CLASS


def test_several_policies_are_united_and_differing_ones_noted() -> None:
    """One note for all the volumes that the two share."""
    items = [
        snapshot_policy("gold", GOLD, everything=True),
        snapshot_policy("silver", OWN, everything=1),
    ]
    items += [
        PV,
        claim(),
        volume("pv-b", OTHER_VOL, claimed_by=("shop", "b")),
        claim("b", volume="pv-b"),
    ]
    ruleset = read(*items)
    assert 4 == len(ruleset.rules)
    (note,) = messages(ruleset, "warning")
    assert "gold and silver select the same volumes, such as shop/b, and differ" in note


@pytest.mark.parametrize(
    ("selector", "field", "said"),
    [
        ("all", "spec.selector", "must be an object"),
        ({"claimSelectors": {}}, "spec.selector.claimSelectors", "is not known"),
        ({"volumes": "bound"}, "spec.selector.volumes", "must be one of claimed, unclaimed, all"),
        ({"volumes": "unclaimed", "claimSelector": {}}, "spec.selector.volumes", "leave it out"),
        ({"storageClassNames": "gp3"}, "spec.selector.storageClassNames", "must be a list"),
        ({"storageClassNames": []}, "spec.selector.storageClassNames", "1 to 50"),
        ({"claimSelector": []}, "spec.selector.claimSelector", "must be an object"),
        ({"claimSelector": {"matchLabel": {}}}, "spec.selector.claimSelector.matchLabel", "is not known"),
        ({"claimSelector": {"matchLabels": {"a": 1}}}, "spec.selector.claimSelector.matchLabels.a", "in quotes"),
        ({"claimSelector": {"matchLabels": ["a"]}}, "spec.selector.claimSelector.matchLabels", "must be an object"),
        ({"claimSelector": {"matchExpressions": {"a": 1}}}, "spec.selector.claimSelector.matchExpressions", "must be a list"),
        (
            {"namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "Equals"}]}},
            "spec.selector.namespaceSelector.matchExpressions[0].operator",
            "must be one of In, NotIn, Exists, DoesNotExist",
        ),
        (
            {"namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}},
            "spec.selector.namespaceSelector.matchExpressions[0].values",
            "In needs at least one",
        ),
        (
            {"claimSelector": {"matchLabels": {str(n): "" for n in range(51)}}},
            "spec.selector.claimSelector",
            "too many requirements",
        ),
    ],
)  # fmt: skip
def test_a_selector_that_cannot_be_read_holds_what_it_may_decide(
    selector: Any, field: str, said: str
) -> None:
    """Nothing is deleted of a disk that no earlier level decides; others are not touched."""
    broken = snapshot_policy(deltas=GOLD) | {"spec": {"deltas": GOLD, "selector": selector}}
    decided = [
        volume("pv-b", OTHER_VOL, claimed_by=("shop", "b")),
        claim("b", volume="pv-b", deltas=OWN),
    ]
    ruleset = read(PV, claim(), *decided, broken)
    (problem,) = (p for p in ruleset.problems if p.severity == "error")
    assert (field, "SnapshotPolicy gold") == (problem.field, str(problem.source))
    assert said in problem.message
    assert {DISK: problem} == ruleset.held
    told = [(one.how, one.claim, one.sources) for one in coverage(ruleset)]
    assert ("problem", "shop/data", ("SnapshotPolicy gold",)) == told[0]
    assert ("own", "shop/b") == told[1][:2]


def test_a_kind_that_could_not_be_listed_holds_what_it_may_decide() -> None:
    """403 on namespaces: volumes that say nothing themselves go on by their last deltas."""
    objects = decode(PV, claim(), storage_class(deltas=CLASS))
    objects.refused["Namespace"] = "the API refused to list namespaces (403)"
    ruleset = rules_of(objects)
    assert [CLASS] == deltas(ruleset)
    assert "refused to list namespaces" in ruleset.held[DISK].message
    own = decode(PV, claim(deltas=OWN))
    own.refused["Namespace"] = "403"
    assert rules_of(own).held == {}


def test_levels_can_be_switched_off() -> None:
    """`DEFAULT_SOURCES` names those that count."""
    items = [PV, claim(), namespace(deltas=SPACE), storage_class(deltas=CLASS),
             snapshot_policy(deltas=GOLD, everything=True)]  # fmt: skip
    for sources, wanted in (
        (("namespaces",), SPACE), (("storageclasses", "policies"), CLASS), (("policies",), GOLD)
    ):  # fmt: skip
        assert [wanted] == deltas(read(*items, default_sources=sources))
    assert read(*items, default_sources=()).rules == ()


@pytest.mark.parametrize("kind", ["Namespace", "StorageClass", "SnapshotPolicy"])
def test_a_malformed_default_holds_what_it_may_decide(kind: str) -> None:
    """An object that cannot be decoded may have said something."""
    name = {"Namespace": "shop", "StorageClass": "gp3", "SnapshotPolicy": "gold"}[kind]
    broken = {"kind": kind, "metadata": {"name": name, "annotations": {"a": 1}}}
    assert [DISK] == [*read(PV, claim(), broken).held]


def test_a_malformed_claim_still_has_its_namespaces_deltas() -> None:
    """The volume tells whose it is; what the claim said is not known."""
    broken = claim() | {"spec": []}
    ruleset = read(PV, broken, namespace(deltas=SPACE))
    assert [SPACE] == deltas(ruleset)
    assert [DISK] == [p.disk for p in ruleset.problems if p.severity == "error"]


def test_a_rule_selects_claims_of_its_namespace() -> None:
    """By labels; each claim's disk gets a rule, and no other namespace's."""
    other = [volume("pv-b", OTHER_VOL, claimed_by=("bank", "b")),
             claim("b", "bank", volume="pv-b", labels={"app": "db"})]  # fmt: skip
    rule = snapshot_rule(claimSelector={"matchLabels": {"app": "db"}})
    ruleset = read(PV, claim(labels={"app": "db"}), *other, rule)
    assert DISK == only(ruleset).disk


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ([], "selects no claim of namespace shop"),
        ([claim(labels={"app": "db"}, volume="")], "selects 1 claim, and none is bound"),
    ],
)
def test_a_rule_that_selects_nothing_is_noted(items: list[Json], said: str) -> None:
    """Nobody is alarmed by it, and it is said."""
    ruleset = read(*items, snapshot_rule(claimSelector={"matchLabels": {"app": "db"}}))
    assert said in messages(ruleset, "warning")[0]


def test_one_claim_without_a_place_costs_the_others_nothing() -> None:
    """Of the claims that a rule selects each stands for itself."""
    lost = [
        volume("pv-b", "nonsense", claimed_by=("shop", "b"), zones=()),
        claim("b", volume="pv-b"),
    ]
    ruleset = read(PV, claim(), *lost, snapshot_rule(claimSelector={}))
    assert [DISK] == [rule.disk for rule in ruleset.rules]
    assert 1 == len(messages(ruleset))


def test_one_namespace_may_ask_for_so_many_labels() -> None:
    """Labels are kept in memory: the fiftieth key is the last."""
    rules = [
        snapshot_rule(f"r{n:02}", claimSelector={"matchLabels": {f"key{n}": "x"}})
        for n in range(60)
    ]
    ruleset = read(PV, claim(labels={"key3": "x", "key57": "x"}), *rules)
    assert ["shop-rule-r03"] == [rule.name for rule in ruleset.rules]
    assert 10 == len(messages(ruleset))


VALUES = st.sampled_from([None, "none", OWN, SPACE, "typo"])
NAMED = st.sampled_from([None, None, "gold", "glod"])


@given(
    mine=st.tuples(VALUES, NAMED, VALUES, NAMED),
    theirs=st.tuples(VALUES, NAMED, VALUES, NAMED),
    changed=st.tuples(VALUES, NAMED, VALUES, NAMED),
    rule=st.sampled_from([OWN, "none", "typo"]),
)
def test_nothing_of_one_namespace_reaches_anothers_disks(
    mine: tuple[Any, ...], theirs: tuple[Any, ...], changed: tuple[Any, ...], rule: str
) -> None:
    """Whatever bank writes on its claim, its rules and its namespace, shop's disk is judged alike."""

    def judged(values: tuple[Any, ...], more: list[Json]) -> tuple[Any, ...]:
        items = [PV, claim(deltas=mine[0], policy=mine[1]), namespace("shop", mine[2], mine[3])]
        items += [volume("pv-b", OTHER_VOL, claimed_by=("bank", "b")),
                  claim("b", "bank", volume="pv-b", deltas=values[0], policy=values[1]),
                  namespace("bank", values[2], values[3]), snapshot_policy(deltas=GOLD)]  # fmt: skip
        ruleset = read(*items, *more)
        rules = [r for r in ruleset.rules if r.disk == DISK]
        told = [p for p in ruleset.problems if p.disk == DISK]
        return rules, told, ruleset.held.get(DISK), [u for u in ruleset.uncovered if u.disk == DISK]

    added = [
        snapshot_rule("r", "bank", deltas=rule, claimSelector={}),
        snapshot_rule("s", "bank", deltas=rule, persistentVolumeClaim="data"),
        snapshot_rule("t", "bank", deltas=rule, persistentVolume="pv-data"),
    ]
    assert judged(theirs, []) == judged(changed, added)


def test_named_sources_are_sources() -> None:
    """A default's source is the object that has it."""
    ruleset = read(PV, claim(), namespace(policy="gold"), snapshot_policy(deltas=GOLD))
    assert Source("Namespace", "", "shop") == only(ruleset).source


NOWHERE = UnknownDisk("zone", "data", "project acme has no disk of this name")


def test_what_a_default_covers_and_has_no_place_is_a_problem_of_its_claim() -> None:
    """A namespace's rule goes on for its other volumes; by the claim's name the disk is held."""
    ruleset = relocate(read(PV, claim(), namespace(deltas=SPACE)), {DISK: NOWHERE})
    assert ruleset.rules == ()
    assert [("PersistentVolumeClaim shop/data", "shop-pvc-data")] == [
        (str(p.source), p.rule) for p in ruleset.problems
    ]


def test_what_is_held_and_has_no_place_stays_held() -> None:
    """By the name that its rule would have, since the disk cannot be told."""
    before = read(PV, claim(), namespace(), storage_class(deltas="P1O"))
    assert [DISK] == [*before.held]
    after = relocate(before, {DISK: NOWHERE})
    assert after.held == {}
    assert [("PersistentVolumeClaim shop/data", "shop-pvc-data"), ("StorageClass gp3", "")] == [
        (str(p.source), p.rule) for p in after.problems
    ]


def test_a_default_that_cannot_be_read_names_no_rule() -> None:
    """Whom it is about is told by what is held; no disk's rule is called like a Namespace."""
    broken = {"kind": "Namespace", "metadata": {"name": "shop", "annotations": 5}}
    for item in (namespace(deltas="P1O"), broken):
        (problem,) = read(PV, claim(), item).problems
        assert "" == problem.rule


def test_no_policy_is_said_to_be_idle_while_namespaces_are_not_known() -> None:
    """Whom it selects by their labels cannot be told; of another policy it can."""
    selector = {"matchLabels": {"env": "prod"}}
    objects = decode(
        PV, claim(), namespace(),
        snapshot_policy("gold", GOLD, namespaceSelector=selector),
        snapshot_policy("lead", GOLD, storageClassNames=["x"]),
    )  # fmt: skip
    assert 2 == len(messages(rules_of(objects), "warning"))
    objects.refused["Namespace"] = "403"
    (note,) = messages(rules_of(objects), "warning")
    assert note.startswith("SnapshotPolicy lead")


def test_an_opt_out_beside_deltas_does_not_ask_the_next_level() -> None:
    """The claim's list decides, whatever a rule of its namespace and the Namespace say."""
    none = snapshot_rule(deltas="none", persistentVolumeClaim="data")
    assert [OWN] == deltas(read(PV, claim(deltas=OWN), none, namespace(deltas=SPACE)))


def test_a_typo_beside_deltas_asks_the_next_level_too() -> None:
    """Of two objects of the same level one cannot be read: what the next says is united."""
    typo = snapshot_rule(deltas="P1O", persistentVolumeClaim="data")
    found = read(PV, claim(deltas=OWN), typo, namespace(deltas=SPACE))
    assert sorted([OWN, SPACE]) == sorted(deltas(found))


def test_a_bare_disk_that_names_a_broken_policy_has_a_problem() -> None:
    """No volume tells of it: whoever wrote the rule is told, by the disk."""
    rule = snapshot_rule(deltas=None, policy="gold", **by_disk(OTHER_VOL))
    found = read(rule, snapshot_policy(deltas="P1O"))
    assert [("spec.policy", OTHER_DISK)] == [
        (p.field, p.disk) for p in found.problems if p.source.kind == "SnapshotRule"
    ]


def test_a_default_for_a_volume_without_a_place_is_a_problem_of_its_claim() -> None:
    """It is covered, and cannot be snapshotted: nobody may think that it is."""
    far = volume(storage_class="gp3", zones=())
    far["spec"]["csi"]["volumeHandle"] = "nonsense"
    found = read(far, claim(), namespace(deltas=SPACE))
    assert ["PersistentVolumeClaim shop/data"] == [str(p.source) for p in found.problems]


def test_one_policy_that_asks_for_namespaces_is_enough_to_need_them() -> None:
    """While they may not be listed, whom it selects is not known."""
    selector = {"matchLabels": {"env": "prod"}}
    objects = decode(PV, claim(), snapshot_policy("a", GOLD, storageClassNames=["x"]),
                     snapshot_policy("b", GOLD, namespaceSelector=selector))  # fmt: skip
    objects.refused["Namespace"] = "403"
    objects.namespaces.clear()
    assert [DISK] == [*rules_of(objects).held]


def test_a_malformed_namespace_is_no_policy_of_its_name() -> None:
    """What cannot be decoded counts by its kind."""
    broken = {"kind": "Namespace", "metadata": {"name": "gold", "annotations": 5}}
    assert [GOLD] == deltas(read(PV, claim(policy="gold"), snapshot_policy(deltas=GOLD), broken))


def test_of_several_unreadable_policies_the_first_is_named() -> None:
    """Always the same, in whatever order they are listed."""
    broken = [snapshot_policy(name, GOLD, volumes="bound") for name in ("b", "a", "c")]
    for items in (broken, broken[::-1]):
        assert "SnapshotPolicy a" == str(read(PV, claim(), *items).held[DISK].source)


def test_fifty_requirements_are_allowed() -> None:
    """And one more is not."""
    for count, found in ((50, True), (51, False)):
        labels = {f"key{n}": "x" for n in range(count)}
        policy = snapshot_policy(deltas=GOLD, claimSelector={"matchLabels": labels})
        assert found == bool(deltas(read(PV, claim(labels=labels), policy)))


def test_what_is_nearly_called_so_is_named_before_any_other() -> None:
    """Without anything near, some that there are."""
    made = [snapshot_policy(name, volumes="unclaimed") for name in ("gold", "silver")]
    (said,) = messages(read(PV, claim(policy="glod"), *made))
    assert said.endswith("did you mean gold?")
    (said,) = messages(read(PV, claim(policy="zzz"), *made))
    assert said.endswith("did you mean gold or silver?")


def test_no_more_than_three_policies_are_offered() -> None:
    """Where nothing is near, the first by name."""
    made = [snapshot_policy(name, volumes="unclaimed") for name in ("d", "c", "b", "a")]
    (said,) = messages(read(PV, claim(policy="zzz"), *made))
    assert said.endswith("did you mean a or b or c?")


def test_a_note_on_policies_that_meet_is_the_first_ones() -> None:
    """By name."""
    made = [snapshot_policy("b", GOLD, everything=True), snapshot_policy("a", OWN, everything=True)]
    (note,) = read(PV, claim(), *made).problems
    assert "SnapshotPolicy a" == str(note.source)


def test_a_volume_without_a_claim_needs_no_namespace() -> None:
    """It is selected by `volumes` alone, also while Namespaces may not be listed."""
    selector = {"matchLabels": {"env": "prod"}}
    free = volume("pv-free", OTHER_VOL, claimed_by=None)
    objects = decode(
        PV, claim(), free, snapshot_policy(deltas=GOLD, volumes="all", namespaceSelector=selector)
    )
    objects.refused["Namespace"] = "403"
    objects.namespaces.clear()
    assert [DISK] == [*rules_of(objects).held]


def test_none_beside_deltas_is_noted_also_where_another_word_cannot_be_read() -> None:
    """The search goes on then, and the note is the same."""
    own = [claim(deltas=OWN), snapshot_rule("n", deltas="none", persistentVolumeClaim="data"),
           snapshot_rule("t", deltas="P1O", persistentVolumeClaim="data")]  # fmt: skip
    (note,) = messages(read(PV, *own), "warning")
    assert "has no effect: PersistentVolumeClaim shop/data asks for snapshots" in note


def test_what_a_default_covers_and_has_no_place_is_told_by_its_problem_alone() -> None:
    """It is not listed as a claim that nothing covers: somebody did cover it."""
    far = volume(storage_class="gp3", zones=())
    far["spec"]["csi"]["volumeHandle"] = "nonsense"
    assert [None] == [one.disk for one in read(far, claim(), namespace(deltas=SPACE)).uncovered]
    assert [] == [*read(PV, claim(), namespace(deltas=SPACE)).uncovered]


def test_a_claim_that_names_a_policy_is_held_while_policies_may_not_be_listed() -> None:
    """What it says cannot be told, also where its own deltas stand beside it."""
    for own in (None, OWN):
        objects = decode(PV, claim(deltas=own, policy="gold"))
        objects.refused["SnapshotPolicy"] = "403"
        assert [DISK] == [*rules_of(objects).held]


def test_a_malformed_namespace_holds_whom_a_policy_may_select_by_its_labels() -> None:
    """Also where Namespaces themselves are no level."""
    broken = {"kind": "Namespace", "metadata": {"name": "shop", "labels": 5}}
    policy = snapshot_policy(deltas=GOLD, namespaceSelector={"matchLabels": {"env": "prod"}})
    found = read(PV, claim(), broken, policy, default_sources=("policies",))
    assert [DISK] == [*found.held]


def test_a_note_on_deltas_beside_a_policy_shows_them() -> None:
    """By their field."""
    (note,) = read(PV, claim(deltas=OWN, policy="gold"), snapshot_policy(deltas=GOLD)).problems
    assert (f"metadata.annotations[{KEY}]", OWN) == (note.field, note.value)


def test_labels_that_policies_ask_for() -> None:
    """Which the mirror has to keep; what cannot be read asks for none."""
    policies = [
        snapshot_policy("a", claimSelector={"matchLabels": {"app": "db"}}),
        snapshot_policy("b", namespaceSelector={"matchLabels": {"env": "prod"}}),
        snapshot_policy("c", claimSelector={"matchLabels": 5}),
        snapshot_policy("d"),
        {"kind": "SnapshotPolicy", "metadata": {"name": "e"}, "spec": "gold"},
        {"kind": "SnapshotPolicy", "metadata": {"name": "f"}, "spec": {"selector": "all"}},
    ]
    assert {"app", "env"} == asked_labels(decode(*policies))
