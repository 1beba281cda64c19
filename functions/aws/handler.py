"""The Lambda function: `functions.aws.handler.handler`."""

import logging
import os
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from aws_lambda_powertools.metrics import MetricUnit

from functions.aws.wiring import AWSSettings, build
from shared.passes.run import Ports, run
from shared.reports import metrics
from shared.reports.schema import to_builtins
from shared.request import parse_request

# With a level, since it would else read LOG_LEVEL itself, and a wrong one would end the import.
logger = Logger(service="k8s-snapshots", level="INFO")


@cache
def _installation() -> tuple[AWSSettings, Ports]:
    """Read the environment once for each process; settings that are wrong fail every pass."""
    # What libraries say is JSON as well, and what the handler itself says is said once.
    logging.basicConfig(handlers=logger.handlers, level=logging.WARNING, force=True)
    logging.getLogger(logger.name).propagate = False
    settings, ports = build(os.environ)
    logger.setLevel(settings.log_level)
    names = {"shared", "functions"}
    for name in names:
        logging.getLogger(name)
    copy_config_to_registered_loggers(logger, include=names, log_level=settings.log_level)
    return settings, ports


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Run one pass and answer its report.

    Args:
        event: see `shared.request`; EventBridge's envelope and `{}` are a reconcile.
        context: Lambda's; its remaining time is the pass's deadline.

    Raises:
        PassError: where the pass could not do its work, so that the invocation counts as failed.
    """
    logger.set_correlation_id(context.aws_request_id)
    cluster, request = "", None
    try:
        settings, ports = _installation()
        cluster = ports.labels.cluster
        request = parse_request(event)
        outcome = run(request, settings, ports, context.get_remaining_time_in_millis() / 1000)
    except Exception as error:
        logger.error("the pass failed: %s", error)
        if request is None or request.mode == "reconcile":
            _emit(metrics.of_failure(), cluster)
        raise
    _emit(metrics.of_report(outcome.report), cluster)
    if settings.disk_metrics:
        for disk, metric in metrics.of_disks(outcome.report, outcome.plan):
            _emit([metric], cluster, **{metrics.DISK: disk})
    return to_builtins(outcome.report)


def _emit(found: list[metrics.Metric], cluster: str, **dimensions: str) -> None:
    """Print the metrics in CloudWatch's embedded metric format."""
    if not found:
        return
    emf = Metrics(namespace=metrics.NAMESPACE, service="")
    units = {"Count": MetricUnit.Count, "Milliseconds": MetricUnit.Milliseconds,
             "Seconds": MetricUnit.Seconds, "None": MetricUnit.NoUnit}  # fmt: skip
    emf.add_dimension(metrics.DIMENSION, cluster or "unknown")
    for name, value in dimensions.items():
        emf.add_dimension(name, value)
    for metric in found:
        emf.add_metric(metric.name, units[metric.unit], metric.value)
    emf.flush_metrics()
