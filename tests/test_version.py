"""The version stands in one place, and everything that tells it takes it from there."""

import re
import subprocess
import tomllib

import pytest

from shared import __version__
from tools.docs import ROOT

#: Documents that name the version in addresses, such as `?ref=v1.0.0`.
REF = re.compile(r"[?&]ref=v(\d+\.\d+\.\d+)|releases/download/v(\d+\.\d+\.\d+)")


def tracked(*patterns: str) -> list[str]:
    """List the project's own files, by Git; without Git there is nothing to look through."""
    done = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip("not a Git checkout")
    return [name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_it_is_a_version() -> None:
    """Three numbers, as semantic versioning has them, perhaps with a pre-release."""
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", __version__)


def test_the_package_takes_it_from_the_source() -> None:
    """pyproject.toml names the file, and no number."""
    found = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" not in found["project"]
    assert found["project"]["dynamic"] == ["version"]
    assert (ROOT / found["tool"]["hatch"]["version"]["path"]).samefile(
        ROOT / "shared" / "__init__.py"
    )


def test_no_code_says_it_again() -> None:
    """A second copy would be forgotten at the next release."""
    names = tracked("*.py", "*.toml", "*.tf", "*.yaml", "*.yml", "Makefile", ":!tests")
    said = re.compile(rf"(?<![\d.=]){re.escape(__version__)}(?![\d.])")
    assert "shared/__init__.py" in names
    assert ["shared/__init__.py"] == [
        name for name in names if said.search(REF.sub("", (ROOT / name).read_text()))
    ]


def test_addresses_in_documents_have_the_present_version() -> None:
    """Whoever copies an address gets the version that the document describes."""
    found = {
        (name, one or other)
        for name in tracked("*.md", "*.tf")
        if name != "CHANGELOG.md"
        for one, other in REF.findall((ROOT / name).read_text())
    }
    assert {version for _, version in found} <= {__version__}


def test_the_changelog_has_a_section_for_it() -> None:
    """Or a release would have no notes."""
    text = (ROOT / "CHANGELOG.md").read_text()
    versions = re.findall(r"^## (\S+)", text, re.MULTILINE)
    assert versions[0] == "Unreleased"
    assert versions[1] == __version__
