"""Requests: what a payload may ask for, and what is said of one that does not fit."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import PassError, RequestError
from shared.model import Disk, Rule
from shared.request import Only, Request, parse_request
from tests.shared.builders import NOW, disk, rule

SCHEDULED = {"source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": {}}


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        {"mode": "reconcile"},
        SCHEDULED,
        {"source": "aws.events", "detail-type": "Scheduled Event", "x": [1], "detail": ["mode"]},
    ],
)
def test_a_scheduled_event_is_a_reconcile_of_everything(event: Any) -> None:
    """EventBridge's envelope, whatever it holds, an empty payload and none ask for a reconcile."""
    request = parse_request(event)

    assert Request("reconcile", Only(), False) == request
    assert not request.only


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("P7D", "2026-06-22"),
        ("P2W", "2026-06-29"),
        ("P1M", "2026-07-15"),
        ("P1Y6M", "2027-12-15"),
        ("PT36H", "2026-06-17"),
        ("P1M2W", "2026-07-29"),
    ],
)
def test_keep_for_takes_any_duration(text: str, until: str) -> None:
    """Weeks, months and years too, the latter two by the calendar."""
    request = parse_request({"mode": "backfill", "force": True, "keep_for": text})
    assert until == f"{NOW + request.keep_for:%F}"


def test_reads_every_field() -> None:
    """A payload may choose the mode, select disks and allow what the hold for mistakes holds."""
    only = {"namespaces": ["shop"], "rules": ["r"], "disks": ["d"], "scopes": ["eu-west-1"]}

    request = parse_request({"mode": "plan", "only": only, "release_holds": True})

    expected = Only(("shop",), ("r",), ("d",), ("eu-west-1",))
    assert Request("plan", expected, True) == request


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ([], 'the payload is a JSON array; send an object such as {"mode": "plan"}'),
        ([{"mode": "plan"}], "the payload is a JSON array; send an object"),
        ("plan", "the payload is a JSON string; send an object"),
        (1, "the payload is a JSON number; send an object"),
        (1.5, "the payload is a JSON number; send an object"),
        (True, "the payload is a JSON boolean; send an object"),
        ({"mode": "plna"}, 'mode: Invalid enum value \'plna\'; mode is "reconcile", "plan", '),
        ({"mode": None}, 'mode: Expected `str`, got `null`; mode is "reconcile", "plan"'),
        ({"mdoe": "plan"}, "unknown field `mdoe`; the fields of the payload are mode, only,"),
        ({"source": "aws.events"}, "unknown field `source`; the fields of the payload are mode,"),
        ({"only": ["a"]}, "only: Expected `object`, got `array`; only is an object such as"),
        ({"only": {"disk": ["a"]}}, "only: Object contains unknown field `disk`; the fields of on"),
        ({"only": {"disks": "a"}}, "only.disks: Expected `array`, got `str`; only.disks is a list"),
        (
            {"only": {"rules": ["a", 1]}},
            "only.rules[1]: Expected `str`, got `int`; only.rules is a",
        ),
        ({"release_holds": "yes"}, "release_holds: Expected `bool`, got `str`; release_h"),
        ({"release_holds": 1}, "release_holds: Expected `bool`, got `int`; release_ho"),
        ({"release_holds": True}, "release_holds needs only, so that it is said of some"),
        ({"release_holds": True, "only": {}}, "release_holds needs only"),
        ({"release_holds": True, "only": {"disks": []}}, "only.disks is empty; leave it out"),
        ({"mode": "adopt"}, "adopt and restore are commands of python -m functions.aws"),
        ({"mode": "restore"}, "adopt and restore are commands of python -m functions.aws"),
        ({"force": True}, 'force belongs to a backfill; say "mode": "backfill" as well'),
        ({"mode": "plan", "wait": True}, "wait belongs to a backfill"),
        ({"mode": "backfill", "keep_for": "P9D"}, 'keep_for is for forced snapshots; say "force"'),
        ({"mode": "backfill", "keep_for": "9 d"}, "keep_for: '9 d' is no ISO 8601 duration of P"),
        ({"mode": "backfill", "force": True, "keep_for": 7}, "keep_for: '7' is no ISO 8601 durat"),
        ({"mode": "backfill", "force": True, "keep_for": "PT1H"}, "'PT1H' is no ISO 8601 duration"),
        ({"mode": "backfill", "force": True, "keep_for": "P11Y"}, "'P11Y' is no ISO 8601 duration"),
        ({"mode": "backfill", "force": True, "keep_for": "P0.5M"}, "such as P7D, P2W or P1M"),
        (
            SCHEDULED | {"mode": "plan"},
            "mode is in an EventBridge event, and such an event always means one",
        ),
        (
            SCHEDULED | {"only": {"scopes": ["eu-west-1"]}},
            "Set the whole input of the target or schedule",
        ),
        (SCHEDULED | {"detail": {"force": True}}, "force is in an EventBridge event"),
        ({"mode": "backfill", "force": "y"}, "force: Expected `bool`, got `str`; force is true or"),
        (
            {"mode": "backfill", "release_holds": True, "only": {"disks": ["d"]}},
            "release_holds is for passes that delete",
        ),
    ],
)
def test_refuses_what_does_not_fit(event: Any, text: str) -> None:
    """A payload that does not fit is refused by the name of its field and with what would do."""
    with pytest.raises(RequestError) as caught:
        parse_request(event)

    assert text in str(caught.value)


