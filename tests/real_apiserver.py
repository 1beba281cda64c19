"""A real kube-apiserver and etcd for tests, with the manifests applied as people apply them.

They are started from the folder that KUBEBUILDER_ASSETS names, as controller-runtime's envtest
does it (`setup-envtest use -p path` prints one). Where it names none, these tests are left out.
"""

import base64
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import urllib3
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from shared.access.connect import connection_client
from shared.kinds import GROUP, OURS
from shared.sources.cluster import Cluster
from tests.emulators.kube import _certificate

ASSETS = os.environ.get("KUBEBUILDER_ASSETS", "")
BINARIES = ("kube-apiserver", "etcd")
MISSING = [name for name in BINARIES if not ASSETS or not Path(ASSETS, name).is_file()]
NEEDED = [
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
        store = self.store = f"http://127.0.0.1:{etcd}"
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

    def kubeconfig(self, name: str, token: str) -> Path:
        """Write a kubeconfig for a token."""
        ca = base64.b64encode(self.certificate).decode()
        config = {"apiVersion": "v1", "kind": "Config", "current-context": "demo"} | {
            "clusters": [{"name": "demo", "cluster": {
                "server": self.url, "certificate-authority-data": ca}}],
            "users": [{"name": "demo", "user": {"token": token}}],
            "contexts": [{"name": "demo", "context": {"cluster": "demo", "user": "demo"}}],
        }  # fmt: skip
        path = self._folder / f"{name}.kubeconfig"
        path.write_text(yaml.safe_dump(config))
        return path

    def etcd(self, path: str, body: Json) -> Json:
        """Ask etcd itself, by its gateway."""
        answer = urllib3.request("POST", f"{self.store}/v3/kv/{path}", json=body)
        assert answer.status == 200, answer.data
        return dict(answer.json())

    def reader(self) -> Cluster:
        """Connect as the function does to a managed cluster."""
        ca = base64.b64encode(self.certificate).decode()
        return Cluster(lambda: connection_client(self.url, ca, lambda: READER))


def kubectl(config: Path, *arguments: str, given: str = "") -> str:
    """Run the real kubectl, and give what it printed; left out where there is none."""
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("needs kubectl")
    done = subprocess.run(
        [program, "--kubeconfig", str(config), *arguments],
        input=given, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


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
    version = f"{GROUP}/v1" if item["kind"] in OURS else "v1"
    return {"apiVersion": version} | item
