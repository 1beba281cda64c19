"""A kubeconfig out of a secret: its current context is used, programs and files are refused."""

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.access.connect import kubeconfig_dict_client
from shared.access.kubeconfig import parse
from shared.access.ways import Secret
from shared.errors import ClusterError
from shared.sources.cluster import Cluster
from tests.emulators.kube import Kube
from tests.shared.objects_builders import volume

TOKEN = "s3cr3t-t0ken-of-the-reader"
SETTING = "KUBE_CONFIG_SECRET=kops"

Json = dict[str, Any]


def config(**user: Any) -> Json:
    """Make a kubeconfig whose current context is the second of two."""
    clusters = ("other", "kops"), ("https://other", "https://kops.example.com")
    return {
        "current-context": "admin@kops",
        "contexts": [
            {"name": "admin@other", "context": {"cluster": "other", "user": "other"}},
            {"name": "admin@kops", "context": {"cluster": "kops", "user": "admin"}},
        ],
        "clusters": [
            {"name": name, "cluster": {"server": server}}
            for name, server in zip(*clusters, strict=True)
        ],
        "users": [
            {"name": "other", "user": {"exec": {"command": "touch"}}},
            {"name": "admin", "user": user or {"token": TOKEN}},
        ],
    }


def refused(call: Callable[[], object]) -> str:
    """Return what is said, the secret never being in it."""
    with pytest.raises(ClusterError) as caught:
        call()
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
    said = str(caught.value)
    assert said.startswith(f"{SETTING} cannot be used as a kubeconfig: ")
    assert said.isprintable()
    return said


def test_takes_the_current_context_and_nothing_else() -> None:
    """What else a kubeconfig of a workstation holds is of no account, programs included."""
    found = parse(yaml.safe_dump(config()), SETTING)

    assert "kops" == found.cluster
    assert [{"server": "https://kops.example.com"}] == [
        entry["cluster"] for entry in found.content["clusters"]
    ]
    assert [{"token": TOKEN}] == [entry["user"] for entry in found.content["users"]]


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ({"exec": {"command": "touch", "args": [TOKEN]}}, "its user runs a program (exec)"),
        ({"exec": None, "token": TOKEN}, "its user runs a program (exec)"),
        ({"auth-provider": {"name": "gcp", "config": {"access-token": TOKEN}}},
         "its user logs in by a plugin (auth-provider)"),
        ({"tokenFile": "/etc/shadow"}, "its user's token is a file (tokenFile)"),
        ({"tokenFile": "/etc/shadow", "token": TOKEN}, "its user's token is a file (tokenFile)"),
        ({"client-certificate": "/a"}, "its user's certificate is a file (client-certificate)"),
        ({"client-certificate-data": "", "client-key": "/a"}, "its user's key is a file"),
    ],
)  # fmt: skip
def test_programs_and_files_are_refused(user: Json, said: str) -> None:
    """Each way in that a function cannot go is named, with what would do instead."""
    told = refused(lambda: parse(yaml.safe_dump(config(**user)), SETTING))
    assert f"{said}" in told
    assert "which a function cannot use: put in " in told


def test_a_ca_in_a_file_is_refused() -> None:
    """A path of somebody's workstation leads nowhere."""
    content = config()
    content["clusters"][1]["cluster"]["certificate-authority"] = "/home/me/ca.pem"
    told = refused(lambda: parse(yaml.safe_dump(content), SETTING))
    assert "its cluster's CA is a file (certificate-authority)" in told
    assert told.endswith("put in what kubectl config view --raw --minify --flatten prints")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it needs a current-context"),
        (TOKEN, "it needs a current-context"),
        (f"- {TOKEN}", "it needs a current-context"),
        (f"token: {TOKEN}", "it needs a current-context"),
        (f"a: 1\nb: [{TOKEN}", "it is no YAML, see line "),
        (f"!!python/object/apply:os.system ['{TOKEN}']", "it is no YAML, see line 1"),
        (f"{TOKEN}: \x00", "it is no YAML"),
        ("[" * 5000, "it is nested too deeply in line 1"),
        ("current-context: a\ncontexts: 5", "it needs a current-context"),
        ("current-context: a\ncontexts: [5]", "it needs a current-context"),
        ("current-context: a\ncontexts: [{name: a}]", "it needs a current-context"),
        ("current-context: a\ncontexts: [{name: a, context: [b]}]", "it needs a current-context"),
        ("current-context: a\ncontexts: []", "it needs a current-context"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_what_is_no_kubeconfig(text: str, said: str) -> None:
    """Whatever stands there instead, it is said to be none, and not what it is."""
    assert said in refused(lambda: parse(text, SETTING))


@pytest.mark.parametrize("server", [None, 5, ["https://kops"]])
def test_a_cluster_without_an_address(server: Any) -> None:
    """A server that is no text is no server."""
    content = config()
    content["clusters"][1]["cluster"]["server"] = server
    assert "it needs a current-context" in refused(lambda: parse(yaml.safe_dump(content), SETTING))


@pytest.mark.parametrize(
    "user",
    [
        {"client-certificate-data": "no base64", "client-key-data": TOKEN},
        {"client-certificate-data": "bm8=", "client-key-data": "bm8="},
        {"username": 5, "password": TOKEN},
        {"token": [TOKEN]},
    ],
)
def test_credentials_that_are_none(user: Json) -> None:
    """What the client cannot make sense of is an error of ours, without what it holds."""
    content = parse(yaml.safe_dump(config(**user)), SETTING).content
    with pytest.raises(ClusterError) as caught:
        Cluster(lambda: kubeconfig_dict_client(content, SETTING)).read()
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


class Held:
    """A secret, and how often it was fetched."""

    def __init__(self, text: str) -> None:
        self.text, self.fetched = text, 0

    def __call__(self) -> str:
        self.fetched += 1
        return self.text


def test_the_name_and_the_connection_take_one_fetch(tmp_path: Path) -> None:
    """A cold start fetches the secret once, though it asks for the cluster's name first."""
    with Kube([volume()], token=TOKEN, tls=True) as kube:
        held = Held(kube.kubeconfig(tmp_path / "config", "kops").read_text())
        secret = Secret("kops", held)
        assert "kops" == secret.cluster()
        assert 1 == len(Cluster(secret.connect).read().volumes)
    assert 1 == held.fetched


def test_a_rotated_secret_is_fetched_anew(tmp_path: Path) -> None:
    """A warm process logs in anew with what the secret holds then, and loses no pass by it."""
    with Kube([volume()], token=TOKEN) as kube:
        held = Held(kube.kubeconfig(tmp_path / "config").read_text())
        source = Cluster(Secret("kops", held).connect)
        source.read()
        kube.token = "rotated"
        held.text = kube.kubeconfig(tmp_path / "config").read_text()

        assert 1 == len(source.read().volumes)
