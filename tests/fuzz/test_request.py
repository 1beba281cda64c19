"""Payloads of any shape: a request, or one short line that says what is wrong."""

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from shared.errors import RequestError
from shared.request import Only, Request, parse_request
from tests.fuzz.budget import assert_line, bounded, fuzz
from tests.fuzz.inputs import KEYS, TEXTS, VALUES

SELECTIONS = st.dictionaries(
    st.sampled_from([*Only.__struct_fields__]) | KEYS,
    st.lists(TEXTS | VALUES, max_size=3) | VALUES,
    max_size=4,
)
PAYLOADS = VALUES | st.dictionaries(
    st.sampled_from([*Request.__struct_fields__, "source", "detail-type"]) | KEYS,
    st.sampled_from(["reconcile", "plan", True, False]) | SELECTIONS | VALUES,
    max_size=4,
)


@fuzz(400)
@given(PAYLOADS)
@example({"x" * 100_000: 1})
@example({"mode": "\ud800"})
@example({"\ud800": 1})
@example({"only": {"disks": ["x"] * 5000 + [1]}})
@example({"mode": 10**400})
def test_any_payload_is_a_request_or_refused(payload: Any) -> None:
    """As Lambda and the HTTP target hand it over: what JSON can say, surrogates too."""
    event = json.loads(json.dumps(payload))
    try:
        with bounded():
            request = parse_request(event)
    except RequestError as error:
        assert_line(str(error), 400)
    else:
        assert request.mode in ("reconcile", "plan")
        assert request.only or not request.release_holds


@fuzz(200)
@given(st.sampled_from(["", "only"]), TEXTS)
@example("", "a - at `$\nERROR forged")
@example("only", "a - at `$" + "x" * 1000)
def test_an_unknown_field_is_named_in_one_line(within: str, field: str) -> None:
    """Its name is the sender's own word, quotation marks of the message included."""
    payload = {within: {field: 1}} if within else {field: 1}
    try:
        parse_request(payload)
    except RequestError as error:
        assert_line(str(error), 400)
