"""The Google Cloud Function: the HTTP target `reconcile`."""

import logging
import os
from functools import cache
from typing import Any

import flask
import functions_framework

from functions.gcp import logs
from functions.gcp.settings import GCPSettings
from functions.gcp.wiring import build
from shared.errors import PassError, RequestError
from shared.passes.deadline import end_on_sigterm
from shared.passes.run import run
from shared.passes.world import Ports
from shared.reports import metrics
from shared.reports.schema import to_builtins
from shared.request import Request, parse_request
from shared.tolerant_json import UNREADABLE

log = logging.getLogger("functions.gcp")

# At the import, which is done by the main thread of a process: requests have threads of their own.
end_on_sigterm()

#: What Flask takes as an answer: the body, the status and the headers.
Answer = tuple[dict[str, Any], int, dict[str, str]]


@cache
def _installation() -> tuple[GCPSettings, Ports]:
    """Read the environment once for each process; settings that are wrong fail every pass."""
    settings, ports = build(os.environ)
    logs.show(settings.log_level)
    return settings, ports


@functions_framework.http
def reconcile(request: flask.Request) -> Answer:
    """Run one pass: POST with the same request as the Lambda's; an empty body is a reconcile.

    Returns:
        200 with the report, 400 for a bad request, 405 for anything but POST, 500 where the pass
        could not do its work; errors as `{"error": "…"}`.
    """
    logs.set_up()
    logs.trace(request.headers.get("X-Cloud-Trace-Context", ""))
    if request.method != "POST":
        return {"error": "send a POST, with {} or nothing for a reconcile"}, 405, {"Allow": "POST"}
    try:
        asked = parse_request(_payload(request))
    except RequestError as error:
        return _bad(error)
    cluster = ""
    try:
        settings, ports = _installation()
        cluster = ports.labels.cluster
        outcome = run(asked, settings, ports)
    except RequestError as error:  # it could not be told before the rules were read
        return _bad(error)
    except Exception as error:
        return _failed(error, asked, cluster)
    logs.measure(metrics.of_report(outcome.report), cluster)
    if settings.disk_metrics:
        for disk, metric in metrics.of_disks(outcome.report, outcome.plan):
            logs.measure([metric], cluster, **{metrics.DISK: disk})
    return to_builtins(outcome.report), 200, {}


def _payload(request: flask.Request) -> Any:
    """Read the body as JSON whatever its content type says; Cloud Scheduler sends octets."""
    if not request.get_data():
        return {}
    try:
        return flask.json.loads(request.get_data())
    except UNREADABLE:
        raise RequestError('the payload is no JSON; send {} or {"mode": "plan"}') from None


def _bad(error: RequestError) -> Answer:
    log.error("bad request: %s", error)
    return {"error": str(error)}, 400, {}


def _failed(error: Exception, asked: Request, cluster: str) -> Answer:
    """Answer for a pass that could not do its work; details of what is unexpected are logged."""
    expected = isinstance(error, PassError)
    said = str(error) if expected else f"unexpected {type(error).__name__}, see the log"
    log.error("the pass failed: %s", said, exc_info=not expected)
    if asked.mode == "reconcile":
        logs.measure(metrics.of_failure(), cluster)
    return {"error": said}, 500, {}
