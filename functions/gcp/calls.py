"""How Compute Engine is called: its clients, what is tried again, and what an error means.

google-cloud-compute retries lists on 503 only, waits up to 600 s, and lets a dropped connection
surface as an exception of `requests`: time-outs and retries are set here, for every call.
"""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import requests
from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.api_core.retry import Retry
from google.auth.exceptions import GoogleAuthError, TransportError
from google.protobuf.json_format import ParseError

from functions.gcp.errors import (
    IN_FLIGHT,
    THROTTLED,
    Ended,
    classify,
    login_needed,
    of_codes,
    reasons_of,
    text_of,
)
from shared.errors import NextPass, NotAllowed, ProviderError, Unanswered

#: Seconds that one request may take.
REQUEST = 20.0
#: Seconds that a call is tried again for.
PATIENCE = 20.0
_UNAVAILABLE = (500, 502, 503, 504)
#: Raised where the answer is not Compute Engine's. A proxy's page with status 200 does not parse;
#: other JSON than an object has no keys to read.
_NO_ANSWER = (requests.RequestException, ParseError, ValueError, AttributeError)


class ComputeClients:
    """Compute Engine's clients, each made when it is first asked for; any thread may ask.

    `make` makes a client of compute_v1 by its class's name; it is called once for each. `how` goes
    with every call of theirs: its retries, for `patience` seconds in all, and its time-out.
    """

    def __init__(self, make: Callable[[str], Any], patience: float = PATIENCE) -> None:
        self.how: dict[str, Any] = {"retry": retry(patience), "timeout": REQUEST}
        self._make = make
        self._made: dict[str, Any] = {}
        self._lock = threading.Lock()

    def of(self, kind: str) -> Any:
        """Give the client of this class's name."""
        with self._lock:
            if kind not in self._made:
                self._made[kind] = self._make(kind)
            return self._made[kind]

    @property
    def snapshots(self) -> Any:
        """The client for snapshots."""
        return self.of("SnapshotsClient")


def retry(patience: float) -> Retry:
    """Make the retries of calls that may be repeated, for so many seconds in all."""
    first = min(0.5, patience / 40)
    return Retry(predicate=_passing, initial=first, maximum=5.0, timeout=patience)


def request_id(*parts: str) -> str:
    """Make a request's id of what it does, so that a retry within the pass does nothing twice."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "k8s-snapshots:" + "/".join(parts)))


@contextmanager
def sorted_errors() -> Iterator[None]:
    """Turn what the client raises into what follows from it."""
    try:
        yield
    except RetryError as error:
        raise sort(error.cause or error) from None
    except (GoogleAPICallError, GoogleAuthError, *_NO_ANSWER) as error:
        raise sort(error) from None


def sort(error: Exception) -> ProviderError:
    """Tell what follows from an error of the client, of its credentials or of the connection."""
    if isinstance(error, GoogleAPICallError):
        return classify(error)
    name, text = type(error).__name__, text_of(error)
    if isinstance(error, (TransportError, requests.exceptions.ConnectTimeout)):
        return NextPass(f"Google Cloud cannot be reached: {text}", name)
    if login_needed(error):
        return NotAllowed(text, name)
    if isinstance(error, GoogleAuthError):
        return NotAllowed(f"the credentials are not accepted: {text}", name)
    return Unanswered(
        f"no answer, so that it is not known whether the call took effect: {text}", name
    )


def must_be(kind: str, answer: Any) -> None:
    """Make sure that an answer says what it is: any JSON would pass for an empty one."""
    if answer.kind != kind:
        raise Unanswered("the answer is not Compute Engine's; is a proxy between?", "kind")


def raise_failed(operation: Any) -> None:
    """Raise what an operation that is done already failed with."""
    if error := error_of(operation):
        raise error


def error_of(operation: Any) -> ProviderError | None:
    """Give what an operation failed with.

    An operation's error has codes of its own, in capitals, and no HTTP status of the call.
    """
    must_be("compute#operation", operation)
    errors = [_ended(error, operation.http_error_message) for error in operation.error.errors]
    return of_codes(errors) if errors else None


def _ended(error: Any, otherwise: str) -> Ended:
    """Read one error of an operation, whose message is optional."""
    details = list(error.error_details)
    localized = [detail.localized_message.message for detail in details]
    reasons = [detail.error_info.reason for detail in details if detail.error_info.reason]
    message = error.message or next(filter(None, localized), "") or otherwise
    return Ended(error.code, message, next(iter(reasons), ""))


def _passing(error: Exception) -> bool:
    """Tell whether asking again a little later may help: every such call has a request id."""
    if isinstance(error, GoogleAPICallError):
        reasons = {*reasons_of(error)}
        if IN_FLIGHT in reasons:
            return False
        return bool(reasons & THROTTLED) or error.code in _UNAVAILABLE
    return isinstance(error, (requests.ConnectionError, requests.Timeout, TransportError))
