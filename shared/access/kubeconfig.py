"""A kubeconfig out of a secret: what of it a function can use. None of it is ever printed."""

from typing import Any, NamedTuple

from shared.access.entries import Unusable, impersonation, in_the_clear
from shared.errors import ClusterError
from shared.sources.plain_yaml import NotPlain, load_all
from shared.text import shorten

_FLATTEN = "put in what kubectl config view --raw --minify --flatten prints"
_LOGIN = "put in a service account's token, or set CLUSTER_NAME alone where it is EKS or GKE"
#: Neither programs nor files of a workstation exist where a function runs; and whoever may write
#: the secret shall not run programs or read files there.
_REFUSED = {
    "user": {
        "exec": ("its user runs a program (exec)", _LOGIN),
        "auth-provider": ("its user logs in by a plugin (auth-provider)", _LOGIN),
        "tokenFile": ("its user's token is a file (tokenFile)", _LOGIN),
        "client-certificate": ("its user's certificate is a file (client-certificate)", _FLATTEN),
        "client-key": ("its user's key is a file (client-key)", _FLATTEN),
    },
    "cluster": {
        "certificate-authority": ("its cluster's CA is a file (certificate-authority)", _FLATTEN),
    },
}
_CONTEXT = "it needs a current-context that names a cluster and a user of it"


class Kubeconfig(NamedTuple):
    """The current context of a kubeconfig and nothing else; `cluster` is its cluster's name."""

    cluster: str
    content: dict[str, Any]


def parse(text: str, setting: str) -> Kubeconfig:
    """Read a kubeconfig's current context.

    Args:
        text: YAML or JSON.
        setting: says in errors where it comes from.

    Raises:
        ClusterError: where it is no kubeconfig, runs programs or names files.
    """
    try:
        content = _load(text)
        name = content["current-context"]
        context = _entry(content, "context", name)
        cluster = _entry(content, "cluster", context["cluster"])
        known = [item["name"] for item in content.get("users") or ()]
        user = _entry(content, "user", context["user"]) if context.get("user") in known else {}
        _refuse(user, "user")
        _refuse(cluster, "cluster")
        _refuse_plain(cluster)
        impersonation(user)
    except (KeyError, TypeError, AttributeError, StopIteration):
        why = _CONTEXT
    except Unusable as error:
        why = str(error)
    else:
        return Kubeconfig(str(context["cluster"]), _only(cluster, user))
    raise ClusterError(f"{setting} cannot be used as a kubeconfig: {why}")


def _load(text: str) -> Any:
    try:
        (content,) = load_all(text) or [None]
    except NotPlain as error:
        raise Unusable(str(error)) from None
    except ValueError:
        raise Unusable("it holds several YAML documents") from None
    return content


def _entry(content: Any, kind: str, name: str) -> dict[str, Any]:
    found = next(item[kind] for item in content[f"{kind}s"] if item["name"] == name)
    if not isinstance(found, dict):
        raise TypeError
    return found


def _refuse(entry: dict[str, Any], kind: str) -> None:
    for field, (why, would_do) in _REFUSED[kind].items():
        if field in entry:
            raise Unusable(f"{why}, which a function cannot use: {would_do}")


def _refuse_plain(cluster: dict[str, Any]) -> None:
    """Refuse a way on which others could read the credentials, or write the rules."""
    server, proxy = cluster["server"], cluster.get("proxy-url")
    if not isinstance(server, str) or not isinstance(proxy or "", str):
        raise TypeError
    if in_the_clear(server):
        raise Unusable("its cluster's server is no https:// address; the API answers by one")
    if proxy and in_the_clear(proxy):
        raise Unusable(
            "its proxy-url is no https:// address; name one that is, or set HTTPS_PROXY in the "
            "function's environment"
        )


def _only(cluster: dict[str, Any], user: dict[str, Any]) -> dict[str, Any]:
    """Write a kubeconfig of one context."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "current",
        "contexts": [{"name": "current", "context": {"cluster": "current", "user": "current"}}],
        "clusters": [{"name": "current", "cluster": cluster}],
        "users": [{"name": "current", "user": user}],
    }


def setting(name: str) -> str:
    """Say which secret is meant."""
    return f"KUBE_CONFIG_SECRET={shorten(name)}"
