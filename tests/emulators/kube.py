"""A small Kubernetes API over real HTTP, which the real `kubernetes` client speaks to.

It knows users by their tokens and applies RBAC as manifests/rbac.yaml has it; lists volumes,
claims, namespaces, classes, SnapshotRules and SnapshotPolicies as an API server prints them, in
pages of one moment; takes their status, and Events, tried or for good; answers access reviews; and
goes wrong on demand. tests/test_apiserver.py compares it with a real API server.
"""

import base64
import copy
import ipaddress
import json
import re
import ssl
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl, urlsplit

import jsonschema
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.emulators import kube_patch
from tests.emulators.kube_rbac import (
    ADMIN,
    ANONYMOUS,
    FUNCTION,
    MANIFESTS,
    Asked,
    Roles,
    User,
    asked_by,
    forbidden,
)

GROUP = "k8s-snapshots.elsdoerfer.com"
STATUS = (
    rf"/apis/{GROUP}/v1(?:/namespaces/([^/]+))?/(snapshotrules|snapshotpolicies)/([^/]+)/status"
)
EVENTS = "/api/v1/namespaces/([^/]+)/events"
COLLECTION = r"(/api/v1|/apis/[^/]+/v1)(?:/namespaces/([^/]+))?/([a-z]+)"
KINDS = {
    ("/api/v1", "persistentvolumes"): "PersistentVolume",
    ("/api/v1", "persistentvolumeclaims"): "PersistentVolumeClaim",
    ("/api/v1", "namespaces"): "Namespace",
    ("/apis/storage.k8s.io/v1", "storageclasses"): "StorageClass",
    (f"/apis/{GROUP}/v1", "snapshotrules"): "SnapshotRule",
    (f"/apis/{GROUP}/v1", "snapshotpolicies"): "SnapshotPolicy",
}
OURS = ("SnapshotRule", "SnapshotPolicy")
CLUSTER_WIDE = ("PersistentVolume", "Namespace", "StorageClass", "SnapshotPolicy")
SHORT = {"persistentvolumes": "pv", "persistentvolumeclaims": "pvc", "snapshotrules": "sr",
         "snapshotpolicies": "sp", "namespaces": "ns", "storageclasses": "sc"}  # fmt: skip
