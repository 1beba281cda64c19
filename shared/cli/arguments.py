"""The arguments of the command line: the parser of all commands, and what they ask of a pass."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import NoReturn

from shared import __version__
from shared.cli.selecting import OF_NO_DISKS, add_only

_EPILOG = """\
examples:
  {prog} check
  {prog} status
  {prog} coverage
  {prog} plan
  {prog} plan -n shop -o wide
  {prog} explain --claim shop/data
  {prog} html report.html
  {prog} metrics --file /var/lib/node_exporter/k8s-snapshots.prom
  {prog} backfill --force --wait -n shop
  {prog} list --claim shop/data
  {prog} restore --claim shop/data --at 2026-11-22T06:00Z
  {prog} deltas "PT1H P1D P30D P360D" --change 2%/day --size 100Gi
  kubectl get pv,pvc,ns,sc,snapshotrules -A -o json | {prog} plan --rules -

settings that matter, from the environment, as the function has them:
  KUBE_CONFIG_FILE  a kubeconfig: its current context is the cluster
  CLUSTER_NAME      an EKS or GKE cluster in its place
  CLUSTER_ID        the name that tells this cluster's snapshots from others'
  MIRROR_URL        where the copy of the rules lies, and leases
  AWS_PROFILE, AWS_REGION, GCLOUD_PROJECT, TZ, LOG_LEVEL

