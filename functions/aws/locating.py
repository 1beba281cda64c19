"""In which region volumes are: where the cluster does not tell it, or tells one that is none."""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from functions.aws.calls import FILTERED, PARALLEL, EC2Clients, sorted_errors
from functions.aws.volumes import NOWHERE, ZONE_ID
from shared.errors import ProviderError, UnknownDisk
from shared.model import Disk
from shared.text import shorten

#: Labels the volume, so that nobody has to look again.
FIX = "kubectl label pv {volume} topology.kubernetes.io/region=REGION"


def misplaced(
    known: Callable[[], Collection[str]], regions: Collection[str], disks: Collection[Disk]
) -> Mapping[Disk, UnknownDisk]:
    """Tell the disks whose region EC2 does not have: whoever writes a label may write anything.

    `known` lists EC2's regions; it is asked only where a region is none of `regions`, which are the
    settings' own and believed.
    """
    others = {d for d in disks if d.scope not in regions and not d.scope.startswith(NOWHERE)}
    if not others:
        return {}
    real = frozenset(known())
    return {
        disk: UnknownDisk(
            "region",
            disk.scope,
            "is not a known region of EC2 in this partition; if it is a new one, add it to REGIONS",
        )
        for disk in others
        if disk.scope not in real
    }


class Looked(NamedTuple):
    """What a region has of the volumes, or why that cannot be told."""

    region: str
    names: frozenset[str] = frozenset()
    error: str = ""


def locate(
    clients: EC2Clients, regions: Sequence[str], disks: Collection[Disk]
) -> Mapping[Disk, Disk | UnknownDisk]:
    """Look for the volumes whose region nothing tells, in some regions at once.

    One DescribeVolumes for each region and 200 volumes; none where every region is told.
    """
    lost = sorted(disk for disk in disks if disk.scope.startswith(NOWHERE))
    if not lost:
        return {}
    names = sorted({disk.name for disk in lost})
    with ThreadPoolExecutor(PARALLEL) as pool:
        looked = list(pool.map(lambda region: _look(clients, region, names), regions))
    return {disk: _place(disk, looked) for disk in lost}


def _look(clients: EC2Clients, region: str, names: Sequence[str]) -> Looked:
    found: set[str] = set()
    try:
        with sorted_errors():
            for start in range(0, len(names), FILTERED):
                # A filter passes over ids that are not there; VolumeIds would be refused with one.
                asked: Any = {"Name": "volume-id", "Values": names[start : start + FILTERED]}
                pages = clients.of(region).get_paginator("describe_volumes")
                for page in pages.paginate(Filters=[asked], PaginationConfig={"PageSize": 500}):
                    found |= {item["VolumeId"] for item in page["Volumes"]}
    except ProviderError as error:
        return Looked(region, frozenset(found), str(error))
    return Looked(region, frozenset(found))


def _place(disk: Disk, looked: Sequence[Looked]) -> Disk | UnknownDisk:
    regions = [one.region for one in looked if disk.name in one.names]
    if len(regions) == 1:
        return Disk(disk.provider, regions[0], disk.name)
    return UnknownDisk("region", disk.name, "is unknown: " + _why(disk, looked, regions), FIX)


def _why(disk: Disk, looked: Sequence[Looked], regions: Sequence[str]) -> str:
    """Say why a volume could not be placed."""
    if regions:
        return f"there is a volume of this id in {', '.join(regions)}"
    zone_id = disk.scope.removeprefix(NOWHERE)
    told = f"only {ZONE_ID}={shorten(zone_id, 40)} is, which names no region" if zone_id else (
        "neither a label nor the node affinity has it"
    )  # fmt: skip
    if not looked:
        return f"{told}; set AWS_REGION or REGIONS to where it is"
    errors = [f"{one.region} could not be looked in: {one.error}" for one in looked if one.error]
    if errors:
        return f"{told}, and {'; '.join(errors[:3])}"
    names = ", ".join(one.region for one in looked[:8])
    return f"{told}, and it is not in {names} (AWS_REGION, REGIONS)"
