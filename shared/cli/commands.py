"""The commands: each does its work and prints it, and gives its exit status."""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from shared.cli import logs
from shared.cli.output import print_as, print_names
from shared.cli.progress import open_progress
from shared.cli.selecting import request_of
from shared.errors import RequestError, UsageError
from shared.passes.run import Outcome, run
from shared.passes.world import Ports, policy_of
from shared.ports import RulesSource
from shared.reports.schema import to_builtins
from shared.request import Request
from shared.settings import Settings
from shared.sources.file import RulesFile

if TYPE_CHECKING:
    from shared.cli.pictures import Line
    from shared.planning.actions import Plan
    from shared.reports.health import DiskHealth

Build = Callable[[Mapping[str, str], RulesSource | None], tuple[Settings, Ports]]

log = logging.getLogger(__name__)

DONE, SOME_FAILED, NOT_DONE, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 3, 130
#: `plan --detailed-exitcode`, as terraform's.
SOMETHING_TO_DO = 2


class Command(NamedTuple):
    """One call: what was typed, what it asks of a pass, and the world."""

    arguments: argparse.Namespace
    request: Request
    settings: Settings
    ports: Ports

    @property
    def form(self) -> str:
        """Say in which form it prints."""
        return str(self.arguments.output)


def run_command(build: Build, arguments: argparse.Namespace) -> int:
    """Run what was typed.

    Raises:
        PassError: where it cannot be done.
    """
    if run_alone := _ALONE.get(arguments.command):
        return run_alone(arguments)
    request = request_of(arguments)
    path = arguments.rules
    source = None if path is None else RulesFile(os.path.expanduser(path))
    settings, ports = build(os.environ, source)
    logs.set_up(settings)
    if not getattr(arguments, "watch", None):  # which draws the screen itself
        ports = ports._replace(progress=open_progress(json_log=settings.json_log))
    command = Command(arguments, request, settings, ports)
    return _COMMANDS.get(arguments.command, _pass)(command)


# What prints tables is imported where they are printed: `rich` takes its time, and JSON none.


def _pass(command: Command) -> int:
    outcome = run(command.request, command.settings, command.ports)
    if command.form in ("json", "yaml"):
        print_as(command.form, to_builtins(outcome.report))
    elif command.form == "name":
        print_names(_names(outcome))
    else:
        from shared.cli import tables

        wide = command.form == "wide" or getattr(command.arguments, "all", False)
        tables.outcome(outcome, command.settings.tz, wide=wide)
    return _status(outcome, command)


def _names(outcome: Outcome) -> list[str]:
    """Name what is done, or would be, and to which snapshot; of an explanation the snapshots."""
    report = outcome.report
    if report.mode == "explain":
        return [fate.snapshot for told in report.explanations for fate in told.snapshots]
    return [
        *(f"create/{done.snapshot or done.name}" for done in report.creations),
        *(f"delete/{done.snapshot}" for done in report.deletions),
        *(f"hold/{held.snapshot}" for held in report.holds),
    ]


def _status(outcome: Outcome, command: Command) -> int:
    report = outcome.report
    done = report.outcome == "completed" or (
        # What only looks has found nothing, which is no failure.
        report.mode in ("plan", "explain") and bool(outcome.plan.unselected) and _complete(outcome)
    )
    if done and getattr(command.arguments, "detailed_exitcode", False):
        return SOMETHING_TO_DO if report.creations or report.deletions else DONE
    return DONE if done else SOME_FAILED


def _complete(outcome: Outcome) -> bool:
    report = outcome.report
    failed = report.failures or report.failed_attempts
    return not failed and all(scope.complete for scope in report.scopes)


def _deltas(arguments: argparse.Namespace) -> int:
    from shared.cli import deltas

    try:
        wanted, now = deltas.asked(arguments), datetime.now(UTC)
    except RequestError as error:
        raise UsageError(str(error)) from None
    if arguments.output != "table":
        print_as(arguments.output, deltas.to_builtins(wanted, now))
    else:
        from shared.cli.console import open_console, print_line

        console = open_console()
        for line in deltas.lines(wanted, now, console.width):
            print_line(console, line)
    return DONE


def _completion(arguments: argparse.Namespace) -> int:
    from shared.cli.completion import script

    sys.stdout.write(script(arguments.shell))
    return DONE


def _check(command: Command) -> int:
    from shared.cli.check import check

    results = list(check(command.settings, command.ports))
    if command.form != "table":
        print_as(command.form, [result._asdict() for result in results])
    else:
        from shared.cli import tables

        tables.checks(results)
    return DONE if all(result.ok for result in results) else NOT_DONE


def _adopt(command: Command) -> int:
    from shared.cli.adopt import adopt, rows

    apply, other = command.arguments.apply, command.arguments.from_cluster
    done = adopt(
        command.settings, command.ports, command.request.only, apply=apply, from_cluster=other
    )
    found = rows(done, applied=apply)
    if command.form == "name":
        print_names([row["snapshot"] for row in found])
    elif command.form != "table":
        print_as(command.form, found)
    else:
        from shared.cli import tables

        tables.adoptions(found, apply, command.settings.tz)
    return SOME_FAILED if any(adopted.error for adopted in done) else DONE


