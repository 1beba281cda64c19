"""Compute Engine's errors, and what follows from them."""

import os
import subprocess
import sys
from typing import Any

import pytest
import requests
from google.api_core import exceptions
from google.auth.exceptions import (
    DefaultCredentialsError,
    ReauthFailError,
    RefreshError,
    TransportError,
)

from functions.gcp.bucket_errors import failed
from functions.gcp.calls import raise_failed, request_id, retry, sort, sorted_errors
from functions.gcp.errors import IN_FLIGHT, Ended, classify, of_codes, text_of
from functions.gcp.lookups import _login
from shared.errors import (
    DiskFailed,
    NextPass,
    NotAllowed,
    ProviderError,
    Refused,
    StopCreating,
    Unanswered,
)
from tools.docs import ROOT

SAID = "Said by Google."


def refusal(
    status: int, *reasons: str, message: str = SAID, info: str = ""
) -> exceptions.GoogleAPICallError:
    """Make the error that the client raises for an answer with these reasons."""
    entries = [{"reason": reason, "domain": "global", "message": message} for reason in reasons]
    error: exceptions.GoogleAPICallError = exceptions.from_http_status(
        status, message, errors=entries, error_info={"reason": info} if info else None
    )
    return error


TABLE: list[tuple[int, str, type[ProviderError]]] = [
    (403, "rateLimitExceeded", NextPass),
    (429, "rateLimitExceeded", NextPass),
    (403, "userRateLimitExceeded", NextPass),
    (429, "RATE_LIMIT_EXCEEDED", NextPass),
    (503, "rateLimitExceeded", NextPass),
    (400, "resourceNotReady", NextPass),
    (429, "resourceOperationRateExceeded", NextPass),
    (403, "quotaExceeded", StopCreating),
    (403, "limitExceeded", StopCreating),
    (404, "notFound", DiskFailed),
    (400, "invalid", DiskFailed),
    (409, "alreadyExists", DiskFailed),
    (412, "conditionNotMet", DiskFailed),
    (418, "somethingNew", DiskFailed),
    (400, "resourceInUseByAnotherResource", Refused),
    (403, "forbidden", NotAllowed),
    (403, "insufficientPermissions", NotAllowed),
    (403, "accessNotConfigured", NotAllowed),
    (403, "somethingNew", NotAllowed),
    (401, "required", NotAllowed),
    (401, "authError", NotAllowed),
    (401, "unauthorized", NotAllowed),
    (500, "internalError", Unanswered),
    (500, "backendError", Unanswered),
    (503, "backendError", Unanswered),
    (502, "badGateway", Unanswered),
]


@pytest.mark.parametrize(("status", "reason", "kind"), TABLE)
def test_sorts_reasons_by_what_follows(status: int, reason: str, kind: type[ProviderError]) -> None:
    """Each reason that Google documents, and unknown ones, are sorted; code and text are kept."""
    found = classify(refusal(status, reason))
    assert type(found) is kind
    assert (found.code, str(found)) == (reason, f"{reason}: {SAID}")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, DiskFailed),
        (401, NotAllowed),
        (403, NotAllowed),
        (404, DiskFailed),
        (429, NextPass),
        (500, Unanswered),
        (502, Unanswered),
        (503, Unanswered),
        (504, Unanswered),
    ],
)
def test_sorts_by_status_where_there_is_no_reason(status: int, kind: type[ProviderError]) -> None:
    """What does not come from Compute Engine itself, such as a proxy's page, has a status only."""
    found = classify(refusal(status))
    assert (type(found), found.code) == (kind, str(status))


def test_the_limit_of_operations_under_way_stops_creations_and_is_not_tried_again() -> None:
    """Its older reason is that of throttling, which passes in seconds; this does not."""
    error = refusal(403, "rateLimitExceeded", message="Rate Limit Exceeded", info=IN_FLIGHT)
    found = classify(error)
    assert (type(found), found.code) == (StopCreating, IN_FLIGHT)
    assert str(found) == f"{IN_FLIGHT} (rateLimitExceeded): Rate Limit Exceeded"
    assert not retry(20)._predicate(error)


