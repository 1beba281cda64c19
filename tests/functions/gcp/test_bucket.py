"""Cloud Storage as a bucket: google-cloud-storage on fake-gcs-server."""

import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from functions.gcp import bucket as gcs
from functions.gcp.bucket import GCS
from functions.gcp.credentials import Login
from shared.errors import BucketError, Conflict
from shared.ports import Bucket, Trial
from tests.contract.bucket import CONTENT_TYPES, BucketContract, Opener, UnreachableContract, found
from tests.emulators.canned import Asked, Canned, Reply, google_error
from tests.emulators.fake_gcs import HeadersOnly, create_bucket, fake_gcs

NUMBERS = count()


def bucket_at(origin: str, name: str) -> GCS:
    return GCS(Login({}, {}, origin), name, origin)


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with fake_gcs() as origin:
        yield origin


@pytest.fixture
def opener(origin: str) -> Opener:
    """Make a bucket of its own for each test."""
    name = f"bucket-{next(NUMBERS)}"
    create_bucket(origin, name)
    return partial(bucket_at, origin, name)


class TestGCS(BucketContract):
    @pytest.mark.parametrize(("name", "kind"), CONTENT_TYPES.items())
    def test_objects_say_what_they_are(self, opener: Opener, name: str, kind: str) -> None:
        """So that a browser shows a page."""
        bucket = opener()
        bucket.put(name, b"{}", None)
        assert isinstance(bucket, GCS)
        blob = bucket._bucket.get_blob(name)
        assert kind == blob.content_type


#: What the reference of `objects.get` does not promise with an object's media.
PROMISED = {
    "no time": ["Last-Modified"],
    "no time, no generation": ["Last-Modified", "X-Goog-Generation"],
}


@pytest.fixture(scope="module", params=PROMISED)
def strict(origin: str, request: pytest.FixtureRequest) -> Iterator[HeadersOnly]:
    with HeadersOnly(origin, *PROMISED[request.param]) as server:
        yield server


class TestGCSWithoutHeaders(BucketContract):
    @pytest.fixture
    def opener(self, origin: str, strict: HeadersOnly) -> Opener:
        name = f"bucket-{next(NUMBERS)}"
        create_bucket(origin, name)
        return partial(bucket_at, strict.url, name)


class TestWithoutHeaders:
    """Age and generation come from the object's metadata, and are those of the bytes read."""

    @pytest.fixture
    def name(self, origin: str, strict: HeadersOnly) -> Iterator[str]:
        name = f"bucket-{next(NUMBERS)}"
        create_bucket(origin, name)
        strict.asked.clear()
        yield name
        strict.after = lambda path: None

    def test_an_object_that_is_replaced_meanwhile(
        self, origin: str, strict: HeadersOnly, name: str
    ) -> None:
        """Bytes, version and age are those of one and the same write."""
        direct, written = bucket_at(origin, name), dict[str, bytes]()

        def write(path: str = "") -> None:
            if len(written) < 3:  # twice while it is read: between any two of its requests
                data = str(len(written)).encode()
                written[direct.put("a", data, None)] = data

        write()
        strict.after = write
        stored = found(bucket_at(strict.url, name), "a")
        assert written[stored.version] == stored.data

    def test_an_object_that_is_replaced_all_the_time(
        self, origin: str, strict: HeadersOnly, name: str
    ) -> None:
        """It is neither absent nor of another's version: the read has failed, and says why."""
        direct = bucket_at(origin, name)
        direct.put("a", b"1", None)
        strict.after = lambda path: direct.put("a", b"1", None)
        with pytest.raises(BucketError, match="was replaced 3 times meanwhile"):
            bucket_at(strict.url, name).get("a")

    def test_asks_for_metadata_only_where_the_answer_lacks_them(
        self, origin: str, strict: HeadersOnly, name: str
    ) -> None:
        """A read of an answer that has both is one request; else the metadata are asked for too."""
        direct = bucket_at(origin, name)
        direct.put("a", b"1", None)
        with HeadersOnly(origin) as kind:
            found(bucket_at(kind.url, name), "a")
            assert 1 == len(kind.asked)
        found(bucket_at(strict.url, name), "a")
        assert len(strict.asked) in (2, 3)
        assert all("generation=" in asked for asked in strict.asked[2:])


