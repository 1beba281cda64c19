"""Objects of any shape: one that is malformed is a problem, and costs no other object anything."""

import json
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from functions.aws.volumes import EBSVolumes
from functions.gcp.volumes import PersistentDisks
from shared.errors import ClusterError
from shared.model import Problem, RuleSet, Source
from shared.objects import decode_list
from shared.ports import Volumes
from shared.rules.options import Options
from shared.rules.read import read_rules
from shared.text import LONGEST
from tests.fuzz.budget import assert_line, bounded, fuzz
from tests.fuzz.inputs import (
    ITEMS,
    REAL,
    VALUES,
    bound,
    bulky,
    encoded,
    listed,
    odd_handle,
    odd_names,
    torn,
)
from tests.shared.objects_builders import (
    OTHER_VOL,
    VOL,
    by_disk,
    claim,
    snapshot_rule,
    volume,
    with_spec,
)

PROVIDERS: list[Volumes] = [EBSVolumes(), PersistentDisks("my-project")]
CLOUDS = st.sampled_from(PROVIDERS)
GOOGLE = "projects/my-project/zones/europe-west1-b/disks/{}"
#: Healthy, broken and unbound ones, on both clouds.
OTHERS = [
    encoded(item)
    for item in (
        volume("pv-data", VOL, deltas="PT1H P1D"),
        claim("data", deltas="PT1H P2D"),
        volume("pv-more", OTHER_VOL, claimed_by=("shop", "more")),
        claim("more", volume="pv-more", deltas="typo"),
        claim("unbound", volume="", deltas="PT1H P1D"),
        volume("pd-data", GOOGLE.format("data"), claimed_by=("bank", "data"), zones=()),
        claim("data", "bank", volume="pd-data", deltas="PT1H P3D"),
        snapshot_rule("by-claim", "bank", persistentVolumeClaim="data"),
        snapshot_rule("by-volume", persistentVolume="pv-more"),
        snapshot_rule("by-disk", **by_disk(OTHER_VOL)),
        with_spec("nonsense", "broken"),
        {"kind": "PersistentVolumeClaim", "metadata": {"name": "bad", "namespace": "shop"},
         "spec": 5},
    )
]  # fmt: skip
NAMED = {Source(i["kind"], i["metadata"].get("namespace", ""), i["metadata"]["name"])
         for i in map(json.loads, OTHERS)}  # fmt: skip


def read(volumes: Volumes, *items: bytes) -> RuleSet:
    return read_rules(decode_list(listed(*items), "a test"), volumes, Options())


@fuzz(150)
@given(ITEMS, st.integers(0, len(OTHERS)), CLOUDS)
@example(b'{"kind": "\xff"}', 0, EBSVolumes())
def test_one_object_changes_nothing_of_the_others(item: bytes, at: int, cloud: Volumes) -> None:
    """Wherever it stands, the others' rules and problems are those of a cluster without it."""
    without = read(cloud, *OTHERS)
    with bounded():
        found = read(cloud, *OTHERS[:at], item, *OTHERS[at:])

    mine = [rule for rule in found.rules if rule.source not in NAMED]
    assert list(without.rules) == [rule for rule in found.rules if rule.source in NAMED]
    assert len(mine) <= 1
    problems = Counter(map(repr, found.problems))
    problems.subtract(map(repr, without.problems))
    assert min(problems.values(), default=0) >= 0
    assert problems.total() <= 2
    assert without.skipped <= found.skipped <= without.skipped + 1


@fuzz(150)
@given(st.lists(ITEMS, min_size=1, max_size=3) | bound(), CLOUDS)
@example(odd_names("x\nforged"), EBSVolumes())
@example([encoded(volume(spec=odd_handle("a\nforged"), deltas="PT1H P1D"))], PROVIDERS[1])
def test_what_is_said_of_an_object_is_one_short_line(items: list[bytes], cloud: Volumes) -> None:
    """Whatever names and values an object has, no line of a log can be forged by them."""
    for problem in read(cloud, *items).problems:
        assert_problem(problem)


def assert_problem(problem: Problem) -> None:
    assert_line(str(problem.source), 400)
    assert_line(problem.field, LONGEST)
    assert_line(problem.value, 120)
    assert_line(problem.message, LONGEST)


@pytest.mark.parametrize("text", [rb'"\ud800"', rb'"\udc00x"', rb'{"\ud800": 1}'])
def test_a_lone_surrogate_costs_one_object(text: bytes) -> None:
    """No API prints one, but whoever writes a mirror may."""
    item = b'{"kind": "SnapshotRule", "metadata": {"name": "r"}, "spec": %s}' % text
    assert len(read(EBSVolumes(), *OTHERS, item).rules) == len(read(EBSVolumes(), *OTHERS).rules)


LISTS = st.lists(ITEMS, max_size=3).map(lambda items: listed(*items))


@fuzz(150)
@given(
    LISTS.flatmap(torn) | VALUES.map(encoded) | st.binary(max_size=200),
    st.sampled_from([b"", b"NaN", b"-Infinity", b"1e5", b"\xef\xbb\xbf", b"0x1F"]),
)
def test_any_bytes_are_objects_or_refused(data: bytes, more: bytes) -> None:
    """What is no JSON at all, NaN in place of a number for one, raises our own error only."""
    for text in (data, data.replace(b"null", more), more + data):
        try:
            objects = decode_list(text, "a test")
        except ClusterError as error:
            assert_line(str(error), 300)
        else:
            read_rules(objects, EBSVolumes(), Options())


@fuzz(50)
@given(bulky('[]{}":,\\ 0') | bulky('{"kind"}[,]:\\'))
@example('{"items": [' + "[" * 90_000 + '"\\')
@example('{"items": [' + '{"metadata":' * 8_000)
@example('{"items": [' + '"' * 99_000)
@example('{"items": [' + "[" * 45_000 + "]" * 45_000 + "]}")
def test_a_long_text_takes_bounded_time(text: str) -> None:
    """A hundred thousand brackets, quotes or keys are read or refused at once."""
    with bounded():
        try:
            decode_list(text.encode(), "a test")
        except ClusterError as error:
            assert_line(str(error), 300)


def test_the_real_ones_are_healthy() -> None:
    """What is mutated has rules to lose."""
    for item in REAL:
        found = [read(cloud, encoded(item)) for cloud in PROVIDERS]
        assert item["kind"] != "PersistentVolume" or any(len(rules.rules) == 1 for rules in found)
