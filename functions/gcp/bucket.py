"""Cloud Storage as the bucket of the mirror, the leases and the reports."""

import os
import re
from datetime import timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any

from functions.gcp.credentials import Login
from shared.errors import BucketError, Conflict
from shared.ports import Stored
from shared.text import shorten

#: Seconds to connect, and to wait for an answer: a pass has a deadline.
TIMEOUT = (3, 8)
#: Seconds in which a call is tried again.
RETRIED = 12.0
#: In what a proxy answers, and Google does not.
_PAGE = "<html"
#: What the library writes around the server's words.
_AROUND = re.compile(r"^[A-Z]+ \S+: |: \('Request failed.*$", re.DOTALL)


class GCS:
    """A bucket in Cloud Storage; implements `ports.Bucket`."""

    def __init__(self, login: Login, bucket: str, endpoint: str = "") -> None:
        self._login, self._name, self._endpoint = login, bucket, endpoint
        self._times = ("", "")

    def get(self, name: str) -> Stored | None:
        """Read an object; None where there is none."""
        from google.api_core.exceptions import NotFound

        self._times = ("", "")
        try:
            blob = self._bucket.blob(name)
            data = blob.download_as_bytes(timeout=TIMEOUT, retry=self._retry, raw_download=True)
            if not blob.generation or not all(self._times):
                raise BucketError(
                    f"reading {self._url(name)}: the answer is not Google's; a proxy's?"
                )
            # Both times are the server's own, so that no clock here matters.
            written, now = map(parsedate_to_datetime, self._times)
        except NotFound as error:
            if "bucket does not exist" in str(error) or _PAGE in str(error).lower():
                raise self._failed("reading", name, error) from None
            return None
        except self._errors as error:
            raise self._failed("reading", name, error) from None
        return Stored(data, str(blob.generation), max(now - written, timedelta(0)))

    def put(self, name: str, data: bytes, expected: str | None) -> str:
        """Write an object where it still is the expected version."""
        from google.api_core.exceptions import NotFound, PreconditionFailed

        generation = None if expected is None else int(expected or 0)
        try:
            blob = self._bucket.blob(name)
            blob.upload_from_string(
                data,
                "application/gzip" if name.endswith(".gz") else "application/json",
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
        except self._errors as error:
            raise self._failed("writing", name, error) from None
        if not blob.generation:
            raise BucketError(f"writing {self._url(name)}: the answer is not Google's; a proxy's?")
        return str(blob.generation)

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
        if "alt=media" in response.url:
            headers = response.headers
            self._times = (headers.get("Last-Modified", ""), headers.get("Date", ""))

    @cached_property
    def _retry(self) -> Any:
        from google.cloud.storage.retry import DEFAULT_RETRY

        return DEFAULT_RETRY.with_timeout(RETRIED).with_delay(initial=0.5, maximum=4)

    @cached_property
    def _errors(self) -> tuple[type[Exception], ...]:
        import requests
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.exceptions import GoogleAuthError
        from google.cloud.storage.exceptions import DataCorruption, InvalidResponse

        return (
            GoogleAPIError, GoogleAuthError, InvalidResponse, DataCorruption,
            requests.RequestException, OSError, ValueError, KeyError, AttributeError, TypeError,
        )  # fmt: skip

    def _url(self, name: str) -> str:
        return shorten(f"gs://{self._name}/{name}", 300)

    def _failed(self, doing: str, name: str, error: Exception) -> BucketError:
        from google.api_core.exceptions import (
            Forbidden,
            GoogleAPICallError,
            NotFound,
            RetryError,
            from_http_response,
        )
        from google.cloud.storage.exceptions import InvalidResponse

        if isinstance(error, RetryError) and isinstance(error.cause, Exception):
            error = error.cause
        if isinstance(error, InvalidResponse):
            error = from_http_response(error.response)
        # The texts of other errors may quote a token's request.
        said = type(error).__name__
        if isinstance(error, GoogleAPICallError):
            said = f"{error.code}: {_AROUND.sub('', str(error.message))}"
        hint = ""
        if isinstance(error, Forbidden):
            hint = (
                "; allow the function's service account storage.objects.get, .create and, to "
                "replace an object, .delete on the bucket"
            )
        elif isinstance(error, NotFound):
            hint = "; MIRROR_URL should name a bucket that is there"
        return BucketError(f"{doing} {self._url(name)}: {shorten(said, 300)}{hint}")
