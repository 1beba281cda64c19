"""The leases of one pass, over all its scopes: taken before it lists, released at its end."""

import logging
from collections.abc import Callable, Iterable, Mapping
from math import inf

from shared.bucket.lease import Lease, Leases
from shared.errors import BucketError, Conflict, NotOurs
from shared.model import Disk
from shared.planning.actions import Attempt
from shared.ports import Clock
from shared.reports.entries import Action

log = logging.getLogger(__name__)

#: Why nothing may be created, or deleted, in a scope any more.
Barred = dict[tuple[Action, str], str]


class ScopeLeases:
    """The leases that one pass has, by scope.

    `attempts` are what is remembered, and `remembered` the scopes in which it could be read.
    `skipped` are the scopes that another pass holds; `failed` says of those whose lease could be
    neither taken nor refused why: there snapshots are created, and none is deleted. `broken` counts
    the failures that are the bucket's, and not one object's.
    """

    def __init__(self, clock: Clock, provider: str) -> None:
        self._clock, self._provider, self._end = clock, provider, 0.0
        self._leases: dict[str, Lease] = {}
        self.attempts: dict[Disk, Attempt] = {}
        self.remembered: set[str] = set()
        self.skipped: set[str] = set()
        self.failed: dict[str, str] = {}
        self.broken = 0

    def take(
        self, leases: Leases, scopes: Iterable[str], seconds: float, within: float = inf
    ) -> None:
        """Take the lease of each scope for so many seconds, all `within` so many."""
        self._end = self._clock.monotonic() + seconds

        def take(scope: str) -> None:
            lease = leases.take(scope, self._left())
            if lease is None:
                self.skipped.add(scope)
            else:
                self._leases[scope] = lease
                self._remember(scope, lease.attempts)

        self._each(scopes, take, within)

    def peek(self, leases: Leases, scopes: Iterable[str], within: float = inf) -> None:
        """Read what is remembered of each scope, for a pass that changes nothing."""
        self._each(scopes, lambda scope: self._remember(scope, leases.peek(scope)), within)

    def _each(self, scopes: Iterable[str], ask: Callable[[str], None], within: float) -> None:
        """Ask the bucket for each scope; one that fails twice, or is too slow, no more."""
        end, last, slow = self._clock.monotonic() + within, "", 0
        for scope in scopes:
            if self.broken >= 2:
                self.failed[scope] = last
            elif self._clock.monotonic() >= end:
                slow += 1
                self.failed[scope] = f"the bucket is too slow: no time for the lease of {scope}"
            else:
                try:
                    ask(scope)
                except BucketError as error:
                    self._fail(scope, error)
                    self.broken += not isinstance(error, NotOurs)
                    last = self.failed[scope]
        if slow:
            log.error("the bucket is too slow: there was no time for %d leases", slow)

    def record(self, attempts: Mapping[Disk, Attempt], scopes: Iterable[str]) -> Barred:
        """Write attempts down in some scopes; say what is barred where that fails."""
        barred: Barred = {}
        for scope in scopes:
            if lease := self._leases.get(scope):
                barred |= self._record(scope, lease, _of(scope, attempts))
        return barred

    def release(self, attempts: Mapping[Disk, Attempt]) -> None:
        """Write down what is known now, and end the leases."""
        for scope, lease in self._leases.items():
            try:
                lease.release(_of(scope, attempts))
            except BucketError as error:
                log.error("the lease of %s could not be released, and runs out: %s", scope, error)

    def _record(self, scope: str, lease: Lease, attempts: Mapping[str, Attempt]) -> Barred:
        try:
            lease.record(attempts, self._left())
        except Conflict:
            why = f"another pass took over the lease of {scope}"
            log.warning("%s", why)
            return {("create", scope): why, ("delete", scope): why}
        except BucketError as error:
            log.error("what is about to be created could not be recorded: %s", error)
            return {("delete", scope): f"the bucket failed: {error}"}
        return {}

    def _left(self) -> float:
        """Tell how many seconds are left of the leases."""
        return max(self._end - self._clock.monotonic(), 0.0)

    def _remember(self, scope: str, attempts: Mapping[str, Attempt]) -> None:
        self.remembered.add(scope)
        self.attempts |= {
            Disk(self._provider, scope, name): attempt for name, attempt in attempts.items()
        }

    def _fail(self, scope: str, error: BucketError) -> None:
        log.error(
            "Cannot read the lease of %s: %s. Nothing will be deleted there",
            scope,
            error,
        )
        self.failed[scope] = f"cannot read the lease of {scope}: {error}"


def _of(scope: str, attempts: Mapping[Disk, Attempt]) -> dict[str, Attempt]:
    """Give the attempts of a scope, by the disk's name."""
    return {disk.name: attempt for disk, attempt in attempts.items() if disk.scope == scope}
