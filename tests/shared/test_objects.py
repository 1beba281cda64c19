"""Objects: decoded one by one from untrusted bytes, so that a malformed one is one problem."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.errors import ClusterError
from shared.kinds import KINDS, Metadata, PersistentVolume, PersistentVolumeClaim, SnapshotRule
from shared.model import Problem, Source
from shared.objects import Objects, decode_list
from shared.text import shorten
from tests.shared.builders import disk

FILE = "rules.json"
PV = {"kind": "PersistentVolume", "metadata": {"name": "pv-data"}, "spec": {}}
PVC = {"kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "shop"}}
RULE = {"kind": "SnapshotRule", "metadata": {"name": "r", "namespace": "shop"}, "spec": {}}


def decode(*items: Any) -> Objects:
    return decode_list(json.dumps({"kind": "List", "items": items}).encode(), FILE)


def counts(objects: Objects) -> tuple[int, int, int, int]:
    return (
        len(objects.volumes),
        len(objects.claims),
        len(objects.rules),
        len(objects.problems),
    )


def test_decodes_what_kubectl_prints() -> None:
    """Volumes, claims and SnapshotRules of a List are told apart by their kinds."""
    objects = decode(PV, PVC, RULE, PV)

    assert counts(objects) == (2, 1, 1, 0)
    assert PersistentVolumeClaim(Metadata("data", "shop")) == objects.claims[0]
    assert SnapshotRule(Metadata("r", "shop"), {}) == objects.rules[0]
    assert objects.read_from == FILE


def test_an_empty_list_is_no_objects() -> None:
    """A cluster without volumes is no error."""
    assert counts(decode()) == (0, 0, 0, 0)


def test_only_lists_are_looked_into() -> None:
    """An `items` in a claim's own object is the tenant's text, and makes no objects of it."""
    inner = [RULE, RULE]
    assert counts(decode({"kind": "SnapshotRuleList", "items": inner})) == (0, 0, 2, 0)
    assert counts(decode(PVC | {"items": inner})) == (0, 1, 0, 0)


@pytest.mark.parametrize("kind", ["Pod", "VolumeSnapshot", "", None, 1, ["PersistentVolume"], {}])
def test_other_kinds_are_passed_over(kind: Any) -> None:
    """Whole manifests may be mixed in: what is no source of rules is no problem."""
    assert counts(decode({"kind": kind, "metadata": {"name": "x"}}, PV)) == (1, 0, 0, 0)


def test_decodes_every_field_that_is_read() -> None:
    """A volume is read as the cluster prints it: its sources, claimRef and affinity."""
    volume = decode(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {
                "name": "pv-data",
                "uid": "u1",
                "labels": {"topology.kubernetes.io/zone": "eu-west-1a"},
                "annotations": {"backup.kubernetes.io/deltas": "PT1H P1D"},
                "finalizers": ["kubernetes.io/pv-protection"],
            },
            "spec": {
                "capacity": {"storage": "8Gi"},
                "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": "vol-0a", "fsType": "ext4"},
                "awsElasticBlockStore": {"volumeID": "aws://eu-west-1a/vol-0a"},
                "gcePersistentDisk": {"pdName": "disk-1"},
                "claimRef": {"kind": "X", "namespace": "shop", "name": "data", "uid": "u2"},
                "nodeAffinity": {
                    "required": {
                        "nodeSelectorTerms": [
                            {"matchExpressions": [{"key": "k", "operator": "In", "values": ["v"]}]}
                        ]
                    }
                },
            },
            "status": {"phase": "Bound"},
        }
    ).volumes[0]
    spec = volume.spec

    assert (volume.metadata.name, volume.metadata.uid) == ("pv-data", "u1")
    assert volume.metadata.annotations == {"backup.kubernetes.io/deltas": "PT1H P1D"}
    assert spec.csi
    assert (spec.csi.driver, spec.csi.volume_handle) == ("ebs.csi.aws.com", "vol-0a")
    assert spec.aws_elastic_block_store
    assert spec.aws_elastic_block_store.volume_id == "aws://eu-west-1a/vol-0a"
    assert spec.gce_persistent_disk
    assert spec.gce_persistent_disk.pd_name == "disk-1"
    assert spec.claim_ref
    assert (spec.claim_ref.namespace, spec.claim_ref.name, spec.claim_ref.uid) == (
        "shop", "data", "u2"
    )  # fmt: skip
    assert volume.topology("k") == [("spec.nodeAffinity[k]", "v")]


def affine(*expressions: dict[str, Any], labels: dict[str, str] | None = None) -> PersistentVolume:
    terms = [{"matchExpressions": [expression]} for expression in expressions]
    affinity = {"required": {"nodeSelectorTerms": terms}}
    metadata = {"name": "pv-data", "labels": labels}
    return decode(PV | {"metadata": metadata, "spec": {"nodeAffinity": affinity}}).volumes[0]


def test_lists_what_labels_and_affinity_say_of_a_place() -> None:
    """Labels come first, in the order asked; each value of each term follows, with its field."""
    volume = affine(
        {"key": "new", "operator": "In", "values": ["b", "c"]},
        {"key": "old", "operator": "In", "values": ["d"]},
        {"key": "other", "operator": "In", "values": ["e"]},
        labels={"old": "a", "new": "b", "other": "e"},
    )

    assert volume.topology("new", "old") == [
        ("metadata.labels[new]", "b"),
        ("metadata.labels[old]", "a"),
        ("spec.nodeAffinity[new]", "b"),
        ("spec.nodeAffinity[new]", "c"),
        ("spec.nodeAffinity[old]", "d"),
    ]


def test_an_affinity_that_excludes_says_nothing_of_a_place() -> None:
    """`NotIn` names where the volume is not, and an empty label nothing."""
    volume = affine({"key": "k", "operator": "NotIn", "values": ["a"]}, labels={"k": ""})

    assert volume.topology("k") == []


MALFORMED = [
    ({"kind": "PersistentVolume"}, "PersistentVolume (no name)", "object"),
    (PV | {"metadata": {}}, "PersistentVolume (no name)", "metadata"),
    (PV | {"metadata": None}, "PersistentVolume (no name)", "metadata"),
    (PV | {"metadata": "pv-data"}, "PersistentVolume (no name)", "metadata"),
    (PV | {"metadata": ["pv-data"]}, "PersistentVolume (no name)", "metadata"),
    (PV | {"metadata": {"name": 5}}, "PersistentVolume 5", "metadata.name"),
    (PV | {"spec": "none"}, "PersistentVolume pv-data", "spec"),
    (PV | {"spec": {"csi": {"driver": "x"}}}, "PersistentVolume pv-data", "spec.csi"),
    (
        PV | {"metadata": {"name": "pv", "labels": {"a": 1}}},
        "PersistentVolume pv",
        "metadata.labels[...]",
    ),
    (PVC | {"spec": {"volumeName": ["pv"]}}, "PersistentVolumeClaim shop/data", "spec.volumeName"),
    (
        RULE | {"metadata": {"name": "r", "namespace": "shop", "annotations": []}},
        "SnapshotRule shop/r",
        "metadata.annotations",
    ),
    (5, "object (no name)", "object"),
    (None, "object (no name)", "object"),
    ([], "object (no name)", "object"),
    ("PersistentVolume", "object (no name)", "object"),
]


@pytest.mark.parametrize(("item", "source", "field"), MALFORMED)
def test_a_malformed_object_is_one_problem(item: Any, source: str, field: str) -> None:
    """One malformed object is an error that names it and the field, and costs no other object."""
    objects = decode(PV, item, PVC)

    assert counts(objects) == (1, 1, 0, 1)
    problem = objects.problems[0]
    assert (problem.severity, str(problem.source), problem.field) == ("error", source, field)
    assert problem.message.startswith("cannot be read: ")


def test_the_spec_of_a_snapshot_rule_may_be_anything() -> None:
    """Upstream's CRD had no schema: what is wrong with a spec is for the rules to say."""
    specs: list[Any] = [None, 5, "x", [], {"deltas": 5, "disk": [None]}]

    objects = decode(*({**RULE, "spec": spec} for spec in specs))

    assert specs == [rule.spec for rule in objects.rules]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is not JSON as kubectl prints it: Input data was truncated"),
        (b"<html><title>Sign in</title>", "is not JSON as kubectl prints it: JSON is malformed"),
        (b"\xff\xfe{\x00", "is not JSON as kubectl prints it: JSON is malformed"),
        (b"null", "is not JSON as kubectl prints it: Expected `object`, got `null`"),
        (b"[]", "is not JSON as kubectl prints it: Expected `object`, got `array`"),
        (b'{"items": {}}', "is not JSON as kubectl prints it: Expected `array | null`, got `obj"),
        (b'{"items": [{}', "is not JSON as kubectl prints it: Input data was truncated"),
        (b'{"\xff": 1, "items": []', "is not JSON as kubectl prints it: "),
        (b'{"items": ' + b"[" * 100_000, "is not JSON as kubectl prints it: "),
        (b"{}", "is not a List: write it with kubectl get pv,pvc,ns,sc,snapshotrules -A"),
        (b'{"items": null}', "is not a List: write it with kubectl get pv,pvc,ns,sc,snapshotrules"),
        (
            json.dumps(PV).encode(),
            "is not a List: write it with kubectl get pv,pvc,ns,sc,snapshotrules",
        ),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_is_no_list_is_refused(data: bytes, message: str) -> None:
    """Bytes that are no List of Kubernetes raise, with where they were read and what would do."""
    with pytest.raises(ClusterError) as caught:
        decode_list(data, FILE)

    assert str(caught.value).startswith(f"{FILE} {message}")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    "item",
    [
        b'{"kind": "\xff"}',
        b'{"kind": "PersistentVolume", "metadata": {"name": "\xff"}, "spec": {}}',
        b'{"kind": "SnapshotRule", "metadata": {"name": "r"}, "spec": {"deltas": "\xff"}}',
        b'{"kind": "SnapshotRule", "metadata": {"name": "r"}, "spec": 1e999999}',
    ],
)
def test_what_no_object_can_hold_is_one_problem(item: bytes) -> None:
    """Text that is no UTF-8 and numbers out of range cost one object, not the List."""
    data = b'{"items": [' + json.dumps(PV).encode() + b", " + item + b"]}"

    assert counts(decode_list(data, FILE)) == (1, 0, 0, 1)


