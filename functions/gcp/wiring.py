"""What a pass on Google Cloud is made of: settings and ports, the same for function and CLI."""

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta

from functions.gcp.auth import Login
from functions.gcp.disks import Disks
from shared.cluster import Cluster, in_cluster_client, kubeconfig_client, kubeconfig_cluster
from shared.ports import RulesSource
from shared.reconcile import Ports, labels_of
from shared.settings import Settings, load


class GCPSettings(Settings, frozen=True, kw_only=True):
    """The settings of the Google Cloud Function."""

    gcloud_project: Annotated[
        str,
        Meta(
            description="The project of disks whose volumes name none. Default: that of the "
            "credentials, else what the metadata service says."
        ),
    ] = ""
    gcloud_json_keyfile_name: Annotated[
        str, Meta(description="Path of a service account's key.")
    ] = ""
    gcloud_json_keyfile_string: Annotated[
        str, Meta(description="Contents of a service account's key; from a secret.")
    ] = ""
    gcloud_credentials_file: Annotated[
        str, Meta(description="Path of credentials of any kind that Google's libraries know.")
    ] = ""
    google_application_credentials: Annotated[
        str,
        Meta(description="Path of credentials, or, as the daemon had it, their contents."),
    ] = ""
    google_compute_custom_endpoint: Annotated[
        str,
        Meta(
            description="Another Compute Engine: an origin, or with the version path. Towards a "
            "loopback address no credentials are used.",
            pattern=r"^(https?://\S+)?$",
        ),
    ] = ""
    projects: Annotated[
        tuple[str, ...],
        Meta(
            description="Projects to list beside those that rules name, separated by commas, so "
            "that orphans are seen there too."
        ),
    ] = ()
    storage_location: Annotated[
        str,
        Meta(
            description="Where new snapshots are stored, such as `eu` or `europe-west1`. Default: "
            "Google's choice, nearest to the disk."
        ),
    ] = ""
    guest_flush: Annotated[
        bool,
        Meta(description="Ask the guest to flush before a snapshot; fails where it cannot."),
    ] = False


def build(
    environ: Mapping[str, str], source: RulesSource | None = None
) -> tuple[GCPSettings, Ports]:
    """Make settings and ports from the environment; `source` replaces the cluster.

    Raises:
        SettingsError, ClusterError: where the environment cannot be used.
    """
    settings = load(GCPSettings, environ)
    path = settings.kube_config_file
    named = settings.cluster_id or settings.cluster_name
    cluster = kubeconfig_cluster(path) if path and not named else ""
    labels = labels_of(settings, Disks.encoding, cluster)
    login = login_of(settings)
    provider = Disks(
        labels,
        login.client,
        login.identity,
        project=settings.gcloud_project or login.found[1],
        storage_location=settings.storage_location,
        guest_flush=settings.guest_flush,
    )
    if source is None:
        source = Cluster(lambda: kubeconfig_client(path) if path else in_cluster_client())
    return settings, Ports(source, provider, labels, scopes=settings.projects)


def login_of(settings: GCPSettings) -> Login:
    """Give the credentials that the settings name."""
    return Login(
        files={
            "GCLOUD_JSON_KEYFILE_NAME": settings.gcloud_json_keyfile_name,
            "GCLOUD_CREDENTIALS_FILE": settings.gcloud_credentials_file,
            "GOOGLE_APPLICATION_CREDENTIALS": settings.google_application_credentials,
        },
        contents={"GCLOUD_JSON_KEYFILE_STRING": settings.gcloud_json_keyfile_string},
        endpoint=settings.google_compute_custom_endpoint,
    )