NAMESPACES = ("default", "kube-system")
REASONS = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound"}
REASONS |= {409: "AlreadyExists", 415: "UnsupportedMediaType", 422: "Invalid"}
REASONS |= {410: "Expired", 429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable"}
WORDS = {
    401: "Unauthorized",
    410: "The provided continue parameter is too old to display a consistent list result. You can "
    "start a new list without the continue parameter, or use the continue token in this response "
    "to retrieve the remainder of the results. Continuing with the provided token results in an "
    "inconsistent list - objects that were created, modified, or deleted between the time the "
    "first chunk was returned and now may show up in the list.",
    429: "Too many requests, please try again later.",
    415: "the body of the request was in an unknown format - accepted media types include: "
    "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
    422: "the server rejected our request due to an error in our request",
    500: "Internal error occurred: etcdserver: request timed out",
    503: "the server is currently unable to handle the request",
}

Object = dict[str, Any]
Key = tuple[str, str, str]  # kind, namespace, name: what lists are ordered by


@dataclass(frozen=True)
class Request:
    """A request as it arrived; `body` is decoded JSON, names of headers are in lowercase."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def content_type(self) -> str:
        """Name the kind of the body."""
        return self.headers.get("content-type", "")

    @property
    def asked(self) -> Asked:
        """Read it as access rules do."""
        return asked_by(self.method, self.path, self.query)

    @property
    def dry(self) -> bool:
        """Tell whether it is only tried."""
        return self.query.get("dryRun") == "All"

    def resource(self) -> tuple[str, str]:
        """Name the API's root and the resource, such as `/api/v1` and `persistentvolumes`."""
        match = re.fullmatch(COLLECTION, self.path)
        return (match[1], match[3]) if match else ("", "")


class Answer(NamedTuple):
    """What goes back: an object as JSON, a string as it stands; `location` is of a redirect."""

    code: int
    body: Object | str
    content_type: str = "application/json"
    location: str = ""


@dataclass
class Fault:
    """What goes wrong with the requests that it matches; the first that matches strikes.

    `skip` requests are spared, then `times` are struck (None: all). With `continued` only requests
    for a further page match. `hang` comes first and goes together with any of the others.
    """

    path_contains: str = ""
    continued: bool = False
    skip: int = 0
    times: int | None = 1
    status: int = 0  # answer a Status with this code
    message: str = ""
    redirect: str = ""  # send the client there, by 302 unless `status` says otherwise
    html: bool = False  # answer a web page, with 200 unless `status` says otherwise
    close: bool = False  # hang up without an answer
    hang: float = 0  # seconds
    truncate: bool = False  # half of the JSON, as if that were all
    cut: bool = False  # half of the bytes that were announced, then hang up
    malformed: Any = None  # this item comes first in the page, beside the good ones

    def strikes(self, request: Request) -> bool:
        """Tell whether the request is struck, and count it."""
        passed_by = self.continued and "continue" not in request.query
        if self.path_contains not in request.path or passed_by or self.times == 0:
            return False
        self.skip -= 1
        if self.skip < 0 and self.times is not None:
            self.times -= 1
        return self.skip < 0


class Kube:
    """The API: `with Kube(objects) as kube:`. Stopped, it refuses connections; it may start again.

    Attributes:
        token: of the function, which asks as the user `function`; None lets anybody do anything,
            as the insecure port of former API servers did.
        users: further tokens, and whom each stands for.
        anonymous: whether who has no credentials is `system:anonymous`, as by default, or refused.
        roles: of manifests/rbac.yaml, unless others are applied: `kube.roles.manifest(name)`.
        crd: whether SnapshotRules and SnapshotPolicies exist in this cluster.
        denied: what nobody may do, whatever roles grant, such as `{"list persistentvolumes",
            "create events"}`; a status is
            `patch snapshotrules.k8s-snapshots.elsdoerfer.com/status`.
        status: whether the definition of SnapshotRules has a status; the daemon's had none.
        terminating: namespaces that are being deleted, which nothing new is made in.
        page_limit: no page is longer, whatever a request asks for.
    """

    def __init__(
        self,
        objects: Iterable[Object] = (),
        *,
        token: str | None = "a-token-of-the-stand-in",
        tls: bool = False,
        page_limit: int | None = None,
    ) -> None:
        self.token, self.page_limit, self.crd = token, page_limit, True
        self.function, self.users, self.anonymous = FUNCTION, dict[str, User](), True
        self.roles = Roles()
        self.roles.manifest("rbac.yaml")
        self.denied: set[str] = set()
        self._lists: dict[str, list[Object]] = {}
        self.status, self.terminating = True, set[str]()
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.stored: dict[Key, Object] = {}
        self.resource_version = 1000
        self.stopping = threading.Event()
        self._lock, self._port = threading.Lock(), 0
        self._certificate, self._key = _certificate() if tls else (b"", b"")
        self.ca_file: Path | None = None
        for item in objects:
            self.add(item)

    def start(self) -> Self:
        self.stopping.clear()
        self._server = _Server(("127.0.0.1", self._port), _Connection)
        self._server.kube = self
        if self._certificate:
            self._folder = tempfile.TemporaryDirectory()
            self.ca_file = Path(self._folder.name, "ca.pem")
            self.ca_file.write_bytes(self._certificate)
            (key := self.ca_file.with_name("key.pem")).write_bytes(self._key)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.ca_file, key)
            # The handshake belongs to a connection's own thread, not to the one that accepts.
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def stop(self) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        if self.ca_file:
            self._folder.cleanup()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"{'https' if self._certificate else 'http'}://127.0.0.1:{self._port}"

    def kubeconfig(self, path: Path, cluster: str = "demo") -> Path:
        """Write a kubeconfig for this API."""
        server = {"server": self.url}
        if self._certificate:
            server["certificate-authority-data"] = base64.b64encode(self._certificate).decode()
        config = {"apiVersion": "v1", "kind": "Config", "current-context": cluster} | {
            "clusters": [{"name": cluster, "cluster": server}],
            "users": [{"name": "reader", "user": {"token": self.token} if self.token else {}}],
            "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": "reader"}}],
        }
        path.write_text(yaml.safe_dump(config))
        return path

    @property
    def objects(self) -> list[Object]:
        return list(self.stored.values())

    @property
    def events(self) -> list[Object]:
        return [item for key, item in self.stored.items() if key[0] == "Event"]

    def add(self, item: Object) -> Object:
        """Store an object, or replace it; returns it with what the API server fills in."""
        item = json.loads(json.dumps(item, default=lambda time: time.isoformat()))
        metadata = item["metadata"]
        if item["kind"] not in CLUSTER_WIDE:
            metadata.setdefault("namespace", "default")
        with self._lock:
            self.resource_version += 1
            metadata.setdefault("uid", str(uuid.uuid4()))
            if item["kind"] in OURS:
                metadata.setdefault("generation", 1)
            metadata.setdefault("creationTimestamp", f"{datetime.now(UTC):%FT%TZ}")
            metadata.setdefault("resourceVersion", str(self.resource_version))
            self.stored[item["kind"], metadata.get("namespace", ""), metadata["name"]] = item
        return item

    def remove(self, kind: str, namespace: str, name: str) -> None:
        with self._lock:
            self.resource_version += 1
            del self.stored[kind, namespace, name]

    def load(self, path: Path) -> None:
        """Add what a YAML or JSON file holds: documents, Lists of objects."""
        for document in filter(None, yaml.safe_load_all(path.read_text())):
            for item in document.get("items", [document]):
                self.add(item)

    def expire(self) -> None:
        """Let all continue tokens be too old, as a compaction of etcd does every five minutes."""
        with self._lock:
            self._lists.clear()

    def fault(self, path_contains: str = "", **what: Any) -> Fault:
        """Let requests go wrong: the fields of `Fault`."""
        self.faults.append(Fault(path_contains, **what))
        return self.faults[-1]

    def answer(self, request: Request) -> tuple[Answer, Fault]:
        """Answer a request, or let it fail; what the connection has to do wrong comes along."""
        with self._lock:
            self.requests.append(request)
            fault = next((f for f in self.faults if f.strikes(request)), Fault())
            # What is answered in the API's place never reaches it; an answer that is lost does.
            struck = fault.html or fault.status or fault.redirect
            token = request.headers.get("authorization", "")
            answer = missing() if struck else self._answer(request, token)
        if fault.redirect:
            answer = Answer(fault.status or 302, "", "text/plain", fault.redirect)
        elif fault.html:
            page = "<html><body><h1>Sign in</h1></body></html>"
            answer = Answer(fault.status or 200, page, "text/html; charset=utf-8")
        elif fault.status:
            answer = failure(fault.status, request, fault.message)
        elif fault.malformed is not None and isinstance(answer.body, dict):
            answer.body.get("items", []).insert(0, fault.malformed)
        return answer, fault

    def _answer(self, request: Request, token: str) -> Answer:
        user = self._user(token)
        if user is None:
            return failure(401, request)
        name = request.headers.get("impersonate-user")
        if name is not None:
            if refusal := self._refusal(user, Asked("impersonate", "", "users", "", name)):
                return failure(403, request, refusal, {"name": name, "kind": "users"})
            groups = request.headers.get("impersonate-group", "")
            user = User(name, tuple(filter(None, [groups, "system:authenticated"])))
        if refusal := self._refusal(user, request.asked):
            return failure(403, request, refusal, details_of(request.asked))
        for method, pattern, handler in ROUTES:
            if method == request.method and (match := re.fullmatch(pattern, request.path)):
                return handler(self, request, match)
        return missing()

    def _user(self, authorization: str) -> User | None:
        """Tell who asks; None for a token that stands for nobody."""
        if self.token is None:
            return ADMIN
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":  # passwords are not taken any more either
            return ANONYMOUS if self.anonymous else None
        return self.function if token == self.token else self.users.get(token)

    def _refusal(self, user: User, asked: Asked) -> str | None:
        if asked.right in self.denied:
            return forbidden(user, asked)
        return self.roles.refusal(user, asked)


