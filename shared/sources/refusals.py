"""What an API means by an answer that is no list, in words that say what to do. Pure."""

from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from shared.errors import ClusterError
from shared.text import shorten
from shared.tolerant_json import UNREADABLE

#: The User that an API server sees where a request has no credentials that it takes (Kubernetes,
#: "Authenticating", "Anonymous requests").
ANONYMOUS = '"system:anonymous"'
_NOBODY = (
    "the kubeconfig's current context needs a user that has a token or a client certificate; user "
    "names and passwords are not taken since Kubernetes 1.19"
)


class NotLoggedIn(ClusterError):
    """The API does not know the credentials: perhaps they were replaced."""


class Forbidden(ClusterError):
    """The API knows who asks, and refuses this one thing."""


class Answer(NamedTuple):
    """What the API said; `location` is where it sent us, which nobody follows."""

    status: int
    body: bytes
    location: str = ""


class Hints(NamedTuple):
    """What to do where the way to the API ends, in the words of the cloud that it leads by."""

    unreachable: str = "check its address, and the way from here to there"
    untrusted: str = "the kubeconfig's certificate-authority-data must be the cluster's own CA"
    refused: str = "the token or certificate has expired or belongs to another cluster"
    forbidden: str = ""


class _Status(msgspec.Struct):
    message: str = ""


def refusal(
    answer: Answer, host: str, resource: str, hints: Hints, anonymous: bool
) -> ClusterError:
    """Make the error of an answer.

    Args:
        answer: of the API.
        host: names the API.
        resource: what was to be listed.
        hints: what to do.
        anonymous: whether it was asked without credentials.
    """
    status, said = answer.status, _message(answer.body)
    if ANONYMOUS in said or (status == 401 and anonymous):
        return NotLoggedIn(f"the API at {host} was asked without credentials ({status}): {_NOBODY}")
    if status == 401:
        return NotLoggedIn(f"the API at {host} refused the credentials (401): {hints.refused}")
    if status == 403:
        return Forbidden(
            f"the API refused to list {resource} (403): {said or 'forbidden'}; grant the verb "
            f"list on {resource}, as manifests/rbac.yaml does{hints.forbidden}"
        )
    if answer.location:
        return ClusterError(
            f"the API at {host} answered {status} and redirects to {_site(answer.location)}, which "
            "is not followed, since it would get the credentials: write the API's own address"
        )
    return ClusterError(
        f"the API answered {status} to listing {resource}: {said or 'no reason given'}"
    )


def _message(body: bytes) -> str:
    try:
        return shorten(msgspec.json.decode(body, type=_Status).message, 300)
    except UNREADABLE:
        return ""


def _site(url: str) -> str:
    """Name the site of an address, and nothing else that stands in it."""
    try:
        parts = urlsplit(url)
        return shorten(f"{parts.scheme}://{parts.hostname}" if parts.hostname else "another path")
    except ValueError:
        return "another address"
