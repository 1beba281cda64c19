"""What a pass on Google Cloud is made of: settings and ports, the same for function and CLI."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated

from msgspec import Meta

from functions.gcp import cluster as gke
from functions.gcp import secret
from functions.gcp.bucket import GCS
from functions.gcp.credentials import Login, origin
from functions.gcp.lookups import Rest
from functions.gcp.snapshots import Disks
from shared.access.ways import Way, find
from shared.bucket.storage import shelf
from shared.passes.run import Ports, labels_of
from shared.ports import RulesSource
from shared.reports.cluster_writer import status_writer
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
    google_container_custom_endpoint: Annotated[
        str,
        Meta(
            description="Another Kubernetes Engine, which knows the cluster that `CLUSTER_NAME` "
            "names: an origin, or with the version path. Towards a loopback address no "
            "credentials are used, nor towards the clusters that it names.",
            pattern=r"^(https?://\S+)?$",
        ),
    ] = ""
    google_storage_custom_endpoint: Annotated[
        str,
        Meta(
            description="Another Cloud Storage, which has the bucket that `MIRROR_URL` names. "
            "Towards a loopback address no credentials are used.",
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
    found = shelf(settings, {"gs": partial(_store, settings)})
    mirror = found.mirror if found else None
    rules, cluster = find(
        settings, source, mirror, partial(_secret, settings), partial(_managed, settings)
    )
    labels = labels_of(settings, Disks.encoding, cluster)
    login = login_of(settings, settings.google_compute_custom_endpoint)
    provider = Disks(
        labels,
        login.client,
        login.identity,
        project=settings.gcloud_project or login.project(),
        storage_location=settings.storage_location,
        guest_flush=settings.guest_flush,
    )
    return settings, Ports(
        rules,
        provider,
        labels,
        scopes=settings.projects,
        shelf=found,
        status=status_writer(settings, rules),
    )


def login_of(settings: GCPSettings, endpoint: str = "") -> Login:
    """Give the credentials that the settings name, for Google or another endpoint."""
    return Login(
        files={
            "GCLOUD_JSON_KEYFILE_NAME": settings.gcloud_json_keyfile_name,
            "GCLOUD_CREDENTIALS_FILE": settings.gcloud_credentials_file,
            "GOOGLE_APPLICATION_CREDENTIALS": settings.google_application_credentials,
        },
        contents={"GCLOUD_JSON_KEYFILE_STRING": settings.gcloud_json_keyfile_string},
        endpoint=endpoint,
    )


def _store(settings: GCPSettings, bucket: str) -> GCS:
    endpoint = settings.google_storage_custom_endpoint
    return GCS(login_of(settings, endpoint), bucket, origin(endpoint))


def _secret(settings: GCPSettings, name: str) -> Callable[[], str]:
    return secret.secret(name, Rest(login_of(settings), secret.ORIGIN))


def _managed(settings: GCPSettings, name: str) -> Way:
    endpoint = settings.google_container_custom_endpoint
    return gke.GKE(name, Rest(login_of(settings, endpoint), origin(endpoint) or gke.ORIGIN)).way()
