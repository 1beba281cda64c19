"""How many disks have had rules lately: the memory by which their absence is noticed. Pure."""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Annotated, NamedTuple

import msgspec

from shared.model import Disk

#: A disk counts once it has had a rule for so long: namespaces that live for hours do not.
SETTLED = timedelta(days=1)
#: A fall by half is one of so many disks or more, or of all.
FEW = 5

_Time = Annotated[datetime, msgspec.Meta(tz=True)]


class Seen(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """When a disk had a rule: first, and last by the day, so that it is written once a day."""

    first: _Time
    last: date


class Known(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is remembered: the cluster's id, each disk with a rule, each day's greatest count."""

    kind: str
    cluster: str = ""
    disks: dict[str, Seen] = {}
    counts: dict[date, int] = {}


KIND = "k8s-snapshots-known-rules"


class Verdict(NamedTuple):
    """What is to be remembered now; `lost` is the fall where it is one, `reference` from what."""

    known: Known
    lost: int
    reference: int


def compare(
    known: Known | None,
    cluster: str,
    disks: Collection[Disk],
    now: datetime,
    window: timedelta,
    accept: bool = False,
    doubtful: Collection[Disk] = (),
) -> Verdict:
    """Compare the disks that have rules now with the greatest number within a window.

    Args:
        known: what is remembered; None for a new installation.
        cluster: this cluster's id.
        disks: those that have a rule now.
        now: aware, UTC.
        window: how far back the greatest count is looked for.
        accept: whether what is there now is meant: it is the reference from now on.
        doubtful: disks that perhaps have a rule, which could not be read: those that had one lately
            have not lost it, and the others have none yet.
    """
    before = known or Known(kind=KIND, cluster=cluster)
    last = max(before.counts, default=now.date())  # while no pass looks nothing is forgotten
    seen = {name: found for name, found in before.disks.items() if last - found.last <= window}
    disks = {*disks, *(disk for disk in doubtful if disk.id in seen)}
    for disk in disks:
        first = seen[disk.id].first if disk.id in seen else now.replace(microsecond=0)
        seen[disk.id] = Seen(min(first, now), now.date())
    count = sum(now - seen[disk.id].first >= SETTLED for disk in disks)
    counts = {day: n for day, n in before.counts.items() if last - day <= window}
    reference = 0 if accept else max(counts.values(), default=0)
    fell = reference and 2 * count <= reference and (reference >= FEW or not count)
    if fell:  # until it is accepted, however long that takes
        counts[now.date()] = reference
    if accept:
        counts, seen = {}, {disk.id: seen[disk.id] for disk in disks}
    counts[now.date()] = max(counts.get(now.date(), 0), count)
    remembered = cluster if known is None or accept else before.cluster
    made = Known(kind=KIND, cluster=remembered, disks=seen, counts=counts)
    return Verdict(made, reference - count if fell else 0, reference)
