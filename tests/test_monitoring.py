"""examples/monitoring: the dashboard and the alert rules use metrics that `metrics` writes."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from promql_parser import AggregateExpr, Expr, VectorSelector, parse, walk

from shared.cli import exposition
from shared.cli.main import main
from shared.cli.metrics import families
from shared.environment import load
from shared.reports.health import ORDER
from shared.settings import Settings
from tests.clock import NOON
from tests.shared.builders import DAY, HOUR, disk, hourly
from tests.shared.cli.test_metrics import health, report
from tests.shared.objects_builders import claim, volume
from tests.shared.passes.test_run import World
from tools.docs import ROOT, anchors_of

FOLDER = ROOT / "examples" / "monitoring"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
VARIABLES = {one["name"]: one for one in DASHBOARD["templating"]["list"]}
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
EXPRESSIONS = [(rule["alert"], rule["expr"]) for rule in RULES] + [
    (f"{panel['title']} {target['refId']}", target["expr"])
    for panel in PANELS
    for target in panel["targets"]
]


@cache
def known() -> Mapping[str, set[str]]:
    """Give all metrics that there are, with their labels."""
    found = families(report(mirror_age=1.0), [health()])
    return {family.name: {*family.labels} for family in found}


def nodes(expression: str) -> Iterator[Expr]:
    found: list[Expr] = []

    def seen(node: Expr) -> bool:
        found.append(node)
        return True

    walk(parse(expression), seen)
    yield from found


def selectors(expression: str) -> list[VectorSelector]:
    return [node for node in nodes(expression) if isinstance(node, VectorSelector)]


@pytest.mark.parametrize(("name", "expression"), EXPRESSIONS)
def test_expressions_are_promql_of_metrics_that_exist(name: str, expression: str) -> None:
    """Each is parsed; each metric, label and word of health in it is one that is written."""
    used = selectors(expression)
    assert used
    for selector in used:
        assert selector.name
        assert selector.name in known()
        matchers = selector.matchers.matchers
        assert {m.name for m in matchers} <= known()[selector.name]
        words = {m.value for m in matchers if m.name == "health"}
        assert words <= {*ORDER}
    labels = set.union(*(known()[str(selector.name)] for selector in used))
    for node in nodes(expression):
        if isinstance(node, AggregateExpr) and node.modifier:
            assert set(node.modifier.labels) <= labels


def test_a_metric_that_does_not_exist_would_be_found() -> None:
    """Or the test above would prove nothing."""
    (selector,) = selectors("k8s_snapshots_disk_lat == 1")
    assert selector.name not in known()
    with pytest.raises(ValueError, match="parenthesis"):
        parse("sum by (x (k8s_snapshots_disk_late)")


class TestAlerts:
    def test_what_must_be_watched_is(self) -> None:
        """Late, failing, never, problems, and metrics that are old or not there."""
        assert {
            "SnapshotLate", "SnapshotFailing", "SnapshotNever", "SnapshotProblems",
            "SnapshotMetricsStale", "SnapshotMetricsMissing", "SnapshotListingIncomplete",
        } <= {rule["alert"] for rule in RULES}  # fmt: skip

    @pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
    def test_each_says_what_it_means(self, rule: dict[str, Any]) -> None:
        """With labels that its expression has, and a heading of the documents that exists."""
        notes = rule["annotations"]
        assert {"summary", "description", "runbook"} == set(notes)
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        labels = set.union(*(known()[str(s.name)] for s in selectors(rule["expr"])))
        named = set(re.findall(r"\$labels\.(\w+)", " ".join(notes.values())))
        assert named <= (set() if rule["expr"].startswith("absent(") else labels)
        page, _, anchor = notes["runbook"].partition("#")
        assert anchor in anchors_of(ROOT / "docs" / page)


class TestTheDashboard:
    def test_the_source_of_data_is_chosen(self) -> None:
        """By a variable, so that it can be imported anywhere."""
        assert "datasource" == VARIABLES["datasource"]["type"]
        sources = [p["datasource"] for p in PANELS]
        sources += [t["datasource"] for p in PANELS for t in p["targets"]]
        sources += [one["datasource"] for one in VARIABLES.values() if one["type"] == "query"]
        assert all({"type": "prometheus", "uid": "${datasource}"} == one for one in sources)

    def test_it_has_no_id_of_somebody_elses(self) -> None:
        """Grafana gives one; panels have ids of their own."""
        assert "id" not in DASHBOARD
        assert sorted(range(1, len(PANELS) + 1)) == sorted(p["id"] for p in PANELS)
        assert all(panel["description"] for panel in PANELS)

    def test_variables_are_defined_and_known(self) -> None:
        """Each that an expression has; and their own queries name metrics and labels."""
        text = " ".join(expression for _, expression in EXPRESSIONS)
        assert set(re.findall(r"\$(\w+)", text)) <= set(VARIABLES)
        for name in ("cluster", "namespace"):
            query = VARIABLES[name]["query"]["query"]
            match = re.fullmatch(r"label_values\((\w+)(?:\{.*\})?, (\w+)\)", query)
            assert match
            assert match[2] in known()[match[1]]

    def test_panels_do_not_overlap(self) -> None:
        """Nor leave the grid, which is 24 wide."""
        places = [(p["gridPos"], p["title"]) for p in PANELS]
        assert all(place["x"] + place["w"] <= 24 for place, _ in places)
        for (one, a), (other, b) in combinations(places, 2):
            apart = (
                one["x"] + one["w"] <= other["x"]
                or other["x"] + other["w"] <= one["x"]
                or one["y"] + one["h"] <= other["y"]
                or other["y"] + other["h"] <= one["y"]
            )
            assert apart, (a, b)

    def test_columns_are_those_of_the_queries(self) -> None:
        """What is renamed is a value of the table."""
        (table,) = (p for p in PANELS if p["type"] == "table")
        (organize,) = (t["options"] for t in table["transformations"] if t["id"] == "organize")
        columns = {f"Value #{target['refId']}" for target in table["targets"]} | {"Time"}
        assert columns == set(organize["renameByName"]) | set(organize["excludeByName"])


PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    not PROMTOOL, reason="promtool is not here (Debian has it in the package prometheus)"
)


def promtool(*arguments: object) -> "subprocess.CompletedProcess[str]":
    words = [str(PROMTOOL), *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the metrics of a cluster in which much is wrong."""
    world = World(3, "PT1H P1D")
    for number, age in enumerate((0, 5)):
        made = hourly(25, NOON - age * HOUR, disk=world.disks[number], deltas="PT1H P1D")
        world.cloud.snapshots |= {s.id: s for s in made}
    lost = hourly(3, NOON - DAY, disk=disk("vol-0lost"))
    world.cloud.snapshots |= {s.id: s for s in lost}
    world.cluster.items += (claim(deltas="PT1H P1O"), volume())
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    monkeypatch.setenv("CLUSTER_ID", "demo")
    main("x", lambda environ, _: (load(Settings, environ), world.ports), ["metrics"])
    return capsys.readouterr().out


