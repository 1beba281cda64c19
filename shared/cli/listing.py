"""The command `list`: restore points, also where claim or cluster are gone."""

import argparse
import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from shared.cli.changes import title
from shared.cli.pictures import Line
from shared.cli.restore import read_objects
from shared.cli.rows import local_time
from shared.errors import RequestError
from shared.passes.world import Ports
from shared.restore.choose import known, others, scopes_of
from shared.restore.points import Point, points
from shared.restore.request import RestoreRequest, parse_restore
from shared.restore.volumes import ClusterVolume, read_cluster_volumes
from shared.text import counted, words

log = logging.getLogger(__name__)


def listed(ports: Ports, arguments: argparse.Namespace) -> tuple[list[Point], str]:
    """List what was asked for, and say why it may be incomplete.

    Raises:
        PassError: where nothing tells where to look.
    """
    provider, labels, now = ports.provider, ports.labels, ports.clock.now()
    named = {name: getattr(arguments, name) for name in ("claim", "volume", "disk")}
    given = any(value is not None for value in named.values())
    request = parse_restore(now, **named) if given else None
    volumes = read_cluster_volumes(read_objects(ports), provider.volumes, provider.locate)
    scopes = sorted({*arguments.scope, *ports.scopes, *_scopes(request, volumes)})
    if not scopes:
        raise RequestError(
            "no object shows where the disks are; name a region or project by --scope"
        )
    with ports.progress.step("listing snapshots"):
        listings = provider.list(scopes)
    missing = "; ".join(listing.error for listing in listings if not listing.complete)
    everything = [snapshot for listing in listings for snapshot in listing.snapshots]
    if request:
        everything = known(request, everything, volumes, labels)
    else:
        everything = [
            s for s in everything if labels.ours(s) and labels.owner(s) in ("this", "unknown")
        ]
    found = points(everything, volumes, labels, now)
    wanted = arguments.namespace
    if wanted:
        found = [p for p in found if p.names.claim.partition("/")[0] in wanted]
    if request and not found:
        log.warning("there is no snapshot of %s%s", request, others(request, volumes))
    return found, missing


def _scopes(request: RestoreRequest | None, volumes: Sequence[ClusterVolume]) -> Iterable[str]:
    found = scopes_of(request, volumes) if request else []
    return found or {volume.disk.scope for volume in volumes if volume.disk}


def lines(found: Sequence[Point], zone: ZoneInfo, now: datetime) -> Iterator[Line]:
    """Tell people of each restore point, by claim, the newest first."""
    last = None
    for point in found:
        disk = point.snapshot.disk
        if disk != last:
            yield Line(title(disk.id, point.names), "bold")
        last = disk
        yield _line(point, zone, now)
    yield Line(counted(len(found), "snapshot"), "bold")


def _line(point: Point, zone: ZoneInfo, now: datetime) -> Line:
    one = point.snapshot
    until = f", until about {local_time(point.until, zone)}" if point.until else ""
    more = "".join(
        f", {text}" for text in (f"{one.size} GiB" if one.size else "", one.tier) if text
    )
    age = f"{words(now - one.started)} ago"
    return Line(
        f"  {local_time(one.started, zone)} {age:>12}  {one.id}  {one.state}{more}; "
        f"{point.why}{until}",
        {"failed": "red", "pending": "cyan"}.get(one.state, ""),
    )


def to_builtins(found: Sequence[Point]) -> list[dict[str, Any]]:
    """Tell programs the same."""
    return [
        {
            "snapshot": p.snapshot.id,
            "claim": p.names.claim,
            "volume": p.names.volume,
            "disk": p.snapshot.disk.id,
            "started": p.snapshot.started.isoformat(),
            "state": p.snapshot.state,
            "why": p.why,
            "until": p.until and p.until.isoformat(),
            "size_gib": p.snapshot.size,
            "tier": p.snapshot.tier,
            "place": p.snapshot.disk.scope,
        }
        for p in found
    ]


def names(found: Sequence[Point]) -> list[str]:
    """Name the snapshots, for scripts."""
    return [point.snapshot.id for point in found]
