"""Cloud Storage as the bucket of the mirror, the leases and the reports."""

import os
from contextlib import suppress
from datetime import timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from functions.gcp.bucket_errors import failed, library_errors
from functions.gcp.credentials import Login
from shared.bucket.content import content_type
from shared.errors import BucketError, Conflict
from shared.ports import Stored
from shared.text import shorten

#: Seconds to connect, and to wait for an answer: a pass has a deadline.
TIMEOUT = (3, 8)
#: Seconds in which a call is tried again.
RETRIED = 12.0
#: Tries to read bytes and metadata of one and the same generation.
READS = 3
#: No object's generation: they are times in microseconds.
NEVER = "1"
#: In what a proxy answers, and Google does not.
_PAGE = "<html"


class GCS:
    """A bucket in Cloud Storage; implements `ports.Bucket`.

    An object's generation and age come with its bytes where the answer has the headers. The
    reference of `objects.get` promises none: else they come from the object's metadata, and the
    bytes are those of that generation.
    """

    def __init__(self, login: Login, bucket: str, endpoint: str = "") -> None:
        self._login, self._name, self._endpoint = login, bucket, endpoint
        self._written = self._now = ""

    def get(self, name: str) -> Stored | None:
        """Read an object; None where there is none."""
        from google.api_core.exceptions import NotFound

        try:
            for _ in range(READS):
                blob = self._bucket.blob(name)
                data = self._download(blob)
                try:
                    return self._dated(blob, data)
                except NotFound:  # what was read is not there any more
                    continue
        except NotFound as error:
            if "bucket does not exist" in str(error) or _PAGE in str(error).lower():
                raise self._failed("reading", name, error) from None
            return None
        except library_errors() as error:
            raise self._failed("reading", name, error) from None
        raise BucketError(f"reading {self._url(name)}: it was replaced {READS} times meanwhile")

    def _download(self, blob: Any) -> bytes:
        """Read a blob's bytes, of its generation where it has one."""
        self._written = self._now = ""
        data = blob.download_as_bytes(timeout=TIMEOUT, retry=self._retry, raw_download=True)
        return bytes(data)

    def _dated(self, blob: Any, data: bytes) -> Stored:
        """Tell the generation and age of what was read, by headers or by metadata.

        Both times are the server's own, so that no clock here matters.
        """
        known = blob.generation
        if known and self._written and self._now:
            written = parsedate_to_datetime(self._written)
        else:
            self._now = ""
            blob.reload(timeout=TIMEOUT, retry=self._retry)
            written = blob.updated
        if not (blob.generation and written and self._now):
            raise BucketError(
                f"reading {self._url(blob.name)}: the answer is not Google's; a proxy's?"
            )
        now = parsedate_to_datetime(self._now)
        if not known:  # what was read before may be another generation's
            data = self._download(self._bucket.blob(blob.name, generation=blob.generation))
        return Stored(data, str(blob.generation), max(now - written, timedelta(0)))

    def put(self, name: str, data: bytes, expected: str | None) -> str:
        """Write an object where it still is the expected version."""
        from google.api_core.exceptions import NotFound, PreconditionFailed

        generation = None if expected is None else int(expected or 0)
        try:
            blob = self._bucket.blob(name)
            blob.upload_from_string(
                data,
                content_type(name),
                if_generation_match=generation,
                timeout=TIMEOUT,
                retry=self._retry,
            )
        except PreconditionFailed:
            raise Conflict(f"{self._url(name)} was written by another") from None
        except NotFound as error:
            said = str(error).lower()
            if expected and "bucket does not exist" not in said and _PAGE not in said:
                raise Conflict(f"{self._url(name)} was deleted by another") from None
            raise self._failed("writing", name, error) from None
        except library_errors() as error:
            raise self._failed("writing", name, error) from None
        if not blob.generation:
            raise BucketError(f"writing {self._url(name)}: the answer is not Google's; a proxy's?")
        return str(blob.generation)

    def try_put(self, name: str) -> bool:
        """Try whether an object may be written, by a write whose condition never holds.

        Who lacks the permission is refused before the condition is looked at.
        """
        with suppress(Conflict):
            self.put(name, b"{}", NEVER)
        return True

    @cached_property
    def _bucket(self) -> Any:
        import google.cloud.storage as storage
        from google.auth.transport.requests import AuthorizedSession

        # Else the library asks for the bucket too, beside each first call, and may not.
        os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
        credentials, project = self._login.found
        session = AuthorizedSession(credentials)
        session.hooks["response"].append(self._seen)
        options = {"api_endpoint": self._endpoint} if self._endpoint else None
        client = storage.Client(
            project or "none", credentials, _http=session, client_options=options
        )
        return client.bucket(self._name)

    def _seen(self, response: Any, **_: Any) -> None:
        # The library asks for the bucket too, from a thread of its own, whenever it likes.
        if "/o/" in urlsplit(response.url).path:
            self._now = response.headers.get("Date", "")
            if "alt=media" in response.url:
                self._written = response.headers.get("Last-Modified", "")

    @cached_property
    def _retry(self) -> Any:
        from google.cloud.storage.retry import DEFAULT_RETRY

        return DEFAULT_RETRY.with_timeout(RETRIED).with_delay(initial=0.5, maximum=4)

    def _url(self, name: str) -> str:
        return shorten(f"gs://{self._name}/{name}", 300)

    def _failed(self, doing: str, name: str, error: Exception) -> BucketError:
        return failed(f"{doing} {self._url(name)}", error)
