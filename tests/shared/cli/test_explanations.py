"""An explanation in the terminal: one screen, no word cut, a gap that can be seen."""

from io import BytesIO, StringIO, TextIOWrapper

import pytest
from rich.console import Console

from shared.cli import tables
from shared.request import Only
from shared.retention.deltas import parse
from shared.retention.kernel import retain
from tests.clock import NOON
from tests.shared.builders import DAY, HOUR, disk, hourly
from tests.shared.passes.test_run import World

DELTAS = "PT1H P1D P30D P360D"


def world(missing: int = 0) -> World:
    """Make a disk that has lived for years, and that lacks so many hours six hours ago."""
    found = World(1, DELTAS)
    made = hourly(24 * 400, NOON - HOUR, disk=found.disks[0], deltas=DELTAS)
    retention = retain(made, parse(DELTAS).resolve(NOON - HOUR))
    lost = {NOON - (6 + n) * HOUR for n in range(missing)}
    for index in sorted(retention.kept):
        snapshot = retention.history[index]
        if snapshot.started not in lost:
            found.cloud.snapshots[snapshot.id] = snapshot
    return found


def shown(found: World, width: int = 80, everything: bool = False, **only: tuple[str, ...]) -> str:
    outcome = found.run(mode="explain", only=Only(**only))
    console = Console(file=StringIO(), width=width, highlight=False)
    tables.outcome(outcome, "UTC", console, wide=everything)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 120, 200])
def test_a_disk_fits_one_screen(width: int) -> None:
    """65 snapshots, 24 lines, no id cut in two."""
    found = world()
    assert 60 < len(found.cloud.snapshots)
    text = shown(found, width)
    assert len(text.splitlines()) <= 24
    assert all(len(line) <= width for line in text.splitlines())
    assert found.disks[0].id in text
    assert "24 of 24  " + "■" * 24 in text
    assert "--all lists each snapshot" in text


def test_a_gap_is_seen_and_told() -> None:
    """Where it is in the picture, and when it was."""
    text = shown(world(missing=3))
    assert "21 of 24  " + "■" * 17 + "□□□" + "■" * 4 in text
    assert "missing in 'hourly for 1 day': 2026-06-15 04:00 UTC and 2 points after" in text
    assert "□ missing" in text


def test_all_lists_each_snapshot_whole() -> None:
    """Ids can be copied, at 80 columns too."""
    found = world()
    text = shown(found, everything=True)
    assert all(name in text for name in found.cloud.snapshots)


def test_a_disk_without_rules_says_what_there_is() -> None:
    """How many, since when, by which deltas; not that there is none yet."""
    found = World(1)
    lost = disk("vol-0lost")
    for made in hourly(3, NOON - DAY, disk=lost, deltas=DELTAS):
        found.cloud.snapshots[made.id] = made
    text = shown(found, disks=("vol-0lost",))
    assert "no rule covers it" in text
    assert "3 snapshots" in text
    assert "newest 2026-06-14 12:00 UTC, 1 d ago; the oldest 2026-06-14 10:00 UTC" in text
    assert "hourly for 1 day" in text
    assert "none yet" not in text


def test_long_generations_are_wrapped_and_shared() -> None:
    """A thousand points take some lines, and the worst of those that share a mark is shown."""
    found = World(1, "PT1H P40D")
    for made in hourly(960, NOON - HOUR, disk=found.disks[0], deltas="PT1H P40D"):
        if made.started != NOON - 100 * HOUR:
            found.cloud.snapshots[made.id] = made
    text = shown(found)
    assert "(each mark is" in text
    assert 1 == text.partition("missing in")[0].count("□")


def test_a_terminal_without_marks_gets_letters() -> None:
    """Under LANG=C a picture is still one."""
    file = TextIOWrapper(BytesIO(), encoding="ascii", errors="strict")
    console = Console(file=file, width=80, highlight=False)
    tables.outcome(world(missing=3).run(mode="explain"), "UTC", console)
    file.seek(0)
    assert "#" * 17 + "---" + "#" * 4 in file.read()
