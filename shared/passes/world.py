"""The world of one pass, and what the settings make of it."""

import time
from collections.abc import MutableMapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from shared.bucket.storage import Storage
from shared.model import Disk
from shared.passes.progress import NoProgress, Progress
from shared.planning.actions import Attempt
from shared.planning.labels import Encoding, Labels
from shared.planning.policy import Policy
from shared.ports import Clock, Provider, RulesSource
from shared.request import Request
from shared.rules.options import Options
from shared.settings import Settings
from shared.sources.cluster import Cluster

if TYPE_CHECKING:
    from shared.passes.html_report import PageWriter
    from shared.reports.cluster_writer import StatusWriter

#: Calls under way at once, over all scopes.
WORKERS = 8


class SystemClock:
    """The machine's time; implements `ports.Clock`."""

    def now(self) -> datetime:
        """Tell the time of day, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Count seconds that only go forward."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let so many seconds pass."""
        time.sleep(seconds)


class Ports(NamedTuple):
    """The world of one pass.

    `source` is where rules are read from; in `storage` is the mirror, and beside it are leases
    and reports. `scopes` are listed beside those that rules name. `status` tells the cluster, and
    `page` people who look into the bucket.
    `memory` is what the process remembers of attempts where there is no storage.
    `progress` is told how far the pass is, for people who wait.
    """

    source: RulesSource
    provider: Provider
    labels: Labels
    clock: Clock = SystemClock()
    scopes: Sequence[str] = ()
    workers: int = WORKERS
    storage: Storage | None = None
    status: "StatusWriter | None" = None
    page: "PageWriter | None" = None
    memory: MutableMapping[Disk, Attempt] | None = None
    progress: Progress = NoProgress()


def labels_of(settings: Settings, encoding: Encoding, cluster: str) -> Labels:
    """Give the labels of this installation; `cluster` names it where the settings do not."""
    return Labels(
        encoding=encoding,
        author_key=settings.snapshot_author_label_key,
        author=settings.snapshot_author_label,
        cluster=settings.cluster_id or settings.cluster_name or cluster,
        keep_key=settings.keep_label,
    )


def options_of(settings: Settings) -> Options:
    """Give what decides how objects are read."""
    return Options(
        deltas_annotation_key=settings.deltas_annotation_key,
        use_claim_name=settings.use_claim_name,
        disk_rule_namespaces=settings.disk_rule_namespaces,
        default_sources=settings.defaults,
    )


def policy_of(
    settings: Settings, labels: Labels, request: Request, now: datetime, no_deletions: str = ""
) -> Policy:
    """Give what else the plan goes by."""
    until = (now + request.keep_for).date().isoformat() if request.force else ""
    return Policy(
        labels=labels,
        period=settings.schedule_period,
        time_format=settings.snapshot_datetime_format,
        settle_after=settings.settle_after,
        orphan_grace=settings.orphan_grace if settings.orphans == "expire" else None,
        release_holds=request.release_holds,
        no_deletions=no_deletions,
        creating_only=request.mode == "backfill",
        explaining=request.mode == "explain",
        keep_until=until,
    )


def status_writer_of(settings: Settings, source: RulesSource) -> "StatusWriter | None":
    """Give what writes to the cluster that rules are read from, where WRITE_STATUS asks for it."""
    if settings.write_status and isinstance(source, Cluster):
        from shared.reports.cluster_writer import StatusWriter

        return StatusWriter(source.client)
    return None


def page_writer_of(settings: Settings, storage: Storage | None) -> "PageWriter | None":
    """Give what writes the report as a page beside the mirror, where REPORT_HTML asks for it."""
    if settings.report_html and storage:
        from shared.passes.html_report import PageWriter

        return PageWriter(storage)
    return None
