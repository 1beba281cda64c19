"""The tag that new snapshots get, so that deletion can be granted for those alone.

Sources: Compute Engine API v1, "Snapshot" (`params.resourceManagerTags`); IAM, "Tags and
conditional access" (`resource.matchTagId`). A listing does not show tags.
"""

from typing import NamedTuple


class Tag(NamedTuple):
    """A tag by its permanent ids, `tagKeys/…` and `tagValues/…`."""

    key: str
    value: str

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


def parse(text: str) -> Tag | None:
    """Read SNAPSHOT_TAG, whose form its setting has checked; None where it is empty."""
    key, _, value = text.partition("=")
    return Tag(key, value) if text else None
