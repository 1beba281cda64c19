"""Structured logs for CloudWatch: one JSON object a line, and metrics between them.

CloudWatch, "Embedded metric format specification".
"""

import logging
from collections.abc import Sequence

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from aws_lambda_powertools.metrics import MetricUnit

from shared.reports.metrics import DIMENSION, NAMESPACE, Metric

# With a level, since it would else read LOG_LEVEL itself, and a wrong one would end the import.
logger = Logger(service="k8s-snapshots", level="INFO")

_UNITS = {
    "Count": MetricUnit.Count,
    "Milliseconds": MetricUnit.Milliseconds,
    "Seconds": MetricUnit.Seconds,
    "None": MetricUnit.NoUnit,
}


def set_up() -> None:
    """Log as JSON what libraries say as well, and once what the handler itself says."""
    logging.basicConfig(handlers=logger.handlers, level=logging.WARNING, force=True)
    logging.getLogger(logger.name).propagate = False


def show(level: str) -> None:
    """Log ours from this level on, for all invocations from now on."""
    logger.setLevel(level)
    names = {"shared", "functions"}
    for name in names:
        logging.getLogger(name)
    copy_config_to_registered_loggers(logger, include=names, log_level=level)


def measure(metrics: Sequence[Metric], cluster: str, **dimensions: str) -> None:
    """Print the metrics in CloudWatch's embedded metric format."""
    if not metrics:
        return
    emf = Metrics(namespace=NAMESPACE, service="")
    emf.add_dimension(DIMENSION, cluster or "unknown")
    for name, value in dimensions.items():
        emf.add_dimension(name, value)
    for metric in metrics:
        emf.add_metric(metric.name, _UNITS[metric.unit], metric.value)
    emf.flush_metrics()
