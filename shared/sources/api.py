"""One Kubernetes API: lists by pages, and what its refusals mean.

The client's own models cost most of the time and memory of a large list, so only its transport,
TLS and credentials are used: pages come as bytes and are decoded to the fields that are read.
"""

import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from shared.errors import ClusterError
from shared.sources.refusals import Answer, Hints, refusal
from shared.text import shorten
from shared.tolerant_json import decode

#: Objects a page at most; the API server's own clients ask for as many.
PAGE = 500
#: Objects of the first page, and bytes that a page should have: an object may have 256 KiB of
#: annotations (Kubernetes API, "Annotations"), so that 500 of them would not fit into memory.
FIRST_PAGE, PAGE_BYTES = 125, 8_000_000
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


def next_limit(limit: int, size: int) -> int:
    """Say how many objects to ask for next, after `limit` objects that took so many bytes."""
    if size > PAGE_BYTES:
        return max(1, limit * PAGE_BYTES // size)
    return min(PAGE, limit * 2) if size * 2 <= PAGE_BYTES else limit


class Expired(Exception):
    """The continue token is too old."""


class Missing(Exception):
    """The API does not know the resource."""


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

    def connected(self) -> bool:
        """Tell whether there is a connection, made for an earlier read."""
        return self._client is not None

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
            NotLoggedIn, Forbidden: where the API refuses the credentials, or the list.
            ClusterError: where it cannot be had otherwise.
        """
        answer = self._fetch(path, query)
        if answer.status == 200:
            return self._page(path, answer.body)
        if answer.status == 404:
            raise Missing
        if answer.status == 410:
            raise Expired
        raise self._refusal(answer, resource)

    def _page(self, path: str, body: bytes) -> Page:
        page = decode_page(body)
        if page.kind.endswith("List"):
            return page
        raise ClusterError(
            f"{self.host()} answered {path} with something that is no Kubernetes list "
            f"({shorten(body[:40].decode(errors='replace'))}); is a proxy or login page before "
            "the API?"
        )

    def _fetch(self, path: str, query: Mapping[str, str]) -> Answer:
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
            location = str(answer.response.headers.get("Location", ""))
            return Answer(answer.status, answer.response.data, location)
        except urllib3.exceptions.MaxRetryError as error:
            raise self._unreachable(error.reason or error) from None
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from None
        except ValueError:  # which quotes the header
            raise ClusterError(self._unsendable()) from None

    def _unreachable(self, error: Exception) -> ClusterError:
        text = shorten(str(error).rpartition("object at 0x")[2].partition(">: ")[2] or str(error))
        would_do = self._hints.unreachable
        if "CERTIFICATE_VERIFY_FAILED" in text:
            would_do = self._hints.untrusted
        return ClusterError(f"the API at {self.host()} cannot be reached: {text}; {would_do}")

    def _unsendable(self) -> str:
        if all(str(key).isprintable() and str(key).isascii() for key in self._keys()):
            return f"the API at {self.host()} redirects to an address that is none; write its own"
        return (
            f"the token for {self.host()} holds a line break or another character that cannot be "
            "sent: write it on one line, with nothing behind it"
        )

    def _keys(self) -> Iterable[Any]:
        keys: Mapping[str, Any] = self._client.configuration.api_key
        return keys.values()

    def _refusal(self, answer: Answer, resource: str) -> ClusterError:
        configuration = self._client.configuration
        anonymous = not (configuration.api_key or configuration.cert_file)
        return refusal(answer, self.host(), resource, self._hints, anonymous)


def decode_page(body: bytes) -> Page:
    """Decode a page; one without a kind where it is none."""
    try:
        return decode(body, Page)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Page(kind="")
