"""What a pass on Google Cloud is made of: settings and ports, the same for function and CLI."""

from collections.abc import Callable, Mapping
from functools import partial

from functions.gcp import cluster as gke
from functions.gcp import secret, tags
from functions.gcp.bucket import GCS
from functions.gcp.credentials import Login, origin
from functions.gcp.lookups import Rest
from functions.gcp.resource_manager import ResourceManager
from functions.gcp.settings import GCPSettings
from functions.gcp.snapshots import Disks
from shared.access.ways import Way, find
from shared.bucket.storage import open_storage
from shared.environment import load
from shared.passes.world import Ports, labels_of, page_writer_of, status_writer_of
from shared.ports import RulesSource


def build(
    environ: Mapping[str, str], source: RulesSource | None = None
) -> tuple[GCPSettings, Ports]:
    """Make settings and ports from the environment; `source` replaces the cluster.

    Raises:
        SettingsError, ClusterError: where the environment cannot be used.
    """
    settings = load(GCPSettings, environ)
    found = open_storage(settings, {"gs": partial(_store, settings)})
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
        _manager(settings),
        project=settings.gcloud_project or login.project(),
        projects=settings.projects,
        storage_location=settings.storage_location,
        guest_flush=settings.guest_flush,
        tag=tags.parse(settings.snapshot_tag),
    )
    return settings, Ports(
        rules,
        provider,
        labels,
        scopes=settings.projects,
        storage=found,
        status=status_writer_of(settings, rules),
        page=page_writer_of(settings, found),
        memory={},
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


def _manager(settings: GCPSettings) -> ResourceManager:
    endpoint = settings.google_resource_manager_v3_custom_endpoint
    return ResourceManager(login_of(settings, endpoint), origin(endpoint))


def _store(settings: GCPSettings, bucket: str) -> GCS:
    endpoint = settings.google_storage_custom_endpoint
    return GCS(login_of(settings, endpoint), bucket, origin(endpoint))


def _secret(settings: GCPSettings, name: str) -> Callable[[], str]:
    return secret.secret(name, lambda origin: Rest(login_of(settings), origin))


def _managed(settings: GCPSettings, name: str) -> Way:
    endpoint = settings.google_container_custom_endpoint
    return gke.GKE(name, Rest(login_of(settings, endpoint), origin(endpoint) or gke.ORIGIN)).way()
