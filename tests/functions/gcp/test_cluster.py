"""The way into a GKE cluster: its address from the Container API, the function's own token."""

import base64
import json
import logging
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.credentials import AnonymousCredentials

from functions.gcp import cluster as gke
from functions.gcp.cluster import GKE
from functions.gcp.credentials import Login
from functions.gcp.lookups import Rest
from functions.gcp.wiring import build
from shared.errors import ClusterError, SettingsError
from shared.sources.cluster import Cluster
from tests.emulators.canned import Canned, Reply, google_error
from tests.emulators.kube import Kube
from tests.shared.objects_builders import claim, volume

NAME = "projects/p/locations/europe-west1/clusters/production"
PATH = f"/v1/{NAME}"
TOKEN = "ya29.s3cr3t-t0ken"

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without a pause, and know no credentials but a test's."""
    monkeypatch.setattr(urllib3.Retry, "get_backoff_time", lambda retry: 0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("HOME", "/no/such/folder")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)


@pytest.fixture(autouse=True)
def discreet(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Find the token in no log and on no terminal, at any level."""
    caplog.set_level(logging.DEBUG)
    yield
    assert TOKEN not in caplog.text + "".join(capfd.readouterr())


@pytest.fixture
def api() -> Iterator[Canned]:
    """Serve the Container API, and tokens."""
    with Canned() as served:
        grant(served)
        yield served


def grant(api: Canned, number: int = 1, seconds: int = 3600) -> None:
    """Let the next tokens be of this number, and valid for so long."""
    body = {"access_token": f"{TOKEN}-{number}", "expires_in": seconds, "token_type": "Bearer"}
    api.replies["/token"] = Reply(body)


@pytest.fixture
def kube() -> Iterator[Kube]:
    with Kube([volume(), claim(deltas="P1D P30D")], token=f"{TOKEN}-1", tls=True) as served:
        yield served


@pytest.fixture
def known(api: Canned, kube: Kube) -> Json:
    """Let the API know the cluster; what it answers may be changed."""
    assert kube.ca_file
    ca = base64.b64encode(kube.ca_file.read_bytes()).decode()
    found: Json = {
        "name": "production",
        "endpoint": kube.url.removeprefix("https://"),
        "masterAuth": {"clusterCaCertificate": ca},
        "status": "RUNNING",
    }
    api.replies[PATH] = Reply(found)
    return found


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(65537, 2048)
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(pem, pkcs8, serialization.NoEncryption()).decode()


@pytest.fixture
def key(api: Canned, private_key: str) -> str:
    """Give a service account's key, whose tokens come from the stand-in."""
    return json.dumps(
        {
            "type": "service_account",
            "client_email": "f@p.iam.gserviceaccount.com",
            "private_key": private_key,
            "token_uri": f"{api.url}/token",
            "project_id": "p",
        }
    )


@pytest.fixture
def source(api: Canned, key: str) -> Cluster:
    return cluster(GKE(NAME, Rest(login(key), api.url)))


def login(key: str) -> Login:
    return Login({}, {"GCLOUD_JSON_KEYFILE_STRING": key})


def cluster(found: GKE) -> Cluster:
    way = found.way()
    return Cluster(way.connect, way.hints)


def refused(call: Callable[[], object]) -> str:
    """Return what is said, the token never being in it."""
    with pytest.raises(ClusterError) as caught:
        call()
    told = "".join(traceback.format_exception(caught.value))
    assert TOKEN not in told
    assert "PRIVATE KEY" not in told
    assert str(caught.value).isprintable()
    return str(caught.value)


def tokens(api: Canned) -> int:
    """Count the tokens that were asked for."""
    return len([asked for asked in api.asked if asked.path == "/token"])


class TestRead:
    def test_reads_a_cluster_by_its_name(self, source: Cluster, known: Json, api: Canned) -> None:
        """Address and CA come from the Container API; one token serves it and the cluster."""
        objects = source.read()

        assert (1, 1) == (len(objects.volumes), len(objects.claims))
        assert [("POST", "/token"), ("GET", PATH)] == [a[:2] for a in api.asked][:2]
        assert f"Bearer {TOKEN}-1" == api.asked[1].authorization

    def test_a_token_serves_until_it_nears_its_end(
        self, source: Cluster, known: Json, api: Canned
    ) -> None:
        """While a token is good no other is asked for, whatever reads there are."""
        source.read()
        source.read()
        assert 1 == tokens(api)

    def test_renews_a_token_before_it_runs_out(
        self, source: Cluster, known: Json, api: Canned, kube: Kube
    ) -> None:
        """A token about to expire is replaced, the cluster not being looked up again."""
        grant(api, 1, seconds=60)
        source.read()
        grant(api, 2)
        kube.token = f"{TOKEN}-2"
        del api.replies[PATH]

        assert 1 == len(source.read().volumes)

    def test_an_endpoint_that_is_private(self, source: Cluster, known: Json) -> None:
        """What leads out of an endpoint that cannot be reached is said with its command."""
        known["endpoint"] = "127.0.0.1:1"
        said = refused(source.read)
        assert "the API at https://127.0.0.1:1 cannot be reached" in said
        assert (
            "gcloud container clusters update production --location europe-west1 "
            "--enable-dns-access" in said
        )

    def test_another_ca(self, source: Cluster, known: Json) -> None:
        """No token goes to a server that the cluster's CA does not vouch for."""
        with Kube(tls=True) as stranger:
            known["endpoint"] = stranger.url.removeprefix("https://")
            assert "CERTIFICATE_VERIFY_FAILED" in refused(source.read)
            assert [] == stranger.requests

    def test_a_missing_role_binding(self, source: Cluster, known: Json, kube: Kube) -> None:
        """403 names the manifest, and what the DNS endpoint needs beside it."""
        kube.denied.add("list persistentvolumes")
        said = refused(source.read)
        assert "as manifests/rbac.yaml does, for the function's service account" in said
        assert "container.clusters.connect" in said

    def test_finds_a_cluster_whose_address_changed(
        self, source: Cluster, known: Json, kube: Kube
    ) -> None:
        """A rotation of the cluster's credentials gives it a new address: the next pass has it."""
        source.read()
        address, known["endpoint"] = known["endpoint"], "127.0.0.1:1"
        kube.stop()
        refused(source.read)
        kube.start()
        known["endpoint"] = address
        assert kube.ca_file
        assert 1 == len(source.read().volumes)


class TestDnsEndpoint:
    @pytest.fixture
    def connected(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
        """Note where a connection would go, and the CA it would trust."""
        found: list[tuple[str, str]] = []
        monkeypatch.setattr(gke, "connection_client", lambda *to: found.append(to[:2]))
        return found

    @pytest.mark.parametrize(
        ("dns", "chosen"),
        [
            ({"endpoint": "gke-1.gke.goog", "allowExternalTraffic": True}, True),
            ({"endpoint": "gke-1.gke.goog", "allowExternalTraffic": False}, False),
            ({"endpoint": "gke-1.gke.goog"}, False),
            ({"allowExternalTraffic": True}, False),
            ({}, False),
            (None, False),
        ],
    )
    def test_is_taken_where_it_lets_us_in(
        self, known: Json, api: Canned, key: str, connected: list[Any], dns: Any, chosen: bool
    ) -> None:
        """The DNS endpoint has a public certificate; without leave, the address and its own CA."""
        known["controlPlaneEndpointsConfig"] = {"dnsEndpointConfig": dns}
        GKE(NAME, Rest(login(key), api.url)).connect()
        address = f"https://{known['endpoint']}", known["masterAuth"]["clusterCaCertificate"]
        assert [("https://gke-1.gke.goog", "") if chosen else address] == connected

    def test_is_read_by_a_public_certificate(
        self, known: Json, source: Cluster, kube: Kube, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The authorities of the system vouch for the DNS endpoint, and the address is not used."""
        dns = {"endpoint": known["endpoint"], "allowExternalTraffic": True}
        known |= {"controlPlaneEndpointsConfig": {"dnsEndpointConfig": dns}, "endpoint": "0.0.0.0"}
        monkeypatch.setenv("SSL_CERT_FILE", str(kube.ca_file))
        assert 1 == len(source.read().volumes)

    def test_public_certificates_only(self, known: Json, source: Cluster, kube: Kube) -> None:
        """By the DNS endpoint the cluster's own CA is not trusted, so that none is misled there."""
        dns = {"endpoint": known["endpoint"], "allowExternalTraffic": True}
        known["controlPlaneEndpointsConfig"] = {"dnsEndpointConfig": dns}
        assert "CERTIFICATE_VERIFY_FAILED" in refused(source.read)
        assert [] == kube.requests

    def test_no_endpoint_at_all(self, known: Json, source: Cluster) -> None:
        """A cluster without an endpoint for us: how to give it one."""
        del known["endpoint"]
        assert "has no endpoint that can be used: if its endpoint is private" in refused(
            source.read
        )


class TestLookup:
    @pytest.mark.parametrize(
        ("reply", "said"),
        [
            (Reply(google_error(404, "Not found: x."), 404), "404: Not found: x.; see CLUSTER_N"),
            (
                Reply(google_error(403, "Required permission."), 403),
                "403: Required permission.; the function's service account needs "
                "container.clusters.get, as in roles/container.clusterViewer",
            ),
            (Reply(google_error(401, "Who?"), 401), "the credentials are not accepted: 401: Who?"),
            (Reply(google_error(503, "Later."), 503), "503: Later."),
            (Reply(google_error(400, "Bad."), 400), "400: Bad."),
            (Reply("<html>", 502), "502: no reason given"),
            (Reply("<html>"), "something that is no JSON object; is a proxy between?"),
            (Reply("[]"), "something that is no JSON object"),
            (Reply({"status": "PROVISIONING"}), "cannot be used while its status is PROVISIONING"),
            (Reply({"status": "STOPPING"}), "cannot be used while its status is STOPPING"),
            (Reply({"status": "ERROR"}), "cannot be used while its status is ERROR"),
        ],
        ids=lambda value: str(value.body)[:30] if isinstance(value, Reply) else "",
    )
    def test_says_what_to_do(self, source: Cluster, api: Canned, reply: Reply, said: str) -> None:
        """Each refusal says which cluster is meant, and what would help."""
        api.replies[PATH] = reply
        told = refused(source.read)
        assert said in told
        assert NAME in told

    @pytest.mark.parametrize("status", ["RECONCILING", "DEGRADED"])
    def test_a_cluster_under_maintenance(self, source: Cluster, known: Json, status: str) -> None:
        """While a cluster is upgraded its API answers, and backups go on."""
        known["status"] = status
        assert 1 == len(source.read().volumes)

    @pytest.mark.parametrize("ca", ["no base64", "bm8gY2VydGlmaWNhdGU=", "w7w="])
    def test_a_ca_that_is_none(self, source: Cluster, known: Json, ca: str) -> None:
        """Where the CA cannot be read there is no connection."""
        known["masterAuth"]["clusterCaCertificate"] = ca
        told = refused(source.read)
        assert "is no certificate" in told or "CERTIFICATE_VERIFY_FAILED" in told

    def test_no_way_to_google(self, key: str) -> None:
        """An API that cannot be reached is said to be so, with what may be missing."""
        said = refused(cluster(GKE(NAME, Rest(login(key), "http://127.0.0.1:1"))).read)
        assert "http://127.0.0.1:1 cannot be reached (ConnectionError)" in said

    def test_no_credentials(self, api: Canned) -> None:
        """Where there are none it is said where they would be."""
        said = refused(cluster(GKE(NAME, Rest(Login({}, {}), api.url))).read)
        assert "there are no Google credentials: gcloud auth application-default login" in said

    def test_credentials_that_are_refused(self, source: Cluster, api: Canned) -> None:
        """A key that was revoked: what Google says of it, and no more."""
        body = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
        api.replies["/token"] = Reply(body, 400)
        said = refused(source.read)
        assert "the credentials are not accepted: RefreshError: invalid_grant: Invalid JWT" in said


class TestName:
    @pytest.mark.parametrize(
        "name",
        [
            "production",
            "projects/p/zones/z/clusters/c",
            "projects/p/locations/l/clusters/c/",
            "/projects/p/locations/l/clusters/c",
            "projects/p/locations/l/clusters/c?x=1",
            "projects/p/locations/l/clusters/../c",
            "projects//locations/l/clusters/c",
            "//container.googleapis.com/projects/p/locations/l/clusters/c",
        ],
    )
    def test_of_another_form_is_refused(self, name: str) -> None:
        """Anything but the full name is refused at start, with the form that would do."""
        with pytest.raises(SettingsError) as caught:
            build({"CLUSTER_NAME": name, "GCLOUD_PROJECT": "p"})
        assert "must be projects/PROJECT/locations/LOCATION/clusters/CLUSTER" in str(caught.value)

    def test_is_any_where_a_kubeconfig_is_the_access(self, kube: Kube, tmp_path: Any) -> None:
        """With KUBE_CONFIG_FILE the name is the label, and the Container API is not asked."""
        path = str(kube.kubeconfig(tmp_path / "config"))
        settings = {"CLUSTER_NAME": "mine", "KUBE_CONFIG_FILE": path, "GCLOUD_PROJECT": "p"}
        _, ports = build(settings)
        assert "mine" == ports.labels.cluster
        assert 1 == len(ports.source.read().volumes)


class TestEndpoint:
    @pytest.mark.parametrize("version", ["", "/", "/v1", "/v1/", "/v1beta1/"])
    def test_a_custom_one_with_or_without_version(
        self, api: Canned, known: Json, kube: Kube, version: str
    ) -> None:
        """An endpoint is taken as Terraform writes it; here it gets no credentials."""
        kube.token = None
        endpoint = f"{api.url}{version}"
        environ = {"CLUSTER_NAME": NAME, "GOOGLE_CONTAINER_CUSTOM_ENDPOINT": endpoint}
        _, ports = build(environ | {"GCLOUD_PROJECT": "p"})

        assert 1 == len(ports.source.read().volumes)
        assert [("GET", PATH, "", "")] == api.asked

    @pytest.mark.parametrize(
        ("endpoint", "anonymous"),
        [
            ("http://localhost:8080/v1/", True),
            ("http://[::1]:8080", True),
            ("https://container.example.com/v1/", False),
            ("https://127.0.0.1.example.com", False),
            ("https://10.0.0.1", False),
            ("", False),
        ],
    )
    def test_only_loopback_gets_no_credentials(
        self, key: str, endpoint: str, anonymous: bool
    ) -> None:
        """Anywhere but on this machine the credentials are used."""
        found = Login({}, {"GCLOUD_JSON_KEYFILE_STRING": key}, endpoint).found[0]
        assert anonymous == isinstance(found, AnonymousCredentials)

    @pytest.mark.parametrize("endpoint", ["http://10.0.0.1", "http://127.0.0.1.example.com/v1/"])
    def test_credentials_never_go_out_in_the_clear(self, key: str, endpoint: str) -> None:
        """An endpoint that is not encrypted is refused, but for this machine's own."""
        with pytest.raises(SettingsError, match="unencrypted"):
            Login({}, {"GCLOUD_JSON_KEYFILE_STRING": key}, endpoint)

    def test_another_compute_engine_is_another_matter(
        self, api: Canned, key: str, known: Json
    ) -> None:
        """A Compute Engine on this machine does not make the cluster's login anonymous."""
        environ = {"CLUSTER_NAME": NAME, "GOOGLE_COMPUTE_CUSTOM_ENDPOINT": api.url}
        settings, _ = build(environ | {"GCLOUD_PROJECT": "p", "GCLOUD_JSON_KEYFILE_STRING": key})
        from functions.gcp.wiring import login_of

        assert not isinstance(login_of(settings).found[0], AnonymousCredentials)
