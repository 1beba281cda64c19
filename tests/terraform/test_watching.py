"""What alarms, dashboards and log-based metrics read is what passes write."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.gcp.logs import JSONLines, measure
from shared.reports import metrics
from shared.reports.schema import Report, Summary
from tests.terraform.plans import ROOT, Json, need_terraform, plan

need_terraform()

EVERYTHING: dict[str, dict[str, str]] = {
    "aws": {"alarm_emails": '["ops@example.com"]'},
    "gcp": {"alarm_emails": '["ops@example.com"]'},
}


def written() -> dict[str, str]:
    """Tell the names and units of all metrics that passes write."""
    now = datetime.now(UTC)
    report = Report(
        pass_id="x", version="x", mode="reconcile", provider="aws", cluster="x", rules_from="x",
        outcome="completed", started=now, finished=now, mirror_age=1.0, summary=Summary(),
    )  # fmt: skip
    found = [*metrics.of_report(report), *metrics.of_failure()]
    return {metric.name: metric.unit for metric in found}


def of(found: dict[str, Json], kind: str) -> Iterator[Json]:
    return (values for address, values in found.items() if address.startswith(f"{kind}."))


def test_alarms_on_aws_read_what_is_written() -> None:
    """By namespace, name, unit and dimension."""
    found = plan("aws", **EVERYTHING["aws"])
    alarms = [a for a in of(found, "aws_cloudwatch_metric_alarm") if a["namespace"] != "AWS/SQS"]
    assert len(alarms) >= 8
    for alarm in alarms:
        assert metrics.NAMESPACE == alarm["namespace"]
        assert written()[alarm["metric_name"]] == alarm["unit"]
        assert {metrics.DIMENSION: "production"} == alarm["dimensions"]


def test_the_dashboard_on_aws_shows_what_is_written() -> None:
    """Every metric is on it, and nothing that is none."""
    found = plan("aws")
    body = json.loads(found["aws_cloudwatch_dashboard.passes"]["dashboard_body"])
    shown = set()
    for widget in body["widgets"]:
        for line in widget["properties"].get("metrics", []):
            if line[0] == metrics.NAMESPACE:
                assert [metrics.DIMENSION, "production"] == line[2:4]
                shown.add(line[1])
    assert set(written()) == shown


def test_metrics_on_google_read_what_is_logged() -> None:
    """Each by the logger's name, the field of the metric and that of the cluster."""
    found = plan("gcp")
    made = {m["name"].rpartition("/")[2]: m for m in of(found, "google_logging_metric")}
    units = {"Count": "1", "None": "1", "Milliseconds": "ms", "Seconds": "s"}
    wanted = {name: units[unit] for name, unit in written().items()}
    assert wanted == {name: m["metric_descriptor"][0]["unit"] for name, m in made.items()}
    entry = logged()
    for name, metric in made.items():
        tests = re.findall(r'jsonPayload\.([\w.]+)(=|>=)("?[\w.]+"?)', metric["filter"])
        assert {"logger", f"metrics.{name}"} == {field for field, _, _ in tests}
        assert f"EXTRACT(jsonPayload.metrics.{name})" == metric["value_extractor"]
        assert {"cluster": "EXTRACT(jsonPayload.cluster)"} == metric["label_extractors"]
        for field, operator, value in tests:
            seen: Any = entry
            for part in field.split("."):
                seen = seen[part]
            wanted_value = json.loads(value)
            assert seen >= wanted_value if operator == ">=" else seen == wanted_value


def logged() -> Json:
    """Give the line that a pass logs, as the function prints it."""
    import logging

    lines: list[str] = []
    handler = logging.Handler()
    handler.setFormatter(JSONLines())
    handler.emit = lambda record: lines.append(handler.format(record))  # type: ignore[method-assign]
    logger = logging.getLogger("functions.gcp.metrics")
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel("INFO")
    try:
        measure([metrics.Metric(name, "Count", 1) for name in written()], "demo")
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    (line,) = lines
    found: Json = json.loads(line)
    return found


def test_alerts_on_google_read_metrics_that_are_made() -> None:
    """In PromQL, by the names that Cloud Monitoring gives them."""
    found = plan("gcp")
    text = json.dumps([list(of(found, "google_monitoring_alert_policy")),
                       list(of(found, "google_monitoring_dashboard"))])  # fmt: skip
    named = set(re.findall(r"user_k8s_snapshots_(\w+?)_(?:sum|count)\b", text))
    assert set(written()) == named


@pytest.mark.parametrize("cloud", EVERYTHING)
@pytest.mark.parametrize("rules_from", ["cluster", "mirror"])
def test_alarms_lead_to_the_runbook(cloud: str, rules_from: str) -> None:
    """Each names an entry that is there."""
    found = plan(cloud, rules_from=rules_from)
    texts = [a["alarm_description"] for a in of(found, "aws_cloudwatch_metric_alarm")]
    texts += [a["documentation"][0]["content"] for a in of(found, "google_monitoring_alert_policy")]
    named = {re.findall(r"docs/runbook\.md#([-a-z]+)", text)[0] for text in texts}
    assert len(named) >= 8
    runbook = (ROOT / "docs" / "runbook.md").read_text()
    assert named <= set(re.findall(r"^#+ ([a-z][-a-z]+)$", runbook, re.MULTILINE))
