"""Patches as a Kubernetes API takes them: JSON patches (RFC 6902) and merge patches (RFC 7396)."""

import copy
from typing import Any

JSON_PATCH, MERGE_PATCH = "application/json-patch+json", "application/merge-patch+json"


class DoesNotApply(Exception):
    """An operation of a JSON patch fails, so that all of it does."""


def merge(target: Any, patch: Any) -> Any:
    """Merge as RFC 7396 has it."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def apply(target: Any, operations: list[dict[str, Any]]) -> Any:
    """Apply a JSON patch of `test`, `add`, `replace` and `remove` to members of objects.

    Raises:
        DoesNotApply: where a test fails, or a path is not there.
    """
    patched = copy.deepcopy(target)
    for operation in operations:
        *parents, last = operation["path"].removeprefix("/").split("/")
        place = patched
        for name in parents:
            place = place.get(name) if isinstance(place, dict) else None
        if not isinstance(place, dict) or (operation["op"] != "add" and last not in place):
            raise DoesNotApply
        if operation["op"] == "test":
            if place[last] != operation["value"]:
                raise DoesNotApply
        elif operation["op"] == "remove":
            del place[last]
        else:
            place[last] = copy.deepcopy(operation["value"])
    return patched
