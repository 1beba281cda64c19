"""Carry a plan out: create before delete, in time, one disk's failure never another's."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from shared.actions import Create, Delete, Plan
from shared.errors import NextPass, ProviderError, Refused, StopCreating, Unanswered
from shared.model import Disk, Snapshot
from shared.ports import Clock, Provider
from shared.report import Action, Deferred, Done, Failure

log = logging.getLogger(__name__)
#: What was done to snapshots is logged whatever LOG_LEVEL a function has.
audit_log = logging.getLogger("shared.audit")
audit_log.setLevel(logging.INFO)

#: The part of a pass's time that is kept for deletions.
FOR_DELETIONS = 0.25

T = TypeVar("T")
R = TypeVar("R")


class Deadline:
    """When a pass stops to start work, so that what it started ends in time.

    Args:
        clock: tells the time.
        seconds: until the deadline.
        reserve: seconds that the longest call may take, with what ends the pass; at most half
            of the time is kept for it, since a pass that does nothing is worse than one that is
            killed, which the leases and records make harmless.
    """

    def __init__(self, clock: Clock, seconds: float, reserve: float) -> None:
        self._clock = clock
        self._start = clock.monotonic()
        self._whole = seconds - min(reserve, seconds / 2) if seconds > 0 else 0.0

    def left(self, kept_back: float = 0.0) -> bool:
        """Tell whether work may still be started when a part of the time is kept back."""
        return self.remaining(kept_back) > 0

    def remaining(self, kept_back: float = 0.0) -> float:
        """Tell how many seconds are left."""
        return self._whole * (1 - kept_back) - (self._clock.monotonic() - self._start)


class Applied:
    """What became of the planned actions, each exactly once.

    `begun` has the ids of new snapshots; of the disks in `unknown` nobody can tell whether there
    is one.
    """

    def __init__(self) -> None:
        self.creations: list[Done] = []
        self.deletions: list[Done] = []
        self.failures: list[Failure] = []
        self.deferred: list[Deferred] = []
        self.created_disks: set[str] = set()
        self.begun: dict[Disk, str] = {}
        self.unknown: set[Disk] = set()

    def created(self, create: Create, snapshot: str) -> None:
        """Account for a snapshot that was begun; planned ones have no id yet."""
        disk = create.disk.id
        self.created_disks.add(disk)
        self.begun[create.disk] = snapshot
        self.creations.append(
            Done(
                disk=disk,
                snapshot=snapshot,
                name=create.name,
                rules=create.rules[:8],
                reason=create.reason,
            )
        )

    def deleted(self, delete: Delete) -> None:
        """Account for a snapshot that was deleted."""
        snapshot = delete.snapshot
        self.deletions.append(
            Done(
                disk=snapshot.disk.id,
                snapshot=snapshot.id,
                reason=delete.reason,
                unconfirmed=delete.unconfirmed,
            )
        )

    def missed(self, action: Action, disk: str, snapshot: str, error: ProviderError) -> None:
        """Account for an action that was put off, or failed."""
        if isinstance(error, (NextPass, Refused)):
            log.warning("left %s of %s to a later pass: %s", action, snapshot or disk, error)
            reason = str(error)
            self.deferred.append(
                Deferred(action=action, disk=disk, snapshot=snapshot, reason=reason)
            )
            return
        log.error("could not %s %s: %s", action, snapshot or f"a snapshot of {disk}", error)
        self.failures.append(
            Failure(
                action=action, disk=disk, snapshot=snapshot, code=error.code, message=str(error)
            )
        )


def foresee(plan: Plan) -> Applied:
    """Account for a plan as if everything had succeeded: plan mode."""
    applied = Applied()
    for create in plan.creates:
        applied.created(create, "")
    for delete in plan.deletes:
        applied.deleted(delete)
    return applied


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
            applied.missed("create", create.disk.id, "", made)

    def remove(delete: Delete) -> None:
        if why := barred.get(("delete", delete.snapshot.disk.scope)):
            raise NextPass(why)
        if not deadline.left():
            raise NextPass("the pass ran out of time")
        provider.delete(delete.snapshot)

    for delete, error in _each(remove, plan.deletes, workers):
        disk, snapshot = delete.snapshot.disk.id, delete.snapshot.id
        if error is None:
            applied.deleted(delete)
            audit("delete", snapshot, delete.snapshot.disk, delete.reason)
        else:
            applied.missed("delete", disk, snapshot, error)
    return applied


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
