"""What became of the attempts of earlier passes, as far as listings and operations tell. Pure.

An attempt counts as a success only once its snapshot is completed. One that failed, or that a
listing should show by now and does not, counts as a failure, once.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from shared.model import Disk, OperationState, Snapshot
from shared.planning.actions import Attempt
from shared.planning.policy import CLOCK_SKEW

#: How long a listing may hide a snapshot. An attempt keeps the next one waiting no longer.
LAG = timedelta(hours=1)
#: How long an attempt is remembered.
KEPT = timedelta(days=7)


class Failed(NamedTuple):
    """An attempt of an earlier pass that turned out to have failed, in the cloud's words."""

    disk: Disk
    snapshot: str
    at: datetime
    code: str
    reason: str


class Review(NamedTuple):
    """How attempts stand now; `failed` are those whose failure was not known before.

    `completed` counts the snapshots that were seen completed for the first time.
    """

    attempts: dict[Disk, Attempt]
    failed: list[Failed]
    completed: int


def review(
    attempts: Mapping[Disk, Attempt],
    histories: Mapping[Disk, Sequence[Snapshot]],
    now: datetime,
    operations: Mapping[Disk, OperationState],
    unsure: Collection[str],
    covered: Collection[Disk],
) -> Review:
    """Compare attempts with what the listings show.

    Args:
        attempts: as they are remembered.
        histories: the snapshots of ours by disk.
        now: aware, UTC.
        operations: how those operations stand that were asked for.
        unsure: scopes whose listing may lack snapshots; nothing vanished there.
        covered: disks that rules are about; failures on others are soon forgotten.
    """
    found = Review({}, [], 0)
    for disk, attempt in attempts.items():
        if attempt.at > now + CLOCK_SKEW or now - attempt.at > KEPT:
            continue
        if not attempt.ended:
            snapshot = shown(attempt, histories.get(disk, ()))
            state = operations.get(disk)
            vanished = disk.scope not in unsure and now - attempt.at >= lag(attempt)
            attempt = _ended(attempt, snapshot, state, vanished)
            if attempt.ended and attempt.failures:
                found.failed.append(
                    Failed(disk, attempt.snapshot, attempt.at, attempt.code, attempt.reason)
                )
            found = found._replace(completed=found.completed + _completes(attempt, snapshot))
        failing = attempt.failures and disk in covered
        if not attempt.ended or failing or now - attempt.at < LAG:
            found.attempts[disk] = attempt
    return found


def shown(attempt: Attempt, history: Sequence[Snapshot]) -> Snapshot | None:
    """Find the snapshot of an attempt in a listing: by its id, or else by its time."""
    if attempt.snapshot:
        return next((s for s in history if s.id == attempt.snapshot), None)
    since = attempt.at - min(CLOCK_SKEW, attempt.spacing / 2)
    # One that failed may be another's, of a pass that could not write down what it began.
    return next((s for s in history if s.started >= since and s.state != "failed"), None)


def lag(attempt: Attempt) -> timedelta:
    """Tell how long a listing may hide the snapshot of an attempt."""
    return min(attempt.spacing, LAG)


def _ended(
    attempt: Attempt, snapshot: Snapshot | None, state: OperationState | None, vanished: bool
) -> Attempt:
    """Tell how an attempt ended, if it did."""
    if snapshot and snapshot.state == "completed":
        return msgspec.structs.replace(
            attempt, ended=True, failures=0, code="", reason="", gone=False
        )
    if snapshot and snapshot.state == "failed":
        return _failed(attempt, "", snapshot.message or "the snapshot ended as failed")
    if state and state.state == "failed":
        return _failed(attempt, state.code, state.reason)
    if snapshot or (state and state.state == "running") or not vanished:
        return attempt
    what = attempt.snapshot or "a snapshot whose creation was never answered"
    return _failed(attempt, "", f"no listing shows {what}")


def _failed(attempt: Attempt, code: str, reason: str) -> Attempt:
    failures = attempt.failures + 1
    return msgspec.structs.replace(attempt, ended=True, failures=failures, code=code, reason=reason)


def _completes(attempt: Attempt, snapshot: Snapshot | None) -> bool:
    return attempt.ended and snapshot is not None and snapshot.state == "completed"
