"""A kubeconfig out of AWS Secrets Manager: how the secret is named, and what is said without it."""

import logging
import traceback
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3

from functions.aws.secret import secret
from functions.aws.wiring import build
from shared.errors import ClusterError, SettingsError
from tests.emulators.canned import Canned, Reply
from tests.emulators.ec2 import EC2
from tests.emulators.kube import Kube
from tests.shared.objects_builders import volume

REGION, ELSEWHERE = "eu-west-1", "us-east-1"
TOKEN = "s3cr3t-t0ken-of-the-reader"


@pytest.fixture(autouse=True)
def discreet(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Find the token in nothing that our loggers and the Kubernetes client's say."""
    for name in ("shared", "functions", "kubernetes", "urllib3"):
        caplog.set_level(logging.DEBUG, name)
    yield
    assert TOKEN not in caplog.text + "".join(capfd.readouterr())


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[EC2]:
    monkeypatch.setattr(urllib3.Retry, "get_backoff_time", lambda retry: 0)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/no/such/file")
    with EC2() as served:
        for name, value in served.environment(REGION).items():
            monkeypatch.setenv(name, value)
        yield served


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Iterator[str]:
    with Kube([volume()], token=TOKEN, tls=True) as kube:
        yield kube.kubeconfig(tmp_path / "config", "kops").read_text()


@cache
def session(region: str = REGION) -> boto3.Session:
    """Share one, which has read the service's model."""
    return boto3.Session("testing", "testing", region_name=region)


def put(name: str, region: str = REGION, **value: Any) -> str:
    """Make a secret; returns its ARN."""
    client: Any = session().client("secretsmanager", region_name=region)
    return str(client.create_secret(Name=name, **value)["ARN"])


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(ClusterError) as caught:
        call()
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_a_cluster_by_a_secret(aws: EC2, kubeconfig: str) -> None:
    """KUBE_CONFIG_SECRET is access enough, and names the cluster where no setting does."""
    put("kops/kubeconfig", SecretString=kubeconfig)
    _, ports = build({"AWS_REGION": REGION, "KUBE_CONFIG_SECRET": "kops/kubeconfig"})

    assert "kops" == ports.labels.cluster
    assert 1 == len(ports.source.read().volumes)


def test_an_arn_tells_its_region(aws: EC2) -> None:
    """A secret of another region is fetched there, with no region set at all."""
    arn = put("elsewhere", ELSEWHERE, SecretString="text")
    assert "text" == secret(arn, session())()
    assert "text" == secret(arn, boto3.Session("testing", "testing"))()


def test_a_binary_secret(aws: EC2) -> None:
    """A kubeconfig that was uploaded as a file is binary to Secrets Manager."""
    put("binary", SecretBinary=b"text")
    assert "text" == secret("binary", session())()


def test_a_binary_secret_that_is_no_text(aws: EC2) -> None:
    """Bytes of another kind are no kubeconfig."""
    put("binary", SecretBinary=b"\xff\xfe")
    said = refused(secret("binary", session()))
    assert "KUBE_CONFIG_SECRET=binary holds no text" == said


def test_programs_are_refused(aws: EC2) -> None:
    """What `aws eks update-kubeconfig` writes runs the AWS CLI: refused, with what would do."""
    text = f"""
        current-context: eks
        contexts: [{{name: eks, context: {{cluster: eks, user: eks}}}}]
        clusters: [{{name: eks, cluster: {{server: "https://eks"}}}}]
        users: [{{name: eks, user: {{exec: {{command: aws, args: [{TOKEN}]}}}}}}]
    """
    put("eks", SecretString=text)
    environ = {"AWS_REGION": REGION, "KUBE_CONFIG_SECRET": "eks", "CLUSTER_ID": "x"}
    _, ports = build(environ)

    said = refused(ports.source.read)

    assert "KUBE_CONFIG_SECRET=eks cannot be used as a kubeconfig: its user runs a program" in said
    assert "or set CLUSTER_NAME alone where it is EKS or GKE" in said


def test_a_secret_that_is_not_there(aws: EC2) -> None:
    """The name and the region are said."""
    said = refused(secret("nowhere", session(ELSEWHERE)))
    assert said.startswith("fetching KUBE_CONFIG_SECRET=nowhere in us-east-1: there is no such sec")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("AccessDeniedException", "; allow secretsmanager:GetSecretValue on it, and kms:Decrypt"),
        ("ExpiredTokenException", "the credentials are not accepted"),
        ("InvalidRequestException", "InvalidRequestException: No."),
        ("DecryptionFailure", "DecryptionFailure: No."),
    ],
)
def test_what_secrets_manager_refuses(
    aws: EC2, monkeypatch: pytest.MonkeyPatch, code: str, said: str
) -> None:
    """A missing permission is named, the key's with it."""
    with Canned() as api:
        api.replies["*"] = Reply({"__type": code, "Message": "No."}, 400)
        monkeypatch.setenv("AWS_ENDPOINT_URL", api.url)
        assert said in refused(secret("kops", session()))


def test_no_way_to_aws(aws: EC2, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a VPC without a way out, Secrets Manager needs an endpoint there."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    said = refused(secret("kops", session()))
    assert said.endswith("it takes a VPC endpoint for secretsmanager")


@pytest.mark.parametrize("name", ["kops", "arn:aws:secretsmanager"])
def test_a_name_without_a_region(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A name alone needs a region: refused at start."""
    for variable in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/no/such/file")
    with pytest.raises(SettingsError, match="needs AWS_REGION beside it, or its ARN instead"):
        build({"KUBE_CONFIG_SECRET": name})


def test_an_arn_of_no_region(aws: EC2) -> None:
    """An ARN whose region is none names no secret, and no host."""
    arn = "arn:aws:secretsmanager:evil.example.com/:1:secret:x"
    assert "InvalidRegionError" in refused(secret(arn, session()))