@pytest.mark.parametrize(
    "event",
    [{"x" * 1_000_000: 1}, {"mode": "x" * 1_000_000}, {"a\nERROR forged": 1}, {"mode": "a\r\nb"}],
    ids=["long field", "long value", "newline in field", "newline in value"],
)
def test_an_error_is_one_short_line(event: Any) -> None:
    """What somebody sends can neither flood the log nor forge lines in it."""
    with pytest.raises(RequestError) as caught:
        parse_request(event)

    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_a_refused_request_fails_the_invocation() -> None:
    """A bad request is a pass that could not do its work."""
    with pytest.raises(PassError):
        parse_request({"mode": "dry-run"})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["mode", "only", "disks", "scopes", "release_holds", "x"])
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=150)
@given(JSON)
def test_any_payload_is_a_request_or_refused(event: Any) -> None:
    """No JSON makes reading a payload fail otherwise; nothing allows mass expiry of everything."""
    try:
        request = parse_request(event)
    except RequestError:
        return
    assert request.mode in ("reconcile", "plan")
    assert bool(request.only) or not request.release_holds


SHOP = rule(name="shop-pvc-data", namespace="shop")
BANK = rule(name="bank-rule-money", namespace="bank")


@pytest.mark.parametrize(
    ("only", "rules", "selected"),
    [
        (Only(), [], True),
        (Only(), [SHOP], True),
        (Only(disks=("vol-0a",)), [SHOP], True),
        (Only(disks=("aws:eu-west-1/vol-0a",)), [SHOP], True),
        (Only(disks=("vol-0b", "vol-0a")), [], True),
        (Only(disks=("vol-0b",)), [SHOP], False),
        (Only(disks=("aws:eu-central-1/vol-0a",)), [SHOP], False),
        (Only(scopes=("eu-west-1",)), [], True),
        (Only(scopes=("eu-central-1",)), [SHOP], False),
        (Only(rules=("bank-rule-money",)), [SHOP, BANK], True),
        (Only(rules=("bank-rule-money",)), [SHOP], False),
        (Only(rules=("bank-rule-money",)), [], False),
        (Only(namespaces=("bank",)), [SHOP, BANK], True),
        (Only(namespaces=("bank",)), [SHOP], False),
        (Only(namespaces=("shop",), disks=("vol-0a",)), [SHOP], True),
        (Only(namespaces=("shop",), disks=("vol-0b",)), [SHOP], False),
        (Only(namespaces=("bank",), disks=("vol-0a",)), [SHOP], False),
        (Only(scopes=("eu-central-1",), disks=("vol-0a",)), [SHOP], False),
    ],
)
def test_a_selection_matches_by_all_of_its_fields(
    only: Only, rules: list[Rule], selected: bool
) -> None:
    """All given fields must match the disk, each by any of its values."""
    assert selected == only.selects(disk(), rules)


@pytest.mark.parametrize(
    ("only", "whole"),
    [
        (Only(), True),
        (Only(scopes=("eu-west-1",)), True),
        (Only(scopes=("eu-west-1",), disks=("vol-0a",)), False),
        (Only(rules=("r",)), False),
        (Only(namespaces=("shop",)), False),
    ],
)
def test_a_selection_by_scope_takes_in_whole_scopes(only: Only, whole: bool) -> None:
    """Orphans are judged only where every disk of a scope is looked at."""
    assert whole == only.whole_scopes()


@pytest.mark.parametrize(
    ("name", "selected"),
    [
        ("google:shop-project/zones/europe-west1-b/disks/data", True),
        ("zones/europe-west1-b/disks/data", True),
        ("data", True),
        ("disks/data", False),
        ("dat", False),
        ("", False),
    ],
)
def test_a_disk_by_the_last_part_of_its_name(name: str, selected: bool) -> None:
    """On Google that is what consoles and claims show; rules and orphans are selected alike."""
    disk = Disk("google", "shop-project", "zones/europe-west1-b/disks/data")
    assert Only(disks=(name,)).selects(disk, []) == selected
    assert Only(disks=(name,)).orphan(disk) == selected
