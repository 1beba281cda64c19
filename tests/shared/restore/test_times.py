"""Times as people type them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from shared.errors import RequestError
from shared.restore.times import read_time

NOW = datetime(2026, 6, 15, 12, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-06-14T18:00Z", "2026-06-14T18:00"),
        ("2026-06-14 18:00", "2026-06-14T16:00"),
        ("2026-06-14 18:00:30 UTC", "2026-06-14T18:00:30"),
        ("2026-06-14 18:00 +05:30", "2026-06-14T12:30"),
        ("2026-06-14 18:00 America/New_York", "2026-06-14T22:00"),
        ("2026-06-14", "2026-06-14T21:59:59"),
        ("yesterday 06:00", "2026-06-14T04:00"),
        ("yesterday", "2026-06-14T21:59:59"),
        ("today", "2026-06-15T12:30"),
        ("today 06:00", "2026-06-15T04:00"),
        ("06:00", "2026-06-15T04:00"),
        ("06:00 UTC", "2026-06-15T06:00"),
        ("2 hours ago", "2026-06-15T10:30"),
        ("1 week ago", "2026-06-08T12:30"),
        (" 90  minutes ago ", "2026-06-15T11:00"),
        ("2025-10-26 02:30", "2025-10-26T00:30"),
    ],
)
def test_reads(text: str, wanted: str) -> None:
    """In Europe/Berlin where nothing names a zone; of a time that comes twice it is the first."""
    assert read_time(text, NOW, BERLIN) == datetime.fromisoformat(wanted).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("last week", "is no time; write such as 'yesterday 06:00'"),
        ("", "is no time"),
        ("25:00", "is no time"),
        ("2026-02-30", "is no time"),
        ("06/14/2026", "is no time"),
        ("UTC", "is no time"),
        ("18:00", "is in the future; it is 2026-06-15 12:30"),
        ("2026-03-29 02:30", "does not exist in Europe/Berlin"),
        ("06:00 Mars/Olympus", "is no time zone"),
        ("0001-01-01T00:00+23:59", "is no time"),
    ],
)
def test_refuses(text: str, said: str) -> None:
    """With what is wrong, and what would be right."""
    with pytest.raises(RequestError, match=said):
        read_time(text, NOW, BERLIN)
