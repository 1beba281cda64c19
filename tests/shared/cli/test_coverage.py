"""The command `coverage`: what backs each bound volume up, or that nothing does."""

import json
from typing import Any

import pytest

from shared.cli.main import main
from shared.reports.coverage import coverage, summary
from shared.settings import Settings
from tests.shared.fake_cloud import FakeCloud, FakeCluster, ports
from tests.shared.objects_builders import (
    by_disk,
    claim,
    decode,
    namespace,
    read,
    rules_of,
    snapshot_policy,
    snapshot_rule,
    storage_class,
    volume,
)


def bound(name: str, space: str, number: int, **more: Any) -> list[dict[str, object]]:
    handle = f"vol-{number:017x}"
    return [volume(f"pv-{name}", handle, claimed_by=(space, name), storage_class="gp3"),
            claim(name, space, volume=f"pv-{name}", **more)]  # fmt: skip


ITEMS = [
    *bound("data", "shop", 1, deltas="PT1H P1D"),
    *bound("logs", "shop", 2),
    *bound("cache", "web", 3, deltas="none"),
    *bound("typo", "web", 4, deltas="P1O"),
    *bound("files", "bank", 5),
    *bound("lone", "web", 6),
    namespace("shop", "PT2H P2D"),
    namespace("bank", team="bank"),
    snapshot_policy("gold", "P1D P30D", namespaceSelector={"matchLabels": {"team": "bank"}}),
    snapshot_rule("x", "ops", **by_disk("vol-00000000000000005")),
]


def test_tells_of_each_bound_volume() -> None:
    """By level, the worst first; what a stranger's rule adds is told beside."""
    found = coverage(read(*ITEMS))
    assert [
        ("uncovered", "web/lone", ()),
        ("problem", "web/typo", ("PersistentVolumeClaim web/typo",)),
        ("none", "web/cache", ("PersistentVolumeClaim web/cache",)),
        ("own", "bank/files", ("SnapshotPolicy gold", "SnapshotRule ops/x")),
        ("own", "shop/data", ("PersistentVolumeClaim shop/data",)),
        ("namespace", "shop/logs", ("Namespace shop",)),
    ] == [(one.how, one.claim, one.sources) for one in found]
    assert summary(found) == (
        "3 of 6 bound volumes backed up; 1 not covered by anything; 1 with a problem; "
        "1 opted out by none"
    )


def test_storage_classes_cover_too() -> None:
    """A default of the class is told by its name."""
    (one,) = coverage(read(*bound("a", "b", 1), storage_class(deltas="P1D P7D")))
    assert ("storageclass", ("StorageClass gp3",), ("P1D P7D",)) == (
        one.how,
        one.sources,
        one.deltas,
    )


def test_no_bound_volume_is_left_out() -> None:
    """Whatever could not be read of it, or of what may decide for it: it is a problem, by whom."""
    lost = volume("pv-lost", "vol-nonsense", claimed_by=("shop", "lost"), zones=())
    broken = claim("odd", volume="pv-odd") | {"spec": 5}
    items = [
        *bound("a", "typo", 1), namespace("typo", "P1O"),
        lost, claim("lost", volume="pv-lost", deltas="P1D P7D"),
        volume("pv-odd", f"vol-{7:017x}", claimed_by=("shop", "odd")), broken,
        volume("pv-far", "vol-elsewhere", claimed_by=("web", "far"), zones=()),
        claim("far", "web", volume="pv-far"),
    ]  # fmt: skip
    found = {one.claim: (one.how, one.sources) for one in coverage(read(*items))}
    assert found == {
        "typo/a": ("problem", ("Namespace typo",)),
        "shop/lost": ("problem", ("PersistentVolumeClaim shop/lost",)),
        "shop/odd": ("problem", ("PersistentVolumeClaim shop/odd",)),
        "web/far": ("uncovered", ()),
    }
    malformed = {"kind": "PersistentVolume", "metadata": {"name": "pv-bad"}, "spec": {"csi": 5}}
    (one,) = coverage(read(malformed))
    assert ("problem", "pv-bad", ("PersistentVolume pv-bad",)) == (one.how, one.volume, one.sources)
    objects = decode(*bound("a", "b", 1))
    objects.refused["Namespace"] = "403"
    (one,) = coverage(rules_of(objects))
    assert ("problem", ("Namespace (all)",)) == (one.how, one.sources)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "uncovered    web/lone: nothing backs it up (volume pv-lone)"),
        (["-n", "shop"], "2 of 2 bound volumes backed up"),
        (
            ["--claim", "web/cache"],
            "none         web/cache: not backed up, by PersistentVolumeClaim",
        ),
        (["-o", "name"], "web/lone\nweb/typo\nweb/cache\n"),
    ],
)
def test_prints(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A line a volume, and a summary; or names for scripts of what is not backed up."""
    world = ports(FakeCluster(*ITEMS), FakeCloud())
    assert main("prog", lambda *_: (Settings(), world), ["coverage", *arguments]) == 0
    assert said in capsys.readouterr().out


@pytest.mark.parametrize("only", ["rules=x", "disks=x", "scopes=eu-west-1"])
def test_refuses_what_it_cannot_select(only: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing that was typed is passed over."""
    world = ports(FakeCluster(*ITEMS), FakeCloud())
    arguments = ["coverage", "--only", only]
    assert main("prog", lambda *_: (Settings(), world), arguments) == 3
    assert "coverage is of claims: select them by -n, --claim" in capsys.readouterr().err


def test_prints_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON has all of it."""
    world = ports(FakeCluster(*ITEMS), FakeCloud())
    assert main("prog", lambda *_: (Settings(), world), ["coverage", "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [False, False, False, True, True, True] == [one["covered"] for one in found]
