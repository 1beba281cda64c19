"""Kubernetes objects to rules and problems, and who has power over which disk."""

import json
import sys
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import UnknownDisk
from shared.model import Disk, Problem, Rule, RuleSet, Source
from shared.objects import decode_list
from shared.rules.disks import disks_of, relocate, scopes_of
from shared.rules.names import rule_name
from tests.shared.objects_builders import (
    DELTAS,
    DISK,
    KEY,
    OTHER_DISK,
    OTHER_VOL,
    VOL,
    Json,
    by_disk,
    claim,
    clusters,
    naming,
    read,
    rules_of,
    snapshot_rule,
    uid,
    volume,
    with_spec,
)

SOURCES = {
    "volume": [volume(deltas=DELTAS), claim()],
    "claim": [volume(), claim(deltas=DELTAS)],
    "disk": [volume(), claim(), snapshot_rule(**by_disk())],
    "by claim": [volume(), claim(), snapshot_rule(persistentVolumeClaim="data")],
    "by volume": [volume(), claim(), snapshot_rule(persistentVolume="pv-data")],
}


def only_rule(ruleset: RuleSet) -> Rule:
    assert ruleset.problems == ()
    (rule,) = ruleset.rules
    return rule


def only_problem(ruleset: RuleSet) -> Problem:
    assert ruleset.rules == ()
    (problem,) = ruleset.problems
    return problem


@pytest.mark.parametrize("items", SOURCES.values(), ids=SOURCES)
def test_reads_each_source(items: list[Json]) -> None:
    """Annotated volumes and claims and all three kinds of SnapshotRules lead to the disk."""
    rule = only_rule(read(*items))
    assert (DISK, DELTAS) == (rule.disk, rule.deltas)


@pytest.mark.parametrize("items", SOURCES.values(), ids=SOURCES)
def test_tells_namespace_claim_and_volume_from_the_claim_ref(items: list[Json]) -> None:
    """Whatever the rule is written on, its labels name the claim that the cluster knows of."""
    rule = only_rule(read(*items))
    assert ["shop", "data", "pv-data"] == [rule.namespace, rule.claim, rule.volume]


def test_reads_the_disk_of_an_unclaimed_volume() -> None:
    """A rule by disk on what no claim is bound to bears its own namespace and no claim."""
    rule = only_rule(read(snapshot_rule(namespace="ops", **by_disk())))
    assert ["ops", "", ""] == [rule.namespace, rule.claim, rule.volume]


def test_reads_nothing_from_what_is_not_annotated() -> None:
    """Volumes and claims without the annotation are neither rules nor problems."""
    found = read(volume(), claim())
    assert (RuleSet(read_from="a test"), DISK) == (
        msgspec.structs.replace(found, uncovered=()), found.uncovered[0].disk
    )  # fmt: skip


def test_reads_another_annotation_where_so_configured() -> None:
    """`DELTAS_ANNOTATION_KEY` replaces the annotation's key."""
    item = volume()
    item["metadata"]["annotations"] = {KEY: "PT1M PT5M", "example.com/deltas": DELTAS}
    rule = only_rule(read(item, deltas_annotation_key="example.com/deltas"))
    assert DELTAS == rule.deltas


def test_normalises_the_deltas() -> None:
    """Blanks and commas are evened out, so that equal deltas compare equal."""
    rule = only_rule(read(volume(deltas="  PT1H \t P1D\nP30D ")))
    assert DELTAS == rule.deltas


def test_warns_of_deltas_out_of_order() -> None:
    """Out of order is read as if in order, and a warning says so; it holds nothing."""
    ruleset = read(volume(deltas="P1D PT1H P30D"))
    (warning,) = ruleset.problems
    assert ["P1D PT1H P30D"] == [rule.deltas for rule in ruleset.rules]
    assert ["warning", DISK] == [warning.severity, warning.disk]


def test_joins_all_rules_of_one_disk() -> None:
    """Each source that names a disk adds its rule; none is lost to another (trap 11)."""
    items = [volume(deltas="PT1H P1D"), claim(deltas="P1D P30D")]
    items += [snapshot_rule("a", **by_disk()), snapshot_rule("b", persistentVolumeClaim="data")]
    rules = read(*items).rules
    assert [DISK] * 4 == [rule.disk for rule in rules]
    assert ["pv-pv-data", "shop-pvc-data", "shop-rule-a", "shop-rule-b"] == [r.name for r in rules]