exit status: 0 done; 1 some disks failed or could not be listed; 2 could not do its work;
3 wrong usage; 130 interrupted.
"""

_COMMANDS = {
    "plan": "show what a pass would create, delete and hold, and why; changes nothing",
    "reconcile": "run one pass: create what is due, delete what has expired",
    "backfill": "take what is due and delete nothing; calling again carries on",
    "status": "a line a claim, the worst first: health, newest, how many restore points",
    "list": "restore points: time, state, why each is kept; also where the cluster is gone",
    "explain": "tell all about some disks: rules, generations, each snapshot, what comes next",
    "coverage": "tell of each bound volume what backs it up, or that nothing does",
    "metrics": "print how each disk is for Prometheus, or write it for the node exporter",
    "html": "write a report of all claims into FILE, a page that needs no network to be read",
    "adopt": "show existing snapshots of disks that have rules and that are not ours, or make "
    "them ours, so that they count",
    "restore": "print manifests that bring a claim's data back, beside the live claim",
    "deltas": "tell what a list of deltas means before anybody uses it; needs no cloud",
    "check": "test credentials, access to the cluster and permissions one by one",
}

_ALIASES = {"list": ["snapshots"]}
#: The forms in which each command prints, the first by default.
_REPORTS = ("table", "wide", "json", "yaml", "name")
_FORMS = {
    "adopt": ("table", "json", "yaml", "name"),
    "check": ("table", "json", "yaml"),
    "coverage": ("table", "json", "yaml", "name"),
    "deltas": ("table", "json", "yaml"),
    "html": ("table",),
    "metrics": ("prometheus", "json", "yaml"),
    "restore": ("yaml", "json"),
}
#: argparse's own is 2, which says here that a pass could not do its work.
WRONG_USAGE = 3


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """End with the status of wrong usage; name the command or option that was perhaps meant."""
        self.print_usage(sys.stderr)
        self.exit(WRONG_USAGE, f"{self.prog}: {message}{self._near(message)}\n")

    def _near(self, message: str) -> str:
        typed = re.search(r"invalid choice: '([^']*)'|unrecognized arguments: (--[^ =]+)", message)
        if not typed:
            return ""
        options = {name for parser in self._parsers() for name in parser._option_string_actions}
        known = [*_COMMANDS, *options] if typed[2] or "COMMAND" in message else []
        near = get_close_matches(typed[1] or typed[2], known, 1)
        return f". Did you mean {near[0]}?" if near else ""

    def _parsers(self) -> list[argparse.ArgumentParser]:
        """List this parser and those of its commands."""
        inner = [a.choices for a in self._actions if isinstance(a, argparse._SubParsersAction)]
        return [self, *(parser for choices in inner for parser in choices.values())]


def parser(prog: str, clouds: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Make the parser of all commands; `clouds` are those that --cloud chooses from."""
    made = _Parser(
        allow_abbrev=False,
        prog=prog,
        description="Snapshot the disks of annotated Kubernetes volumes, and expire the snapshots.",
        epilog=_EPILOG.format(prog=prog),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--version", action="version", version=__version__)
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in _COMMANDS.items():
        command = commands.add_parser(
            name, help=text, description=text, allow_abbrev=False, aliases=_ALIASES.get(name, [])
        )
        command.set_defaults(command=name)
        if name == "deltas":
            _add_deltas(command)
        else:
            _add_rules(command, clouds)
        if name not in OF_NO_DISKS:
            add_only(command)
        for add in _OPTIONS.get(name, ()):
            add(command)
        _add_output(command, _FORMS.get(name, _REPORTS))
    return made


def _add_output(command: argparse.ArgumentParser, forms: Sequence[str]) -> None:
    command.add_argument(
        "-o", "--output",
        choices=forms,
        default=forms[0],
        help=f"one of {', '.join(forms)} (default {forms[0]})",
        metavar="FORM",
    )  # fmt: skip
    command.add_argument(
        "--json", action="store_const", dest="output", const="json", help="the same as -o json"
    )
    command.add_argument("--no-color", action="store_true", help="no colours; so does NO_COLOR")


def _add_rules(command: argparse.ArgumentParser, clouds: Sequence[str]) -> None:
    if clouds:
        command.add_argument(
            "--cloud",
            choices=clouds,
            help="whose disks these are; by default as settings, kubeconfig and volumes say",
        )
    command.add_argument(
        "--rules",
        metavar="FILE",
        help="read the rules from a file instead of the cluster, - for standard input: what "
        "kubectl get pv,pvc,ns,sc,snapshotrules,snapshotpolicies -A -o json (or yaml) prints",
    )


def _add_deltas(command: argparse.ArgumentParser) -> None:
    command.add_argument("deltas", nargs="+", metavar="DELTAS", help='as "PT1H P1D P30D P360D"')
    command.add_argument("--compare", metavar="DELTAS", help="another list: what each loses")
    command.add_argument(
        "--change",
        metavar="PART/TIME",
        help="how much of a disk changes, as 2%%/day: tells what the snapshots take",
    )
    command.add_argument(
        "--size",
        metavar="SIZE",
        help="what is in use on a disk, as 100Gi: tells GiB and a cost (default change 2%%/day)",
    )


def _add_monitor(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--monitor",
        action="store_true",
        help="one line, and the statuses of Nagios: 0 ok, 1 warning, 2 critical, 3 unknown",
    )


def _add_exitcode(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--detailed-exitcode",
        action="store_true",
        help="end with 0 where there is nothing to do, 2 where there is, 1 after any failure",
    )


def _add_file(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "file",
        metavar="FILE",
        help="where the page is written, - for standard output; what changed since the page that "
        "is there is told",
    )


def _add_textfile(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--file",
        metavar="PATH",
        help="write a file for the node exporter's textfile collector, whole or not at all; its "
        "name must end in .prom",
    )


def _add_all(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--all", action="store_true", help="list each snapshot, and why it stays or goes"
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


def _add_list(command: argparse.ArgumentParser) -> None:
    command.add_argument("--claim", metavar="NAMESPACE/NAME", help="of this claim, or")
    command.add_argument("--volume", metavar="NAME", help="of this PersistentVolume, or")
    command.add_argument(
        "--disk",
        metavar="ID",
        help="of this disk, by its id or the cloud's name of it; without any, all",
    )
    command.add_argument(
        "-n", "--namespace", action="append", default=[], help="of claims in this namespace"
    )
    command.add_argument(
        "-A", "--all-namespaces", action="store_true", help="all namespaces, which is the default"
    )
    command.add_argument(
        "--scope",
        action="append",
        default=[],
        help="a region or project to look in, where nothing tells where the disks were",
    )


def _add_restore(command: argparse.ArgumentParser) -> None:
    helps = {
        "--claim": ("NAMESPACE/NAME", "the claim whose data is to be restored; or"),
        "--volume": ("NAME", "a PersistentVolume, or"),
        "--disk": ("ID", "a disk: its id, or the cloud's name of it"),
        "--at": ("TIME", "the newest snapshot begun by then: 'yesterday 06:00', '2 hours ago', "
                  "2026-11-22T06:00Z; without a zone it is that of TZ"),
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


_OPTIONS: dict[str, tuple[Callable[[argparse.ArgumentParser], None], ...]] = {
    "plan": (_add_release, _add_exitcode),
    "reconcile": (_add_release,),
    "status": (_add_monitor,),
    "backfill": (_add_backfill,),
    "explain": (_add_all,),
    "html": (_add_file,),
    "metrics": (_add_textfile,),
    "adopt": (_add_adopt,),
    "restore": (_add_restore,),
    "list": (_add_list,),
}