def details_of(asked: Asked) -> Object:
    """Say in an error which object it is about."""
    kind = asked.resource.partition("/")[0]
    found = {"name": asked.name, "group": asked.group, "kind": kind}
    return {key: value for key, value in found.items() if value}


def failure(
    code: int, request: Request, message: str = "", details: Object | None = None
) -> Answer:
    """Say an error as an API server does, in its own words where no message is given."""
    who = FUNCTION if code == 403 else None
    message = message or (forbidden(who, request.asked) if who else WORDS.get(code, "failed"))
    metadata = {"continue": request.query.get("continue", "")} if code == 410 else {}
    status = {"kind": "Status", "apiVersion": "v1", "metadata": metadata, "status": "Failure"}
    said = {"message": message, "reason": REASONS.get(code, "Unknown"), "code": code}
    return Answer(code, status | said | ({"details": details} if details is not None else {}))


def missing() -> Answer:
    """Answer for a path that no API serves, as where a CRD is missing: plain text, no Status."""
    return Answer(404, "404 page not found\n", "text/plain; charset=utf-8")


def about(kube: Kube, request: Request, match: re.Match[str]) -> Answer:
    """Answer what the API says of itself."""
    names = ["authorization.k8s.io", "storage.k8s.io"] + [GROUP] * kube.crd
    versions = {name: {"groupVersion": f"{name}/v1", "version": "v1"} for name in names}
    groups = [{"name": n, "versions": [v], "preferredVersion": v} for n, v in versions.items()]
    version = dict.fromkeys(("gitCommit", "gitTreeState", "buildDate", "goVersion"), "")
    version |= {"major": "1", "minor": "35", "gitVersion": "v1.35.0", "compiler": "gc"}
    answers: dict[str, Object] = {
        "/version": version | {"platform": "linux/amd64"},
        "/api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups},
    }
    return Answer(200, answers[request.path])


