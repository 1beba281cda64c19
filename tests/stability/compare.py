"""Compares an interface with what was promised: additions pass, everything else is named.

An interface is flat: each thing that somebody may rely on by its path, such as
`summary.created`, with what is promised of it. Known promises are `type`, `default` and
`required`; a thing without any is promised to be there.
"""

from collections.abc import Iterator
from typing import Any

Interface = dict[str, dict[str, Any]]


def broken(promised: Interface, present: Interface, read: bool) -> list[str]:
    """Tell what is incompatible, in a sentence each.

    Args:
        promised: as it was recorded.
        present: as it is.
        read: whether users read it, such as a report. Then nothing that was always there may be
            missing. What users write may become optional instead.
    """
    found = [f"{path} was removed" for path in promised if path not in present]
    for path in promised.keys() & present.keys():
        found += _changes(path, promised[path], present[path], read)
    for path in present.keys() - promised.keys():
        if present[path].get("required") and _known_parent(path, promised) and not read:
            found.append(f"{path} is new and required")
    return sorted(found)


def _changes(path: str, old: dict[str, Any], new: dict[str, Any], read: bool) -> Iterator[str]:
    for what in ("type", "default"):
        if old.get(what) != new.get(what):
            yield f"{path}: its {what} was {old.get(what)!r} and is {new.get(what)!r}"
    was, now = old.get("required", False), new.get("required", False)
    if now and not was and not read:
        yield f"{path} became required"
    if was and not now and read:
        yield f"{path} was always there, and may now be missing"


def _known_parent(path: str, promised: Interface) -> bool:
    """Tell whether what has the field was there before: a new object may require what it likes."""
    parent = path.rpartition(".")[0]
    return not parent or parent in promised or any(p.startswith(f"{parent}.") for p in promised)


def added(promised: Interface, present: Interface) -> list[str]:
    """Tell what is new, and not promised yet."""
    return sorted(present.keys() - promised.keys())
