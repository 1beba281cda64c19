"""Labels, names and descriptions: what each cloud allows, and what they mean when read back."""

import json
import re
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.model import Source
from shared.planning.labels import (
    AWS,
    CLAIM,
    CLUSTER,
    DELTAS,
    FROM,
    GOOGLE,
    KEEP,
    MAX_DESCRIPTION,
    MAX_NAME,
    NAME,
    NAMESPACE,
    RULE,
    TAKEN,
    VOLUME,
    Encoding,
    Labels,
    Owner,
    deltas_text,
    read_deltas,
    read_uncut,
    snapshot_name,
    taken,
)
from shared.retention.deltas import MAX_TEXT
from tests.shared.builders import NOW, OURS, disk, rule, snapshot

TIME = "150626-120000"
GOOGLE_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
GOOGLE_VALUE = re.compile(r"[-_a-z0-9]{0,63}")

aws = Labels(AWS, cluster="demo")
google = Labels(GOOGLE, cluster="demo")


@pytest.mark.parametrize(
    ("encoding", "text", "value"),
    [
        (AWS, "Shop/Data.v1 ü", "Shop/Data.v1 ü"),
        (AWS, "x" * 256, "x" * 256),
        (GOOGLE, "shop-data_1", "shop-data_1"),
        (GOOGLE, "Shop/Data.v1 ü", "shop-data-v1--"),
        (GOOGLE, "PT1H P1D", "pt1h-p1d"),
        (GOOGLE, "x" * 63, "x" * 63),
        (GOOGLE, "", ""),
    ],
)
def test_encodes_values_as_each_cloud_allows(encoding: Encoding, text: str, value: str) -> None:
    """AWS takes values as they are; Google's are lowercased, with `-` for what it refuses."""
    assert value == encoding.value(text)


@pytest.mark.parametrize(("encoding", "limit"), [(AWS, 256), (GOOGLE, 63)])
def test_values_that_are_cut_stay_distinct(encoding: Encoding, limit: int) -> None:
    """Two long values that differ only at their ends differ in encoded form as well."""
    one, two = (encoding.value("x" * limit + end) for end in "ab")

    assert (limit, limit) == (len(one), len(two))
    assert one != two
    assert encoding.value("x" * limit + "a") == one


@settings(deadline=None)
@given(st.text(max_size=300))
def test_google_accepts_every_encoded_value(text: str) -> None:
    """Whatever the text, its encoded form is a label value that Google takes."""
    assert GOOGLE_VALUE.fullmatch(GOOGLE.value(text))


@settings(deadline=None)
@given(st.text(max_size=300))
def test_aws_accepts_every_encoded_value(text: str) -> None:
    """Whatever the text, its encoded form is no longer than a tag may be."""
    assert len(AWS.value(text)) <= 256


@pytest.mark.parametrize(
    ("encoding", "rule_name", "name"),
    [
        (AWS, "shop-pvc-data", "shop-pvc-data-150626-120000"),
        (AWS, "shop-pvc-data.v1", "shop-pvc-data.v1-150626-120000"),
        (GOOGLE, "shop-pvc-data", "shop-pvc-data-150626-120000"),
        (GOOGLE, "shop-pvc-data.v1", "shop-pvc-data-v1-150626-120000"),
        (GOOGLE, "1st-pvc-data", "s1st-pvc-data-150626-120000"),
        (GOOGLE, "-pvc-data", "s-pvc-data-150626-120000"),
    ],
)
def test_names_snapshots_as_upstream_does(encoding: Encoding, rule_name: str, name: str) -> None:
    """A name is the rule's and the time, dots (which broke the daemon) made safe for Google."""
    assert name == snapshot_name(encoding, rule_name, disk(), TIME, False)


@pytest.mark.parametrize("encoding", [AWS, GOOGLE], ids=["aws", "google"])
def test_a_name_that_is_cut_bears_the_disks_hash(encoding: Encoding) -> None:
    """Past 63 characters the rule's name is cut, and six hex digits of the disk stand in."""
    long = "shop-pvc-" + "x" * 60
    one, two = (
        snapshot_name(encoding, long, disk(name), TIME, False) for name in ("vol-0a", "vol-0b")
    )

    assert (len(one), len(two)) == (MAX_NAME, MAX_NAME)
    assert re.fullmatch(r"shop-pvc-x{33}-[0-9a-f]{6}-150626-120000", one)
    assert one != two


def test_a_name_of_just_the_allowed_length_is_not_cut() -> None:
    """63 characters stay as they are, without a hash."""
    fits = "x" * (MAX_NAME - len(TIME) - 1)

    assert f"{fits}-{TIME}" == snapshot_name(AWS, fits, disk(), TIME, False)
    assert fits not in snapshot_name(AWS, fits + "x", disk(), TIME, False)


