"""The comparison itself: an incompatible change is noticed, a compatible one passes."""

from typing import Any

import pytest

from tests.stability.compare import Interface, added, broken
from tests.stability.schemas import flatten

OLD: Interface = {
    "spec": {"type": "object", "required": True},
    "spec.deltas": {"type": "string", "required": True},
    "spec.window": {"type": "string"},
    "spec.backend=aws": {},
    "PERIOD": {"type": "string", "default": "PT5M"},
}


def changed(path: str, **promise: Any) -> Interface:
    return OLD | {path: promise}


def test_what_is_the_same_is_compatible() -> None:
    """Whatever users do with it."""
    assert broken(OLD, OLD, read=True) == broken(OLD, OLD, read=False) == []


@pytest.mark.parametrize("path", OLD)
def test_what_is_removed_is_incompatible(path: str) -> None:
    """A field, a value, a setting; renaming is removing."""
    less = {key: promise for key, promise in OLD.items() if key != path}
    for read in (True, False):
        assert broken(OLD, less | {f"{path}2": {}}, read) == [f"{path} was removed"]


@pytest.mark.parametrize(
    ("present", "said"),
    [
        (
            changed("spec.window", type="array"),
            "spec.window: its type was 'string' and is 'array'",
        ),
        (
            changed("PERIOD", type="string", default="PT1M"),
            "PERIOD: its default was 'PT5M' and is 'PT1M'",
        ),
        (changed("PERIOD", type="string"), "PERIOD: its default was 'PT5M' and is None"),
    ],
)
def test_what_means_something_else_is_incompatible(present: Interface, said: str) -> None:
    """A type or a default that changed."""
    assert broken(OLD, present, read=True) == broken(OLD, present, read=False) == [said]


def test_what_becomes_required_breaks_who_writes() -> None:
    """Rules and deployments that left it out would be refused; a report only says more."""
    present = changed("spec.window", type="string", required=True)
    assert broken(OLD, present, read=False) == ["spec.window became required"]
    assert broken(OLD, present, read=True) == []


def test_what_becomes_optional_breaks_who_reads() -> None:
    """A program that reads it would find nothing; who writes it may go on."""
    present = changed("spec.deltas", type="string")
    said = "spec.deltas was always there, and may now be missing"
    assert broken(OLD, present, read=True) == [said]
    assert broken(OLD, present, read=False) == []


def test_additions_are_compatible_and_told() -> None:
    """A field that may be left out, one more value, or a new object with fields that it needs."""
    present = OLD | {
        "spec.note": {"type": "string"},
        "spec.backend=azure": {},
        "other": {"type": "object"},
        "other.name": {"type": "string", "required": True},
    }
    assert broken(OLD, present, read=False) == broken(OLD, present, read=True) == []
    assert added(OLD, present) == ["other", "other.name", "spec.backend=azure", "spec.note"]


@pytest.mark.parametrize("path", ["spec.owner", "owner"])
def test_what_is_new_and_required_breaks_who_writes(path: str) -> None:
    """Nobody can have written it."""
    present = OLD | {path: {"type": "string", "required": True}}
    assert broken(OLD, present, read=False) == [f"{path} is new and required"]
    assert broken(OLD, present, read=True) == []


SCHEMA: dict[str, Any] = {
    "$ref": "#/$defs/Top",
    "$defs": {
        "Top": {
            "title": "Top",
            "type": "object",
            "required": ["kind"],
            "properties": {
                "kind": {"enum": ["a", "b"]},
                "age": {"anyOf": [{"type": "number"}, {"type": "null"}]},
                "at": {"type": "string", "format": "date-time"},
                "parts": {"type": "array", "items": {"$ref": "#/$defs/Part"}},
                "counts": {"type": "object", "additionalProperties": {"$ref": "#/$defs/Part"}},
                "pair": {"type": "array", "prefixItems": [{"type": "string"}]},
            },
        },
        "Part": {
            "title": "Part",
            "type": "object",
            "properties": {"name": {"type": "string"}, "inner": {"$ref": "#/$defs/Part"}},
        },
    },
}


def test_a_schema_is_flattened_to_its_leaves() -> None:
    """References, lists, maps, choices and values; what holds itself ends."""
    assert flatten(SCHEMA) == {
        "kind": {"type": "one of", "required": True},
        "kind=a": {},
        "kind=b": {},
        "age": {"type": "null|number"},
        "at": {"type": "string date-time"},
        "parts": {"type": "array"},
        "parts[].name": {"type": "string"},
        "parts[].inner": {"type": "object"},
        "counts": {"type": "object"},
        "counts{}.name": {"type": "string"},
        "counts{}.inner": {"type": "object"},
        "pair": {"type": "array"},
        "pair[0]": {"type": "string", "required": True},
    }
