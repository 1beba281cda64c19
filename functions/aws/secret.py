"""A kubeconfig out of AWS Secrets Manager.

Source: AWS Secrets Manager API Reference, "GetSecretValue".
"""

from collections.abc import Callable
from typing import Any

import boto3

from functions.aws.lookups import CONFIG, ask
from shared.access.kubeconfig import setting
from shared.errors import ClusterError, SettingsError


def secret(name: str, session: boto3.Session) -> Callable[[], str]:
    """Give what fetches a secret, by its ARN or its name in the session's region.

    Raises:
        SettingsError: where no region is told.
    """
    region = name.split(":")[3] if name.startswith("arn:") and name.count(":") > 3 else ""
    region = region or session.region_name or ""
    if not region:
        raise SettingsError(f"{setting(name)} needs AWS_REGION beside it, or its ARN instead")
    return lambda: _fetch(name, region, session)


def _fetch(name: str, region: str, session: boto3.Session) -> str:
    def get() -> Any:
        client: Any = session.client("secretsmanager", region_name=region, config=CONFIG)
        return client.get_secret_value(SecretId=name)

    answer = ask(
        get,
        f"fetching {setting(name)} in {region}",
        "secretsmanager",
        "secretsmanager:GetSecretValue on it, and kms:Decrypt where it has a key of its own,",
        "there is no such secret with a value in this region and account",
    )
    if "SecretString" in answer:
        return str(answer["SecretString"])
    try:
        return bytes(answer["SecretBinary"]).decode()
    except (KeyError, UnicodeDecodeError):
        raise ClusterError(f"{setting(name)} holds no text") from None
