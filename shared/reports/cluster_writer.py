"""Writes statuses and Events to the cluster's API: the last thing a pass does, and optional.

Nothing here fails a pass. Of what cannot be written the log tells once; the next pass, which
compares anew, writes it again.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from shared.bounded import TooSlow, within
from shared.errors import SnapshotsError
from shared.model import RuleSet
from shared.objects import Objects
from shared.planning.actions import Plan
from shared.planning.labels import Labels
from shared.ports import Listing
from shared.reports.applied import Applied
from shared.reports.cluster_requests import (
    Client,
    Invalid,
    Missing,
    NotWritten,
    patch_status,
    post_event,
)
from shared.reports.events import EventPost, events
from shared.reports.rule_statuses import statuses
from shared.reports.status import StatusPatch

log = logging.getLogger(__name__)

#: Requests of a pass at most; what is left over is written by the next.
MAX_STATUSES = 200
MAX_EVENTS = 50
#: Seconds that all of them may take.
BUDGET = 30.0
#: Refusals in a row after which the rest would be refused as well.
REFUSALS = 3
#: An Event that is known to be there is not written again for so long; API servers keep them for
#: an hour unless told otherwise.
KNOWN = timedelta(minutes=10)

T = TypeVar("T", StatusPatch, EventPost)


class StatusWriter:
    """Writes to a Kubernetes API.

    Args:
        client: gives an ApiClient of the kubernetes package, connected; raises ClusterError.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, datetime] = {}

    def tell(
        self,
        objects: Objects,
        ruleset: RuleSet,
        plan: Plan,
        listings: Sequence[Listing],
        applied: Applied,
        labels: Labels,
        left: Callable[[], bool],
    ) -> None:
        """Write what is to be said of a pass, see `rule_statuses` and `events`; raises nothing."""
        try:
            patches = statuses(objects, ruleset, plan, listings, applied, labels)
            posts = events(objects, plan)
        except Exception:
            # A defect here must not turn a pass that did its work into one that failed.
            log.exception("the status in the cluster could not be told")
        else:
            self.write(patches, posts, left)

    def write(
        self,
        patches: Sequence[StatusPatch],
        posts: Sequence[EventPost],
        left: Callable[[], bool] = lambda: True,
    ) -> None:
        """Write what there is, as long as `left` tells that there is time; raises nothing."""
        end = time.monotonic() + BUDGET

        def more() -> bool:
            return time.monotonic() < end and left()

        def all_of_it() -> None:
            _write_each("statuses", patches, MAX_STATUSES, self._patch, more)
            _write_each("events", self._unknown(posts), MAX_EVENTS, self._post, more)

        try:
            within(BUDGET + 10, all_of_it)
        except (SnapshotsError, TooSlow) as error:
            log.error("the status in the cluster could not be written: %s", error)
        except Exception as error:
            # Whatever lies on the way to the API may raise anything, with anything in its text.
            log.error("the status in the cluster could not be written: %s", type(error).__name__)

    def _patch(self, patch: StatusPatch) -> bool:
        return patch_status(self._client, patch) == "written"

    def _post(self, post: EventPost) -> bool:
        result = post_event(self._client, post)
        if result in ("written", "conflict"):
            self._known[post.name] = post.at
        return result == "written"

    def _unknown(self, posts: Sequence[EventPost]) -> list[EventPost]:
        """Leave out what this process has written lately; told by the passes' own time."""
        wanted = {post.name: post.at for post in posts}
        self._known = {
            name: at
            for name, at in self._known.items()
            if name in wanted and timedelta(0) <= wanted[name] - at < KNOWN
        }
        return [post for post in posts if post.name not in self._known]


def _write_each(
    what: str,
    items: Sequence[T],
    most: int,
    send: Callable[[T], bool],
    more: Callable[[], bool],
) -> None:
    """Send one after the other, until too many are refused in a row."""
    written, refused, why = 0, 0, ""
    for item in _some(items, most):
        if refused == REFUSALS or not more():
            break
        try:
            written += send(item)
            refused = 0
        except NotWritten as error:
            refused += not isinstance(error, Invalid)
            if not isinstance(error, Missing) or refused == REFUSALS:
                why = why or f"{item.source}: {error}"
    if why:
        log.error("some %s could not be written, such as that of %s", what, why)
    if items:
        log.info("wrote %d of %d %s", written, len(items), what)


def _some(items: Sequence[T], most: int) -> Sequence[T]:
    """Choose in another order each time, so that none waits behind those that always fail."""
    salt = str(time.time())

    def place(item: T) -> bytes:
        return hashlib.sha256(f"{salt}{item}".encode("utf-8", "replace")).digest()

    return sorted(items, key=place)[:most]
