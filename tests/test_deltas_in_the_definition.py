"""The definition's CEL rules for deltas and the function's parser agree on what is written.

Here by an implementation of CEL in Python; tests/test_apiserver.py asks an API server, where one
that knows CEL (1.25 or later) is named.
"""

from functools import cache
from pathlib import Path
from typing import Any

import celpy
import jsonschema
import pytest
import yaml
from celpy import celtypes
from celpy.adapter import json_to_cel
from hypothesis import example, given
from hypothesis import strategies as st

from shared.errors import DeltasError
from shared.retention.deltas import MAX_TEXT, parse
from tests.shared.deltas_table import TABLE
from tests.shared.objects_builders import by_disk, snapshot_rule
from tests.shared.objects_builders import read as rules_of_objects

CRD = Path(__file__).parents[1] / "manifests" / "crd.yaml"


@cache
def schema() -> dict[str, Any]:
    (version,) = next(yaml.safe_load_all(CRD.read_text()))["spec"]["versions"]
    found: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return found


@cache
def programs() -> list[tuple[celpy.Runner, str]]:
    environment = celpy.Environment()
    rules = schema()["properties"]["deltas"]["x-kubernetes-validations"]
    return [(environment.program(environment.compile(r["rule"])), r["message"]) for r in rules]


def refusals(text: str) -> list[str]:
    """List what the definition says against a text."""
    fits = jsonschema.Draft202012Validator(schema()["properties"]["deltas"]).is_valid(text)
    said = [] if fits else ["its length"]
    value = {"self": celtypes.StringType(text)}
    return said + [message for program, message in programs() if not program.evaluate(value)]


def parses(text: str) -> bool:
    try:
        parse(text)
    except DeltasError:
        return False
    return True


@pytest.mark.parametrize(("text", "defined", "parsed"), TABLE, ids=lambda value: repr(value)[:30])
def test_definition_and_parser_agree(text: str, defined: bool, parsed: bool) -> None:
    """Where they do not it is the parser that refuses, which has more to say than a pattern."""
    assert defined == (not refusals(text))
    assert parsed == parses(text)
    assert defined or not parsed


NUMBERS = st.from_regex(r"[0-9]{1,3}([.,][0-9])?", fullmatch=True)
DURATIONS = st.builds(
    lambda days, t, times: f"P{''.join(days)}{t}{''.join(times)}",
    st.lists(st.builds(str.__add__, NUMBERS, st.sampled_from("YMWDX")), max_size=3),
    st.sampled_from(["", "T"]),
    st.lists(st.builds(str.__add__, NUMBERS, st.sampled_from("HMSO")), max_size=3),
)
BLANKS = st.text(" \t\n\x0b\x0c\r\x1c\x1f\x85\xa0\u1680\u2003\u2029\u202f\u205f\u3000", min_size=1)


@given(st.lists(DURATIONS | st.text(max_size=4), min_size=1, max_size=4), BLANKS)
@example(["P00010101T010101", "P0001-W01-1T00:00Z"], " ")
def test_the_definition_refuses_nothing_that_is_read(words: list[str], blank: str) -> None:
    """Otherwise a rule that works could not be edited any more, nor get a status."""
    text = blank.join(words)
    if parses(text):
        assert [] == refusals(text)


def test_the_definition_says_what_would_be_right() -> None:
    """In the words of the parser: what to write, and what a zero is."""
    shape, zero = (message for _, message in programs())
    assert [shape] == refusals("P1X")
    assert [zero] == refusals("PT0S P1D")
    assert "at least two, such as PT1H P1D P30D" in shape
    assert MAX_TEXT == schema()["properties"]["deltas"]["maxLength"]


HOURS: list[tuple[dict[str, Any], bool, bool]] = [
    ({"start": "01:00", "end": "05:00"}, True, True),
    ({"start": "22:00", "end": "24:00", "days": ["fri"], "exclude": False}, True, True),
    ({"start": "01:00", "end": "01:00"}, False, False),
    ({"start": "24:00", "end": "01:00"}, False, False),
    ({"start": "01:00", "end": "24:30"}, False, False),
    ({"start": "1:00", "end": "05:00"}, False, False),
    ({"start": "01:00", "end": "05:00", "days": ["mon-fri"]}, False, False),
    ({"start": "01:00"}, False, False),
    # Only the function knows zones, and fields that are misspelt.
    ({"start": "01:00", "end": "05:00", "timeZone": "Berlin"}, True, False),
    ({"start": "01:00", "end": "05:00", "timezone": "UTC"}, True, False),
]


@pytest.mark.parametrize(("hours", "defined", "read"), HOURS, ids=str)
def test_windows_that_are_stored_and_windows_that_are_read(
    hours: dict[str, Any], defined: bool, read: bool
) -> None:
    """What the definition takes beyond what the function takes is reported as a problem."""
    window = schema()["properties"]["window"]
    fits = jsonschema.Draft202012Validator(window).is_valid([hours])
    (rule,) = window["items"]["x-kubernetes-validations"]
    environment = celpy.Environment()
    value = {"self": json_to_cel(hours)}
    program = environment.program(environment.compile(rule["rule"]))
    assert defined == (fits and bool(program.evaluate(value)))
    found = rules_of_objects(snapshot_rule(window=[hours], **by_disk()))
    assert read == (not found.problems)