def test_answers_the_same_in_whatever_order_objects_come() -> None:
    """Rules and problems are sorted: the order of the listing means nothing."""
    items = [volume(deltas="x"), claim(deltas=DELTAS), snapshot_rule("b", **by_disk())]
    items += [with_spec(5, "a"), with_spec(5, "c"), snapshot_rule("d", **by_disk())]
    assert read(*items) == read(*reversed(items))


# Names


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (Source("PersistentVolumeClaim", "shop", "data"), "shop-pvc-data"),
        (Source("PersistentVolumeClaim", "default", "data"), "pvc-data"),
        (Source("PersistentVolume", "", "pv-1"), "pv-pv-1"),
        (Source("SnapshotRule", "shop", "nightly"), "shop-rule-nightly"),
        (Source("SnapshotRule", "default", "nightly"), "rule-nightly"),
    ],
)
def test_names_rules_as_upstream_does(source: Source, name: str) -> None:
    """`[<namespace>-]<pv|pvc|rule>-<name>`, the namespace `default` left out."""
    assert name == rule_name(source)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("volume", "pv-data"),
        ("claim", "shop-pvc-data"),
        ("disk", "shop-rule-data"),
        ("by claim", "shop-rule-data"),
        ("by volume", "shop-rule-data"),
    ],
)
def test_names_rules_after_the_claim_where_asked(source: str, name: str) -> None:
    """`USE_CLAIM_NAME` puts the claim's name in place of the object's own."""
    assert name == only_rule(read(*SOURCES[source], use_claim_name=True)).name


def test_names_the_rule_after_itself_where_there_is_no_claim() -> None:
    """`USE_CLAIM_NAME` changes nothing for a volume that no claim is bound to."""
    ruleset = read(volume(claimed_by=None, deltas=DELTAS), use_claim_name=True)
    assert "pv-pv-data" == only_rule(ruleset).name


#: Of two regions, so that nobody can tell which it is.
ZONES = ("eu-west-1a", "us-east-1a")


@pytest.mark.parametrize("source", ["volume", "claim", "by claim"])
def test_names_the_rule_in_a_problem_as_on_its_snapshots(source: str) -> None:
    """When the region is lost the problem names the rule that the disk's snapshots name."""
    rule = only_rule(read(*SOURCES[source], use_claim_name=True))
    torn = volume(zones=ZONES, deltas=DELTAS if source == "volume" else None)
    lost = [torn, *SOURCES[source][1:]]
    assert rule.name == only_problem(read(*lost, use_claim_name=True)).rule


# Claims


@pytest.mark.parametrize(
    "victim",
    [
        volume(claimed_by=("bank", "money")),
        volume(claimed_by=("bank", "data")),
        volume(claimed_by=("shop", "other")),
        volume(claimed_by=("shop", "other"), claim_uid=uid("shop", "data")),
        volume(claimed_by=("shop", "data"), claim_uid="uid-of-an-earlier-claim"),
        volume(claimed_by=("shop", "data"), claim_uid=""),
        volume(claimed_by=None),
    ],
    ids=["stranger", "namespace", "name", "name alone", "uid", "no uid", "unclaimed"],
)
@pytest.mark.parametrize(
    "asking",
    [[claim(deltas=DELTAS)], [claim(), snapshot_rule(persistentVolumeClaim="data")]],
    ids=["annotation", "rule"],
)
def test_gives_a_claim_no_power_over_a_volume_it_merely_names(
    victim: Json, asking: list[Json]
) -> None:
    """`spec.volumeName` proves nothing: a problem with neither disk nor rule (trap 12)."""
    problem = only_problem(read(victim, *asking))
    assert ["error", None, ""] == [problem.severity, problem.disk, problem.rule]


def test_gives_a_claim_without_a_uid_no_power() -> None:
    """Two absent uids are not equal uids."""
    items = [volume(claim_uid=""), claim(deltas=DELTAS, claim_uid="")]
    assert only_problem(read(*items)).disk is None


def test_says_how_a_claim_and_its_volume_disagree() -> None:
    """The owner is told the field, the value and that the claim has no say."""
    problem = only_problem(read(volume(claimed_by=("bank", "money")), claim(deltas=DELTAS)))
    assert Source("PersistentVolumeClaim", "shop", "data") == problem.source
    assert ["spec.volumeName", "pv-data"] == [problem.field, problem.value]
    assert problem.message.endswith("it has no say over that volume")


