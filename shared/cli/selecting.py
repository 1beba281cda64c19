"""Which disks a command is about, and what it asks of a pass."""

import argparse
from typing import Any

from shared.errors import RequestError, UsageError
from shared.request import Only, Request, parse_request
from shared.text import shorten

#: The commands that are about no disks, or that select them in ways of their own.
OF_NO_DISKS = ("check", "completion", "deltas", "list", "restore")
#: The mode of the pass behind a command, where it has another name.
_MODES = dict.fromkeys(("adopt", "coverage", "html", "metrics", "status"), "plan")


def add_only(command: argparse.ArgumentParser) -> None:
    """Add the options that select disks."""
    command.add_argument(
        "-n", "--namespace",
        action="append",
        default=[],
        metavar="NAMESPACE",
        help="what rules of this namespace cover; may be repeated",
    )  # fmt: skip
    command.add_argument(
        "-A", "--all-namespaces",
        action="store_true",
        help="all namespaces, which is the default",
    )  # fmt: skip
    command.add_argument(
        "--claim",
        action="append",
        default=[],
        metavar="NAMESPACE/NAME",
        help="the disk of this claim; may be repeated; NAME alone goes with -n",
    )
    command.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="KEY=VALUE[,VALUE]",
        help="select disks; KEY is namespaces, claims, rules, disks or scopes; may be repeated: "
        "every KEY must match, by any of its values",
    )


def request_of(arguments: argparse.Namespace) -> Request:
    """Give what a command asks of a pass.

    Raises:
        UsageError: names the argument and what would do.
    """
    if arguments.command in OF_NO_DISKS:
        return Request()
    only = selection(arguments)
    _check(arguments, only)
    mode = _MODES.get(arguments.command, arguments.command)
    event: dict[str, Any] = {"mode": mode, "only": only}
    for field in ("release_holds", "accept_rules", "force", "keep_for", "wait"):
        if value := getattr(arguments, field, None):
            event[field] = value
    try:
        return parse_request(event)
    except RequestError as error:
        raise UsageError(str(error).replace("keep_for: ", "--keep-for: ")) from None


def selection(arguments: argparse.Namespace) -> dict[str, list[str]]:
    """Read what -n, --claim and --only were given, each time they were."""
    only: dict[str, list[str]] = {}
    for word in arguments.only:
        key, _, values = word.partition("=")
        wanted = [value.strip() for value in values.split(",") if value.strip()]
        # Nothing selected would be everything.
        if key not in Only.__struct_fields__ or not wanted:
            raise UsageError(
                f"--only {shorten(word)}: write KEY=VALUE[,VALUE], KEY being one of "
                f"{', '.join(Only.__struct_fields__)}"
            )
        only.setdefault(key, []).extend(wanted)
    if arguments.all_namespaces and arguments.namespace:
        raise UsageError("-A is all namespaces and -n is one of them: leave out one of the two")
    if claims := [_claim(text, arguments.namespace) for text in arguments.claim]:
        only.setdefault("claims", []).extend(claims)
    elif arguments.namespace:
        only.setdefault("namespaces", []).extend(_name(text) for text in arguments.namespace)
    return only


def _name(text: str) -> str:
    if not text.strip():
        raise UsageError("-n is given no name; leave it out to select all namespaces")
    return text.strip()


def _claim(text: str, namespaces: list[str]) -> str:
    """Read NAMESPACE/NAME, or NAME in the one namespace that -n names."""
    parts = [part.strip() for part in text.split("/")]
    if len(parts) == 1 and len(namespaces) == 1:
        parts = [_name(namespaces[0]), *parts]
    if len(parts) != 2 or not all(parts):
        raise UsageError(f"--claim {shorten(text)}: write NAMESPACE/NAME, as shop/data")
    return "/".join(parts)


def _check(arguments: argparse.Namespace, only: dict[str, list[str]]) -> None:
    """Refuse what does not go together, in the words of the command line."""
    given = {name for name, value in vars(arguments).items() if value}
    if arguments.command == "coverage" and only.keys() & {"rules", "disks", "scopes"}:
        raise UsageError("coverage is of claims: select them by -n, --claim, or --only namespaces= "
                         "or claims=")  # fmt: skip
    if "release_holds" in given and not only:
        raise UsageError(
            "--release-holds needs -n, --claim or --only, so that it is said of some disks and "
            "not of all, for example --claim shop/data"
        )
    if "accept_rules" in given and only:
        raise UsageError("--accept-rules is about all rules: leave out -n, --claim and --only")
    if "watch" in given:
        if "monitor" in given:
            raise UsageError("--watch and --monitor do not go together: leave out one of the two")
        if arguments.output not in ("table", "wide"):
            raise UsageError(f"--watch is for people: leave out -o {arguments.output}, or --watch")
        if arguments.rules == "-":
            raise UsageError("--watch reads the rules again each time: name a file, not --rules -")
    if "keep_for" in given and "force" not in given:
        raise UsageError("--keep-for is for forced snapshots; say --force as well")
