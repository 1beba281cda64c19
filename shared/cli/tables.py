"""What commands print for people: tables, between a first line and a last.

What stands in them is made elsewhere; here is the order, and what `rich` has to know.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.text import Text

from shared.cli import changes, explanations
from shared.cli.console import new_table, open_console, print_line, print_table, table_of, texts
from shared.cli.disks import disks
from shared.cli.pictures import Line
from shared.cli.rows import lists, local_time, notes, problems
from shared.cli.summary import summary
from shared.passes.run import Outcome
from shared.planning.actions import DiskPlan, Plan
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
    elif wide and console.width >= ROOM:
        _report(console, found.report, found.plan, ZoneInfo(zone))
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
    table = new_table("Checks", "", "What", "Found", "What to do")
    for result in results:
        mark = Text("ok", "green") if result.ok else Text("FAILED", "bold red")
        if result.warning:
            mark = Text("warning", "yellow")
        table.add_row(mark, *texts(result.name, result.detail, result.hint))
    console.print(table)
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
    table = new_table("Snapshots that are not ours, of disks that have rules", "Disk", "Snapshot",
                      "Began", "")  # fmt: skip
    for row in found:
        began = local_time(datetime.fromisoformat(row["started"]), ZoneInfo(zone))
        table.add_row(*texts(row["disk"], row["snapshot"], began, row["what"]))
    print_table(console, table)
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


def _report(console: Console, found: Report, plan: Plan | None, zone: ZoneInfo) -> None:
    console.print(Text(_first_line(found, zone), "bold"))
    if plan:
        _disks(console, found, plan, zone)
    for listed in lists(found, zone):
        print_table(console, table_of(listed))
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
            table = table_of(explanations.snapshots(explanation, zone))
            table.columns[0].no_wrap = True
            print_table(console, table)
    print_table(console, table_of(problems(found)))
    print_table(console, table_of(notes(found)))
    if found.explanations and not everything:
        print_line(console, Line("  --all lists each snapshot, and why it stays or goes", "dim"))


def _disks(console: Console, found: Report, plan: Plan, zone: ZoneInfo) -> None:
    table = table_of(disks(found, plan, zone))
    table.columns[0].no_wrap = True
    table.show_lines = True
    print_table(console, table)
