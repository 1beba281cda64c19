"""A folder as a bucket."""

from functools import partial
from pathlib import Path

import pytest

from shared.errors import BucketError
from shared.folder import Folder, parse_url
from shared.ports import Bucket
from tests.contract.bucket import BucketContract, Opener, UnreachableContract


class TestFolder(BucketContract):
    processes = True

    @pytest.fixture
    def opener(self, tmp_path: Path) -> Opener:
        return partial(Folder, str(tmp_path / "bucket"))

    def test_leaves_nothing_lying_about(self, tmp_path: Path) -> None:
        """Beside the object lies its lock, and no temporary file."""
        bucket = Folder(str(tmp_path))
        bucket.put("demo/a", b"1", "")
        bucket.put("demo/a", b"2", None)
        names = {path.name for path in (tmp_path / "demo").iterdir()}
        assert names == {"a", ".a.lock"}

    @pytest.mark.parametrize("name", ["../a", "/etc/passwd", "demo/../../a"])
    def test_stays_in_its_folder(self, tmp_path: Path, name: str) -> None:
        """A name that leads out of it is refused, to be read and to be written."""
        bucket = Folder(str(tmp_path / "bucket"))
        with pytest.raises(BucketError, match="is not in"):
            bucket.get(name)
        with pytest.raises(BucketError, match="is not in"):
            bucket.put(name, b"", None)

    def test_a_write_that_fails_leaves_the_old(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where the disk is full the object is as it was, and no part of the new one stays."""
        bucket = Folder(str(tmp_path))
        bucket.put("a", b"old", "")

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(BucketError, match="No space left"):
            bucket.put("a", b"new", None)
        assert (tmp_path / "a").read_bytes() == b"old"
        assert len(list(tmp_path.iterdir())) == 2


class TestUnusable(UnreachableContract):
    @pytest.fixture
    def unreachable(self, tmp_path: Path) -> Bucket:
        (tmp_path / "file").write_text("")
        return Folder(str(tmp_path / "file"))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://bucket/rules.json", ("s3", "bucket", "rules.json")),
        ("gs://bucket/a/b.json.gz", ("gs", "bucket", "a/b.json.gz")),
        ("file:///backups/demo/rules.json", ("file", "/backups/demo", "rules.json")),
        ("file:///a%20b/rules.json", ("file", "/a b", "rules.json")),
    ],
)
def test_splits_an_address(url: str, expected: tuple[str, str, str]) -> None:
    """Into scheme, bucket and name."""
    assert parse_url(url) == expected
