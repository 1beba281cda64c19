"""What of the modules can be held to the code without terraform."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from functions.aws.settings import AWSSettings
from functions.gcp.settings import GCPSettings
from shared.environment import describe
from shared.settings import Settings
from tests.terraform.plans import MODULES
from tools.hcl import REQUIRED, Variable, variables

CLOUDS: dict[str, type[Settings]] = {"aws": AWSSettings, "gcp": GCPSettings}
#: Settings that no variable sets: derived from others, for the command line, set by the platform,
#: credentials that come from a secret or an identity, and clouds of tests.
LEFT_OUT = {
    "aws": {"MIRROR_URL", "KUBE_CONFIG_FILE", "JSON_LOG", "TZ", "AWS_REGION", "PASS_DEADLINE"},
    "gcp": {
        "MIRROR_URL", "KUBE_CONFIG_FILE", "JSON_LOG", "TZ", "GCLOUD_JSON_KEYFILE_NAME",
        "GCLOUD_JSON_KEYFILE_STRING", "GCLOUD_CREDENTIALS_FILE", "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_COMPUTE_CUSTOM_ENDPOINT", "GOOGLE_CONTAINER_CUSTOM_ENDPOINT",
        "GOOGLE_STORAGE_CUSTOM_ENDPOINT", "GOOGLE_RESOURCE_MANAGER_V3_CUSTOM_ENDPOINT",
    },
}  # fmt: skip


def settings(cloud: str) -> list[tuple[str, str, str]]:
    return [row for row in describe(CLOUDS[cloud]) if row[0] not in LEFT_OUT[cloud]]


def inputs(cloud: str) -> dict[str, Variable]:
    return {variable.name: variable for variable in variables(MODULES / cloud)}


def said(value: Any) -> str:
    """Print a default as the documents do."""
    if value is None or value == REQUIRED:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return ",".join(f"{key}={text}" for key, text in value.items())
    return ",".join(value) if isinstance(value, list) else str(value)


@pytest.mark.parametrize("cloud", CLOUDS)
def test_every_setting_is_a_variable(cloud: str) -> None:
    """With the same words and the same default."""
    found = inputs(cloud)
    wrong = {}
    for name, default, description in settings(cloud):
        variable = found.get(name.lower())
        given = (said(variable.default), variable.description) if variable else None
        if given != (default, description):
            wrong[name] = given
    assert wrong == {}


@pytest.mark.parametrize("cloud", CLOUDS)
def test_what_is_left_out_exists_and_is_left_out(cloud: str) -> None:
    """So that the list of exceptions does not outlive what it excepts."""
    names = {name for name, _, _ in describe(CLOUDS[cloud])}
    assert LEFT_OUT[cloud] <= names
    assert not {name.lower() for name in LEFT_OUT[cloud]} & set(inputs(cloud))


@pytest.mark.parametrize("cloud", CLOUDS)
def test_every_variable_says_what_it_is(cloud: str) -> None:
    """A sentence, and a type that refuses what is of another kind."""
    for variable in inputs(cloud).values():
        assert variable.description.endswith("."), variable.name
        assert variable.type != "any"


@pytest.mark.parametrize("cloud", CLOUDS)
def test_modules_wrap_no_modules(cloud: str) -> None:
    """Plain resources: who reads a plan reads what is there."""
    text = "".join(path.read_text() for path in (MODULES / cloud).glob("*.tf"))
    assert not re.search(r"^module ", text, re.MULTILINE)


@pytest.mark.parametrize("cloud", CLOUDS)
def test_exceptions_of_checkov_have_reasons(cloud: str) -> None:
    """Each with a comment above it."""
    lines = (MODULES / cloud / ".checkov.yaml").read_text().splitlines()
    for before, line in pairwise(lines):
        if re.match(r" *- CKV", line):
            assert before.strip().startswith("# "), line
    assert yaml.safe_load("\n".join(lines))["skip-check"]


@pytest.mark.parametrize("path", sorted(MODULES.parent.glob("examples/terraform/*/*")), ids=str)
def test_examples_use_the_modules(path: Path) -> None:
    """By a path within the project."""
    (source,) = re.findall(r'source += "([^"]*/terraform/[^"]+)"', (path / "main.tf").read_text())
    assert (path / source).resolve() == MODULES / path.parent.name