def resources(kube: Kube, request: Request, match: re.Match[str]) -> Answer:
    """Answer which kinds a group has, with the short names that people use."""
    root = request.path
    known = {plural: kind for (group, plural), kind in KINDS.items() if group == root}
    if root == f"/apis/{GROUP}/v1" and not kube.crd:
        return missing()
    found: list[Object] = [
        {
            "name": plural,
            "singularName": kind.lower(),
            "kind": kind,
            "namespaced": kind not in CLUSTER_WIDE,
            "verbs": ["get", "list"],
            "shortNames": [SHORT[plural]],
        }
        for plural, kind in known.items()
    ]
    if kube.status and "snapshotrules" in known:
        named = {"name": "snapshotrules/status", "singularName": "", "kind": "SnapshotRule"}
        found.append(named | {"namespaced": True, "verbs": ["get", "patch", "update"]})
    group = root.removeprefix("/apis/").removeprefix("/api/")
    return Answer(200, {"kind": "APIResourceList", "groupVersion": group, "resources": found})


def access_review(kube: Kube, request: Request, match: re.Match[str]) -> Answer:
    """Answer whether the token may do something."""
    asked = request.body["spec"]["resourceAttributes"]
    name = f"{asked['resource']}.{asked.get('group') or ''}".rstrip(".")
    allowed = f"{asked['verb']} {name}" not in kube.denied
    return Answer(201, request.body | {"status": {"allowed": allowed}})


