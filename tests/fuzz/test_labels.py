"""Labels of any names: just the keys that are ours, within what each cloud allows."""

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from functions.aws.volumes import EBSVolumes
from shared.model import Rule, Source
from shared.planning.labels import (
    AWS,
    GOOGLE,
    MAX_DESCRIPTION,
    MAX_NAME,
    PREFIX,
    Labels,
    read_deltas,
    read_uncut,
    snapshot_name,
)
from shared.retention.deltas import parse
from tests.clock import NOON
from tests.fuzz.budget import fuzz
from tests.fuzz.inputs import CLEAN_TEXT, ODD, VALUES, encoded
from tests.fuzz.test_objects import read
from tests.shared.builders import snapshot
from tests.shared.objects_builders import DELTAS, DISK, claim, snapshot_rule, volume

KEYS = {PREFIX + word for word in ("cluster", "namespace", "claim", "volume", "rule", "deltas")}
#: "Requirements for labels" and "Resource naming convention" of Compute Engine.
VALUE, NAME = r"[-_a-z0-9]{0,63}", r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?"
LONGEST = " ".join(["PT1H"] * 51)

#: Names that mean something to what reads labels.
NAMES = st.one_of(
    CLEAN_TEXT,
    st.sampled_from([text for text in ODD if "\ud800" not in text]),
    st.sampled_from(["keep", "k8s-snapshots-keep", '","k8s-snapshots-keep":"true', "a=b,c=d",
                     "aws:x", "x" * 300, "\u00e4" * 300, "-", "1", "\\" * 300]),
)  # fmt: skip
TEXTS = st.sampled_from([DELTAS, "PT1H P1D", LONGEST, "PT0,5H P1D", "P1W P1M P1Y"])
RULES = st.builds(
    lambda name, namespace, called, held, deltas: Rule(
        name=name,
        disk=DISK,
        deltas=parse(deltas).text,
        source=Source("SnapshotRule", namespace, name),
        namespace=namespace,
        claim=called,
        volume=held,
    ),
    NAMES, NAMES, NAMES, NAMES, TEXTS,
)  # fmt: skip
LISTS = st.lists(RULES, min_size=1, max_size=12)
TIMES = st.sampled_from(["150626-120000", "15.06.2026 12:00", "2026-06-15T12:00:00+0000", "x" * 32])


@fuzz(100)
@given(LISTS, st.sampled_from([AWS, GOOGLE]), NAMES, TIMES, st.booleans())
def test_no_name_adds_a_label(
    rules: list[Rule], encoding: object, cluster: str, time: str, distinct: bool
) -> None:
    """Names are values, whatever stands in them; the author is ours; nothing is kept by them."""
    labels = Labels(AWS if encoding is AWS else GOOGLE, cluster=cluster)
    name = snapshot_name(labels.encoding, rules[0].name, DISK, time, distinct)
    found = labels.for_snapshot(name, rules)
    allowed = KEYS | {"created-by"} | ({"Name"} if encoding is AWS else set())

    assert found.keys() <= allowed
    assert found["created-by"] == "k8s-snapshots"
    made = snapshot("snap-a", NOON, labels=found)
    assert labels.ours(made)
    assert labels.owner(made) == ("this" if cluster else "unknown")
    assert not labels.kept(made, NOON)
    assert len(name) <= MAX_NAME


@fuzz(100)
@given(LISTS, NAMES, TIMES, st.booleans())
def test_google_takes_any_labels(
    rules: list[Rule], cluster: str, time: str, distinct: bool
) -> None:
    """Values, names and descriptions are of the form that Compute Engine accepts."""
    labels = Labels(GOOGLE, cluster=cluster)
    name = snapshot_name(GOOGLE, rules[0].name, DISK, time, distinct)
    found = labels.for_snapshot(name, rules)

    assert re.fullmatch(NAME, name), name
    assert all(re.fullmatch(VALUE, value) for value in found.values())
    text = labels.description(name, rules)
    assert len(text) <= MAX_DESCRIPTION
    assert text.isascii()
    assert text.isprintable()
    exact = json.loads(text)
    assert exact.keys() <= {"deltas", "namespace", "claim", "volume", "rules", "cluster"}
    _judge_deltas(exact["deltas"], rules)
    for key in ("namespace", "claim", "volume"):
        assert exact.get(key) in (None, getattr(rules[0], key))


@fuzz(100)
@given(LISTS, NAMES, TIMES, st.booleans())
def test_aws_takes_any_tags(rules: list[Rule], cluster: str, time: str, distinct: bool) -> None:
    """Fifty tags, keys of 128 and values of 256 characters, none that begins with `aws:`."""
    labels = Labels(AWS, cluster=cluster)
    name = snapshot_name(AWS, rules[0].name, DISK, time, distinct)
    found = labels.for_snapshot(name, rules)

    assert len(found) <= 50
    assert all(len(key) <= 128 and not key.startswith("aws:") for key in found)
    assert all(0 < len(value) <= 256 for value in found.values())
    assert len(labels.description(name, rules)) <= 255
    _judge_deltas(found[PREFIX + "deltas"], rules)


def _judge_deltas(text: str, rules: list[Rule]) -> None:
    """Find all lists, or else an end that says how many are left out."""
    wanted = {parse(rule.deltas) for rule in rules}
    assert len(text) <= 255
    if found := read_deltas(text):
        assert set(found) == wanted
    else:
        end = re.search(r"\+(\d+) [0-9a-f]{8}$", text)
        assert end
        assert len(read_uncut(text)) + int(end[1]) == len({rule.deltas for rule in rules})


@fuzz(80)
@given(
    st.dictionaries(NAMES | st.sampled_from([*KEYS, PREFIX + "keep", "created-by"]), CLEAN_TEXT),
    VALUES,
)
def test_labels_of_the_cluster_are_not_labels_of_snapshots(
    given_labels: dict[str, str], more: object
) -> None:
    """Labels, annotations and further fields of objects end where they stand."""
    item = claim(deltas=DELTAS)
    item["metadata"]["labels"] = given_labels
    item["metadata"]["annotations"] = given_labels | item["metadata"]["annotations"]
    rule = snapshot_rule(persistentVolumeClaim="data", labels=more, keep=more)
    objects = [encoded(thing) for thing in (volume(labels=given_labels), item, rule)]
    rules = [r for r in read(EBSVolumes(), *objects).rules if r.disk == DISK]
    for labels in (Labels(AWS), Labels(GOOGLE)):
        for first in rules:
            found = labels.for_snapshot("name", [first])
            assert found.keys() <= KEYS | {"created-by", "Name"}
            assert found["created-by"] == "k8s-snapshots"
