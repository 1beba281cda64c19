r"""EC2's filters: values are patterns, in which a backslash takes a wildcard's meaning away.

Amazon EC2 User Guide, "Filter lists of Amazon EC2 resources": `*` stands for any characters, `?`
for one, `\*`, `\?` and `\\` for themselves; values are case-sensitive. A filter's values are
alternatives, several filters must all be met.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")

_PARTS = re.compile(r"\\(.)|([*?])|(.)", re.DOTALL)


def fits(value: str, pattern: str) -> bool:
    """Tell whether a value fits one value of a filter."""
    return _compiled(pattern).fullmatch(value) is not None


def chosen(filters: Mapping[str, Sequence[str]] | None, items: Iterable[T]) -> list[T]:
    """Choose moto's resources that meet all filters; stands in for its `generic_filter`."""
    return [
        item
        for item in items
        if all(_meets(item, name, patterns) for name, patterns in (filters or {}).items())
    ]


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    wild = {"*": ".*", "?": "."}
    found = "".join(
        wild[part[2]] if part[2] else re.escape(part[1] or part[3])
        for part in _PARTS.finditer(pattern)
    )
    return re.compile(found, re.DOTALL)


def _meets(item: Any, name: str, patterns: Sequence[str]) -> bool:
    found = item.get_filter_value(name)
    values = [] if found is None else [found] if isinstance(found, str | int) else found
    return any(fits(str(value), pattern) for value in values for pattern in patterns)
