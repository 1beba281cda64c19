"""What the documents take from the code is what the code says, and what they name is there."""

import re
import shlex
from pathlib import Path

import pytest

from shared.cli.arguments import parser
from tools.docs import ROOT, anchors_of, documents

PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "terraform").glob("*/*.md")]
)


@pytest.mark.parametrize(
    ("path", "text"), [*documents()], ids=lambda value: getattr(value, "name", "")
)
def test_documents_are_as_the_code_writes_them(path: Path, text: str) -> None:
    """`make docs` would change nothing."""
    assert path.read_text() == text


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    """Each relative link of a document names a file that is there."""
    links = re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", path.read_text())
    for link, anchor in links:
        target = (path.parent / link) if link else path
        assert target.exists(), link
        assert not anchor or target.suffix != ".md" or anchor in anchors_of(target), (link, anchor)


def code(page: Path) -> list[str]:
    """Give the lines of a page that are code: indented, fenced, or between backticks."""
    text = page.read_text()
    lines = re.findall(r"^ {4}(\S.*)$", text, re.MULTILINE)
    for block in re.findall(r"^```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        lines += block.splitlines()
    return lines + re.findall(r"`([^`\n]+)`", text)


def test_make_commands_are_targets() -> None:
    """Each `make` command that a document names is a target of the Makefile."""
    named = {word for page in PAGES for line in code(page)
             for word in re.findall(r"^make ([-a-z]+)", line)}  # fmt: skip
    targets = set(re.findall(r"^([-a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert named <= targets


_COMMAND = (
    r"(?:python -m functions\.(?:aws|gcp)|^k8s-snapshots|^kubectl snapshots) ([a-z][^|#>;&]*)"
)
COMMANDS = sorted({
    (page.name, found[0])
    for page in PAGES
    for line in code(page)
    if (found := re.findall(_COMMAND, line))
})  # fmt: skip


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_commands_are_understood(page: str, command: str) -> None:
    """Each command line that a document shows has arguments that there are."""
    words = shlex.split(command.rstrip("\\"))
    if "…" not in command and "COMMAND" not in words:
        parser("x", ["aws", "gcp"]).parse_args(words)


def test_there_are_commands() -> None:
    """Or the test above would prove nothing."""
    named = {command.split()[0] for _, command in COMMANDS}
    assert {
        "plan",
        "reconcile",
        "check",
        "backfill",
        "explain",
        "adopt",
        "restore",
        "deltas",
    } <= named


def test_the_readme_is_short_and_in_its_order() -> None:
    """Who decides in an hour reads what it is, looks, tries, deploys, judges, compares."""
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 150
    assert text.index("![") < text.index("\n## ")
    assert [
        "Look at your own cluster, read-only",
        "Try it on your machine",
        "Deploy it in five steps",
        "What keeps snapshots safe",
        "How it compares",
        "Read on",
    ] == re.findall(r"^## (.+)$", text, re.MULTILINE)


def test_the_runbook_begins_with_lost_data() -> None:
    """Its first section lists what can be restored and restores it, before any alarm is told."""
    text = (ROOT / "docs" / "runbook.md").read_text()
    first, second = text.split("\n## ")[1:3]
    assert first.startswith("My data is gone\n")
    assert second.startswith("Alarms\n")
    steps = ["scale", "list --claim", "k8s-snapshots-keep", "restore --claim", "kubectl apply"]
    places = [first.index(step) for step in steps]
    assert places == sorted(places)
