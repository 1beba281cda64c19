"""Connections to a cluster's API. The only importer of `kubernetes`, and lazily.

Of that package its transport, TLS and credentials are used; see `cluster` for why not its models.
"""

import base64
import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

from shared import __version__
from shared.access.entries import Unusable, impersonation, in_the_clear
from shared.errors import ClusterError
from shared.text import shorten


def kubeconfig_client(path: str) -> Any:
    """Connect by a kubeconfig's current context.

    Raises:
        ClusterError: where the file cannot be read or names no usable cluster.
    """
    from kubernetes import client
    from kubernetes.config.kube_config import KubeConfigLoader, KubeConfigMerger

    def connect() -> Any:
        configuration, merged = client.Configuration(), KubeConfigMerger(path).config
        KubeConfigLoader(merged).load_and_set(configuration)
        return _client(configuration, _current_user(merged))

    return _guard(path, connect)


def _current_user(config: Any) -> Mapping[str, Any]:
    """Give the entry of the current context's user, in a kubeconfig that could be loaded."""
    context = config["contexts"].get_with_name(config["current-context"])["context"]
    if not (context.safe_get("user") and config.safe_get("users")):
        return {}
    entry = config["users"].get_with_name(context["user"], safe=True)
    return dict(entry["user"].value) if entry else {}


def kubeconfig_cluster(path: str) -> str:
    """Tell the name of the current context's cluster."""
    from kubernetes import config

    _, active = _guard(path, lambda: config.list_kube_config_contexts(path))
    return str(active["context"]["cluster"])


def kubeconfig_dict_client(content: dict[str, Any], setting: str) -> Any:
    """Connect by a kubeconfig that is no file; `setting` says in errors where it comes from.

    Raises:
        ClusterError: where it cannot be used.
    """
    from kubernetes import client, config

    def connect() -> Any:
        configuration = client.Configuration()
        config.load_kube_config_from_dict(
            content, client_configuration=configuration, persist_config=False
        )
        return _client(configuration, content["users"][0]["user"])

    return _usable(setting, connect, "kubectl must be able to use it unchanged")


def connection_client(server: str, ca: str, token: Callable[[], str]) -> Any:
    """Connect to a server by address.

    Args:
        server: its URL.
        ca: the CA to trust and no other, PEM in base64; empty for the public ones.
        token: gives the bearer token, asked now and before each request; empty for none.

    Raises:
        ClusterError: where the CA is none, or there is no token.
    """
    from kubernetes import client

    configuration: Any = client.Configuration(host=server)
    if ca:
        configuration.ca_cert_data = _authority(server, ca)

    def renew(configuration: Any) -> None:
        configuration.api_key["BearerToken"] = f"Bearer {token()}"

    if token():
        renew(configuration)
        configuration.refresh_api_key_hook = renew
    return _client(configuration)


def _authority(server: str, ca: str) -> str:
    import ssl

    try:
        pem = base64.b64decode(ca, validate=True).decode("ascii")
        ssl.create_default_context(cadata=pem)
    except (ValueError, ssl.SSLError):
        raise ClusterError(f"the CA that the cloud gives for {server} is no certificate") from None
    return pem


def in_cluster_client() -> Any:
    """Connect by the service account of the pod."""
    from kubernetes import client, config

    configuration = client.Configuration()
    try:
        config.load_incluster_config(client_configuration=configuration)
    except config.ConfigException:
        raise ClusterError(
            "there is no way to the cluster: set KUBE_CONFIG_FILE to a kubeconfig, "
            "KUBE_CONFIG_SECRET to a secret with one, or CLUSTER_NAME; or run in a pod with a "
            "service account"
        ) from None
    return _client(configuration)


def _client(configuration: Any, user: Mapping[str, Any] | None = None) -> Any:
    """Make the connection; `user` is the kubeconfig's, whose impersonation is honoured.

    Raises:
        ClusterError: where it would not be safe.
        Unusable: where the user cannot be honoured.
    """
    import urllib3
    from kubernetes import client

    _check(configuration)
    # A page that does not come in time is waited for once more only: passes have a deadline. A
    # redirect would take the credentials to an address that nobody has configured.
    configuration.retries = urllib3.Retry(
        total=2,
        read=1,
        redirect=False,
        backoff_factor=0.5,
        status_forcelist=(429, 500, 502, 503, 504),
        respect_retry_after_header=False,
        raise_on_status=False,
    )
    api: Any = client.ApiClient(configuration)
    api.user_agent = f"k8s-snapshots/{__version__}"
    for header, value in impersonation(user or {}).items():
        api.set_default_header(header, value)
    return api


def _check(configuration: Any) -> None:
    """Refuse ways on which others could read the credentials, and those that lack a package."""
    if not configuration.verify_ssl:
        raise ClusterError(
            "insecure-skip-tls-verify would send the credentials to anybody who answers: give the "
            "cluster's CA as certificate-authority-data in its place"
        )
    if in_the_clear(configuration.host):
        raise ClusterError(
            "the API's address is no https:// address: others on the network could read the "
            "credentials and change the rules. Write https://, or use a tunnel to 127.0.0.1"
        )
    if str(configuration.proxy or "").lower().startswith("socks") and not find_spec("socks"):
        raise ClusterError(
            "the proxy to the API is a SOCKS proxy (proxy-url of the kubeconfig, or HTTPS_PROXY), "
            "which needs the package PySocks: pip install PySocks, or name an http proxy"
        )


def _guard(path: str, read: Callable[[], Any]) -> Any:
    if not any(os.path.exists(os.path.expanduser(name)) for name in path.split(os.pathsep)):
        raise ClusterError(f"KUBE_CONFIG_FILE={shorten(path)}: there is no such file")
    hint = f"kubectl --kubeconfig {shorten(path)} config view should print it"
    return _usable(f"KUBE_CONFIG_FILE={shorten(path)}", read, hint)


def _usable(setting: str, read: Callable[[], Any], hint: str) -> Any:
    """Read a kubeconfig; no error shows what it holds."""
    import yaml
    from kubernetes import config

    try:
        return read()
    except Unusable as error:
        raise ClusterError(f"{setting} cannot be used as a kubeconfig: {error}") from None
    except config.ConfigException as error:
        # What follows names the place by printing the whole entry, with its token.
        said = str(error).removeprefix("Invalid kube-config file. ").partition(" in ")[0]
        why = shorten(said)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        why = f"it is no YAML, see line {mark.line + 1}" if mark else "it is no YAML"
    except FileNotFoundError as error:
        why = f"it names {shorten(error.filename)}, which is not there"
    except (OSError, ValueError, TypeError, KeyError, AttributeError, ImportError) as error:
        why = f"{type(error).__module__}.{type(error).__name__}".removeprefix("builtins.")
    except RecursionError:
        why = "it is nested too deeply"
    raise ClusterError(f"{setting} cannot be used as a kubeconfig: {why}; {hint}")
