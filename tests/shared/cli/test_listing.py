"""`list`: restore points, also where the claim or the cluster is gone."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest

from shared.cli.main import main
from shared.environment import load
from shared.planning.labels import CLAIM, CLUSTER, KEEP, NAMESPACE
from shared.settings import Settings
from tests.shared.builders import DAY, NOW, OURS, hourly, snapshot
from tests.shared.fake_cloud import FakeCloud, FakeCluster, ports
from tests.shared.objects_builders import DISK, OTHER_DISK, claim, volume

Told = Callable[..., tuple[int, str, str]]
LABELS = OURS | {NAMESPACE: "shop", CLAIM: "data"}


class World:
    """A cluster with one claim, and a cloud with nine days of it."""

    def __init__(self) -> None:
        history = hourly(9, NOW - DAY, DAY, disk=DISK, labels=LABELS, deltas="P1D P7D")
        self.cloud = FakeCloud(history)
        self.cluster = FakeCluster(claim(deltas="P1D P7D"), volume())

    def add(self, name: str, **fields: Any) -> None:
        made = snapshot(name, NOW - DAY / 2, disk=fields.pop("disk", DISK), labels=LABELS)
        self.cloud.snapshots[name] = msgspec.structs.replace(made, **fields)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def told(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Told:
    monkeypatch.setenv("LOG_LEVEL", "WARNING")

    def build(environ: Mapping[str, str], source: object) -> Any:
        return load(Settings, environ), ports(world.cluster, world.cloud)

    def run(*arguments: str) -> tuple[int, str, str]:
        return main("k8s-snapshots", build, [*arguments]), *capsys.readouterr()

    return run


def test_lists_the_points_of_a_claim(world: World, told: Told) -> None:
    """The newest first, with why and until when."""
    status, out, err = told("list", "--claim", "shop/data")
    first, newest, second, *_, last = out.splitlines()
    assert first == f"shop/data (volume pv-data, {DISK.id})"
    assert "2026-06-14 12:00 UTC" in newest
    assert "1 d ago" in newest
    assert newest.endswith("completed; the newest")
    assert second.endswith("completed; daily for 7 days, until about 2026-06-20 12:00 UTC")
    assert (0, "9 snapshots", "") == (status, last, err)
    assert told("snapshots", "--claim", "shop/data")[1] == out


def test_names_them_for_scripts(world: World, told: Told) -> None:
    """An id a line, nothing else."""
    names = told("list", "--claim", "shop/data", "-o", "name")[1].split()
    assert sorted(world.cloud.snapshots, reverse=True) == names


@pytest.mark.parametrize("gone", ["cluster", "claim"])
def test_needs_neither_claim_nor_cluster(world: World, told: Told, gone: str) -> None:
    """By labels, in the region that is named."""
    if gone == "cluster":
        world.cluster.error = "the API cannot be reached"
    else:
        world.cluster.items = ()
    status, out, _ = told("list", "--claim", "shop/data", "--scope", "eu-west-1")
    assert (0, True) == (status, out.startswith(f"shop/data ({DISK.id})"))
    assert "9 snapshots" in out


def test_a_typo_is_told_which_claims_there_are(told: Told) -> None:
    """Nothing found is no failure."""
    status, out, err = told("list", "--claim", "shop/daat")
    assert (0, "0 snapshots\n") == (status, out)
    assert "there is no snapshot of claim shop/daat; did you mean shop/data?" in err


def test_a_claim_that_is_there_is_not_offered_instead_of_itself(world: World, told: Told) -> None:
    """It has no snapshot: that is all there is to say."""
    world.cloud.snapshots.clear()
    _, _, err = told("list", "--claim", "shop/data")
    assert "there is no snapshot of claim shop/data\n" in err


def test_tells_states_sizes_tiers_and_keep_labels(world: World, told: Told) -> None:
    """What is no backup says so; a date of the keep label counts."""
    world.add("p", state="pending")
    world.add("f", state="failed")
    world.add("k", size=20, tier="archive", labels=LABELS | {KEEP: "2027-01-31"})
    found = {p["snapshot"]: p for p in json.loads(told("list", "--json")[1])}
    assert ("pending", "no backup yet") == (found["p"]["state"], found["p"]["why"])
    assert ("failed", "no backup") == (found["f"]["state"], found["f"]["why"])
    assert (20, "archive") == (found["k"]["size_gib"], found["k"]["tier"])
    assert found["k"]["until"].startswith("2027-01-31T23:59:59")


def test_leaves_out_other_namespaces_and_clusters(world: World, told: Told) -> None:
    """-n selects; another cluster's are not ours."""
    world.add("wiki", disk=OTHER_DISK, labels=OURS | {NAMESPACE: "wiki", CLAIM: "db"})
    world.add("other", disk=OTHER_DISK, labels=LABELS | {CLUSTER: "elsewhere"})
    assert "wiki\n" == told("list", "-n", "wiki", "-o", "name")[1]
    assert "other" not in told("list", "-o", "name")[1].split()


def test_says_what_is_missing(world: World, told: Told) -> None:
    """A listing that is cut short is status 1; nowhere to look is 2."""
    world.cloud.incomplete["eu-west-1"] = "RequestLimitExceeded"
    status, _, err = told("list")
    assert (1, True) == (status, "the listing is incomplete: RequestLimitExceeded" in err)
    world.cluster.items = ()
    status, _, err = told("list")
    assert (2, True) == (status, "name a region or project by --scope" in err)
