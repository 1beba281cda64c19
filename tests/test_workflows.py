"""GitHub's workflows are well-formed, pinned, and may do little; here they cannot be run."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tools.build import PYTHON
from tools.docs import ROOT
from tools.release import NOTES, SUMS

FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
WRITES = {"contents": "write", "id-token": "write", "attestations": "write"}


def read(name: str) -> dict[str, Any]:
    # YAML 1.1 takes the key `on` for true.
    found = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text())
    return {"on" if key is True else str(key): value for key, value in found.items()}


def steps(workflow: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (step for job in workflow["jobs"].values() for step in job["steps"])


def runs(workflow: dict[str, Any]) -> list[str]:
    return [step["run"] for step in steps(workflow) if "run" in step]


def test_there_are_two() -> None:
    """One before a change lands, one for a tag."""
    assert [path.name for path in FILES] == ["check.yml", "release.yml"]
    assert read("release.yml")["on"] == {"push": {"tags": ["v*"]}}
    assert set(read("check.yml")["on"]) == {"push", "pull_request"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_actions_are_pinned(path: Any) -> None:
    """By a commit's 40 digits, which nobody can move, with the version as a comment."""
    used = re.findall(r"^ *(?:- )?uses: *(.*)$", path.read_text(), re.MULTILINE)
    assert len(used) == sum("uses" in step for step in steps(read(path.name))) >= 4
    pinned = re.compile(r"[-\w]+/[-\w]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
    assert [use for use in used if not pinned.fullmatch(use)] == []


def test_an_action_has_one_version() -> None:
    """Both files use the same commit of the same action."""
    used = {step["uses"] for path in FILES for step in steps(read(path.name)) if "uses" in step}
    names = [use.partition("@")[0] for use in used]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_permissions_are_said_and_few(path: Any) -> None:
    """A workflow may read; only the job that publishes may write, and only what it needs."""
    workflow = read(path.name)
    assert workflow["permissions"] == {"contents": "read"}
    granted = {name: job["permissions"] for name, job in workflow["jobs"].items()
               if "permissions" in job}  # fmt: skip
    assert granted == ({"publish": WRITES} if path.name == "release.yml" else {})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_jobs_end_and_keep_no_credentials(path: Any) -> None:
    """Each has a time limit; a checkout leaves no token behind for what runs later."""
    workflow = read(path.name)
    assert all(job["timeout-minutes"] <= 60 for job in workflow["jobs"].values())
    checkouts = [s for s in steps(workflow) if s.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_commands_are_targets_and_take_nothing_from_outside(path: Any) -> None:
    """Each `make` is there, and no expression is pasted into a shell."""
    found = runs(read(path.name))
    targets = set(re.findall(r"^([-a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for line in found for name in re.findall(r"\bmake ([-a-z]+)", line)}
    assert named
    assert named <= targets
    assert not any("${{" in line for line in found)


def test_every_supported_python_is_tested() -> None:
    """Those that pyproject.toml takes, and no other."""
    takes = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    first, last = map(int, re.fullmatch(r">=3\.(\d+),<3\.(\d+)", takes).groups())  # type: ignore[union-attr]
    versions = read("check.yml")["jobs"]["tests"]["strategy"]["matrix"]["python"]
    assert versions == [f"3.{minor}" for minor in range(first, last)]
    assert {"make test", "make check", "make terraform-check"} <= set(runs(read("check.yml")))


def test_the_oldest_terraform_is_tested() -> None:
    """The one that versions.tf asks for at least."""
    versions = read("check.yml")["jobs"]["terraform"]["strategy"]["matrix"]["terraform"]
    for cloud in ("aws", "gcp"):
        text = (ROOT / "terraform" / cloud / "versions.tf").read_text()
        (least,) = re.findall(r'required_version = ">= ([\d.]+)"', text)
        assert versions[0].startswith(f"{least}.")


def test_a_release_is_what_make_builds() -> None:
    """By Lambda's Python; checked before it is attested, and published with its notes."""
    jobs = read("release.yml")["jobs"]
    (python,) = [s["with"]["python-version"] for s in jobs["build"]["steps"]
                 if s.get("uses", "").startswith("actions/setup-python@")]  # fmt: skip
    assert python == PYTHON
    assert "make release" in runs(read("release.yml"))
    kinds = [step.get("uses", step.get("run", "")) for step in jobs["publish"]["steps"]]
    order = ["actions/download-artifact@", "sha256sum --check", "actions/attest-", "gh release"]
    assert [next(i for i, kind in enumerate(kinds) if kind.startswith(o)) for o in order] == [
        0, 1, 2, 3,
    ]  # fmt: skip
    assert SUMS in kinds[1]
    assert f"dist/{NOTES}" in kinds[3]