def test_names_that_two_disks_would_share_are_made_distinct() -> None:
    """Two disks of one rule's name get names that differ, the same ones each time."""
    one, two = (snapshot_name(AWS, "a", disk(name), TIME, True) for name in ("vol-0a", "vol-0b"))

    assert re.fullmatch(r"a-[0-9a-f]{6}-150626-120000", one)
    assert one != two
    assert one == snapshot_name(AWS, "a", disk("vol-0a"), TIME, True)


def test_disks_of_one_name_in_two_regions_have_distinct_names() -> None:
    """The hash is of the disk's whole id, its region included."""
    ireland, frankfurt = (
        snapshot_name(AWS, "a", disk(scope=scope), TIME, True)
        for scope in ("eu-west-1", "eu-central-1")
    )

    assert ireland != frankfurt


TIMES = st.sampled_from(
    [TIME, "2026-06-15T12:00:00+0000", "Mon 15 Jun 12:00", "12.00.", "///", "A" * 32]
)


@settings(deadline=None, max_examples=150)
@given(st.text(min_size=1, max_size=120), TIMES, st.booleans())
def test_google_accepts_every_name(rule_name: str, time: str, distinct: bool) -> None:
    """Whatever rule's name and time format, the snapshot's name is one that Google takes."""
    name = snapshot_name(GOOGLE, rule_name, disk(), time, distinct)

    assert GOOGLE_NAME.fullmatch(name)


@settings(deadline=None, max_examples=150)
@given(st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,250}[a-z0-9])?", fullmatch=True), TIMES)
def test_no_name_is_longer_than_63(rule_name: str, time: str) -> None:
    """Names that Kubernetes allows give names of 63 characters at most on AWS too."""
    assert len(snapshot_name(AWS, rule_name, disk(), time, False)) <= MAX_NAME


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (None, False),
        ("false", False),
        ("False", False),
        ("true", True),
        ("True", True),
        ("", True),
        ("until the audit is over", True),
        ("2026-06-31", True),
        ("2026-06-16", True),
        ("2026-06-15", True),
        ("2026-06-14", False),
        ("20260614", False),
        ("20260616", True),
        ("2026-06-15T11:59", False),
        ("2026-06-15T12:00", True),
        ("2026-06-15T12:00:01Z", True),
        ("2026-06-15t12:00:01z", True),
        ("2026-06-15t11:59:59z", False),
        ("2026-w24", False),
        ("20260615T11", False),
        ("20260615T12", True),
        ("2026-06-15T13:00:00+02:00", False),
        ("2026-06-15T11:00:00-02:00", True),
        ("0001-01-01", False),
        ("9999-12-31", True),
    ],
)
def test_the_keep_label_forbids_to_delete(value: str | None, kept: bool) -> None:
    """`true` keeps for ever, a date until its end, and what cannot be read keeps as well."""
    labels = OURS if value is None else OURS | {KEEP: value}

    assert kept == aws.kept(snapshot("s", NOW, labels=labels), NOW)


@pytest.mark.parametrize(
    ("now", "kept"),
    [
        (datetime(2026, 6, 15, tzinfo=UTC), True),
        (datetime(2026, 6, 16, tzinfo=UTC) - timedelta.resolution, True),
        (datetime(2026, 6, 16, tzinfo=UTC), False),
    ],
)
def test_a_keep_date_counts_to_its_end(now: datetime, kept: bool) -> None:
    """A snapshot to keep until the 15th may go when the 16th begins in UTC, not a moment before."""
    keeper = snapshot("s", NOW, labels=OURS | {KEEP: "2026-06-15"})

    assert kept == aws.kept(keeper, now)


def test_the_keep_label_has_the_key_that_is_set() -> None:
    """Under `KEEP_LABEL` another key forbids, and the default one no longer does."""
    labels = Labels(AWS, keep_key="legal-hold")

    assert labels.kept(snapshot("s", NOW, labels={"legal-hold": "true"}), NOW)
    assert not labels.kept(snapshot("s", NOW, labels={KEEP: "true"}), NOW)


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=30) | st.text("0123456789-:TtZzWw+. ", max_size=30))
def test_no_keep_label_makes_the_pass_fail(value: str) -> None:
    """Anybody may write the label: whatever it says, it forbids or it does not."""
    labelled = snapshot("s", NOW, labels=OURS | {KEEP: value})

    assert aws.kept(labelled, NOW) in (True, False)


