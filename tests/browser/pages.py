"""Pages for a browser: claims of every health, with full histories, and hostile names."""

from datetime import UTC, timedelta
from pathlib import Path

import msgspec

from shared.model import Disk, Problem, Rule, RuleSet, Snapshot, Source
from shared.planning.forecast import filled
from shared.planning.plan import plan
from shared.reports.page import Facts, render
from shared.reports.schema import Report, Summary
from shared.retention.deltas import parse
from tests.shared.builders import HOUR, NOW, OURS, disk, rule
from tests.shared.objects_builders import POLICY

DELTAS = "PT1H P1D P30D P360D"
SHORTER = "PT1H P1D P7D"
HOSTILE = '<img src=x onerror=alert(1)>"onmouseover="alert(1)'


def write_page(path: Path, count: int) -> Path:
    """Write the page of so many claims."""
    path.write_text(made(count), "utf-8")
    return path


def made(count: int) -> str:
    """Make a page; of 20 claims one is late, one has gaps, one holds deletions, one has none."""
    points = [s.started for s in filled(parse(DELTAS), NOW)]
    rules: list[Rule] = []
    snapshots: list[Snapshot] = []
    problems: list[Problem] = []
    for number in range(count):
        kind, mine = number % 20, disk(f"vol-{number:017x}")
        name = HOSTILE if number == 6 else f"data-{number}"
        rules.append(rule(SHORTER if kind == 3 else DELTAS, disk=mine, claim=name,
                          namespace=f"team-{number % 7}", volume=f"pvc-{number:08x}"))  # fmt: skip
        if kind:
            snapshots += _history(mine, points, kind)
        if kind == 4:
            source = Source("PersistentVolumeClaim", f"team-{number % 7}", name)
            problems.append(Problem(severity="error", source=source, field="annotation",
                                    value=HOSTILE, message="is no list", disk=mine))  # fmt: skip
    snapshots += _history(disk("vol-lost"), points, 5)
    planned = plan(RuleSet(tuple(rules), tuple(problems)), snapshots, NOW, POLICY)
    facts = Facts(
        _report(), planned, {one.disk: [one] for one in rules}, snapshots, POLICY.labels, UTC
    )
    return render(facts._replace(before=render(facts._replace(snapshots=snapshots[:500]))))


def _history(mine: Disk, points: list, kind: int) -> list[Snapshot]:  # type: ignore[type-arg]
    late = timedelta(hours=5 if kind == 1 else 0)
    found = [
        Snapshot(id=f"snap-{mine.name}-{n:03}", disk=mine, started=time - late, size=100,
                 state="completed", labels=dict(OURS), deltas=DELTAS)
        for n, time in enumerate(points)
        if not (kind == 2 and (n % 11 == 5 or 3 * HOUR <= NOW - time <= 4 * HOUR))
    ]  # fmt: skip
    pending = msgspec.structs.replace(found[-1], id=f"snap-{mine.name}-new", state="pending")
    return [*found[:-1], pending] if kind == 7 else found


def _report() -> Report:
    return Report(
        pass_id="1", version="x", mode="plan", provider="aws", cluster="demo",
        outcome="completed", rules_from="cluster", started=NOW, finished=NOW, summary=Summary(),
    )  # fmt: skip