def test_a_bucket_that_is_not_there_is_no_absent_object(canned: Canned) -> None:
    """Google says which of the two it is."""
    canned.replies["*"] = Reply(google_error(404, "The specified bucket does not exist."), 404)
    with pytest.raises(BucketError, match="MIRROR_URL should name a bucket"):
        bucket_at(canned.url, "bucket").get("a")
    with pytest.raises(BucketError, match="MIRROR_URL should name a bucket"):
        bucket_at(canned.url, "bucket").put("a", b"1", "5")


class TestTrying:
    """`check` tells whether a pass could write, and writes nothing."""

    def test_changes_nothing(self, opener: Opener) -> None:
        bucket = opener()
        assert isinstance(bucket, Trial)
        assert bucket.try_put("demo/read.json")
        assert bucket.get("demo/read.json") is None
        bucket.put("demo/read.json", b"ours", None)
        assert bucket.try_put("demo/read.json")
        stored = bucket.get("demo/read.json")
        assert stored is not None
        assert stored.data == b"ours"

    def test_says_what_to_allow(self, canned: Canned) -> None:
        said = "sa@p.iam.gserviceaccount.com does not have storage.objects.create access."
        canned.replies["*"] = Reply(google_error(403, said), 403)
        bucket = bucket_at(canned.url, "bucket")
        with pytest.raises(BucketError, match=r"storage\.objects\.create"):
            bucket.try_put("demo/read.json")

    def test_needs_the_bucket(self, canned: Canned) -> None:
        canned.replies["*"] = Reply(google_error(404, "The specified bucket does not exist."), 404)
        with pytest.raises(BucketError, match="MIRROR_URL"):
            bucket_at(canned.url, "bucket").try_put("demo/read.json")


@pytest.fixture
def canned() -> Iterator[Canned]:
    with Canned() as server:
        yield server


class TestDenied(UnreachableContract):
    @pytest.fixture
    def unreachable(self, canned: Canned) -> Bucket:
        said = "sa@p.iam.gserviceaccount.com does not have storage.objects.get access."
        canned.replies["*"] = Reply(google_error(403, said), 403)
        return bucket_at(canned.url, "bucket")

    def test_says_what_to_allow(self, unreachable: Bucket) -> None:
        """In Google's words, and which permissions a bucket takes."""
        with pytest.raises(BucketError) as caught:
            unreachable.get("a")
        for words in ("sa@p.iam", "storage.objects.get", ".delete on the bucket"):
            assert words in str(caught.value)
        assert "Request failed" not in str(caught.value)


class TestDown(UnreachableContract):
    @pytest.fixture
    def unreachable(self, monkeypatch: pytest.MonkeyPatch) -> Bucket:
        monkeypatch.setattr(gcs, "RETRIED", 0.5)
        return bucket_at("http://127.0.0.1:1", "bucket")


class TestFails(UnreachableContract):
    @pytest.fixture
    def unreachable(self, canned: Canned, monkeypatch: pytest.MonkeyPatch) -> Bucket:
        monkeypatch.setattr(gcs, "RETRIED", 0.5)
        canned.replies["*"] = Reply(google_error(503, "Backend error."), 503)
        return bucket_at(canned.url, "bucket")


