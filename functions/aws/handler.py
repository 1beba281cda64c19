"""The Lambda function: `functions.aws.handler.handler`."""

import os
from functools import cache
from typing import Any

from functions.aws import logs
from functions.aws.settings import AWSSettings
from functions.aws.wiring import build
from shared.passes.deadline import end_on_sigterm
from shared.passes.run import run
from shared.passes.world import Ports
from shared.reports import metrics
from shared.reports.schema import to_builtins
from shared.request import parse_request


@cache
def _installation() -> tuple[AWSSettings, Ports]:
    """Read the environment once for each process; settings that are wrong fail every pass."""
    logs.set_up()
    end_on_sigterm()
    settings, ports = build(os.environ)
    logs.show(settings.log_level)
    return settings, ports


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Run one pass and answer its report.

    Args:
        event: see `shared.request`; EventBridge's envelope and `{}` are a reconcile.
        context: Lambda's; its remaining time is the pass's deadline.

    Raises:
        PassError: where the pass could not do its work, so that the invocation counts as failed.
    """
    logs.logger.set_correlation_id(context.aws_request_id)
    cluster, request = "", None
    try:
        settings, ports = _installation()
        cluster = ports.labels.cluster
        request = parse_request(event)
        outcome = run(request, settings, ports, context.get_remaining_time_in_millis() / 1000)
    except Exception as error:
        logs.logger.error("the pass failed: %s", error)
        if request is None or request.mode == "reconcile":
            logs.measure(metrics.of_failure(), cluster)
        raise
    logs.measure(metrics.of_report(outcome.report), cluster)
    if settings.disk_metrics:
        for disk, metric in metrics.of_disks(outcome.report, outcome.plan):
            logs.measure([metric], cluster, **{metrics.DISK: disk})
    return to_builtins(outcome.report)