@pytest.mark.parametrize(
    "asking",
    [
        [claim(volume="", deltas=DELTAS)],
        [claim(volume=""), snapshot_rule(persistentVolumeClaim="data")],
    ],
)
def test_warns_of_a_claim_not_yet_bound(asking: list[Json]) -> None:
    """A claim that waits for its volume is no error: it will have one."""
    problem = only_problem(read(*asking))
    assert ["warning", None] == [problem.severity, problem.disk]


@pytest.mark.parametrize(
    ("asking", "field", "message"),
    [
        ([claim(deltas=DELTAS)], "spec.volumeName", "there is no such volume"),
        (
            [claim(), snapshot_rule(persistentVolumeClaim="data")],
            "spec.persistentVolumeClaim",
            "there is no such volume",
        ),
        (
            [snapshot_rule(persistentVolume="pv-data")],
            "spec.persistentVolume",
            "there is no such volume",
        ),
        (
            [snapshot_rule(persistentVolumeClaim="data")],
            "spec.persistentVolumeClaim",
            "there is no such claim in namespace shop",
        ),
    ],
)
def test_tells_of_missing_volumes_and_claims(asking: list[Json], field: str, message: str) -> None:
    """What a rule names and the cluster does not have is a problem of that rule."""
    problem = only_problem(read(*asking))
    assert [field, message] == [problem.field, problem.message]


# SnapshotRules


def test_reads_a_rule_by_claim_in_its_own_namespace_only() -> None:
    """A SnapshotRule cannot name a claim of another namespace, whatever its name."""
    ruleset = read(volume(), claim(), snapshot_rule(namespace="bank", persistentVolumeClaim="data"))
    assert "there is no such claim in namespace bank" == only_problem(ruleset).message


def test_reads_a_rule_by_volume_that_nobody_claims() -> None:
    """An unclaimed volume may be named from any namespace."""
    items = [volume(claimed_by=None), snapshot_rule(namespace="ops", persistentVolume="pv-data")]
    assert DISK == only_rule(read(*items)).disk


@pytest.mark.parametrize("claim_uid", [None, ""], ids=["bound", "reserved"])
def test_refuses_a_rule_by_volume_claimed_from_elsewhere(claim_uid: str | None) -> None:
    """A volume bound to, or reserved for, another namespace's claim is out of reach."""
    items = [
        volume(claim_uid=claim_uid),
        snapshot_rule(namespace="bank", persistentVolume="pv-data"),
    ]
    problem = only_problem(read(*items))
    assert [None, ""] == [problem.disk, problem.rule]


@pytest.mark.parametrize("target", [by_disk(), {"persistentVolume": "pv-data"}])
def test_lets_only_listed_namespaces_name_disks_and_volumes(target: Json) -> None:
    """`DISK_RULE_NAMESPACES` takes the power from all others; they hold nothing either."""
    items = [volume(claimed_by=None), snapshot_rule(namespace="shop", **target)]
    allowed = read(*items, disk_rule_namespaces=("ops", "shop"))
    refused = only_problem(read(*items, disk_rule_namespaces=("ops",)))
    assert DISK == only_rule(allowed).disk
    assert [None, "", "shop"] == [refused.disk, refused.rule, refused.value]


