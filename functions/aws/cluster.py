"""The way into an EKS cluster: its address, and tokens that the function's role signs.

Sources: Amazon EKS API Reference, "DescribeCluster"; the token's form: aws-iam-authenticator,
"API Authorization from Outside a Cluster", and `aws eks get-token`, which prints the same.
"""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from functions.aws.lookups import CONFIG, ask, no_credentials
from shared.access.connect import connection_client
from shared.access.ways import Way
from shared.errors import ClusterError, SettingsError
from shared.sources.refusals import Hints
from shared.text import shorten

#: EKS takes a token for 15 minutes after it was signed, whatever it says of itself.
RENEWED = timedelta(minutes=10)
#: Seconds, as `aws eks get-token` writes them.
EXPIRES = 60
_CLUSTER_HEADER = "x-k8s-aws-id"
#: In these there is an API server that answers.
_USABLE = ("ACTIVE", "UPDATING")


class EKS:
    """One cluster of the session's region.

    Args:
        name: as EKS knows it.
        session: with credentials that EKS knows by an access entry.
        now: the time.

    Raises:
        SettingsError: where the session has no region.
    """

    def __init__(
        self,
        name: str,
        session: boto3.Session,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if not session.region_name:
            raise SettingsError(f"CLUSTER_NAME={shorten(name)} needs AWS_REGION beside it")
        self.name, self.region = name, session.region_name
        self._session, self._now = session, now
        self._token, self._signed = "", datetime.min.replace(tzinfo=UTC)

    def way(self) -> Way:
        """Give the way into the cluster."""
        hints = Hints(
            unreachable="if its endpoint is private, or public for some addresses only, the "
            "function must run in its VPC, in subnets and a security group that reach it",
            untrusted="something between, such as a proxy, answers in place of the cluster",
            refused="the cluster does not know the function's role: give it an access entry, as "
            "manifests/rbac.yaml says",
        )
        return Way(self.connect, hints)

    def connect(self) -> Any:
        """Look the cluster up, and connect to it.

        Raises:
            ClusterError: where it is not there, not ready, or may not be looked up.
        """
        found = self._describe()
        status, server = str(found.get("status")), str(found.get("endpoint") or "")
        if status not in _USABLE or not server:
            raise ClusterError(
                f"the EKS cluster {self.name} in {self.region} cannot be used while its status "
                f"is {shorten(status)}"
            )
        return connection_client(server, found["certificateAuthority"]["data"], self.token)

    def token(self) -> str:
        """Give a token, a new one where the last is too old.

        Raises:
            ClusterError: where there are no credentials to sign with.
        """
        # By the time of day: a frozen Lambda's other clocks may stand still.
        if not timedelta(0) <= self._now() - self._signed < RENEWED:
            self._token, self._signed = self._sign(), self._now()
        return self._token

    def _describe(self) -> dict[str, Any]:
        where = f"the EKS cluster {shorten(self.name)} in {self.region}"
        answer: dict[str, Any] = ask(
            lambda: self._eks.describe_cluster(name=self.name),
            f"looking up {where}",
            "eks",
            "eks:DescribeCluster",
            "there is none of this name in this region and account; see CLUSTER_NAME and "
            "AWS_REGION, and aws eks list-clusters",
        )
        return dict(answer["cluster"])

    def _sign(self) -> str:
        try:
            url = self._sts.generate_presigned_url(
                "get_caller_identity", ExpiresIn=EXPIRES, HttpMethod="GET"
            )
        except BotoCoreError:
            raise ClusterError(
                f"signing a token for the EKS cluster {self.name}: {no_credentials()}"
            ) from None
        return f"k8s-aws-v1.{base64.urlsafe_b64encode(url.encode()).decode().rstrip('=')}"

    @cached_property
    def _eks(self) -> Any:
        return self._session.client("eks", config=CONFIG)

    @cached_property
    def _sts(self) -> Any:
        # It is the cluster that asks STS, by the real address and no other.
        config = CONFIG.merge(Config(ignore_configured_endpoint_urls=True))  # type: ignore[call-arg]
        client: Any = self._session.client("sts", config=config)
        client.meta.events.register("before-sign.sts.GetCallerIdentity", self._name_cluster)
        return client

    def _name_cluster(self, request: Any, **_: Any) -> None:
        request.headers[_CLUSTER_HEADER] = self.name
