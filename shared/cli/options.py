"""The options of each command, those aside that select disks."""

import argparse
from collections.abc import Callable, Sequence

from shared.cli.completion import SHELLS

#: The forms in which each command prints, the first by default.
REPORTS = ("table", "wide", "json", "yaml", "name")
FORMS = {
    "adopt": ("table", "json", "yaml", "name"),
    "check": ("table", "json", "yaml"),
    "coverage": ("table", "json", "yaml", "name"),
    "deltas": ("table", "json", "yaml"),
    "completion": (),
    "html": ("table",),
    "metrics": ("prometheus", "json", "yaml"),
    "restore": ("yaml", "json"),
}
#: The commands that need neither cloud nor cluster.
OF_NO_CLOUD = ("completion", "deltas")


def add_output(command: argparse.ArgumentParser, forms: Sequence[str]) -> None:
    """Add the options that say how a command prints, and in which forms."""
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


def add_rules(command: argparse.ArgumentParser, clouds: Sequence[str]) -> None:
    """Add the options that say whose disks these are, and where rules are read."""
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
        help="how much of a disk changes, as 2%%/day: shows what the snapshots take",
    )
    command.add_argument(
        "--size",
        metavar="SIZE",
        help="what is in use on a disk, as 100Gi: shows GiB and a cost (default change 2%%/day)",
    )


def _add_shell(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "shell", choices=SHELLS, metavar="SHELL", help=f"one of {', '.join(SHELLS)}"
    )


def _add_monitor(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--monitor",
        action="store_true",
        help="one line, and the statuses of Nagios: 0 ok, 1 warning, 2 critical, 3 unknown",
    )


def _add_watch(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--watch",
        nargs="?",
        type=_seconds,
        const=60.0,
        metavar="SECONDS",
        help="look again every so many seconds, at least 5 (default 60), until Ctrl-C",
    )


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 5 <= found <= 86400:
        raise argparse.ArgumentTypeError(f"{text!r}: write seconds, from 5 to 86400, such as 60")
    return found


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
        help="where the page is written, - for standard output; it shows what changed since the "
        "page that is there",
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
        help="a region or project to look in, if no object shows where the disks were",
    )


def _add_restore(command: argparse.ArgumentParser) -> None:
    helps = {
        "--claim": ("NAMESPACE/NAME", "the claim whose data you want back; or"),
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
        help="a region or project to look in, if no object shows where the disk was",
    )


#: What each command has of its own.
OPTIONS: dict[str, tuple[Callable[[argparse.ArgumentParser], None], ...]] = {
    "plan": (_add_release, _add_exitcode),
    "reconcile": (_add_release,),
    "status": (_add_monitor, _add_watch),
    "backfill": (_add_backfill,),
    "completion": (_add_shell,),
    "deltas": (_add_deltas,),
    "explain": (_add_all,),
    "html": (_add_file,),
    "metrics": (_add_textfile,),
    "adopt": (_add_adopt,),
    "restore": (_add_restore,),
    "list": (_add_list,),
}
