"""What MIRROR_URL names: the bucket, the mirror in it, and the folder beside the mirror.

For `s3://backups/demo/rules.json.gz` the bucket is `backups`, the folder `demo/rules`. There are:

    demo/rules.json.gz                               the mirror
    demo/rules/state/SCOPE.json                      a scope's lease, and what was begun there
    demo/rules/known.json                            how many disks had rules, by the day
    demo/rules/read.json                             since when the cluster's answers lost rules
    demo/rules/reports/YYYY/MM/DD/TIME-PASS.json.gz  the whole report of a pass
    demo/rules/html/report.html                      the same as a page, where REPORT_HTML is set
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import unquote

from shared.bounded import TooSlow, within
from shared.bucket.folder import Folder
from shared.errors import BucketError, SettingsError
from shared.ports import Bucket, Stored, Trial
from shared.settings import Settings
from shared.sources.mirror import Mirror

R = TypeVar("R")

#: Opens a bucket by its name.
Opener = Callable[[str], Bucket]
#: Seconds that one call of a bucket may take as a whole; its client's own time-outs are shorter.
CALL = 40.0


class Bounded:
    """A bucket whose calls end in time; implements `ports.Bucket`."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def get(self, name: str) -> Stored | None:
        """Read an object."""
        return self._within("reading", name, lambda: self._bucket.get(name))

    def put(self, name: str, data: bytes, expected: str | None) -> str:
        """Write an object where it still is the expected version."""
        return self._within("writing", name, lambda: self._bucket.put(name, data, expected))

    def try_put(self, name: str) -> bool:
        """Try whether an object may be written, where the bucket can tell."""
        bucket = self._bucket
        if not isinstance(bucket, Trial):
            return False
        return self._within("writing", name, lambda: bucket.try_put(name))

    def _within(self, doing: str, name: str, call: Callable[[], R]) -> R:
        try:
            return within(CALL, call)
        except TooSlow as error:
            raise BucketError(f"{doing} {name}: {error}") from None


class Storage(NamedTuple):
    """The mirror, and where leases, records and reports lie beside it."""

    bucket: Bucket
    folder: str
    mirror: Mirror


def open_storage(settings: Settings, stores: Mapping[str, Opener]) -> Storage | None:
    """Give what MIRROR_URL names, if anything.

    Args:
        settings: name it.
        stores: open a bucket by its name, for each scheme that this cloud knows.

    Raises:
        SettingsError: where it is another cloud's.
    """
    url = settings.mirror_url
    if not url:
        return None
    scheme, place, key = parse_url(url)
    openers: dict[str, Opener] = {"file": Folder, **stores}
    if scheme not in openers:
        raise SettingsError(
            f"MIRROR_URL is a {scheme}:// address, which this cloud's function cannot read. "
            f"Write {' or '.join(f'{known}://…' for known in reversed(openers))}"
        )
    bucket = Bounded(openers[scheme](place))
    mirror = Mirror(bucket, key, url, settings.annotation_keys, settings.defaults)
    return Storage(bucket, key.removesuffix(".gz").removesuffix(".json"), mirror)


def parse_url(url: str) -> tuple[str, str, str]:
    """Split the address of an object into scheme, bucket and name.

    The bucket of `file:///backups/demo/rules.json` is the folder `/backups/demo`.
    """
    # Not urlsplit, which takes "?" and "#" out of a name.
    scheme, _, rest = url.partition("://")
    if scheme == "file":
        path = Path(unquote(rest))
        return "file", str(path.parent), path.name
    bucket, _, name = rest.partition("/")
    return scheme, bucket, name.lstrip("/")
