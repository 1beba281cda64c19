"""What the environment configures: read once, typed, refused at start where it is wrong."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo

import msgspec
from isodate import duration_isoformat, parse_duration
from msgspec import Meta

from shared.errors import SettingsError
from shared.planning.labels import KEEP
from shared.text import shorten

S = TypeVar("S", bound="Settings")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of every cloud; each variable is the field's name in capitals.

    The descriptions are the reference: the table in the README is made from them. Each cloud adds
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
            description="Label that tells this cluster's snapshots from another's in the same "
            "account. Default: `CLUSTER_NAME`, else the kubeconfig's cluster name."
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
            "GKE: on AWS the ARN or name of one in Secrets Manager, on Google Cloud "
            "`projects/P/secrets/S`, perhaps with `/versions/V`, in Secret Manager.",
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
            "cannot end in time is left to the next. A Lambda goes by its own time-out."
        ),
    ] = timedelta(minutes=8)
    max_expire: Annotated[
        int,
        Meta(
            description="How many snapshots that the deltas they were made under would still keep "
            "a pass deletes of one disk; more are held, since a rule may have been mistyped.",
            ge=0,
            le=10_000,
        ),
    ] = 5
    orphans: Annotated[
        Literal["keep", "expire"],
        Meta(
            description="What becomes of snapshots of this cluster whose disk no rule covers any "
            "more. `expire`: they go by the deltas that they bear, the newest never."
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

    def checked(self) -> None:
        """Refuse what no single type can: raise SettingsError."""
        if self.kube_config_file and self.kube_config_secret:
            raise SettingsError(
                "KUBE_CONFIG_FILE and KUBE_CONFIG_SECRET are both set, and name perhaps two "
                "clusters: unset one of them"
            )
        if self.rules_from == "mirror" and not self.mirror_url:
            raise SettingsError(
                "RULES_FROM=mirror needs MIRROR_URL, where the mirror lies: "
                "s3://bucket/name.json, gs://bucket/name.json or file:///path/name.json would do"
            )
        if self.ping_url and not self.mirror_url:
            raise SettingsError(
                "PING_URL needs MIRROR_URL: beside the mirror is remembered what was begun. "
                "HEARTBEAT_URL works without"
            )
        for name, (shortest, longest) in _SPANS.items():
            span = getattr(self, name.lower())
            least, most = parse_duration(shortest), parse_duration(longest)
            if not least <= span <= most:
                would_do = f"{shortest} to {longest} would do"
                raise _wrong(name, duration_isoformat(span), would_do)
        try:
            # A system without time zones still knows UTC, which functions run in.
            if self.tz != "UTC":
                ZoneInfo(self.tz)
        except (KeyError, ValueError, OSError, RecursionError) as error:
            raise _wrong("TZ", self.tz, "a name such as Europe/Berlin would do") from error
        sample = datetime(2026, 12, 31, 23, 58, 59, tzinfo=UTC)
        spans = (timedelta(0), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1))
        try:
            times = {(sample + span).strftime(self.snapshot_datetime_format) for span in spans}
        except ValueError:
            times = set()
        # Names that repeat would be refused by Google, and tell nothing on AWS.
        if len(times) < len(spans) or any(len(time) > 32 for time in times):
            raise _wrong(
                "SNAPSHOT_DATETIME_FORMAT",
                self.snapshot_datetime_format,
                "a strftime format of up to 32 characters, to the minute at least, such as "
                "%d%m%y-%H%M%S would do",
            )


def load(kind: type[S], environ: Mapping[str, str]) -> S:
    """Read settings from the environment; empty variables count as unset.

    Raises:
        SettingsError: with the variable's name, its value and what would do.
    """
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        name = field.name.upper()
        text = environ.get(name, "").strip()
        if name == "TZ" and text.startswith(":"):
            text = ""  # Lambda's own, `:UTC` or `:/etc/localtime`
        if text:
            values[field.name] = _convert(name, text, field.type)
    settings = kind(**values)
    settings.checked()
    return settings


def describe(kind: type[Settings]) -> list[tuple[str, str, str]]:
    """List variable, default and description of each setting, for the documents."""
    hints = get_type_hints(kind, include_extras=True)
    rows = []
    for field in msgspec.structs.fields(kind):
        meta = next(m for m in get_args(hints[field.name]) if isinstance(m, Meta))
        default = field.default
        if isinstance(default, bool):
            default = str(default).lower()
        elif isinstance(default, timedelta):
            default = duration_isoformat(default)
        rows.append((field.name.upper(), str(default or ""), meta.description or ""))
    return rows


def _convert(name: str, text: str, kind: Any) -> Any:
    bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    raw: Any = text
    if get_origin(bare) is tuple:
        raw = [word.strip() for word in text.split(",") if word.strip()]
    elif get_origin(bare) is Literal:
        raw = next((word for word in get_args(bare) if word.lower() == text.lower()), text)
    try:
        return msgspec.convert(raw, kind, strict=False)
    except UnicodeError:
        raise _wrong(name, text, "text in UTF-8 would do") from None
    except msgspec.ValidationError as error:
        would_do = _WOULD_DO.get(name) or _WOULD_DO.get(bare) or _example(kind) or str(error)
        raise _wrong(name, text, would_do) from None


def _example(kind: Any) -> str:
    """Give what a field, or an entry of a list, would take: its first example."""
    found = [m.examples[0] for m in get_args(kind) if isinstance(m, Meta) and m.examples]
    return f"one such as {found[0]} would do" if found else ""


def _wrong(name: str, value: object, would_do: str) -> SettingsError:
    shown = "(not shown)" if name.endswith(("_URL", "_SECRET")) else repr(shorten(value, 60))
    return SettingsError(f"{name}={shown} cannot be used: {would_do}")


#: The least and the most of each duration.
_SPANS = {
    "SCHEDULE_PERIOD": ("PT1M", "P31D"),
    "MIRROR_MAX_AGE": ("PT10M", "P31D"),
    "PASS_DEADLINE": ("PT1M", "PT55M"),
    "ORPHAN_GRACE": ("PT0S", "P3650D"),
}
_KEY = "a letter, then up to 62 lowercase letters, digits, - and _ would do"
_WOULD_DO: dict[Any, str] = {
    "HEARTBEAT_URL": "a URL such as https://example.com/ping would do",
    "PING_URL": "a URL such as https://example.com/ping would do",
    "MIRROR_URL": "s3://bucket/name.json, gs://bucket/name.json or file:///path/name.json would do",
    "MAX_EXPIRE": "a number from 0 to 10000 would do",
    "RULES_FROM": "cluster or mirror would do",
    "ORPHANS": "keep or expire would do",
    "KEEP_LABEL": _KEY,
    "KUBE_CONFIG_SECRET": "the name of a secret that holds a kubeconfig would do, not what it "
    "holds",
    "SNAPSHOT_AUTHOR_LABEL_KEY": _KEY,
    bool: "true or false would do",
    timedelta: "an ISO 8601 duration such as PT5M would do",
    Literal["DEBUG", "INFO", "WARNING", "ERROR"]: "DEBUG, INFO, WARNING or ERROR would do",
}
