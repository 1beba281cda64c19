"""Passes over disks with windows: what waits, what is said of it, and what does not wait."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console

from shared.cli import changes, status, tables
from shared.planning.labels import AWS, Labels
from shared.reports import metrics
from shared.reports.health import healths
from tests.clock import NOON
from tests.shared.builders import DAY, HOUR, hourly
from tests.shared.objects_builders import by_disk, snapshot_rule
from tests.shared.passes.test_run import World

ZONE = ZoneInfo("UTC")
NIGHT = {"start": "01:00", "end": "05:00"}
DELTAS = "P1D P30D"


def world(age: timedelta = 30 * HOUR, deltas: str = DELTAS, **spec: Any) -> World:
    """Make a disk whose newest snapshot has an age at noon, with a rule for the nights."""
    found = World(1, DELTAS)
    (only,) = found.disks
    rule = snapshot_rule(deltas=deltas, **{"window": [NIGHT]} | spec, **by_disk(only.name))
    found.cluster.items = (rule,)
    made = hourly(5, NOON - age, DAY, disk=only, deltas=deltas)
    found.cloud.snapshots |= {s.id: s for s in made}
    return found


def printed(found: World, mode: Any, wide: bool = False) -> str:
    console = Console(file=StringIO(), width=300, highlight=False)
    tables.outcome(found.run(mode=mode), "UTC", console, wide=wide)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_a_due_disk_waits_for_its_window() -> None:
    """The report says until when; nothing is late, and nothing is left over."""
    report = world().run().report
    (waiting,) = report.waiting
    assert ("window", NOON + 13 * HOUR) == (waiting.cause, waiting.until)
    assert "completed" == report.outcome
    counts = report.summary
    assert (0, 1, 1, 0) == (
        counts.created, counts.waiting, counts.awaiting_window, counts.overdue
    )  # fmt: skip
    assert 0 == {m.name: m.value for m in metrics.of_report(report)}["Deferred"]


def test_it_is_taken_when_the_window_opens() -> None:
    """And once only."""
    found = world()
    found.clock.advance(13 * HOUR - timedelta(minutes=1))
    assert 0 == found.run().report.summary.created
    found.clock.advance(timedelta(minutes=1))
    assert [1, 0] == [found.run().report.summary.created for _ in range(2)]


def test_deletions_do_not_wait() -> None:
    """A window says when snapshots are taken, and nothing else."""
    found = world(deltas="P1D P2D")
    summary = found.run().report.summary
    assert (1, 2) == (summary.awaiting_window, summary.deleted)


def test_it_waits_no_longer_than_twice_the_longest_pause() -> None:
    """Then the reason says that it is outside the window."""
    report = world(2 * DAY).run().report
    (made,) = report.creations
    assert "outside its window (01:00-05:00 UTC): 2 d have passed" in made.reason


def test_a_backfill_does_not_wait() -> None:
    """Forced or not, and it says so."""
    for how in ({}, {"force": True}):
        report = world().run(mode="backfill", **how).report
        (made,) = report.creations
        assert "outside its window (01:00-05:00 UTC), which a backfill does not wait for" in (
            made.reason
        )
        assert "completed" == report.outcome


def test_a_window_that_cannot_be_read_holds_deletions_and_no_snapshot() -> None:
    """The disk is snapshotted at once, and somebody is told."""
    report = world(window="01:00-05:00").run().report
    assert (1, 1) == (report.summary.created, report.summary.problems)
    (problem,) = report.problems
    assert "spec.window" == problem.field


def test_a_short_window_is_a_note() -> None:
    """A pass may miss it."""
    (note,) = world(window=[NIGHT | {"end": "01:09"}]).run().report.notes
    assert ("window", "01:00-01:09 UTC") == (note.field, note.value)
    assert () == world(window=[NIGHT | {"end": "01:10"}]).run().report.notes


def test_a_window_that_opens_rarely_is_a_note() -> None:
    """A history whose gaps are as long as it reaches never settles."""
    weekly = [NIGHT | {"days": ["sun"]}]
    (note,) = world(deltas="P1D P7D", window=weekly).run().report.notes
    assert ("window", "01:00-05:00 sun UTC") == (note.field, note.value)
    assert "Write a longer last delta" in note.message
    assert () == world(deltas="P1D P8D", window=weekly).run().report.notes


def test_a_plan_tells_of_the_window() -> None:
    """When it opens, in the short form and in the wide one."""
    opens = "waits for its window (01:00-05:00 UTC), which opens 2026-06-16 01:00:00 UTC"
    assert opens in " ".join(printed(world(), "plan").split())
    assert "in its window, 01:00-05:00 UTC" in printed(world(), "plan", wide=True)
    outcome = world().run(mode="plan")
    told = [line.text for line in changes.lines(outcome.report, {}, ZONE, outcome.plan.disks)]
    assert "  window   01:00-05:00 UTC; opens next 2026-06-16 01:00 UTC" in told


def test_an_explanation_tells_of_the_window() -> None:
    """Beside its rule, and when it opens."""
    text = printed(world(), "explain")
    assert "    window 01:00-05:00 UTC\n" in text
    assert "due now: waits for its window" in text
    assert "its window: opens 2026-06-16 01:00" in text


def test_status_tells_of_the_window() -> None:
    """A disk that waits is well, and its next snapshot is due when the window opens."""
    outcome = world().run(mode="plan")
    rules = {rule.disk: [rule] for rule in outcome.ruleset.rules}
    labels = Labels(AWS, cluster="demo")
    found = healths(outcome.plan, rules, world().cloud.snapshots.values(), labels)
    (line, _) = status.lines(found, ZONE, NOON, wide=False)
    assert line.text.startswith("ok")
    assert "next in 13 h" in line.text
    (told,) = status.to_builtins(found)
    assert ("01:00-05:00 UTC", "2026-06-16T01:00:00+00:00") == (told["window"], told["opens"])
    assert json.dumps(told)


def test_status_tells_when_the_window_of_a_new_disk_opens() -> None:
    """It has no snapshot, and that is why."""
    empty = world()
    empty.cloud.snapshots.clear()
    outcome = empty.run(mode="plan")
    rules = {rule.disk: [rule] for rule in outcome.ruleset.rules}
    found = healths(outcome.plan, rules, (), Labels(AWS, cluster="demo"))
    (line, _) = status.lines(found, ZONE, NOON, wide=False)
    assert "no snapshot is completed yet; its window opens in 13 h" in line.text
    assert not outcome.plan.disks[0].late
