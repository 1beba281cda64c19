"""The way into an EKS cluster: its address, a token that botocore signs, the whole read."""

import base64
import logging
import traceback
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import cache
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import urllib3
from botocore.config import Config

import functions.aws.cluster as module
from functions.aws.cluster import EKS
from functions.aws.wiring import build
from shared.errors import ClusterError, SettingsError
from shared.sources.cluster import Cluster
from tests.clock import VirtualClock
from tests.emulators.canned import Canned, Reply
from tests.emulators.ec2 import EC2
from tests.emulators.kube import Answer, Kube, Request
from tests.shared.objects_builders import claim, volume

REGION = "eu-west-1"
NAME = "production"
KEY = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMIsecret", "IQoJb3JpZ2luX2Vjtoken")
ONCE = Config(retries={"total_max_attempts": 1})


class ApiServer(Kube):
    """Lets in who brings a token for this cluster, signed not too long ago, as EKS does."""

    def __init__(self, now: Callable[[], str]) -> None:
        super().__init__([volume(), claim(deltas="P1D P30D")], token=None, tls=True)
        self.now, self.tokens = now, list[str]()

    def _answer(self, request: Request, token: str) -> Answer:
        self.tokens.append(token)
        assert token.startswith("Bearer k8s-aws-v1.")
        signed = query_of(token.removeprefix("Bearer "))["X-Amz-Date"]
        if not signed <= self.now():
            return Answer(401, {"kind": "Status", "message": "Unauthorized"})
        return super()._answer(request, token)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without a pause, and AWS not at all."""
    monkeypatch.setattr(urllib3.Retry, "get_backoff_time", lambda retry: 0)
    monkeypatch.setattr(module, "CONFIG", ONCE)


@pytest.fixture(autouse=True)
def discreet(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Find neither token nor key in what our loggers and the Kubernetes client's say."""
    for name in ("shared", "functions", "kubernetes", "urllib3"):
        caplog.set_level(logging.DEBUG, name)
    yield
    said = caplog.text + "".join(capfd.readouterr())
    assert [secret for secret in ("k8s-aws-v1", *KEY[1:]) if secret in said] == []


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[EC2]:
    with EC2() as served:
        environment = served.environment(REGION) | {"AWS_CONFIG_FILE": "/no/such/file"}
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        for name, value in zip(("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"), KEY,
                               strict=True):  # fmt: skip
            monkeypatch.setenv(f"AWS_{name}", value)
        yield served


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with ApiServer(lambda: "9999") as served:
        yield served


@pytest.fixture
def known(aws: EC2, api: ApiServer) -> SimpleNamespace:
    """Let EKS know the cluster."""
    return add_cluster(api)


def add_cluster(api: Kube) -> SimpleNamespace:
    from moto.backends import get_backend

    eks = session(REGION).client("eks", config=ONCE)
    vpc = {"subnetIds": ["subnet-1", "subnet-2"]}
    role = "arn:aws:iam::123456789012:role/eks"
    eks.create_cluster(name=NAME, roleArn=role, resourcesVpcConfig=vpc)
    found: Any = get_backend("eks")["123456789012"][REGION].clusters[NAME]
    assert api.ca_file
    found.endpoint = api.url
    found.certificate_authority = {"data": base64.b64encode(api.ca_file.read_bytes()).decode()}
    return found  # type: ignore[no-any-return]


def query_of(token: str) -> dict[str, str]:
    """Read the query of the URL that a token is."""
    return {name: values[0] for name, values in parse_qs(url_of(token).query).items()}


def url_of(token: str) -> Any:
    encoded = token.removeprefix("k8s-aws-v1.")
    return urlsplit(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode())


def eks(region: str = REGION, **options: Any) -> EKS:
    return EKS(NAME, session(region), **options)


@cache
def session(region: str) -> boto3.Session:
    """Share one, which has read the services' models."""
    return boto3.Session(*KEY, region_name=region)


def cluster(found: EKS) -> Cluster:
    way = found.way()
    return Cluster(way.connect, way.hints)


def refused(call: Callable[[], object]) -> str:
    """Return what is said, which bears no token and no key."""
    with pytest.raises(ClusterError) as caught:
        call()
    told = "".join(traceback.format_exception(caught.value))
    assert [secret for secret in ("k8s-aws-v1", "X-Amz", *KEY[1:]) if secret in told] == []
    assert str(caught.value).isprintable()
    return str(caught.value)


