"""What is asked for: one claim, volume or disk, and nothing that cannot be meant."""

import re
from datetime import datetime
from typing import Any

import pytest

from shared.errors import RequestError
from shared.restore.request import RestoreRequest, parse_restore
from tests.shared.builders import NOW
from tests.shared.restore.builders import DATA, ID


def test_claim_volume_or_disk_is_named() -> None:
    assert DATA == parse_restore(NOW, claim="shop/data")
    assert RestoreRequest(volume="pv-data") == parse_restore(NOW, volume="pv-data")
    assert RestoreRequest(disk="vol-0a") == parse_restore(NOW, disk="vol-0a")


def test_a_time_without_a_zone_is_utc() -> None:
    at = "2026-06-14T18:00"
    for text in (at, f"{at}Z", f"{at}z", "2026-06-14 20:00+02:00", f" {at} "):
        asked = parse_restore(NOW, claim="shop/data", at=text)
        assert asked.at == datetime.fromisoformat(f"{at}:00+00:00")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "nothing given"),
        ({"claim": "a/b", "volume": "c"}, "--claim and --volume given"),
        ({"claim": "data"}, "write NAMESPACE/NAME"),
        ({"claim": "a/b/c"}, "write NAMESPACE/NAME"),
        ({"claim": "a.b/c"}, "write NAMESPACE/NAME"),
        ({"claim": "shop/da\nta"}, r"shop/da\nta: write"),
        ({"claim": "shop/" + "x" * 254}, "write NAMESPACE/NAME"),
        ({"volume": "$(reboot)"}, "is no name that Kubernetes takes"),
        ({"disk": " "}, "--disk is empty"),
        ({"claim": "a/b", "snapshot": ""}, "--snapshot is empty"),
        ({"claim": "a/b", "snapshot": ID, "at": "2026-06-14"}, "give one of them"),
        (
            {"claim": "a/b", "at": "last week"},
            "--at last week: is no time; write such as 'yesterday",
        ),
        ({"claim": "a/b", "at": "0001-01-01T00:00+23:59"}, "is no time"),
        (
            {"claim": "a/b", "at": "2026-06-15T12:00:01Z"},
            "is in the future; it is 2026-06-15 12:00:00",
        ),
        ({"claim": "a/b", "name": "B"}, "--name B: is no name"),
        ({"claim": "a/b", "into": "a.b"}, "--namespace a.b: is no name"),
        ({"claim": "a/b", "size": "200 GB"}, "--size 200 GB: is not a size"),
        ({"claim": "a/b", "size": "0"}, "is not a size"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=re.escape(message)):
        parse_restore(NOW, **arguments)