def list_objects(kube: Kube, request: Request, match: re.Match[str]) -> Answer:
    """Answer a page of the objects of one kind, in one namespace or all, as they were at first."""
    root, namespace, plural = match.groups()
    kind = KINDS.get((root, plural))
    if kind is None or (kind in OURS and not kube.crd):
        return missing()
    try:
        version, start = _decode(request.query.get("continue", ""))
    except (ValueError, TypeError):
        return failure(400, request, "continue key is not valid: invalid continue token")
    key = f"{version or kube.resource_version} {request.path}"
    if version and key not in kube._lists:
        return failure(410, request)
    if not version:
        found = (k for k in kube.stored if k[0] == kind and namespace in (None, k[1]))
        items = [copy.deepcopy(kube.stored[k]) for k in sorted(found)]
        kube._lists[key] = items + _unsaid_namespaces(kube) if kind == "Namespace" else items
    items = kube._lists[key][start:]
    limits = int(request.query.get("limit", 0)), kube.page_limit or 0
    limit = min(filter(None, limits), default=len(items))
    at = version or kube.resource_version
    metadata: Object = {"resourceVersion": str(at)}
    if items[limit:]:
        token = _encode(at, start + limit)
        metadata |= {"continue": token, "remainingItemCount": len(items[limit:])}
    return Answer(200, _page(kind, metadata, items[:limit]))


def _unsaid_namespaces(kube: Kube) -> list[Object]:
    """Make the namespaces that objects are in and nobody wrote: none is without one."""
    known = {name for kind, _, name in kube.stored if kind == "Namespace"}
    inside = {namespace for _, namespace, _ in kube.stored if namespace} | {*NAMESPACES}
    made = ({"name": n, "labels": {"kubernetes.io/metadata.name": n}} for n in inside - known)
    return [{"kind": "Namespace", "metadata": metadata} for metadata in made]


def _page(kind: str, metadata: Object, items: list[Object]) -> Object:
    """Print a list, its keys in the order in which an API server writes them."""
    if kind in OURS:
        # Custom resources print an empty `continue` on the last page, and each item's kind.
        metadata = {"continue": ""} | metadata
        version = f"{GROUP}/v1"
        return {"apiVersion": version, "items": items, "kind": f"{kind}List", "metadata": metadata}
    bare = ("kind", "apiVersion")
    items = [{k: v for k, v in i.items() if k not in bare} for i in items]
    version = "storage.k8s.io/v1" if kind == "StorageClass" else "v1"
    return {"kind": f"{kind}List", "apiVersion": version, "metadata": metadata, "items": items}


def _encode(version: int, start: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([version, start]).encode()).decode()


def _decode(token: str) -> tuple[int, int]:
    version, start = json.loads(base64.urlsafe_b64decode(token)) if token else (0, 0)
    return version, start


def patch_status(kube: Kube, request: Request, match: re.Match[str]) -> Answer:
    """Apply a patch to a rule's status, and to nothing else of it."""
    if not kube.crd:
        return missing()
    plural, name = match[2], match[3]
    kind = KINDS[f"/apis/{GROUP}/v1", plural]
    key = (kind, match[1] or "", name)
    item = kube.stored.get(key)
    if item is None or not kube.status:
        said = f'{plural}.{GROUP} "{name}" not found'
        return failure(404, request, said, details_of(request.asked))
    if request.content_type not in (kube_patch.JSON_PATCH, kube_patch.MERGE_PATCH):
        return failure(415, request)
    if request.content_type == kube_patch.MERGE_PATCH:
        patched = kube_patch.merge(item, request.body)
    elif not isinstance(request.body, list):
        said = "json: cannot unmarshal object into Go value of type jsonpatch.Patch"
        return failure(400, request, said)
    else:
        try:
            patched = kube_patch.apply(item, request.body)
        except kube_patch.DoesNotApply:
            return failure(422, request, details={})
    after = {k: v for k, v in item.items() if k != "status"}
    after |= {"status": patched["status"]} if "status" in patched else {}
    if wrong := _invalid(after):
        return failure(422, request, f'{kind}.{GROUP} "{name}" is invalid: {wrong}',
                       details_of(request.asked) | {"kind": kind, "causes": [
                           {"reason": "FieldValueInvalid", "message": wrong}]})  # fmt: skip
    if after != item and not request.dry:  # what changes nothing is not stored
        kube.resource_version += 1
        after["metadata"] = item["metadata"] | {"resourceVersion": str(kube.resource_version)}
        kube.stored[key] = after
    return Answer(200, after)