def test_lets_any_namespace_name_its_claim() -> None:
    """`DISK_RULE_NAMESPACES` does not concern claims."""
    ruleset = read(*SOURCES["by claim"], disk_rule_namespaces=("ops",))
    assert DISK == only_rule(ruleset).disk


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (None, "spec"),
        (5, "spec"),
        (True, "spec"),
        ("PT1H P1D", "spec"),
        ([], "spec"),
        ({}, "spec"),
        ({"deltas": DELTAS}, "spec"),
        ({"deltas": DELTAS, "disk": None, "persistentVolume": None}, "spec"),
        ({"deltas": DELTAS, "persistentVolume": "pv", "persistentVolumeClaim": "data"}, "spec"),
        ({"deltas": DELTAS, "persistentVolumeClaim": "data", **by_disk()}, "spec"),
        ({"deltas": DELTAS, "persistentVolumeClaim": ""}, "spec.persistentVolumeClaim"),
        ({"deltas": DELTAS, "persistentVolumeClaim": 5}, "spec.persistentVolumeClaim"),
        ({"deltas": DELTAS, "persistentVolumeClaim": {"name": 1}}, "spec.persistentVolumeClaim"),
        ({"deltas": DELTAS, "persistentVolume": ["pv-data"]}, "spec.persistentVolume"),
        ({"deltas": DELTAS, "disk": {"region": "eu-west-1", "volumeId": VOL}}, "spec.backend"),
        ({"deltas": DELTAS, **by_disk(), "backend": "AWS"}, "spec.backend"),
        ({"deltas": DELTAS, **by_disk(), "backend": ["aws"]}, "spec.backend"),
        ({"deltas": DELTAS, **by_disk(), "backend": {"aws": 1}}, "spec.backend"),
        ({"deltas": DELTAS, "backend": "aws", "disk": VOL}, "spec.disk"),
        ({"deltas": DELTAS, "backend": "aws", "disk": []}, "spec.disk"),
        ({"deltas": DELTAS, "backend": "aws", "disk": {}}, "spec.disk.region"),
        ({"deltas": DELTAS, **by_disk(region="")}, "spec.disk.region"),
        ({"deltas": DELTAS, **by_disk("vol-x")}, "spec.disk.volumeId"),
    ],
)
def test_names_the_field_of_a_rule_that_cannot_be_understood(spec: Any, field: str) -> None:
    """A malformed SnapshotRule is an error of that rule, which its snapshots may name."""
    problem = only_problem(read(volume(), claim(), with_spec(spec)))
    assert ["error", field, "shop-rule-nightly"] == [problem.severity, problem.field, problem.rule]


WRONG_DELTAS: list[Any] = [
    None,
    5,
    0,
    1.5,
    True,
    [],
    ["PT1H", "P1D"],
    {"PT1H": "P1D"},
    "",
    " \t\n",
    "PT1H",
    "PT1H P1",
    "1h 1d",
    "PT0S P1D",
    "-PT1H P1D",
    "PT1S P100Y",
    "PT1H P1D / P1D P30D",
    "x" * 10_000_000,
]


@pytest.mark.parametrize("deltas", WRONG_DELTAS, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("target", [by_disk(), {"persistentVolumeClaim": "data"}])
def test_refuses_deltas_of_every_wrong_kind(deltas: Any, target: Json) -> None:
    """Deltas that cannot be understood are one short problem, which holds the disk's deletions."""
    rule = snapshot_rule(**(target | {"deltas": deltas}))
    problem = only_problem(read(volume(), claim(), rule))
    assert ["error", "spec.deltas", DISK] == [problem.severity, problem.field, problem.disk]
    assert len(problem.value) <= 120
    assert len(problem.message) <= 300


@pytest.mark.parametrize("deltas", [d for d in WRONG_DELTAS if isinstance(d, str)], ids=len)
@pytest.mark.parametrize("annotated", ["volume", "claim"])
def test_refuses_wrong_deltas_in_annotations(deltas: str, annotated: str) -> None:
    """An annotation that cannot be understood names its field, be it empty or 10 MB long."""
    on_volume = deltas if annotated == "volume" else None
    on_claim = deltas if annotated == "claim" else None
    problem = only_problem(read(volume(deltas=on_volume), claim(deltas=on_claim)))
    assert ["error", f"metadata.annotations[{KEY}]", DISK] == [
        problem.severity,
        problem.field,
        problem.disk,
    ]


def test_loses_no_rule_to_another_ones_problem() -> None:
    """One typo stops neither the other rules of the disk nor those of other disks (trap 3)."""
    ruleset = read(
        volume(),
        claim(deltas="PT1H P1"),
        snapshot_rule(**by_disk()),
        volume("pv-2", OTHER_VOL, deltas=DELTAS, claimed_by=None),
    )
    assert {DISK, OTHER_DISK} == {rule.disk for rule in ruleset.rules}
    assert [DISK] == [problem.disk for problem in ruleset.problems]


@pytest.mark.parametrize(
    "items",
    [
        [snapshot_rule(backend="google", disk={"name": "d", "zone": "europe-west1-b"})],
        [snapshot_rule(backend="digitalocean", disk={"volumeId": 5})],
        [volume(spec={"gcePersistentDisk": {"pdName": "d"}}, deltas=DELTAS)],
        [volume(spec={"hostPath": {"path": "/"}}, deltas="no deltas at all")],
        [volume(spec={"nfs": {}}), claim(deltas=DELTAS)],
        [volume(spec={"nfs": {}}), claim(), snapshot_rule(persistentVolumeClaim="data")],
        [volume(spec={"nfs": {}}), claim(), snapshot_rule(persistentVolume="pv-data")],
    ],
)
def test_skips_and_counts_other_clouds_and_drivers(items: list[Json]) -> None:
    """What asks for snapshots of another cloud's or driver's volume is counted, not wrong."""
    assert RuleSet(skipped=1, read_from="a test") == read(*items)


def test_does_not_guess_the_region_of_a_rules_volume() -> None:
    """A volume whose region cannot be told is the rule's problem, never an empty one (trap 1)."""
    problem = only_problem(read(volume(zones=ZONES), claim(deltas=DELTAS)))
    assert ["PersistentVolume pv-data, region", None, "shop-pvc-data"] == [
        problem.field,
        problem.disk,
        problem.rule,
    ]


@pytest.mark.parametrize(
    ("item", "rule"),
    [
        (claim(deltas=5), "shop-pvc-data"),
        (volume(spec={"csi": {"driver": 5}}, deltas=DELTAS), "pv-pv-data"),
        (volume(spec={"csi": {"driver": "ebs.csi.aws.com"}}, deltas=DELTAS), "pv-pv-data"),
        ({"kind": "SnapshotRule", "metadata": {"name": "a", "labels": 5}}, "rule-a"),
    ],
)
def test_names_the_rule_of_an_object_that_cannot_be_decoded(item: Json, rule: str) -> None:
    """One malformed object is one problem, by which its disk's snapshots are still held."""
    ruleset = read(item, volume("pv-2", OTHER_VOL, deltas=DELTAS))
    assert [OTHER_DISK] == [rule.disk for rule in ruleset.rules]
    assert [("error", rule)] == [(p.severity, p.rule) for p in ruleset.problems]


def test_lists_the_scopes_of_rules_and_problems() -> None:
    """Every region that a rule names is listed, not only the function's own (trap 1)."""
    ruleset = read(
        snapshot_rule("a", **by_disk(region="us-east-1")),
        snapshot_rule("b", **by_disk(region="eu-west-1") | {"deltas": "typo"}),
    )
    assert ["ap-east-1", "eu-west-1", "us-east-1"] == scopes_of(ruleset, ["ap-east-1"])


# Anything at all

FIELDS = ["deltas", "backend", "disk", "persistentVolumeClaim", "persistentVolume"]
VALUES = ["aws", "google", "data", "pv-data", DELTAS, "eu-west-1", VOL]
ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(VALUES),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*FIELDS, "region", "volumeId"]) | st.text(max_size=8),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


