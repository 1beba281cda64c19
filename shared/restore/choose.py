"""Which snapshot is to be restored: what is asked for, found among what there is. Pure.

A copy tells neither its disk nor, by itself, of when its data is: it is found by its labels only.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import msgspec

from shared.errors import RequestError
from shared.model import Disk, Snapshot
from shared.planning.labels import CLAIM, CLUSTER, NAMESPACE, VOLUME, Labels, taken
from shared.planning.policy import CLOCK_SKEW
from shared.request import of_one_each
from shared.restore.request import RestoreRequest, is_asked, is_asked_disk, is_current
from shared.restore.volumes import ClusterVolume
from shared.text import closest, did_you_mean, shorten, utc

#: The snapshots that a message names.
NEAREST = 3
#: The claims that a message names.
MOST_NAMED = 5


def scopes_of(request: RestoreRequest, volumes: Sequence[ClusterVolume]) -> list[str]:
    """List the scopes where the snapshots lie, as far as request and objects tell; perhaps none."""
    scopes = {v.disk.scope for v in volumes if v.disk and is_asked(request, v)}
    match = re.fullmatch(r"[a-z]+:([^/]+)/.+", request.disk)
    return sorted(scopes | ({match[1]} if match else set()))


def find(
    request: RestoreRequest,
    snapshots: Iterable[Snapshot],
    volumes: Sequence[ClusterVolume],
    labels: Labels,
    now: datetime,
) -> Snapshot:
    """Choose the snapshot: of the disk that is the request's now, or else by what labels say.

    One that can be used at once goes before an archived one. The time of a copy is that of its
    data, where its label tells it.

    Raises:
        RequestError: where none would do; says what would.
    """
    everything = [_dated(s) for s in snapshots]
    known = _known(request, everything, volumes, labels)
    if request.snapshot:
        return _certain(request, everything, known)
    good = _usable(known, now)
    if not good:
        others = f": {_count(known)}" if known else _elsewhere(request, everything, labels)
        raise RequestError(f"there is no completed snapshot of {request}{others}")
    fit = _by_then(good, request.at)
    if request.at is not None and not fit:
        raise RequestError(
            f"no completed snapshot of {request} began at {utc(request.at)} or before; the nearest "
            f"are {_list(good)}"
        )
    current = {v.disk for v in volumes if is_asked(request, v) and is_current(request, v)}
    return max(fit, key=lambda s: _rank(s, current))


def passed_over(
    request: RestoreRequest,
    chosen: Snapshot,
    snapshots: Iterable[Snapshot],
    volumes: Sequence[ClusterVolume],
    labels: Labels,
    now: datetime,
) -> list[Snapshot]:
    """List what has newer data than what `find` chose, but is archived or a copy; the newest."""
    if request.snapshot:
        return []
    known = _known(request, map(_dated, snapshots), volumes, labels)
    fit = [s for s in _by_then(_usable(known, now), request.at) if taken(s)]
    newer = [s for s in fit if s.started > chosen.started and (s.copy or s.tier == "archive")]
    return newer[-1:]


def others(request: RestoreRequest, volumes: Sequence[ClusterVolume]) -> str:
    """Say which claims, volumes or disks there are, the closest first, where none fits."""
    if request.claim:
        what, asked = "claims", f"{request.namespace}/{request.claim}"
        names = {f"{v.namespace}/{v.claim}" for v in volumes if v.claim}
    elif request.volume:
        what, asked = "volumes", request.volume
        names = {v.volume for v in volumes if v.volume}
    else:
        what, asked = "disks", request.disk
        names = {v.disk.id for v in volumes if v.disk}
    if asked in names or any(is_asked(request, v) for v in volumes) or not names:
        return ""
    near = closest(asked, names, MOST_NAMED)
    shown = [*near, *sorted(names.difference(near))][:MOST_NAMED]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    meant = did_you_mean(near)
    begin = f"{meant} The" if meant else "; the"
    return f"{begin} {what} are: {', '.join(map(shorten, shown))}{more}"


def _rank(snapshot: Snapshot, current: Collection[Disk | None]) -> tuple[object, ...]:
    """Rank what fits: at once, of a known time, of the present disk, new, no copy."""
    return (
        snapshot.tier != "archive",
        taken(snapshot) is not None,
        snapshot.disk in current,
        snapshot.started,
        not snapshot.copy,
        snapshot.id,
    )


def _dated(snapshot: Snapshot) -> Snapshot:
    """Give a copy the time of its data, where its label tells it."""
    time = taken(snapshot)
    return msgspec.structs.replace(snapshot, started=time) if snapshot.copy and time else snapshot


def _usable(known: Iterable[Snapshot], now: datetime) -> list[Snapshot]:
    return [s for s in known if s.state == "completed" and s.started <= now + CLOCK_SKEW]


def _by_then(good: Iterable[Snapshot], by: datetime | None) -> list[Snapshot]:
    """Select what was certainly begun by a time."""
    return [s for s in good if by is None or (taken(s) and s.started <= by)]


def known(
    request: RestoreRequest,
    snapshots: Iterable[Snapshot],
    volumes: Sequence[ClusterVolume],
    labels: Labels,
) -> list[Snapshot]:
    """Select the snapshots of what is asked for, copies by the time of their data."""
    return _known(request, map(_dated, snapshots), volumes, labels)


def _known(
    request: RestoreRequest,
    snapshots: Iterable[Snapshot],
    volumes: Sequence[ClusterVolume],
    labels: Labels,
) -> list[Snapshot]:
    """Select our snapshots of what is asked for, the oldest first."""
    snapshots = [s for s in snapshots if labels.ours(s)]
    disks = {v.disk for v in volumes if v.disk and is_asked(request, v)}
    theirs = {s.disk for s in snapshots if not s.copy and is_asked_disk(request, s.disk)}
    of_one_each([request.disk] if request.disk else [], disks | theirs)
    # Where labels are not exact, a.b and a-b share a label; the cluster knows which disk is whose.
    exact = labels.encoding.exact
    others = set() if exact else {v.disk for v in volumes if v.claim and not is_asked(request, v)}
    found, clusters = [], set()
    for snapshot in snapshots:
        of_disk = snapshot.disk in disks or is_asked_disk(request, snapshot.disk)
        if of_disk and not snapshot.copy:
            found.append(snapshot)
        elif (
            _labelled(request, snapshot, labels)
            and snapshot.disk not in others
            and not (labels.cluster and labels.owner(snapshot) == "other")
        ):
            found.append(snapshot)
            clusters.add(snapshot.labels.get(CLUSTER, ""))
    if not labels.cluster and len(clusters - {""}) > 1:
        raise RequestError(
            f"several clusters have a {request}: {', '.join(map(shorten, sorted(clusters - {''})))}"
            "; set CLUSTER_ID to choose one"
        )
    return sorted(found, key=lambda s: (s.started, s.id))


def _labelled(request: RestoreRequest, snapshot: Snapshot, labels: Labels) -> bool:
    """Tell whether the labels of a snapshot name what is asked for."""
    if request.claim:
        wanted = {NAMESPACE: request.namespace, CLAIM: request.claim}
    elif request.volume:
        wanted = {VOLUME: request.volume}
    else:
        return False
    return all(snapshot.labels.get(k) == labels.encoding.value(v) for k, v in wanted.items())


def _certain(
    request: RestoreRequest, everything: Iterable[Snapshot], known: Sequence[Snapshot]
) -> Snapshot:
    """Give the snapshot that is asked for by its id."""
    name = shorten(request.snapshot)
    completed = [s for s in known if s.state == "completed"]
    would_do = f"; the newest are {_list(completed[::-1])}" if completed else ""
    chosen = next((s for s in known if s.id == request.snapshot), None)
    if chosen is None:
        other = next((s for s in everything if s.id == request.snapshot), None)
        if other is None:
            why = "is not there, or does not have our label"
        elif other.copy:
            why = f"is a copy, and its labels do not name {request}"
        else:
            why = f"is of disk {shorten(other.disk.id)}, not of {request}"
    elif chosen.state == "failed":
        why = "failed: it is no backup"
    elif chosen.state == "pending":
        why = "is still pending; wait until it is completed"
    else:
        return chosen
    raise RequestError(f"--snapshot {name} {why}{would_do}")


def _elsewhere(request: RestoreRequest, snapshots: Iterable[Snapshot], labels: Labels) -> str:
    """Name the clusters whose snapshots would have done."""
    others = {
        shorten(s.labels.get(CLUSTER, ""))
        for s in snapshots
        if labels.ours(s) and labels.owner(s) == "other" and _labelled(request, s, labels)
    }
    if others:
        return f", but of cluster {', '.join(sorted(others))}: set CLUSTER_ID to restore that"
    return "; check region or project, and the author label"


def _list(snapshots: Sequence[Snapshot]) -> str:
    """Name the first few of some snapshots."""
    return ", ".join(f"{shorten(s.id)} ({utc(s.started)})" for s in snapshots[:NEAREST])


def _count(snapshots: Collection[Snapshot]) -> str:
    states = sorted({s.state for s in snapshots})
    return ", ".join(f"{sum(s.state == state for s in snapshots)} {state}" for state in states)
