"""What MIRROR_URL names."""

import pytest

from shared.bucket.storage import parse_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://bucket/a#1?2.json", ("s3", "bucket", "a#1?2.json")),
        ("file:///a/b#c/r.json", ("file", "/a/b#c", "r.json")),
        ("s3://bucket/rules.json", ("s3", "bucket", "rules.json")),
        ("gs://bucket/a/b.json.gz", ("gs", "bucket", "a/b.json.gz")),
        ("file:///backups/demo/rules.json", ("file", "/backups/demo", "rules.json")),
        ("file:///a%20b/rules.json", ("file", "/a b", "rules.json")),
    ],
)
def test_splits_an_address(url: str, expected: tuple[str, str, str]) -> None:
    """Into scheme, bucket and name."""
    assert parse_url(url) == expected
