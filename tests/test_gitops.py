"""examples/gitops: health of rules in Argo CD and Flux, of the statuses that passes write."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import celpy
import pytest
import yaml
from celpy.adapter import json_to_cel
from celpy.evaluation import CELEvalError
from lupa.lua51 import LuaRuntime

from shared.cli.arguments import parser
from shared.errors import DiskFailed
from shared.kinds import GROUP, OURS
from shared.reports.rule_statuses import statuses
from tests.shared.builders import DAY, HOUR, NOW, hourly
from tests.shared.objects_builders import (
    DISK,
    POLICY,
    by_disk,
    snapshot_policy,
    snapshot_rule,
    volume,
)
from tests.shared.objects_builders import claim as make_claim
from tests.shared.reports.test_status import World, by_claim
from tools.docs import ROOT

FOLDER = ROOT / "examples" / "gitops"
ARGO: dict[str, str] = yaml.safe_load((FOLDER / "argocd-cm.yaml").read_text())["data"]
FLUX: list[dict[str, str]] = yaml.safe_load((FOLDER / "flux.yaml").read_text())["spec"][
    "healthCheckExprs"
]
#: What Argo CD opens beside the language itself, unless told otherwise: see its util/lua.
LIBRARIES = {"_G", "table", "package"}
FUNCTIONS = {"ipairs", "pairs", "next", "type", "tostring", "tonumber", "error", "pcall"}

Json = dict[str, Any]


def in_argo(item: Json) -> tuple[str, str]:
    """Give health and message as Argo CD finds them: by Lua 5.1, and few libraries."""
    lua = LuaRuntime(unpack_returned_tuples=True)
    names = lua.globals()
    for name in [str(key) for key in names.keys()]:  # noqa: SIM118 - a table iterates untyped
        if name not in LIBRARIES | FUNCTIONS:
            names[name] = None
    names["obj"] = lua.table_from(json.loads(json.dumps(item)), recursive=True)
    script = ARGO[f"resource.customizations.health.{GROUP}_{item['kind']}"]
    found: Any = lua.execute(script)
    return found["status"], found["message"]


@cache
def program(expression: str) -> celpy.Runner:
    environment = celpy.Environment()
    return environment.program(environment.compile(expression))


def in_flux(item: Json) -> str:
    """Give the status as Flux finds it: RFC-0009, "Design Details"."""
    item = json.loads(json.dumps(item))
    (checks,) = (one for one in FLUX if one["kind"] == item["kind"])
    status = item.get("status") or {}
    behind = status.get("observedGeneration", None)
    if behind is not None and behind != item["metadata"]["generation"]:
        return "InProgress"
    given = {name: json_to_cel(value) for name, value in item.items()}
    results = {"inProgress": "InProgress", "failed": "Failed", "current": "Current"}
    for name, result in results.items():
        try:
            if name in checks and program(checks[name]).evaluate(given):
                return result
        except CELEvalError:
            return "error"
    return "InProgress"


def passed(*items: Json, prepare: Callable[[World], object] = lambda world: None) -> list[Json]:
    """Give the objects of ours after a pass, with the status that it wrote."""
    world = World(*items)
    prepare(world)
    for patch in statuses(*world.passed(), POLICY.labels):
        for item in items:
            metadata = item["metadata"]
            of = (item["kind"], metadata.get("namespace", ""), metadata["name"])
            if of == (patch.source.kind, patch.source.namespace, patch.source.name):
                item["status"] = patch.status
    return [item for item in items if item["kind"] in ("SnapshotRule", "SnapshotPolicy")]


def generation(item: Json, number: int = 3) -> Json:
    item["metadata"]["generation"] = number
    return item


def fresh(world: World) -> None:
    world.snapshots = hourly(3, NOW - HOUR / 4, disk=DISK)


def old(world: World) -> None:
    world.snapshots = hourly(3, NOW - DAY, disk=DISK)
    world.error = DiskFailed("no", "SnapshotLimitExceeded")


def held(world: World) -> None:
    world.snapshots = hourly(30, NOW - HOUR / 6, disk=DISK, deltas="PT1H P60D P90D")


STATES = [
    ("Snapshotting", by_claim(), fresh, "Healthy", "Current"),
    ("Held", by_claim(deltas="P1D P2D"), held, "Healthy", "Current"),
    ("Pending", by_claim(), lambda world: None, "Progressing", "InProgress"),
    ("Overdue", by_claim(), old, "Degraded", "Failed"),
    ("Problem", by_claim(deltas="PT1H"), fresh, "Degraded", "Failed"),
]


@pytest.mark.parametrize(
    ("reason", "items", "prepare", "argo", "flux"), STATES, ids=[state[0] for state in STATES]
)
def test_health_of_a_rule(
    reason: str,
    items: list[Json],
    prepare: Callable[[World], object],
    argo: str,
    flux: str,
) -> None:
    """By each reason that a pass gives; Argo CD shows the message too."""
    (rule,) = passed(*items, prepare=prepare)
    (condition,) = rule["status"]["conditions"]
    assert reason == condition["reason"]
    assert (argo, condition["message"]) == in_argo(rule)
    assert flux == in_flux(rule)


@pytest.mark.parametrize(
    ("deltas", "argo", "flux"),
    [("PT1H P1D", "Healthy", "Current"), ("PT1H", "Degraded", "Failed")],
)
def test_health_of_a_policy(deltas: str, argo: str, flux: str) -> None:
    """One that no disk uses is healthy; one with a typo is not."""
    (policy,) = passed(generation(snapshot_policy(deltas=deltas)), volume(), make_claim())
    assert (argo, flux) == (in_argo(policy)[0], in_flux(policy))


def test_an_edit_that_no_pass_has_read() -> None:
    """What the status says is of the rule before; nobody believes it."""
    (rule,) = passed(*by_claim(), prepare=fresh)
    generation(rule, 4)
    assert ("Progressing", True) == (in_argo(rule)[0], "latest edit" in in_argo(rule)[1])
    assert "InProgress" == in_flux(rule)


def test_a_rule_without_a_status() -> None:
    """Argo CD says what it takes; Flux waits, since it cannot evaluate the expression."""
    rule = generation(snapshot_rule(**by_disk()))
    assert ("Progressing", True) == (in_argo(rule)[0], "WRITE_STATUS" in in_argo(rule)[1])
    assert "error" == in_flux(rule)
    rule["status"] = {"conditions": []}
    assert ("Progressing", "InProgress") == (in_argo(rule)[0], in_flux(rule))


def test_a_rule_that_excludes_its_volume() -> None:
    """No pass writes a status for it, and nothing is wrong."""
    rule = snapshot_rule(persistentVolumeClaim="data", deltas="none")
    (rule,) = passed(volume(), make_claim(), generation(rule))
    assert "status" not in rule
    assert ("Healthy", "Current") == (in_argo(rule)[0], in_flux(rule))


def test_both_kinds_are_there() -> None:
    """Under the group and version that the definitions have."""
    assert {f"resource.customizations.health.{GROUP}_{kind}" for kind in OURS} == set(ARGO)
    assert {(f"{GROUP}/v1", kind) for kind in OURS} == {(f["apiVersion"], f["kind"]) for f in FLUX}


def test_the_ignored_field_is_in_the_definitions() -> None:
    """The one that an API server leaves out: preserveUnknownFields, which is false."""
    application = yaml.safe_load((FOLDER / "argocd-application.yaml").read_text())
    (ignored,) = application["spec"]["ignoreDifferences"]
    (pointer,) = ignored["jsonPointers"]
    definitions = [*yaml.safe_load_all((ROOT / "manifests" / "crd.yaml").read_text())]
    assert {ignored["kind"]} == {one["kind"] for one in definitions}
    field = pointer.removeprefix("/spec/")
    assert any(one["spec"].get(field) is False for one in definitions)


WORKFLOW: dict[Any, Any] = yaml.safe_load((FOLDER / "plan-rules.yml").read_text())
JOBS: Json = WORKFLOW["jobs"]
STEPS: list[Json] = [step for job in JOBS.values() for step in job["steps"]]


def script(name: str) -> str:
    (found,) = (step["run"] for step in STEPS if step.get("name", "").startswith(name))
    return str(found)


class TestTheWorkflow:
    def test_it_asks_for_as_few_permissions_as_it_can(self) -> None:
        """None by default; the job that has credentials may not write, and the other has none."""
        assert {} == WORKFLOW["permissions"]
        assert {"contents": "read", "id-token": "write"} == JOBS["plan"]["permissions"]
        assert {"pull-requests": "write"} == JOBS["comment"]["permissions"]
        assert "head.repo.full_name == github.repository" in JOBS["plan"]["if"]
        assert all("timeout-minutes" in job for job in JOBS.values())

    def test_it_runs_on_pull_requests_only(self) -> None:
        """Never on pull_request_target, which would give credentials to a fork."""
        assert ["pull_request"] == [*WORKFLOW[True]]  # `on`, as YAML 1.1 reads it

    def test_actions_are_pinned(self) -> None:
        """By digest, with the release for people."""
        text = (FOLDER / "plan-rules.yml").read_text()
        used = re.findall(r"uses: (.*)$", text, re.MULTILINE)
        assert len(used) == len([step for step in STEPS if "uses" in step])
        for one in used:
            assert re.fullmatch(r"[-\w]+/[-\w]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one)
        checkouts = [step["with"] for step in STEPS if "checkout" in step.get("uses", "")]
        assert [False, False] == [one["persist-credentials"] for one in checkouts]

    def test_nothing_is_pasted_into_a_script(self) -> None:
        """What others write reaches a script as a variable, and is never read as code."""
        assert not [step["run"] for step in STEPS if "${{" in step.get("run", "")]

    def test_commands_are_understood(self) -> None:
        """By the parser of the command line."""
        lines = re.findall(r"k8s-snapshots ([a-z].*?) [<>]", script("Plan"))
        assert ["coverage", "coverage", "plan"] == [line.split()[0] for line in lines]
        for line in lines:
            asked = parser("x", ["aws", "gcp"]).parse_args(shlex.split(line))
            assert "-" == asked.rules


@pytest.fixture
def runner(tmp_path: Path) -> Path:
    """Give a folder such as GitHub's runner has, with stand-ins for what talks to others."""
    tools = tmp_path / "bin"
    tools.mkdir()
    items = {"apiVersion": "v1", "kind": "List", "items": [volume(), make_claim()]}
    (tmp_path / "kubectl.yaml").write_text(yaml.safe_dump(items))
    tell = (
        "from shared.cli.arguments import parser\n"
        "from shared.cli.coverage import lines\n"
        "from shared.reports.coverage import coverage\n"
        "from shared.rules.options import Options\n"
        "from shared.rules.read import read_rules\n"
        "from shared.sources.file import RulesFile\n"
        "from functions.aws.volumes import EBSVolumes\n"
        "asked = parser('x', ['aws', 'gcp']).parse_args()\n"
        "found = read_rules(RulesFile(asked.rules).read(), EBSVolumes(), Options())\n"
        "print(asked.command, len(found.rules), sum(p.severity == 'error' for p in found.problems))\n"
        "for line in lines(coverage(found)):\n"
        "    print(line.text)\n"
    )
    (tmp_path / "tell.py").write_text(tell)
    python = f"PYTHONPATH={ROOT} exec {sys.executable} {tmp_path}/tell.py"
    for name, text in {
        "aws": 'echo "$@" >>calls',
        "kubectl": 'echo "$@" >>calls; cat kubectl.yaml',
        "k8s-snapshots": f'{python} "$@"',
        "openssl": "echo 0123456789abcdef",
        "gh": 'for word in "$@"; do printf "%s\\n" "$word"; done >>asked; echo "$FOUND"',
    }.items():
        (tools / name).write_text(f"#!/bin/sh\n{text}\n")
        (tools / name).chmod(0o755)
    return tmp_path


