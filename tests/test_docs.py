"""What the documents take from the code is what the code says, and what they name is there."""

import re
from pathlib import Path

import pytest

from tools.docs import ROOT, documents

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize(
    ("path", "text"), [*documents()], ids=lambda value: getattr(value, "name", "")
)
def test_documents_are_as_the_code_writes_them(path: Path, text: str) -> None:
    """`make docs` would change nothing."""
    assert path.read_text() == text


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    """Each relative link of a document names a file that is there."""
    links = re.findall(r"\]\(([^)#:]+)\)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_commands_of_the_readme_are_targets() -> None:
    """Each `make` command that a document names is a target of the Makefile."""
    named = {word for page in PAGES for word in re.findall(r"\bmake ([a-z]+)\b", page.read_text())}
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert named <= targets
