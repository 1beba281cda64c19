"""The way into a GKE cluster: its address, and the function's own credentials.

Sources: Google Kubernetes Engine API v1, "projects.locations.clusters" (`endpoint`, `masterAuth`,
`controlPlaneEndpointsConfig`, `status`); GKE, "About network isolation" for the DNS endpoint.
"""

import re
from typing import Any

from functions.gcp.credentials import LOG_IN
from functions.gcp.lookups import Asked, Rest
from shared.access.connect import connection_client
from shared.access.ways import Way
from shared.errors import ClusterError, SettingsError
from shared.sources.refusals import Hints
from shared.text import shorten

ORIGIN = "https://container.googleapis.com"
_FORM = re.compile(r"projects/[^/\s?#%]+/locations/[^/\s?#%]+/clusters/[^/\s?#%]+")
#: In these there is an API server that answers.
_USABLE = ("RUNNING", "RECONCILING", "DEGRADED")


class GKE:
    """One cluster.

    Args:
        name: in full, `projects/P/locations/L/clusters/C`.
        rest: the Container API, with the credentials that also log in to the cluster.

    Raises:
        SettingsError: where the name has another form.
    """

    def __init__(self, name: str, rest: Rest) -> None:
        if not _FORM.fullmatch(name):
            raise SettingsError(
                f"CLUSTER_NAME must be projects/PROJECT/locations/LOCATION/clusters/CLUSTER (is "
                f"{shorten(name)!r}). LOCATION is the cluster's region or zone. For a name of your "
                "own set CLUSTER_ID"
            )
        self.name, self._rest = name, rest

    def way(self) -> Way:
        """Give the way into the cluster."""
        *_, location, _, cluster = self.name.split("/")
        hints = Hints(
            unreachable="if its endpoint is private or has authorized networks, enable its DNS "
            f"endpoint (gcloud container clusters update {cluster} --location {location} "
            "--enable-dns-access), or connect the function to its network",
            untrusted="something between, such as a proxy, answers in place of the cluster",
            refused="the cluster does not take the function's service account; its token may "
            "lack the scope cloud-platform",
            forbidden=", for the function's service account. Through the DNS endpoint it also "
            "needs the permission container.clusters.connect. A User that is a number is a service "
            "account's unique id: its token lacks the scope userinfo.email. Credentials of your "
            f"own get it by {LOG_IN}, a virtual machine by its access scopes",
        )
        return Way(self.connect, hints)

    def connect(self) -> Any:
        """Look the cluster up, and connect to it.

        Raises:
            ClusterError: where it is not there, not ready, or may not be looked up.
        """
        found = self._rest.get(
            f"/v1/{self.name}",
            Asked(
                f"looking up {self.name}",
                "container.clusters.get",
                "roles/container.clusterViewer",
                "see CLUSTER_NAME, and gcloud container clusters list; the location of a zonal "
                "cluster is its zone",
            ),
        )
        status = str(found.get("status"))
        if status not in _USABLE:
            raise ClusterError(f"{self.name} cannot be used while its status is {shorten(status)}")
        server, ca = self._endpoint(found)
        return connection_client(server, ca, self._rest.token)

    def _endpoint(self, found: dict[str, Any]) -> tuple[str, str]:
        """Choose between its endpoints: the DNS endpoint has a public certificate."""
        dns = (found.get("controlPlaneEndpointsConfig") or {}).get("dnsEndpointConfig") or {}
        if dns.get("endpoint") and dns.get("allowExternalTraffic"):
            return f"https://{dns['endpoint']}", ""
        address = found.get("endpoint")
        ca = (found.get("masterAuth") or {}).get("clusterCaCertificate")
        if not address or not ca:
            raise ClusterError(
                f"{self.name} has no endpoint that can be used: {self.way().hints.unreachable}"
            )
        return f"https://{address}", str(ca)
