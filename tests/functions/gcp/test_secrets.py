"""A kubeconfig out of Google's Secret Manager: how it is named, and what is said without it."""

import base64
import logging
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import urllib3

from functions.gcp.credentials import Login
from functions.gcp.lookups import Rest
from functions.gcp.secret import secret
from functions.gcp.wiring import build
from shared.access.ways import Secret
from shared.errors import ClusterError, SettingsError
from tests.emulators.canned import Canned, Reply, google_error
from tests.emulators.kube import Kube
from tests.shared.objects_builders import volume

NAME = "projects/p/secrets/kops"
PATH = f"/v1/{NAME}/versions/latest:access"
TOKEN = "s3cr3t-t0ken-of-the-reader"


@pytest.fixture(autouse=True)
def discreet(
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    """Find the token in no log and on no terminal, at any level."""
    monkeypatch.setattr(urllib3.Retry, "get_backoff_time", lambda retry: 0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    caplog.set_level(logging.DEBUG)
    yield
    assert TOKEN not in caplog.text + "".join(capfd.readouterr())


@pytest.fixture
def api() -> Iterator[Canned]:
    with Canned() as served:
        yield served


@pytest.fixture
def rest(api: Canned) -> Rest:
    return Rest(Login({}, {}, api.url), api.url)


def held(text: str) -> Reply:
    """Answer as Secret Manager does."""
    return Reply({"name": NAME, "payload": {"data": base64.b64encode(text.encode()).decode()}})


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(ClusterError) as caught:
        call()
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_a_cluster_by_a_secret(
    api: Canned, rest: Rest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """KUBE_CONFIG_SECRET is access enough, and names the cluster where no setting does."""
    monkeypatch.setattr("functions.gcp.wiring.Rest", lambda *login: rest)
    with Kube([volume()], token=TOKEN, tls=True) as kube:
        api.replies[PATH] = held(kube.kubeconfig(tmp_path / "config", "kops").read_text())
        _, ports = build({"KUBE_CONFIG_SECRET": NAME, "GCLOUD_PROJECT": "p"})

        assert "kops" == ports.labels.cluster
        assert 1 == len(ports.source.read().volumes)
    assert 1 == len(api.asked)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (NAME, PATH),
        (f"{NAME}/versions/latest", PATH),
        (f"{NAME}/versions/7", f"/v1/{NAME}/versions/7:access"),
        (
            "projects/p/locations/europe-west1/secrets/kops",
            "/v1/projects/p/locations/europe-west1/secrets/kops/versions/latest:access",
        ),
        ("projects/1234/secrets/a_b-c", "/v1/projects/1234/secrets/a_b-c/versions/latest:access"),
    ],
)
def test_the_latest_version_unless_one_is_named(
    api: Canned, rest: Rest, name: str, path: str
) -> None:
    """A secret without a version is the latest one's."""
    api.replies[path] = held("text")
    assert "text" == secret(name, lambda origin: rest)()


@pytest.mark.parametrize(
    "name",
    [
        "kops",
        "secrets/kops",
        f"{NAME}/",
        f"{NAME}/versions",
        f"/{NAME}",
        f"{NAME}:access",
        "projects/p/secrets/../x",
        "arn:aws:secretsmanager:eu-west-1:1:secret:kops",
        "YXBpVmVyc2lvbjogdjE=",
    ],
)
def test_of_another_form_is_refused(name: str) -> None:
    """Anything else is refused at start, and not shown: it may be what the secret holds."""
    with pytest.raises(SettingsError) as caught:
        build({"KUBE_CONFIG_SECRET": name, "GCLOUD_PROJECT": "p"})
    assert "must be projects/PROJECT/secrets/SECRET" in str(caught.value)
    assert name not in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (
            Reply(google_error(403, "Denied."), 403),
            "403: Denied.; the function's service account needs secretmanager.versions.access, "
            "as in roles/secretmanager.secretAccessor",
        ),
        (Reply(google_error(404, "Not found."), 404), "; see gcloud secrets versions list"),
        (Reply(google_error(400, "DESTROYED state."), 400), "400: DESTROYED state."),
        (Reply(google_error(503, "Later."), 503), "503: Later."),
        (Reply("<html>"), "something that is no JSON object; is a proxy between?"),
        (Reply({}), "holds no text"),
        (Reply({"payload": {"data": TOKEN}}), "holds no text"),
        (Reply({"payload": {"data": "//79"}}), "holds no text"),
        (Reply({"payload": [TOKEN]}), "holds no text"),
        (held(TOKEN), "cannot be used as a kubeconfig: it needs a current-context"),
    ],
)
def test_says_what_to_do(api: Canned, rest: Rest, reply: Reply, said: str) -> None:
    """Each refusal names the secret and what would help, and never what it holds."""
    api.replies[PATH] = reply
    told = refused(Secret(NAME, secret(NAME, lambda origin: rest)).connect)
    assert said in told
    assert f"KUBE_CONFIG_SECRET={NAME}" in told


@pytest.mark.parametrize(
    ("name", "origin"),
    [
        (NAME, "https://secretmanager.googleapis.com"),
        (
            "projects/p/locations/europe-west1/secrets/kops/versions/2",
            "https://secretmanager.europe-west1.rep.googleapis.com",
        ),
    ],
)
def test_a_regional_secret_is_asked_of_its_region(rest: Rest, name: str, origin: str) -> None:
    """The global address has none of them, and each region's none of the others."""
    asked: list[str] = []

    def api(at: str) -> Rest:
        asked.append(at)
        return rest

    secret(name, api)
    assert [origin] == asked


@pytest.mark.parametrize("place", ["", "evil.example.com/", "a#b", "EUROPE"])
def test_a_location_is_no_way_to_another_host(rest: Rest, place: str) -> None:
    """It becomes part of an address that gets our token."""
    with pytest.raises(SettingsError, match="locations/REGION"):
        secret(f"projects/p/locations/{place}/secrets/kops", lambda origin: rest)