class TestToken:
    def test_is_a_signed_request_for_the_callers_identity(self) -> None:
        """EKS takes a URL of the region's STS, signed with the cluster's name in a header."""
        token = eks().token()

        url, query = url_of(token), query_of(token)
        assert ("https", "sts.eu-west-1.amazonaws.com", "/") == (url.scheme, url.netloc, url.path)
        assert ("GetCallerIdentity", "2011-06-15") == (query["Action"], query["Version"])
        assert "60" == query["X-Amz-Expires"]
        assert ["host", "x-k8s-aws-id"] == query["X-Amz-SignedHeaders"].split(";")
        assert query["X-Amz-Credential"].endswith(f"/{REGION}/sts/aws4_request")
        assert "=" not in token

    @pytest.mark.parametrize(
        ("region", "host"),
        [
            ("us-east-1", "sts.us-east-1.amazonaws.com"),
            ("cn-north-1", "sts.cn-north-1.amazonaws.com.cn"),
            ("us-gov-west-1", "sts.us-gov-west-1.amazonaws.com"),
        ],
    )
    def test_is_for_the_sts_of_its_own_region(self, region: str, host: str) -> None:
        """No region falls back to the global STS, nor China to another partition's."""
        assert host == url_of(eks(region).token()).netloc

    def test_is_for_the_real_sts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """An endpoint of the function's own, such as a VPC's, is none that the cluster takes."""
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "https://vpce-1.sts.amazonaws.com")
        assert "sts.eu-west-1.amazonaws.com" == url_of(eks().token()).netloc

    def test_names_its_cluster(self) -> None:
        """A token for one cluster is no other's: the name is under the signature."""
        signatures = {
            query_of(EKS(name, session(REGION)).token())["X-Amz-Signature"]
            for name in ("one", "two")
        }
        assert 2 == len(signatures)

    def test_sts_takes_it(self, aws: EC2, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is signed is what STS verifies: by botocore's own count, header included."""
        from botocore.auth import SigV4QueryAuth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        token = eks().token()
        url, query = url_of(token), query_of(token)
        request = AWSRequest("GET", f"https://{url.netloc}/", headers={"x-k8s-aws-id": NAME})
        request.params = {"Action": query["Action"], "Version": query["Version"]}
        request.context["timestamp"] = query["X-Amz-Date"]
        signer = SigV4QueryAuth(Credentials(*KEY), "sts", REGION, expires=60)
        monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: _at(query["X-Amz-Date"]))
        signer.add_auth(request)
        expected = parse_qs(urlsplit(str(request.url)).query)["X-Amz-Signature"]
        assert expected == [query["X-Amz-Signature"]]

    def test_is_renewed_before_it_runs_out(self) -> None:
        """A token serves for ten of its fifteen minutes, then there is another."""
        clock = VirtualClock()
        found = eks(now=clock.now)
        first = found._token = found.token() + "#"

        clock.advance(timedelta(minutes=10) - timedelta(seconds=1))
        assert first == found.token()
        clock.advance(timedelta(seconds=1))
        assert first != found.token()

    def test_is_renewed_where_the_clock_was_set_back(self) -> None:
        """A token from the future is no token."""
        clock = VirtualClock()
        found = eks(now=clock.now)
        first = found._token = found.token() + "#"
        clock.advance(-timedelta(minutes=1))
        assert first != found.token()

    def test_takes_credentials(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, aws: EC2
    ) -> None:
        """Without credentials there is nothing to sign with, and it is said what to try."""
        without_credentials(monkeypatch)
        found = EKS(NAME, boto3.Session(region_name=REGION))
        assert "signing a token for the EKS cluster production: there are no AWS cred" in refused(
            found.token
        )


def _at(text: str) -> Any:
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ")


def without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"):
        monkeypatch.delenv(f"AWS_{name}")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/no/such/file")


