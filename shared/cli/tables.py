"""What commands print for people: tables, between a first line and a last.

What stands in them is made elsewhere; here is the order, and what `rich` has to know.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.text import Text

from shared.cli import explanations
from shared.cli.console import new_table, open_console, print_lines, print_table, table_of, texts
from shared.cli.disks import disks
from shared.cli.rows import lists, local_time, notes, problems
from shared.cli.summary import summary
from shared.passes.run import Outcome
from shared.planning.actions import Plan
from shared.planning.explanation import Explanation
from shared.ports import Check
from shared.reports.schema import Report
from shared.text import counted, words


def outcome(found: Outcome, zone: str, console: Console | None = None) -> None:
    """Print a plan, or what a pass did: disks first, then each list that is not empty."""
    _report(console or open_console(), found.report, found.plan, ZoneInfo(zone))


def report(answer: Report, zone: str, console: Console | None = None) -> None:
    """Print a function's answer, which has no account of each disk."""
    _report(console or open_console(), answer, None, ZoneInfo(zone))


def checks(results: Sequence[Check], console: Console | None = None) -> None:
    """Print what `check` tried."""
    console = console or open_console()
    table = new_table("Checks", "", "What", "Found", "What to do")
    for result in results:
        mark = Text("ok", "green") if result.ok else Text("FAILED", "bold red")
        table.add_row(mark, *texts(result.name, result.detail, result.hint))
    console.print(table)
    failed = sum(not result.ok for result in results)
    console.print(f"{failed} of {len(results)} failed" if failed else "All is well.")


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


def _report(console: Console, found: Report, plan: Plan | None, zone: ZoneInfo) -> None:
    console.print(Text(_first_line(found, zone), "bold"))
    for explanation in found.explanations:
        _explanation(console, explanation, zone)
    if found.mode == "explain":
        print_table(console, table_of(problems(found)))
        print_table(console, table_of(notes(found)))
        return
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


def _explanation(console: Console, found: Explanation, zone: ZoneInfo) -> None:
    for line in explanations.lines(found, zone):
        print_lines(console, line.text, line.style)
    print_table(console, table_of(explanations.snapshots(found, zone)))


def _disks(console: Console, found: Report, plan: Plan, zone: ZoneInfo) -> None:
    table = table_of(disks(found, plan, zone))
    table.columns[0].no_wrap = True
    table.show_lines = True
    print_table(console, table)