def test_ten_megabytes_of_annotation_are_read() -> None:
    """An annotation of any size is an object like any other; the rules will say what is wrong."""
    metadata = {"name": "data", "namespace": "shop", "annotations": {"k": "x" * 10_000_000}}

    objects = decode(PVC | {"metadata": metadata}, PV)

    assert counts(objects) == (1, 1, 0, 0)


def test_ten_megabytes_in_a_malformed_object_are_a_short_problem() -> None:
    """However large a malformed object is, what is said of it is short."""
    metadata = {"name": ["x" * 10_000_000], "namespace": "y" * 10_000_000}

    (problem,) = decode(PVC | {"metadata": metadata}).problems

    assert len(problem.source.name) == 120
    assert len(str(problem)) < 600


def test_names_cannot_forge_lines() -> None:
    """A name with control characters is printed on one line, be its object malformed or not."""
    name = "data\r\nERROR forged\u2028\x1b[2J"
    bad, good = decode(
        PVC | {"metadata": {"name": name, "namespace": "a\nb"}, "spec": 5},
        PVC | {"metadata": {"name": name, "namespace": "a\nb"}},
    ), Source("PersistentVolumeClaim", "a\nb", name)  # fmt: skip

    printed = r"PersistentVolumeClaim a\nb/data\r\nERROR forged\u2028\x1b[2J"
    assert str(bad.problems[0].source) == printed
    assert str(good) == printed


