"""The window of an object: text in an annotation, fields in the spec of our own kinds. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from shared.errors import WindowError
from shared.kinds import WINDOW, Object, SnapshotPolicy, SnapshotRule
from shared.rules.wrong import Warned, Wrong
from shared.text import shorten
from shared.windows.entry import Entry
from shared.windows.parse import MAX_ENTRIES, MAX_TEXT, day, entry, parse, window
from shared.windows.window import Window

#: The fields of one entry of `spec.window`.
FIELDS = ("start", "end", "days", "timeZone", "exclude")
#: How many different windows the objects of one namespace may have.
MOST_WINDOWS = 20
_EXAMPLE = "write a list such as [{start: '01:00', end: '05:00', timeZone: Europe/Berlin}]"


def window_of(item: Object) -> Window | None:
    """Read the window of an object; a rule's or policy's spec must be an object.

    Raises:
        WindowError: with what is wrong and what would be right.
    """
    _, value = written(item)
    if value is None:
        return None
    ours = isinstance(item, (SnapshotRule, SnapshotPolicy))
    return _of_fields(value) if ours else parse(value)


def written(item: Object) -> tuple[str, Any]:
    """Give the field in which an object's window stands, and what stands there; None without."""
    if isinstance(item, (SnapshotRule, SnapshotPolicy)):
        return "spec.window", item.spec.get("window")
    return f"metadata.annotations[{WINDOW}]", (item.metadata.annotations or {}).get(WINDOW)


def allowed_windows(items: Iterable[Object]) -> Mapping[str, Collection[str]]:
    """Give the windows that count, by namespace: each takes time, and tenants write many objects.

    They are those that come first as text, in whatever order the objects are listed.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for item in items:
        _, value = written(item)
        if value is not None:
            found[item.metadata.namespace].add(_key(value))
    return {namespace: sorted(texts)[:MOST_WINDOWS] for namespace, texts in found.items()}


def read_window(
    item: Object, allowed: Collection[str] | None = None
) -> tuple[Window | None, Wrong | None]:
    """Read the window; where it cannot be read there is none: no snapshot is the greater harm.

    `allowed` are the windows that count in the item's namespace; all without it.
    """
    value = written(item)[1]
    try:
        if allowed is not None and value is not None and _key(value) not in allowed:
            raise WindowError(f"is one of more than {MOST_WINDOWS} different windows in namespace "
                              f"{item.metadata.namespace}: write one that others have")  # fmt: skip
        return window_of(item), None
    except WindowError as error:
        said = f"{error}. Until then it is snapshotted at any time"
        return None, Wrong(*written(item), said)


def alone(item: Object) -> Warned:
    """Say that a window has no effect, since no deltas and no policy stand beside it."""
    return Warned(*written(item), "has no effect: there are no deltas and no policy beside it. "
                  "Write them on the same object")  # fmt: skip


def _key(value: Any) -> str:
    return shorten(value, 10 * MAX_TEXT)


def _of_fields(value: Any) -> Window:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise WindowError(f"is not a list of hours; {_EXAMPLE}")
    if len(value) > MAX_ENTRIES:
        raise WindowError(f"has {len(value)} entries; at most {MAX_ENTRIES} are accepted")
    return window([_entry(one) for one in value])


def _entry(fields: Any) -> Entry:
    if not isinstance(fields, Mapping):
        raise WindowError(f"has '{shorten(fields, 40)}' as an entry; {_EXAMPLE}")
    if unknown := sorted(set(fields) - set(FIELDS)):
        known = ", ".join(FIELDS)
        raise WindowError(f"has the field '{shorten(unknown[0], 40)}'; the fields are {known}")
    excluded = fields.get("exclude") or False
    if not isinstance(excluded, bool):
        raise WindowError(f"has exclude '{shorten(excluded, 40)}'; write true or false")
    begin, end = _text(fields, "start"), _text(fields, "end")
    place = _text(fields, "timeZone") if fields.get("timeZone") is not None else "UTC"
    return entry(excluded, begin, end, _days(fields.get("days")), place)


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        what = "has no" if value is None else f"has '{shorten(value, 40)}' as"
        raise WindowError(f"{what} {name}; {_EXAMPLE}")
    return value


def _days(value: Any) -> tuple[int, ...]:
    if value is None:
        return ()
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise WindowError("has days that are no list; write such as [mon, tue], or leave them out")
    return tuple(sorted({day(one if isinstance(one, str) else shorten(one)) for one in value}))