def test_a_dead_server_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass has a deadline, and waits for a bucket some seconds only."""
    monkeypatch.setattr(gcs, "RETRIED", 2.0)
    begin = time.monotonic()
    with pytest.raises(BucketError):
        bucket_at("http://127.0.0.1:1", "bucket").get("a")
    assert time.monotonic() - begin < 6


def test_a_proxys_page_is_no_object(canned: Canned) -> None:
    """A page with 200 has no generation, and is neither read nor taken for a write."""
    canned.replies["*"] = Reply("<html>Please log in</html>")
    bucket = bucket_at(canned.url, "bucket")
    with pytest.raises(BucketError):
        bucket.get("a")
    with pytest.raises(BucketError):
        bucket.put("a", b"1", "")


class Google(Canned):
    """An object written in 2020, and the bucket, whose answer has no time of that object."""

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        if not asked.path.startswith("/download"):
            return Reply({"name": "bucket", "projectNumber": "1", "location": "EU"})
        # The library's own thread asks for the bucket meanwhile.
        until = time.monotonic() + 2
        while len(self.asked) < 2 and time.monotonic() < until:
            time.sleep(0.01)
        written = {"Last-Modified": "Mon, 23 Nov 2020 00:00:00 GMT"} if self.tells else {}
        return Reply("x" * 5_000_000, headers={"X-Goog-Generation": "5", **written})

    tells = True


@pytest.fixture
def google() -> Iterator[Google]:
    with Google() as server:
        yield server


def test_the_age_is_the_objects_own(google: Google) -> None:
    """Whatever else the library asks for at the same time: a stale mirror must look stale."""
    ages = [found(bucket_at(google.url, "bucket"), "a").age for _ in range(5)]
    assert min(ages) > timedelta(days=2000)


def test_an_age_that_is_not_told_is_not_zero(google: Google) -> None:
    """A mirror of unknown age must not count as fresh, nor a lease as just taken."""
    google.tells = False
    with pytest.raises(BucketError):
        bucket_at(google.url, "bucket").get("a")


def test_missing_credentials_are_the_buckets_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The library's own error would end the pass, which can go on without the bucket."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    bucket = GCS(Login({}, {}), "bucket")
    for call in (partial(bucket.get, "a"), partial(bucket.put, "a", b"1", "")):
        with pytest.raises(BucketError, match="no Google credentials: gcloud auth"):
            call()


def test_a_proxys_404_is_no_absence_and_no_conflict(canned: Canned) -> None:
    """An absent lease could be taken; a page says nothing of it."""
    canned.replies["*"] = Reply("<!DOCTYPE html><HTML><br>not found</HTML>", 404)
    bucket = bucket_at(canned.url, "bucket")
    with pytest.raises(BucketError):
        bucket.get("a")
    with pytest.raises(BucketError) as caught:
        bucket.put("a", b"1", "5")
    assert not isinstance(caught.value, Conflict)


def test_says_why_it_gave_up(canned: Canned, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last answer, not that there were retries."""
    monkeypatch.setattr(gcs, "RETRIED", 0.5)
    canned.replies["*"] = Reply(google_error(429, "The rate of this object is exceeded."), 429)
    with pytest.raises(BucketError, match="429: The rate of this object"):
        bucket_at(canned.url, "bucket").put("a", b"1", "")


def test_a_large_write_is_conditional_too(canned: Canned) -> None:
    """Above 8 MB the library writes in several requests, of which the emulator checks none."""
    canned.replies["*"] = Reply(google_error(412, "Precondition."), 412)
    bucket, urls = bucket_at(canned.url, "bucket"), []
    session = bucket._bucket.client._http
    session.hooks["response"].append(lambda response, **_: urls.append(response.url))
    with pytest.raises(Conflict):
        bucket.put("a", b"1" * 9_000_000, "5")
    (started,) = (url for url in urls if "/upload/" in url)
    assert "uploadType=resumable&ifGenerationMatch=5" in started


def test_waits_seconds_for_an_answer() -> None:
    """A pass has a deadline; the library would wait a minute."""
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.MonkeyPatch.context() as patch:
        patch.setattr(gcs, "TIMEOUT", (0.3, 0.3))
        patch.setattr(gcs, "RETRIED", 0.3)
        origin = f"http://127.0.0.1:{silent.getsockname()[1]}"
        begin = time.monotonic()
        with pytest.raises(BucketError):
            bucket_at(origin, "bucket").get("a")
        with pytest.raises(BucketError):
            bucket_at(origin, "bucket").put("a", b"1", "")
        assert time.monotonic() - begin < 5
