"""Plans of the modules, made by the real terraform, where TFCHECK says how to run it offline."""

import json
import os
import shlex
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
MODULES = ROOT / "terraform"
#: A command that runs terraform against provider schemas, without registry or cloud; the same
#: checks against the true registry are `make terraform-check`.
TFCHECK = shlex.split(os.environ.get("TFCHECK", ""))
#: What each module needs to be planned.
GIVEN: dict[str, dict[str, str]] = {
    "aws": {"cluster_name": "production", "zip": "versions.tf"},
    "gcp": {
        "project_id": "acme-data",
        "region": "europe-west1",
        "cluster_name": "projects/acme-data/locations/europe-west1/clusters/production",
        "zip": "versions.tf",
    },
}


def need_terraform() -> None:
    """Leave a whole module of tests out where terraform cannot plan, and say so."""
    if not TFCHECK:
        reason = "TFCHECK names no command that plans offline; online there is terraform-check"
        pytest.skip(reason, allow_module_level=True)


Json = dict[str, Any]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run terraform's checks."""
    return subprocess.run([*TFCHECK, *arguments], capture_output=True, text=True, check=False)


def plan(cloud: str, **variables: str) -> dict[str, Json]:
    """Plan a module, and give what it would make: values by address."""
    return _plan(cloud, tuple(sorted((GIVEN[cloud] | variables).items())))


@cache
def _plan(cloud: str, variables: tuple[tuple[str, str], ...]) -> dict[str, Json]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "plan.json"
        given = [f"--var={name}={value}" for name, value in variables]
        done = run("--no-test", "--plan-json", str(file), *given, str(MODULES / cloud))
        assert 0 == done.returncode, done.stdout + done.stderr
        planned = json.loads(file.read_text())["planned_values"]["root_module"]
    return {found["address"]: found["values"] for found in planned["resources"]}


def environment(cloud: str, **variables: str) -> dict[str, str]:
    """Tell the environment that the function would have."""
    found = plan(cloud, **variables)
    if cloud == "aws":
        names = found["aws_lambda_function.pass"]["environment"][0]["variables"]
    else:
        service = found["google_cloudfunctions2_function.this"]["service_config"][0]
        names = service["environment_variables"]
    return dict(names)
