"""`metrics`: what `status` tells, in Prometheus' text format."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from shared.cli import exposition
from shared.cli.main import main
from shared.cli.metrics import Family, families
from shared.environment import load
from shared.model import Snapshot
from shared.planning.names import Names
from shared.reports.health import DiskHealth
from shared.reports.schema import Report, Summary
from shared.settings import Settings
from shared.text import shorten
from tests.clock import NOON
from tests.shared.builders import DAY, HOUR, disk, hourly
from tests.shared.objects_builders import claim, volume
from tests.shared.passes.test_run import World

Told = Callable[..., tuple[int, str, str]]
DISK = "aws:eu-west-1/vol-00000000000000000"


@pytest.fixture
def world() -> World:
    return World(2, "PT1H P1D P7D")


@pytest.fixture
def told(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Told:
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    monkeypatch.setenv("CLUSTER_ID", "demo")

    def build(environ: Mapping[str, str], source: object) -> Any:
        return load(Settings, environ), world.ports

    def run(*arguments: str) -> tuple[int, str, str]:
        return main("k8s-snapshots", build, ["metrics", *arguments]), *capsys.readouterr()

    return run


def samples(text: str) -> list[Sample]:
    """Read it as Prometheus does."""
    return [s for family in text_string_to_metric_families(text) for s in family.samples]


def value(text: str, name: str, **labels: str) -> float | None:
    """Give the one value of a metric that has these labels; None where there is none."""
    found = [
        s.value
        for s in samples(text)
        if s.name == f"k8s_snapshots_{name}" and labels.items() <= s.labels.items()
    ]
    assert len(found) < 2
    return found[0] if found else None


def healthy(world: World, number: int, age: int = 0) -> list[Snapshot]:
    made = hourly(25, NOON - age * HOUR, disk=world.disks[number], deltas="PT1H P1D P7D")
    world.cloud.snapshots |= {s.id: s for s in made}
    return made


def report(**fields: Any) -> Report:
    made = {"pass_id": "p", "version": "1", "mode": "plan", "provider": "aws", "cluster": "demo"}
    times = {"started": NOON, "finished": NOON, "outcome": "completed", "rules_from": "cluster"}
    return msgspec.convert({"pass": "p", **made, **times, **fields, "summary": Summary()}, Report)


def health(**fields: Any) -> DiskHealth:
    told = {"disk": "vol-0a", "names": Names("shop/data", "pv"), "health": "ok", "why": ""}
    figures = {"newest": NOON, "oldest": NOON, "next_due": None, "snapshots": 1, "size": 0}
    return DiskHealth(**{**told, **figures, "late": False, **fields})


class TestWhatIsTold:
    def test_times_of_each_disk(self, world: World, told: Told) -> None:
        """As seconds since the epoch, so that ages are right between two readings."""
        healthy(world, 0)
        status, out, _ = told()
        newest = value(out, "disk_newest_snapshot_timestamp_seconds", disk=DISK)
        oldest = value(out, "disk_oldest_snapshot_timestamp_seconds", disk=DISK)
        due = value(out, "disk_next_due_timestamp_seconds", disk=DISK)
        now = NOON.timestamp()
        assert (0, now, now - 24 * 3600, now + 3600) == (status, newest, oldest, due)
        assert now == value(out, "plan_timestamp_seconds", cluster="demo")
        assert 25 == value(out, "disk_completed_snapshots", disk=DISK)

    def test_labels_are_those_of_the_claim(self, world: World, told: Told) -> None:
        """Cluster, namespace, claim, volume and disk, which are enough to find it."""
        world.cluster.items = (claim(deltas="PT1H P1D"), volume())
        (found,) = [s for s in samples(told()[1]) if s.name == "k8s_snapshots_disk_late"]
        labels = {"cluster": "demo", "namespace": "shop", "claim": "data", "volume": "pv-data"}
        assert labels.items() <= found.labels.items()
        assert found.labels.keys() == {*labels, "disk"}

    def test_health_is_one_series_a_disk(self, world: World, told: Told) -> None:
        """With the word that `status` has; and whether it is late is told of each."""
        healthy(world, 0)
        healthy(world, 1, age=5)
        out = told()[1]
        found = [s.labels["health"] for s in samples(out) if s.name == "k8s_snapshots_disk_health"]
        assert ["late", "ok"] == found
        assert (0, 1) == tuple(value(out, "disk_late", disk=d.id) for d in world.disks)

    def test_a_disk_without_a_snapshot_has_no_time(self, world: World, told: Told) -> None:
        """It is `never`; a time of 0 would be an age of half a century."""
        out = told()[1]
        assert 1 == value(out, "disk_health", disk=DISK, health="never")
        assert value(out, "disk_newest_snapshot_timestamp_seconds", disk=DISK) is None

    def test_points_of_each_generation(self, world: World, told: Told) -> None:
        """What is wanted, filled, and missing: later than the first snapshot, and not there."""
        (gone, *_) = healthy(world, 0)[3:]
        del world.cloud.snapshots[gone.id]
        out = told()[1]
        generation = {"disk": DISK, "deltas": "PT1H P1D P7D", "generation": "hourly for 1 day"}
        names = [f"generation_points_{name}" for name in ("wanted", "filled", "missing")]
        assert [24, 23, 1] == [value(out, name, **generation) for name in names]
        daily = generation | {"generation": "daily for 7 days"}
        assert [7, 1, 0] == [value(out, name, **daily) for name in names]

    def test_orphans_and_what_is_not_covered(self, world: World, told: Told) -> None:
        """Both counted, and each by name; neither can be late."""
        lost = hourly(3, NOON - DAY, disk=disk("vol-0lost"))
        world.cloud.snapshots |= {s.id: s for s in lost}
        world.cluster.items += (claim(), volume())
        out = told()[1]
        assert 3 == value(out, "orphaned_snapshots")
        assert 1 == value(out, "uncovered_volumes")
        assert 1 == value(out, "disk_health", disk="aws:eu-west-1/vol-0lost", health="orphan")
        assert 1 == value(out, "disk_health", claim="data", health="uncovered")
        assert value(out, "disk_late", disk="aws:eu-west-1/vol-0lost") is None
        assert value(out, "disk_late", claim="data") is None

    def test_problems_and_holds(self, world: World, told: Told) -> None:
        """Counted; what is unsettled apart from what is held for another cause."""
        healthy(world, 0)
        world.cluster.items += (claim(deltas="PT1H P1O"), volume())
        out = told()[1]
        assert 1 == value(out, "problems")
        found = report()
        summary = msgspec.structs.replace(found.summary, held=7, unsettled=5)
        text = exposition.text_of(families(msgspec.structs.replace(found, summary=summary), []))
        assert (2, 5) == (value(text, "held_deletions"), value(text, "unsettled_deletions"))

    def test_the_mirror(self, world: World, told: Told) -> None:
        """Whether it stands in, and its age, which is left out where there is none."""
        out = told()[1]
        assert (0, None) == (value(out, "mirror_in_use"), value(out, "mirror_age_seconds"))
        text = exposition.text_of(families(report(mirror_in_use=True, mirror_age=90.0), []))
        assert (1, 90) == (value(text, "mirror_in_use"), value(text, "mirror_age_seconds"))

    def test_disks_whose_listing_was_cut_short_are_left_out(self, world: World, told: Told) -> None:
        """A listing that ends early must not look like snapshots that are gone."""
        far = disk("vol-00000000000000099", "us-east-1")
        world.cluster.items += (world.rule(far, "PT1H P1D"),)
        lost = hourly(3, NOON - DAY, disk=disk("vol-0lost", "us-east-1"))
        world.cloud.snapshots |= {s.id: s for s in lost}
        assert told()[1].count("vol-00000000000000099") > 1
        world.cloud.incomplete = {"us-east-1": "throttled"}
        status, out, _ = told()
        assert (1, 1) == (status, value(out, "incomplete_scopes"))
        assert "vol-00000000000000099" not in out
        assert "vol-0lost" not in out
        assert DISK in out

    def test_a_selection(self, world: World, told: Told) -> None:
        """As of every command."""
        assert DISK not in told("--only", f"disks={world.disks[1].name}")[1]


class TestTheFormat:
    def test_every_metric_says_what_it_is(self, world: World, told: Told) -> None:
        """HELP and TYPE stand before it, and its name tells the base unit of a time."""
        healthy(world, 0)
        found = [*text_string_to_metric_families(told()[1])]
        assert len(found) > 15
        for family in found:
            assert family.name.startswith("k8s_snapshots_")
            assert "gauge" == family.type
            assert family.documentation.endswith(".")
            assert ("seconds" in family.documentation or family.name.endswith("age_seconds")) == (
                family.name.endswith("_seconds")
            )

    @pytest.mark.parametrize("name", ['a"b', "a\\b", "a\\nb", "ä", 'x",claim="y', "\\", "{}"])
    def test_names_cannot_break_out_of_a_label(self, name: str) -> None:
        """Quotes and backslashes are escaped, and come back as they were."""
        text = exposition.text_of(families(report(), [health(names=Names(f"shop/{name}", "pv"))]))
        assert {name} == {s.labels["claim"] for s in samples(text) if "claim" in s.labels}

    @given(st.text(), st.text(), st.text())
    def test_whatever_names_are_there_is_one_series(
        self, claim: str, volume: str, name: str
    ) -> None:
        """Read by Prometheus' own parser, with the labels that were meant."""
        one = health(names=Names(f"shop/{claim}", volume), disk=name)
        (found,) = (
            s for s in samples(exposition.text_of(families(report(), [one])))
            if s.name == "k8s_snapshots_disk_late"
        )  # fmt: skip
        told = {"claim": claim, "volume": volume, "disk": name}
        expected = {key: shorten(text, 300) for key, text in told.items()}
        assert expected.items() <= found.labels.items()

    @pytest.mark.parametrize("letter", ["\n", "\r", "\x00", "\x1b", "\ud800", "\u2028"])
    def test_control_characters_begin_no_line(self, letter: str) -> None:
        """They are shown, as in every other output."""
        found = families(report(), [health(names=Names(f"shop/a{letter}b", "pv"))])
        text = exposition.text_of(found)
        (claim,) = {s.labels["claim"] for s in samples(text) if "claim" in s.labels}
        assert claim == f"a{letter!r}b".replace("'", "")
        assert len(text.splitlines()) == len(text.split("\n")) - 1

    def test_a_name_is_cut(self) -> None:
        """What comes off a snapshot's labels may be long."""
        text = exposition.text_of(families(report(), [health(disk="x" * 1000)]))
        assert {300} == {len(s.labels["disk"]) for s in samples(text) if "disk" in s.labels}

    def test_no_series_is_there_twice(self) -> None:
        """Prometheus refuses a whole file for one: of two the worst is told."""
        late = health(health="late", late=True)
        text = exposition.text_of(families(report(), [late, health()]))
        assert 1 == value(text, "disk_late")

    def test_a_metric_without_a_value_is_not_named(self) -> None:
        """Such as the age of a mirror that is not there."""
        empty = Family("k8s_snapshots_x", "Nothing.", (), {})
        assert "" == exposition.text_of([empty])

    def test_as_json(self, world: World, told: Told) -> None:
        """The same for programs."""
        healthy(world, 0)
        status, out, _ = told("-o", "json")
        found = {one["name"]: one for one in json.loads(out)}
        late = {
            s["labels"]["disk"]: s["value"] for s in found["k8s_snapshots_disk_late"]["samples"]
        }
        assert (0, 0.0) == (status, late[DISK])
        text = {(s.name, *sorted(s.labels.items())): s.value for s in samples(told()[1])}
        assert text == {
            (name, *sorted(s["labels"].items())): s["value"]
            for name, one in found.items()
            for s in one["samples"]
        }


