"""The arguments of the command line: the parser of all commands, and what they ask of a pass."""

import argparse
import re
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import NoReturn

from shared import __version__
from shared.cli.options import FORMS, OF_NO_CLOUD, OPTIONS, REPORTS, add_output, add_rules
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
  CLUSTER_ID        the name that marks this cluster's snapshots
  MIRROR_URL        where the copy of the rules is stored, and leases
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
    "explain": "show all about some disks: rules, generations, each snapshot, what comes next",
    "coverage": "show for each bound volume what backs it up, or that nothing does",
    "metrics": "print how each disk is for Prometheus, or write it for the node exporter",
    "html": "write a report of all claims into FILE, a page that needs no network to be read",
    "adopt": "show existing snapshots of disks that have rules and that are not ours, or make "
    "them ours, so that they count",
    "restore": "print manifests that bring a claim's data back, beside the live claim",
    "deltas": "show what a list of deltas means before anybody uses it; needs no cloud",
    "check": "test credentials, access to the cluster and permissions one by one",
    "completion": "print what bash, zsh or fish evaluates to complete this command; needs no cloud",
}

_ALIASES = {"list": ["snapshots"]}
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
        if name not in OF_NO_CLOUD:
            add_rules(command, clouds)
        if name not in OF_NO_DISKS:
            add_only(command)
        for add in OPTIONS.get(name, ()):
            add(command)
        if forms := FORMS.get(name, REPORTS):
            add_output(command, forms)
    return made
