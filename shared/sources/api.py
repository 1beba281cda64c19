"""One Kubernetes API: lists by pages, and what its refusals mean.

The client's own models cost most of the time and memory of a large list, so only its transport,
TLS and credentials are used: pages come as bytes and are decoded to the fields that are read.
"""

import re
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from shared.errors import ClusterError
from shared.text import shorten
from shared.tolerant_json import decode

#: Objects a page; the API server's own clients ask for as many.
PAGE = 500
#: Seconds to connect, and to wait for one page.
TIMEOUT = (5, 15)
#: Seconds that a whole read may take before the mirror serves, or the pass fails; 20,000 volumes
#: take some ten.
BUDGET = 90.0


class ListMeta(msgspec.Struct, rename={"token": "continue"}):
    """`metadata` of a list; `token` continues it."""

    token: str = ""


class Page(msgspec.Struct):
    """A page of a list, its items not decoded yet."""

    kind: str
    metadata: ListMeta = msgspec.field(default_factory=ListMeta)
    items: list[msgspec.Raw] | None = None


class _Status(msgspec.Struct):
    message: str = ""
    reason: str = ""


class Expired(Exception):
    """The continue token is too old."""


class Missing(Exception):
    """The API does not know the resource."""


class Hints(NamedTuple):
    """What to do where the way to the API ends, in the words of the cloud that it leads by."""

    unreachable: str = "check its address, and the way from here to there"
    untrusted: str = "the kubeconfig's certificate-authority-data must be the cluster's own CA"
    refused: str = "the token or certificate has expired or belongs to another cluster"
    forbidden: str = ""


class API:
    """A Kubernetes API, connected when it is first asked.

    Args:
        connect: gives an ApiClient of the kubernetes package; raises ClusterError where there is
            no way in.
        hints: what to do where the way ends.
    """

    def __init__(self, connect: Callable[[], Any], hints: Hints) -> None:
        self._connect, self._hints = connect, hints
        self._client: Any = None
        self._until = float("inf")

    def client(self) -> Any:
        """Give the connection.

        Raises:
            ClusterError: where there is no way into the cluster.
        """
        if self._client is None:
            self._client = self._connect()
        return self._client

    def forget(self) -> None:
        """Connect anew next time: address, CA and secrets change in the life of a process."""
        self._client = None

    def begin(self) -> None:
        """Let the time of a whole read begin."""
        self._until = time.monotonic() + BUDGET

    def host(self) -> str:
        """Name the server; no credentials that its address may have."""
        return re.sub(r"//[^/]*@", "//", str(self._client.configuration.host))

    def page(self, path: str, resource: str, query: Mapping[str, str]) -> Page:
        """Get one page of a list.

        Args:
            path: of the list.
            resource: its name, for people.
            query: limit and token.

        Raises:
            Missing: where the API does not know the resource.
            Expired: where the token is too old.
            ClusterError: where it cannot be had otherwise.
        """
        status, body = self._fetch(path, query)
        if status == 200:
            return self._page(path, body)
        if status == 404:
            raise Missing
        if status == 410:
            raise Expired
        raise ClusterError(self._refusal(status, body, resource))

    def _page(self, path: str, body: bytes) -> Page:
        page = decode_page(body)
        if page.kind.endswith("List"):
            return page
        raise ClusterError(
            f"{self.host()} answered {path} with something that is no Kubernetes list "
            f"({shorten(body[:40].decode(errors='replace'))}); is a proxy or login page before "
            "the API?"
        )

    def _fetch(self, path: str, query: Mapping[str, str]) -> tuple[int, bytes]:
        import urllib3

        client = self.client()
        if time.monotonic() > self._until:
            raise ClusterError(
                f"the API at {self.host()} is too slow: reading it took over {BUDGET:.0f} s"
            )
        request = client.param_serialize(
            "GET",
            path,
            query_params=list(query.items()),
            header_params={"Accept": "application/json"},
            auth_settings=["BearerToken"],
        )
        try:
            answer = client.call_api(*request, _request_timeout=TIMEOUT)
            return answer.status, answer.response.data
        except urllib3.exceptions.MaxRetryError as error:
            raise self._unreachable(error.reason or error) from None
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from None
        except ValueError:  # which quotes the header
            raise ClusterError(
                f"the token for {self.host()} holds a line break or another character that "
                "cannot be sent: write it on one line, with nothing behind it"
            ) from None

    def _unreachable(self, error: Exception) -> ClusterError:
        text = shorten(str(error).rpartition("object at 0x")[2].partition(">: ")[2] or str(error))
        would_do = self._hints.unreachable
        if "CERTIFICATE_VERIFY_FAILED" in text:
            would_do = self._hints.untrusted
        return ClusterError(f"the API at {self.host()} cannot be reached: {text}; {would_do}")

    def _refusal(self, status: int, body: bytes, resource: str) -> str:
        try:
            said = shorten(msgspec.json.decode(body, type=_Status).message, 300)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            said = ""
        if status == 401:
            return f"the API at {self.host()} refused the credentials (401): {self._hints.refused}"
        if status == 403:
            return (
                f"the API refused to list {resource} (403): {said or 'forbidden'}; grant the verb "
                f"list on {resource}, as manifests/rbac.yaml does{self._hints.forbidden}"
            )
        return f"the API answered {status} to listing {resource}: {said or 'no reason given'}"


def decode_page(body: bytes) -> Page:
    """Decode a page; one without a kind where it is none."""
    try:
        return decode(body, Page)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Page(kind="")
