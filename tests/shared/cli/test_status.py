"""`status`: every disk in a line, the worst first; `--monitor` for Nagios."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from shared.cli.main import main
from shared.environment import load
from shared.settings import Settings
from tests.clock import NOON
from tests.shared.builders import DAY, HOUR, disk, hourly
from tests.shared.objects_builders import by_disk, claim, snapshot_rule, volume
from tests.shared.passes.test_run import World

Told = Callable[..., tuple[int, str, str]]


@pytest.fixture
def world() -> World:
    return World(2, "PT1H P1D")


@pytest.fixture
def told(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Told:
    monkeypatch.setenv("LOG_LEVEL", "ERROR")

    def build(environ: Mapping[str, str], source: object) -> Any:
        return load(Settings, environ), world.ports

    def run(*arguments: str) -> tuple[int, str, str]:
        return main("k8s-snapshots", build, ["status", *arguments]), *capsys.readouterr()

    return run


def healthy(world: World, number: int, age: int = 0) -> None:
    deltas = "PT1H P1D"
    made = hourly(25, NOON - age * HOUR, disk=world.disks[number], deltas=deltas)
    world.cloud.snapshots |= {s.id: s for s in made}


def test_says_how_each_disk_is_the_worst_first(world: World, told: Told) -> None:
    """Late before ok, with points of each generation against what the rule wants."""
    healthy(world, 0)
    healthy(world, 1, age=5)
    status, out, _ = told()
    late, ok, total = out.splitlines()
    assert late.startswith("late      shop-rule-rule-vol-00000000000000001")
    assert "due 4 h ago; newest 5 h ago; 20 of 24 hourly; oldest 2026-06-14" in late
    assert ok.startswith("ok        shop-rule-rule-vol-00000000000000000")
    assert "newest 0 s ago; next in 1 h; 24 of 24 hourly" in ok
    assert (0, "2 disks: 1 late, 1 ok") == (status, total)


def test_leads_with_claims(world: World, told: Told) -> None:
    """Selected as people think: by claim."""
    world.cluster.items = (claim(deltas="PT1H P1D"), volume())
    assert "never     shop/data: no snapshot is completed yet" in told("--claim", "shop/data")[1]
    assert "shop/data\n" == told("-o", "name")[1]
    said, total = told("--claim", "shop/daat")[1].splitlines()
    assert said.startswith("shop/daat selects nothing: ")
    assert said.endswith("did you mean shop/data?")
    assert "no disk has a rule" == total


def test_a_selection_leaves_out_what_nothing_covers_elsewhere(world: World, told: Told) -> None:
    """Somebody who asks for a claim is told of no other."""
    world.cluster.items = (claim(), volume())
    assert "uncovered shop/data" in told()[1]
    assert "uncovered shop/data" in told("-n", "shop")[1]
    assert "shop/data" not in told("-n", "wiki")[1]


def test_a_rule_that_cannot_be_read_is_told_with_its_claim(world: World, told: Told) -> None:
    """And what would be right."""
    world.cluster.items = (claim(deltas="PT1H P1O"), volume())
    out = told("--only", "namespaces=shop")[1]
    assert "never     shop/data: " in out
    assert "'P1O' is not an ISO 8601 duration" in " ".join(out.split())


def test_orphans_come_last(world: World, told: Told) -> None:
    """With what becomes of them."""
    healthy(world, 0)
    healthy(world, 1)
    lost = hourly(3, NOON - DAY, disk=disk("vol-0lost"))
    world.cloud.snapshots |= {s.id: s for s in lost}
    *_, orphan, total = told()[1].splitlines()
    assert "2 ok, 1 orphan" in total
    assert orphan.startswith(("orphan", "  "))


@pytest.mark.parametrize(
    ("ages", "level", "word"),
    [((0, 0), 0, "OK - 2 disks: 2 ok"), ((0, 5), 2, "CRITICAL - 2 disks: 1 late, 1 ok; worst ")],
)
def test_monitor_is_one_line(
    world: World, told: Told, ages: tuple[int, int], level: int, word: str
) -> None:
    """And Nagios' status."""
    for number, age in enumerate(ages):
        healthy(world, number, age)
    status, out, _ = told("--monitor")
    assert (level, 1) == (status, len(out.splitlines()))
    assert f"SNAPSHOTS {word}" in out


def test_monitor_does_not_mind_what_is_unsettled(world: World, told: Told) -> None:
    """A tightened rule is no trouble; a rule with a typo is."""
    healthy(world, 0)
    world.cluster.items = (snapshot_rule("r", deltas="PT1H PT6H", **_by(world)),)
    status, out, _ = told("--monitor")
    assert (0, True) == (status, "1 held" in out)
    world.cluster.items = (snapshot_rule("r", deltas="PT1H P1O", **_by(world)),)
    assert 1 == told("--monitor")[0]


def _by(world: World) -> dict[str, Any]:
    return by_disk(world.disks[0].name)


def test_monitor_says_unknown_whatever_fails(world: World, told: Told) -> None:
    """3, with the reason; wrong usage as well."""
    world.cluster.error = "the API cannot be reached"
    assert 3 == told("--monitor")[0]
    assert 3 == told("--monitor", "--only", "x")[0]


def test_prints_json(world: World, told: Told) -> None:
    """For programs, with pictures as letters."""
    healthy(world, 0)
    found = json.loads(told("-o", "json")[1])
    assert ["never", "ok"] == [one["health"] for one in found]
    assert "#" * 24 == found[1]["generations"][0]["picture"]
