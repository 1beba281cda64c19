"""Writes statuses and Events to the cluster's API: the last thing a pass does, and optional.

Nothing here fails a pass. Of what cannot be written the log tells once; the next pass, which
compares anew, writes it again.
"""

import hashlib
import logging
import re
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec

from shared.errors import ClusterError, SnapshotsError
from shared.model import RuleSet
from shared.objects import GROUP, Objects
from shared.planning.actions import Plan
from shared.planning.labels import Labels
from shared.ports import Listing, RulesSource
from shared.reports.applied import Applied
from shared.reports.status import EventPost, StatusPatch, events, statuses
from shared.settings import Settings
from shared.sources.cluster import Cluster
from shared.text import shorten

log = logging.getLogger(__name__)

#: Requests of a pass at most; what is left over is written by the next.
MAX_STATUSES = 200
MAX_EVENTS = 50
#: Seconds that all of them may take, and that one may take to connect and to be answered.
BUDGET = 30.0
TIMEOUT = (3, 5)
#: Refusals in a row after which the rest would be refused as well.
REFUSALS = 3
#: An Event that is known to be there is not written again for so long; API servers keep them for
#: an hour unless told otherwise.
KNOWN = timedelta(minutes=10)

#: What stands in a path: the API's own names are such, and none of them leads elsewhere.
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")

T = TypeVar("T", StatusPatch, EventPost)


class _Cause(msgspec.Struct):
    reason: str = ""


class _Details(msgspec.Struct):
    causes: list[_Cause] = []


class _Said(msgspec.Struct):
    message: str = ""
    details: _Details = msgspec.field(default_factory=_Details)


class _Refused(Exception):
    """One is not taken, for a reason that is worth a word."""


class _Missing(_Refused):
    """It was deleted meanwhile; or else all of them are missing, which is worth a word as well."""


class _Unfit(_Refused):
    """It is about this one alone, and says nothing of the next."""


class StatusWriter:
    """Writes to a Kubernetes API.

    Args:
        client: gives an ApiClient of the kubernetes package, connected; raises ClusterError.
    """

    def __init__(self, client: Callable[[], Any]) -> None:
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
        """Write what is to be said of a pass, see `status`; raises nothing."""
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

        try:
            self._each("statuses", patches, MAX_STATUSES, self._patch, more)
            self._each("events", self._unknown(posts), MAX_EVENTS, self._post, more)
        except SnapshotsError as error:
            log.error("the status in the cluster could not be written: %s", error)
        except Exception as error:
            # Whatever lies on the way to the API may raise anything, with anything in its text.
            log.error("the status in the cluster could not be written: %s", type(error).__name__)

    def _each(
        self,
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
            except _Refused as error:
                refused += not isinstance(error, _Unfit)
                if not isinstance(error, _Missing) or refused == REFUSALS:
                    why = why or f"{item.source}: {error}"
        if why:
            log.error("some %s could not be written, such as that of %s", what, why)
        if items:
            log.info("wrote %d of %d %s", written, len(items), what)

    def _patch(self, patch: StatusPatch) -> bool:
        # Without metadata.resourceVersion: nobody else writes the status, so that there is nothing
        # to lose, and an owner who edits the spec meanwhile would only keep it from being written.
        # For what was edited it does not speak: observedGeneration says of which spec it does.
        source = patch.source
        _check(source.namespace, source.name)
        rule = f"/namespaces/{source.namespace}/snapshotrules/{source.name}"
        body = {"status": patch.status}
        status, said = self._send("PATCH", f"/apis/{GROUP}/v1{rule}/status", body)
        if status == 200 or _passed(status, said):
            return status == 200
        if status == 404:  # the same where the definition has no status as where the rule is gone
            raise _Missing("there is no status of it: kubectl apply -f manifests/crd.yaml")
        if status == 422:  # with the status, an API server judges the rule itself again
            raise _Unfit(f"the API answered 422: {_reason(said)}; neither rule nor status may be "
                         "such, or the definition is an older one")  # fmt: skip
        would_do = "; grant patch on snapshotrules/status, as manifests/rbac-status.yaml does"
        raise _Refused(
            f"the API answered {status}: {_reason(said)}{would_do if status == 403 else ''}"
        )

    def _post(self, post: EventPost) -> bool:
        namespace = post.body["metadata"]["namespace"]
        _check(namespace, post.name)
        status, said = self._send("POST", f"/api/v1/namespaces/{namespace}/events", post.body)
        if status == 201 or _passed(status, said):
            if status in (201, 409):
                self._known[post.name] = post.at
            return status == 201
        if status == 404:
            raise _Missing("its namespace is gone")
        if status == 422:
            raise _Unfit(f"the API answered 422: {_reason(said)}")
        would_do = "; grant create on events, as manifests/rbac-status.yaml does"
        raise _Refused(
            f"the API answered {status}: {_reason(said)}{would_do if status == 403 else ''}"
        )

    def _unknown(self, posts: Sequence[EventPost]) -> list[EventPost]:
        """Leave out what this process has written lately; told by the passes' own time."""
        wanted = {post.name: post.at for post in posts}
        self._known = {
            name: at
            for name, at in self._known.items()
            if name in wanted and timedelta(0) <= wanted[name] - at < KNOWN
        }
        return [post for post in posts if post.name not in self._known]

    def _send(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, _Said]:
        """Ask once; raise ClusterError where asking for anything else is of no use."""
        import urllib3

        client = self._client()
        kind = "application/json" if method == "POST" else "application/merge-patch+json"
        request = client.param_serialize(
            method,
            path,
            header_params={"Accept": "application/json", "Content-Type": kind},
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            answer = client.call_api(*request, _request_timeout=TIMEOUT)
            status, said = answer.status, _decode(answer.response.data)
        except urllib3.exceptions.HTTPError as error:
            reason = getattr(error, "reason", None) or error
            raise ClusterError(f"the API does not answer ({type(reason).__name__})") from None
        if status in (401, 429) or status >= 500:
            raise ClusterError(f"the API answered {status}: {_reason(said)}")
        return status, said


def _some(items: Sequence[T], most: int) -> Sequence[T]:
    """Choose in another order each time, so that none waits behind those that always fail."""
    salt = str(time.time())

    def place(item: T) -> bytes:
        return hashlib.sha256(f"{salt}{item}".encode("utf-8", "replace")).digest()

    return sorted(items, key=place)[:most]


def _check(*names: str) -> None:
    if not all(map(_NAME.fullmatch, names)):
        raise _Refused("is called as nothing in a cluster is")


def _passed(status: int, said: _Said) -> bool:
    """Tell an answer that is no failure: it is there already, was changed, or is about to go."""
    going = any(cause.reason == "NamespaceTerminating" for cause in said.details.causes)
    return status == 409 or (status == 403 and going)


def _decode(body: bytes) -> _Said:
    try:
        return msgspec.json.decode(body, type=_Said)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Said()


def _reason(said: _Said) -> str:
    return shorten(said.message, 300) or "no reason given"


def status_writer(settings: Settings, source: RulesSource) -> StatusWriter | None:
    """Give what writes to the cluster that rules are read from, where WRITE_STATUS asks for it."""
    if settings.write_status and isinstance(source, Cluster):
        return StatusWriter(source.client)
    return None
