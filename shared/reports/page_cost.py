"""What the snapshots take and cost, as a range, with what was assumed. Pure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from shared.model import Snapshot
from shared.planning.forecast import PRICE, stored

#: How much of a disk changes in a day: the least and the most that is assumed.
LEAST, MOST = 0.01, 0.05
_GIB = 1024**3


class Cost(NamedTuple):
    """GiB stored, at least and at most, of so many disks, and what the range rests on.

    Of `told` disks the cloud says what the snapshots take, of `full` what the newest takes alone;
    of `unknown` disks not even the size is known. `archived` snapshots are not counted.
    """

    disks: int = 0
    told: int = 0
    full: int = 0
    unknown: int = 0
    archived: int = 0
    low: float = 0.0
    high: float = 0.0

    @property
    def dollars(self) -> tuple[float, float]:
        """Give US dollars in a month."""
        return self.low * PRICE, self.high * PRICE

    @property
    def assumption(self) -> str:
        """Say what the range rests on."""
        price = f"${PRICE:.2f} for a GiB in a month"
        if self.told == self.disks:
            return f"The cloud says what they take. Assumed: {price}."
        full = (
            "The cloud says what each takes alone, and not what they share"
            if self.full == self.disks
            else "The cloud does not say what is in use on some disks: we assume that they are full"
        )
        return (
            f"{full}. Assumed: {LEAST:.0%} to {MOST:.0%} of the blocks change in a day, at random, "
            f"and {price}. Disks that change in few places cost less."
        )


def cost(histories: Iterable[Sequence[Snapshot]]) -> Cost:
    """Reckon what the completed snapshots of some disks take.

    Args:
        histories: of each disk, the oldest first.
    """
    found = Cost()
    for history in histories:
        done = [s for s in history if s.state == "completed"]
        kept = [s for s in done if s.tier != "archive"]
        found = found._replace(archived=found.archived + len(done) - len(kept))
        if kept:
            found = _with(found, kept)
    return found


def _with(found: Cost, kept: Sequence[Snapshot]) -> Cost:
    """Add a disk."""
    told = sum(s.stored for s in kept) / _GIB
    alone = kept[-1].full / _GIB
    size = alone or kept[-1].size
    return found._replace(
        disks=found.disks + 1,
        told=found.told + bool(told),
        full=found.full + bool(alone),
        unknown=found.unknown + (not told and not size),
        low=found.low + (told or size * stored(kept, LEAST)),
        high=found.high + (told or size * stored(kept, MOST)),
    )
