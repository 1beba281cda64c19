"""There is one source of pins."""

import re
import tomllib

import pytest

from tools.docs import ROOT

PIN = re.compile(r"[a-z0-9-]+(\[[a-z,]+\])?==[a-z0-9.]+( ; [^:/]+)?")


def pins(name: str) -> dict[str, str]:
    """Read a file of pins: requirement to version, with its marker if any."""
    lines = (ROOT / name).read_text().splitlines()
    requirements = [line.split("#")[0].strip() for line in lines]
    return dict(line.split("==", 1) for line in requirements if line)


FUNCTIONS = ("functions/aws/requirements.txt", "functions/gcp/requirements.txt")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_functions_pins_are_those_of_the_project(name: str) -> None:
    """What a function installs is a part of requirements.txt, version by version."""
    project = pins("requirements.txt")
    function = pins(name)
    assert function == {pin: project[pin] for pin in function}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_only_people_and_tests_need_is_not_deployed(name: str) -> None:
    """No function carries what renders tables, nor any test tool."""
    people = {"rich", "prometheus-client", "pytest", "moto", "ruff", "mypy", "awslambdaric"}
    assert not people & pins(name).keys()


def test_no_function_carries_the_other_clouds_libraries() -> None:
    """Nothing of AWS is installed on Google Cloud, and nothing of Google on AWS."""
    aws, gcp = (pins(name).keys() for name in FUNCTIONS)
    assert not {"boto3", "botocore", "aws-lambda-powertools"} & gcp
    assert not [name for name in aws if name.startswith(("google", "functions-framework"))]


@pytest.mark.parametrize("name", ["requirements.txt", *FUNCTIONS])
def test_pins_name_no_index(name: str) -> None:
    """Whoever installs them decides where from: every line is a name, a version, a marker."""
    lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    assert [line for line in lines if line and not PIN.fullmatch(line)] == []


def test_every_dependency_is_pinned() -> None:
    """Each dependency that pyproject.toml names has a pin."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"].values()
    listed = [*project["project"]["dependencies"], *(name for group in groups for name in group)]
    named = {name for name in listed if isinstance(name, str)}
    names = {name.split("==")[0].split("[")[0].lower() for name in named}
    assert names - {name.split("[")[0] for name in pins("requirements.txt")} == set()
