"""What goes wrong with Cloud Storage's client, in words that say what to do."""

import re
from functools import cache

from shared.errors import BucketError
from shared.text import shorten

#: What the library writes around the server's words.
_AROUND = re.compile(r"^[A-Z]+ \S+: |: \('Request failed.*$", re.DOTALL)


@cache
def library_errors() -> tuple[type[Exception], ...]:
    """Give all that the client raises, also for answers that are not Cloud Storage's."""
    import requests
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from google.cloud.storage.exceptions import DataCorruption, InvalidResponse

    return (
        GoogleAPIError, GoogleAuthError, InvalidResponse, DataCorruption,
        requests.RequestException, OSError, ValueError, KeyError, AttributeError, TypeError,
    )  # fmt: skip


def failed(doing: str, error: Exception) -> BucketError:
    """Say what failed, such as `reading gs://b/o`, why, and what would be right."""
    from google.api_core.exceptions import (
        Forbidden,
        GoogleAPICallError,
        NotFound,
        RetryError,
        from_http_response,
    )
    from google.cloud.storage.exceptions import InvalidResponse

    from functions.gcp.errors import login_needed

    if isinstance(error, RetryError) and isinstance(error.cause, Exception):
        error = error.cause
    if isinstance(error, InvalidResponse):
        error = from_http_response(error.response)
    # The texts of other errors may quote a token's request.
    said = login_needed(error) or type(error).__name__
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
    return BucketError(f"{doing}: {shorten(said, 300)}{hint}")
