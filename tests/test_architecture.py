"""The house is as docs/architecture.md draws it, and as its contracts say."""

import ast
import importlib
import pkgutil
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import shared
from tools.docs import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text()
CONTRACTS: list[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"][
    "importlinter"
]["contracts"]
ROOMS = sorted(found.name for found in pkgutil.iter_modules(shared.__path__) if found.ispkg)


def layers() -> list[str]:
    """Give what the contract says of the core, from the top."""
    (contract,) = (c for c in CONTRACTS if c.get("containers") == ["shared"])
    assert contract["exhaustive"]
    found: list[str] = contract["layers"]
    return found


def test_the_picture_is_the_contract() -> None:
    """The page draws each room and module of the core, in the order of the import contract."""
    match = re.search(r"<!-- rooms -->\n```\n(.*?)```\n<!-- /rooms -->", PAGE, re.DOTALL)
    assert match
    drawn = re.findall(r"^    ([a-z_]+)(/?) +\S", match[1], re.MULTILINE)
    assert [name for name, _ in drawn] == layers()
    assert [name for name, folder in drawn if folder] == [n for n in layers() if n in ROOMS]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_it_is_for_and_where_one_enters(room: str) -> None:
    """Its first lines name entries that exist, and loading it loads nothing else."""
    path = ROOT / "shared" / room / "__init__.py"
    tree = ast.parse(path.read_text())
    text = ast.get_docstring(tree) or ""
    assert len(tree.body) == 1
    said = re.findall(r"`([a-z_]+)\.(\w+)`", text.partition("Enter by")[2])
    entries = [(module, name) for module, name in said if module != "ports"]
    assert entries
    for module, name in entries:
        assert hasattr(importlib.import_module(f"shared.{room}.{module}"), name)


def test_tests_have_the_same_rooms() -> None:
    """Whoever knows where the code is knows where its tests are."""
    inside = (ROOT / "tests" / "shared").glob("*/__init__.py")
    assert {path.parent.name for path in inside} == set(ROOMS)


def test_what_the_page_names_is_there() -> None:
    """Each file, module or folder between backticks exists, of rooms below `shared/` too."""
    named = re.findall(r"`([\w./]+)`", PAGE)
    assert len(named) > 60
    missing = [name for name in named if "/" in name and not exists(name)]
    files = [name for name in named if name.endswith((".py", ".tf")) and "/" not in name]
    clouds = [ROOT / "functions" / c for c in ("aws", "gcp")] + [ROOT / "terraform" / "aws"]
    missing += [f for f in files if not any((folder / f).exists() for folder in clouds)]
    assert missing == []


def exists(name: str) -> bool:
    """Tell whether a path, a module or a module's attribute is there."""
    for base in (ROOT, ROOT / "shared"):
        path = base / name
        if path.exists() or path.with_suffix(".py").exists():
            return True
        module, _, attribute = name.rpartition(".")
        if (base / f"{module}.py").exists():
            dotted = str((base / module).relative_to(ROOT)).replace("/", ".")
            return hasattr(importlib.import_module(dotted), attribute)
    return False


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_both_clouds_have_the_same_files(cloud: str) -> None:
    """The same job is done in a file of the same name."""
    google = {
        "bucket_errors",
        "credentials",
        "deleting",
        "doubting",
        "main",
        "operations",
        "permissions",
    }
    own = {"aws": {"handler", "pacing"}, "gcp": google | {"resource_manager", "tags"}}
    files = {path.stem for path in Path(ROOT / "functions" / cloud).glob("*.py")} - own[cloud]
    assert files == {
        "__init__", "__main__", "adopting", "bucket", "calls", "checks", "cluster", "errors",
        "listing", "locating", "logs", "lookups", "secret", "settings", "snapshots", "volumes",
        "wiring",
    }  # fmt: skip