class TestTheFile:
    def test_is_what_is_printed(self, world: World, told: Told, tmp_path: Path) -> None:
        """And others may read it: the node exporter is another user."""
        healthy(world, 0)
        path = tmp_path / "k8s-snapshots.prom"
        umask = os.umask(0o022)
        try:
            status, out, _ = told("--file", str(path))
        finally:
            os.umask(umask)
        assert (0, f"{path}\n") == (status, out)
        assert told()[1] == path.read_text()
        assert 0o644 == path.stat().st_mode & 0o777

    def test_is_replaced_by_a_rename(
        self, told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever reads it sees the old one or the new one; nothing else is left behind."""
        path = tmp_path / "k8s-snapshots.prom"
        path.write_text("old")
        renamed = []

        def rename(old: str, new: str) -> None:
            renamed.append((path.read_text(), "k8s_snapshots" in Path(old).read_text()))
            assert not old.endswith(".prom")
            os.replace(old, new)

        monkeypatch.setattr("os.rename", rename)
        assert 0 == told("--file", str(path))[0]
        assert [("old", True)] == renamed
        assert [path] == [*tmp_path.iterdir()]

    def test_stays_where_the_pass_fails(self, world: World, told: Told, tmp_path: Path) -> None:
        """Its time then gets old, for which there is an alert."""
        path = tmp_path / "k8s-snapshots.prom"
        path.write_text("old")
        world.cluster.error = "the API cannot be reached"
        assert 2 == told("--file", str(path))[0]
        assert "old" == path.read_text()

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("figures.txt", "must end in .prom"),
            ("gone/x.prom", "there is no folder"),
            ("taken.prom", "it cannot be written: Is a directory"),
        ],
    )
    def test_is_refused(self, told: Told, tmp_path: Path, name: str, said: str) -> None:
        """With why, as wrong usage."""
        (tmp_path / "taken.prom").mkdir()
        status, _, err = told("--file", str(tmp_path / name))
        assert 3 == status
        assert said in err

    def test_is_for_the_text_format(self, told: Told, tmp_path: Path) -> None:
        """JSON would be no file of the collector's."""
        status, _, err = told("--file", str(tmp_path / "x.prom"), "-o", "json")
        assert (3, True) == (status, "leave out one" in err)
        assert [] == [*tmp_path.iterdir()]
