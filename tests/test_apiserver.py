"""The reader, the CRD and the role against a real kube-apiserver and etcd.

They are started from the folder that KUBEBUILDER_ASSETS names, as controller-runtime's envtest
does it (`setup-envtest use -p path` prints one). Where it names none, these tests are left out.
"""

import base64
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import urllib3
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

import shared.sources.cluster
from shared.access.connect import connection_client
from shared.errors import ClusterError
from shared.kinds import GROUP
from shared.sources.cluster import Cluster
from tests.emulators.kube import _certificate
from tests.shared.objects_builders import claim, snapshot_rule, volume

ASSETS = os.environ.get("KUBEBUILDER_ASSETS", "")
BINARIES = ("kube-apiserver", "etcd")
MISSING = [name for name in BINARIES if not ASSETS or not Path(ASSETS, name).is_file()]
pytestmark = [
    pytest.mark.apiserver,
    pytest.mark.skipif(
        bool(MISSING),
        reason=f"KUBEBUILDER_ASSETS={ASSETS} has no {' and no '.join(MISSING)}: see "
        "setup-envtest of controller-runtime",
    ),
]

MANIFESTS = Path(__file__).parent.parent / "manifests"
ADMIN, READER = "token-of-the-admin", "token-of-the-reader"
#: As the subject in manifests/rbac.yaml, which on EKS an access entry makes of a role.
TOKENS = f'{ADMIN},admin,1,"system:masters"\n{READER},function,2,"k8s-snapshots"\n'
PATIENCE = 60.0
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
ROLES = "/apis/rbac.authorization.k8s.io/v1"
RULES = f"/apis/{GROUP}/v1"

Json = dict[str, Any]


class ApiServer:
    """kube-apiserver and etcd, for as long as the context lasts."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._stack = folder, ExitStack()

    def __enter__(self) -> "ApiServer":
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _start(self) -> None:
        self.certificate, key = _certificate()
        files = {"ca.pem": self.certificate, "key.pem": key, "accounts.pem": _rsa_key()}
        for name, content in (files | {"tokens.csv": TOKENS.encode()}).items():
            (self._folder / name).write_bytes(content)
        self._pool = urllib3.PoolManager(ca_certs=str(self._folder / "ca.pem"))
        self._stack.callback(self._pool.clear)
        etcd, peers, port = _free_ports(3)
        self.url = f"https://127.0.0.1:{port}"
        store = f"http://127.0.0.1:{etcd}"
        self._run(
            "etcd",
            f"--data-dir={self._folder}/etcd",
            f"--listen-client-urls={store}",
            f"--advertise-client-urls={store}",
            f"--listen-peer-urls=http://127.0.0.1:{peers}",
            "--unsafe-no-fsync",
        )
        process = self._run(
            "kube-apiserver",
            "--advertise-address=127.0.0.1",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
            f"--etcd-servers={store}",
            f"--cert-dir={self._folder}",
            f"--tls-cert-file={self._folder}/ca.pem",
            f"--tls-private-key-file={self._folder}/key.pem",
            f"--token-auth-file={self._folder}/tokens.csv",
            "--authorization-mode=RBAC",
            f"--service-account-issuer={self.url}/",
            f"--service-account-key-file={self._folder}/accounts.pem",
            f"--service-account-signing-key-file={self._folder}/accounts.pem",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--disable-admission-plugins=ServiceAccount",
        )
        self._await_readiness(process)

    def _run(self, name: str, *arguments: str) -> "subprocess.Popen[bytes]":
        log = self._stack.enter_context((self._folder / f"{name}.log").open("wb"))
        command = [str(Path(ASSETS, name)), *arguments]
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        self._stack.callback(_stop, process)
        return process

    def _await_readiness(self, process: "subprocess.Popen[bytes]") -> None:
        def ready() -> bool:
            if process.poll() is not None:
                log = (self._folder / "kube-apiserver.log").read_text(errors="replace")
                pytest.fail(f"kube-apiserver ended with {process.returncode}:\n{log[-2000:]}")
            return (
                self.status("/readyz") == 200 and self.status("/api/v1/namespaces/default") == 200
            )

        until(ready)

    def status(self, path: str) -> int:
        """Get a path as the admin; 0 where nobody answers."""
        try:
            return self.request("GET", path)[0]
        except urllib3.exceptions.HTTPError:
            return 0

    def request(
        self, method: str, path: str, body: Json | None = None, token: str = ADMIN
    ) -> tuple[int, Json]:
        """Ask the API, and read its answer where it is JSON."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        sent = None if body is None else json.dumps(body)
        answer = self._pool.request(
            method, self.url + path, body=sent, headers=headers, retries=False, timeout=10
        )
        try:
            return answer.status, dict(answer.json())
        except (ValueError, TypeError):
            return answer.status, {}

    def add(self, path: str, item: Json) -> None:
        """Create an object, or leave it as it is."""
        status, said = self.request("POST", path, item)
        assert status in (201, 409), said

    def reader(self) -> Cluster:
        """Connect as the function does to a managed cluster."""
        ca = base64.b64encode(self.certificate).decode()
        return Cluster(lambda: connection_client(self.url, ca, lambda: READER))


