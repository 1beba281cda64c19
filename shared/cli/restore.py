"""The command `restore`: find a snapshot and make the manifests that bring it back."""

import argparse
import logging
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from shared.errors import ClusterError, RequestError
from shared.objects import Objects
from shared.passes.world import Ports
from shared.restore import manifests
from shared.restore.choose import find, others, passed_over, scopes_of
from shared.restore.request import RestoreRequest, parse_restore
from shared.restore.volumes import ClusterVolume, read_cluster_volumes
from shared.settings import Settings
from shared.text import shorten, utc, words

#: Where a name is perhaps mistyped.
LOOK = "; `k8s-snapshots list` shows what can be restored"

log = logging.getLogger(__name__)


def restore(settings: Settings, ports: Ports, arguments: argparse.Namespace) -> manifests.Restore:
    """Make the manifests that bring a snapshot back; nothing is changed.

    Raises:
        PassError: where nothing fits what was asked for, with what would.
    """
    names = ("claim", "volume", "disk", "at", "snapshot", "name", "into", "size", "driver")
    now = ports.clock.now()
    given = {name: getattr(arguments, name) for name in names}
    request = parse_restore(now, zone=ZoneInfo(settings.tz), **given)
    if request.at:
        log.info("--at %s is %s", shorten(arguments.at), utc(request.at))
    provider, labels = ports.provider, ports.labels
    volumes = read_cluster_volumes(read_objects(ports), provider.volumes, provider.locate)
    scopes = _scopes(request, volumes, arguments.scope, ports.scopes)
    with ports.progress.step("listing snapshots"):
        listings = provider.list(scopes)
    missing = "; ".join(listing.error for listing in listings if not listing.complete)
    listed = [snapshot for listing in listings for snapshot in listing.snapshots]
    try:
        chosen = find(request, listed, volumes, labels, now)
    except RequestError as error:
        if hint := others(request, volumes):
            raise RequestError(f"{error}{hint}{LOOK}") from None
        if missing:
            raise RequestError(f"{error}; but the listing is incomplete: {missing}") from None
        raise
    size = f"{chosen.size}Gi" if chosen.size else None
    return manifests.restore(
        request,
        chosen,
        volumes,
        labels,
        now,
        size=size,
        missing=missing,
        newer=passed_over(request, chosen, listed, volumes, labels, now),
        cluster=settings.cluster_name,
    )


def _scopes(
    request: RestoreRequest,
    volumes: Sequence[ClusterVolume],
    named: Sequence[str],
    listed: Sequence[str],
) -> list[str]:
    """Tell where to look: as named and as objects tell, else where every pass lists."""
    scopes = sorted({*named, *scopes_of(request, volumes)} or {*listed})
    if not scopes:
        raise RequestError(
            f"no object shows where the disk of {request} was{others(request, volumes)}; name a "
            f"region or project by --scope{LOOK if volumes else ''}"
        )
    return scopes


def read_objects(ports: Ports) -> Objects | None:
    """Read the cluster, or the mirror where it is gone; None where both are."""
    sources: list[Any] = [ports.source]
    if ports.storage and ports.source.live:
        sources.append(ports.storage.mirror)
    for source in sources:
        try:
            with ports.progress.step("reading the cluster"):
                found: Objects = source.read()
        except ClusterError as error:
            log.warning("%s", error)
            continue
        if found.age is not None:
            log.warning("volumes and claims are those of the mirror, %s old", words(found.age))
        return found
    return None
