"""What is right, told independently of the core: rules out of objects, and who may go.

Nothing here calls what it judges: rules are read again from the plain JSON, and retention is
tarsnapper's own.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from tarsnapper.expire import expire as tarsnapper

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: The deltas that the simulation writes, and what they mean.
DELTAS: dict[str, tuple[timedelta, ...]] = {
    "PT1H P1D": (HOUR, DAY),
    "PT1H PT6H P2D": (HOUR, 6 * HOUR, 2 * DAY),
    "PT3H P1D P7D": (3 * HOUR, DAY, 7 * DAY),
    "PT6H P3D": (6 * HOUR, 3 * DAY),
    "P1D P7D P30D": (DAY, 7 * DAY, 30 * DAY),
}
MANGLED = ("PT1H P1X", "P1D", "", "hourly", 5, None)
KEY = "backup.kubernetes.io/deltas"
AUTHOR = {"created-by": "k8s-snapshots"}
CLUSTER = "k8s-snapshots-cluster"
FUTURE = timedelta(minutes=10)

Json = dict[str, Any]


class Rules(NamedTuple):
    """Of each disk the deltas that can be understood; `broken` disks have a rule that cannot."""

    deltas: Mapping[str, list[str]]
    broken: frozenset[str]


def rules_of(items: Iterable[Json]) -> Rules:
    """Read what the objects of a cluster ask for."""
    items = list(items)
    found: dict[str, list[str]] = {}
    broken = set()
    volumes = {i["metadata"]["name"]: i for i in items if i["kind"] == "PersistentVolume"}

    def add(volume: Json | str, text: Any) -> None:
        name = volume if isinstance(volume, str) else volume["spec"]["csi"]["volumeHandle"]
        if text in DELTAS:
            found.setdefault(name, []).append(text)
        else:
            broken.add(name)

    for item in items:
        written = item["metadata"].get("annotations") or {}
        if item["kind"] == "SnapshotRule":
            spec = item["spec"]
            add(spec["disk"]["volumeId"], spec.get("deltas"))
        elif KEY in written and item["kind"] == "PersistentVolume":
            add(item, written[KEY])
        elif KEY in written:
            meta, volume = item["metadata"], volumes.get(item["spec"].get("volumeName", ""))
            ref = (volume or {}).get("spec", {}).get("claimRef", {})
            if volume and (ref.get("namespace"), ref.get("name"), ref.get("uid")) == (
                meta["namespace"], meta["name"], meta["uid"]
            ):  # fmt: skip
                add(volume, written[KEY])
    return Rules(found, frozenset(broken))


def interval(rules: Rules, disk: str) -> timedelta | None:
    """Tell the smallest interval that the rules give a disk."""
    lists = rules.deltas.get(disk)
    return min(DELTAS[text][0] for text in lists) if lists else None


def spacing(every: timedelta, period: timedelta) -> timedelta:
    """Tell what lies between two snapshots at least: the interval less the slack."""
    return every - min(period / 2, every / 4)


def let_go(times: Mapping[str, datetime], lists: Sequence[str]) -> set[str]:
    """Tell which snapshots tarsnapper lets go under every list of deltas."""
    gone = set(times)
    for text in lists:
        gone -= set(tarsnapper(dict(times), list(DELTAS[text])))
    return gone


def ours(labels: Mapping[str, str], cluster: str) -> bool:
    """Tell whether a snapshot bears our label and no other cluster's."""
    return AUTHOR.items() <= labels.items() and labels.get(CLUSTER, cluster) == cluster


def is_kept(labels: Mapping[str, str], now: datetime) -> bool:
    """Tell whether the keep label forbids to delete."""
    value = labels.get("k8s-snapshots-keep")
    return value == "true" or (value is not None and now.date().isoformat() <= value)
