"""The Lambda function as Lambda calls it, against an embedded AWS and cluster over real HTTP."""

import gc
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, get_args

import boto3
import jsonschema
import msgspec
import pytest
import urllib3
import yaml

from functions.aws import handler as module
from functions.aws.handler import handler
from functions.aws.logs import logger
from functions.aws.settings import AWSSettings
from shared.environment import describe
from shared.errors import ClusterError, PassError, RequestError, SettingsError
from shared.reports import metrics
from shared.reports.schema import Report, json_schema
from shared.request import Mode
from tests.emulators.ec2 import EC2
from tests.emulators.kube import Kube
from tests.shared.demo_aws import CLUSTER_FILE, DUE, EXPIRED, seed
from tests.shared.objects_builders import snapshot_rule

ROOT = Path(__file__).parents[3]
PAYLOADS = sorted(
    p for name in ("events", "invocations") for p in (ROOT / "examples" / name).glob("*.json")
)
TOKEN = "s3cr3t-t0ken-of-the-reader"

Json = dict[str, Any]
CHANGES = ("CreateSnapshot", "DeleteSnapshot")


SCHEMA = jsonschema.Draft202012Validator(json_schema())


class World(NamedTuple):
    """What the function finds: an AWS with some history, a cluster, and what it has printed."""

    ec2: EC2
    kube: Kube
    config: Path
    lines: Callable[[], list[Json]]

    def actions(self, *names: str) -> list[str]:
        """List the calls to EC2, of these actions only."""
        return [call.action for call in self.ec2.calls if call.action in names]


@pytest.fixture(scope="module")
def session() -> Iterator[boto3.Session]:
    """Read EC2's model once, and spare the garbage collector that and moto: half of the time."""
    found = boto3.Session()
    with EC2() as emulator:
        found.client("ec2", "eu-west-1", endpoint_url=emulator.url)
        emulator.client().describe_snapshots()
    gc.freeze()
    yield found
    gc.unfreeze()


@pytest.fixture(scope="module")
def cluster() -> list[Json]:
    return list(yaml.safe_load_all(CLUSTER_FILE.read_text()))


class Stdout:
    """Writes to what is standard output at the time, as in Lambda, where it never changes."""

    def write(self, text: str) -> None:
        sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


