"""Carry a plan out: create before delete, in time, one disk's failure never another's."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from shared.errors import NextPass, ProviderError, Refused, StopCreating, Unanswered
from shared.model import Disk, Snapshot
from shared.passes.deadline import Deadline
from shared.planning.actions import Create, Delete, Plan
from shared.ports import Provider
from shared.reports.applied import Applied
from shared.reports.entries import Action

log = logging.getLogger(__name__)
#: What was done to snapshots is logged whatever LOG_LEVEL a function has.
audit_log = logging.getLogger("shared.audit")
audit_log.setLevel(logging.INFO)

#: The part of a pass's time that is kept for deletions.
FOR_DELETIONS = 0.25

T = TypeVar("T")
R = TypeVar("R")


def apply(
    plan: Plan,
    provider: Provider,
    deadline: Deadline,
    workers: int,
    barred: Mapping[tuple[Action, str], str] | None = None,
) -> Applied:
    """Carry out a plan; never wait for completion.

    Args:
        plan: what to do.
        provider: does it.
        deadline: after which nothing more is begun.
        workers: calls under way at once.
        barred: why nothing may be created, or deleted, in a scope any more.
    """
    applied, barred = Applied(), barred or {}
    creator = _Creator(provider, deadline, FOR_DELETIONS if plan.deletes else 0.0, barred)
    for create, made in _each(creator.create, plan.creates, workers):
        if isinstance(made, Snapshot):
            applied.created(create, made.id)
            audit("create", made.id, create.disk, create.reason, create.rules)
        else:
            if isinstance(made, Unanswered):
                applied.unknown.add(create.disk)
            _missed(applied, "create", create.disk, "", made)

    def remove(delete: Delete) -> None:
        if why := barred.get(("delete", delete.snapshot.disk.scope)):
            raise NextPass(why)
        if not deadline.left():
            raise NextPass("the pass ran out of time")
        provider.delete(delete.snapshot)

    for delete, error in _each(remove, plan.deletes, workers):
        disk, snapshot = delete.snapshot.disk, delete.snapshot.id
        if error is None:
            applied.deleted(delete)
            audit("delete", snapshot, disk, delete.reason)
        else:
            _missed(applied, "delete", disk, snapshot, error)
    return applied


def _missed(
    applied: Applied, action: Action, disk: Disk, snapshot: str, error: ProviderError
) -> None:
    """Account for an action that did not succeed, and say so."""
    applied.missed(action, disk.id, snapshot, error)
    if isinstance(error, (NextPass, Refused)):
        log.warning("left %s of %s to a later pass: %s", action, snapshot or disk.id, error)
    else:
        log.error("could not %s %s: %s", action, snapshot or f"a snapshot of {disk.id}", error)


def audit(
    action: Action, snapshot: str, disk: Disk, reason: str, rules: Sequence[str] = ()
) -> None:
    """Log one line of what was done to a snapshot, whose fields programs can ask for."""
    fields = {"action": action, "snapshot": snapshot, "disk": disk.id, "reason": reason}
    done = "created" if action == "create" else "deleted"
    audit_log.info("%s %s of %s: %s", done, snapshot, disk.id, reason,
             extra={"audit": fields | ({"rules": [*rules[:8]]} if rules else {})})  # fmt: skip


class _Creator:
    """Creates in time, and nothing more in a scope that is full."""

    def __init__(
        self,
        provider: Provider,
        deadline: Deadline,
        kept_back: float,
        barred: Mapping[tuple[Action, str], str],
    ) -> None:
        self._provider, self._deadline, self._kept_back = provider, deadline, kept_back
        self._barred, self._full = barred, dict[str, str]()

    def create(self, create: Create) -> Snapshot:
        scope = create.disk.scope
        if why := self._barred.get(("create", scope)):
            raise NextPass(why)
        if scope in self._full:
            raise NextPass(f"{scope} takes no more snapshots: {self._full[scope]}")
        if not self._deadline.left(self._kept_back):
            raise NextPass("the pass ran out of time")
        try:
            return self._provider.create(create)
        except StopCreating as error:
            self._full[scope] = str(error)
            raise


def _each(
    act: Callable[[T], R], items: Sequence[T], workers: int
) -> Iterator[tuple[T, R | ProviderError]]:
    """Act on all items, several at once; give each with its result or error, in order."""

    def attempt(item: T) -> R | ProviderError:
        try:
            return act(item)
        except ProviderError as error:
            return error
        except Exception as error:
            # A defect on the way of one disk must not cost the others their snapshots. The text
            # of an unknown error might carry anything, so that only the log has it.
            log.exception("unexpected error")
            return Unanswered("unexpected error, see the log", type(error).__name__)

    if workers == 1 or len(items) < 2:
        yield from ((item, attempt(item)) for item in items)
        return
    with ThreadPoolExecutor(workers) as pool:
        yield from zip(items, pool.map(attempt, items), strict=True)
