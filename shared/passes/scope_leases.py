"""The leases of one pass, over all its scopes: taken before it lists, released at its end."""

import logging
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from shared.bucket.lease import Lease, Leases
from shared.bucket.records import settle
from shared.errors import BucketError, Conflict
from shared.model import Disk, Snapshot
from shared.planning.actions import Began, Create
from shared.reports.applied import Applied
from shared.reports.entries import Action

log = logging.getLogger(__name__)


class ScopeLeases:
    """The leases that one pass has, by scope.

    `skipped` are the scopes that another pass holds; `failed` says of those whose lease could be
    neither taken nor refused why: there snapshots are created, and none is deleted.
    """

    def __init__(self) -> None:
        self._leases: dict[str, Lease] = {}
        self.began: dict[Disk, Began] = {}
        self.skipped: set[str] = set()
        self.failed: dict[str, str] = {}

    def take(self, leases: Leases, provider: str, scopes: Iterable[str], seconds: float) -> None:
        """Take the lease of each scope; a bucket that fails twice is not asked again."""
        for scope in scopes:
            if len(self.failed) >= 2:
                self.failed[scope] = next(reversed(self.failed.values()))
                continue
            try:
                lease = leases.take(scope, seconds)
            except BucketError as error:
                self._fail(scope, error)
                continue
            if lease is None:
                self.skipped.add(scope)
            else:
                self._leases[scope] = lease
                self._remember(provider, scope, lease.began)

    def peek(self, leases: Leases, provider: str, scopes: Iterable[str]) -> None:
        """Read what was begun in each scope, for a pass that changes nothing."""
        for scope in scopes:
            try:
                self._remember(provider, scope, leases.peek(scope))
            except BucketError as error:
                self._fail(scope, error)

    def record(self, creates: Collection[Create], now: datetime) -> dict[tuple[Action, str], str]:
        """Write down what is about to be created, once a scope; say what is barred by that."""
        barred: dict[tuple[Action, str], str] = {}
        for scope, lease in self._leases.items():
            new = {c.disk.name: self._new(c, now) for c in creates if c.disk.scope == scope}
            try:
                lease.record(new)
            except Conflict:
                why = f"another pass took over the lease of {scope}"
                log.warning("%s", why)
                barred["create", scope] = barred["delete", scope] = why
            except BucketError as error:
                log.error("what is about to be created could not be recorded: %s", error)
                barred["delete", scope] = f"the bucket failed: {error}"
        return barred

    def release(
        self,
        creates: Collection[Create],
        applied: Applied,
        listed: Iterable[Snapshot],
        now: datetime,
    ) -> int:
        """Write down what became of it and end the leases; count what was seen completed."""
        snapshots, completed = list(listed), 0
        for scope, lease in self._leases.items():
            began = dict(lease.began)
            for create in creates:
                if create.disk.scope == scope:
                    self._settle(began, create, applied)
            left, seen = settle(began, (s for s in snapshots if s.disk.scope == scope), now)
            try:
                lease.release(left)
                completed += seen
            except BucketError as error:
                log.error("the lease of %s could not be released, and runs out: %s", scope, error)
        return completed

    def _settle(self, began: dict[str, Began], create: Create, applied: Applied) -> None:
        name, disk = create.disk.name, create.disk
        if disk in applied.begun and name in began:
            began[name] = Began(
                at=began[name].at, interval=began[name].interval, snapshot=applied.begun[disk]
            )
        elif disk not in applied.unknown:
            # It certainly does not exist: what was known before stands.
            began.pop(name, None)
            if disk in self.began:
                began[name] = self.began[disk]

    def _new(self, create: Create, now: datetime) -> Began:
        known = self.began.get(create.disk)
        again = known is not None and not known.snapshot
        tries = known.tries + 1 if known and again else 1
        return Began(at=now, interval=create.spacing, tries=tries)

    def _remember(self, provider: str, scope: str, began: Mapping[str, Began]) -> None:
        self.began |= {Disk(provider, scope, name): record for name, record in began.items()}

    def _fail(self, scope: str, error: BucketError) -> None:
        log.error("the lease of %s cannot be told: %s", scope, error)
        self.failed[scope] = f"the lease of {scope} cannot be told: {error}"
