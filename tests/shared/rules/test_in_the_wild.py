"""Deltas that people have published, and what is said of each that is none."""

from typing import Any

import pytest

from tests.shared.objects_builders import claim, read, volume, with_spec

NOT_ISO = "is not an ISO 8601 duration; write PT30M for 30 minutes, PT1H for an hour, P1D"
ONE = "has 1 duration; at least two are needed, the interval and how long to keep"

#: From READMEs, issues, cookbooks, Helm charts and Terraform of users of the daemon.
GOOD = [
    "PT1H P2D P30D P180D",
    "P1D P30D P360D",
    "P1D P30D",
    "PT1H P30D P360D",
    "PT1H P1D P7D",
    "P1D P7D",
    "P1D P7D  ",
    "PT1H PT24H P30D",
    "PT12H P14D P366D",
    "PT10M PT1H",
    "P1D P3D P7D P30D",
    "P0.5D P7D",
    "P7D P7D",
    "P1D P14D",
    "PT5M PT60M PT24H P7D P52W",
    "PT5M PT60M PT4H PT24H P7D",
    "PT15M PT60M PT4H PT24H P7D",
    "PT5M PT15M PT45M",
    "PT1H PT6H P1D P7D P1M P1Y",
]
BAD: list[tuple[Any, str]] = [
    ("1d 30d 360d", f"'1d' {NOT_ISO}"),
    ("1d 7d 30d", f"'1d' {NOT_ISO}"),
    ("1h 2d 30d 180d", f"'1h' {NOT_ISO}"),
    ("1h 6h 1d 7d 24d 180d", f"'1h' {NOT_ISO}"),
    ("P12D", ONE),
    (["P12D"], "is a list; write one text, durations separated by blanks: 'PT1H P1D P30D'"),
    (["PT1H", "P1D", "P7D"], "is a list; write one text, durations separated by blanks: 'PT1H P1D"),
    ("${var.backup_deltas}", f"'${{var.backup_deltas}}' {NOT_ISO}"),
    ("", "has no deltas; write for example 'PT1H P1D P30D', or remove the rule"),
    ("PT1H,P1D,P7D", "has durations that are separated by more than blanks; write 'PT1H P1D P7D'"),
    ("pt1h p1d p7d", "has durations in small letters; write 'PT1H P1D P7D'"),
    # Not seen, but of the same kinds.
    ([1, "P1D"], "is a list; write one text, durations separated by blanks: 'PT1H P1D P30D'"),
    ([], "is a list; write one text, durations separated by blanks: 'PT1H P1D P30D'"),
    ({"hourly": 24}, "is an object; write one text"),
    (24, "is a number; write one text"),
    (1.5, "is a number; write one text"),
    (True, "is a truth value; write one text"),
    (None, "has no deltas"),
    ("  ", "has no deltas"),
]


@pytest.mark.parametrize("text", GOOD)
def test_is_read(text: str) -> None:
    found = read(volume(), claim(), with_spec({"deltas": text, "persistentVolumeClaim": "data"}))
    assert [" ".join(text.split())] == [rule.deltas for rule in found.rules]
    assert () == found.problems


@pytest.mark.parametrize(("value", "said"), BAD, ids=lambda value: repr(value)[:30])
def test_is_said_what_would_be_right(value: Any, said: str) -> None:
    """As it is meant, where that can be told; nothing of the disk is deleted meanwhile."""
    found = read(volume(), claim(), with_spec({"deltas": value, "persistentVolumeClaim": "data"}))
    (problem,) = found.problems
    assert problem.message.startswith(said)
    assert ("error", "spec.deltas") == (problem.severity, problem.field)
    assert problem.disk
