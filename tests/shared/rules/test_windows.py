"""Windows of rules: text in annotations, fields in SnapshotRules."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kinds import WINDOW
from shared.windows.parse import parse
from tests.shared.objects_builders import (
    DELTAS,
    DISK,
    OTHER_VOL,
    Json,
    annotated,
    by_disk,
    claim,
    namespace,
    read,
    snapshot_policy,
    snapshot_rule,
    storage_class,
    volume,
)

NIGHT = "01:00-05:00 Europe/Berlin"
FIELDS = {"start": "01:00", "end": "05:00", "timeZone": "Europe/Berlin"}

SOURCES: dict[str, list[Json]] = {
    "volume": [annotated(volume(deltas=DELTAS), window=NIGHT)],
    "claim": [volume(), annotated(claim(deltas=DELTAS), window=NIGHT)],
    "rule": [snapshot_rule(window=[FIELDS], **by_disk())],
}


@pytest.mark.parametrize("items", SOURCES.values(), ids=SOURCES)
def test_reads_the_window_of_each_source(items: list[Json]) -> None:
    """An annotation beside the deltas, or a field of the rule."""
    ruleset = read(*items)
    (rule,) = ruleset.rules
    assert ((), NIGHT) == (ruleset.problems, str(rule.window))


def test_without_a_window_there_is_none() -> None:
    """Null is none too."""
    rules = read(volume(deltas=DELTAS), snapshot_rule(window=None, **by_disk())).rules
    assert [None, None] == [rule.window for rule in rules]


def test_a_window_asks_for_nothing_by_itself() -> None:
    """An annotation without deltas is no rule and no error; a note says it has no effect."""
    items = [
        annotated(volume(storage_class="gp3"), window=NIGHT),
        annotated(claim(), window="typo"),
        annotated(namespace(), window=NIGHT),
        annotated(storage_class(), window=NIGHT),
    ]
    ruleset = read(*items)
    assert () == ruleset.rules
    kinds = ["Namespace", "PersistentVolume", "PersistentVolumeClaim", "StorageClass"]
    assert [(kind, "warning") for kind in kinds] == [
        (p.source.kind, p.severity) for p in ruleset.problems
    ]
    assert all(p.message.startswith("has no effect: there are no deltas") for p in ruleset.problems)
    # It narrows no default either.
    (rule,) = read(*items[:2], namespace(deltas=DELTAS)).rules
    assert rule.window is None


def gold(window: Any) -> Json:
    made = snapshot_policy("gold", DELTAS)
    return made | {"spec": made["spec"] | {"window": window}}


def test_a_policys_window_is_that_of_who_names_it() -> None:
    """Unless they have one of their own."""
    named = claim(policy="gold")
    (rule,) = read(volume(), named, gold([FIELDS])).rules
    assert NIGHT == str(rule.window)
    (rule,) = read(volume(), annotated(named, window="12:00-13:00"), gold([FIELDS])).rules
    assert "12:00-13:00 UTC" == str(rule.window)


@pytest.mark.parametrize(
    ("own", "window"), [({}, "1-5"), ({"window": "typo"}, [FIELDS]), ({"window": "typo"}, "1-5")]
)
def test_a_mangled_window_of_whom_ever_holds_the_disk(own: dict[str, str], window: Any) -> None:
    """It is snapshotted at any time, as the problem says, and nothing of it is deleted."""
    ruleset = read(volume(), annotated(claim(policy="gold"), **own), gold(window))
    (rule,) = ruleset.rules
    assert rule.window is None
    (problem,) = (p for p in ruleset.problems if p.disk)
    assert ("error", DISK) == (problem.severity, problem.disk)
    assert "at any time" in problem.message


def test_of_several_rules_each_has_its_own() -> None:
    """The window of a volume is not that of a rule about it."""
    items = [annotated(volume(deltas=DELTAS), window=NIGHT), snapshot_rule(**by_disk())]
    assert {str(parse(NIGHT)), "None"} == {str(rule.window) for rule in read(*items).rules}


@pytest.mark.parametrize(
    ("items", "field"),
    [
        ([annotated(volume(deltas=DELTAS), window="1-5")], f"metadata.annotations[{WINDOW}]"),
        ([snapshot_rule(window=NIGHT, **by_disk())], "spec.window"),
    ],
)
def test_goes_on_without_a_window_that_cannot_be_read(items: list[Json], field: str) -> None:
    """It is an error, said with what follows; the disk is snapshotted all the same."""
    ruleset = read(*items)
    (rule,), (problem,) = ruleset.rules, ruleset.problems
    assert rule.window is None
    assert ["error", field, DISK] == [problem.severity, problem.field, problem.disk]
    assert problem.message.endswith("Until then it is snapshotted at any time")


RIGHT: list[tuple[list[Json], str]] = [
    ([{"start": "01:00", "end": "05:00"}], "01:00-05:00 UTC"),
    ([{"start": "22:00", "end": "24:00", "days": ["sun", "mon"]}], "22:00-24:00 mon,sun UTC"),
    ([FIELDS | {"exclude": False, "days": None}], NIGHT),
    ([FIELDS, FIELDS | {"start": "12:00", "end": "13:00"}], f"{NIGHT}; 12:00-13:00 Europe/Berlin"),
    ([FIELDS | {"exclude": True}], f"not {NIGHT}"),
]


@pytest.mark.parametrize(("window", "expected"), RIGHT)
def test_fields_say_the_same_as_text(window: list[Json], expected: str) -> None:
    """Each entry of the text is one of the list."""
    (rule,) = read(snapshot_rule(window=window, **by_disk())).rules
    assert expected == str(rule.window)
    assert parse(expected) == rule.window


WRONG: list[tuple[Any, str]] = [
    ("01:00-05:00", "is not a list of hours; write a list such as [{start: '01:00'"),
    ([], "is not a list of hours"),
    ({"start": "01:00"}, "is not a list of hours"),
    (["01:00-05:00"], "has '01:00-05:00' as an entry"),
    ([{"start": "01:00"}], "has no end"),
    ([FIELDS | {"start": 1}], "has '1' as start"),
    ([FIELDS | {"start": "1:00"}], "'1:00' is not a time of day"),
    ([FIELDS | {"timezone": "UTC"}], "has the field 'timezone'; the fields are start, end, days"),
    ([FIELDS | {"timeZone": "Berlin"}], "'Berlin' is not a time zone; write 'Europe/Berlin'"),
    ([FIELDS | {"timeZone": 1}], "has '1' as timeZone"),
    ([FIELDS | {"exclude": "yes"}], "has exclude 'yes'; write true or false"),
    ([FIELDS | {"days": "mon-fri"}], "has days that are no list"),
    ([FIELDS | {"days": ["mon-fri"]}], "'mon-fri' is not a day of the week"),
    ([FIELDS | {"days": [1]}], "'1' is not a day of the week"),
    ([FIELDS] * 21, "has 21 entries; at most 20 are accepted"),
]


@pytest.mark.parametrize(("window", "message"), WRONG)
def test_says_what_is_wrong_with_fields(window: Any, message: str) -> None:
    """With what would be right."""
    (problem,) = read(snapshot_rule(window=window, **by_disk())).problems
    assert problem.message.startswith(message)


anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.just("01:00")),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["start", "end", "days", "timeZone", "exclude", "x"]), inner
        ),
    ),
    max_leaves=12,
)


@given(anything)
def test_any_value_is_a_window_or_a_problem(value: Any) -> None:
    """Nothing that stands in place of a window stops the rule."""
    ruleset = read(snapshot_rule(window=value, **by_disk()))
    (rule,) = ruleset.rules
    assert bool(rule.window) == (value is not None and not ruleset.problems)


def test_one_namespace_may_have_so_many_windows() -> None:
    """Each takes time to look through; those beyond twenty hold up no snapshot, and are told."""
    rules = [
        snapshot_rule(f"r{n:02}", persistentVolumeClaim="data", deltas=f"PT{n + 1}H P30D",
                      window=[{"start": "01:00", "end": f"05:{n:02}"}])
        for n in range(30)
    ]  # fmt: skip
    other = [
        volume("pv-b", OTHER_VOL, claimed_by=("bank", "b")),
        claim("b", "bank", volume="pv-b", deltas="PT1H P1D"),
    ]
    other[1] = annotated(other[1], window="06:00-07:00")  # fmt: skip
    found = read(volume(), claim(), *rules, *other)
    backwards = read(volume(), claim(), *other, *reversed(rules))
    assert found == backwards
    assert 31 == len(found.rules)
    assert 21 == len({str(rule.window) for rule in found.rules if rule.window})
    messages = [p.message for p in found.problems if p.severity == "error"]
    assert 10 == len(messages)
    assert "is one of more than 20 different windows in namespace shop" in messages[0]
    assert "Until then it is snapshotted at any time" in messages[0]


def test_who_has_no_window_is_refused_none() -> None:
    """Others of its namespace may have as many as they like."""
    other = [volume("pv-b", OTHER_VOL, claimed_by=("shop", "b")),
             annotated(claim("b", volume="pv-b", deltas="PT1H P1D"), window=NIGHT)]  # fmt: skip
    found = read(volume(), claim(deltas=DELTAS), *other)
    assert [NIGHT, "None"] == sorted(str(rule.window) for rule in found.rules)
    assert found.problems == ()
