"""Whole plans of typical situations, to be read: `UPDATE_GOLDEN=1 pytest` writes them anew.

Each is what a pass would do at noon on 15 June 2026, from Kubernetes objects and a listing.
"""

import json
import os
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from shared.model import RuleSet, Snapshot
from shared.planning.actions import Plan
from shared.planning.labels import DELTAS, KEEP, NAMESPACE, RULE
from shared.planning.plan import plan
from tests.shared.builders import DAY, HOUR, NOW, OURS, hourly, snapshot
from tests.shared.objects_builders import (
    DISK,
    OTHER_DISK,
    OTHER_VOL,
    POLICY,
    by_disk,
    claim,
    read,
    snapshot_rule,
    volume,
)

GOLDEN = Path(__file__).parents[2] / "golden" / "plans"
RULE_TEXT = "PT6H P2D P14D"


class Situation(NamedTuple):
    """What a pass finds."""

    rules: RuleSet
    snapshots: list[Snapshot]
    incomplete: Mapping[str, str] = {}


def lived(rules: RuleSet, since: datetime, until: datetime) -> list[Snapshot]:
    """Live through passes every six hours in which each snapshot is completed by the next."""
    snapshots: list[Snapshot] = []
    now = since
    while now <= until:
        made = plan(rules, snapshots, now, POLICY)
        deleted = {delete.snapshot.id for delete in made.deletes}
        snapshots = [s for s in snapshots if s.id not in deleted]
        snapshots += [
            Snapshot(
                id=f"snap-{create.disk.name[-4:]}-{now:%m%d-%H}",
                disk=create.disk,
                started=now,
                state="completed",
                labels=create.labels,
                deltas=create.labels[DELTAS],
            )
            for create in made.creates
        ]
        now += timedelta(hours=6)
    return snapshots


def fresh_cluster() -> Situation:
    """Without snapshots all sources begin one, what cannot be understood is told."""
    return Situation(
        read(
            volume(),
            claim(deltas="PT1H P1D P30D P360D"),
            volume("pv-etcd", OTHER_VOL, claimed_by=None, deltas="P1D P1M P1Y"),
            snapshot_rule("nightly", "ops", **by_disk(OTHER_VOL[:-1] + "1")),
            snapshot_rule("typo", "ops", **by_disk(OTHER_VOL[:-1] + "2") | {"deltas": "1h 1d"}),
            snapshot_rule("elsewhere", "ops", backend="google", disk={"name": "d", "zone": "z"}),
            claim("thief", "ops", volume="pv-data", deltas="PT1M PT5M"),
        ),
        [],
    )


def steady_state() -> Situation:
    """After a month of passes one snapshot comes, and one of the surplus goes."""
    rules = read(volume(), claim(deltas=RULE_TEXT))
    return Situation(rules, lived(rules, NOW - 30 * DAY, NOW - 6 * HOUR))


def during_an_outage() -> Situation:
    """After two weeks without passes nothing goes before a new snapshot is completed."""
    rules = read(volume(), claim(deltas=RULE_TEXT))
    return Situation(rules, lived(rules, NOW - 44 * DAY, NOW - 14 * DAY))


def after_an_outage() -> Situation:
    """With the new one completed the catch-up deletes at once what its own deltas let go."""
    rules, snapshots, _ = during_an_outage()
    newest = snapshots[-1]
    new = msgspec.structs.replace(newest, id="snap-new", started=NOW - HOUR)
    return Situation(rules, [*snapshots, new])


def tightened_rule() -> Situation:
    """Days became hours; what the old deltas would keep is held, more than five."""
    before = read(volume(), claim(deltas=RULE_TEXT))
    after = read(volume(), claim(deltas="PT6H PT14H"))
    return Situation(after, lived(before, NOW - 30 * DAY, NOW - 6 * HOUR))


def union() -> Situation:
    """Two rules cover one disk: due by the more frequent, kept by either."""
    rules = read(volume(), claim(deltas="PT6H P1D"), snapshot_rule(**by_disk(), deltas="P2D P14D"))
    return Situation(rules, lived(rules, NOW - 30 * DAY, NOW - 6 * HOUR))


