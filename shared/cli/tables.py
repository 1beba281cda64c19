"""What commands print for people: tables, between a first line and a last.

What stands in them is made elsewhere; here is the order, and what `rich` has to know.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.text import Text

from shared.cli import changes, explanations
from shared.cli.console import open_console, print_line, print_rows, table_fits
from shared.cli.disks import disks
from shared.cli.pictures import Line
from shared.cli.rows import Rows, lists, local_time, notes, problems
from shared.cli.summary import summary
from shared.passes.run import Outcome
from shared.planning.actions import DiskPlan
from shared.planning.histories import group_rules
from shared.planning.names import Names, names_of
from shared.ports import Check
from shared.reports.schema import Report
from shared.text import counted, words

#: Columns from which on tables of all lists can be read.
ROOM = 110


def outcome(
    found: Outcome, zone: str, console: Console | None = None, *, wide: bool = False
) -> None:
    """Print a plan, or what a pass did: what changes, disk by disk.

    Where it is `wide`, all disks and all of each list, as tables where there is room; an
    explanation then lists single snapshots.
    """
    console = console or open_console()
    if found.report.mode == "explain":
        _explain(console, found.report, ZoneInfo(zone), wide)
    elif wide and console.width >= ROOM and table_fits(console, _disks(found, zone)):
        _report(console, found.report, _disks(found, zone), ZoneInfo(zone))
    else:
        every = found.plan.disks if wide else ()
        _changes(console, found.report, names_of_all(found), ZoneInfo(zone), every)


def report(answer: Report, zone: str, console: Console | None = None) -> None:
    """Print a function's answer, which does not know what disks are to the cluster."""
    _changes(console or open_console(), answer, {}, ZoneInfo(zone))


def names_of_all(found: Outcome) -> dict[str, Names]:
    """Name each disk that a rule covers, by its id."""
    by_disk = group_rules(found.ruleset.rules)
    return {disk.id: names_of(rules) for disk, rules in by_disk.items()}


def checks(results: Sequence[Check], console: Console | None = None) -> None:
    """Print what `check` tried."""
    console = console or open_console()
    for result in results:
        mark, style = ("ok", "") if result.ok else ("FAILED", "bold red")
        if result.warning:
            mark, style = "warning", "yellow"
        told = ": ".join(filter(None, (result.name, result.detail)))
        print_line(console, Line(f"{mark:7}  {told}", style))
        if result.hint:
            print_line(console, Line(f"         {result.hint}", style))
    failed = sum(not result.ok for result in results)
    warnings = sum(result.warning for result in results)
    beside = f"; {counted(warnings, 'warning')}" if warnings else ""
    said = f"{failed} of {len(results)} failed{beside}" if failed else f"All is well{beside}."
    console.print(said)


def adoptions(
    found: Sequence[Mapping[str, str]], applied: bool, zone: str, console: Console | None = None
) -> None:
    """Print what may be adopted, or was."""
    console = console or open_console()
    began = [local_time(datetime.fromisoformat(row["started"]), ZoneInfo(zone)) for row in found]
    rows = [(r["disk"], r["snapshot"], b, r["what"]) for r, b in zip(found, began, strict=True)]
    title = "Snapshots that are not ours, of disks that have rules"
    print_rows(console, Rows(title, ("Disk", "Snapshot", "Began", ""), rows))
    done = [row["what"].removeprefix("would be ") for row in found]
    taken, tagged = done.count("adopted"), done.count("tagged")
    hint = "" if applied or not taken + tagged else " Nothing was changed; --apply labels them."
    what = "adopted" if applied else "to adopt"
    tags = f", {tagged} of ours {'tagged' if applied else 'to tag'}" if tagged else ""
    left = len(found) - taken - tagged
    console.print(f"{counted(taken, 'snapshot')} {what}{tags}, {left} left.{hint}")


def _changes(
    console: Console,
    found: Report,
    names: Mapping[str, Names],
    zone: ZoneInfo,
    everything: Sequence[DiskPlan] = (),
) -> None:
    print_line(console, Line(_first_line(found, zone), "bold"))
    for line in changes.lines(found, names, zone, everything):
        print_line(console, line)
    print_line(console, Line(f"\n{summary(found)}", "bold"))


def _report(console: Console, found: Report, accounts: Rows, zone: ZoneInfo) -> None:
    console.print(Text(_first_line(found, zone), "bold"))
    print_rows(console, accounts, show_lines=True)
    for listed in lists(found, zone):
        print_rows(console, listed)
    console.print(Text(summary(found), "bold"))


def _first_line(found: Report, zone: ZoneInfo) -> str:
    age = ""
    if found.mirror_age is not None and found.rules_from != "cluster":
        age = f", {words(timedelta(seconds=found.mirror_age))} old"
    return (
        f"{found.mode.capitalize()} of cluster {found.cluster or '(no name)'} on {found.provider}, "
        f"{local_time(found.started, zone)}, rules from {found.rules_from}{age}"
    )


def _explain(console: Console, found: Report, zone: ZoneInfo, everything: bool) -> None:
    """Print what is known of each disk; the single snapshots only if asked for."""
    console.print(Text(_first_line(found, zone), "bold"))
    for explanation in found.explanations:
        for line in explanations.lines(explanation, zone, found.started, console.width):
            print_line(console, line)
        if everything:
            print_rows(console, explanations.snapshots(explanation, zone))
    print_rows(console, problems(found))
    print_rows(console, notes(found))
    if found.explanations and not everything:
        print_line(console, Line("  --all lists each snapshot, and why it stays or goes", "dim"))


def _disks(found: Outcome, zone: str) -> Rows:
    rows = disks(found.report, found.plan, ZoneInfo(zone))
    return rows._replace(rows=[*rows.rows])
