"""Compute Engine's errors, sorted by what to do about them.

Reasons: Compute Engine, "Troubleshooting API errors", "Rate quotas" and "Concurrent operation
quotas"; codes of operations: the same pages, in capitals, and `codeForGCEOpError` of Google's CSI
driver.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import DefaultCredentialsError, RefreshError

from shared.errors import (
    DiskFailed,
    NextPass,
    NotAllowed,
    ProviderError,
    Refused,
    StopCreating,
    Unanswered,
)
from shared.text import shorten

#: Who logged in by gcloud, some time ago. docs/google-cloud.md has the scopes that GKE wants.
LOG_IN = "gcloud auth application-default login"
#: What is said of a service account's key, or by the metadata server: nobody can log in there.
_NO_LOGIN = re.compile(r"JWT|metadata|service account|account not found", re.IGNORECASE)
#: What the client writes before Google's words: the method and the whole URL.
_REQUEST = re.compile(r"^[A-Z]+ https?://\S+: ")
#: So many operations of the project are under way that it takes no more. A snapshot's is under way
#: until the snapshot is done: asking again within seconds helps nobody. Its other reason says no
#: more than `rateLimitExceeded`.
IN_FLIGHT = "CONCURRENT_OPERATIONS_QUOTA_EXCEEDED"
#: Nothing happened; asking again a little later may do.
THROTTLED = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"})
_NEXT_PASS = THROTTLED | {
    "resourceNotReady",
    "RESOURCE_NOT_READY",
    "RESOURCE_OPERATION_RATE_EXCEEDED",
    "resourceOperationRateExceeded",
    "operationInProgress",
}
_STOP = frozenset(
    {"quotaExceeded", "QUOTA_EXCEEDED", "limitExceeded", "LIMIT_EXCEEDED", "REGION_QUOTA_EXCEEDED",
     IN_FLIGHT}
)  # fmt: skip
_REFUSED = frozenset(
    {"resourceInUseByAnotherResource", "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", "resourceInUse"}
)
_NOT_ALLOWED = frozenset(
    {"forbidden", "PERMISSIONS_ERROR", "required", "authError", "accessNotConfigured",
     "SERVICE_DISABLED", "insufficientPermissions", "IAM_PERMISSION_DENIED"}
)  # fmt: skip
_KINDS: tuple[tuple[Iterable[str], type[ProviderError]], ...] = (
    ({IN_FLIGHT}, StopCreating),
    (_NEXT_PASS, NextPass),
    (_STOP, StopCreating),
    (_REFUSED, Refused),
    (_NOT_ALLOWED, NotAllowed),
)


def classify(error: GoogleAPICallError) -> ProviderError:
    """Turn an answer of Compute Engine into what follows from it."""
    status, reasons = int(error.code or 0), reasons_of(error)
    kind = of_reasons(reasons)
    code = reasons[0] if reasons else str(status)
    if kind is None and status >= 500:
        kind = Unanswered
    if kind is None and status == 429:
        kind = NextPass
    if kind is None and status in (401, 403):
        kind = NotAllowed
    return (kind or DiskFailed)(text_of(error), code)


class Ended(NamedTuple):
    """One error that an operation ended with; `reason` is that of its ErrorInfo, if it has one."""

    code: str
    message: str
    reason: str = ""


def of_codes(errors: Sequence[Ended]) -> ProviderError:
    """Turn the errors of an operation into what follows from them."""
    kind = of_reasons([text for error in errors for text in (error.code, error.reason)])
    code, message, reason = errors[0]
    also = f" ({reason})" if reason not in ("", code) else ""
    return (kind or DiskFailed)(shorten(f"{code}{also}: {message}", 300), code)


def of_reasons(reasons: Iterable[str]) -> type[ProviderError] | None:
    """Tell what follows from reasons, or from the codes of an operation's errors."""
    found = set(reasons)
    return next((kind for codes, kind in _KINDS if found & set(codes)), None)


def reasons_of(error: GoogleAPICallError) -> list[str]:
    """Give Google's reasons: that of its ErrorInfo, which says most, and the older ones."""
    older = [entry.get("reason", "") for entry in error.errors if isinstance(entry, dict)]
    found = [error.reason, *older]
    return list(dict.fromkeys(reason for reason in found if isinstance(reason, str) and reason))


def login_needed(error: Exception) -> str:
    """Say how to log in, where that helps: empty for a service account, and for all else."""
    if isinstance(error, DefaultCredentialsError):
        return (
            f"there are no Google credentials: {LOG_IN}; in a function they are its service "
            "account's"
        )
    # Its first argument is what the server said; more would be the whole of its answer.
    said = str(error.args[0]) if error.args else ""
    if isinstance(error, RefreshError) and not _NO_LOGIN.search(said):
        return f"the Google login has expired or was revoked: {LOG_IN} ({shorten(said, 100)})"
    return ""


def text_of(error: Exception) -> str:
    """Print an error on one line: Google's reasons and words, not the request that it quotes."""
    if login := login_needed(error):
        return login
    if not isinstance(error, GoogleAPICallError):
        return shorten(f"{type(error).__name__}: {error}", 300)
    first, *others = reasons_of(error) or [str(error.code)]
    also = f" ({', '.join(others)})" if others else ""
    message = _REQUEST.sub("", str(error.message))
    return shorten(f"{first}{also}: {message}", 300)