@pytest.mark.parametrize(
    ("cluster", "label", "owner"),
    [
        ("demo", "demo", "this"),
        ("demo", "Demo", "other"),
        ("demo", "staging", "other"),
        ("demo", None, "unknown"),
        ("demo", "", "unknown"),
        ("", "demo", "other"),
        ("", None, "unknown"),
    ],
)
def test_tells_whose_cluster_a_snapshot_belongs_to(
    cluster: str, label: str | None, owner: Owner
) -> None:
    """The cluster label decides; the daemon's snapshots bear none and belong to nobody known."""
    labels = {"created-by": "k8s-snapshots"} | ({} if label is None else {CLUSTER: label})

    assert owner == Labels(AWS, cluster=cluster).owner(snapshot("s", NOW, labels=labels))


def test_compares_the_cluster_in_encoded_form() -> None:
    """On Google a cluster's name is recognised as it can be written there, and no other's is."""
    labels = Labels(GOOGLE, cluster="Demo.example.com")
    ours = snapshot("s", NOW, labels=labels.for_snapshot("name", [rule()]))

    assert re.fullmatch(r"demo-example-com-[0-9a-f]{8}", ours.labels[CLUSTER])
    assert labels.owner(ours) == "this"
    for other in ("demo.example.com", "Demo-example.com", "demo-example-com"):
        assert Labels(GOOGLE, cluster=other).owner(ours) == "other"


@pytest.mark.parametrize(
    ("more", "owner"), [({}, "other"), ({FROM: "prod-c0ffee00"}, "this")], ids=["", "adopted"]
)
def test_what_the_description_says_exactly_counts_first(more: dict[str, str], owner: Owner) -> None:
    """A label without a hash may be two clusters'; that of an adopted one is this one's."""
    labels = {"created-by": "k8s-snapshots", CLUSTER: "prod"} | more
    found = msgspec.structs.replace(snapshot("s", NOW, labels=labels), cluster="Prod")

    assert Labels(GOOGLE, cluster="prod").owner(found) == owner


@pytest.mark.parametrize(
    ("labels", "ours"),
    [
        ({"created-by": "k8s-snapshots"}, True),
        ({"created-by": "somebody"}, False),
        ({"made-by": "k8s-snapshots"}, False),
        ({}, False),
    ],
)
def test_the_author_label_marks_our_snapshots(labels: dict[str, str], ours: bool) -> None:
    """Ours is what bears the author's key and value, as upstream's do."""
    assert ours == aws.ours(snapshot("s", NOW, labels=labels))


@pytest.mark.parametrize("encoding", [AWS, GOOGLE], ids=["aws", "google"])
def test_recognises_what_it_labels(encoding: Encoding) -> None:
    """A new snapshot's labels are read back as ours and this cluster's."""
    labels = Labels(encoding, author_key="made_by", author="My Backups", cluster="Demo 1")
    one = rule(name="shop-pvc-Data.v1")
    made = snapshot("s", NOW, labels=labels.for_snapshot("name", [one]))

    assert labels.ours(made)
    assert labels.owner(made) == "this"


def test_labels_of_a_new_snapshot_on_aws() -> None:
    """All that the labels say, exact, and the name for the console."""
    assert aws.for_snapshot("shop-pvc-data-150626-120000", [rule()]) == {
        "created-by": "k8s-snapshots",
        CLUSTER: "demo",
        NAMESPACE: "shop",
        CLAIM: "data",
        VOLUME: "pv-data",
        RULE: "shop-pvc-data",
        DELTAS: "PT1H P1D P30D P360D",
        NAME: "shop-pvc-data-150626-120000",
    }
    assert aws.description("shop-pvc-data-150626-120000", [rule()]) == "shop-pvc-data-150626-120000"


def test_labels_of_a_new_snapshot_on_google() -> None:
    """The labels are encoded; the exact values stand as JSON in the description."""
    one = rule(claim="Data.v1")

    labels = google.for_snapshot("name", [one])

    assert (labels[CLAIM], labels[DELTAS]) == ("data-v1", "pt1h-p1d-p30d-p360d")
    assert NAME not in labels
    assert json.loads(google.description("name", [one])) == {
        "cluster": "demo",
        "namespace": "shop",
        "claim": "Data.v1",
        "volume": "pv-data",
        "rules": ["shop-pvc-data"],
        "deltas": "PT1H P1D P30D P360D",
    }


def test_labels_without_a_value_are_left_out() -> None:
    """A rule by disk has no claim, and an installation without a name no cluster: no labels."""
    by_disk = rule(namespace="ops", claim="", volume="")

    labels = Labels(AWS).for_snapshot("name", [by_disk])

    assert {"created-by", NAMESPACE, RULE, DELTAS, NAME} == labels.keys()
    assert "claim" not in json.loads(Labels(GOOGLE).description("name", [by_disk]))


