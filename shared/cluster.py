"""The objects from the cluster's API. The only importer of `kubernetes`, and lazily.

The client's own models cost most of the time and memory of a large list, so only its transport,
TLS and credentials are used: pages come as bytes and are decoded to the fields that are read.
"""

import os
import re
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from shared.errors import ClusterError
from shared.model import shorten
from shared.objects import GROUP, Objects
from shared.ports import Check

#: Objects a page; the API server's own clients ask for as many.
PAGE = 500
#: Seconds to connect, and to wait for one page.
TIMEOUT = (5, 30)
#: Nothing that is read is nested deeper; the decoder itself gives up at about a thousand levels,
#: where an API server takes ten thousand.
DEPTH = 100
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


class Cluster:
    """Reads rules from a Kubernetes API; implements `ports.RulesSource`.

    `connect` gives an ApiClient of the kubernetes package; it is called at the first read and
    raises ClusterError where there is no way in.
    """

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._client: Any = None

    def read(self) -> Objects:
        """Read all objects, in pages; a missing CRD is no SnapshotRules."""
        objects = Objects("cluster")
        for kind, path, resource in RESOURCES:
            try:
                objects.add(kind, self._list(path, resource))
            except _Missing:
                if kind != "SnapshotRule":
                    raise ClusterError(
                        f"{self._host()} is no Kubernetes API: it does not know {path}"
                    ) from None
        return objects

    def check(self) -> Iterable[Check]:
        """Ask for one object of each resource."""
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

        if self._client is None:
            self._client = self._connect()
        request = self._client.param_serialize(
            "GET",
            path,
            query_params=list(query.items()),
            header_params={"Accept": "application/json"},
            auth_settings=["BearerToken"],
        )
        try:
            answer = self._client.call_api(*request, _request_timeout=TIMEOUT)
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
        would_do = "check its address, and the way from here to there"
        if "CERTIFICATE_VERIFY_FAILED" in text:
            would_do = "the kubeconfig's certificate-authority-data must be the cluster's own CA"
        return ClusterError(f"the API at {self._host()} cannot be reached: {text}; {would_do}")

    def _host(self) -> str:
        return re.sub(r"//[^/]*@", "//", str(self._client.configuration.host))

    def _refusal(self, status: int, body: bytes, resource: str) -> str:
        try:
            said = shorten(msgspec.json.decode(body, type=_Status).message, 300)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            said = ""
        if status == 401:
            return (
                f"the API at {self._host()} refused the credentials (401): the token or "
                "certificate has expired or belongs to another cluster"
            )
        if status == 403:
            return (
                f"the API refused to list {resource} (403): {said or 'forbidden'}; grant the verb "
                f"list on {resource}, as manifests/rbac.yaml does"
            )
        return f"the API answered {status} to listing {resource}: {said or 'no reason given'}"


def _decode(body: bytes) -> _Page:
    """Decode a page; one without a kind where it is none."""
    try:
        try:
            return msgspec.json.decode(body, type=_Page)
        except RecursionError:
            return msgspec.json.decode(_flatten(body), type=_Page)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Page(kind="")


def _flatten(body: bytes) -> bytes:
    """Put null in place of what is nested too deeply, so that one such object fails no page."""
    kept, start, depth = [], 0, 0
    for token in re.finditer(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[{]|[\]}]', body, re.DOTALL):
        if token[0] in (b"[", b"{"):
            depth += 1
            if depth == DEPTH:
                kept += [body[start : token.start()], b"null"]
        elif token[0] in (b"]", b"}"):
            if depth == DEPTH:
                start = token.end()
            depth -= 1
    return b"".join([*kept, body[start:]])


def kubeconfig_client(path: str) -> Any:
    """Connect by a kubeconfig's current context.

    Raises:
        ClusterError: where the file cannot be read or names no usable cluster.
    """
    from kubernetes import client, config

    configuration = client.Configuration()
    _guard(path, lambda: config.load_kube_config(path, client_configuration=configuration,
                                                 persist_config=False))  # fmt: skip
    return _guard(path, lambda: _client(configuration))


def kubeconfig_cluster(path: str) -> str:
    """Tell the name of the current context's cluster."""
    from kubernetes import config

    _, active = _guard(path, lambda: config.list_kube_config_contexts(path))
    return str(active["context"]["cluster"])


def in_cluster_client() -> Any:
    """Connect by the service account of the pod."""
    from kubernetes import client, config

    configuration = client.Configuration()
    try:
        config.load_incluster_config(client_configuration=configuration)
    except config.ConfigException:
        raise ClusterError(
            "there is no way to the cluster: set KUBE_CONFIG_FILE to a kubeconfig, or run in a pod "
            "with a service account"
        ) from None
    return _client(configuration)


def _client(configuration: Any) -> Any:
    import urllib3
    from kubernetes import client

    configuration.retries = urllib3.Retry(
        total=2,
        backoff_factor=0.5,
        status_forcelist=(429, 500, 502, 503, 504),
        respect_retry_after_header=False,
        raise_on_status=False,
    )
    return client.ApiClient(configuration)


def _guard(path: str, read: Callable[[], Any]) -> Any:
    """Read a kubeconfig; no error shows what it holds."""
    import yaml
    from kubernetes import config

    if not any(os.path.exists(os.path.expanduser(name)) for name in path.split(os.pathsep)):
        raise ClusterError(f"KUBE_CONFIG_FILE={shorten(path)}: there is no such file")
    try:
        return read()
    except config.ConfigException as error:
        # What follows names the place by printing the whole entry, with its token.
        said = str(error).removeprefix("Invalid kube-config file. ").partition(" in ")[0]
        why = shorten(said)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        why = f"it is no YAML, see line {mark.line + 1}" if mark else "it is no YAML"
    except FileNotFoundError as error:
        why = f"it names {shorten(error.filename)}, which is not there"
    except (OSError, ValueError, TypeError, KeyError, AttributeError, ImportError) as error:
        why = f"{type(error).__module__}.{type(error).__name__}".removeprefix("builtins.")
    except RecursionError:
        why = "it is nested too deeply"
    raise ClusterError(
        f"KUBE_CONFIG_FILE={shorten(path)} cannot be used as a kubeconfig: {why}; "
        f"kubectl --kubeconfig {shorten(path)} config view should print it"
    )
