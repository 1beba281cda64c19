"""Addresses in the clear, proxies, and in whose name is asked: what kubeconfigs say of them."""

import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import shared.access.connect
from shared.access.connect import connection_client, kubeconfig_client, kubeconfig_dict_client
from shared.access.entries import Unusable, impersonation, in_the_clear
from shared.access.kubeconfig import parse
from shared.errors import ClusterError
from shared.sources.cluster import Cluster
from tests.emulators.kube import Kube
from tests.emulators.kube_rbac import ADMIN, User
from tests.shared.objects_builders import volume

SETTING = "KUBE_CONFIG_SECRET=kops"
TOKEN = "s3cr3t-t0ken-of-the-reader"

Json = dict[str, Any]


@pytest.fixture
def kube() -> Iterator[Kube]:
    with Kube([volume()], token=TOKEN, tls=True) as served:
        yield served


def changed(kube: Kube, path: Path, user: Json | None = None, **cluster: str) -> Path:
    """Write a kubeconfig whose user and cluster say more."""
    content = yaml.safe_load(kube.kubeconfig(path).read_text())
    content["users"][0]["user"] |= user or {}
    content["clusters"][0]["cluster"] |= {k.replace("_", "-"): v for k, v in cluster.items()}
    path.write_text(yaml.safe_dump(content))
    return path


def by_file(path: Path) -> Cluster:
    return Cluster(lambda: kubeconfig_client(str(path)))


def by_secret(path: Path) -> Cluster:
    return Cluster(
        lambda: kubeconfig_dict_client(parse(path.read_text(), SETTING).content, SETTING)
    )


WAYS = [by_file, by_secret]


def refused(source: Cluster) -> str:
    with pytest.raises(ClusterError) as caught:
        source.read()
    assert TOKEN not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("url", "clear"),
    [
        ("https://kube.example.com:6443", False),
        ("HTTPS://kube.example.com", False),
        ("http://127.0.0.1:8001", False),
        ("http://127.9.9.9", False),
        ("http://[::1]:8001", False),
        ("http://localhost:8001", False),
        ("localhost:8001", False),
        ("http://kube.example.com", True),
        ("http://10.0.0.1:8080", True),
        ("http://localhost.example.com", True),
        ("http://127.0.0.1.example.com", True),
        ("http://127.0.0.1@example.com", True),
        ("kube.example.com:6443", True),
        ("socks5://10.0.0.1:1080", True),
        ("http://[", True),
        ("", True),
    ],
)
def test_only_loopback_may_be_asked_in_the_clear(url: str, clear: bool) -> None:
    """Whatever looks like it without being it is not."""
    assert clear == in_the_clear(url)


@pytest.mark.parametrize("server", ["http://kube.example.com", "kube.example.com:6443"])
@pytest.mark.parametrize("way", WAYS)
def test_a_server_in_the_clear_is_refused(
    kube: Kube, tmp_path: Path, way: Any, server: str
) -> None:
    """The token would be read by anybody on the way; kubectl does not send one either."""
    assert "no https:// address" in refused(way(changed(kube, tmp_path / "config", server=server)))


def test_an_address_in_the_clear_gets_no_token_of_a_cloud() -> None:
    """Whoever names it, an EKS or GKE that answers with it included."""
    source = Cluster(lambda: connection_client("http://10.0.0.1", "", lambda: TOKEN))
    assert "is no https:// address" in refused(source)


@pytest.mark.parametrize("proxy", ["http://proxy.example.com:3128", "socks5://10.0.0.1:1080"])
def test_a_secrets_proxy_in_the_clear_is_refused(kube: Kube, tmp_path: Path, proxy: str) -> None:
    """On the function's side HTTPS_PROXY names one, which the operator sets."""
    said = refused(by_secret(changed(kube, tmp_path / "config", proxy_url=proxy)))
    assert said.startswith(f"{SETTING} cannot be used as a kubeconfig: its proxy-url is no https")
    assert "HTTPS_PROXY" in said


