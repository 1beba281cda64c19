"""Volumes and claims to restore from, and what is asked for. Pure.

Names from the cluster and from labels are untrusted input.
"""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from shared.errors import RequestError, UnknownDisk
from shared.model import Disk
from shared.objects import Objects, PersistentVolume, PersistentVolumeClaim
from shared.ports import Volumes
from shared.text import shorten

#: Kubernetes' limit on the names of most objects (DNS subdomain, RFC 1123).
MAX_SUBDOMAIN = 253
_WORD = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"{_WORD}(?:\.{_WORD})*")
ACCESS_MODES = ("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod")
_VOLUME_MODES = ("Filesystem", "Block")
_QUANTITY = re.compile(r"(\d{1,18}(?:\.\d{1,9})?)(m|[kMGTPE]|[KMGTPE]i|[eE]\d{1,2})?")
_POWERS = "KMGTPE"


class RestoreRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be restored, and as what.

    One of `claim` (with its `namespace`), `volume` and `disk` is given. `at` asks for the newest
    snapshot begun by then, `snapshot` for a certain one; neither, for the newest. `name` and
    `into` are the new claim's name and namespace, `size` its size.
    """

    namespace: str = ""
    claim: str = ""
    volume: str = ""
    disk: str = ""
    at: datetime | None = None
    snapshot: str = ""
    name: str = ""
    into: str = ""
    size: str = ""

    def __str__(self) -> str:
        if self.claim:
            return f"claim {self.namespace}/{self.claim}"
        return f"volume {self.volume}" if self.volume else f"disk {shorten(self.disk)}"


def parse_restore(
    now: datetime,
    *,
    claim: str | None = None,
    volume: str | None = None,
    disk: str | None = None,
    at: str | None = None,
    snapshot: str | None = None,
    name: str | None = None,
    into: str | None = None,
    size: str | None = None,
) -> RestoreRequest:
    """Read what the command line says; None is what was not given.

    Raises:
        RequestError: names the argument and what would do.
    """
    given = [key for key, text in (("--claim", claim), ("--volume", volume), ("--disk", disk))
             if text is not None]  # fmt: skip
    if len(given) != 1:
        what = " and ".join(given) if given else "nothing"
        raise RequestError(f"{what} given; name one of --claim NAMESPACE/NAME, --volume, --disk")
    if at is not None and snapshot is not None:
        raise RequestError("--at and --snapshot both choose the snapshot; give one of them")
    for key, text in (("--disk", disk), ("--snapshot", snapshot)):
        if text is not None and not text.strip():
            raise RequestError(f"{key} is empty")
    namespace = ""
    if claim is not None:
        namespace, slash, claim = claim.partition("/")
        if not slash or not is_namespace(namespace) or not is_name(claim):
            written = f"{namespace}{slash}{claim}"
            raise RequestError(f"--claim {shorten(written)}: write NAMESPACE/NAME, as shop/data")
    for key, text, valid in (("--volume", volume, is_name), ("--name", name, is_name),
                             ("--namespace", into, is_namespace)):  # fmt: skip
        if text is not None and not valid(text):
            raise RequestError(f"{key} {shorten(text)}: is no name that Kubernetes takes: lowercase"
                               " letters, digits and -")  # fmt: skip
    if size is not None and not in_bytes(size):
        raise RequestError(f"--size {shorten(size)}: is no size; one such as 200Gi would do")
    return RestoreRequest(
        namespace=namespace,
        claim=claim or "",
        volume=volume or "",
        disk=disk or "",
        at=None if at is None else _time(at, now),
        snapshot=snapshot or "",
        name=name or "",
        into=into or "",
        size=size or "",
    )


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What a disk is to the cluster, as far as the objects tell it; what they do not is empty.

    `disk` is None where no volume, or no disk of the volume, is known. `bound` tells that the
    claim is bound to this very volume, and not to a later one; `claimed` that the claim is there.
    """

    disk: Disk | None = None
    namespace: str = ""
    claim: str = ""
    volume: str = ""
    bound: bool = False
    claimed: bool = False
    driver: str = ""
    size: str = ""
    storage_class: str = ""
    access_modes: tuple[str, ...] = ()
    volume_mode: str = ""


def read_origins(
    objects: Objects | None,
    volumes: Volumes,
    locate: Callable[[Collection[Disk]], Mapping[Disk, Disk | UnknownDisk]] | None = None,
) -> list[Origin]:
    """Read what the disks of this cloud are to the cluster; nothing where there are no objects.

    Only a volume's claimRef says whose it is, never a claim. `locate` is the provider's, for disks
    that the objects do not place.
    """
    if objects is None:
        return []
    claims = {(c.metadata.namespace, c.metadata.name): c for c in objects.claims}
    found, served = [], set()
    for volume in objects.volumes:
        try:
            disk = volumes.from_volume(volume)
        except UnknownDisk:
            disk = None
        else:
            if disk is None:
                continue
        ref = volume.spec.claim_ref
        claim = claims.get((ref.namespace, ref.name)) if ref else None
        origin = _origin(volume, claim, disk)
        found.append(origin)
        if origin.bound:
            served.add((origin.namespace, origin.claim))
    found += [
        Origin(namespace=namespace, claim=name, claimed=True, **_wanted(claim))
        for (namespace, name), claim in claims.items()
        if (namespace, name) not in served
    ]
    places = locate({o.disk for o in found if o.disk}) if locate else {}
    found.sort(key=lambda o: (o.namespace, o.claim, not o.bound, o.volume))
    return [_placed(origin, places) for origin in found]


