"""The command line, the same for every cloud: the passes of the functions from a workstation."""

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shared.cli import logs
from shared.cli.adopt import adopt, rows
from shared.cli.arguments import parser, request_of
from shared.cli.check import check
from shared.cli.restore import restore
from shared.errors import PassError
from shared.passes.deadline import end_on_sigterm
from shared.passes.run import run
from shared.passes.world import Ports
from shared.ports import RulesSource
from shared.reports.schema import to_builtins
from shared.request import Only, Request
from shared.restore import output
from shared.settings import Settings
from shared.sources.file import RulesFile
from shared.text import printable

log = logging.getLogger(__name__)

Build = Callable[[Mapping[str, str], RulesSource | None], tuple[Settings, Ports]]

DONE, SOME_FAILED, NOT_DONE = 0, 1, 2


def main(prog: str, build: Build, argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit status.

    Args:
        prog: the command's name.
        build: makes settings and ports from the environment and, if given, a source of rules.
        argv: the arguments; None takes the process's.
    """
    arguments = parser(prog).parse_args(argv)
    end_on_sigterm()
    try:
        status = _run(build, arguments)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Whoever read has enough, as `| head` has; Python must not complain at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except PassError as error:
        print(f"{prog}: {printable(str(error))}", file=sys.stderr)  # noqa: T201
    except Exception:
        # Left to Python it would end with status 1, which says that a pass was done.
        log.exception("unexpected error")
    return NOT_DONE


def _run(build: Build, arguments: argparse.Namespace) -> int:
    request = request_of(arguments)
    source = None if arguments.rules is None else RulesFile(arguments.rules)
    settings, ports = build(os.environ, source)
    logs.set_up(settings)
    if arguments.command == "check":
        return _check(settings, ports, arguments.json)
    if arguments.command == "adopt":
        return _adopt(settings, ports, arguments, request.only)
    if arguments.command == "restore":
        return _restore(settings, ports, arguments)
    return _pass(request, settings, ports, arguments.json)


# What prints tables is imported where they are printed: `rich` takes its time, and --json none.


def _pass(request: Request, settings: Settings, ports: Ports, as_json: bool) -> int:
    outcome = run(request, settings, ports)
    if as_json:
        _print_json(to_builtins(outcome.report))
    else:
        from shared.cli import tables

        tables.outcome(outcome, settings.tz)
    return DONE if outcome.report.outcome == "completed" else SOME_FAILED


def _check(settings: Settings, ports: Ports, as_json: bool) -> int:
    results = list(check(settings, ports))
    if as_json:
        _print_json([result._asdict() for result in results])
    else:
        from shared.cli import tables

        tables.checks(results)
    return DONE if all(result.ok for result in results) else NOT_DONE


def _adopt(settings: Settings, ports: Ports, arguments: argparse.Namespace, only: Only) -> int:
    done = adopt(settings, ports, only, apply=arguments.apply, from_cluster=arguments.from_cluster)
    found = rows(done, applied=arguments.apply)
    if arguments.json:
        _print_json(found)
    else:
        from shared.cli import tables

        tables.adoptions(found, arguments.apply, settings.tz)
    return SOME_FAILED if any(adopted.error for adopted in done) else DONE


def _restore(settings: Settings, ports: Ports, arguments: argparse.Namespace) -> int:
    found = restore(settings, ports, arguments)
    if arguments.json:
        _print_json(output.to_builtins(found))
    else:
        sys.stdout.write(output.to_yaml(found))
    return DONE


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))  # noqa: T201
