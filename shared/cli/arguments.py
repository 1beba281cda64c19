"""The arguments of the command line: the parser of all commands, and what they ask of a pass."""

import argparse
from typing import Any

from shared import __version__
from shared.errors import RequestError
from shared.request import Only, Request, parse_request
from shared.text import shorten

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

_COMMANDS = {
    "plan": "show what a pass would create, delete and hold, and why; changes nothing",
    "reconcile": "run one pass: create what is due, delete what has expired",
    "backfill": "take what is due and delete nothing; calling again carries on",
    "explain": "tell all about some disks: rules, generations, each snapshot, what comes next",
    "adopt": "show existing snapshots of disks that have rules and that are not ours, or make "
    "them ours, so that they count",
    "restore": "print manifests that bring a claim's data back, beside the live claim",
    "check": "test credentials, access to the cluster and permissions one by one",
}

#: The commands that take --release-holds.
_EXPIRING = ("plan", "reconcile")
#: The commands that are not about disks which --only could select.
_OF_NO_DISKS = ("check", "restore")


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
    for name, text in _COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        _add_common(command)
        if name == "restore":
            _add_restore(command)
        if name not in _OF_NO_DISKS:
            _add_only(command)
        if name in _EXPIRING:
            _add_release(command)
        if name == "backfill":
            _add_backfill(command)
        if name == "adopt":
            _add_adopt(command)
    return made


def _add_common(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--rules",
        metavar="FILE",
        help="read the rules from a file instead of the cluster, - for standard input: what "
        "kubectl get pv,pvc,snapshotrules -A -o json (or yaml) prints",
    )
    command.add_argument("--json", action="store_true", help="print JSON for programs")


def _add_only(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="KEY=VALUE[,VALUE]",
        help="select disks; KEY is namespaces, rules, disks or scopes; may be repeated: every "
        "KEY must match, by any of its values",
    )


def _add_release(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--release-holds",
        action="store_true",
        help="delete what is held as unsettled, and nothing else that is held; needs --only",
    )
    command.add_argument(
        "--accept-rules",
        action="store_true",
        help="say that rules which are gone, or another CLUSTER_ID, are meant; never with --only",
    )


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
        help="how long what is forced is kept, whatever the rules say: P1D to P3650D, such as P2W "
        "or P1M (default P7D)",
    )
    command.add_argument(
        "--wait",
        action="store_true",
        help="stay until the snapshots are completed, or the time of a pass is over, somewhat "
        "before PASS_DEADLINE; exit status 1 where not all of them are",
    )


def _add_adopt(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--apply", action="store_true", help="label them; without it they are only shown"
    )
    command.add_argument(
        "--from-cluster",
        metavar="ID",
        default="",
        help="take over the snapshots that have this cluster's label, such as an earlier "
        "CLUSTER_ID of this one; they keep their deltas",
    )


def _add_restore(command: argparse.ArgumentParser) -> None:
    helps = {
        "--claim": ("NAMESPACE/NAME", "the claim whose data is to be restored; or"),
        "--volume": ("NAME", "a PersistentVolume, or"),
        "--disk": ("ID", "a disk that a rule names"),
        "--at": ("TIME", "the newest snapshot begun by then, as 2026-11-22T06:00Z"),
        "--snapshot": ("ID", "this snapshot; without either the newest completed one"),
        "--name": ("NAME", "of the new claim (default: the old one's, restored, and the time)"),
        "--namespace": ("NAMESPACE", "of the new claim (default: that of the old one)"),
        "--size": ("SIZE", "of the new claim, as 200Gi (default: the larger of snapshot and "
                   "volume)"),
        "--driver": ("NAME", "the CSI driver of the cluster that restores, such as "
                     "ebs.csi.eks.amazonaws.com for EKS Auto Mode (default: the old volume's, else "
                     "the cloud's usual one)"),
    }  # fmt: skip
    for name, (metavar, text) in helps.items():
        dest = "into" if name == "--namespace" else name.removeprefix("--")
        command.add_argument(name, metavar=metavar, help=text, dest=dest)
    command.add_argument(
        "--scope",
        action="append",
        default=[],
        help="a region or project to look in, where nothing tells where the disk was",
    )


def request_of(arguments: argparse.Namespace) -> Request:
    """Give what a command asks of a pass.

    Raises:
        RequestError: names the argument and what would do.
    """
    if arguments.command in _OF_NO_DISKS:
        return Request()
    mode = "plan" if arguments.command == "adopt" else arguments.command
    event: dict[str, Any] = {"mode": mode, "only": _selection(arguments.only)}
    for field in ("release_holds", "accept_rules", "force", "keep_for", "wait"):
        if value := getattr(arguments, field, None):
            event[field] = value
    return parse_request(event)


def _selection(words: list[str]) -> dict[str, list[str]]:
    """Read what --only was given, each time it was."""
    only: dict[str, list[str]] = {}
    for word in words:
        key, _, values = word.partition("=")
        wanted = [value.strip() for value in values.split(",") if value.strip()]
        # Nothing selected would be everything.
        if key not in Only.__struct_fields__ or not wanted:
            raise RequestError(
                f"--only {shorten(word)}: write KEY=VALUE[,VALUE], KEY being one of "
                f"{', '.join(Only.__struct_fields__)}"
            )
        only.setdefault(key, []).extend(wanted)
    return only