@given(ANY_JSON)
@settings(max_examples=120, deadline=None)
def test_reads_any_spec_without_raising(spec: Any) -> None:
    """Whatever JSON a spec is, it is one rule, one skipped one or one short error."""
    ruleset = read(volume(), claim(), with_spec(spec))
    errors = [problem for problem in ruleset.problems if problem.severity == "error"]
    assert len(ruleset.rules) + len(errors) + ruleset.skipped == 1
    assert len(msgspec.json.encode(errors)) < 2_000


@given(ANY_JSON, st.sampled_from(["metadata", "spec", "status"]))
@settings(max_examples=120, deadline=None)
def test_reads_any_object_without_raising(value: Any, field: str) -> None:
    """Whatever stands in an object, the others are read."""
    items = [volume(deltas=DELTAS) | {field: value}, claim(deltas=DELTAS) | {field: value}]
    good = volume("pv-2", OTHER_VOL, deltas=DELTAS)
    assert OTHER_DISK in [rule.disk for rule in read(*items, good).rules]


@pytest.mark.parametrize("field", ["deltas", "disk", "persistentVolumeClaim", "persistentVolume"])
def test_survives_what_can_be_decoded_but_not_printed(field: str) -> None:
    """Values nested up to the decoder's own limit, and beyond, are problems of one rule only."""
    rule = {"deltas": DELTAS, "backend": "aws", field: "NESTED"}
    text = json.dumps({"items": [with_spec(rule), volume(deltas=DELTAS)]})
    for depth in (*range(750, sys.getrecursionlimit() + 1), 10_000):
        nested = text.replace('"NESTED"', "[" * depth + "]" * depth)
        ruleset = rules_of(decode_list(nested.encode(), "a test"))
        assert [DISK] == [rule.disk for rule in ruleset.rules]
        assert 1 == len(ruleset.problems)


# Who has power over which disk


