"""What the snapshots take and cost, as a range, with what was assumed. Pure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from shared.model import Snapshot
from shared.planning.forecast import PRICE, stored

#: How much of a disk changes in a day: the least and the most that is assumed.
LEAST, MOST = 0.01, 0.05
_GIB = 1024**3


class Cost(NamedTuple):
    """GiB stored, at least and at most, and what the range rests on; `disks` are those counted."""

    disks: int
    unknown: int
    archived: int
    low: float
    high: float
    told: bool

    @property
    def dollars(self) -> tuple[float, float]:
        """Give US dollars in a month."""
        return self.low * PRICE, self.high * PRICE

    @property
    def assumption(self) -> str:
        """Say what the range rests on."""
        price = f"${PRICE:.2f} for a GiB in a month"
        if self.told:
            return f"The cloud tells what each snapshot takes. Assumed: {price}."
        return (
            f"The cloud does not tell what they take. Assumed: disks are full, {LEAST:.0%} to "
            f"{MOST:.0%} of their blocks change in a day, at random, and {price}. Disks that are "
            "not full, or change in few places, cost less."
        )


def cost(histories: Iterable[Sequence[Snapshot]]) -> Cost:
    """Reckon what the completed snapshots of some disks take.

    Args:
        histories: of each disk, the oldest first.
    """
    disks = unknown = archived = 0
    low = high = 0.0
    for history in histories:
        done = [s for s in history if s.state == "completed"]
        kept = [s for s in done if s.tier != "archive"]
        archived += len(done) - len(kept)
        if not kept:
            continue
        disks += 1
        size = kept[-1].size
        unknown += not size
        low += size * stored(kept, LEAST)
        high += size * stored(kept, MOST)
    return Cost(disks, unknown, archived, low, high, told=False)