def test_an_operations_error_has_googles_words_and_reason() -> None:
    """The message is optional; the reason of its ErrorInfo stands behind the code."""
    from google.cloud import compute_v1

    details: dict[str, Any] = {
        "error_info": {"reason": "SNAPSHOTS_PER_PROJECT"},
        "localized_message": {"message": "Quota 'SNAPSHOTS' exceeded."},
    }
    for message, said in (("Said.", "Said."), ("", "Quota 'SNAPSHOTS' exceeded.")):
        one = {"code": "QUOTA_EXCEEDED", "message": message, "error_details": [details]}
        failed = compute_v1.Operation(kind="compute#operation", error={"errors": [one]})
        with pytest.raises(StopCreating) as caught:
            raise_failed(failed)
        assert str(caught.value) == f"QUOTA_EXCEEDED (SNAPSHOTS_PER_PROJECT): {said}"
    bare = compute_v1.Operation(
        kind="compute#operation",
        error={"errors": [{"code": "INTERNAL_ERROR"}]},
        http_error_message="INTERNAL SERVER ERROR",
    )
    with pytest.raises(DiskFailed, match="INTERNAL_ERROR: INTERNAL SERVER ERROR"):
        raise_failed(bare)


@pytest.mark.parametrize("entry", ["text", None, {}, {"reason": None}, {"reason": 5}])
def test_survives_errors_of_another_form(entry: Any) -> None:
    """An answer whose list of errors is not Google's is sorted by its status."""
    error = exceptions.from_http_status(503, SAID, errors=[entry])
    assert type(classify(error)) is Unanswered


def test_a_known_reason_wins_over_an_unknown_one() -> None:
    """Several reasons are sorted by the one that says most."""
    assert type(classify(refusal(403, "somethingNew", "rateLimitExceeded"))) is NextPass


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("QUOTA_EXCEEDED", StopCreating),
        ("LIMIT_EXCEEDED", StopCreating),
        ("REGION_QUOTA_EXCEEDED", StopCreating),
        ("RATE_LIMIT_EXCEEDED", NextPass),
        ("GUEST_FLUSH_FAILED", DiskFailed),
        ("RESOURCE_OPERATION_RATE_EXCEEDED", NextPass),
        ("RESOURCE_NOT_READY", NextPass),
        ("RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", Refused),
        ("PERMISSIONS_ERROR", NotAllowed),
        ("RESOURCE_NOT_FOUND", DiskFailed),
        ("INTERNAL_ERROR", DiskFailed),
        ("SOMETHING_NEW", DiskFailed),
    ],
)
def test_sorts_codes_of_operations(code: str, kind: type[ProviderError]) -> None:
    """A finished operation's error has a code of its own (trap: DONE can carry an error)."""
    found = of_codes([Ended(code, SAID)])
    assert (type(found), found.code, str(found)) == (kind, code, f"{code}: {SAID}")


def test_raises_only_for_operations_that_failed() -> None:
    """An operation without an error is none, done or not."""
    from google.cloud import compute_v1

    raise_failed(compute_v1.Operation(kind="compute#operation", status="DONE"))
    failed = compute_v1.Operation(
        kind="compute#operation",
        status="DONE",
        error={"errors": [{"code": "QUOTA_EXCEEDED", "message": SAID}]},
    )
    with pytest.raises(StopCreating, match=SAID):
        raise_failed(failed)


CERTIFICATE = requests.exceptions.SSLError("CERTIFICATE_VERIFY_FAILED")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (requests.exceptions.ConnectTimeout("slow"), NextPass),
        (TransportError("no token endpoint"), NextPass),
        (requests.exceptions.ReadTimeout("slow"), Unanswered),
        (requests.exceptions.ConnectionError("reset"), Unanswered),
        (requests.exceptions.ChunkedEncodingError("cut"), Unanswered),
        (CERTIFICATE, Unanswered),
        (RefreshError("invalid_grant"), NotAllowed),
        (DefaultCredentialsError("none found"), NotAllowed),
        (ValueError("no JSON"), Unanswered),
    ],
    ids=lambda value: type(value).__name__,
)
def test_sorts_what_breaks_on_the_way(error: Exception, kind: type[ProviderError]) -> None:
    """Dropped connections leave the effect open; only where none was made is it certain."""
    with pytest.raises(ProviderError) as caught, sorted_errors():
        raise error
    assert (type(caught.value), caught.value.code) == (kind, type(error).__name__)
    login = isinstance(error, DefaultCredentialsError)
    assert ("gcloud auth" if login else str(error)) in str(caught.value)


def test_sorts_what_the_retries_ended_with() -> None:
    """Retries that run out are sorted by the last error, not by their own."""
    with pytest.raises(NextPass), sorted_errors():
        raise exceptions.RetryError("timeout", refusal(403, "rateLimitExceeded"))
    with pytest.raises(Unanswered), sorted_errors():
        raise exceptions.RetryError("timeout", requests.exceptions.ConnectionError("reset"))


