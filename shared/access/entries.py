"""What the entries of a kubeconfig mean: addresses in the clear, and in whose name to ask. Pure."""

import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

#: Kubernetes, "Authenticating", "User impersonation". Each header is sent once: several groups
#: would need one header each, which the client cannot send.
_HEADERS = {"as": "Impersonate-User", "as-uid": "Impersonate-Uid", "as-groups": "Impersonate-Group"}


class Unusable(Exception):
    """Why a kubeconfig cannot be used, and what would be right; never what it holds."""


def in_the_clear(url: str) -> bool:
    """Tell whether an address is not encrypted, those of this machine aside."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        return parts.scheme.lower() != "https" and not _is_loopback(parts.hostname or "")
    except ValueError:
        return True


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def impersonation(user: Mapping[str, Any]) -> dict[str, str]:
    """Give the headers by which a kubeconfig's user asks in another's name; none for most.

    Raises:
        Unusable: where that is more than can be sent. It is never left out: the calls would have
            other rights than kubectl's.
    """
    if user.get("as-user-extra"):
        raise Unusable(
            "its user impersonates with extra fields (as-user-extra), which are not sent here; "
            "leave them out, or put in the token of the user that is meant"
        )
    groups = user.get("as-groups") or []
    if not isinstance(groups, list) or len(groups) > 1:
        raise Unusable(
            "its user impersonates with several groups (as-groups), of which one can be sent; "
            "name one group, or put in the token of the user that is meant"
        )
    given = {"as": user.get("as"), "as-uid": user.get("as-uid"), "as-groups": (groups or [None])[0]}
    found = {_HEADERS[key]: value for key, value in given.items() if value not in (None, "")}
    if found and not given["as"]:
        raise Unusable("its user impersonates without naming a user; write as: beside as-groups")
    if not all(isinstance(text, str) and _is_sendable(text) for text in found.values()):
        raise Unusable("its user impersonates a name (as) that is no text of one line")
    return found


def _is_sendable(text: str) -> bool:
    return text.isprintable() and text.isascii()
