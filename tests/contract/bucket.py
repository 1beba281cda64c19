"""What every bucket does, whatever keeps it."""

import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from datetime import timedelta

import pytest

from shared.errors import BucketError, Conflict
from shared.ports import Bucket, Stored

Opener = Callable[[], Bucket]
#: What an object of each name says that it is.
CONTENT_TYPES = {
    "rules/html/report.html": "text/html; charset=utf-8",
    "rules.json.gz": "application/gzip",
    "rules/known.json": "application/json",
}


def found(bucket: Bucket, name: str) -> Stored:
    stored = bucket.get(name)
    assert stored
    return stored


def count_up(open_bucket: Opener, times: int) -> int:
    """Add to a counter that others add to as well, by conditional writes only.

    Returns how many more may have been added: writes of which a busy machine did not tell in time.
    """
    bucket, done, unclear = open_bucket(), 0, 0
    while done < times:
        try:
            stored = bucket.get("counter")
            number = int(stored.data) if stored else 0
            bucket.put("counter", str(number + 1).encode(), stored.version if stored else "")
        except Conflict:
            continue
        except BucketError:
            unclear += 1
            continue
        done += 1
    return unclear


class BucketContract:
    """The subclass gives `opener`, which opens the same bucket anew each time it is called."""

    #: Whether `opener` can be handed to another process.
    processes = False
    #: Whether a rewrite with the same bytes is another version.
    tells_rewrites = True

    @pytest.fixture
    def bucket(self, opener: Opener) -> Bucket:
        return opener()

    def test_what_is_not_there_is_none(self, bucket: Bucket) -> None:
        """An object that was never written is no error."""
        assert bucket.get("demo/rules.json") is None

    @pytest.mark.parametrize("name", ["a", "demo/rules/state/eu-west-1.json", "a b/ü+%2F.json.gz"])
    def test_gives_what_was_put(self, bucket: Bucket, name: str) -> None:
        """Bytes come back as they were, under any name, with the version that put gave."""
        data = bytes(range(256)) * 20
        version = bucket.put(name, data, None)
        stored = found(bucket, name)
        assert (stored.data, stored.version) == (data, version)
        assert timedelta(0) <= stored.age < timedelta(minutes=1)

    def test_gives_what_another_put(self, bucket: Bucket, opener: Opener) -> None:
        """Nothing is remembered between calls."""
        bucket.put("a", b"1", None)
        version = opener().put("a", b"2", None)
        assert (found(bucket, "a").data, found(bucket, "a").version) == (b"2", version)

    def test_gzip_is_not_unpacked(self, bucket: Bucket) -> None:
        """What looks compressed comes back as it is."""
        import gzip

        data = gzip.compress(b"{}")
        bucket.put("rules.json.gz", data, None)
        assert found(bucket, "rules.json.gz").data == data

    def test_an_object_is_created_once(self, bucket: Bucket) -> None:
        """Of two that expect nothing there, the second fails and changes nothing."""
        bucket.put("a", b"first", "")
        with pytest.raises(Conflict):
            bucket.put("a", b"second", "")
        assert found(bucket, "a").data == b"first"

    def test_a_version_is_replaced_once(self, bucket: Bucket) -> None:
        """Who expects an older version fails and changes nothing."""
        first = bucket.put("a", b"1", "")
        second = bucket.put("a", b"2", first)
        for old in (first, ""):
            with pytest.raises(Conflict):
                bucket.put("a", b"3", old)
        assert found(bucket, "a").data == b"2"
        bucket.put("a", b"4", second)
        assert found(bucket, "a").data == b"4"

    def test_the_same_bytes_are_another_version(self, bucket: Bucket) -> None:
        """A rewrite is a write, where the store tells the two apart."""
        if not self.tells_rewrites:
            pytest.skip("its versions are digests of the bytes")
        first = bucket.put("a", b"1", "")
        second = bucket.put("a", b"1", first)
        with pytest.raises(Conflict):
            bucket.put("a", b"2", first)
        assert found(bucket, "a").version == second

    def test_what_is_gone_is_a_conflict(self, bucket: Bucket, opener: Opener) -> None:
        """Who expects a version of an object that is not there has lost it."""
        version = bucket.put("a", b"1", "")
        with pytest.raises(Conflict):
            bucket.put("b", b"2", version)
        assert bucket.get("b") is None

    def test_megabytes_come_back_whole(self, bucket: Bucket) -> None:
        """A mirror may have some."""
        data = b"0123456789abcdef" * 200_000
        bucket.put("large", data, "")
        assert found(bucket, "large").data == data

    def test_one_of_many_writers_wins(self, opener: Opener) -> None:
        """However many expect the same version at once."""
        version = opener().put("a", b"start", "")
        barrier = threading.Barrier(6)

        def write(number: int) -> bool:
            bucket = opener()
            bucket.get("a")
            barrier.wait()
            try:
                bucket.put("a", str(number).encode(), version)
            except Conflict:
                return False
            return True

        with ThreadPoolExecutor(6) as pool:
            won = list(pool.map(write, range(6)))
        assert won.count(True) == 1
        assert found(opener(), "a").data == str(won.index(True)).encode()

    def test_no_write_is_lost(self, opener: Opener) -> None:
        """A counter that several add to counts all of them."""
        context = multiprocessing.get_context("spawn")
        pool: Executor = (
            ProcessPoolExecutor(2, context) if self.processes else ThreadPoolExecutor(3)
        )
        workers, times = (2, 25) if self.processes else (3, 10)
        with pool:
            unclear = sum(pool.map(count_up, [opener] * workers, [times] * workers))
        written = int(found(opener(), "counter").data)
        assert workers * times <= written <= workers * times + unclear


class UnreachableContract:
    """What a bucket does that cannot be used. The subclass gives `unreachable`."""

    def test_says_so_and_not_that_another_wrote(self, unreachable: Bucket) -> None:
        """Neither is the object absent, nor has another written it: nobody knows."""
        for call in (
            lambda: unreachable.get("a"),
            lambda: unreachable.put("a", b"1", ""),
            lambda: unreachable.put("a", b"1", None),
        ):
            with pytest.raises(BucketError) as caught:
                call()
            assert not isinstance(caught.value, Conflict)
            assert "a" in str(caught.value)
