"""The function, served by the real functions-framework as a process, over real HTTP."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from shared.planning.labels import GOOGLE, Labels
from shared.reports import metrics
from shared.reports.schema import Report, json_schema
from tests.contract.cloud import rule
from tests.emulators.functions_framework import Answer, FunctionsFramework
from tests.emulators.gce import ALWAYS, GCE
from tests.emulators.kube import Kube
from tests.functions.gcp.cloud import PROJECT, ZONE, disk_of
from tests.shared.objects_builders import claim, snapshot_rule, volume

ROOT = Path(__file__).parents[3]
TOKEN = "s3cr3t-t0ken-of-the-reader"
TRACE = "105445aa7843bc8bf206b12000100000"
CHANGES = ("snapshots.insert", "snapshots.delete")
SCHEMA = jsonschema.Draft202012Validator(json_schema())
#: What the server itself says, before and between requests.
SERVERS = re.compile(r"\[\d{4}-\d\d-\d\d .*")

Json = dict[str, Any]


def serve(environ: Mapping[str, str]) -> FunctionsFramework:
    """Serve the function from the tree, which is on the path."""
    return FunctionsFramework(ROOT / "functions" / "gcp", {"PYTHONPATH": str(ROOT), **environ})


class World:
    """A function, and the Google and the cluster that it finds."""

    def __init__(self, served: FunctionsFramework, gce: GCE, kube: Kube) -> None:
        self.served, self.gce, self.kube = served, gce, kube
        self._read = len(served.output())

    def post(self, payload: Any = None, **headers: str) -> Answer:
        """Invoke; None is an empty body."""
        body = b"" if payload is None else json.dumps(payload).encode()
        return self.served.send(body, **headers)

    def report(self, payload: Any = None) -> Json:
        """Invoke, and give the report of the pass."""
        answer = self.post(payload)
        assert answer.status == 200, answer
        SCHEMA.validate(answer.body)
        found: Json = answer.body
        return found

    def changes(self) -> list[str]:
        """List the calls that change something."""
        return [call.method for call in self.gce.calls if call.method in CHANGES]

    def lines(self) -> list[Json]:
        """Give what the function has logged since this was last asked for."""
        whole = self.served.output()
        new, self._read = whole[self._read :], len(whole)
        assert TOKEN not in new
        found = [json.loads(line) for line in new.splitlines() if not SERVERS.fullmatch(line)]
        for line in found:
            assert {"severity", "message"} <= line.keys()
        return found

    def measured(self) -> list[Json]:
        """Give the lines with metrics since lines were last asked for."""
        return [line for line in self.lines() if "metrics" in line]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Start one function for all tests, since it takes seconds."""
    with GCE() as gce, Kube(token=TOKEN) as kube:
        config = kube.kubeconfig(tmp_path_factory.mktemp("kube") / "config")
        environ = gce.environment() | {
            "KUBE_CONFIG_FILE": str(config),
            "GOOGLE_CLOUD_PROJECT": PROJECT,
        }
        with serve(environ) as served:
            yield World(served, gce, kube)


@pytest.fixture
def world(running: World) -> World:
    """Give a cluster of one claim, which is due and has two snapshots that are to go."""
    gce, kube = running.gce, running.kube
    for cleared in (gce.faults, gce.denied, kube.faults, kube.stored, kube.requests):
        cleared.clear()
    name = f"data-{len(gce._disks)}"
    gce.add_disk(PROJECT, ZONE, name)
    disk = disk_of(name)
    handle = f"projects/{PROJECT}/{disk.name}"
    spec = {"csi": {"driver": "pd.csi.storage.gke.io", "volumeHandle": handle}}
    # Names of their own, since tests of one second share it in their snapshots' names.
    kube.add(volume(name, spec=spec, zones=(), claimed_by=("shop", name)))
    kube.add(claim(name, volume=name, deltas="PT1H P1D"))
    ours, rules = Labels(GOOGLE, cluster="demo"), [rule(disk)]
    labels, text = ours.for_snapshot("x", rules), ours.description("x", rules)
    for hours in (2, 480, 9_000, 9_001):
        started = datetime.now(UTC) - timedelta(hours=hours)
        gce.add_snapshot(PROJECT, disk.name, started=started, labels=labels, description=text)
    gce.calls.clear()
    running.lines()
    return running


