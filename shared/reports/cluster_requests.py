"""What is sent to the cluster's API to write one status or Event, and how answers are read.

Each can be tried: the API then judges it and stores nothing (Kubernetes API Concepts, "Dry-run").
"""

import re
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import msgspec

from shared.errors import ClusterError
from shared.kinds import GROUP
from shared.reports.events import EventPost
from shared.reports.status import StatusPatch
from shared.text import shorten
from shared.tolerant_json import UNREADABLE

#: Seconds that a request may take to connect and to be answered.
TIMEOUT = (3, 5)

#: What stands in a path: the API's own names are such, and none of them leads elsewhere.
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")

#: Gives an ApiClient of the kubernetes package, connected; raises ClusterError.
Client = Callable[[], Any]

#: What is no failure: it is written; an Event is there already; a rule is another one by now, or
#: was changed by another hand; or its namespace is about to go.
Result = Literal["written", "there", "changed", "terminating"]


class NotWritten(Exception):
    """One is not taken, for a reason that is worth a word."""


class Missing(NotWritten):
    """It was deleted meanwhile; or else all of them are missing, which is worth a word as well."""


class Invalid(NotWritten):
    """It is about this one alone, and says nothing of the next."""


class _Cause(msgspec.Struct):
    reason: str = ""


class _Details(msgspec.Struct):
    causes: list[_Cause] = []


class _Resource(msgspec.Struct):
    name: str = ""


class _Said(msgspec.Struct):
    message: str = ""
    details: _Details = msgspec.field(default_factory=_Details)
    resources: list[_Resource] = []


class _Answer(NamedTuple):
    """The HTTP status, and what the API says with it."""

    status: int
    said: _Said


def patch_status(client: Client, patch: StatusPatch, dry: bool = False) -> Result:
    """Write the status of one rule, of no other that has its name by now.

    A JSON patch, since only that can test the uid: of a merge patch an API server ignores it.
    Without metadata.resourceVersion: nobody else writes the status, so that there is nothing to
    lose, and an owner who edits the spec meanwhile would only keep it from being written. For what
    was edited it does not speak: observedGeneration says of which spec it does.

    Args:
        client: the connection.
        patch: what to write; without a uid, whichever rule has the name.
        dry: whether it is only tried.

    Raises:
        Missing: where there is no such rule, or rules have no status.
        NotWritten: where the API refuses this one.
        ClusterError: where asking for anything else is of no use.
    """
    source = patch.source
    rule = f"/snapshotpolicies/{source.name}"
    if source.kind == "SnapshotRule":
        rule = f"/namespaces/{source.namespace}/snapshotrules/{source.name}"
        _check(source.namespace)
    _check(source.name)
    same = {"op": "test", "path": "/metadata/uid", "value": patch.uid}
    write = {"op": "add", "path": "/status", "value": patch.status}
    body = [same, write] if patch.uid else [write]
    answer = _send(client, "PATCH", f"/apis/{GROUP}/v1{rule}/status", body, dry)
    if answer.status == 409 or (answer.status == 422 and not answer.said.details.causes):
        return "changed"  # of a test that fails an API server names no cause
    if result := _result(answer, 200):
        return result
    if answer.status == 404:  # the same where the definition has no status as for a rule gone
        raise Missing(
            "the definition of SnapshotRules has no status: kubectl apply -f manifests/crd.yaml"
        )
    if answer.status == 422:  # with the status, an API server judges the rule itself again
        raise Invalid(f"{_described(answer)}; neither rule nor status may be "
                      "such, or the definition is an older one")  # fmt: skip
    kind = "snapshotrules" if source.kind == "SnapshotRule" else "snapshotpolicies"
    grant = f"patch on {kind}/status, as manifests/rbac-status.yaml does"
    raise _refused(answer, grant)


def rules_have_status(client: Client) -> bool | None:
    """Tell whether the definition of SnapshotRules has a status; None where the API does not say.

    Everybody who is logged in may ask, unless a cluster's `system:discovery` was changed.

    Raises:
        ClusterError: where asking for anything else is of no use.
    """
    answer = _send(client, "GET", f"/apis/{GROUP}/v1")
    if answer.status == 404:
        return False
    names = [entry.name for entry in answer.said.resources]
    return "snapshotrules/status" in names if answer.status == 200 and names else None


def post_event(client: Client, post: EventPost, dry: bool = False) -> Result:
    """Write one Event; one that is there is left alone. `dry` only tries it.

    Raises:
        NotWritten: where the API refuses this one.
        ClusterError: where asking for anything else is of no use.
    """
    namespace = post.body["metadata"]["namespace"]
    _check(namespace, post.name)
    answer = _send(client, "POST", f"/api/v1/namespaces/{namespace}/events", post.body, dry)
    if answer.status == 409:
        return "there"
    if result := _result(answer, 201):
        return result
    if answer.status == 404:
        raise Missing("its namespace is gone")
    if answer.status == 422:
        raise Invalid(_described(answer))
    raise _refused(answer, "create on events, as manifests/rbac-status.yaml does")


def _send(
    client: Client, method: str, path: str, body: object = None, dry: bool = False
) -> _Answer:
    """Ask once; raise ClusterError where asking for anything else is of no use."""
    import urllib3

    api = client()
    kind = "application/json-patch+json" if method == "PATCH" else "application/json"
    request = api.param_serialize(
        method,
        path,
        query_params=[("dryRun", "All")] if dry else [],
        header_params={"Accept": "application/json", "Content-Type": kind},
        body=body,
        auth_settings=["BearerToken"],
    )
    try:
        response = api.call_api(*request, _request_timeout=TIMEOUT)
        answer = _Answer(response.status, _decode(response.response.data))
    except urllib3.exceptions.HTTPError as error:
        reason = getattr(error, "reason", None) or error
        raise ClusterError(f"the API does not answer ({type(reason).__name__})") from None
    if answer.status in (401, 429) or answer.status >= 500:
        raise ClusterError(_described(answer))
    return answer


def _check(*names: str) -> None:
    if not all(map(_NAME.fullmatch, names)):
        raise NotWritten("is called as nothing in a cluster is")


def _decode(body: bytes) -> _Said:
    try:
        return msgspec.json.decode(body, type=_Said)
    except UNREADABLE:
        return _Said()


def _result(answer: _Answer, written: int) -> Result | None:
    """Tell what an answer comes to, if it is no failure; `written` is the status of success."""
    if answer.status == written:
        return "written"
    causes = answer.said.details.causes
    going = any(cause.reason == "NamespaceTerminating" for cause in causes)
    return "terminating" if answer.status == 403 and going else None


def _refused(answer: _Answer, grant: str) -> NotWritten:
    hint = f"; grant {grant}" if answer.status == 403 else ""
    return NotWritten(f"{_described(answer)}{hint}")


def _described(answer: _Answer) -> str:
    reason = shorten(answer.said.message, 300) or "no reason given"
    return f"the API answered {answer.status}: {reason}"
