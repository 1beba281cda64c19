"""There is one source of pins."""

import tomllib

from tools.docs import ROOT


def pins(name: str) -> dict[str, str]:
    """Read a file of pins: requirement to version, with its marker if any."""
    lines = (ROOT / name).read_text().splitlines()
    requirements = [line.split("#")[0].strip() for line in lines]
    return dict(line.split("==", 1) for line in requirements if line)


def test_the_functions_pins_are_those_of_the_project() -> None:
    """What the Lambda installs is a part of requirements.txt, version by version."""
    project = pins("requirements.txt")
    function = pins("functions/aws/requirements.txt")
    assert function == {name: project[name] for name in function}


def test_what_only_people_and_tests_need_is_not_deployed() -> None:
    """The Lambda does not carry what renders tables, nor any test tool."""
    assert (
        not {"rich", "pytest", "moto", "ruff", "mypy"}
        & pins("functions/aws/requirements.txt").keys()
    )


def test_every_dependency_is_pinned() -> None:
    """Each dependency that pyproject.toml names has a pin."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {*project["dependencies"]}.union(*project["optional-dependencies"].values())
    names = {name.split("==")[0].split("[")[0].lower() for name in named}
    assert names - {name.split("[")[0] for name in pins("requirements.txt")} == set()
