"""Writes statuses and Events to the cluster's API: the last thing a pass does, and optional.

Nothing here fails a pass. Of what cannot be written the log tells once; the next pass, which
compares anew, writes it again.
"""

import hashlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from shared.bounded import TooSlow, within
from shared.errors import SnapshotsError
from shared.model import RuleSet, Source
from shared.objects import Objects
from shared.planning.actions import Plan
from shared.planning.labels import Labels
from shared.ports import Check, Listing
from shared.reports.applied import Applied
from shared.reports.cluster_checks import check_writing
from shared.reports.cluster_requests import (
    Client,
    Invalid,
    Missing,
    NotWritten,
    Result,
    patch_status,
    post_event,
    rules_have_status,
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

#: What was not written, and needed not be.
_LEFT: dict[Result, str] = {
    "there": "there already",
    "changed": "changed meanwhile",
    "terminating": "in namespaces that are about to go",
}


class StatusWriter:
    """Writes to a Kubernetes API.

    Args:
        client: gives an ApiClient of the kubernetes package, connected; raises ClusterError.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, datetime] = {}

    def check(self, rules: Sequence[Source]) -> Iterable[Check]:
        """Try to write, storing nothing; `rules` are SnapshotRules that are there."""
        return check_writing(self._client, rules)

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
            log.exception("the status could not be written to the cluster")
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
            series = _Series("statuses", patches, MAX_STATUSES)
            series.write(self._patch, more)
            if series.missing and not series.done["written"]:
                series.explain(rules_have_status(self._client))
            series.tell()
            others = _Series("events", self._unknown(posts), MAX_EVENTS)
            others.write(self._post, more)
            others.tell()

        try:
            within(BUDGET + 10, all_of_it)
        except (SnapshotsError, TooSlow) as error:
            log.error("the status in the cluster could not be written: %s", error)
        except Exception as error:
            # Whatever lies on the way to the API may raise anything, with anything in its text.
            log.error("the status in the cluster could not be written: %s", type(error).__name__)

    def _patch(self, patch: StatusPatch) -> Result:
        return patch_status(self._client, patch)

    def _post(self, post: EventPost) -> Result:
        result = post_event(self._client, post)
        if result in ("written", "there"):
            self._known[post.name] = post.at
        return result

    def _unknown(self, posts: Sequence[EventPost]) -> list[EventPost]:
        """Leave out what this process has written lately; told by the passes' own time."""
        wanted = {post.name: post.at for post in posts}
        self._known = {
            name: at
            for name, at in self._known.items()
            if name in wanted and timedelta(0) <= wanted[name] - at < KNOWN
        }
        return [post for post in posts if post.name not in self._known]


class _Series(Generic[T]):
    """Things to write one after the other, until too many are refused in a row."""

    def __init__(self, what: str, items: Sequence[T], most: int) -> None:
        self._what, self._most = what, most
        self._items: Sequence[T] = items
        self.done: Counter[Result] = Counter()
        self.missing, self._why, self._refused = "", "", 0

    def write(self, send: Callable[[T], Result], more: Callable[[], bool]) -> None:
        for item in _some(self._items, self._most):
            if self._refused == REFUSALS or not more():
                break
            try:
                self.done[send(item)] += 1
                self._refused = 0
            except Missing as error:
                self._refused += 1
                self.missing = self.missing or f"{item.source}: {error}"
            except NotWritten as error:
                self._refused += not isinstance(error, Invalid)
                self._why = self._why or f"{item.source}: {error}"

    def explain(self, present: bool | None) -> None:
        """Say what none was written for; `present` tells whether there could be any at all."""
        if present is False or (present is None and self._refused == REFUSALS):
            self._why = self._why or self.missing

    def tell(self) -> None:
        if self._why:
            log.error("some %s could not be written, such as that of %s", self._what, self._why)
        if self._items:
            left = [f"{self.done[key]} {words}" for key, words in _LEFT.items() if self.done[key]]
            log.info("wrote %d of %d %s%s", self.done["written"], len(self._items), self._what,
                     f"; {', '.join(left)}" if left else "")  # fmt: skip


def _some(items: Sequence[T], most: int) -> Sequence[T]:
    """Choose in another order each time, so that none waits behind those that always fail."""
    salt = str(time.time())

    def place(item: T) -> bytes:
        return hashlib.sha256(f"{salt}{item}".encode("utf-8", "replace")).digest()

    return sorted(items, key=place)[:most]
