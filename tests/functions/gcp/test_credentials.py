"""Who we are to Google Cloud, by each setting, and what never gets credentials."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.credentials import AnonymousCredentials

from functions.gcp.credentials import Login, is_loopback, origin
from functions.gcp.settings import GCPSettings
from functions.gcp.wiring import build, login_of
from shared.environment import load
from shared.errors import SettingsError, UnknownDisk
from tests.contract.cloud import MemoryRules

PATHS = ["GCLOUD_JSON_KEYFILE_NAME", "GCLOUD_CREDENTIALS_FILE", "GOOGLE_APPLICATION_CREDENTIALS"]
CONTENTS = ["GCLOUD_JSON_KEYFILE_STRING", "GOOGLE_APPLICATION_CREDENTIALS"]
WHO = "snapshots@key-project.iam.gserviceaccount.com"

pytestmark = pytest.mark.filterwarnings("ignore:The load_credentials_from:DeprecationWarning")


@pytest.fixture(scope="module")
def key() -> dict[str, Any]:
    """Make a service account's key."""
    private = rsa.generate_private_key(65537, 2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {
        "type": "service_account",
        "project_id": "key-project",
        "private_key_id": "5f1e0c",
        "private_key": pem.decode(),
        "client_email": WHO,
        "client_id": "1",
        "token_uri": "https://oauth2.googleapis.com/token",
    }


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the credentials of the machine that runs the tests."""
    for name in {*PATHS, *CONTENTS, "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"}:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("NO_GCE_CHECK", "true")


def login(**environ: str) -> Login:
    settings = load(GCPSettings, environ)
    return login_of(settings, settings.google_compute_custom_endpoint)


def refused(**environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        _ = login(**environ).found
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


@pytest.mark.parametrize("name", PATHS)
def test_takes_credentials_from_a_file(name: str, key: dict[str, Any], tmp_path: Path) -> None:
    """Each setting of upstream's that is a path, and the standard one."""
    path = tmp_path / "key.json"
    path.write_text(json.dumps(key))
    found = login(**{name: str(path)})
    assert found.identity() == f"{WHO} in key-project"
    assert found.project() == "key-project"


@pytest.mark.parametrize("name", CONTENTS)
def test_takes_credentials_from_contents(name: str, key: dict[str, Any]) -> None:
    """A key from a secret stands in the variable itself, as upstream had it."""
    assert login(**{name: json.dumps(key, indent=2)}).identity() == f"{WHO} in key-project"


def test_contents_win_over_paths(key: dict[str, Any]) -> None:
    """Where both are set the key that is there is used."""
    found = login(
        GCLOUD_JSON_KEYFILE_STRING=json.dumps(key), GCLOUD_JSON_KEYFILE_NAME="/no/such/file"
    )
    assert found.project() == "key-project"


def test_credentials_are_found_once(key: dict[str, Any]) -> None:
    """All clients share them, and with them the token."""
    found = login(GCLOUD_JSON_KEYFILE_STRING=json.dumps(key))
    assert found.found[0] is found.found[0]


@pytest.mark.parametrize("name", CONTENTS)
@pytest.mark.parametrize("broken", ["no PEM", "no type", "cut short", "no JSON"])
def test_wrong_contents_are_not_printed(name: str, broken: str, key: dict[str, Any]) -> None:
    """The setting is named, its contents and what may quote them are not."""
    secret = "".join(key["private_key"].splitlines()[1:3])
    text = {
        "no PEM": json.dumps(key | {"private_key": secret}),
        "no type": json.dumps({"private_key": secret}),
        "cut short": json.dumps(key)[:-40],
        "no JSON": "{" + secret,
    }[broken]
    said = refused(**{name: text})
    assert said.startswith(f"{name} ")
    assert secret[:20] not in said
    assert len(said) < 200


@pytest.mark.parametrize("name", PATHS)
def test_contents_where_a_path_is_expected_are_not_printed(name: str, key: dict[str, Any]) -> None:
    """A bare private key, taken for the name of a file that is missing, is still a secret."""
    for text in (key["private_key"], key["private_key"].splitlines()[1]):
        said = refused(**{name: text})
        assert said.startswith(f"{name} ")
        assert text[:20] not in said


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("content", ["", "{}", "[]", "-----BEGIN PRIVATE KEY-----\nMIIEv", "\x00"])
def test_a_file_that_holds_no_credentials_is_named(name: str, content: str, tmp_path: Path) -> None:
    """Setting and path are said, what is in the file is not."""
    path = tmp_path / "key.json"
    path.write_text(content)
    said = refused(**{name: str(path)})
    assert name in said
    assert str(path) in said
    assert "MIIEv" not in said


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """What exists but cannot be read as a file is a wrong setting too."""
    assert str(tmp_path) in refused(GCLOUD_CREDENTIALS_FILE=str(tmp_path))


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("", ""),
        ("https://compute.example.com", "https://compute.example.com"),
        ("https://compute.example.com/", "https://compute.example.com"),
        ("https://compute.example.com/compute/v1/", "https://compute.example.com"),
        ("http://127.0.0.1:8080/compute/v1", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/compute/v1/", "http://[::1]:8080"),
    ],
)
def test_an_endpoint_is_reduced_to_its_origin(endpoint: str, expected: str) -> None:
    """A bare origin, or with the version path, as Terraform has it."""
    assert origin(endpoint) == expected