def test_leaves_our_own_errors_and_defects_alone() -> None:
    """What is sorted already stays so, and a defect is not taken for an answer."""
    for error in (DiskFailed("x"), KeyError("x")):
        with pytest.raises(type(error)), sorted_errors():
            raise error


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (refusal(403, "rateLimitExceeded"), True),
        (refusal(429, "rateLimitExceeded"), True),
        (refusal(503, "backendError"), True),
        (refusal(500), True),
        (refusal(403, "quotaExceeded"), False),
        (refusal(403, "forbidden"), False),
        (refusal(404, "notFound"), False),
        (refusal(409, "alreadyExists"), False),
        (refusal(400, "resourceInUseByAnotherResource"), False),
        (requests.exceptions.ConnectionError("reset"), True),
        (requests.exceptions.ReadTimeout("slow"), True),
        (TransportError("no token endpoint"), True),
        (RefreshError("invalid_grant"), False),
        (ValueError("no JSON"), False),
    ],
)
def test_tries_again_what_may_pass(error: Exception, again: bool) -> None:
    """Throttling, faults of the server and of the connection; never quota or permission."""
    assert retry(20)._predicate(error) is again


URLS = [
    "POST https://compute.googleapis.com/compute/v1/x?alt=json: ",
    "POST https://compute.googleapis.com/compute/v1/projects/p/global/snapshots?requestId=5: ",
    "GET https://compute.googleapis.com/compute/v1/projects/example.com:p/global/snapshots?filter="
    "labels.created-by%3Dk8s-snapshots&maxResults=500&" + "x" * 500 + ": ",
    "DELETE http://127.0.0.1:8080/compute/v1/x: ",
    "",
]


@pytest.mark.parametrize("url", URLS)
def test_says_one_short_line(url: str) -> None:
    """Messages are cut, line breaks escaped, and the request that the client quotes left out."""
    assert text_of(refusal(400, "invalid", message=f"{url}two\nlines")) == "invalid: two\\nlines"
    for error in (refusal(400, "invalid", message="x" * 10_000), ValueError("x\n" * 10_000)):
        assert len(text_of(error)) == 300
        assert text_of(error).isprintable()
    assert len(str(sort(ValueError("x" * 10_000)))) < 500


def test_request_ids_tell_requests_apart() -> None:
    """The same parts give the same UUID, others another."""
    assert request_id("a", "b") == request_id("a", "b") != request_id("a", "c")


class TestLogin:
    """Who logged in by gcloud some time ago, or never, is told the command in one line."""

    @pytest.mark.parametrize(
        "error",
        [
            RefreshError("invalid_grant: Bad Request", {"error": "invalid_grant", "x": "secret"}),
            ReauthFailError("Reauthentication challenge could not be answered"),
            DefaultCredentialsError("Your default credentials were not found. See https://x"),
        ],
    )
    def test_is_named_by_each_client(self, error: Exception) -> None:
        """Compute's, that of look-ups and the bucket's, without the rest of the answer."""
        texts = [str(sort(error)), _login(error), str(failed("reading gs://b/o", error))]
        for text in texts:
            assert "gcloud auth application-default login" in text
            assert "secret" not in text
            assert len(text) < 250
        assert isinstance(sort(error), NotAllowed)

    @pytest.mark.parametrize(
        "said",
        [
            "invalid_grant: Invalid JWT Signature.",
            "Failed to retrieve https://x from the Google Compute Engine metadata service",
        ],
    )
    def test_is_no_help_to_a_service_account(self, said: str) -> None:
        """Its key is wrong, or its machine is: that is said as it was."""
        text = str(sort(RefreshError(said)))
        assert "gcloud" not in text
        assert said in text


def test_without_credentials_a_plan_says_one_thing_once() -> None:
    """The command as a process: no traceback, no line of a library, the command to run."""
    done = subprocess.run(
        [sys.executable, "-m", "functions.gcp", "plan", "--rules",
         "examples/demo-cluster-google.yaml"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "CLUSTER_ID": "demo",
             "GCLOUD_PROJECT": "acme", "NO_GCE_CHECK": "true", "LOG_LEVEL": "ERROR"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (2, "") == (done.returncode, done.stdout)
    assert 1 == done.stderr.count("gcloud auth application-default login")
    assert 1 == len(done.stderr.splitlines())
