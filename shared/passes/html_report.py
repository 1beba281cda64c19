"""The page that a pass leaves beside the mirror, and that the command `html` writes."""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol
from urllib.parse import quote
from zoneinfo import ZoneInfo

from shared.bucket.storage import Storage
from shared.errors import BucketError, Conflict
from shared.model import RuleSet, Snapshot
from shared.passes.world import policy_of
from shared.planning.actions import Plan
from shared.planning.labels import Labels
from shared.planning.situation import rules_in_force
from shared.reports.schema import Report
from shared.request import Request
from shared.settings import Settings

log = logging.getLogger(__name__)

#: A page is left alone for so long.
EVERY = timedelta(hours=1)
#: Seconds that a pass must have left to begin one: it tells of thousands of disks.
TAKES = 20.0
#: The longest page that is read to tell what changed since.
LONGEST = 50_000_000


class Told(Protocol):
    """What a page is made of: the outcome of a pass, or of a plan."""

    @property
    def report(self) -> Report:
        """Give the report."""

    @property
    def plan(self) -> Plan:
        """Give the plan."""

    @property
    def ruleset(self) -> RuleSet:
        """Give the rules that were read."""

    @property
    def snapshots(self) -> Sequence[Snapshot]:
        """Give the snapshots that were listed."""


def page_of(told: Told, settings: Settings, labels: Labels, before: str = "") -> str:
    """Make the page; `before` is the one that it replaces."""
    from shared.reports.page import Facts, render

    policy = policy_of(settings, labels, Request(mode="plan"), told.plan.now)
    rules = rules_in_force(told.ruleset, told.snapshots, told.plan.now, policy)
    zone = UTC if settings.tz == "UTC" else ZoneInfo(settings.tz)
    return render(Facts(told.report, told.plan, rules, told.snapshots, labels, zone, before))


class PageWriter:
    """Writes pages into the bucket, each once an hour at most.

    It remembers when one is due, so that a process that lives on does not ask each time.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._due: dict[str, datetime] = {}

    def write(self, scopes: Sequence[str], now: datetime, make: Callable[[str], str]) -> bool:
        """Write a page where it is due; tells whether it did. What goes wrong is logged.

        Args:
            scopes: those that the page is about; none for all.
            now: the time.
            make: makes it, told the page that it replaces.
        """
        name = f"{self._storage.folder}/html/{page_name(scopes)}"
        if now < self._due.get(name, now):
            return False
        try:
            return self._write(name, now, make)
        except Conflict:
            log.debug("another pass wrote %s", name)
        except BucketError as error:
            log.error("the HTML report could not be written: %s", error)
        except Exception:
            log.exception("the HTML report could not be made")
        return False

    def _write(self, name: str, now: datetime, make: Callable[[str], str]) -> bool:
        bucket = self._storage.bucket
        stored = bucket.get(name)
        if stored and stored.age < EVERY:
            self._due[name] = now + EVERY - stored.age
            return False
        old = stored.data if stored and len(stored.data) <= LONGEST else b""
        page = make(old.decode("utf-8", "replace"))
        bucket.put(name, page.encode(), stored.version if stored else "")
        self._due[name] = now + EVERY
        return True


def page_name(scopes: Sequence[str]) -> str:
    """Name the page of some scopes; `report.html` is that of all."""
    said = "+".join(quote(scope, safe="") for scope in sorted(scopes))
    return f"report-{said}.html" if said else "report.html"
