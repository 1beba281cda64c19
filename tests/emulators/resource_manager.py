"""Google's Resource Manager v3 as far as a snapshot tool meets it.

Sources: cloudresourcemanager v3, "projects.testIamPermissions" and "tagBindings.create"; the parent
of a binding as Google's CSI driver writes it: the project, and a snapshot's numeric id.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from tests.emulators.gce import GCE

Json = dict[str, Any]

PARENT = re.compile(r"//compute\.googleapis\.com/projects/([^/]+)/global/snapshots/(\d+)")


class Refused(Exception):
    """An error as newer APIs of Google answer it; `reason` is that of its ErrorInfo."""

    def __init__(self, status: int, code: str, message: str, reason: str = "") -> None:
        super().__init__(message)
        kind = "type.googleapis.com/google.rpc.ErrorInfo"
        details = [{"@type": kind, "reason": reason, "domain": "googleapis.com"}] * bool(reason)
        error = {"code": status, "message": message, "status": code, "details": details}
        self.status, self.body = status, {"error": error}


def denied(permission: str, what: str) -> Refused:
    """Say that a permission is missing."""
    said = f"Permission '{permission}' denied on resource '{what}' (or it may not exist)."
    return Refused(403, "PERMISSION_DENIED", said, "IAM_PERMISSION_DENIED")


def answer(gce: GCE, verb: str, path: str, sent: bytes) -> tuple[int, Json]:
    """Answer a request; the caller holds the lock."""
    name = "cloudresourcemanager.googleapis.com"
    try:
        if name in gce.disabled:
            said = f"Cloud Resource Manager API has not been used in project {gce.project} before"
            raise Refused(
                403, "PERMISSION_DENIED", f"{said} or it is disabled.", "SERVICE_DISABLED"
            )
        body = json.loads(sent) if sent else {}
        path = unquote(path).removeprefix("/v3/")
        if verb == "POST" and (
            match := re.fullmatch(r"projects/([^/:]+):testIamPermissions", path)
        ):
            return 200, _test(gce, match[1], body)
        if (verb, path) == ("POST", "tagBindings"):
            return 200, _bind(gce, body)
        if verb == "GET" and path.startswith("operations/"):
            return 200, {"name": path, "done": True, "response": {}}
    except Refused as refused:
        return refused.status, refused.body
    gce.violations.append(f"{verb} {path} is not emulated")
    return 404, {"error": {"code": 404, "message": "Not found.", "status": "NOT_FOUND"}}


def _test(gce: GCE, project: str, body: Json) -> Json:
    if project not in gce.projects:
        raise denied("resourcemanager.projects.get", f"projects/{project}")
    held = [p for p in body["permissions"] if gce.holds(p, project)]
    return {"permissions": held} if held else {}


def _bind(gce: GCE, body: Json) -> Json:
    match = PARENT.fullmatch(body["parent"])
    if not match:
        raise Refused(400, "INVALID_ARGUMENT", f"Invalid resource name {body['parent']}.")
    project, number = match.groups()
    snapshot = gce.by_number(project, number)
    needed = "compute.snapshots.createTagBinding"
    if snapshot is None or not gce.allows(needed, project):
        raise denied(needed, body["parent"])
    value = body["tagValue"]
    if value not in gce.tag_values or not gce.allows("resourcemanager.tagValueBindings.create"):
        raise denied("resourcemanager.tagValueBindings.create", value)
    if value in gce.tags.get(number, {}).values():
        said = "A binding already exists between the given resource and TagValue."
        raise Refused(409, "ALREADY_EXISTS", said)
    gce.tags.setdefault(number, {})[gce.tag_values[value]] = value
    name = f"operations/rctb.{number}"
    return {"name": name, "done": not gce.slow_bindings, "response": {"tagValue": value}}
