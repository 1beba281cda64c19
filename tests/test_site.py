"""The documents are a site: every page has its place, every link leads somewhere."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from mkdocs.config import load_config

from tools.docs import ROOT
from tools.site import outside

CONFIG = load_config(str(ROOT / "mkdocs.yml"))
FILES = "https://example.com/project/blob/v1"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as `make site` does, strictly, in a folder of its own."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT, env=os.environ | {"SITE_FILES": FILES}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def test_it_builds_strictly_with_every_page_and_a_search(built: Path) -> None:
    """A broken link, a missing anchor or an unknown page stops it."""
    pages = {page.stem for page in (ROOT / "docs").glob("*.md")} - {"README"} | {"index"}
    assert pages | {"404"} == {page.stem for page in built.glob("*.html")}
    assert "deltas" in (built / "search" / "search_index.json").read_text()
    assert (built / "report.schema.json").exists()


def test_links_to_other_files_lead_to_the_repository(built: Path) -> None:
    """They are rewritten to the address that is set."""
    assert f'href="{FILES}/manifests/crd.yaml"' in (built / "reference-crds.html").read_text()


def test_nothing_is_loaded_from_elsewhere(built: Path) -> None:
    """No font, no script, no style of another host."""
    text = (built / "runbook.html").read_text()
    assert 'src="http' not in text
    assert 'rel="stylesheet" href="http' not in text


def test_no_list_is_lost_in_a_paragraph(built: Path) -> None:
    """A list without an empty line before it is one on GitHub, and running text here."""
    for page in built.glob("*.html"):
        text = page.read_text().partition("<article")[2].partition("</article>")[0]
        for paragraph in re.findall(r"<p>(.*?)</p>", text, re.DOTALL):
            assert not re.search(r"(?m)^ *([-*]|\d+\.) |```", paragraph), (page.name, paragraph)


def named(tree: object) -> list[str]:
    """Give the pages of a navigation."""
    if isinstance(tree, str):
        return [tree]
    parts = tree.values() if isinstance(tree, dict) else tree
    assert not isinstance(parts, str)
    return [page for part in parts for page in named(part)]  # type: ignore[attr-defined]


def test_every_page_is_in_the_navigation_once() -> None:
    """MkDocs itself only warns of a page that is missing there."""
    assert sorted(named(CONFIG["nav"])) == sorted(
        page.name for page in (ROOT / "docs").glob("*.md")
    )


@pytest.mark.parametrize(
    ("text", "with_address", "without"),
    [
        ("[the rules](../manifests/rbac.yaml)",
         f"[the rules]({FILES}/manifests/rbac.yaml)", "the rules (`manifests/rbac.yaml`)"),
        ("[the settings](../README.md#settings)",
         f"[the settings]({FILES}/README.md#settings)", "the settings (`README.md`)"),
        ("[manifests/rbac.yaml](../manifests/rbac.yaml)",
         f"[manifests/rbac.yaml]({FILES}/manifests/rbac.yaml)", "manifests/rbac.yaml"),
        ("[a page](runbook.md#problems)", "[a page](runbook.md#problems)",
         "[a page](runbook.md#problems)"),
        ("[nothing](../not/there.yaml)", "[nothing](../not/there.yaml)",
         "[nothing](../not/there.yaml)"),
    ],
)  # fmt: skip
def test_links_that_lead_out_of_the_folder(text: str, with_address: str, without: str) -> None:
    """To the address where there is one; else the path is named. Others stay as they are."""
    assert outside(text, ROOT / "docs", FILES + "/") == with_address
    assert outside(text, ROOT / "docs", "") == without


def test_make_site_is_the_same_build() -> None:
    """The target builds strictly, into the folder of the configuration."""
    recipe = (ROOT / "Makefile").read_text().partition("\nsite:")[2].partition("\n\n")[0]
    assert "mkdocs build --strict" in recipe
    assert Path(CONFIG["site_dir"]) == ROOT / "build" / "site"
