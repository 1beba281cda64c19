"""What is to be restored, and as what. Pure."""

from datetime import UTC, datetime, tzinfo

import msgspec

from shared.errors import RequestError
from shared.model import Disk
from shared.request import named
from shared.restore.names import is_name, is_namespace
from shared.restore.sizes import in_bytes
from shared.restore.times import read_time
from shared.restore.volumes import ClusterVolume
from shared.text import shorten


class RestoreRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be restored, and as what.

    One of `claim` (with its `namespace`), `volume` and `disk` is given. `at` asks for the newest
    snapshot begun by then, `snapshot` for a certain one; neither, for the newest. `name` and
    `into` are the new claim's name and namespace, `size` its size; `driver` makes its disk, in
    place of the old volume's.
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
    driver: str = ""

    def __str__(self) -> str:
        if self.claim:
            return f"claim {self.namespace}/{self.claim}"
        return f"volume {self.volume}" if self.volume else f"disk {shorten(self.disk)}"


def parse_restore(
    now: datetime,
    *,
    zone: tzinfo = UTC,
    claim: str | None = None,
    volume: str | None = None,
    disk: str | None = None,
    at: str | None = None,
    snapshot: str | None = None,
    name: str | None = None,
    into: str | None = None,
    size: str | None = None,
    driver: str | None = None,
) -> RestoreRequest:
    """Read what the command line says; None is what was not given.

    A time without a zone is one of `zone`.

    Raises:
        RequestError: names the argument and what would do.
    """
    _one_of({"--claim": claim, "--volume": volume, "--disk": disk})
    if at is not None and snapshot is not None:
        raise RequestError("--at and --snapshot both choose the snapshot; give one of them")
    for key, text in (("--disk", disk), ("--snapshot", snapshot)):
        if text is not None and not text.strip():
            raise RequestError(f"{key} is empty")
    namespace, claim = ("", "") if claim is None else _claim(claim)
    for key, text, valid in (("--volume", volume, is_name), ("--name", name, is_name),
                             ("--namespace", into, is_namespace),
                             ("--driver", driver, is_name)):  # fmt: skip
        if text is not None and not valid(text):
            raise RequestError(f"{key} {shorten(text)}: is no name that Kubernetes takes: lowercase"
                               " letters, digits and -")  # fmt: skip
    if size is not None and not in_bytes(size):
        raise RequestError(f"--size {shorten(size)}: is not a size; write one such as 200Gi")
    return RestoreRequest(
        namespace=namespace,
        claim=claim,
        volume=volume or "",
        disk=disk or "",
        at=None if at is None else _time(at, now, zone),
        snapshot=snapshot or "",
        name=name or "",
        into=into or "",
        size=size or "",
        driver=driver or "",
    )


def _one_of(arguments: dict[str, str | None]) -> None:
    """Refuse none, or several, of the arguments of which one is needed."""
    given = [key for key, text in arguments.items() if text is not None]
    if len(given) != 1:
        what = " and ".join(given) if given else "nothing"
        raise RequestError(f"{what} given; name one of --claim NAMESPACE/NAME, --volume, --disk")


def _claim(text: str) -> tuple[str, str]:
    """Read NAMESPACE/NAME."""
    namespace, slash, name = text.partition("/")
    if not slash or not is_namespace(namespace) or not is_name(name):
        raise RequestError(f"--claim {shorten(text)}: write NAMESPACE/NAME, as shop/data")
    return namespace, name


def _time(text: str, now: datetime, zone: tzinfo) -> datetime:
    try:
        return read_time(text, now, zone)
    except RequestError as error:
        raise RequestError(f"--at {error}") from None


def is_asked(request: RestoreRequest, volume: ClusterVolume) -> bool:
    """Tell whether a volume or claim is what the request names."""
    if request.claim:
        return (volume.namespace, volume.claim) == (request.namespace, request.claim)
    if request.volume:
        return volume.volume == request.volume
    return volume.disk is not None and is_asked_disk(request, volume.disk)


def is_asked_disk(request: RestoreRequest, disk: Disk) -> bool:
    """Tell whether a disk is the one that is asked for, by its id or a name of it."""
    return bool(request.disk) and named(disk, [request.disk])


def is_current(request: RestoreRequest, volume: ClusterVolume) -> bool:
    """Tell an earlier volume of the same claim from the one that it has now."""
    return volume.bound or not (request.claim and volume.claimed)