class TestRead:
    def test_reads_a_cluster_by_its_name(self, known: SimpleNamespace, api: ApiServer) -> None:
        """CLUSTER_NAME and a region are enough: address, CA and token come from AWS."""
        _, ports = build({"AWS_REGION": REGION, "CLUSTER_NAME": NAME})

        objects = ports.source.read()

        assert (1, 1) == (len(objects.volumes), len(objects.claims))
        assert NAME == ports.labels.cluster
        assert 6 == len(api.tokens)

    def test_goes_on_with_a_new_token(self, known: SimpleNamespace, api: ApiServer) -> None:
        """A process that lives for hours logs in with a new token, and looks up nothing again."""
        clock = VirtualClock()
        found = eks(now=clock.now)
        source = cluster(found)
        source.read()
        found._token += "#"
        known.endpoint = "https://127.0.0.1:1"
        clock.advance(timedelta(minutes=11))

        source.read()

        assert 1 == len({token for token in api.tokens if "#" not in token} & set(api.tokens[3:]))
        assert [token for token in api.tokens if "#" in token] == []

    def test_finds_a_cluster_that_was_made_anew(
        self, known: SimpleNamespace, api: ApiServer
    ) -> None:
        """After a failure the next pass looks the cluster up again, its address and CA."""
        source = cluster(eks())
        source.read()
        api.stop()
        refused(source.read)
        with ApiServer(lambda: "9999") as another:
            assert another.ca_file
            data = base64.b64encode(another.ca_file.read_bytes()).decode()
            known.endpoint, known.certificate_authority = another.url, {"data": data}
            assert 1 == len(source.read().volumes)
        api.start()

    def test_a_role_that_the_cluster_does_not_know(
        self, known: SimpleNamespace, api: ApiServer
    ) -> None:
        """401 from EKS means that there is no access entry, and it is said where to read on."""
        api.now = lambda: "0"
        said = refused(cluster(eks()).read)
        assert (
            "refused the credentials (401): the cluster does not know the function's role" in said
        )
        assert "give it an access entry" in said

    def test_a_private_endpoint(self, known: SimpleNamespace) -> None:
        """An address that does not answer is, on EKS, most often a private endpoint."""
        known.endpoint = "https://127.0.0.1:1"
        said = refused(cluster(eks()).read)
        assert "the API at https://127.0.0.1:1 cannot be reached" in said
        assert "the function must run in its VPC" in said

    def test_another_ca(self, known: SimpleNamespace, api: ApiServer) -> None:
        """No token goes to a server that the cluster's CA does not vouch for."""
        with Kube(tls=True) as stranger:
            known.endpoint = stranger.url
            said = refused(cluster(eks()).read)
            assert [] == stranger.requests
        assert "CERTIFICATE_VERIFY_FAILED" in said
        assert "answers in place of the cluster" in said

    @pytest.mark.parametrize("data", ["", "no base64", "bm8gY2VydGlmaWNhdGU=", "w7w="])
    def test_a_ca_that_is_none(self, known: SimpleNamespace, data: str) -> None:
        """Where the CA cannot be read there is no connection, least of all an unverified one."""
        known.certificate_authority = {"data": data}
        said = refused(cluster(eks()).read)
        assert "is no certificate" in said or "CERTIFICATE_VERIFY_FAILED" in said


class TestLookup:
    def test_a_cluster_that_is_not_there(self, aws: EC2) -> None:
        """The name and the region are said, and what lists the clusters."""
        said = refused(cluster(eks("eu-central-1")).read)
        assert said.startswith("looking up the EKS cluster production in eu-central-1: there is no")
        assert "aws eks list-clusters" in said

    @pytest.mark.parametrize("status", ["CREATING", "DELETING", "FAILED", "PENDING"])
    def test_a_cluster_that_is_not_ready(self, known: SimpleNamespace, status: str) -> None:
        """The status is said where no API server answers in it."""
        known.status = status
        said = refused(cluster(eks()).read)
        assert f"production in eu-west-1 cannot be used while its status is {status}" in said

    def test_a_cluster_that_is_updated(self, known: SimpleNamespace) -> None:
        """An update takes an hour, in which the API server answers and backups go on."""
        known.status = "UPDATING"
        assert 1 == len(cluster(eks()).read().volumes)

    @pytest.mark.parametrize(
        ("status", "code", "said"),
        [
            (403, "AccessDeniedException", "; allow eks:DescribeCluster to the function's role"),
            (403, "UnrecognizedClientException", "the credentials are not accepted: Unrecognized"),
            (403, "ExpiredTokenException", "the credentials are not accepted: ExpiredToken"),
            (400, "InvalidParameterException", "InvalidParameterException: No."),
            (500, "ServerException", "ServerException: No."),
        ],
    )
    def test_what_eks_refuses(
        self, aws: EC2, monkeypatch: pytest.MonkeyPatch, status: int, code: str, said: str
    ) -> None:
        """A missing permission is named, and told from credentials that nobody knows."""
        with Canned() as api:
            api.replies["*"] = Reply({"message": "No."}, status, {"x-amzn-ErrorType": code})
            monkeypatch.setenv("AWS_ENDPOINT_URL", api.url)
            assert said in refused(cluster(EKS(NAME, boto3.Session(region_name=REGION))).read)

    def test_no_credentials(self, aws: EC2, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is said where they would be."""
        without_credentials(monkeypatch)
        source = cluster(EKS(NAME, boto3.Session(region_name=REGION)))
        assert "there are no AWS credentials: in a Lambda they are its role's" in refused(
            source.read
        )

    def test_no_way_to_aws(self, aws: EC2, monkeypatch: pytest.MonkeyPatch) -> None:
        """From a VPC without a way out, EKS needs an endpoint there."""
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        said = refused(cluster(eks()).read)
        assert "AWS cannot be reached: EndpointConnectionError" in said
        assert said.endswith("it takes a VPC endpoint for eks")

    def test_no_region(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A name without a region names no cluster: refused at start."""
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_CONFIG_FILE", "/no/such/file")
        with pytest.raises(SettingsError, match="CLUSTER_NAME=production needs AWS_REGION"):
            build({"CLUSTER_NAME": NAME})