def run(folder: Path, text: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a script as GitHub does where `shell: bash` is asked for."""
    assert "bash" == WORKFLOW["defaults"]["run"]["shell"]
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text],
        cwd=folder, capture_output=True, text=True, check=False,
        env={"PATH": f"{folder}/bin:{os.environ['PATH']}", "GITHUB_OUTPUT": "output"} | environment,
    )  # fmt: skip


def put(folder: Path, name: str, *items: Json) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    # The last line of a file in a pull request need not end.
    path.write_text(yaml.safe_dump_all(items).rstrip("\n"))


class TestTheScripts:
    def test_tell_what_a_pull_request_changes(self, runner: Path) -> None:
        """From the cluster come volumes and claims; rules come from both versions of the folder."""
        old = snapshot_rule("nightly", persistentVolumeClaim="data", deltas="P1D P7D")
        new = snapshot_rule("nightly", persistentVolumeClaim="data", deltas="PT1H P1D")
        put(runner, "before/rules/a.yaml", old)
        put(runner, "after/rules/team b/a.yml", new)
        put(runner, "after/rules/c.yaml", snapshot_policy(deltas="P1D P7D"))
        done = run(runner, script("Plan"), CLUSTER="production")
        assert (0, "") == (done.returncode, done.stderr)
        text = (runner / "output").read_text()
        assert re.match(r"text<<[0-9a-f]+\n", text)
        assert re.search(r"^-.*shop/data: P1D P7D from SnapshotRule shop/nightly", text, re.M)
        assert re.search(r"^\+.*shop/data: PT1H P1D from SnapshotRule shop/nightly", text, re.M)
        assert "\nplan 1 0\n" in text
        assert 2 == text.count("\n~~~~~~\n")
        asked = (runner / "calls").read_text()
        assert "get pv,pvc,ns,sc -A -o yaml\n" in asked

    def test_the_first_rules_of_a_repository(self, runner: Path) -> None:
        """Before there was no folder; after it there is none either."""
        put(runner, "after/rules/a.yaml", snapshot_rule(persistentVolumeClaim="data"))
        (runner / "before").mkdir()
        assert 0 == run(runner, script("Plan"), CLUSTER="production").returncode
        assert "+own" in (runner / "output").read_text()

    def test_rules_that_cannot_be_read_fail_it(self, runner: Path) -> None:
        """Nothing is said to be all right that nobody has looked at."""
        (runner / "before").mkdir()
        (runner / "after/rules").mkdir(parents=True)
        (runner / "after/rules/a.yaml").write_text("kind: [")
        assert 0 != run(runner, script("Plan"), CLUSTER="production").returncode
        assert not (runner / "output").exists()

    @pytest.mark.parametrize(("found", "method"), [("", "POST"), ("41\n42", "PATCH")])
    def test_comment_once(self, runner: Path, found: str, method: str) -> None:
        """A comment of this workflow is changed; one that is there of another is left alone."""
        text = "a `b`\n$(touch broken) @x"
        names = {"COMMENTS": "repos/a/b/issues/7/comments", "EDIT": "repos/a/b/issues/comments"}
        done = run(runner, script("Comment"), TEXT=text, FOUND=found, **names)
        assert (0, "") == (done.returncode, done.stderr)
        asked = (runner / "asked").read_text()
        where = names["COMMENTS"] if method == "POST" else f"{names['EDIT']}/42"
        assert f"{method}\n{where}\n--raw-field\nbody=<!-- plan-rules -->\n{text}\n" in asked
        assert not (runner / "broken").exists()
