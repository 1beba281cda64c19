"""Tables for people: what stands in them, and that no name is obeyed as markup."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from shared.cli import tables
from shared.cli.console import WIDTH, open_console, print_rows
from shared.cli.rows import PER_DISK, Rows, widths
from shared.errors import DiskFailed, NextPass
from shared.model import Snapshot
from shared.passes.run import Outcome, run
from shared.ports import Check
from shared.reports.entries import Orphaned
from shared.reports.schema import Report, Summary
from shared.request import Request
from shared.settings import Settings
from tests.shared.builders import DAY, HOUR, NOW, disk, hourly, snapshot
from tests.shared.fake_cloud import FakeCloud, FakeCluster, ports
from tests.shared.objects_builders import DISK, by_disk, snapshot_rule


def world(
    *histories: Sequence[Snapshot], deltas: str = "P1D P7D", name: str = "nightly", **cloud: Any
) -> tuple[FakeCluster, FakeCloud]:
    """Make a cluster with one rule for one disk, and the histories."""
    found = [snapshot for history in histories for snapshot in history]
    rule = snapshot_rule(name, deltas=deltas, **by_disk(DISK.name))
    return FakeCluster(rule), FakeCloud(found, **cloud)


def outcome(cluster: FakeCluster, cloud: FakeCloud, mode: Any = "plan") -> Outcome:
    return run(Request(mode=mode), Settings(), ports(cluster, cloud))


def printed(found: Outcome, zone: str = "UTC", width: int = 200) -> str:
    console = Console(file=StringIO(), width=width, highlight=False)
    tables.outcome(found, zone, console, wide=True)
    return text_of(console)


def text_of(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def columns(text: str, title: str) -> list[str]:
    """List the columns of the table under a title."""
    lines = [line.rstrip() for line in text.splitlines()]
    header = lines[lines.index(title) + 2]
    return [cell.strip() for cell in header.strip("│").split("│")]


def rows(text: str, title: str) -> list[list[str]]:
    """List the rows of the table under a title."""
    lines = [line.rstrip() for line in text.splitlines()]
    body = lines[lines.index(title) + 4 :]
    end = next(n for n, line in enumerate(body) if line.startswith("╰"))
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in body[:end]]


def test_a_plan_shows_policy_and_actions_of_each_disk() -> None:
    """Each disk has its rules, the policy as a sentence, what is kept and what would be done."""
    found = outcome(*world(hourly(12, NOW - DAY, DAY, disk=DISK, deltas="P1D P7D")))

    text = printed(found)

    assert columns(text, "Disks") == [
        "Disk, rules",
        "Policy",
        "Newest",
        "Due",
        "Kept",
        "Create",
        "Delete",
        "Hold",
    ]
    first, second, *_ = rows(text, "Disks")
    assert first == [
        DISK.id,
        "a snapshot every day; daily for 7 days",
        "2026-06-14 12:00 UTC",
        "0 s ago",
        "8, of which",
        "1",
        "4",
        "",
    ]
    assert second[0] == "shop-rule-nightly"
    assert columns(text, "Would create") == ["Disk", "Name", "Why"]
    assert columns(text, "Would delete") == ["Disk", "Snapshot", "Why"]
    assert text.startswith("Plan of cluster demo on aws, 2026-06-15 12:00 UTC, rules from a test")
    assert "would be 1 created; would be 4 deleted; 8 kept. Nothing was changed." in text


def test_a_pass_shows_what_it_did() -> None:
    """After a reconcile the same tables speak of what is done, new snapshots by their ids."""
    cluster, cloud = world(hourly(12, NOW - DAY, DAY, disk=DISK, deltas="P1D P7D"))

    text = printed(outcome(cluster, cloud, "reconcile"))

    assert columns(text, "Disks")[-3:] == ["Created", "Deleted", "Held"]
    assert columns(text, "Created") == ["Disk", "Snapshot", "Why"]
    assert rows(text, "Created")[0][1] in cloud.snapshots
    assert len(rows(text, "Deleted")) == 4
    assert "1 rule on 1 disk; 1 created; 4 deleted; 8 kept." in text
    assert "would" not in text.lower()
    assert "Nothing was changed" not in text


def test_what_went_wrong_has_tables_of_its_own() -> None:
    """Failures, what is left, holds, waits, cut listings, problems and orphans each say why."""
    other = disk("vol-0123456789abcdef1")
    cluster, cloud = world(
        hourly(20, NOW - DAY, DAY, disk=DISK, deltas="PT1H P30D"),
        [snapshot("snap-lost", NOW - DAY, disk=disk("vol-lost"))],
        incomplete={"us-east-1": "RequestLimitExceeded"},
        failing={DISK.name: DiskFailed("The volume is gone", "InvalidVolume.NotFound")},
    )
    cloud.failing[other.name] = NextPass("wait 15 s")
    cluster.items += (
        snapshot_rule("second", deltas="PT1H P1D", **by_disk(other.name)),
        snapshot_rule("cut", deltas="PT1H P1D", **by_disk(DISK.name, "us-east-1")),
        snapshot_rule("typo", deltas="PT1H P1O", **by_disk("vol-0123456789abcdef2")),
    )

    text = printed(outcome(cluster, cloud, "reconcile"))

    assert rows(text, "Failed") == [["create", DISK.id, "", "The volume is gone"]]
    assert rows(text, "Left to a later pass") == [["create", other.id, "", "wait 15 s"]]
    assert len([row for row in rows(text, "Held") if row[0]]) == PER_DISK + 1
    assert rows(text, "Waiting")[0][0] == f"aws:us-east-1/{DISK.name}"
    assert rows(text, "Incomplete listings") == [["us-east-1", "RequestLimitExceeded"]]
    assert columns(text, "Problems") == ["Object", "Field", "Value", "What is wrong"]
    assert rows(text, "Problems")[0][:3] == [
        "SnapshotRule shop/typo",
        "spec.deltas",
        "PT1H P1O",
    ]
    orphan = rows(text, "Orphans: no rule covers their disk any more")[0]
    assert orphan[:3] == ["aws:eu-west-1/vol-lost", "1", "2026-06-14 12:00 UTC, 1 d ago"]
    assert orphan[3].startswith("kept; with ORPHANS=expire")
    assert "its rule cannot be read: see Problems" in text
    for part in ("12 held", "1 failed", "1 left to a later pass", "1 waiting", "1 orphaned"):
        assert part in text
    assert "1 problem." in text


def test_many_deletions_of_a_disk_are_cut_with_a_count() -> None:
    """Six deletions of a disk are shown, and how many more there are; other disks keep theirs."""
    other = disk("vol-0123456789abcdef1")
    cluster, cloud = world(
        hourly(100, NOW - DAY, DAY, disk=DISK, deltas="P1D P7D"),
        hourly(10, NOW - DAY, DAY, disk=other, deltas="P1D P7D"),
    )
    cluster.items += (snapshot_rule("second", deltas="P1D P7D", **by_disk(other.name)),)

    found = rows(printed(outcome(cluster, cloud)), "Would delete")

    mine = [row for row in found if row[0] == DISK.id]
    assert len(mine) == PER_DISK + 1 == 7
    assert mine[-1] == [DISK.id, "… 86 more", "all are in the report: --json"]
    assert len([row for row in found if row[0] == other.id]) == 2


MARKUP = "[bold red]x[/] [link=http://evil]y[/link] [/nope] :smile:"


def test_markup_in_names_is_printed_as_it_stands() -> None:
    """Square brackets in a name are neither colours nor links, nor do they end the program."""
    cluster, cloud = world(name=MARKUP, incomplete={"us-east-1": MARKUP})
    cluster.items += (snapshot_rule("cut", deltas="P1D P7D", **by_disk(region="us-east-1")),)

    console = Console(file=StringIO(), width=300, force_terminal=True, highlight=False)
    tables.outcome(outcome(cluster, cloud), "UTC", console)

    text = text_of(console)
    assert f"shop-rule-{MARKUP}" in text
    assert rows(printed(outcome(cluster, cloud), width=300), "Incomplete listings") == [
        ["us-east-1", MARKUP]
    ]
    assert "\x1b]8" not in text


def test_a_terminal_obeys_no_name() -> None:
    """Escape sequences and other control characters in a name are shown, not sent."""
    cluster, cloud = world(name="a\x1b[2J\x1b]0;title\x07\rb\u202ec")

    text = printed(outcome(cluster, cloud))

    assert "shop-rule-a\\x1b[2J\\x1b]0;title\\x07\\rb\\u202ec" in text
    assert text.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("zone", "time"),
    [
        ("UTC", "2026-06-15 12:00 UTC"),
        ("America/Montreal", "2026-06-15 08:00 EDT"),
        ("Asia/Kathmandu", "2026-06-15 17:45 +0545"),
    ],
)
def test_times_are_of_the_zone_asked_for(zone: str, time: str) -> None:
    """TZ decides what clock times are printed in, daylight saving included."""
    text = printed(outcome(*world(hourly(1, NOW, disk=DISK))), zone)
    assert f"on aws, {time}," in text
    assert rows(text, "Disks")[0][2] == time


def test_an_empty_estate_is_told_what_to_do() -> None:
    """Without a rule there is one note, which says how to write one."""
    text = printed(outcome(FakeCluster(), FakeCloud()))

    assert rows(text, "Notes")[0][0] == "Rules cluster"
    assert "annotate a claim" in text
    assert "0 rules on 0 disks; would be 0 created; would be 0 deleted; 0 kept; 1 note." in text


def test_a_disk_says_when_it_is_due() -> None:
    """A disk that waits for its time says how long; one without a snapshot is due now."""
    waits = printed(outcome(*world(hourly(1, NOW - HOUR, disk=DISK))))
    first = printed(outcome(*world()))

    assert rows(waits, "Disks")[0][2:5] == ["2026-06-15 11:00 UTC", "in 23 h", "1 newest"]
    assert rows(first, "Disks")[0][2:5] == ["none yet", "now", "0"]


def test_pending_and_failed_snapshots_are_counted_apart() -> None:
    """What counts as no backup is in parentheses beside what is kept."""
    history = [
        snapshot("snap-1", NOW - 3 * HOUR, disk=DISK),
        snapshot("snap-2", NOW - 2 * HOUR, disk=DISK, state="failed"),
        snapshot("snap-3", NOW - HOUR, disk=DISK, state="pending"),
    ]
    found = rows(printed(outcome(*world(history))), "Disks")
    assert [row[4] for row in found] == ["1 newest", "(1 failed)", "(1 pending)"]


def test_a_functions_answer_is_printed_without_its_plan() -> None:
    """An answer has no account of each disk, and its lists are printed as they are."""
    answer = Report(
        pass_id="0",
        version="0",
        mode="reconcile",
        provider="aws",
        cluster="",
        rules_from="cluster",
        outcome="completed",
        started=datetime.fromisoformat("2026-06-15T12:00:00Z"),
        finished=datetime.fromisoformat("2026-06-15T12:00:00Z") + timedelta(seconds=1),
        summary=Summary(orphans=2, skipped=3),
        orphans=(Orphaned(disk="d", count=2, newest=NOW, age=2 * DAY, reason="kept"),),
    )
    console = Console(file=StringIO(), width=140)

    tables.report(answer, "UTC", console)

    text = text_of(console)
    assert text.startswith("Reconcile of cluster (no name) on aws")
    assert "Disks\n" not in text
    assert "2 orphaned; 3 of other drivers skipped." in text


class TestChecks:
    def test_show_what_failed_and_what_to_do(self) -> None:
        """Each check is a line, ok or FAILED, with what was found; what would help is below."""
        console = Console(file=StringIO(), width=140)

        tables.checks([Check("a", True, "fine"), Check("b", False, MARKUP, "do c")], console)

        lines = text_of(console).splitlines()
        assert ["ok       a: fine", f"FAILED   b: {MARKUP}", "         do c"] == lines[:3]
        assert ["1 of 2 failed"] == lines[3:]

    def test_say_that_all_is_well(self) -> None:
        """Where nothing failed the last line says so."""
        console = Console(file=StringIO(), width=140)
        tables.checks([Check("a", True)], console)
        assert text_of(console).endswith("All is well.\n")


def test_without_a_terminal_lines_are_long_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Piped into a file the tables are 140 columns wide, whatever the environment says."""
    monkeypatch.setenv("COLUMNS", "20")
    assert open_console().width == WIDTH


WIDE_IDS = [f"snap-{number:017x}" for number in range(3)]


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_no_word_is_cut_whatever_the_width(width: int) -> None:
    """Where a table has no room for the longest word of each column there are lines instead."""
    disk = "projects/acme/zones/us-central1-c/disks/pvc-3d4a9b0e-2f3c-4c59-9f34-6f1d0f5a2b11"
    listed = Rows("Ids", ("Disk", "Snapshot", "Why"),
                  [(disk, name, f"{name} stands in its place") for name in WIDE_IDS])  # fmt: skip
    console = Console(file=StringIO(), width=width, highlight=False)
    print_rows(console, listed)
    text = text_of(console)
    assert all(text.count(name) == 2 for name in WIDE_IDS)
    assert text.count(disk) == 3
    assert ("│" in text) == (width >= 200)
    assert all(len(line) <= max(width, len(disk) + 2) for line in text.splitlines())


def test_prose_shares_what_ids_leave() -> None:
    """The longest words first; what is left goes where there is more to say."""
    listed = Rows("Shares", ("Snapshot", "Why"), [("snap-1", "a " * 60)])
    assert [8, 70] == widths(listed, 78)
    assert [8, 20] == widths(listed, 28)
    assert widths(listed, 27) is None