class Proxy(socketserver.ThreadingTCPServer):
    """A SOCKS5 proxy without passwords (RFC 1928), which leads to one address of this machine."""

    daemon_threads = True
    led = 0

    class RequestHandlerClass(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(2 + self.request.recv(2, socket.MSG_PEEK)[1])
            self.request.sendall(b"\x05\x00")
            _, _, _, kind, *address, high, low = self.request.recv(10)
            assert kind == 1
            target = socket.inet_ntoa(bytes(address)), high * 256 + low
            with socket.create_connection(target) as there:
                self.server.led += 1  # type: ignore[attr-defined]
                self.request.sendall(b"\x05\x00\x00\x01" + bytes(4) + struct.pack("!H", 0))
                back = threading.Thread(target=pump, args=(there, self.request))
                back.start()
                pump(self.request, there)
                back.join()

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), self.RequestHandlerClass)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


def pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@pytest.mark.parametrize("way", WAYS)
def test_a_socks_proxy_is_honoured(kube: Kube, tmp_path: Path, way: Any) -> None:
    """As `ssh -D` makes one on this machine, for a cluster that is reached by it alone."""
    with Proxy() as proxy:
        url = f"socks5://127.0.0.1:{proxy.server_address[1]}"
        client = (source := way(changed(kube, tmp_path / "config", proxy_url=url))).client()
        assert 1 == len(source.read().volumes)
        assert 1 == proxy.led
        client.rest_client.close()
        proxy.shutdown()


def test_without_pysocks_a_socks_proxy_is_refused_with_a_word(
    kube: Kube, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said what to install, and not that kubectl should be able to use it."""
    monkeypatch.setattr(shared.access.connect, "find_spec", lambda name: None)
    path = changed(kube, tmp_path / "config", proxy_url="socks5://127.0.0.1:1080")
    assert "needs the package PySocks: pip install PySocks" in refused(by_file(path))


@pytest.mark.parametrize("way", WAYS)
def test_impersonation_is_honoured(kube: Kube, tmp_path: Path, way: Any) -> None:
    """The calls have the rights of whoever is named, as kubectl's have, and no others."""
    kube.function = ADMIN
    alone = changed(kube, tmp_path / "alone", {"as": "bob"})
    assert 'User "bob" cannot list resource' in refused(way(alone))
    group = {"as": "bob", "as-groups": ["k8s-snapshots"]}
    assert 1 == len(way(changed(kube, tmp_path / "group", group)).read().volumes)


def test_impersonation_takes_the_right_to_it(kube: Kube, tmp_path: Path) -> None:
    """Who may not impersonate is told so by the API, and reads nothing by their own rights."""
    path = changed(kube, tmp_path / "config", {"as": "bob"})
    assert 'User "k8s-snapshots" cannot impersonate resource "users"' in refused(by_file(path))


def test_in_several_files_the_current_contexts_user_impersonates(
    kube: Kube, tmp_path: Path
) -> None:
    """KUBE_CONFIG_FILE may name several files, as KUBECONFIG may; the first of a name counts."""
    kube.users["of-bob"] = User("of-bob")
    first = changed(kube, tmp_path / "first", {"as": "bob"})
    second = changed(kube, tmp_path / "second", {"as": "carol"})
    assert '"bob"' in str(impersonated(f"{first}:{second}"))
    assert '"carol"' in str(impersonated(f"{second}:{first}"))


def impersonated(path: str) -> Json:
    found: Json = kubeconfig_client(path).default_headers
    return {key: f'"{value}"' for key, value in found.items() if key.startswith("Impersonate")}


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ({"as": "bob", "as-groups": ["a", "b"]}, "several groups (as-groups)"),
        ({"as": "bob", "as-user-extra": {"reason": ["x"]}}, "extra fields (as-user-extra)"),
        ({"as-groups": ["a"]}, "without naming a user"),
        ({"as-uid": "7"}, "without naming a user"),
        ({"as": "b\nob"}, "no text of one line"),
        ({"as": 5}, "no text of one line"),
        ({"as": "bob", "as-groups": "admins"}, "several groups"),
        ({"as": "bob", "as-groups": [5]}, "no text of one line"),
    ],
)
@pytest.mark.parametrize("way", WAYS)
def test_impersonation_that_cannot_be_sent_is_refused(
    kube: Kube, tmp_path: Path, way: Any, user: Json, said: str
) -> None:
    """It is never left out, which would lend the calls other rights."""
    kube.requests.clear()
    assert said in refused(way(changed(kube, tmp_path / "config", user)))
    assert [] == kube.requests
    with pytest.raises(Unusable):
        impersonation(user)


@pytest.mark.parametrize("user", [{}, {"as": ""}, {"as-groups": []}, {"as-user-extra": {}}])
def test_most_users_impersonate_nobody(user: Json) -> None:
    assert {} == impersonation(user)