@needs_promtool
class TestPromtool:
    def test_accepts_the_rules(self) -> None:
        """As `promtool check rules` does."""
        done = promtool("check", "rules", FOLDER / "alerts.yaml")
        assert 0 == done.returncode, done.stderr
        assert f"{len(RULES)} rules found" in done.stdout

    def test_accepts_the_metrics(self, written: str) -> None:
        """`promtool check metrics` finds nothing to say about names, types and meanings."""
        words = [str(PROMTOOL), "check", "metrics"]
        done = subprocess.run(words, input=written, capture_output=True, text=True, check=False)
        assert (0, "", "") == (done.returncode, done.stdout, done.stderr)

    @pytest.mark.parametrize("minutes", [0, 420])
    def test_alerts_fire_on_what_is_written(
        self, written: str, minutes: int, tmp_path: Path
    ) -> None:
        """Late, never and problems; at first nothing, after seven hours the old metrics too."""
        found = [s for f in text_string_to_metric_families(written) for s in f.samples]
        series = [
            {"series": _series(s.name, s.labels), "values": f"{_moved(s.name, s.value)}x1000"}
            for s in found
        ]
        lates = (s for s in found if s.name == "k8s_snapshots_disk_late")
        late = {s.labels["disk"] for s in lates if s.value}
        never = {s.labels["disk"] for s in found if s.labels.get("health") == "never"}
        assert (2, 2) == (len(late), len(never))
        firing = {"SnapshotLate": late, "SnapshotNever": never, "SnapshotFailing": set[str]()}
        firing |= {name: {""} for name in ("SnapshotProblems", "SnapshotMetricsStale") if minutes}
        quiet = {rule["alert"] for rule in RULES} - firing.keys() - {"SnapshotVolumesUncovered"}
        expected = [_expected(name, disks if minutes else set()) for name, disks in firing.items()]
        expected += [_expected(name, set()) for name in sorted(quiet)]
        one = {
            "interval": "1m",
            "input_series": series,
            "promql_expr_test": [{**test, "eval_time": f"{minutes}m"} for test in expected],
        }
        path = tmp_path / "test.yaml"
        files = [str(FOLDER / "alerts.yaml")]
        path.write_text(yaml.safe_dump({"rule_files": files, "tests": [one]}))
        done = promtool("test", "rules", path)
        assert 0 == done.returncode, done.stdout + done.stderr


def _expected(alert: str, disks: Iterable[str]) -> dict[str, Any]:
    """Say for which disks an alert fires; "" stands for the cluster, which is no disk."""
    return {
        "expr": f'count by (disk) (ALERTS{{alertname="{alert}",alertstate="firing"}})',
        "exp_samples": [
            {"labels": _series("", {"disk": disk} if disk else {}), "value": 1}
            for disk in sorted(disks)
        ],
    }


def _moved(name: str, value: float) -> float:
    """Give a time as it is in promtool, whose clock begins at 0."""
    return value - NOON.timestamp() if name.endswith("_timestamp_seconds") else value


def _series(name: str, labels: Mapping[str, str]) -> str:
    texts = (f"{key}={json.dumps(value)}" for key, value in sorted(labels.items()))
    return f"{name}{{{','.join(texts)}}}"


def test_a_cluster_in_trouble_is_written_once(written: str) -> None:
    """Each series is there one time, whatever is wrong."""
    found = [s for f in text_string_to_metric_families(written) for s in f.samples]
    assert len(found) == len({_series(s.name, s.labels) for s in found})
    assert "" != exposition.text_of(families(report(), []))


class TestThePage:
    PAGE = (ROOT / "docs" / "monitoring.md").read_text()

    def test_names_every_metric(self) -> None:
        """And none that there is not."""
        table = self.PAGE.partition("| metric | labels |")[2].partition("\n\n")[0]
        rows = [line.split("|")[1] for line in table.splitlines()[2:]]
        named = {f"k8s_snapshots_{name}" for row in rows for name in re.findall(r"`(\w+)`", row)}
        assert known().keys() == named

    def test_names_every_alert(self) -> None:
        """With its severity."""
        rows = re.findall(r"^\| `(Snapshot\w+)` \| (\w+) \|", self.PAGE, re.MULTILINE)
        assert [(rule["alert"], rule["labels"]["severity"]) for rule in RULES] == rows
