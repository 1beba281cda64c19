"""A backfill that stays until its snapshots are completed."""

import logging
from collections import Counter
from collections.abc import Iterable

from shared.model import Disk, Snapshot, State
from shared.passes.deadline import Deadline
from shared.passes.listings import snapshots_of
from shared.passes.world import Ports
from shared.planning.actions import Plan
from shared.reports.applied import Applied
from shared.reports.entries import Awaited

log = logging.getLogger(__name__)

#: Seconds between two looks at what is pending: at first, and at last.
POLL, LONGEST_POLL = 10.0, 60.0


def wait_for(
    plan: Plan, applied: Applied, listed: Iterable[Snapshot], ports: Ports, deadline: Deadline
) -> tuple[Awaited, ...]:
    """Stay until what was begun, by this call or before, is completed or has failed.

    Args:
        plan: whose disks are waited for.
        applied: what this call began.
        listed: shows what an earlier one began.
        ports: the world.
        deadline: after which there is no other look.
    """
    disks = {account.disk for account in plan.disks}
    states: dict[tuple[Disk, str], State] = {
        (s.disk, s.id): s.state
        for s in listed
        if s.state == "pending" and s.disk in disks and ports.labels.ours(s) and not s.copy
    }
    states |= dict.fromkeys(applied.begun.items(), "pending")
    pause, ended = POLL, 0
    with ports.progress.step("waiting for completion", len(states)) as advance:
        while pending := {disk.scope for (disk, _), s in states.items() if s == "pending"}:
            if deadline.remaining() < pause:
                break
            ports.clock.sleep(pause)
            pause = min(1.5 * pause, LONGEST_POLL)
            seen = snapshots_of(ports.provider.list(sorted(pending)))
            states |= {(s.disk, s.id): s.state for s in seen if (s.disk, s.id) in states}
            counts = Counter(states.values())
            log.info("completed %d, pending %d", counts["completed"], counts["pending"])
            before, ended = ended, len(states) - counts["pending"]
            advance(ended - before)
    return tuple(
        Awaited(disk=disk.id, snapshot=name, state=state)
        for (disk, name), state in sorted(states.items())
    )
