"""What MIRROR_URL names: the bucket, the mirror in it, and the folder beside the mirror."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from shared.bucket.folder import Folder, parse_url
from shared.errors import SettingsError
from shared.ports import Bucket
from shared.settings import Settings
from shared.sources.mirror import Mirror


class Shelf(NamedTuple):
    """The mirror, and where leases, records and reports lie beside it."""

    bucket: Bucket
    folder: str
    mirror: Mirror


def shelf(settings: Settings, stores: Mapping[str, Callable[[str], Bucket]]) -> Shelf | None:
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
    openers = {"file": Folder, **stores}
    if scheme not in openers:
        raise SettingsError(
            f"MIRROR_URL is a {scheme}:// address, which this cloud's function cannot read: "
            f"{' or '.join(f'{known}://…' for known in reversed(openers))} would do"
        )
    bucket: Bucket = openers[scheme](place)
    mirror = Mirror(bucket, key, url, settings.deltas_annotation_key)
    return Shelf(bucket, key.removesuffix(".gz").removesuffix(".json"), mirror)
