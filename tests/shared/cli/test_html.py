"""`html FILE`: the page in a file."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from shared.cli.main import main
from shared.environment import load
from shared.settings import Settings
from tests.clock import NOON
from tests.shared.builders import hourly
from tests.shared.passes.test_run import World

Told = Callable[..., tuple[int, str, str]]


@pytest.fixture
def world() -> World:
    made = World(2, "PT1H P1D")
    points = hourly(25, NOON, disk=made.disks[0], deltas="PT1H P1D")
    made.cloud.snapshots |= {s.id: s for s in points}
    return made


@pytest.fixture
def told(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Told:
    monkeypatch.setenv("LOG_LEVEL", "ERROR")

    def build(environ: Mapping[str, str], source: object) -> Any:
        return load(Settings, environ), world.ports

    def run(*arguments: str) -> tuple[int, str, str]:
        return main("k8s-snapshots", build, ["html", *arguments]), *capsys.readouterr()

    return run


def test_writes_the_page_and_says_where(world: World, told: Told, tmp_path: Path) -> None:
    """Nothing is changed in cloud or bucket."""
    path = tmp_path / "report.html"
    assert (0, f"{path}\n", "") == told(str(path))
    page = path.read_text()
    assert "1 never" in page
    assert "24 of 24 hourly" in page
    assert 0 == world.created()
    assert [] == world.bucket.puts()


def test_the_page_that_is_replaced_tells_what_changed(
    world: World, told: Told, tmp_path: Path
) -> None:
    """So that calling it each morning tells of the night."""
    path = tmp_path / "report.html"
    path_of_first = told(str(path))
    assert 0 == path_of_first[0]
    world.cloud.snapshots.clear()
    told(str(path))
    assert "ok → never" in path.read_text()
    assert [path] == [*tmp_path.iterdir()]


def test_goes_to_standard_output(told: Told) -> None:
    """For a pipe."""
    status, out, _ = told("-")
    assert (0, "<!doctype html>", "</html>") == (status, out[:15], out[-7:])


def test_selects_as_a_plan_does(told: Told) -> None:
    """One claim, or none."""
    assert "No disk has a rule" in told("-", "-n", "nobody")[1]


def test_replaces_nothing_else(told: Told, tmp_path: Path) -> None:
    """A slip of the finger costs no file."""
    path = tmp_path / "rules.yaml"
    path.write_text("kind: List")
    status, _, said = told(str(path))
    assert 3 == status
    assert "is no such page: name another one" in said
    assert "kind: List" == path.read_text()


@pytest.mark.parametrize("name", ["missing/report.html", "."])
def test_says_where_it_cannot_write(told: Told, tmp_path: Path, name: str) -> None:
    """Before it reads anything."""
    status, out, said = told(str(tmp_path / name))
    assert (3, "") == (status, out)
    assert "k8s-snapshots: html " in said
