"""The command line, the same for every cloud: the passes of the functions from a workstation."""

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shared import __version__
from shared.cli import byhand
from shared.errors import PassError, RequestError
from shared.passes.run import Outcome, Ports, run
from shared.ports import RulesSource
from shared.reports.schema import to_builtins
from shared.request import Only, Request, parse_request
from shared.settings import Settings
from shared.sources.file import RulesFile
from shared.text import printable, shorten

log = logging.getLogger(__name__)

Build = Callable[[Mapping[str, str], RulesSource | None], tuple[Settings, Ports]]

DONE, SOME_FAILED, NOT_DONE = 0, 1, 2

_EPILOG = """\
examples:
  {prog} check
  {prog} plan --only namespaces=shop
  kubectl get pv,pvc,snapshotrules -A -o json | {prog} plan --rules -
  {prog} reconcile --json
  {prog} backfill --force --wait --only namespaces=shop
  {prog} explain --only disks=vol-0123456789abcdef0
  {prog} adopt --only namespaces=shop
  {prog} restore --claim shop/data --at 2026-11-22T06:00Z

exit status: 0 done; 1 some disks failed or could not be listed; 2 could not do its work.
Settings come from the environment, as the function has them: see the table in the README.
"""


def main(prog: str, build: Build, argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit status.

    Args:
        prog: the command's name.
        build: makes settings and ports from the environment and, if given, a source of rules.
        argv: the arguments; None takes the process's.
    """
    arguments = parser(prog).parse_args(argv)
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
    request = _request(arguments)
    source = None if arguments.rules is None else RulesFile(arguments.rules)
    settings, ports = build(os.environ, source)
    _log(settings)
    if arguments.command == "check":
        return _check(settings, ports, arguments.json)
    if arguments.command == "adopt":
        return _adopt(settings, ports, arguments, request.only)
    if arguments.command == "restore":
        return byhand.run_restore(ports, arguments)
    outcome = run(request, settings, ports)
    _print(outcome, settings, arguments.json)
    return DONE if outcome.report.outcome == "completed" else SOME_FAILED


def parser(prog: str) -> argparse.ArgumentParser:
    """Make the parser of all commands."""
    made = argparse.ArgumentParser(
        allow_abbrev=False,
        prog=prog,
        description="Snapshot the disks of annotated Kubernetes volumes, and expire the snapshots.",
        epilog=_EPILOG.format(prog=prog),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--version", action="version", version=__version__)
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    helps = {
        "plan": "show what a pass would create, delete and hold, and why; changes nothing",
        "reconcile": "run one pass: create what is due, delete what has expired",
        "backfill": "take what is due and delete nothing; calling again carries on",
        "explain": "tell all about some disks: rules, generations, each snapshot, what comes next",
        "adopt": "show existing snapshots of disks that have rules and that are not ours, or make "
        "them ours, so that they count",
        "restore": "print manifests that bring a claim's data back, beside the live claim",
        "check": "test credentials, access to the cluster and permissions one by one",
    }
    for name, text in helps.items():
        command = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        command.add_argument(
            "--rules",
            metavar="FILE",
            help="read the rules from a file instead of the cluster, - for standard input: what "
            "kubectl get pv,pvc,snapshotrules -A -o json (or yaml) prints",
        )
        command.add_argument("--json", action="store_true", help="print JSON for programs")
        if name == "restore":
            byhand.add_restore(command)
        if name in ("check", "restore"):
            continue
        command.add_argument(
            "--only",
            action="append",
            default=[],
            metavar="KEY=VALUE[,VALUE]",
            help="select disks; KEY is namespaces, rules, disks or scopes; may be repeated: every "
            "KEY must match, by any of its values",
        )
        if name in ("plan", "reconcile"):
            command.add_argument(
                "--allow-mass-expiry",
                action="store_true",
                help="delete what the hold for mistakes holds; needs --only",
            )
        if name == "backfill":
            _add_backfill(command)
        if name == "adopt":
            byhand.add_adopt(command)
    return made


def _add_backfill(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--force",
        action="store_true",
        help="take one of every selected disk now, before a risky change for example; what was "
        "forced within the last hour counts as taken",
    )
    command.add_argument(
        "--keep-for",
        metavar="DURATION",
        help="how long what is forced is kept, whatever the rules say (default P7D)",
    )
    command.add_argument(
        "--wait",
        action="store_true",
        help="stay until the snapshots are completed, or the time of a pass is over, somewhat "
        "before PASS_DEADLINE; exit status 1 where not all of them are",
    )


def _request(arguments: argparse.Namespace) -> Request:
    if arguments.command in ("check", "restore"):
        return Request()
    only: dict[str, list[str]] = {}
    for word in arguments.only:
        key, _, values = word.partition("=")
        wanted = [value.strip() for value in values.split(",") if value.strip()]
        # Nothing selected would be everything.
        if key not in Only.__struct_fields__ or not wanted:
            raise RequestError(
                f"--only {shorten(word)}: write KEY=VALUE[,VALUE], KEY being one of "
                f"{', '.join(Only.__struct_fields__)}"
            )
        only.setdefault(key, []).extend(wanted)
    mode = "plan" if arguments.command == "adopt" else arguments.command
    event: dict[str, Any] = {"mode": mode, "only": only}
    for field in ("allow_mass_expiry", "force", "keep_for", "wait"):
        if value := getattr(arguments, field, None):
            event[field] = value
    return parse_request(event)


class _OneLine(logging.Formatter):
    """A record is one line, whatever it quotes."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return text if record.exc_info else printable(text)


class _JSON(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "level": record.levelname,
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if audit := getattr(record, "audit", None):
            entry["audit"] = audit
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def _log(settings: Settings) -> None:
    """Show what goes on: our own records from the level asked for, libraries' warnings."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JSON() if settings.json_log else _OneLine("%(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for name in ("shared", "shared.audit", "functions"):
        logging.getLogger(name).setLevel(settings.log_level)
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # what fails in the end is said by ours


def _print(outcome: Outcome, settings: Settings, as_json: bool) -> None:
    if as_json:
        _print_json(to_builtins(outcome.report))
        return
    from shared.cli import tables as render

    render.outcome(outcome, settings.tz)


def _check(settings: Settings, ports: Ports, as_json: bool) -> int:
    from shared.cli.check import check

    results = list(check(settings, ports))
    if as_json:
        _print_json([result._asdict() for result in results])
    else:
        from shared.cli import tables as render

        render.checks(results)
    return DONE if all(result.ok for result in results) else NOT_DONE


def _adopt(settings: Settings, ports: Ports, arguments: argparse.Namespace, only: Only) -> int:
    done = byhand.run_adopt(settings, ports, arguments, only)
    found = byhand.rows(done, arguments.apply)
    if arguments.json:
        _print_json(found)
    else:
        from shared.cli import tables as render

        render.adoptions(found, arguments.apply, settings.tz)
    return SOME_FAILED if any(failed for _, failed in done) else DONE


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))  # noqa: T201
