"""Who we are to a GKE cluster, by each kind of credentials: the e-mail that RBAC names."""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import google.auth.compute_engine._metadata
import google.auth.iam
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from functions.gcp.cluster import GKE
from functions.gcp.credentials import Login
from functions.gcp.lookups import Rest
from shared.errors import ClusterError
from shared.sources.cluster import Cluster
from tests.emulators.canned import Canned, Reply
from tests.emulators.google_login import EMAIL, NUMBER, PLATFORM, WHO, GKECluster, GoogleLogin
from tests.shared.objects_builders import claim, volume

NAME = "projects/p/locations/europe-west1/clusters/production"

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the credentials of the machine that runs the tests."""
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def google_login() -> Iterator[GoogleLogin]:
    with GoogleLogin() as login:
        yield login


@pytest.fixture
def gke(google_login: GoogleLogin) -> Iterator[GKECluster]:
    with GKECluster(google_login, [volume(), claim(deltas="P1D P30D")], tls=True) as kube:
        yield kube


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(65537, 2048)
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(pem, pkcs8, serialization.NoEncryption()).decode()


@pytest.fixture
def read(gke: GKECluster) -> Iterator[Callable[[Login], int]]:
    """Give what reads the cluster with some credentials, and counts its volumes."""
    assert gke.ca_file
    ca = base64.b64encode(gke.ca_file.read_bytes()).decode()
    with Canned() as api:
        api.replies[f"/v1/{NAME}"] = Reply(
            {
                "endpoint": gke.url.removeprefix("https://"),
                "masterAuth": {"clusterCaCertificate": ca},
                "status": "RUNNING",
            }
        )

        def read(login: Login) -> int:
            way = GKE(NAME, Rest(login, api.url)).way()
            return len(Cluster(way.connect, way.hints).read().volumes)

        yield read


def contents(info: Json) -> Login:
    return Login({}, {"GCLOUD_JSON_KEYFILE_STRING": json.dumps(info)})


def on_google(login: GoogleLogin, monkeypatch: pytest.MonkeyPatch) -> Login:
    """Run on a machine of Google's, whose metadata server gives tokens."""
    monkeypatch.delenv("NO_GCE_CHECK")
    monkeypatch.setenv("GCE_METADATA_IP", login.host)
    monkeypatch.setattr(google.auth.compute_engine._metadata, "_GCE_METADATA_HOST", login.host)
    return Login({}, {})


def impersonated(source: Json) -> Json:
    """Give what `gcloud auth application-default login --impersonate-service-account` leaves."""
    url = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/"
    return {
        "type": "impersonated_service_account",
        "service_account_impersonation_url": f"{url}{WHO}:generateAccessToken",
        "source_credentials": source,
    }


class TestTheUser:
    """RBAC names the service account by its e-mail, as the manifests and Terraform do."""

    def test_of_a_key(
        self, google_login: GoogleLogin, read: Callable[[Login], int], private_key: str,
        gke: GKECluster,
    ) -> None:  # fmt: skip
        assert 1 == read(contents(google_login.service_account(private_key)))
        assert {WHO} == {*gke.seen}

    def test_of_a_key_in_a_file(
        self, google_login: GoogleLogin, read: Callable[[Login], int], private_key: str,
        tmp_path: Path,
    ) -> None:  # fmt: skip
        path = tmp_path / "key.json"
        path.write_text(json.dumps(google_login.service_account(private_key)))
        assert 1 == read(Login({"GOOGLE_APPLICATION_CREDENTIALS": str(path)}, {}))

    def test_of_a_function(
        self, google_login: GoogleLogin, read: Callable[[Login], int],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        """Cloud Run's metadata server gives the scopes that it is asked for."""
        assert 1 == read(on_google(google_login, monkeypatch))

    @pytest.mark.parametrize("source", ["user", "key"])
    def test_of_an_impersonated_account(
        self, google_login: GoogleLogin, read: Callable[[Login], int], private_key: str,
        monkeypatch: pytest.MonkeyPatch, source: str,
    ) -> None:  # fmt: skip
        template = google_login.url + "/v1/projects/-/serviceAccounts/{}:generateAccessToken"
        monkeypatch.setattr(google.auth.iam, "_IAM_ENDPOINT", template)
        base = (
            google_login.user() if source == "user" else google_login.service_account(private_key)
        )
        # Users' tokens come from Google's own address, whatever the file says.
        monkeypatch.setattr(
            "google.oauth2.credentials._GOOGLE_OAUTH2_TOKEN_ENDPOINT", f"{google_login.url}/token"
        )
        assert 1 == read(contents(impersonated(base)))


class TestAUsersOwn:
    @pytest.fixture
    def own(self, google_login: GoogleLogin, monkeypatch: pytest.MonkeyPatch) -> Login:
        monkeypatch.setattr(
            "google.oauth2.credentials._GOOGLE_OAUTH2_TOKEN_ENDPOINT", f"{google_login.url}/token"
        )
        return contents(google_login.user())

    def test_is_the_users_email(
        self, own: Login, gke: GKECluster, read: Callable[[Login], int]
    ) -> None:
        gke.bound = {"ann@example.com"}
        assert 1 == read(own)

    def test_is_not_asked_for_more_than_was_consented_to(
        self, own: Login, google_login: GoogleLogin, gke: GKECluster,
        read: Callable[[Login], int],
    ) -> None:  # fmt: skip
        """A refresh cannot widen them, and fails where it is asked to (invalid_scope)."""
        google_login.consented = frozenset({PLATFORM})
        gke.bound = {NUMBER}
        assert 1 == read(own)

    def test_says_how_to_log_in_where_the_email_is_missing(
        self, own: Login, google_login: GoogleLogin, read: Callable[[Login], int]
    ) -> None:
        """The server names the number; we say what it is, and the command that helps."""
        google_login.consented = frozenset({PLATFORM})
        with pytest.raises(ClusterError) as caught:
            read(own)
        said = str(caught.value)
        assert f'User "{NUMBER}" cannot list' in said
        assert "A User that is a number" in said
        assert f"gcloud auth application-default login --scopes=openid,{EMAIL},{PLATFORM}" in said


def test_a_machine_whose_scopes_are_fixed(
    google_login: GoogleLogin, gke: GKECluster, read: Callable[[Login], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Compute Engine's metadata server ignores what is asked for; what a number means is said."""
    google_login.fixed = frozenset({PLATFORM})
    with pytest.raises(ClusterError) as caught:
        read(on_google(google_login, monkeypatch))
    assert f'User "{NUMBER}"' in str(caught.value)
    assert "A User that is a number is a service account's unique id" in str(caught.value)


def test_another_identity_provider_asks_for_both_scopes(tmp_path: Path) -> None:
    """Workload identity federation exchanges its token for one with these; nothing is called."""
    path = tmp_path / "federation.json"
    pool = "projects/1/locations/global/workloadIdentityPools/p/providers/x"
    info = {
        "type": "external_account",
        "audience": f"//iam.googleapis.com/{pool}",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {"file": str(tmp_path / "token")},
    }
    path.write_text(json.dumps(info))
    credentials = Login({"GCLOUD_CREDENTIALS_FILE": str(path)}, {}).found[0]
    assert [PLATFORM, EMAIL] == [*credentials.scopes]
