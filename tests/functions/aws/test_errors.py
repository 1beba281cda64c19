"""EC2's errors, and what follows from them."""

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError, HTTPClientError, ReadTimeoutError
from botocore.parsers import ResponseParserError

from functions.aws.errors import THROTTLED, classify, text_of
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

TOKEN = "IQoJb3JpZ2luX2Vj"


def refusal(code: str, status: int = 400, message: str = "Said by EC2.") -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {
                "HTTPStatusCode": status,
                "RequestId": "0",
                "HTTPHeaders": {},
                "RetryAttempts": 0,
                "HostId": "",
            },
        },
        "CreateSnapshot",
    )


# code: what follows when creating, and when deleting
TABLE: dict[str, tuple[type[ProviderError], type[ProviderError]]] = {
    "SnapshotCreationPerVolumeRateExceeded": (NextPass, NextPass),
    "ConcurrentSnapshotLimitExceeded": (NextPass, NextPass),
    "RequestLimitExceeded": (NextPass, NextPass),
    "Throttling": (NextPass, NextPass),
    "IncorrectState": (NextPass, NextPass),
    "PendingSnapshotLimitExceeded": (StopCreating, DiskFailed),
    "SnapshotLimitExceeded": (StopCreating, DiskFailed),
    "ResourceLimitExceeded": (StopCreating, DiskFailed),
    "InvalidVolume.NotFound": (DiskGone, DiskFailed),
    "InvalidParameterValue": (DiskFailed, Refused),
    "TagLimitExceeded": (DiskFailed, DiskFailed),
    "InvalidSnapshot.InUse": (DiskFailed, Refused),
    "SnapshotLocked": (DiskFailed, Refused),
    "OperationNotPermitted": (DiskFailed, Refused),
    "UnauthorizedOperation": (NotAllowed, NotAllowed),
    "AuthFailure": (NotAllowed, NotAllowed),
    "ExpiredToken": (NotAllowed, NotAllowed),
    "RequestExpired": (NotAllowed, NotAllowed),
    "OptInRequired": (NotAllowed, NotAllowed),
    "SomethingNew": (DiskFailed, DiskFailed),
    "": (DiskFailed, DiskFailed),
}


@pytest.mark.parametrize("creating", [True, False], ids=["creating", "deleting"])
@pytest.mark.parametrize("code", TABLE)
def test_sorts_codes_by_what_follows(code: str, creating: bool) -> None:
    """Each code of the traps, one that is not known yet and none: only its own kind follows."""
    found = classify(refusal(code), creating)
    assert type(found) is TABLE[code][0 if creating else 1]
    assert (found.code, str(found)) == (code, f"{code}: Said by EC2.")


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("code", ["InternalError", "Unavailable", "ServiceUnavailable", "502"])
def test_a_fault_of_the_server_leaves_the_effect_open(code: str, status: int) -> None:
    """Creating may have happened (trap: no idempotency token); deleting is safe to repeat."""
    assert type(classify(refusal(code, status), creating=True)) is Unanswered
    assert type(classify(refusal(code, status))) is NextPass


@pytest.mark.parametrize("code", sorted(THROTTLED))
def test_throttling_has_no_effect_whatever_its_status(code: str) -> None:
    """EC2 throttles with status 503, which is no fault of the server for once (trap)."""
    for creating in (True, False):
        assert type(classify(refusal(code, 503), creating)) is NextPass


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        ("NamedByNoSource", "The snapshot snap-1 is locked and cannot be deleted.", Refused),
        ("Client.Locked", "Snapshot snap-1 has a lock in compliance mode.", Refused),
        ("UnauthorizedOperation", "You may not delete locked snapshots.", NotAllowed),
        ("NamedByNoSource", "A block of the snapshot is missing.", DiskFailed),
        ("InternalError", "The snapshot is locked.", NextPass),
    ],
)
def test_a_lock_is_told_by_its_message(code: str, message: str, kind: type[ProviderError]) -> None:
    """No source names a code; a missing permission and a fault of the server stay what they are."""
    found = classify(refusal(code, 500 if code == "InternalError" else 400, message))
    assert type(found) is kind
    assert kind is not Refused or type(classify(refusal(code, 400, message), True)) is DiskFailed


def test_survives_an_answer_without_an_error() -> None:
    """A response that botocore could not fill is a failure like any other."""
    assert type(classify(ClientError({}, "CreateSnapshot"))) is DiskFailed


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("Not yours. Encoded authorization failure message: " + TOKEN, "Code: Not yours."),
        ("Not yours.Encoded authorization failure message: " + TOKEN, "Code: Not yours."),
        (
            "The signature does not match.\n\nThe Canonical String for this request should have "
            f"been\n'POST\n/\n\nx-amz-security-token:{TOKEN}'",
            "Code: The signature does not match.",
        ),
        ("two\nlines", "Code: two\\nlines"),
        ("", "Code: "),
    ],
)
def test_says_one_line_without_what_was_signed(message: str, said: str) -> None:
    """Neither EC2's encoded message nor the request, which bears the session token, is printed."""
    assert text_of(refusal("Code", message=message)) == said


def test_says_no_more_than_300_characters() -> None:
    """A long message is cut, so that logs and reports do not flood."""
    assert len(text_of(refusal("Code", message="x" * 10_000))) == 300


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("Snapshots"), "the answer is not EC2's; is a proxy between?"),
        (ResponseParserError("<html>"), "the answer is not EC2's; is a proxy between?"),
        (HTTPClientError(error=ValueError(f"header {TOKEN}")), "HTTPClientError: ValueError"),
        (
            ReadTimeoutError(endpoint_url="https://ec2.eu-west-1.amazonaws.com/"),
            'ReadTimeoutError: Read timeout on endpoint URL: "https://ec2.eu-west-1.amazonaws.com/"',
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_says_what_broke_on_the_way(error: Exception, said: str) -> None:
    """What is no answer of EC2's is named, without quoting a request that may bear a token."""
    assert text_of(error) == said


@pytest.mark.parametrize(
    "error",
    [
        exceptions.UnauthorizedSSOTokenError(),
        exceptions.SSOTokenLoadError(error_msg="Token for x does not exist"),
        exceptions.TokenRetrievalError(provider="sso", error_msg="Token has expired"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_expired_login_is_one_line_that_says_how_to_log_in(error: Exception) -> None:
    """Who logged in by IAM Identity Center hours ago reads the command to type."""
    assert text_of(error).startswith(
        "the SSO session has expired, or was never begun: aws sso login"
    )
