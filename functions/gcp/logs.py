"""Structured logs for Cloud Logging: one JSON object a line.

Cloud Logging, "Structured logging": `severity`, `message`, and the trace under
`logging.googleapis.com/trace`.
"""

import contextvars
import json
import logging
import os
import sys
import traceback
from collections.abc import Iterable

from shared.reports.metrics import DIMENSION, Metric

_trace: contextvars.ContextVar[str] = contextvars.ContextVar("trace", default="")

log = logging.getLogger("functions.gcp.metrics")


class JSONLines(logging.Formatter):
    """Prints a record as one JSON object; what a record brings as `fields` stands beside."""

    def format(self, record: logging.LogRecord) -> str:
        """Print the record."""
        message = record.getMessage()
        if record.exc_info:
            message = f"{message}\n{''.join(traceback.format_exception(*record.exc_info))}"
        entry = {"severity": record.levelname, "message": message, "logger": record.name}
        if trace := _trace.get():
            entry["logging.googleapis.com/trace"] = trace
        if audit := getattr(record, "audit", None):
            entry["audit"] = audit
        return json.dumps(entry | getattr(record, "fields", {}))


def set_up() -> None:
    """Log to standard output, if that is not so already: ours from INFO, libraries' warnings."""
    if any(isinstance(found.formatter, JSONLines) for found in logging.getLogger().handlers):
        return
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JSONLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    show("INFO")
    log.setLevel("INFO")


def show(level: str) -> None:
    """Log ours from this level on, for all requests from now on."""
    for name in ("shared", "functions"):
        logging.getLogger(name).setLevel(level)


def trace(header: str) -> None:
    """Remember the trace of a request, from its header `TRACE_ID/SPAN_ID;o=OPTIONS`."""
    project, name = os.environ.get("GOOGLE_CLOUD_PROJECT", ""), header.partition("/")[0]
    valid = name.isalnum() and len(name) <= 64
    _trace.set(f"projects/{project}/traces/{name}" if valid and project else name * valid)


def measure(metrics: Iterable[Metric], cluster: str, **dimensions: str) -> None:
    """Log one line with the metrics of a pass, which log-based metrics read."""
    values = {metric.name: metric.value for metric in metrics}
    if values:
        fields = {"metrics": values, DIMENSION: cluster or "unknown", **dimensions}
        log.info("metrics", extra={"fields": fields})