@pytest.mark.parametrize("kind", KINDS)
def test_adds_the_items_of_a_page(kind: str) -> None:
    """Pages of one kind, whose items bear no kind of their own, are decoded alike."""
    objects = Objects("cluster")

    objects.add(kind, [b'{"metadata": {"name": "x"}, "spec": {}}', b"5"])
    objects.add(kind, [b'{"metadata": {"name": "y"}, "spec": {}}'])

    decoded: list[Any] = [*objects.all()]
    assert [item.metadata.name for item in decoded] == ["x", "y"]
    assert {kind} == {type(item).__name__ for item in decoded}
    assert [str(problem.source) for problem in objects.problems] == [f"{kind} (no name)"]


KEYS = st.sampled_from(
    ["kind", "items", "metadata", "name", "namespace", "labels", "annotations", "spec", "csi",
     "driver", "volumeHandle", "claimRef", "nodeAffinity", "required", "nodeSelectorTerms"]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from([*KINDS]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)
LISTS = st.lists(st.dictionaries(KEYS, VALUES, max_size=4) | VALUES, max_size=4).map(
    lambda items: json.dumps({"items": items}).encode()
)
CUTS = st.tuples(LISTS, st.integers(0, 200), st.binary(max_size=3)).map(
    lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] :]
)


@settings(deadline=None, max_examples=150)
@given(LISTS | CUTS | st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode()))
@example(b'{"items": [{"kind": "\xff"}]}')
def test_any_bytes_are_objects_or_refused(data: bytes) -> None:
    """Whatever a file or a proxy gives: objects with problems, or a ClusterError, nothing else."""
    try:
        objects = decode_list(data, FILE)
    except ClusterError:
        return
    assert all(isinstance(problem, Problem) for problem in objects.problems)
    assert sum(counts(objects)) <= len(json.loads(data.decode(errors="replace"))["items"])


@pytest.mark.parametrize(
    ("value", "limit", "text"),
    [
        ("short", 120, "short"),
        ("x" * 120, 120, "x" * 120),
        ("x" * 121, 120, "x" * 119 + "…"),
        ("abcdef", 4, "abc…"),
        ("a\nb", 10, r"a\nb"),
        ("a\nb", 3, r"a\…"),
        ("\x1b[31m", 20, r"\x1b[31m"),
        ("grün", 20, "grün"),
        ("\u202egnp", 20, r"\u202egnp"),
        (5, 20, "5"),
        (None, 20, "None"),
        (["a\n"], 20, r"['a\n']"),
        ("", 20, ""),
    ],
)
def test_shortens_untrusted_input_to_one_line(value: object, limit: int, text: str) -> None:
    """Values are printed with control characters escaped, cut where they are too long."""
    assert text == shorten(value, limit)


@settings(deadline=None, max_examples=150)
@given(st.text() | st.lists(st.text(), max_size=3), st.integers(1, 50))
def test_whatever_is_shortened_is_one_short_printable_line(value: object, limit: int) -> None:
    """No text gets through longer than the limit or with a character that is not printable."""
    text = shorten(value, limit)

    assert text.isprintable()
    assert len(text) <= limit


def test_a_disk_is_named_in_one_word() -> None:
    """The id that reports print is the one that a selection takes."""
    assert disk("vol-0a", "eu-west-1").id == "aws:eu-west-1/vol-0a"
