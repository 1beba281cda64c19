"""Ways into the cluster, and which of them the settings choose: the same on every cloud."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from shared.access import kubeconfig
from shared.access.connect import (
    in_cluster_client,
    kubeconfig_client,
    kubeconfig_cluster,
    kubeconfig_dict_client,
)
from shared.kinds import WINDOW
from shared.ports import RulesSource
from shared.settings import Settings
from shared.sources.cluster import Cluster
from shared.sources.refusals import Hints


class Way(NamedTuple):
    """How the cluster is reached: see `Cluster`; `name` names it where the settings do not."""

    connect: Callable[[], Any]
    hints: Hints = Hints()
    name: Callable[[], str] = str


class Secret:
    """A way by a kubeconfig that a secret holds.

    Args:
        name: of the secret.
        fetch: gives what it holds now; raises ClusterError.
    """

    def __init__(self, name: str, fetch: Callable[[], str]) -> None:
        self._setting, self._fetch = kubeconfig.setting(name), fetch
        self._fresh: kubeconfig.Kubeconfig | None = None

    def cluster(self) -> str:
        """Tell the cluster's name."""
        self._fresh = self._fresh or self._read()
        return self._fresh.cluster

    def connect(self) -> Any:
        """Connect; each time but the first by what the secret holds then, if it was rotated."""
        read, self._fresh = self._fresh or self._read(), None
        return kubeconfig_dict_client(read.content, self._setting)

    def _read(self) -> kubeconfig.Kubeconfig:
        return kubeconfig.parse(self._fetch(), self._setting)


def find(
    settings: Settings,
    source: RulesSource | None,
    mirror: RulesSource | None,
    secret: Callable[[str], Callable[[], str]],
    managed: Callable[[str], Way],
) -> tuple[RulesSource, str]:
    """Give where rules are read from, and the cluster's name where the settings tell none.

    Args:
        settings: name the way.
        source: is taken in place of any cluster, if given.
        mirror: is taken where RULES_FROM says so; then no way to a cluster is looked for.
        secret: gives what fetches the secret of that name.
        managed: gives the way to the cloud's own cluster of that name.

    Raises:
        SettingsError, ClusterError: where the settings name no usable way.
    """
    if mirror and settings.rules_from == "mirror":
        return source or mirror, ""
    named = bool(settings.cluster_id or settings.cluster_name)
    if source and named:
        return source, ""
    way = choose(settings, secret, managed)
    kept = (settings.deltas_annotation_key, WINDOW)
    name = "" if named else _short(way.name())
    return source or Cluster(way.connect, way.hints, kept), name


def _short(name: str) -> str:
    """Shorten the name that EKS gives a cluster in kubeconfigs, an ARN, to its last part."""
    return name.rpartition("/")[2] if name.startswith("arn:") else name


def choose(
    settings: Settings,
    secret: Callable[[str], Callable[[], str]],
    managed: Callable[[str], Way],
) -> Way:
    """Take the file, else the secret, else the cluster that is named, else the pod's account."""
    if path := settings.kube_config_file:
        return Way(partial(kubeconfig_client, path), name=partial(kubeconfig_cluster, path))
    if name := settings.kube_config_secret:
        held = Secret(name, secret(name))
        return Way(held.connect, name=held.cluster)
    if settings.cluster_name:
        return managed(settings.cluster_name)
    return Way(in_cluster_client)
