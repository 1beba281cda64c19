"""One pass: read rules, list snapshots, plan, apply, report."""

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from shared.actions import Plan
from shared.answer import answer
from shared.apply import Deadline, apply, foresee
from shared.errors import PassError
from shared.heartbeat import beat
from shared.labels import Encoding, Labels
from shared.model import RuleSet
from shared.places import disks_of, relocate, scopes_of
from shared.plan import plan
from shared.policy import Policy
from shared.ports import Clock, Listing, Provider, RulesSource
from shared.report import Report
from shared.request import Request
from shared.rules import Options, read_rules
from shared.settings import Settings

log = logging.getLogger(__name__)

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


class Ports(NamedTuple):
    """The world of one pass. `scopes` are listed beside those that rules name."""

    source: RulesSource
    provider: Provider
    labels: Labels
    clock: Clock = SystemClock()
    scopes: Sequence[str] = ()
    workers: int = WORKERS


class Outcome(NamedTuple):
    """What a pass leaves: the report for everybody, rules and plan for who asks in detail."""

    report: Report
    plan: Plan
    ruleset: RuleSet


def run(
    request: Request, settings: Settings, ports: Ports, seconds: float | None = None
) -> Outcome:
    """Run one pass.

    Args:
        request: what the invocation asks for.
        settings: what the environment configures.
        ports: the world.
        seconds: until the deadline; None is no deadline.

    Raises:
        PassError: where the pass cannot do its work; some disks failing is no such thing.
    """
    started = ports.clock.now()
    deadline = Deadline(ports.clock, seconds, ports.provider.longest_call)
    ruleset = _read(settings, ports)
    scopes = [s for s in scopes_of(ruleset, ports.scopes) if request.only.scope(s)]
    listings = _list(ports.provider, scopes)
    planned = plan(
        ruleset,
        [snapshot for listing in listings for snapshot in listing.snapshots],
        ports.clock.now(),
        policy_of(settings, ports.labels, request),
        incomplete={x.scope: x.error or "cut short" for x in listings if not x.complete},
        only=request.only,
    )
    log.info(
        "planned %d creations, %d deletions, %d held",
        len(planned.creates), len(planned.deletes), len(planned.holds),
    )  # fmt: skip
    applied = (
        foresee(planned)
        if request.mode == "plan"
        else apply(planned, ports.provider, deadline, ports.workers)
    )
    report = answer(
        mode=request.mode,
        provider=ports.provider.name,
        cluster=ports.labels.cluster,
        read_from=ruleset.read_from,
        started=started,
        finished=ports.clock.now(),
        listings=listings,
        plan=planned,
        applied=applied,
    )
    if request.only.whole_scopes():
        beat(settings.heartbeat_url, report)
    return Outcome(report, planned, ruleset)


def labels_of(settings: Settings, encoding: Encoding, cluster: str) -> Labels:
    """Give the labels of this installation; `cluster` names it where the settings do not."""
    return Labels(
        encoding=encoding,
        author_key=settings.snapshot_author_label_key,
        author=settings.snapshot_author_label,
        cluster=settings.cluster_id or settings.cluster_name or cluster,
        keep_key=settings.keep_label,
    )


def policy_of(settings: Settings, labels: Labels, request: Request) -> Policy:
    """Give what else the plan goes by."""
    return Policy(
        labels=labels,
        period=settings.schedule_period,
        time_format=settings.snapshot_datetime_format,
        allow_mass_expiry=request.allow_mass_expiry,
    )


def _read(settings: Settings, ports: Ports) -> RuleSet:
    options = Options(
        deltas_annotation_key=settings.deltas_annotation_key,
        use_claim_name=settings.use_claim_name,
        disk_rule_namespaces=settings.disk_rule_namespaces,
    )
    ruleset = read_rules(ports.source.read(), ports.provider.volumes, options)
    ruleset = relocate(ruleset, ports.provider.locate(disks_of(ruleset)))
    log.info(
        "rules from %s: %d, with %d problems",
        ruleset.read_from,
        len(ruleset.rules),
        len(ruleset.problems),
    )  # fmt: skip
    return ruleset


def _list(provider: Provider, scopes: Sequence[str]) -> list[Listing]:
    """List each scope; raise where there is nothing to go by in any of them."""
    if not scopes:
        return []
    listings = provider.list(scopes)
    missing = sorted(set(scopes) - {listing.scope for listing in listings})
    listings += [Listing(scope, (), False, "was not listed") for scope in missing]
    for listing in listings:
        log.info("listed %d snapshots in %s", len(listing.snapshots), listing.scope)
        if not listing.complete:
            log.error("the listing of %s is incomplete: %s", listing.scope, listing.error)
    if not any(listing.complete or listing.snapshots for listing in listings):
        errors = "; ".join(f"{listing.scope}: {listing.error}" for listing in listings[:3])
        raise PassError(f"no snapshots could be listed: {errors}")
    return listings