@given(clusters(), st.sampled_from([(), ("a",), ("a", "b"), ("ops",)]))
@settings(max_examples=120, deadline=None)
def test_gives_no_namespace_power_over_anothers_disk(
    cluster: tuple[list[Json], dict[Disk, str]], allowed: tuple[str, ...]
) -> None:
    """No object leads to a rule or problem with a disk claimed elsewhere, `spec.disk` aside."""
    items, owners = cluster
    ruleset = read(*items, disk_rule_namespaces=allowed)
    ids = [(problem.source, problem.disk) for problem in ruleset.problems]
    for source, disk in ids + [(rule.source, rule.disk) for rule in ruleset.rules]:
        if disk and source not in naming_disks(items):
            assert source.namespace == owners.get(disk, source.namespace)
        elif disk:
            assert not allowed or source.namespace in allowed


def naming_disks(items: list[Json]) -> set[Source]:
    return {naming(i) for i in items if i["kind"] == "SnapshotRule" and "disk" in i["spec"]}


def test_a_malformed_claim_holds_the_disk_that_the_cluster_bound_to_it() -> None:
    """A claim that cannot be decoded is traced by the volume's claimRef, not by its own word."""
    claim = {
        "kind": "PersistentVolumeClaim",
        "metadata": {"namespace": "shop", "name": "data", "annotations": 7},
    }
    assert [DISK] == [problem.disk for problem in read(volume(), claim).problems]


LOST = Disk("google", "acme-data", "disks/data")
FOUND = Disk("google", "acme-data", "zones/europe-west1-b/disks/data")


def test_disks_that_were_found_later_take_the_place_of_what_rules_called_them() -> None:
    """Rules and problems of a disk without a place are about the disk that was found."""
    source = Source("PersistentVolume", "", "pv-data")
    one = Rule(name="pv-data", disk=LOST, deltas=DELTAS, source=source)
    wrong = Problem(severity="error", source=source, field="f", value="", message="m", disk=LOST)
    ruleset = relocate(RuleSet((one,), (wrong,)), {LOST: FOUND})
    assert {FOUND} == disks_of(ruleset)
    assert [FOUND] == [rule.disk for rule in ruleset.rules]


def test_a_disk_that_was_not_found_is_a_problem_of_its_rule() -> None:
    """The rule is no more, its problem says why, and names the rule whose snapshots to hold."""
    source = Source("PersistentVolume", "", "pv-data")
    one = Rule(name="pv-data", disk=LOST, deltas=DELTAS, source=source)
    error = UnknownDisk("zone", "data", "project acme-data has no disk of this name")
    ruleset = relocate(RuleSet((one,)), {LOST: error})
    assert () == ruleset.rules
    assert [("error", source, "zone", None, "pv-data")] == [
        (p.severity, p.source, p.field, p.disk, p.rule) for p in ruleset.problems
    ]


def test_how_a_disk_may_be_found_is_told_with_its_volume() -> None:
    """The command can be copied where the volume is known."""
    error = UnknownDisk("labels", "", "no region is known", "kubectl label pv {volume} r=x")
    for name, written in (("pv-7", "pv-7"), ("", "NAME")):
        source = Source("SnapshotRule", "shop", "data")
        one = Rule(name="shop-rule-data", disk=LOST, deltas=DELTAS, source=source, volume=name)
        (problem,) = relocate(RuleSet((one,)), {LOST: error}).problems
        assert problem.message.endswith(f"kubectl label pv {written} r=x")


@pytest.mark.parametrize(("by_claim", "name"), [(True, "pv-db"), (False, "pv-data")])
def test_a_malformed_volume_is_named_as_its_rule_would_be(by_claim: bool, name: str) -> None:
    """After its claim only where USE_CLAIM_NAME says so: by the name its snapshots are held."""
    broken = {"kind": "PersistentVolume", "metadata": {"name": "data", "annotations": 7}}
    found = read(broken, claim("db", volume="data"), use_claim_name=by_claim)
    assert [name] == [problem.rule for problem in found.problems]


def test_a_rule_by_disk_has_its_volume_whatever_other_rules_there_are() -> None:
    """One rule of that kind among others is enough to look volumes up."""
    by_claim = snapshot_rule("other", persistentVolumeClaim="data", deltas=DELTAS)
    found = read(volume(), claim(), by_claim, snapshot_rule("disk", "ops", **by_disk()))
    assert {"pv-data"} == {rule.volume for rule in found.rules}
    assert 2 == len(found.rules)
