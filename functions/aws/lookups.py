"""Calls of AWS that the way to the cluster needs, and what to do where they fail."""

from collections.abc import Callable
from typing import Any, TypeVar

from botocore import exceptions
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from functions.aws.errors import text_of
from shared.errors import ClusterError

T = TypeVar("T")

#: Each is asked once in the life of a process, at its start.
CONFIG = Config(
    connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3}
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_REJECTED = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_LOGIN = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
)
_NETWORK = (exceptions.ConnectionError, exceptions.HTTPClientError)


def ask(call: Callable[[], T], what: str, service: str, permission: str, absent: str) -> T:
    """Make a call.

    Args:
        call: the call.
        what: it does, such as `looking up the EKS cluster demo in eu-west-1`.
        service: the last part of a VPC endpoint's name.
        permission: the action that a policy must allow.
        absent: what to say where the thing is not there.

    Raises:
        ClusterError: in words that say what to do.
    """
    try:
        return call()
    except ClientError as error:
        why = _refusal(error, permission, absent)
    except _LOGIN:
        why = no_credentials()
    except _NETWORK as error:
        why = (
            f"AWS cannot be reached: {text_of(error)}; from a VPC that has no way out it takes a "
            f"VPC endpoint for {service}"
        )
    except BotoCoreError as error:
        why = text_of(error)
    raise ClusterError(f"{what}: {why}")


def no_credentials() -> str:
    """Say what to do where there are none."""
    return (
        "there are no AWS credentials: in a Lambda they are its role's, elsewhere try aws sts "
        "get-caller-identity"
    )


def _refusal(error: ClientError, permission: str, absent: str) -> str:
    said: Any = error.response.get("Error", {})
    code = str(said.get("Code", ""))
    if code == "ResourceNotFoundException":
        return absent
    if code in _DENIED:
        return f"{text_of(error)}; allow {permission} to the function's role"
    if code in _REJECTED:
        return f"the credentials are not accepted: {text_of(error)}"
    return text_of(error)
