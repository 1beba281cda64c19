"""A folder as a bucket."""

import fcntl
import os
import time
from functools import partial
from pathlib import Path

import pytest

from shared.bucket.folder import Folder
from shared.errors import BucketError
from shared.ports import Bucket
from tests.contract.bucket import BucketContract, Opener, UnreachableContract, found


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


@pytest.mark.parametrize(("ahead", "age"), [(-3600, 3600), (3600, 0)])
def test_the_age_is_the_files(tmp_path: Path, ahead: int, age: int) -> None:
    """Since its last write, and never negative."""
    (tmp_path / "a").write_bytes(b"")
    os.utime(tmp_path / "a", (time.time() + ahead,) * 2)
    assert 0 <= found(Folder(str(tmp_path)), "a").age.total_seconds() - age < 10


def test_waits_for_another_writer_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that hangs does not hang the others."""
    monkeypatch.setattr("shared.bucket.folder.PATIENCE", 0.1)
    with (tmp_path / ".a.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BucketError):
            Folder(str(tmp_path)).put("a", b"1", None)


def test_keeps_who_may_read_it(tmp_path: Path) -> None:
    """A file that others may read stays so."""
    (tmp_path / "a").write_bytes(b"")
    (tmp_path / "a").chmod(0o644)
    Folder(str(tmp_path)).put("a", b"1", None)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    """In words, and not with Python's own error."""
    with pytest.raises(BucketError):
        Folder(str(tmp_path)).get("a\0b")
