"""What a pass remembers of its attempts: written before each begins, and again when it has ended.

A pass that is killed leaves records of the batch that it was at, and of nothing that it never
called. Without a bucket the process remembers as long as it lives.
"""

from collections.abc import Collection, Mapping, MutableMapping
from typing import Protocol

import msgspec

from shared.errors import DiskFailed, DiskGone, ProviderError, Unanswered
from shared.model import Disk, Snapshot
from shared.passes.scope_leases import Barred, ScopeLeases
from shared.planning.actions import Attempt, Create
from shared.ports import Clock


class Journal(Protocol):
    """What is told of each creation while a plan is carried out."""

    def begin(self, creates: Collection[Create]) -> Barred:
        """Write down what is about to be begun; say what is barred from now on."""

    def made(self, create: Create, snapshot: Snapshot) -> None:
        """Remember a snapshot that was begun."""

    def missed(self, create: Create, error: ProviderError) -> None:
        """Remember what became of a creation that did not succeed."""


class AttemptJournal:
    """Keeps the attempts of one pass; implements `Journal`.

    Args:
        clock: tells the time of day.
        leases: of the pass, which write beside the mirror.
        attempts: those of earlier passes, reviewed.
        memory: the process's own, where there is no bucket.
    """

    def __init__(
        self,
        clock: Clock,
        leases: ScopeLeases,
        attempts: Mapping[Disk, Attempt],
        memory: MutableMapping[Disk, Attempt] | None = None,
    ) -> None:
        self._clock, self._leases, self._memory = clock, leases, memory
        self._before = dict(attempts)
        self._now = dict(attempts)

    def begin(self, creates: Collection[Create]) -> Barred:
        """Write down a batch, once for each of its scopes."""
        now = self._clock.now()
        for create in creates:
            before = self._before.get(create.disk) or Attempt(at=now, spacing=create.spacing)
            self._now[create.disk] = Attempt(
                at=now,
                spacing=create.spacing,
                failures=before.failures,
                code=before.code,
                reason=before.reason,
                gone=before.gone,
            )
        return self._leases.record(self._now, sorted({c.disk.scope for c in creates}))

    def made(self, create: Create, snapshot: Snapshot) -> None:
        """Remember the snapshot's id, and the operation that makes it."""
        attempt = self._now[create.disk]
        self._now[create.disk] = msgspec.structs.replace(
            attempt, snapshot=snapshot.id, operation=snapshot.operation, gone=False
        )

    def missed(self, create: Create, error: ProviderError) -> None:
        """Count what the cloud refused this disk; forget what it never began."""
        disk = create.disk
        if isinstance(error, Unanswered):
            return  # it may have taken effect
        if isinstance(error, DiskFailed):
            attempt = self._now[disk]
            self._now[disk] = msgspec.structs.replace(
                attempt,
                ended=True,
                failures=attempt.failures + 1,
                code=error.code,
                reason=str(error),
                gone=isinstance(error, DiskGone),
            )
            return
        self._now.pop(disk, None)
        if disk in self._before:
            self._now[disk] = self._before[disk]

    def close(self) -> None:
        """Write down what is known at the end, and end the leases."""
        self._leases.release(self._now)
        if self._memory is not None:
            self._memory.clear()
            self._memory.update(self._now)
