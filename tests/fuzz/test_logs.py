"""Log lines: a record is one line, and one JSON object, whatever it quotes."""

import json
import logging
import sys
from collections.abc import Callable

from hypothesis import example, given
from hypothesis import strategies as st

from functions.aws.logs import logger
from functions.gcp import logs
from shared.cli.logs import JSONLines, OneLine
from shared.model import Disk, Problem, Source
from shared.text import shorten
from tests.fuzz.budget import assert_line, bounded, fuzz
from tests.fuzz.inputs import CLEAN_TEXT, TEXTS, VALUES, bulky

FORMATTERS: dict[str, Callable[[], logging.Formatter]] = {
    "Lambda": lambda: logger.registered_formatter,
    "Cloud Function": logs.JSONLines,
    "command line": JSONLines,
}


def record(text: str, failed: bool = False) -> logging.LogRecord:
    """Make what a failed pass logs."""
    error = None
    if failed:
        try:
            raise ValueError(text)
        except ValueError:
            error = sys.exc_info()
    return logging.LogRecord("shared.x", logging.ERROR, "x.py", 1, "it: %s", (text,), error)


@fuzz(200)
@given(st.sampled_from([*FORMATTERS]), TEXTS, st.booleans())
@example("Cloud Function", 'x"}\n{"severity": "EMERGENCY", "message": "forged"}', True)
def test_a_record_is_one_json_line(kind: str, text: str, failed: bool) -> None:
    """The message is what was said, and there is no second line, to any reader of lines."""
    line = FORMATTERS[kind]().format(record(text, failed))

    # Lambda splits at line feeds, and its logger leaves other characters as they are.
    assert not set("\r\n\0\x1b") & set(line)
    if kind != "Lambda":
        assert line.isascii()
        assert_line(line, 10_000)
    found = json.loads(line)
    assert found["message"].startswith(f"it: {text}")
    assert found.get("severity", found.get("level")) == "ERROR"


@fuzz(200)
@given(TEXTS)
@example("x\u2028y\x85z\x0b")
@example("\x1b[1A\x1b[2Kforged")
def test_a_record_on_a_terminal_is_one_line(text: str) -> None:
    """And steers no terminal: an escape sequence could write over the line before."""
    line = OneLine("%(message)s").format(record(text))
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line


@fuzz(200)
@given(TEXTS | st.text("0123456789abcdef/;o=1", max_size=60))
@example("a" * 100_000 + "/1")
@example("x\nforged/1;o=1")
def test_a_forged_trace_forges_no_line(header: str) -> None:
    """The header is the sender's own word."""
    logs.trace(header)
    try:
        found = json.loads(logs.JSONLines().format(record("x")))
    finally:
        logs.trace("")
    assert_line(found.get("logging.googleapis.com/trace", ""), 200)
    assert found["message"] == "it: x"


@fuzz(300)
@given(VALUES | bulky("x\n\x1b\u2028"), st.integers(2, 200))
def test_what_is_shortened_is_one_short_line(value: object, limit: int) -> None:
    """Whatever it is, however long or deep."""
    with bounded():
        assert_line(shorten(value, limit), limit)


@fuzz(150)
@given(CLEAN_TEXT, CLEAN_TEXT, CLEAN_TEXT)
def test_a_problem_is_one_json_line_of_a_report(kind: str, name: str, message: str) -> None:
    """The report itself is JSON: what is said of an object stays a string in it."""
    import msgspec

    problem = Problem(
        severity="error",
        source=Source(kind, name, name),
        field=name,
        value=name,
        message=message,
        disk=Disk("aws", "eu-west-1", name),
    )
    text = json.dumps(msgspec.to_builtins(problem))
    assert_line(text, 1_000_000)
    assert msgspec.json.decode(text, type=Problem) == problem
