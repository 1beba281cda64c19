"""S3 as the bucket of the mirror, the leases and the reports."""

from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from functions.aws.errors import text_of
from shared.bucket.content import content_type
from shared.errors import BucketError, Conflict
from shared.ports import Stored
from shared.text import shorten

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

#: A pass has a deadline, and waits for no bucket: a silent one costs a call some 20 seconds.
CONFIG = Config(
    connect_timeout=3, read_timeout=8, retries={"mode": "standard", "total_max_attempts": 2}
)
#: Amazon S3 User Guide, "How to prevent object overwrites with conditional writes": 412 where the
#: condition fails, 409 where another write is under way, 404 where the object is gone.
#: Only in S3's own words: a bare status is a proxy's.
_LOST = ("PreconditionFailed", "ConditionalRequestConflict")
_ABSENT = "NoSuchKey"
_DENIED = ("AccessDenied", "403")


class S3:
    """A bucket in S3; implements `ports.Bucket`."""

    def __init__(self, session: boto3.Session, bucket: str) -> None:
        self._session, self._bucket = session, bucket

    def get(self, name: str) -> Stored | None:
        """Read an object; None where there is none.

        Without s3:ListBucket S3 does not tell an object that is not there from one that may not be
        read, and this raises.
        """
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=name)
            data = answer["Body"].read()
        except ClientError as error:
            if _code(error) == _ABSENT:
                return None
            raise self._failed("reading", name, error) from None
        except (BotoCoreError, OSError, ValueError) as error:
            raise self._failed("reading", name, error) from None
        if not answer.get("ETag") or not answer.get("LastModified"):
            raise BucketError(f"reading {self._url(name)}: the answer is not S3's; a proxy's?")
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        now = parsedate_to_datetime(headers["date"]) if "date" in headers else None
        age = (now or answer["LastModified"]) - answer["LastModified"]
        return Stored(data, answer["ETag"], max(age, type(age)(0)))

    def put(self, name: str, data: bytes, expected: str | None) -> str:
        """Write an object where it still is the expected version."""
        condition: dict[str, Any] = {}
        if expected is not None:
            condition = {"IfMatch": expected} if expected else {"IfNoneMatch": "*"}
        try:
            answer = self._client.put_object(
                Bucket=self._bucket,
                Key=name,
                Body=data,
                ContentType=content_type(name),
                **condition,
            )
        except ClientError as error:
            code = _code(error)
            if code in _LOST or (code == _ABSENT and expected):
                raise Conflict(f"{self._url(name)} was written by another") from None
            raise self._failed("writing", name, error) from None
        except (BotoCoreError, OSError, ValueError) as error:
            raise self._failed("writing", name, error) from None
        if not answer.get("ETag"):
            raise BucketError(f"writing {self._url(name)}: the answer is not S3's; a proxy's?")
        return answer["ETag"]

    @cached_property
    def _client(self) -> "S3Client":
        return self._session.client("s3", config=CONFIG)

    def _url(self, name: str) -> str:
        return shorten(f"s3://{self._bucket}/{name}", 300)

    def _failed(self, doing: str, name: str, error: Exception) -> BucketError:
        hint = ""
        if isinstance(error, ClientError) and _code(error) in _DENIED:
            hint = (
                "; allow the function's role s3:GetObject and s3:PutObject there, and "
                "s3:ListBucket on the bucket, without which S3 answers so for what is not there"
            )
        elif isinstance(error, ClientError) and _code(error) == "NoSuchBucket":
            hint = "; MIRROR_URL should name a bucket that is there"
        return BucketError(f"{doing} {self._url(name)}: {text_of(error)}{hint}")


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
