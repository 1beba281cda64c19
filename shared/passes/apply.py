"""Carry a plan out: create before delete, in time, one disk's failure never another's."""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from shared.errors import DiskGone, NextPass, ProviderError, Refused, StopCreating, Unanswered
from shared.model import Disk, Snapshot
from shared.passes.deadline import Deadline
from shared.passes.journal import Journal
from shared.passes.progress import Advance, NoProgress, Progress
from shared.passes.scope_leases import Barred
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
#: Seconds of calls that are written down at once before they begin, and the most that are.
BATCH, LARGEST_BATCH = 10.0, 500
#: How many calls of each worker the first batch has, before it is known how long one takes.
FIRST_BATCH = 4

T = TypeVar("T")
R = TypeVar("R")


class _Unwritten:
    """A journal that remembers nothing; implements `Journal`."""

    def begin(self, creates: Collection[Create]) -> Barred:
        return {}

    def made(self, create: Create, snapshot: Snapshot) -> None:
        pass

    def missed(self, create: Create, error: ProviderError) -> None:
        pass


def apply(
    plan: Plan,
    provider: Provider,
    deadline: Deadline,
    workers: int,
    journal: Journal | None = None,
    progress: Progress | None = None,
) -> Applied:
    """Carry out a plan; never wait for completion.

    Args:
        plan: what to do.
        provider: does it.
        deadline: after which nothing more is begun.
        workers: calls under way at once.
        journal: is told of each creation before it begins, in batches, and when it has ended.
        progress: is told how far it is.
    """
    applied, journal = Applied(), journal or _Unwritten()
    progress = progress or NoProgress()
    barred: Barred = {}
    creator = _Creator(provider, deadline, FOR_DELETIONS if plan.deletes else 0.0, barred)
    with progress.step("creating", len(plan.creates)) as advance:
        for batch in _batches(plan.creates, deadline, workers):
            if creator.may_begin(batch):
                barred |= journal.begin(batch)
            for create, made in _each(creator.create, batch, workers):
                _account(create, made, applied, journal)
                advance(1)
    with progress.step("deleting", len(plan.deletes)) as advance:
        _delete(plan, provider, deadline, workers, barred, applied, advance)
    return applied


def _account(
    create: Create, made: Snapshot | ProviderError, applied: Applied, journal: Journal
) -> None:
    """Write down what became of a creation."""
    if isinstance(made, Snapshot):
        journal.made(create, made)
        applied.created(create, made.id)
        audit("create", made.id, create.disk, create.reason, create.rules)
    else:
        journal.missed(create, made)
        if isinstance(made, DiskGone):
            applied.gone.append((create, str(made)))
        _missed(applied, "create", create.disk, "", made)


def _batches(
    creates: Sequence[Create], deadline: Deadline, workers: int
) -> Iterator[Sequence[Create]]:
    """Cut batches of about `BATCH` seconds, by how long the one before took."""
    start, size = 0, FIRST_BATCH * workers
    while start < len(creates):
        batch, before = creates[start : start + size], deadline.spent()
        yield batch
        start += size
        took = max(deadline.spent() - before, 0.001)
        size = min(max(int(len(batch) * BATCH / took), workers), LARGEST_BATCH)


def _delete(
    plan: Plan,
    provider: Provider,
    deadline: Deadline,
    workers: int,
    barred: Barred,
    applied: Applied,
    advance: Advance,
) -> None:
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
        advance(1)


def _missed(
    applied: Applied, action: Action, disk: Disk, snapshot: str, error: ProviderError
) -> None:
    """Account for an action that did not succeed, and say so."""
    applied.missed(action, disk.id, snapshot, error)
    if isinstance(error, (NextPass, Refused, DiskGone)):
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

    def may_begin(self, creates: Iterable[Create]) -> bool:
        """Tell whether any of these may still be begun, so that it is worth a write."""
        free = any(
            ("create", c.disk.scope) not in self._barred and c.disk.scope not in self._full
            for c in creates
        )
        return free and self._deadline.left(self._kept_back)

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
