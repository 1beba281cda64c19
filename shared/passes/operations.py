"""What the cloud says of operations that it accepted and no listing shows yet."""

import logging
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from shared.errors import ProviderError
from shared.model import Disk, OperationState, Snapshot
from shared.passes.deadline import Deadline
from shared.planning.actions import Attempt
from shared.planning.attempts import shown
from shared.ports import Provider

log = logging.getLogger(__name__)

#: The part of a pass's time that is kept for what comes after.
KEPT_BACK = 0.75


def ask_operations(
    attempts: Mapping[Disk, Attempt],
    listed: Iterable[Snapshot],
    provider: Provider,
    deadline: Deadline,
    workers: int,
) -> dict[Disk, OperationState]:
    """Ask how the operations stand of attempts that have no end and that no listing shows."""
    histories: dict[Disk, list[Snapshot]] = {}
    for snapshot in listed:
        if snapshot.disk in attempts:
            histories.setdefault(snapshot.disk, []).append(snapshot)
    open_ends = [
        (disk, attempt)
        for disk, attempt in attempts.items()
        if attempt.operation and not attempt.ended and not shown(attempt, histories.get(disk, ()))
    ]

    def ask(found: tuple[Disk, Attempt]) -> OperationState | None:
        disk, attempt = found
        if not deadline.left(KEPT_BACK):
            return None
        try:
            return provider.operation(disk.scope, attempt.operation)
        except ProviderError as error:
            log.warning("the state of the snapshot of %s is unknown: %s", disk.id, error)
            return None

    if not open_ends:
        return {}
    with ThreadPoolExecutor(workers) as pool:
        answers = pool.map(ask, open_ends)
        return {disk: state for (disk, _), state in zip(open_ends, answers, strict=True) if state}