@pytest.fixture
def world(
    session: boto3.Session,
    cluster: list[Json],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[World]:
    """Serve the demo's cluster and AWS to a function that was never called."""
    loggers = [logging.getLogger(name) for name in ("", "shared", "functions", "k8s-snapshots")]
    before = [(found.handlers[:], found.level, found.propagate) for found in loggers]
    module._installation.cache_clear()
    with EC2() as ec2, Kube(token=TOKEN) as kube:
        for item in cluster:
            kube.add(item)
        seed(ec2)
        config = kube.kubeconfig(tmp_path / "kubeconfig")
        for name, _, _ in describe(AWSSettings):
            monkeypatch.delenv(name, raising=False)
        for name, value in ec2.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("KUBE_CONFIG_FILE", str(config))
        monkeypatch.setattr(logger.handlers[0], "stream", Stdout())
        monkeypatch.setattr(boto3, "Session", lambda **options: session)
        monkeypatch.setattr(urllib3.Retry, "get_backoff_time", lambda retry: 0)

        def lines() -> list[Json]:
            printed = capsys.readouterr()
            assert printed.err == ""
            assert TOKEN not in printed.out
            found = [json.loads(line) for line in printed.out.splitlines()]
            assert all(isinstance(line, dict) for line in found)
            return found

        yield World(ec2, kube, config, lines)
    module._installation.cache_clear()
    for found, state in zip(loggers, before, strict=True):
        found.handlers[:], found.level, found.propagate = state


def context(milliseconds: int = 60_000) -> Any:
    """Make what Lambda hands over beside the event."""
    return SimpleNamespace(
        aws_request_id="c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        get_remaining_time_in_millis=lambda: milliseconds,
    )


def emf(lines: list[Json]) -> list[Json]:
    return [line for line in lines if "_aws" in line]


def logs(lines: list[Json]) -> list[Json]:
    return [line for line in lines if "_aws" not in line]


def invoke(event: Any, milliseconds: int = 60_000) -> Json:
    """Invoke, and give what the invoker gets: JSON of the report's schema."""
    answered: Json = json.loads(json.dumps(handler(event, context(milliseconds))))
    SCHEMA.validate(answered)
    return answered


@pytest.mark.parametrize("path", PAYLOADS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_example_is_an_invocation(world: World, path: Path) -> None:
    """Each file of examples/events and examples/invocations runs a pass, and does what it says."""
    event = json.loads(path.read_text())
    if "body" in event:
        event = json.loads(event["body"])

    # Nothing is completed here, so that waiting would be to the deadline.
    answered = invoke({name: value for name, value in event.items() if name != "wait"})

    counts = answered["summary"]
    first = path.name.split("-")[0].removesuffix(".json")
    mode = first if first in get_args(Mode) else "reconcile"
    assert (answered["mode"], answered["cluster"]) == (mode, "demo")
    assert (answered["provider"], answered["rules_from"]) == ("aws", "cluster")
    # Of all that is forced, one disk has no rule that can be read.
    assert answered["outcome"] == ("partial" if event.get("force") else "completed")
    assert counts["created"] + counts["deleted"] > 0 or mode == "explain"
    changed = mode in ("reconcile", "backfill")
    made = counts["created"] * changed, counts["deleted"] * changed
    assert made == tuple(len(world.actions(name)) for name in CHANGES)
    only = event.get("only", {})
    for done in [*answered["creations"], *answered["deletions"]]:
        scope, _, disk = done["disk"].removeprefix("aws:").partition("/")
        assert scope in only.get("scopes", [scope])
        assert disk in only.get("disks", [disk])
    for done in answered["creations"]:
        assert done["rules"][0].startswith(tuple(only.get("namespaces", [""])))


def test_a_plan_is_the_pass_that_would_be(world: World) -> None:
    """`plan` changes nothing, and counts what `reconcile` then does under the same names."""
    planned = invoke({"mode": "plan"})
    assert world.actions(*CHANGES) == []

    done = invoke({"mode": "reconcile"})

    assert planned["summary"] == done["summary"]
    assert (planned["summary"]["created"], planned["summary"]["deleted"]) == (DUE, EXPIRED)
    for name in ("creations", "deletions", "holds", "waiting", "problems", "orphans"):
        assert len(planned[name]) == len(done[name])
    assert [d["disk"] for d in planned["creations"]] == [d["disk"] for d in done["creations"]]
    assert planned["deletions"] == done["deletions"]


def test_the_next_pass_has_nothing_to_do(world: World) -> None:
    """While the new snapshots are pending another delivery of the event changes nothing."""
    invoke({})
    world.ec2.calls.clear()

    answered = invoke({})

    assert (answered["summary"]["created"], answered["summary"]["deleted"]) == (0, 0)
    assert [call.action for call in world.ec2.calls] == ["DescribeSnapshots"] * 2


def test_a_disk_that_fails_fails_no_pass(world: World) -> None:
    """One bad disk is in the report, the metrics and the log; the others are snapshotted."""
    world.ec2.fault("CreateSnapshot", "InvalidParameter", message="It is\n{bad}")

    answered = invoke({})

    assert answered["outcome"] == "partial"
    assert (answered["summary"]["created"], answered["summary"]["failed"]) == (DUE - 1, 1)
    (failure,) = answered["failures"]
    assert (failure["action"], failure["code"]) == ("create", "InvalidParameter")
    lines = world.lines()
    assert emf(lines)[0]["SnapshotsFailed"] == [1]
    assert [line["level"] for line in logs(lines) if "could not" in line["message"]] == ["ERROR"]


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ([{"mode": "plan"}], "the payload is a JSON array"),
        ({"mode": "dry-run"}, "mode:"),
        ({"only": {"disk": []}}, "only:"),
        ({"only": {"disks": "vol-1"}}, "only.disks:"),
        ({"release_holds": True}, "release_holds needs only"),
    ],
)
def test_a_bad_payload_is_refused_by_the_name_of_its_field(
    world: World, event: Any, field: str
) -> None:
    """An event that does not fit raises RequestError, which fails the invocation."""
    with pytest.raises(RequestError) as caught:
        handler(event, context())

    assert str(caught.value).startswith(field)
    assert (world.ec2.calls, world.kube.requests) == ([], [])
    failed(world, str(caught.value))