LOOPBACK = ["http://localhost:1", "http://LOCALHOST", "http://127.0.0.1:8080", "http://127.8.9.1",
            "http://[::1]:8080", "https://127.0.0.1/compute/v1/"]  # fmt: skip
#: All of them are spoken to with credentials, and therefore by https only.
ELSEWHERE = [
    "http://127.evil.example",
    "http://127.0.0.1.evil.example",
    "http://127.0.0.1@evil.example",
    "http://localhost@evil.example",
    "http://localhost.evil.example",
    "http://evil.example/127.0.0.1",
    "http://evil.example#@127.0.0.1",
    "http://evil.example?@localhost",
    "http://10.0.0.1",
    "http://0.0.0.0",
    "http://169.254.169.254",
    "http://[::2]",
    "https://compute.googleapis.com",
]


@pytest.mark.parametrize("endpoint", LOOPBACK)
def test_this_machine_gets_no_credentials(endpoint: str, key: dict[str, Any]) -> None:
    """Towards a loopback address no credentials are used, whichever are set."""
    found = login(
        GOOGLE_COMPUTE_CUSTOM_ENDPOINT=endpoint, GCLOUD_JSON_KEYFILE_STRING=json.dumps(key)
    )
    assert isinstance(found.found[0], AnonymousCredentials)
    assert found.project() == ""


@pytest.mark.parametrize("endpoint", ["", *ELSEWHERE])
def test_nothing_else_is_taken_for_this_machine(endpoint: str, key: dict[str, Any]) -> None:
    """A name that only looks like a loopback address is spoken to with credentials, by https."""
    assert not is_loopback(endpoint)
    if endpoint:
        with pytest.raises(SettingsError, match="unencrypted"):
            login(GOOGLE_COMPUTE_CUSTOM_ENDPOINT=endpoint.replace("https:", "http:"))
    endpoint = endpoint.replace("http:", "https:")
    found = login(
        GOOGLE_COMPUTE_CUSTOM_ENDPOINT=endpoint, GCLOUD_JSON_KEYFILE_STRING=json.dumps(key)
    )
    assert found.identity() == f"{WHO} in key-project"


@pytest.mark.parametrize("endpoint", ["http://[::1", "http://[x]"])
def test_an_endpoint_that_is_no_url_is_refused(endpoint: str) -> None:
    """It is a wrong setting, not a defect."""
    with pytest.raises(SettingsError, match="is no URL"):
        login(GOOGLE_COMPUTE_CUSTOM_ENDPOINT=endpoint)


@pytest.mark.parametrize("path", ["", "/compute/v1/"])
def test_clients_speak_to_the_endpoint(path: str) -> None:
    """The client library wants the origin only, and the scheme with it."""
    client = login(GOOGLE_COMPUTE_CUSTOM_ENDPOINT=f"http://127.0.0.1:1{path}").client("DisksClient")
    assert client.transport._host == "http://127.0.0.1:1"


@pytest.fixture
def source() -> MemoryRules:
    """Give rules, of which there are none."""
    none: Any = None
    return MemoryRules(none)


def test_the_project_comes_from_the_key(key: dict[str, Any], source: MemoryRules) -> None:
    """GCLOUD_PROJECT wins over the project of the credentials."""
    environ = {"GCLOUD_JSON_KEYFILE_STRING": json.dumps(key), "CLUSTER_ID": "demo"}
    for given, project in (({}, "key-project"), ({"GCLOUD_PROJECT": "other-1"}, "other-1")):
        _, ports = build(environ | given, source)
        disk = ports.provider.volumes.from_spec({"name": "data", "zone": "europe-west1-b"})
        assert disk.scope == project


def test_without_credentials_and_project_the_setting_is_named(source: MemoryRules) -> None:
    """Where nothing tells the project, a disk that names none is a problem, said in words."""
    _, ports = build({"CLUSTER_ID": "demo"}, source)
    with pytest.raises(UnknownDisk, match="GCLOUD_PROJECT"):
        ports.provider.volumes.from_spec({"name": "data", "zone": "europe-west1-b"})


def test_without_credentials_there_is_no_listing(source: MemoryRules) -> None:
    """Listings are incomplete and say why; `credentials` says where to read on."""
    _, ports = build({"CLUSTER_ID": "demo", "GCLOUD_PROJECT": "my-project"}, source)
    (listing,) = ports.provider.list(["my-project"])
    assert not listing.complete
    assert "credentials" in listing.error
    check = ports.provider.credentials()
    assert not check.ok
    assert check.hint
