"""The report as one page of HTML: it asks no network for anything, and runs only its own script.

Everything in it that comes from a cluster or a cloud is escaped by jinja2, which is imported when
the first page is made. Nothing of the kind stands in an address, a style or a script.
"""

import hashlib
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from shared.model import Disk, Problem, Rule, Snapshot
from shared.planning.actions import Hold, Plan
from shared.planning.histories import by_disk
from shared.planning.labels import Labels
from shared.planning.policy import CLOCK_SKEW
from shared.reports import page_memory
from shared.reports.health import ORDER, DiskHealth, healths
from shared.reports.page_cost import cost
from shared.reports.page_parts import changed, holds_by_cause, meanings, problems_by_owner
from shared.reports.page_rows import Claim, Known, Page, at, claim
from shared.reports.schema import Report

if TYPE_CHECKING:
    from jinja2 import Template

_TEMPLATES = Path(__file__).parent / "templates"


class Facts(NamedTuple):
    """What a page is made of.

    `rules` are those that each disk goes by; `before` is the page that this one replaces, whole,
    or empty; `program` is what commands begin with.
    """

    report: Report
    plan: Plan
    rules: Mapping[Disk, Sequence[Rule]]
    snapshots: Sequence[Snapshot]
    labels: Labels
    zone: tzinfo
    before: str = ""
    program: str = "k8s-snapshots"


def render(facts: Facts) -> str:
    """Make the page."""
    plan, zone = facts.plan, facts.zone
    found = healths(plan, facts.rules, facts.snapshots, facts.labels)
    histories = by_disk(facts.snapshots, facts.labels)
    counts = Counter(one.health for one in found)
    state = page_memory.state_of(found, plan.now)
    before = page_memory.decode(facts.before)
    return _template().render(
        csp=_policy(),
        css=_text("report.css"),
        js=_text("report.js"),
        report=facts.report,
        made=at(plan.now, zone),
        zone=str(zone),
        counts=[(health, counts[health]) for health in ORDER if counts[health]],
        claims=_claims(found, histories, facts),
        cut=[s for s in facts.report.scopes if not s.complete],
        holds=holds_by_cause(found, plan, facts.program, zone),
        owners=problems_by_owner(plan),
        orphans=[one for one in found if one.health == "orphan"],
        cost=cost(histories.get(disk, ()) for disk in _disks(plan)),
        since=before and at(before.made, zone),
        changed=changed(before, state),
        meanings=meanings(),
        state=page_memory.encode(state),
    )


def _disks(plan: Plan) -> list[Disk]:
    return [d.disk for d in plan.disks] + [o.disk for o in plan.orphans]


def _claims(
    found: Sequence[DiskHealth], histories: Mapping[Disk, Sequence[Snapshot]], facts: Facts
) -> list[Claim]:
    plan = facts.plan
    by_id = {disk.id: disk for disk in _disks(plan)}
    accounts = {account.disk: account for account in plan.disks}
    holds: dict[Disk, list[Hold]] = {}
    for hold in plan.holds:
        holds.setdefault(hold.snapshot.disk, []).append(hold)
    problems: dict[Disk, list[Problem]] = {}
    for problem in plan.problems:
        if problem.disk:
            problems.setdefault(problem.disk, []).append(problem)
    going = {delete.snapshot.id for delete in plan.deletes}
    begun = {done.disk for done in facts.report.creations}
    page = Page(plan, facts.labels, facts.zone, facts.program, begun, facts.report.mode == "plan")
    claims = []
    for one in found:
        disk = by_id.get(one.disk)
        if disk is None:  # nothing covers it, and nothing is planned for it
            claims.append(claim(one, Known(None, None, (), (), (), ()), page))
            continue
        counted = [
            s for s in histories.get(disk, ())
            if s.state == "completed" and s.id not in going and s.started <= plan.now + CLOCK_SKEW
            and facts.labels.owner(s) != "other"
        ]  # fmt: skip
        known = Known(disk, accounts.get(disk), facts.rules.get(disk, ()), counted,
                      holds.get(disk, ()), problems.get(disk, ()))  # fmt: skip
        claims.append(claim(one, known, page))
    return claims


@cache
def _template() -> "Template":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    return environment.get_template("report.html.jinja")


@cache
def _text(name: str) -> str:
    """Read a style or a script of ours; the template knows that it is no text to escape."""
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _policy() -> str:
    """Allow this page's own style and script, by what is in them, and nothing else."""
    styles, scripts = _hash(_text("report.css")), _hash(_text("report.js"))
    return (
        f"default-src 'none'; style-src {styles}; script-src {scripts}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