def _restore(command: Command) -> int:
    from shared.cli.restore import restore
    from shared.restore import output

    found = restore(command.settings, command.ports, command.arguments)
    if command.form == "json":
        print_as("json", output.to_builtins(found))
    else:
        sys.stdout.write(output.to_yaml(found))
    return DONE


def _list(command: Command) -> int:
    from shared.cli import listing

    found, missing = listing.listed(command.ports, command.arguments)
    if command.form == "name":
        print_names(listing.names(found))
    elif command.form in ("json", "yaml"):
        print_as(command.form, listing.to_builtins(found))
    else:
        from shared.cli.console import open_console, print_line

        console, now = open_console(), command.ports.clock.now()
        for line in listing.lines(found, ZoneInfo(command.settings.tz), now):
            print_line(console, line)
    if missing:
        log.error("the listing is incomplete: %s", missing)
    return SOME_FAILED if missing else DONE


def _status_lines(
    command: Command, outcome: Outcome, found: "Sequence[DiskHealth]"
) -> "Iterator[Line]":
    from shared.cli import status

    zone, wide = ZoneInfo(command.settings.tz), command.form == "wide"
    yield from status.doubts(outcome.report)
    yield from status.missed(outcome.report.notes)
    yield from status.lines(found, zone, outcome.plan.now, wide)


def _look(command: Command) -> "tuple[Outcome, list[DiskHealth]]":
    outcome = run(command.request, command.settings, command.ports)
    return outcome, _healths(outcome.plan, outcome, command)


def _status_of_all(command: Command) -> int:
    from shared.cli import status

    if command.arguments.watch:
        from shared.cli.watch import watch

        watch(
            lambda: _status_lines(command, *_look(command)),
            command.arguments.watch,
            command.ports.clock,
            ZoneInfo(command.settings.tz),
        )
    outcome, found = _look(command)
    if command.arguments.monitor:
        level, said = status.monitor(found, _complete(outcome))
        print_names([said])
        return level
    if command.form in ("json", "yaml"):
        print_as(command.form, status.to_builtins(found))
    elif command.form == "name":
        print_names([one.names.claim or one.disk for one in found])
    else:
        from shared.cli.console import open_console, print_line

        console = open_console()
        for line in _status_lines(command, outcome, found):
            print_line(console, line)
    return _status(outcome, command)


def _healths(plan: "Plan", outcome: Outcome, command: Command) -> "list[DiskHealth]":
    from shared.cli import status
    from shared.planning.situation import rules_in_force
    from shared.reports.health import healths

    labels = command.ports.labels
    policy = policy_of(command.settings, labels, command.request, plan.now)
    rules = rules_in_force(outcome.ruleset, outcome.snapshots, plan.now, policy)
    found = healths(plan, rules, outcome.snapshots, labels)
    return status.asked_for(found, command.request.only)


def _metrics(command: Command) -> int:
    from shared.cli import exposition, metrics

    name = command.arguments.file
    if name is not None and command.form != "prometheus":
        raise UsageError("--file is for -o prometheus: leave out one of the two")
    path = None if name is None else exposition.check_path(name)
    outcome = run(command.request, command.settings, command.ports)
    known = metrics.without_incomplete(outcome.plan, outcome.report)
    found = metrics.families(outcome.report, _healths(known, outcome, command))
    if path:
        exposition.write(path, found)
        print_names([str(path)])
    elif command.form == "prometheus":
        sys.stdout.write(exposition.text_of(found))
    else:
        print_as(command.form, metrics.to_builtins(found))
    return _status(outcome, command)


def _coverage(command: Command) -> int:
    from shared.cli import coverage
    from shared.passes.run import read_rules_of
    from shared.reports.coverage import coverage as coverage_of

    trusted = read_rules_of(command.settings, command.ports)
    found = coverage.selected(coverage_of(trusted.ruleset), command.request.only)
    if command.form in ("json", "yaml"):
        print_as(command.form, coverage.to_builtins(found))
    elif command.form == "name":
        print_names([one.claim or one.disk for one in found if not one.deltas])
    else:
        from shared.cli.console import open_console, print_line

        console = open_console()
        for line in coverage.lines(found):
            print_line(console, line)
    if trusted.no_deletions:
        log.error("%s", trusted.no_deletions)
    return DONE


def _html(command: Command) -> int:
    from shared.cli import html
    from shared.passes.html_report import page_of

    name, settings, ports = command.arguments.file, command.settings, command.ports
    before = html.page_before(name)
    outcome = run(command.request, settings, ports)
    html.write(name, page_of(outcome, settings, ports.labels, before))
    if name != html.STDOUT:
        print_names([name])
    return _status(outcome, command)


#: What is run without settings and ports.
_ALONE: dict[str, Callable[[argparse.Namespace], int]] = {
    "completion": _completion,
    "deltas": _deltas,
}
_COMMANDS: dict[str, Callable[[Command], int]] = {
    "adopt": _adopt,
    "check": _check,
    "coverage": _coverage,
    "html": _html,
    "list": _list,
    "metrics": _metrics,
    "restore": _restore,
    "status": _status_of_all,
}