def failed(world: World, said: str, cluster: str = "demo") -> None:
    """Find one metric and one error that tell of a pass that could not do its work."""
    lines = world.lines()
    (metric,) = emf(lines)
    assert (metric["PassFailed"], metric["cluster"]) == ([1], cluster)
    assert [m["Name"] for m in metric["_aws"]["CloudWatchMetrics"][0]["Metrics"]] == ["PassFailed"]
    (error,) = (line for line in logs(lines) if line["message"].startswith("the pass failed"))
    assert (error["level"], error["message"]) == ("ERROR", f"the pass failed: {said}")


def test_a_cluster_that_cannot_be_reached_fails_the_pass(world: World) -> None:
    """Without rules nothing is listed and nothing done."""
    world.kube.stop()
    try:
        with pytest.raises(ClusterError) as caught:
            handler({}, context())
    finally:
        world.kube.start()

    assert "cannot be reached" in str(caught.value)
    assert world.ec2.calls == []
    failed(world, str(caught.value))


def test_a_pass_without_any_listing_fails(world: World) -> None:
    """Where no region can be listed there is nothing to go by, and nothing is created."""
    world.ec2.denied.add("DescribeSnapshots")

    with pytest.raises(PassError) as caught:
        handler({}, context())

    assert str(caught.value).startswith(
        "no snapshots could be listed: eu-central-1, eu-west-1: Unauthorized"
    )
    assert world.actions(*CHANGES) == []
    failed(world, str(caught.value))


def test_a_region_that_cannot_be_listed_costs_only_its_own_disks(world: World) -> None:
    """Where one region's listing fails its disks wait, and the others get their snapshots."""
    world.ec2.fault("DescribeSnapshots", "UnauthorizedOperation", region="eu-west-1", times=99)

    answered = invoke({})

    assert answered["outcome"] == "partial"
    assert (answered["summary"]["created"], answered["summary"]["deleted"]) == (1, 0)
    assert {wait["cause"] for wait in answered["waiting"]} == {"incomplete-listing"}
    assert {scope["scope"]: scope["complete"] for scope in answered["scopes"]} == {
        "eu-central-1": True,
        "eu-west-1": False,
    }


