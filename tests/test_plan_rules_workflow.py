"""examples/gitops/plan-rules.yml: what it may do, and that its scripts do what they should."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.cli.arguments import parser
from tests.shared.objects_builders import claim, snapshot_policy, snapshot_rule, volume
from tools.docs import ROOT

FILE = ROOT / "examples" / "gitops" / "plan-rules.yml"

Json = dict[str, Any]

WORKFLOW: dict[Any, Any] = yaml.safe_load(FILE.read_text())
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
        text = FILE.read_text()
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
    items = {"apiVersion": "v1", "kind": "List", "items": [volume(), claim()]}
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
        "errors = [p for p in found.problems if p.severity == 'error']\n"
        "print(asked.command, len(found.rules), len(errors))\n"
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