def _rsa_key() -> bytes:
    key = rsa.generate_private_key(65537, 2048)
    form = serialization.PrivateFormat.TraditionalOpenSSL  # which Go reads as a public key too
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for found in sockets:
            found.bind(("127.0.0.1", 0))
        return [found.getsockname()[1] for found in sockets]


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def until(true: Callable[[], bool]) -> None:
    """Wait until something is true."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, f"not within {PATIENCE:.0f} seconds"
        time.sleep(0.1)


def documents(name: str) -> list[Json]:
    return list(yaml.safe_load_all((MANIFESTS / name).read_text()))


def plain(item: Json) -> Json:
    """Leave out what an API server gives objects itself, and dates, which JSON has none of."""
    item = json.loads(json.dumps(item, default=str))
    for name in ("uid", "creationTimestamp", "resourceVersion"):
        item["metadata"].pop(name, None)
    version = f"{GROUP}/v1" if item["kind"] == "SnapshotRule" else "v1"
    return {"apiVersion": version} | item


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Serve a cluster in which nothing of ours is installed."""
    with ApiServer(tmp_path_factory.mktemp("apiserver")) as served:
        yield served


@pytest.fixture
def installed(bare: ApiServer) -> ApiServer:
    """Serve a cluster with CRD and role, as the two manifests that the README applies leave it."""
    role, binding = documents("rbac.yaml")
    bare.add(f"{ROLES}/clusterroles", role)
    bare.add(f"{ROLES}/clusterrolebindings", binding)
    for definition in documents("crd.yaml"):
        bare.add(DEFINITIONS, definition)
    until(lambda: bare.status(f"{RULES}/snapshotrules") == 200)
    until(lambda: bare.request("GET", f"{RULES}/snapshotrules", token=READER)[0] == 200)
    return bare


def add_objects(api: ApiServer, volumes: int) -> None:
    """Add volumes, a claim and a rule."""
    for number in range(volumes):
        made = volume(f"pv-{number}", claimed_by=None)
        made["spec"] |= {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]}
        api.add("/api/v1/persistentvolumes", plain(made))
    asked = claim(deltas="P1D P30D")
    asked["spec"] |= {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    }
    api.add("/api/v1/namespaces/default/persistentvolumeclaims", _in_default(asked))
    rule = _in_default(snapshot_rule(persistentVolumeClaim="data"))
    api.add(f"{RULES}/namespaces/default/snapshotrules", rule)


def _in_default(item: Json) -> Json:
    found = plain(item)
    found["metadata"]["namespace"] = "default"
    return found


def test_before_anything_is_installed_the_role_is_asked_for(bare: ApiServer) -> None:
    """Without the role the API refuses, and it is said which manifest grants what."""
    with pytest.raises(ClusterError, match=r"\(403\).*as manifests/rbac.yaml does"):
        bare.reader().read()


def test_the_definition_is_taken(installed: ApiServer) -> None:
    """The API server establishes the CRD, and finds its schema structural."""
    _, found = installed.request("GET", f"{DEFINITIONS}/snapshotrules.{GROUP}")
    conditions = {entry["type"]: entry["status"] for entry in found["status"]["conditions"]}
    assert ("True", "True") == (conditions["Established"], conditions["NamesAccepted"])
    assert "NonStructuralSchema" not in conditions


def test_reads_all_objects_in_pages(installed: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Claims, rules, and volumes over several pages come as a real API server prints them."""
    monkeypatch.setattr(shared.sources.cluster, "FIRST_PAGE", 2)
    add_objects(installed, volumes=5)

    objects = installed.reader().read()

    assert [f"pv-{n}" for n in range(5)] == [found.metadata.name for found in objects.volumes]
    assert (1, 1) == (len(objects.claims), len(objects.rules))
    assert [] == objects.problems


def test_the_role_grants_nothing_else(installed: ApiServer) -> None:
    """The function's token reads no secret, and changes nothing."""
    for method, path in (
        ("GET", "/api/v1/secrets"),
        ("GET", "/api/v1/pods"),
        ("GET", "/api/v1/persistentvolumes?watch=true&timeoutSeconds=1"),
        ("DELETE", "/api/v1/persistentvolumes/pv-0"),
        ("DELETE", f"{RULES}/namespaces/default/snapshotrules/nightly"),
    ):
        assert 403 == installed.request(method, path, token=READER)[0], path


@pytest.mark.parametrize(
    "spec",
    [{}, {"deltas": 5}, {"deltas": ""}, {"deltas": "P1D P7D", "backend": "azure"}],
)
def test_the_definition_refuses_what_no_rule_can_be(installed: ApiServer, spec: Json) -> None:
    """A spec of wrong types is refused when it is written."""
    rule = _in_default(snapshot_rule()) | {"spec": spec}
    path = f"{RULES}/namespaces/default/snapshotrules?dryRun=All"
    assert 422 == installed.request("POST", path, rule)[0]


def test_a_continue_token_that_is_none(installed: ApiServer) -> None:
    """The server gives continue tokens, and refuses what is none: never a list from the start."""
    add_objects(installed, volumes=3)
    path = "/api/v1/persistentvolumes?limit=1"
    _, page = installed.request("GET", path)
    assert page["metadata"]["continue"]
    assert 400 == installed.request("GET", f"{path}&continue=nonsense")[0]


def test_without_the_definition_annotations_are_read(installed: ApiServer) -> None:
    """Where the CRD is gone there are no SnapshotRules, and the rest is read."""
    add_objects(installed, volumes=1)
    installed.request("DELETE", f"{DEFINITIONS}/snapshotrules.{GROUP}")
    until(lambda: installed.status(f"{RULES}/snapshotrules") == 404)

    objects = installed.reader().read()

    assert [] == objects.rules
    assert objects.volumes


def test_a_token_that_is_none(installed: ApiServer) -> None:
    """A wrong token is a matter of credentials."""
    ca = base64.b64encode(installed.certificate).decode()
    source = Cluster(lambda: connection_client(installed.url, ca, lambda: "wrong"))
    with pytest.raises(ClusterError, match=r"refused the credentials \(401\)"):
        source.read()