def test_wrong_settings_fail_every_pass(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that cannot be used is named, also in the second invocation."""
    monkeypatch.setenv("SCHEDULE_PERIOD", "5 minutes")
    for _ in range(2):
        with pytest.raises(SettingsError) as caught:
            handler({}, context())
        assert str(caught.value).startswith("SCHEDULE_PERIOD must be an ISO 8601 duration")
        failed(world, str(caught.value), cluster="unknown")


def test_metrics_are_printed_as_cloudwatch_takes_them(world: World) -> None:
    """One line of EMF: the namespace, the one dimension `cluster`, names and units of the design.

    CloudWatch, "Embedded metric format specification".
    """
    invoke({"mode": "plan"})
    assert emf(world.lines()) == []

    answered = invoke({})

    (line,) = emf(world.lines())
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "K8sSnapshots"
    assert directive["Dimensions"] == [["cluster"]]
    assert line["cluster"] == "demo"
    assert isinstance(line["_aws"]["Timestamp"], int)
    expected = {metric.name: metric for metric in metrics.of_report(report_of(answered))}
    assert {m["Name"]: m["Unit"] for m in directive["Metrics"]} == {
        name: metric.unit for name, metric in expected.items()
    }
    assert {name: line[name] for name in expected} == {
        name: [metric.value] for name, metric in expected.items()
    }
    assert line.keys() == {"_aws", "cluster", *expected}
    assert line["SnapshotsCreated"] == [DUE]


def report_of(answered: Json) -> Report:
    return msgspec.convert(answered, Report)


FORGED = 'x\n{"level": "ERROR", "message": "forged"}\r\n'


def test_each_line_of_the_log_is_one_object(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names with line breaks in them forge no log lines; libraries' warnings are JSON as well."""
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    world.kube.add(snapshot_rule(FORGED, deltas=FORGED, persistentVolume=FORGED))
    world.kube.fault(close=True)
    world.ec2.fault("CreateSnapshot", "Broken", message=FORGED, times=99)

    answered = invoke({})

    lines = logs(world.lines())
    assert {line["level"] for line in lines} == {"INFO", "WARNING", "ERROR"}
    assert {"shared.passes.run", "shared.passes.apply", "urllib3.connectionpool"} <= {
        line["name"] for line in lines
    }
    assert not any(line["message"] == "forged" for line in lines)
    assert {line["correlation_id"] for line in lines} == {context().aws_request_id}
    assert answered["summary"]["failed"] == DUE
    shown = [problem for problem in answered["problems"] if problem["source"]["name"] == FORGED]
    assert len(shown) == 1


def test_the_level_of_the_log_can_be_set(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """LOG_LEVEL=ERROR leaves the metrics, what went wrong, and the audit."""
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    answered = invoke({})
    lines = logs(world.lines())
    assert [line for line in lines if "audit" not in line] == []
    assert len(lines) == answered["summary"]["created"] + answered["summary"]["deleted"]


def test_nothing_is_begun_when_the_time_is_over(world: World) -> None:
    """With a millisecond left every planned action is left to the next pass, and none is lost."""
    answered = invoke({}, milliseconds=1)

    counts = answered["summary"]
    assert (counts["created"], counts["deleted"], counts["deferred"]) == (0, 0, DUE + EXPIRED)
    assert {left["reason"] for left in answered["deferred"]} == {"the pass ran out of time"}
    assert world.actions(*CHANGES) == []
    assert answered["outcome"] == "completed"
    assert emf(world.lines())[0]["Deferred"] == [DUE + EXPIRED]

    assert invoke({})["summary"]["created"] == DUE


def test_an_instance_reads_its_environment_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later invocations use the clients of the first, without kubeconfig and settings."""
    invoke({"mode": "plan"})
    _, ports = module._installation()
    clients = dict(vars(vars(ports.provider)["_clients"])["_made"])
    world.config.unlink()
    monkeypatch.setenv("SCHEDULE_PERIOD", "nonsense")

    assert invoke({"mode": "plan"})["summary"]["rules"] == 7

    assert module._installation()[1] is ports
    assert vars(vars(ports.provider)["_clients"])["_made"] == clients


def test_makes_no_more_calls_than_the_work_needs(world: World) -> None:
    """A pass costs the pages of its listings, and one call for each creation and deletion."""
    world.ec2.page_size = 8

    invoke({})

    actions = [call.action for call in world.ec2.calls]
    assert {action: actions.count(action) for action in actions} == {
        "DescribeSnapshots": 1 + 3,
        "CreateSnapshot": DUE,
        "DeleteSnapshot": EXPIRED,
    }
    assert len(world.kube.requests) == 6


COLD = """
import sys, functions.aws.handler
print({"kubernetes", "rich", "yaml", "requests"} & sys.modules.keys())
"""


def test_a_cold_start_imports_little_and_reads_nothing() -> None:
    """Importing the function loads no cluster client and no tables, and looks at no setting."""
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


def test_actions_are_audited_in_fields(world: World) -> None:
    """Each creation and deletion is a line with `audit`, which Logs Insights can ask for."""
    answered = invoke({})
    lines = [line["audit"] for line in logs(world.lines()) if "audit" in line]
    assert len(lines) == answered["summary"]["created"] + answered["summary"]["deleted"]
    assert {"action", "snapshot", "disk", "reason"} <= set(lines[0])


def test_disks_are_measured_only_where_asked_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would be paid for."""
    invoke({})
    assert [] == [line for line in world.lines() if "SnapshotAge" in line]
    monkeypatch.setenv("DISK_METRICS", "true")
    module._installation.cache_clear()
    invoke({})
    found = [line for line in world.lines() if "SnapshotAge" in line]
    assert len(found) == DUE
    assert {line["cluster"] for line in found} == {"demo"}
    assert len({line["disk"] for line in found}) == DUE
    (measured,) = found[0]["_aws"]["CloudWatchMetrics"]
    assert {"cluster", "disk"} == set(measured["Dimensions"][0])
