"""What configures the Google Cloud Function, beside what configures both clouds."""

from typing import Annotated

from msgspec import Meta

from shared.settings import Settings


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
    google_resource_manager_v3_custom_endpoint: Annotated[
        str,
        Meta(
            description="Another Resource Manager, which shows `check` which permissions there "
            "are, and binds tags for `adopt`. Towards a loopback address no credentials are used.",
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
    snapshot_tag: Annotated[
        str,
        Meta(
            description="A tag for new snapshots, `tagKeys/KEY=tagValues/VALUE`, on which the "
            "grant to delete snapshots then depends; older snapshots get it by `adopt --apply`. "
            "Default: none.",
            pattern=r"^(tagKeys/\d+=tagValues/\d+)?$",
            examples=["tagKeys/123456789012=tagValues/567890123456"],
        ),
    ] = ""
    guest_flush: Annotated[
        bool,
        Meta(description="Ask the guest to flush before a snapshot; fails where it cannot."),
    ] = False
