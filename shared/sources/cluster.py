"""The objects from the cluster's API.

The client's own models cost most of the time and memory of a large list, so only its transport,
TLS and credentials are used: pages come as bytes and are decoded to the fields that are read.
"""

import re
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import msgspec

from shared.errors import ClusterError
from shared.objects import GROUP, Objects, decode
from shared.ports import Check
from shared.text import shorten

#: Objects a page; the API server's own clients ask for as many.
PAGE = 500
#: Seconds to connect, and to wait for one page.
TIMEOUT = (5, 15)
#: Seconds that a whole read may take before the mirror serves, or the pass fails; 20,000 volumes
#: take some ten.
BUDGET = 90.0
#: Listings that expire on the way (410 Gone) are begun again so many times.
RESTARTS = 3

#: Rules first, claims next, volumes last: what is made meanwhile is then missing where it does
#: not matter, and not a rule whose volume seems not to exist.
RESOURCES = (
    ("SnapshotRule", f"/apis/{GROUP}/v1/snapshotrules", f"snapshotrules.{GROUP}"),
    ("PersistentVolumeClaim", "/api/v1/persistentvolumeclaims", "persistentvolumeclaims"),
    ("PersistentVolume", "/api/v1/persistentvolumes", "persistentvolumes"),
)


class _ListMeta(msgspec.Struct, rename={"token": "continue"}):
    token: str = ""


class _Page(msgspec.Struct):
    kind: str
    metadata: _ListMeta = msgspec.field(default_factory=_ListMeta)
    items: list[msgspec.Raw] | None = None


class _Status(msgspec.Struct):
    message: str = ""
    reason: str = ""


class _Expired(Exception):
    """The continue token is too old."""


class _Missing(Exception):
    """The API does not know the resource."""


class Hints(NamedTuple):
    """What to do where the way to the API ends, in the words of the cloud that it leads by."""

    unreachable: str = "check its address, and the way from here to there"
    untrusted: str = "the kubeconfig's certificate-authority-data must be the cluster's own CA"
    refused: str = "the token or certificate has expired or belongs to another cluster"
    forbidden: str = ""


class Cluster:
    """Reads rules from a Kubernetes API; implements `ports.RulesSource`.

    `connect` gives an ApiClient of the kubernetes package; it is called at the first read, and at
    the one after a failure, and raises ClusterError where there is no way in.
    """

    live = True

    def __init__(self, connect: Callable[[], Any], hints: Hints | None = None) -> None:
        self._connect = connect
        self._hints = hints or Hints()
        self._client: Any = None
        self._until = float("inf")

    def client(self) -> Any:
        """Give the connection that objects are read by.

        Raises:
            ClusterError: where there is no way into the cluster.
        """
        if self._client is None:
            self._client = self._connect()
        return self._client

    def read(self) -> Objects:
        """Read all objects, in pages; a missing CRD is no SnapshotRules."""
        try:
            return self._read()
        except ClusterError:
            # A cluster's address, CA and secrets change in the life of a process.
            self._client = None
            raise

    def _read(self) -> Objects:
        objects, self._until = Objects("cluster"), time.monotonic() + BUDGET
        for kind, path, resource in RESOURCES:
            try:
                objects.add(kind, self._list(path, resource))
            except _Missing:
                if kind != "SnapshotRule":
                    raise ClusterError(
                        f"{self._host()} is no Kubernetes API: it does not know {path}"
                    ) from None
                objects.no_crd = True
        return objects

    def check(self) -> Iterable[Check]:
        """Ask for one object of each resource."""
        self._until = time.monotonic() + BUDGET
        for _, path, resource in RESOURCES:
            name = f"list {resource}"
            try:
                self._get(path, resource, {"limit": "1"})
            except _Missing:
                yield Check(name, True, "not installed: annotations only; for SnapshotRules, "
                            "kubectl apply -f manifests/crd.yaml")  # fmt: skip
            except ClusterError as error:
                yield Check(name, False, str(error))
                return
            else:
                yield Check(name, True, f"at {self._host()}")

    def _list(self, path: str, resource: str) -> list[msgspec.Raw]:
        for _ in range(RESTARTS):
            try:
                return self._pages(path, resource)
            except _Expired:
                continue
        raise ClusterError(
            f"listing {resource} expired {RESTARTS} times; the API server is too slow"
        )

    def _pages(self, path: str, resource: str) -> list[msgspec.Raw]:
        items: list[msgspec.Raw] = []
        query = {"limit": str(PAGE)}
        seen = set()
        while True:
            page = self._get(path, resource, query)
            items += page.items or ()
            token = page.metadata.token
            if not token:
                return items
            if token in seen:
                raise ClusterError(f"listing {resource}: the API repeats a page")
            seen.add(token)
            query["continue"] = token

    def _get(self, path: str, resource: str, query: dict[str, str]) -> _Page:
        status, body = self._fetch(path, query)
        if status == 200:
            page = _decode(body)
            if page.kind.endswith("List"):
                return page
            raise ClusterError(
                f"{self._host()} answered {path} with something that is no Kubernetes list "
                f"({shorten(body[:40].decode(errors='replace'))}); is a proxy or login page before "
                "the API?"
            )
        if status == 404:
            raise _Missing
        if status == 410:
            raise _Expired
        raise ClusterError(self._refusal(status, body, resource))

    def _fetch(self, path: str, query: dict[str, str]) -> tuple[int, bytes]:
        import urllib3

        client = self.client()
        if time.monotonic() > self._until:
            raise ClusterError(
                f"the API at {self._host()} is too slow: reading it took over {BUDGET:.0f} s"
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
                f"the token for {self._host()} holds a line break or another character that "
                "cannot be sent: write it on one line, with nothing behind it"
            ) from None

    def _unreachable(self, error: Exception) -> ClusterError:
        text = shorten(str(error).rpartition("object at 0x")[2].partition(">: ")[2] or str(error))
        would_do = self._hints.unreachable
        if "CERTIFICATE_VERIFY_FAILED" in text:
            would_do = self._hints.untrusted
        return ClusterError(f"the API at {self._host()} cannot be reached: {text}; {would_do}")

    def _host(self) -> str:
        return re.sub(r"//[^/]*@", "//", str(self._client.configuration.host))

    def _refusal(self, status: int, body: bytes, resource: str) -> str:
        try:
            said = shorten(msgspec.json.decode(body, type=_Status).message, 300)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            said = ""
        if status == 401:
            return f"the API at {self._host()} refused the credentials (401): {self._hints.refused}"
        if status == 403:
            return (
                f"the API refused to list {resource} (403): {said or 'forbidden'}; grant the verb "
                f"list on {resource}, as manifests/rbac.yaml does{self._hints.forbidden}"
            )
        return f"the API answered {status} to listing {resource}: {said or 'no reason given'}"


def _decode(body: bytes) -> _Page:
    """Decode a page; one without a kind where it is none."""
    try:
        return decode(body, _Page)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Page(kind="")