def listing_incomplete() -> Situation:
    """With a listing cut short the due disk waits, and what would go is held."""
    rules, snapshots, _ = steady_state()
    return Situation(rules, snapshots[3:], {"eu-west-1": "page 2: RequestLimitExceeded"})


def mangled_rule() -> Situation:
    """With two targets in the rule its disk goes on by its snapshots' word, and loses nothing."""
    spec = {"persistentVolumeClaim": "data", "deltas": RULE_TEXT}
    before = read(volume(), claim(), snapshot_rule(**spec))
    mangled = read(volume(), claim(), snapshot_rule(**spec, persistentVolume="pv-data"))
    return Situation(mangled, lived(before, NOW - 30 * DAY, NOW - 6 * HOUR))


def everything_else() -> Situation:
    """Pending, failing, future, kept, others' and orphaned snapshots side by side."""
    labels = OURS | {RULE: "shop-pvc-data", NAMESPACE: "shop"}
    third = msgspec.structs.replace(DISK, name=DISK.name[:-1] + "3")
    failing = msgspec.structs.replace(DISK, name=DISK.name[:-1] + "4")
    return Situation(
        read(
            volume(),
            claim(deltas="PT1H P1D"),
            volume("pv-failing", failing.name, claimed_by=None, deltas="PT1H P1D"),
        ),
        [
            *hourly(5, NOW - 2 * HOUR, disk=DISK, labels=labels, deltas="PT1H P1D"),
            snapshot("snap-pending", NOW - HOUR, disk=DISK, state="pending", labels=labels),
            snapshot("snap-future", NOW + DAY, disk=DISK, labels=labels),
            snapshot("snap-keep", NOW - 90 * DAY, disk=DISK, labels=labels | {KEEP: "true"}),
            snapshot("snap-old", NOW - 80 * DAY, disk=DISK, labels=labels),
            snapshot("snap-strange", NOW - 70 * DAY, disk=DISK, labels={"created-by": "me"}),
            *(
                snapshot(f"snap-failed-{n}", NOW - n * HOUR / 12, disk=failing, state="failed")
                for n in range(1, 5)
            ),
            *hourly(3, NOW - 40 * DAY, disk=OTHER_DISK, labels=labels),
            *hourly(3, NOW - 40 * DAY, disk=third, labels={"created-by": "k8s-snapshots"}),
        ],
    )


SITUATIONS: list[Callable[[], Situation]] = [
    fresh_cluster,
    steady_state,
    during_an_outage,
    after_an_outage,
    tightened_rule,
    union,
    listing_incomplete,
    mangled_rule,
    everything_else,
]


def readable(made: Plan) -> dict[str, Any]:
    """Cut a plan to what a reader compares: one line for each snapshot and problem."""
    plain = msgspec.to_builtins(made)
    plain["deletes"] = [f"{d.snapshot.id}: {d.reason}" for d in made.deletes]
    plain["holds"] = [f"{h.snapshot.id}: {h.cause}: {h.reason}" for h in made.holds]
    plain["waits"] = [f"{w.disk.id}: {w.cause}: {w.reason}" for w in made.waits]
    plain["problems"] = [
        f"{p.severity}: {p.source}: {p.field} = {p.value!r} {p.message}" for p in made.problems
    ]
    for part in ("creates", "disks", "orphans"):
        for entry, action in zip(plain[part], getattr(made, part), strict=True):
            entry["disk"] = action.disk.id
    return {name: value for name, value in plain.items() if value}


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda s: s.__name__)
def test_plans_as_the_golden_file_says(situation: Callable[[], Situation]) -> None:
    """The plan of a typical situation is the one that somebody has read and found right."""
    found = situation()
    made = plan(found.rules, found.snapshots, NOW, POLICY, incomplete=found.incomplete)
    text = json.dumps({"situation": situation.__doc__, **readable(made)}, indent=2) + "\n"
    path = GOLDEN / f"{situation.__name__}.json"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    assert path.read_text() == text


def test_has_no_golden_file_that_nothing_reads() -> None:
    """Each file belongs to a situation."""
    assert {s.__name__ for s in SITUATIONS} == {path.stem for path in GOLDEN.iterdir()}
