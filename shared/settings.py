"""What the environment configures: typed, and refused at start where it is wrong."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec
from isodate import duration_isoformat, parse_duration
from msgspec import Meta

from shared.errors import SettingsError
from shared.kinds import DEFAULTS, POLICY_ANNOTATION, WINDOW
from shared.planning.labels import KEEP, NAME, OWN
from shared.text import shorten


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of every cloud; each variable is the field's name in capitals.

    The descriptions are the reference: docs/settings.md has them as a table. Each cloud adds
    its own by subclassing.
    """

    cluster_name: Annotated[
        str,
        Meta(
            description="The cluster whose rules are read, as its cloud knows it: on AWS the name "
            "of an EKS cluster in `AWS_REGION`, on Google Cloud "
            "`projects/P/locations/L/clusters/C`. With a kubeconfig it is only a name."
        ),
    ] = ""
    cluster_id: Annotated[
        str,
        Meta(
            description="Label that marks this cluster's snapshots, where several clusters share "
            "an account. Default: `CLUSTER_NAME`, else the kubeconfig's cluster name."
        ),
    ] = ""
    kube_config_file: Annotated[
        str,
        Meta(
            description="Path of a kubeconfig. Default: `KUBE_CONFIG_SECRET`, else the cluster "
            "that `CLUSTER_NAME` names, else the service account of the pod."
        ),
    ] = ""
    kube_config_secret: Annotated[
        str,
        Meta(
            description="A secret that holds a kubeconfig, for clusters that are neither EKS nor "
            "GKE. On AWS: its ARN or name in Secrets Manager. On Google Cloud: "
            "`projects/P/secrets/S`, or `projects/P/locations/L/secrets/S` of a regional one, "
            "perhaps with `/versions/V`.",
            pattern=r"^[-\w/+=.@:]*$",
            max_length=600,
        ),
    ] = ""
    use_claim_name: Annotated[
        bool,
        Meta(description="Name snapshots after the claim instead of the volume or rule."),
    ] = False
    deltas_annotation_key: Annotated[
        str,
        Meta(description="The annotation that holds deltas.", min_length=1),
    ] = "backup.kubernetes.io/deltas"
    snapshot_author_label: Annotated[
        str,
        Meta(description="Value of the label that marks our snapshots.", min_length=1),
    ] = "k8s-snapshots"
    snapshot_author_label_key: Annotated[
        str,
        Meta(
            description="Key of the label that marks our snapshots: up to 63 characters, "
            "lowercase letters, digits, `-`, `_`.",
            pattern=r"^[a-z][-_a-z0-9]{0,62}$",
        ),
    ] = "created-by"
    keep_label: Annotated[
        str,
        Meta(
            description="Key of the label that forbids to delete a snapshot: `true`, or a date "
            "until which it is kept, such as `2027-01-31`.",
            pattern=r"^[a-z][-_a-z0-9]{0,62}$",
        ),
    ] = KEEP
    snapshot_datetime_format: Annotated[
        str,
        Meta(description="strftime format of the time in a snapshot's name, UTC.", min_length=1),
    ] = "%d%m%y-%H%M%S"
    schedule_period: Annotated[
        timedelta,
        Meta(
            description="How often the scheduler fires the function, an ISO 8601 duration. "
            "Decides how much early a snapshot may be."
        ),
    ] = timedelta(minutes=5)
    disk_rule_namespaces: Annotated[
        tuple[str, ...],
        Meta(
            description="Namespaces whose SnapshotRules may use `spec.disk` and "
            "`spec.persistentVolume`, separated by commas. Default: all."
        ),
    ] = ()
    default_sources: Annotated[
        tuple[str, ...],
        Meta(
            description="Where deltas come from for volumes that no annotation of their own and no "
            "SnapshotRule names, separated by commas: `namespaces`, `storageclasses`, `policies`; "
            "`none` for nowhere. Each is a kind of object that has to be listed."
        ),
    ] = tuple(DEFAULTS)
    rules_from: Annotated[
        Literal["cluster", "mirror"],
        Meta(
            description="`cluster`: rules are read from its API, and from the mirror while that "
            "cannot be reached. `mirror`: from there only, for clusters that the function cannot "
            "reach; a CronJob in `manifests/` publishes it."
        ),
    ] = "cluster"
    mirror_url: Annotated[
        str,
        Meta(
            description="The mirror of the rules: `s3://bucket/name.json` on AWS, "
            "`gs://bucket/name.json` on Google Cloud, or `file:///path/name.json`; compressed "
            "where the name ends in `.gz`. The lease, what was begun, and full reports lie beside "
            "it. Without it snapshots stop while the cluster cannot be reached.",
            pattern=r"^((s3|gs)://[^/\s]+/|file:///)[^\s]*[^/\s]$|^$",
        ),
    ] = ""
    mirror_max_age: Annotated[
        timedelta,
        Meta(
            description="A mirror older than this deletes nothing where it is the only source of "
            "rules. A mirror that is written by the function is renewed every quarter of it."
        ),
    ] = timedelta(days=1)
    pass_deadline: Annotated[
        timedelta,
        Meta(
            description="How long a pass may take on Google Cloud and on the command line; what "
            "cannot end in time is left to the next. A Lambda uses its own time-out."
        ),
    ] = timedelta(minutes=8)
    settle_after: Annotated[
        timedelta,
        Meta(
            description="For how long a disk's rules must have been unchanged before snapshots are "
            "deleted that a former, mistyped or vanished rule kept, or that name no rule. At "
            "least `P1D`."
        ),
    ] = timedelta(days=14)
    orphans: Annotated[
        Literal["keep", "expire"],
        Meta(
            description="What becomes of snapshots of this cluster whose disk no rule covers any "
            "more. `expire`: they expire, each by its own deltas; the newest never does."
        ),
    ] = "keep"
    orphan_grace: Annotated[
        timedelta,
        Meta(
            description="How long after its newest snapshot a disk's orphans begin to expire, "
            "where `ORPHANS=expire`."
        ),
    ] = timedelta(days=30)
    write_status: Annotated[
        bool,
        Meta(
            description="Write the status of SnapshotRules, and Events on claims and volumes whose "
            "annotation has a problem. Needs `manifests/rbac-status.yaml`."
        ),
    ] = False
    report_html: Annotated[
        bool,
        Meta(
            description="Write the report as a page of HTML beside the mirror, once an hour at "
            "most. It shows all tenants. Needs `MIRROR_URL`."
        ),
    ] = False
    ping_url: Annotated[
        str,
        Meta(
            description="Gets a GET at the end of a pass that saw snapshots completed which an "
            "earlier pass began. Needs `MIRROR_URL`.",
            pattern=r"^(https?://\S+)?$",
        ),
    ] = ""
    disk_metrics: Annotated[
        bool,
        Meta(
            description="Measure each disk too: `SnapshotAge`, with the dimension `disk`. Costs a "
            "metric for each."
        ),
    ] = False
    heartbeat_url: Annotated[
        str,
        Meta(
            description="Gets a GET at the end of a pass that did its work and found nothing "
            "overdue, for a dead man's switch.",
            pattern=r"^(https?://\S+)?$",
        ),
    ] = ""
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"],
        Meta(description="`DEBUG`, `INFO`, `WARNING` or `ERROR`."),
    ] = "INFO"
    json_log: Annotated[
        bool,
        Meta(description="Log JSON on the command line too; the functions always do."),
    ] = False
    tz: Annotated[
        str,
        Meta(description="Time zone of what the command line prints, such as `America/Montreal`."),
    ] = "UTC"

    @property
    def annotation_keys(self) -> tuple[str, ...]:
        """The keys of the annotations that are read."""
        return self.deltas_annotation_key, POLICY_ANNOTATION, WINDOW

    @property
    def defaults(self) -> tuple[str, ...]:
        """The levels beside each volume's own objects that deltas come from."""
        return () if self.default_sources == ("none",) else self.default_sources

    def checked(self) -> None:
        """Refuse what no single type can: raise SettingsError."""
        if self.kube_config_file and self.kube_config_secret:
            raise SettingsError(
                "KUBE_CONFIG_FILE and KUBE_CONFIG_SECRET are both set, and may name two "
                "clusters. Unset one of them"
            )
        if self.rules_from == "mirror" and not self.mirror_url:
            raise SettingsError(
                "RULES_FROM=mirror needs MIRROR_URL, where the mirror is: "
                "s3://bucket/name.json, gs://bucket/name.json or file:///path/name.json"
            )
        if self.ping_url and not self.mirror_url:
            raise SettingsError(
                "PING_URL needs MIRROR_URL: what was begun is stored beside the mirror. "
                "HEARTBEAT_URL works without it"
            )
        if self.report_html and not self.mirror_url:
            raise SettingsError(
                "REPORT_HTML needs MIRROR_URL: the page is written beside the mirror"
            )
        for name in self.defaults:
            if name not in DEFAULTS:
                raise wrong("DEFAULT_SOURCES", name, f"{', '.join(DEFAULTS)} or none")
        if self.deltas_annotation_key in (POLICY_ANNOTATION, WINDOW):
            raise wrong("DELTAS_ANNOTATION_KEY", self.deltas_annotation_key, "another key: "
                        "this one has a meaning of its own")  # fmt: skip
        self._check_keys()
        self._check_spans()
        self._check_zone()
        self._check_time_format()

    def _check_keys(self) -> None:
        """Refuse label keys that are one another's, or have a meaning of their own."""
        author, keep = self.snapshot_author_label_key, self.keep_label
        for name, key in (("SNAPSHOT_AUTHOR_LABEL_KEY", author), ("KEEP_LABEL", keep)):
            if key in OWN or key == NAME or (key == KEEP and name != "KEEP_LABEL"):
                raise wrong(name, key, "a key that no other label of this program has")
        if author == keep:
            raise wrong("KEEP_LABEL", keep, "another key than SNAPSHOT_AUTHOR_LABEL_KEY")

    def _check_spans(self) -> None:
        for name, (shortest, longest) in _SPANS.items():
            span = getattr(self, name.lower())
            least, most = parse_duration(shortest), parse_duration(longest)
            if not least <= span <= most:
                would_do = f"from {shortest} to {longest}"
                raise wrong(name, duration_isoformat(span), would_do)

    def _check_zone(self) -> None:
        try:
            # A system without time zones still knows UTC, which functions run in.
            if self.tz != "UTC":
                ZoneInfo(self.tz)
        except (KeyError, ValueError, OSError, RecursionError) as error:
            raise wrong("TZ", self.tz, "a name such as Europe/Berlin") from error

    def _check_time_format(self) -> None:
        """Names that repeat would be refused by Google, and tell nothing on AWS."""
        sample = datetime(2026, 12, 31, 23, 58, 59, tzinfo=UTC)
        spans = (timedelta(0), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1))
        try:
            times = {(sample + span).strftime(self.snapshot_datetime_format) for span in spans}
        except ValueError:
            times = set()
        if len(times) < len(spans) or any(len(time) > 32 for time in times):
            raise wrong(
                "SNAPSHOT_DATETIME_FORMAT",
                self.snapshot_datetime_format,
                "a strftime format of up to 32 characters, to the minute at least, such as "
                "%d%m%y-%H%M%S",
            )


def wrong(name: str, value: object, would_do: str) -> SettingsError:
    """Say that a variable's value cannot be used, and what would do; secrets are not shown."""
    secret = name.endswith(("_URL", "_SECRET"))
    shown = "its value is not shown" if secret else f"is {shorten(value, 60)!r}"
    return SettingsError(f"{name} must be {would_do} ({shown})")


#: The least and the most of each duration.
_SPANS = {
    "SCHEDULE_PERIOD": ("PT1M", "P31D"),
    "MIRROR_MAX_AGE": ("PT10M", "P31D"),
    "PASS_DEADLINE": ("PT1M", "PT55M"),
    "SETTLE_AFTER": ("P1D", "P3650D"),
    "ORPHAN_GRACE": ("PT0S", "P3650D"),
}
