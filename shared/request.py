"""What an invocation asks for."""

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any, Literal

import msgspec

from shared.errors import DeltasError, RequestError
from shared.model import Disk, Problem, Rule
from shared.retention.deltas import Span, parse_duration
from shared.text import counted, shorten

#: The disks that a message names.
SHOWN = 5

Mode = Literal["reconcile", "plan", "backfill", "explain"]


class Only(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A selection of disks: all given fields must match, by any of their values.

    `namespaces`, `rules` and `claims` (`namespace/name`) match a disk when any of its rules does;
    `disks` match the disk's id or the cloud's own name of it, whole or its last part
    (`zones/Z/disks/N`, `N`), which only one of those that are selected may have; `scopes` are
    regions on AWS, projects on Google.
    """

    namespaces: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    disks: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.scopes) or not self.whole_scopes()

    def scope(self, scope: str) -> bool:
        """Tell whether a scope is selected."""
        return not self.scopes or scope in self.scopes

    def whole_scopes(self) -> bool:
        """Tell whether the selection takes in every disk of its scopes."""
        return not (self.namespaces or self.claims or self.rules or self.disks)

    def names(self, disk: Disk) -> bool:
        """Tell whether a disk is one of those that are named, where any are."""
        return not self.disks or named(disk, self.disks)

    def refuse_doubtful(self, selected: Collection[Disk]) -> None:
        """Refuse the last part of a name where several of the selected disks have it.

        A whole name may be of two scopes: a rule that names a wrong region must not stand in the
        way.

        Raises:
            RequestError: names the disks.
        """
        whole = {disk.name for disk in selected}
        of_one_each([name for name in self.disks if name not in whole], selected)

    def orphan(self, disk: Disk) -> bool:
        """Tell whether a disk that no rule covers is selected: with all others, or by its name."""
        theirs = self.namespaces or self.claims or self.rules
        return self.scope(disk.scope) and self.names(disk) and not theirs

    def selects(self, disk: Disk, rules: Collection[Rule], problem: Problem | None = None) -> bool:
        """Tell whether a disk, covered by these rules or by one with this problem, is selected."""
        names = {rule.name for rule in rules}
        namespaces = {rule.namespace for rule in rules}
        claims = {f"{rule.namespace}/{rule.claim}" for rule in rules if rule.claim}
        if problem:
            names.add(problem.rule)
            namespaces.add(problem.source.namespace)
            if problem.source.kind == "PersistentVolumeClaim":
                claims.add(f"{problem.source.namespace}/{problem.source.name}")
        return (
            self.scope(disk.scope)
            and self.names(disk)
            and (not self.rules or not names.isdisjoint(self.rules))
            and (not self.namespaces or not namespaces.isdisjoint(self.namespaces))
            and (not self.claims or not claims.isdisjoint(self.claims))
        )


def named(disk: Disk, names: Collection[str]) -> bool:
    """Tell whether a disk has one of these names: its id, the cloud's name, or that's last part."""
    return not {disk.id, disk.name, disk.name.rpartition("/")[2]}.isdisjoint(names)


def of_one_each(names: Iterable[str], disks: Collection[Disk]) -> None:
    """Refuse a name that several disks have, since one is meant.

    Raises:
        RequestError: names them.
    """
    for name in names:
        found = sorted({disk.id for disk in disks if named(disk, [name])})
        if len(found) > 1:
            raise RequestError(
                f"{counted(len(found), 'disk')} are called {shorten(name)}: "
                f"{', '.join(map(shorten, found[:SHOWN]))}{', …' * (len(found) > SHOWN)}; "
                "name one of them whole"
            )


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One invocation.

    `plan` and `explain` change nothing. `release_holds` lets go what is held as unsettled, and
    nothing else; it needs `only`, so that it is never said of everything by accident.
    `accept_rules` says that rules which are gone, or another CLUSTER_ID, are meant. A backfill
    takes what is due and deletes nothing: with `force` of every selected disk now, kept for
    `keep_for`; with `wait` it stays until the snapshots are completed, or the deadline comes.
    """

    mode: Mode = "reconcile"
    only: Only = Only()
    release_holds: bool = False
    accept_rules: bool = False
    force: bool = False
    keep_for: Span = timedelta(days=7)
    wait: bool = False


#: How long a forced snapshot may be kept.
KEEP_FOR = timedelta(days=1), timedelta(days=3650)


def parse_request(event: Any) -> Request:
    """Read an invocation's payload; EventBridge's envelope, an empty one and none: a reconcile.

    Raises:
        RequestError: names the field and what would do.
    """
    if event is None:
        event = {}
    if not isinstance(event, dict):
        raise RequestError(
            f"the payload is a JSON {_kind(event)}; send an object such as "
            '{"mode": "plan"}, or {} for a reconcile'
        )
    if "source" in event and "detail-type" in event:
        return _scheduled(event)
    try:
        request = msgspec.convert(_with_keep_for(event), Request)
    except msgspec.ValidationError as error:
        raise RequestError(_explain(str(error))) from None
    except UnicodeError:
        raise RequestError("the payload has a text that is no Unicode (half of a pair)") from None
    for field in Only.__struct_fields__:
        if event.get("only", {}).get(field) == []:
            raise RequestError(f"only.{field} is empty; leave it out to select all, or name some")
    if request.release_holds and not request.only:
        raise RequestError(
            "release_holds needs only, so that it is said of some disks and not of all: "
            'add for example "only": {"disks": ["vol-0123456789abcdef0"]}'
        )
    if request.accept_rules and (request.only or request.mode not in ("reconcile", "plan")):
        raise RequestError(
            "accept_rules is about all rules: it goes with mode reconcile or plan, and never with "
            "only"
        )
    _check_backfill(request, event)
    return request


def _scheduled(event: Mapping[str, Any]) -> Request:
    """Read EventBridge's envelope, which asks for a reconcile of everything and nothing else."""
    detail = event["detail"] if isinstance(event.get("detail"), dict) else {}
    ours = [name for name in Request.__struct_fields__ if name in event or name in detail]
    if ours:
        raise RequestError(
            f"{ours[0]} is in an EventBridge event, and such an event always means one full pass. "
            'Set the whole input of the target or schedule to JSON such as {"mode": "plan"}'
        )
    return Request()


def _with_keep_for(event: dict[str, Any]) -> dict[str, Any]:
    """Read keep_for as deltas are read: weeks, months and years are durations too."""
    if "keep_for" not in event:
        return event
    text, (shortest, longest) = event["keep_for"], KEEP_FOR
    try:
        span, length = parse_duration(text if isinstance(text, str) else "")
    except DeltasError:
        length = timedelta(0)
    if shortest <= length <= longest:
        return event | {"keep_for": span}
    raise RequestError(
        f"keep_for: {shorten(text, 40)!r} is no ISO 8601 duration of P1D to P3650D, such as P7D, "
        "P2W or P1M"
    )


def _check_backfill(request: Request, event: Mapping[str, Any]) -> None:
    for field in ("force", "keep_for", "wait"):
        if field in event and request.mode != "backfill":
            raise RequestError(f'{field} belongs to a backfill; say "mode": "backfill" as well')
    if "keep_for" in event and not request.force:
        raise RequestError('keep_for is for forced snapshots; say "force": true as well')
    if request.release_holds and request.mode in ("backfill", "explain"):
        raise RequestError("release_holds is for passes that delete; leave it out")


def _kind(value: object) -> str:
    names = {list: "array", str: "string", bool: "boolean", int: "number", float: "number"}
    return names.get(type(value), type(value).__name__)


def _explain(text: str) -> str:
    # What is quoted before the path may be made to look like one.
    problem, _, path = text.rpartition(" - at `$") if " - at `$" in text else (text, "", "")
    field = path.rstrip("`").lstrip(".") or "the payload"
    fields = {
        "": Request.__struct_fields__,
        "only": Only.__struct_fields__,
    }.get("" if field == "the payload" else field)
    if "unknown field" in problem and fields:
        would_do = f"the fields of {field} are {', '.join(fields)}"
    elif field == "mode":
        would_do = (
            'mode is "reconcile", "plan", "backfill" or "explain"; adopt and restore are commands '
            "of python -m functions.aws or functions.gcp"
        )
    elif field.startswith("only."):
        would_do = f'{field.split("[")[0]} is a list of strings, such as ["shop"]'
    elif field == "only":
        would_do = 'only is an object such as {"namespaces": ["shop"]}'
    else:
        would_do = f"{shorten(field)} is true or false"
    return f"{shorten(field)}: {shorten(problem)}; {would_do}"