def _invalid(rule: Object) -> str:
    """Say what of a rule, its status included, manifests/crd.yaml does not allow."""
    found = _validator(OURS.index(rule["kind"])).iter_errors(rule)
    return ", ".join(f"{error.json_path[2:]}: Invalid value: {error.message}" for error in found)


@cache
def _validator(kind: int) -> jsonschema.Draft202012Validator:
    definition = list(yaml.safe_load_all((MANIFESTS / "crd.yaml").read_text()))[kind]
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return jsonschema.Draft202012Validator(schema)


def create_event(kube: Kube, request: Request, match: re.Match[str]) -> Answer:
    """Store an Event, once under each name, as an API server checks it."""
    namespace, item = match[1], request.body
    details = details_of(request.asked)
    if namespace not in NAMESPACES and namespace not in {key[1] for key in kube.stored}:
        said = f'namespaces "{namespace}" not found'
        return failure(404, request, said, {"name": namespace, "kind": "namespaces"})
    if namespace in kube.terminating:
        said = f"unable to create new content in namespace {namespace}"
        causes = [{"reason": "NamespaceTerminating"}]
        return failure(403, request, said, details | {"causes": causes})
    name, involved = item["metadata"]["name"], item["involvedObject"]
    if involved.get("namespace", "default") != namespace or len(item["message"].encode()) > 1024:
        causes = [{"reason": "FieldValueInvalid"}]
        said = f'Event "{name}" is invalid'
        return failure(422, request, said, details | {"name": name, "causes": causes})
    if ("Event", namespace, name) in kube.stored:
        return failure(409, request, f'events "{name}" already exists', details | {"name": name})
    version = {"uid": str(uuid.uuid4())}
    if not request.dry:
        kube.resource_version += 1
        version["resourceVersion"] = str(kube.resource_version)
    item["metadata"] = {"namespace": namespace} | item["metadata"] | version
    if not request.dry:
        kube.stored["Event", namespace, name] = item
    return Answer(201, item)


ROUTES: list[tuple[str, str, Callable[[Kube, Request, re.Match[str]], Answer]]] = [
    ("GET", "/version|/api|/apis", about),
    ("GET", f"/api/v1|/apis/(?:{GROUP}|authorization.k8s.io|storage.k8s.io)/v1", resources),
    ("GET", COLLECTION, list_objects),
    ("PATCH", STATUS, patch_status),
    ("POST", EVENTS, create_event),
    ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", access_review),
]


class _Server(ThreadingHTTPServer):
    kube: Kube
    request_queue_size = 64

    def handle_error(self, *client: Any) -> None:
        """Say nothing: clients that hang up or distrust the certificate are part of the tests."""


class _Connection(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *message: Any, **more: Any) -> None:
        pass

    def serve(self) -> None:
        kube, url = self.server.kube, urlsplit(self.path)
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query, body = dict(parse_qsl(url.query)), json.loads(sent) if sent else None
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, url.path.rstrip("/"), query, body, headers)
        answer, fault = kube.answer(request)
        kube.stopping.wait(fault.hang)
        if fault.close or kube.stopping.is_set():
            self.close_connection = True
        else:
            self.reply(answer, fault)

    def reply(self, answer: Answer, fault: Fault) -> None:
        text = answer.body if isinstance(answer.body, str) else _json(answer.body)
        whole = text.encode()
        sent = whole[: len(whole) // 2] if fault.truncate or fault.cut else whole
        self.send_response(answer.code)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(whole if fault.cut else sent)))
        if answer.location:
            self.send_header("Location", answer.location)
        if answer.code == 429:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(sent)
        self.close_connection |= fault.cut

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = serve  # noqa: N815 (the names that http.server looks for)


def _json(value: Object) -> str:
    """Write JSON without blanks, as Go does."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _certificate() -> tuple[bytes, bytes]:
    """Make a certificate for 127.0.0.1 that vouches for itself, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kube of the tests")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    number, day = x509.random_serial_number(), timedelta(days=1)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), number, now - day, now + day)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(pem, pkcs8, serialization.NoEncryption())
    return certificate.public_bytes(pem), secret