def test_a_snapshot_of_several_rules_bears_all_their_deltas() -> None:
    """Each distinct list of deltas is borne once, the first one's first, and all are read back."""
    rules = [rule("PT1H P1D"), rule("P1D P30D"), rule("PT1H P1D"), rule("P1D P30D")]

    borne = aws.for_snapshot("name", rules)[DELTAS]

    assert borne == "PT1H P1D / P1D P30D"
    assert [deltas.text for deltas in read_deltas(borne)] == ["PT1H P1D", "P1D P30D"]


def test_the_deltas_of_many_rules_fit_one_label() -> None:
    """A text that is too long says how many lists it leaves out, and a hash of all of them."""
    rules = [rule("P1D P1Y"), *(rule(f"P1D P{n}D") for n in range(2, 40))]

    many = aws.for_snapshot("name", rules)[DELTAS]

    assert len(many) <= MAX_TEXT
    assert many.startswith("P1D P1Y / P1D P2D / P1D P3D")
    assert re.fullmatch(r"\+\d+ [0-9a-f]{8}", many.rpartition(" / ")[2])
    assert (read_deltas(many), len(read_uncut(many))) == ((), many.count("/"))
    assert many != aws.for_snapshot("name", [*rules, rule("PT1H P1D")])[DELTAS]


def test_a_list_that_fills_the_label_leaves_no_room_for_others() -> None:
    """Then the label only says how many there are."""
    words = ["PT1H", "P1D", *(f"P{n}D" for n in range(10, 80))]
    long = " ".join(words)[:MAX_TEXT].rsplit(" ", 1)[0]

    assert aws.for_snapshot("name", [rule(long)])[DELTAS] == long
    assert aws.for_snapshot("name", [rule(long), rule("P1D P1Y")])[DELTAS].startswith("+2 ")


def test_the_list_of_the_disks_own_namespace_comes_first() -> None:
    """A stranger's rule by disk never pushes out what the disk's owners wrote."""
    stranger = msgspec.structs.replace(
        rule("PT1H P1D"), source=Source("SnapshotRule", "elsewhere", "x")
    )
    own = rule("P1D P30D")
    assert deltas_text([stranger, own]) == "P1D P30D / PT1H P1D"


def test_a_description_that_is_too_long_leaves_out_the_rules_first_then_the_last_fields() -> None:
    """What tells the cluster apart stays as long as there is room."""
    long = "n" * 900
    several = [rule(f"rule-{n}-{long}", namespace=long, claim=long) for n in range(3)]
    text = google.description("name", several)
    assert len(text) <= MAX_DESCRIPTION
    found = json.loads(text)
    assert {"deltas", "namespace"} <= found.keys()
    assert "source" not in found


def test_one_rule_alone_may_be_too_long_for_a_description() -> None:
    """Its name stays as long as there is room; what is cut is whole fields."""
    long = "n" * 900
    text = google.description("name", [rule(long, namespace=long, claim=long, volume=long)])
    assert len(text) <= MAX_DESCRIPTION
    assert {"deltas", "namespace"} <= json.loads(text).keys()


@pytest.mark.parametrize("encoding", [AWS, GOOGLE])
def test_a_distinct_value_of_just_the_allowed_length_is_not_cut(encoding: Encoding) -> None:
    """One more letter, and it ends in a hash."""
    longest = "c" * encoding.max_value
    assert longest == encoding.distinct(longest)
    assert encoding.max_value == len(encoding.distinct(longest + "c"))


@pytest.mark.parametrize(
    ("label", "time"),
    [
        ("2026-06-14T18:00:00Z", datetime(2026, 6, 14, 18, tzinfo=UTC)),
        ("2026-06-14t18:00:00z", datetime(2026, 6, 14, 18, tzinfo=UTC)),
        ("2026-06-14T18:00:00", datetime(2026, 6, 14, 18, tzinfo=UTC)),
        ("2026-06-14T18:00:00+02:00", datetime(2026, 6, 14, 16, tzinfo=UTC)),
        ("yesterday", None),
        ("9999-12-31T23:59:59-12:00", None),
        ("", None),
    ],
)
def test_a_copys_time_is_that_of_its_label(label: str, time: datetime | None) -> None:
    """In any zone; without a good one nothing tells it."""
    copy = msgspec.structs.replace(snapshot("c", NOW, labels=OURS | {TAKEN: label}), copy=True)
    assert time == taken(copy)
    assert NOW == taken(snapshot("s", NOW, labels=OURS | {TAKEN: label}))
