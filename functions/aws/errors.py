"""EC2's errors, sorted by what to do about them.

Codes: Amazon EC2 API Reference, "Error codes for the Amazon EC2 API".
"""

import re

from botocore.exceptions import ClientError, HTTPClientError, SSOError, TokenRetrievalError
from botocore.parsers import ResponseParserError

from shared.errors import (
    DiskFailed,
    DiskGone,
    NextPass,
    NotAllowed,
    ProviderError,
    Refused,
    StopCreating,
    Unanswered,
)
from shared.text import shorten

#: Nothing happened; asking again a little later may do.
THROTTLED = frozenset(
    {
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "EC2ThrottledException",
        "TooManyRequestsException",
    }
)
_NEXT_PASS = THROTTLED | {
    "SnapshotCreationPerVolumeRateExceeded",
    "ConcurrentSnapshotLimitExceeded",
    "IncorrectState",
}
_STOP = frozenset(
    {"PendingSnapshotLimitExceeded", "SnapshotLimitExceeded", "ResourceLimitExceeded"}
)
_REFUSED = frozenset(
    {
        "InvalidSnapshot.InUse",
        "InvalidSnapshot.Locked",
        "OperationNotPermitted",
        "SnapshotLocked",
        # What AWS Backup owns; the call's one parameter is an id that EC2 has just listed.
        "InvalidParameterValue",
    }
)
#: No source names the code for a locked snapshot (Amazon EBS User Guide, "Amazon EBS snapshot
#: lock"), so that the message decides as well.
_LOCKED = re.compile(r"\block(ed)?\b", re.IGNORECASE)
_NOT_ALLOWED = frozenset(
    {
        "UnauthorizedOperation",
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "Blocked",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "OptInRequired",
        "PendingVerification",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)

_NO_VOLUME = "InvalidVolume.NotFound"
#: Who logged in by IAM Identity Center, hours ago.
LOGGED_OUT = (
    "the SSO session has expired, or was never begun: aws sso login, with --profile NAME where you "
    "use one"
)
NOT_EC2 = "the answer is not EC2's; is a proxy between?"
_NOT_SAID = re.compile("Encoded authorization|The Canonical String")


def classify(error: ClientError, creating: bool = False) -> ProviderError:
    """Turn an answer of EC2 into what follows from it.

    A fault of the server while creating may have come after the effect, so that nothing may be
    repeated before a new listing.
    """
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if creating and code == _NO_VOLUME:
        return DiskGone(text_of(error), code)
    own = (_STOP, StopCreating) if creating else (_REFUSED, Refused)
    for codes, kind in ((_NEXT_PASS, NextPass), own, (_NOT_ALLOWED, NotAllowed)):
        if code in codes:
            return kind(text_of(error), code)
    if not creating and 400 <= status < 500 and _LOCKED.search(text_of(error)):
        return Refused(text_of(error), code)
    if status >= 500:
        return (Unanswered if creating else NextPass)(text_of(error), code)
    return DiskFailed(text_of(error), code)


def text_of(error: Exception) -> str:
    """Print an error on one line, without what EC2 encodes for its own tools.

    Nor does it repeat a request: the string that was signed and the headers bear session tokens.
    """
    if isinstance(error, ClientError):
        said = error.response.get("Error", {})
        message = _NOT_SAID.split(str(said.get("Message", "")))[0].rstrip()
        return shorten(f"{said.get('Code', 'error')}: {message}", 300)
    if isinstance(error, (SSOError, TokenRetrievalError)):
        return LOGGED_OUT
    if type(error) is HTTPClientError:
        return f"HTTPClientError: {type(error.kwargs.get('error')).__name__}"
    if isinstance(error, (KeyError, ResponseParserError)):
        return NOT_EC2
    return shorten(f"{type(error).__name__}: {error}", 300)