def _time(text: str, now: datetime) -> datetime:
    try:
        time = datetime.fromisoformat(text.strip().upper())
        time = (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise RequestError(
            f"--at {shorten(text)}: is no time; write it as 2026-06-14T18:00Z; without a zone it "
            "is UTC"
        ) from None
    if time > now:
        raise RequestError(f"--at {utc(time)} lies ahead; it is {utc(now)}")
    return time


def _origin(
    volume: PersistentVolume, claim: PersistentVolumeClaim | None, disk: Disk | None
) -> Origin:
    spec, ref = volume.spec, volume.spec.claim_ref
    bound = bool(ref and claim and ref.uid and ref.uid == claim.metadata.uid)
    capacity = spec.capacity.get("storage") if isinstance(spec.capacity, Mapping) else None
    said: dict[str, Any] = {
        "size": as_size(capacity),
        "storage_class": _class(spec.storage_class_name),
        "access_modes": _modes(spec.access_modes),
        "volume_mode": _mode(spec.volume_mode),
    }
    wanted = _wanted(claim) if claim and bound else {}
    return Origin(
        disk=disk,
        namespace=ref.namespace if ref else "",
        claim=ref.name if ref else "",
        volume=volume.metadata.name,
        bound=bound,
        claimed=claim is not None,
        driver=spec.csi.driver if spec.csi else "",
        **{key: value or wanted.get(key, value) for key, value in said.items()},
    )


def _wanted(claim: PersistentVolumeClaim) -> dict[str, Any]:
    """Read what a claim asks for."""
    spec = claim.spec
    requests = spec.resources.get("requests") if isinstance(spec.resources, Mapping) else None
    return {
        "size": as_size(requests.get("storage") if isinstance(requests, Mapping) else None),
        "storage_class": _class(spec.storage_class_name),
        "access_modes": _modes(spec.access_modes),
        "volume_mode": _mode(spec.volume_mode),
    }


def _placed(origin: Origin, places: Mapping[Disk, Disk | UnknownDisk]) -> Origin:
    place = places.get(origin.disk, origin.disk) if origin.disk else None
    return msgspec.structs.replace(origin, disk=place if isinstance(place, Disk) else None)


def is_asked(request: RestoreRequest, origin: Origin) -> bool:
    """Tell whether a volume or claim is what the request names."""
    if request.claim:
        return (origin.namespace, origin.claim) == (request.namespace, request.claim)
    if request.volume:
        return origin.volume == request.volume
    return origin.disk is not None and is_disk(request, origin.disk)


def is_disk(request: RestoreRequest, disk: Disk) -> bool:
    """Tell whether a disk is the one that is asked for by its id."""
    return bool(request.disk) and request.disk in (disk.id, disk.name)


def is_present(request: RestoreRequest, origin: Origin) -> bool:
    """Tell an earlier volume of the same claim from the one that it has now."""
    return origin.bound or not (request.claim and origin.claimed)


def is_name(text: str) -> bool:
    """Tell whether most objects of Kubernetes may be called so."""
    return len(text) <= MAX_SUBDOMAIN and bool(_SUBDOMAIN.fullmatch(text))


def is_namespace(text: str) -> bool:
    """Tell whether a namespace may be called so."""
    return len(text) <= 63 and "." not in text and is_name(text)


def in_bytes(size: str) -> Decimal:
    """Read a quantity of Kubernetes; zero for what is none."""
    match = _QUANTITY.fullmatch(size)
    if not match or not size.isascii():
        return Decimal(0)
    number, unit = Decimal(match[1]), match[2] or ""
    if unit[:1] in ("e", "E") and len(unit) > 1 and unit[1].isdigit():
        return number * Decimal(10) ** int(unit[1:])
    if unit == "m":
        return number / 1000
    power = _POWERS.index(unit[0].upper()) + 1 if unit else 0
    return number * Decimal(1024 if unit.endswith("i") else 1000) ** power


def as_size(value: object) -> str:
    """Read a size; numbers are bytes."""
    if isinstance(value, int) and 0 < value < 2**63:
        value = str(int(value))
    return value if isinstance(value, str) and in_bytes(value) else ""


def _class(value: object) -> str:
    return value if isinstance(value, str) and is_name(value) else ""


def _mode(value: object) -> str:
    return value if isinstance(value, str) and value in _VOLUME_MODES else ""


def _modes(value: object) -> tuple[str, ...]:
    return tuple(m for m in ACCESS_MODES if m in value) if isinstance(value, list) else ()


def utc(time: datetime) -> str:
    """Print a time to the second."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
