"""Cloud Storage as a bucket: google-cloud-storage on fake-gcs-server."""

import time
from collections.abc import Iterator
from functools import partial
from itertools import count

import pytest

from functions.gcp import gcs
from functions.gcp.auth import Login
from functions.gcp.gcs import GCS
from shared.errors import BucketError
from shared.ports import Bucket
from tests.contract.bucket import BucketContract, Opener, UnreachableContract
from tests.emulators.canned import Canned, Reply, google_error
from tests.emulators.fake_gcs import create_bucket, fake_gcs

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
    pass


def test_a_bucket_that_is_not_there_is_no_absent_object(canned: Canned) -> None:
    """Google says which of the two it is."""
    canned.replies["*"] = Reply(google_error(404, "The specified bucket does not exist."), 404)
    with pytest.raises(BucketError, match="MIRROR_URL should name a bucket"):
        bucket_at(canned.url, "bucket").get("a")
    with pytest.raises(BucketError, match="MIRROR_URL should name a bucket"):
        bucket_at(canned.url, "bucket").put("a", b"1", "5")


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
