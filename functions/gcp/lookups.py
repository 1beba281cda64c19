"""GETs of Google's APIs that the way to the cluster needs, and what to do where they fail."""

from functools import cached_property
from typing import Any, NamedTuple

from functions.gcp.credentials import Login
from shared.errors import ClusterError
from shared.text import shorten

#: Seconds to connect, and to wait for an answer; each is asked once, at a process's start.
TIMEOUT = (5, 10)
_AGAIN = (429, 500, 502, 503, 504)


class Asked(NamedTuple):
    """What is asked for, in the words of errors.

    `what` is done, such as `looking up the cluster X`; `permission` and `role` would allow it;
    `absent` is said where the thing is not there.
    """

    what: str
    permission: str
    role: str
    absent: str


class Rest:
    """One API, by its origin."""

    def __init__(self, login: Login, origin: str) -> None:
        self._login, self._origin = login, origin

    def get(self, path: str, asked: Asked) -> dict[str, Any]:
        """Get an object.

        Raises:
            ClusterError: in words that say what to do.
        """
        answer = self._send(path, asked)
        try:
            content = answer.json()
        except ValueError:
            content = None
        if answer.status_code != 200:
            raise ClusterError(f"{asked.what}: {_refusal(answer.status_code, content, asked)}")
        if not isinstance(content, dict):
            raise ClusterError(
                f"{asked.what}: {self._origin} answered with something that is no JSON object; is "
                "a proxy between?"
            )
        return content

    def token(self) -> str:
        """Give the credentials' token, a new one before the last runs out; empty for anonymous.

        Raises:
            ClusterError: where there are no credentials, or none that can be renewed.
        """
        import google.auth.exceptions
        import google.auth.transport.requests

        try:
            credentials = self._login.found[0]
            if not credentials.valid:
                credentials.refresh(self._renewing)
        except google.auth.exceptions.GoogleAuthError as error:
            raise ClusterError(f"renewing the token: {_login(error)}") from None
        return str(credentials.token or "")

    def _send(self, path: str, asked: Asked) -> Any:
        import google.auth.exceptions
        import requests

        try:
            return self._session.get(f"{self._origin}{path}", timeout=TIMEOUT)
        except google.auth.exceptions.GoogleAuthError as error:
            why = _login(error)
        except requests.RequestException as error:
            why = (
                f"{self._origin} cannot be reached ({type(error).__name__}); where the function "
                "has a VPC connector for all its traffic, that network needs a way to Google's APIs"
            )
        raise ClusterError(f"{asked.what}: {why}")

    @cached_property
    def _session(self) -> Any:
        from google.auth.transport.requests import AuthorizedSession
        from requests.adapters import HTTPAdapter
        from urllib3 import Retry

        session = AuthorizedSession(self._login.found[0])
        retry = Retry(2, backoff_factor=0.5, status_forcelist=_AGAIN, raise_on_status=False)
        for scheme in ("https://", "http://"):
            session.mount(scheme, HTTPAdapter(max_retries=retry))
        return session

    @cached_property
    def _renewing(self) -> Any:
        from google.auth.transport.requests import Request

        return Request()


def _login(error: Exception) -> str:
    from google.auth.exceptions import TransportError

    from functions.gcp.errors import login_needed

    if login := login_needed(error):
        return login
    if isinstance(error, TransportError):
        return "the server that gives tokens cannot be reached"
    # Its first argument is what the server said; more would be the whole of its answer.
    said = shorten(error.args[0] if error.args else "", 200)
    return f"the credentials are not accepted: {type(error).__name__}: {said}"


def _refusal(status: int, content: Any, asked: Asked) -> str:
    error = content.get("error") if isinstance(content, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    said = f"{status}: {shorten(message or 'no reason given', 300)}"
    if status == 404:
        return f"{said}; {asked.absent}"
    if status == 403:
        return (
            f"{said}; the function's service account needs {asked.permission}, as in {asked.role}"
        )
    if status == 401:
        return f"the credentials are not accepted: {said}"
    return said
