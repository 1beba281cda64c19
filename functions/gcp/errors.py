"""Compute Engine's errors, sorted by what to do about them.

Reasons: Compute Engine, "Troubleshooting API errors" and "Rate quotas"; codes of operations: the
same pages, in capitals.
"""

from collections.abc import Iterable, Sequence

from google.api_core.exceptions import GoogleAPICallError

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

#: Nothing happened; asking again a little later may do.
THROTTLED = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"})
_NEXT_PASS = THROTTLED | {
    "resourceNotReady",
    "RESOURCE_NOT_READY",
    "RESOURCE_OPERATION_RATE_EXCEEDED",
    "resourceOperationRateExceeded",
    "operationInProgress",
}
_STOP = frozenset({"quotaExceeded", "QUOTA_EXCEEDED", "limitExceeded", "LIMIT_EXCEEDED"})
_REFUSED = frozenset(
    {"resourceInUseByAnotherResource", "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", "resourceInUse"}
)
_NOT_ALLOWED = frozenset(
    {"forbidden", "PERMISSIONS_ERROR", "required", "authError", "accessNotConfigured",
     "SERVICE_DISABLED", "insufficientPermissions", "IAM_PERMISSION_DENIED"}
)  # fmt: skip
_KINDS: tuple[tuple[Iterable[str], type[ProviderError]], ...] = (
    (_NEXT_PASS, NextPass),
    (_STOP, StopCreating),
    (_REFUSED, Refused),
    (_NOT_ALLOWED, NotAllowed),
)


def classify(error: GoogleAPICallError) -> ProviderError:
    """Turn an answer of Compute Engine into what follows from it."""
    status = int(error.code or 0)
    reasons = [str(entry.get("reason", "")) for entry in error.errors if isinstance(entry, dict)]
    kind = of_reasons(reasons)
    code = reasons[0] if reasons else str(status)
    if kind is None and status >= 500:
        kind = Unanswered
    if kind is None and status == 429:
        kind = NextPass
    if kind is None and status in (401, 403):
        kind = NotAllowed
    return (kind or DiskFailed)(text_of(error), code)


def of_codes(errors: Sequence[tuple[str, str]]) -> ProviderError:
    """Turn the errors of an operation, codes with messages, into what follows from them."""
    kind = of_reasons([code for code, _ in errors]) or DiskFailed
    code, message = errors[0]
    return kind(shorten(f"{code}: {message}", 300), code)


def of_reasons(reasons: Iterable[str]) -> type[ProviderError] | None:
    """Tell what follows from reasons, or from the codes of an operation's errors."""
    found = set(reasons)
    return next((kind for codes, kind in _KINDS if found & set(codes)), None)


def text_of(error: Exception) -> str:
    """Print an error on one line, without the request that it quotes."""
    if isinstance(error, GoogleAPICallError):
        reasons = [entry.get("reason") for entry in error.errors if isinstance(entry, dict)]
        message = str(error.message).rpartition("?alt=json: ")[2]
        return shorten(f"{reasons[0] if reasons else error.code}: {message}", 300)
    return shorten(f"{type(error).__name__}: {error}", 300)
