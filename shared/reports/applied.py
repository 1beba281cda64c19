"""What became of a plan's actions, each accounted for exactly once."""

from shared.errors import DiskGone, NextPass, ProviderError, Refused
from shared.model import Disk
from shared.planning.actions import Create, Delete, Plan
from shared.reports.entries import Action, Deferred, Done, Failure


class Applied:
    """What became of the planned actions, each exactly once.

    `begun` has the ids of new snapshots; `gone` are creations on disks that do not exist any more,
    with what the cloud said; they are put off as well.
    """

    def __init__(self) -> None:
        self.creations: list[Done] = []
        self.deletions: list[Done] = []
        self.failures: list[Failure] = []
        self.deferred: list[Deferred] = []
        self.created_disks: set[str] = set()
        self.begun: dict[Disk, str] = {}
        self.gone: list[tuple[Create, str]] = []

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
                tier=snapshot.tier,
            )
        )

    def missed(self, action: Action, disk: str, snapshot: str, error: ProviderError) -> None:
        """Account for an action that was put off, or failed."""
        if isinstance(error, (NextPass, Refused, DiskGone)):
            self.deferred.append(
                Deferred(action=action, disk=disk, snapshot=snapshot, reason=str(error))
            )
            return
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