@pytest.mark.parametrize("payload", [None, {}, {"mode": "reconcile"}])
def test_a_post_is_a_pass(world: World, payload: Any) -> None:
    """An empty body, `{}` and the mode in words are a reconcile, answered with the report."""
    report = world.report(payload)
    assert (report["mode"], report["cluster"]) == ("reconcile", "demo")
    assert (report["provider"], report["rules_from"]) == ("google", "cluster")
    assert report["outcome"] == "completed"
    assert (report["summary"]["created"], report["summary"]["deleted"]) == (1, 2)
    assert sorted(world.changes()) == ["snapshots.delete", "snapshots.delete", "snapshots.insert"]


def test_a_plan_changes_nothing(world: World) -> None:
    """`plan` counts what a reconcile then does, and has no metrics."""
    planned = world.report({"mode": "plan"})
    assert world.changes() == []
    assert world.measured() == []
    assert planned["summary"] == world.report({})["summary"]


def test_cloud_schedulers_octets_are_json(world: World) -> None:
    """The body counts, whatever its content type says."""
    answer = world.post({"mode": "plan"}, **{"Content-Type": "application/octet-stream"})
    assert (answer.status, answer.body["mode"]) == (200, "plan")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"mode": ', "is no JSON"),
        (b"mode=plan", "is no JSON"),
        (b"\xff\xfe", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b'["plan"]', "the payload is a JSON array"),
        (b'"plan"', "the payload is a JSON string"),
        (b'{"mode": "dry-run"}', "mode:"),
        (b'{"dry_run": true}', "unknown field `dry_run`"),
        (b'{"only": {"disk": []}}', "only:"),
        (b'{"release_holds": true}', "release_holds needs only"),
    ],
)
def test_a_bad_request_says_what_was_wrong(world: World, body: bytes, said: str) -> None:
    """400, and the field; neither cluster nor Google are asked."""
    answer = world.served.send(body)
    assert answer.status == 400
    assert said in answer.body["error"]
    assert (world.gce.calls, world.kube.requests) == ([], [])
    assert [line["severity"] for line in world.lines()] == ["ERROR"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_only_posts_are_taken(world: World, method: str) -> None:
    """405 for everything else; a link that somebody opens starts no pass."""
    answer = world.served.send(b"", method)
    assert answer.status == 405
    assert "POST" in answer.body["error"]
    assert (world.gce.calls, world.kube.requests) == ([], [])


def test_a_cluster_that_cannot_be_reached_fails_the_pass(world: World) -> None:
    """500 with what to do; the next request, when it is there again, is served."""
    world.kube.stop()
    try:
        answer = world.post({})
    finally:
        world.kube.start()
    assert answer.status == 500
    assert "cannot be reached" in answer.body["error"]
    assert world.gce.calls == []
    lines = world.lines()
    assert [line["metrics"] for line in lines if "metrics" in line] == [{"PassFailed": 1}]
    said = [line["message"] for line in lines if line["severity"] == "ERROR"]
    assert said == [f"the pass failed: {answer.body['error']}"]
    assert world.report({})["summary"]["created"] == 1


def test_a_pass_without_any_listing_fails(world: World) -> None:
    """500 where no project can be listed, and nothing is created."""
    world.gce.denied.add("compute.snapshots.list")
    answer = world.post({})
    assert answer.status == 500
    assert answer.body["error"].startswith(f"no snapshots could be listed: {PROJECT}: forbidden")
    assert world.changes() == []


def test_a_disk_that_fails_fails_no_pass(world: World) -> None:
    """200 with the failure in the report, the metrics and the log."""
    world.gce.fault("snapshots.insert", "notFound", message="It is\n{gone}")
    report = world.report({})
    assert (report["outcome"], report["summary"]["failed"]) == ("partial", 1)
    assert report["failures"][0]["code"] == "notFound"
    lines = world.lines()
    assert [line["metrics"]["SnapshotsFailed"] for line in lines if "metrics" in line] == [1]
    assert sum(line["severity"] == "ERROR" for line in lines) == 1


def test_a_pass_measures_itself_in_one_line(world: World) -> None:
    """The design's names with their values, for log-based metrics, under the cluster's name."""
    report = world.report({})
    (line,) = world.measured()
    expected = metrics.of_report(msgspec.convert(report, Report))
    assert line["metrics"] == {metric.name: metric.value for metric in expected}
    assert (line["cluster"], line["severity"]) == ("demo", "INFO")
    assert line["metrics"]["SnapshotsCreated"] == 1


def test_lines_bear_the_requests_trace(world: World) -> None:
    """Every line of a request stands under its trace, and none of the next."""
    world.post({"mode": "plan"}, **{"X-Cloud-Trace-Context": f"{TRACE}/1;o=1"})
    key = "logging.googleapis.com/trace"
    traced = {line.get(key) for line in world.lines()}
    assert traced == {f"projects/{PROJECT}/traces/{TRACE}"}
    world.post({"mode": "plan"})
    assert {line.get(key) for line in world.lines()} == {None}


FORGED = 'x\n{"severity": "CRITICAL", "message": "forged"}\r\n'


def test_each_line_of_the_log_is_one_object(world: World) -> None:
    """Names and messages with line breaks in them forge no lines."""
    world.kube.add(snapshot_rule(FORGED, deltas=FORGED, persistentVolume=FORGED))
    world.gce.fault("snapshots.insert", "invalid", message=FORGED, times=ALWAYS)
    world.gce.fault("snapshots.delete", "invalid", message=FORGED, times=ALWAYS)
    report = world.report({})
    assert report["summary"]["failed"] == 3
    lines = world.lines()
    assert {line["severity"] for line in lines} == {"INFO", "WARNING", "ERROR"}
    assert "forged" not in {line["message"] for line in lines}


def test_the_level_of_the_log_holds_for_every_request(world: World, tmp_path: Path) -> None:
    """LOG_LEVEL=ERROR leaves metrics, what went wrong, and the audit, in later requests too."""
    config = world.kube.kubeconfig(tmp_path / "config")
    environ = world.gce.environment() | {"KUBE_CONFIG_FILE": str(config), "LOG_LEVEL": "ERROR"}
    with serve(environ) as served:
        quiet = World(served, world.gce, world.kube)
        for _ in range(3):
            quiet.report({})
        rest = [line for line in quiet.lines() if "audit" not in line]
        assert ["metrics" in line for line in rest] == [True] * 3


def test_wrong_settings_fail_every_pass_and_print_no_secret() -> None:
    """500 that names the setting, also the second time; a key in it is not repeated."""
    key = json.dumps({"type": "service_account", "private_key": "MIIEv-not-a-key"})
    settings = {"CLUSTER_ID": "demo", "GCLOUD_JSON_KEYFILE_STRING": key, "KUBE_CONFIG_FILE": "/no"}
    with serve(settings) as served:
        for _ in range(2):
            answer = served.send(b"{}")
            assert answer.status == 500
            assert answer.body["error"].startswith("GCLOUD_JSON_KEYFILE_STRING ")
        assert "MIIEv" not in served.output()
        assert served.output().count('"PassFailed": 1') == 2


COLD = """
import sys, functions.gcp.main
heavy = {"google.cloud.compute_v1", "kubernetes", "rich", "yaml", "boto3", "botocore"}
print(heavy & sys.modules.keys())
"""


def test_a_cold_start_imports_little_and_reads_nothing() -> None:
    """Importing the function loads no client of Google's or the cluster's, and no tables."""
    done = subprocess.run(
        [sys.executable, "-c", COLD],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "LOG_LEVEL": "nonsense", "KUBE_CONFIG_FILE": "/no/such"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "set()\n", "")
