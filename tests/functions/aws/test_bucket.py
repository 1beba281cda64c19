"""S3 as a bucket: boto3 on moto's S3."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from typing import Any

import boto3
import pytest
from moto.s3.models import S3Backend

from functions.aws.bucket import S3
from shared.errors import BucketError, Conflict
from shared.ports import Bucket
from tests.contract.bucket import CONTENT_TYPES, BucketContract, Opener, UnreachableContract
from tests.emulators.canned import Canned, Reply
from tests.emulators.ec2 import EC2


@pytest.fixture(scope="module")
def cloud() -> Iterator[EC2]:
    with EC2() as cloud, pytest.MonkeyPatch.context() as patch:
        for name, value in cloud.environment().items():
            patch.setenv(name, value)
        yield cloud


@pytest.fixture
def opener(cloud: EC2, request: pytest.FixtureRequest) -> Opener:
    """Make a bucket of its own for each test."""
    name = f"bucket-{abs(hash(request.node.nodeid))}"
    session = boto3.Session(region_name="eu-west-1")
    location: dict[str, str] = {"LocationConstraint": "eu-west-1"}
    session.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=location)  # type: ignore[arg-type]
    return partial(S3, session, name)


class TestS3(BucketContract):
    #: An ETag is the MD5 of the bytes (Amazon S3 API Reference, "Object"), unless KMS encrypts.
    tells_rewrites = False

    def test_what_was_deleted_meanwhile_is_a_conflict(self, opener: Opener) -> None:
        """S3 answers 404 to a write that expects a version of what is gone."""
        bucket = opener()
        version = bucket.put("a", b"1", "")
        assert isinstance(bucket, S3)
        bucket._client.delete_object(Bucket=bucket._bucket, Key="a")
        with pytest.raises(Conflict):
            bucket.put("a", b"2", version)

    def test_the_stand_in_compares_and_writes_at_once(
        self, opener: Opener, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As S3 does; moto alone lets all through that compare before the first one writes."""
        write = S3Backend.put_object

        def slowly(*arguments: Any, **named: Any) -> Any:
            time.sleep(0.05)
            return write(*arguments, **named)

        monkeypatch.setattr(S3Backend, "put_object", slowly)
        self.test_one_of_many_writers_wins(opener)

    @pytest.mark.parametrize(("name", "kind"), CONTENT_TYPES.items())
    def test_objects_say_what_they_are(self, opener: Opener, name: str, kind: str) -> None:
        """So that a browser shows a page."""
        bucket = opener()
        bucket.put(name, b"", None)
        assert isinstance(bucket, S3)
        assert kind == bucket._client.head_object(Bucket=bucket._bucket, Key=name)["ContentType"]


class TestNoBucket(UnreachableContract):
    @pytest.fixture
    def unreachable(self, cloud: EC2) -> Bucket:
        return S3(boto3.Session(region_name="eu-west-1"), "no-such-bucket")

    def test_names_the_setting(self, unreachable: Bucket) -> None:
        """A bucket that is not there is no absent object: the setting is wrong."""
        with pytest.raises(BucketError, match="MIRROR_URL should name a bucket"):
            unreachable.put("a", b"", None)


@pytest.fixture
def canned(monkeypatch: pytest.MonkeyPatch) -> Iterator[Canned]:
    with Canned() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "testing")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield server


class TestDenied(UnreachableContract):
    @pytest.fixture
    def unreachable(self, canned: Canned) -> Bucket:
        body = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
        canned.replies["*"] = Reply(body, 403)
        return S3(boto3.Session(region_name="eu-west-1"), "bucket")

    def test_says_what_to_allow(self, unreachable: Bucket) -> None:
        """Without s3:ListBucket an absent object looks the same, which is said."""
        with pytest.raises(BucketError, match="s3:ListBucket on the bucket"):
            unreachable.get("a")


class TestDown(UnreachableContract):
    @pytest.fixture
    def unreachable(self, monkeypatch: pytest.MonkeyPatch) -> Bucket:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t")
        return S3(boto3.Session(region_name="eu-west-1"), "bucket")

    def test_ends_soon_and_shows_no_secret(self, unreachable: Bucket) -> None:
        """A pass has a deadline, and its log many readers."""
        begin = time.monotonic()
        with pytest.raises(BucketError) as caught:
            unreachable.get("a")
        assert time.monotonic() - begin < 10
        assert "s3cr3t" not in str(caught.value)


def test_a_proxys_page_is_no_object(canned: Canned) -> None:
    """A page with 200 has no ETag, and is neither read nor taken for a write that succeeded."""
    canned.replies["*"] = Reply("<html>Please log in</html>")
    bucket = S3(boto3.Session(region_name="eu-west-1"), "bucket")
    with pytest.raises(BucketError, match="proxy"):
        bucket.get("a")
    with pytest.raises(BucketError, match="proxy"):
        bucket.put("a", b"1", "")


@pytest.mark.parametrize(("status", "code"), [(404, "NoSuchKey"), (412, "PreconditionFailed"),
                                              (409, "ConditionalRequestConflict")])  # fmt: skip
def test_only_s3s_own_words_are_believed(canned: Canned, status: int, code: str) -> None:
    """A proxy's page with the same status is neither an absent object nor a lost write."""
    bucket = S3(boto3.Session(region_name="eu-west-1"), "bucket")
    canned.replies["*"] = Reply(f"<Error><Code>{code}</Code></Error>", status)
    with pytest.raises(Conflict):
        bucket.put("a", b"1", '"1"')
    canned.replies["*"] = Reply("<!DOCTYPE html><html><br>Not now</html>", status)
    with pytest.raises(BucketError):
        bucket.get("a")
    with pytest.raises(BucketError) as caught:
        bucket.put("a", b"1", '"1"')
    assert not isinstance(caught.value, Conflict)


@pytest.mark.parametrize("written", ["", "rubbish"])
def test_an_age_that_is_not_told_is_not_zero(canned: Canned, written: str) -> None:
    """A mirror of unknown age must not count as fresh."""
    headers = {"ETag": '"1"', "Last-Modified": written} if written else {"ETag": '"1"'}
    canned.replies["*"] = Reply("{}", headers=headers)
    with pytest.raises(BucketError):
        S3(boto3.Session(region_name="eu-west-1"), "bucket").get("a")


@pytest.mark.parametrize(("days", "expected"), [(-366, 366), (3, 0)])
def test_the_age_is_told_and_never_negative(canned: Canned, days: int, expected: int) -> None:
    """An object of last year is a year old; one from the future is new."""
    written = format_datetime(datetime.now(UTC) + timedelta(days=days), usegmt=True)
    canned.replies["*"] = Reply("{}", headers={"ETag": '"1"', "Last-Modified": written})
    stored = S3(boto3.Session(region_name="eu-west-1"), "bucket").get("a")
    assert stored
    assert timedelta(0) <= stored.age - timedelta(days=expected) < timedelta(minutes=1)
