"""Everything about one disk: rules, generations, each snapshot's fate, what comes next."""

from datetime import timedelta

import msgspec
import pytest
from tarsnapper.expire import expire as tarsnapper

from shared.errors import RequestError
from shared.planning.copies import is_copy_for
from shared.planning.explanation import Explanation
from shared.planning.labels import (
    AWS,
    CLAIM,
    CLUSTER,
    KEEP,
    NAMESPACE,
    RULE,
    TAKEN,
    VOLUME,
    Labels,
)
from shared.planning.next_deletion import next_deletion
from shared.request import Only
from shared.retention.deltas import parse
from tests.clock import NOON
from tests.shared.builders import DAY, HOUR, OURS, disk, hourly, rule, snapshot
from tests.shared.objects_builders import by_disk, snapshot_rule
from tests.shared.passes.test_run import World, volume

LISTS = [HOUR, DAY, 30 * DAY]
DELTAS = "PT1H P1D P30D"


def explained(world: World, **only: tuple[str, ...]) -> Explanation:
    (found,) = world.run(mode="explain", only=Only(**only)).report.explanations
    return found


def with_history(count: int = 100, world: World | None = None) -> World:
    world = world or World(1, DELTAS)
    for made in hourly(count, NOON - 2 * HOUR, disk=world.disks[0], deltas=DELTAS):
        world.cloud.snapshots[made.id] = made
    return world


def test_tells_each_snapshots_fate_as_tarsnapper_has_it() -> None:
    """Kept with its generation, or going with why."""
    world = with_history()
    found = explained(world)
    times = {s.id: s.started for s in world.cloud.snapshots.values()}
    kept = set(tarsnapper(times, list(LISTS)))
    assert kept == {s.snapshot for s in found.snapshots if s.fate == "kept"}
    assert set(times) - kept == {s.snapshot for s in found.snapshots if s.fate == "goes"}
    assert "the newest" == found.snapshots[0].why
    assert 1 == sum(s.why == "the newest" for s in found.snapshots)
    assert all(s.why for s in found.snapshots)
    assert sorted(times.values(), reverse=True) == [s.started for s in found.snapshots]


def test_tells_rules_generations_and_what_is_next() -> None:
    """As sentences and pictures, a letter for each point that a generation wants."""
    found = explained(with_history())
    (rule,) = found.rules
    assert (DELTAS, "a snapshot every hour; hourly for 1 day, daily for 30 days") == (
        rule.deltas, rule.sentence
    )  # fmt: skip
    assert ["hourly for 1 day", "daily for 30 days"] == [g.name for g in found.generations]
    assert [(24, 23, "#" * 23 + "-"), (30, 5, "." * 25 + "#" * 5)] == [
        (g.wants, g.kept, g.picture) for g in found.generations
    ]
    assert NOON - HOUR == found.next_due
    assert "the last one began 2 h ago; interval 1 h" == found.due


def test_foretells_the_next_deletion() -> None:
    """The first pass from which on a snapshot is gone is the one that was told."""
    world = with_history(30)
    world.run()
    world.complete()
    told = explained(world).next_deletion
    assert told
    while told.snapshot in world.cloud.snapshots:
        assert world.clock.now() <= told.at + HOUR
        world.clock.advance(HOUR)
        world.run()
        world.complete()
    assert abs(world.clock.now() - told.at) <= HOUR


def test_foretells_nothing_where_nothing_will_go() -> None:
    """A young disk keeps all for a day."""
    assert None is explained(World(1)).next_deletion


def test_tells_what_is_not_counted() -> None:
    """Pending and failed ones, another cluster's, the kept, the future's."""
    world = with_history(3)
    a = world.disks[0]
    odd = [
        snapshot("p", NOON - 10 * HOUR, disk=a, state="pending"),
        snapshot("f", NOON - 11 * HOUR, disk=a, state="failed"),
        snapshot("o", NOON - 12 * HOUR, disk=a, labels=OURS | {CLUSTER: "other"}),
        snapshot("k", NOON - 900 * DAY, disk=a, labels=OURS | {KEEP: "true"}),
        snapshot("n", NOON + HOUR, disk=a),
    ]
    world.cloud.snapshots |= {s.id: s for s in odd}
    found = {s.snapshot: (s.fate, s.why) for s in explained(world).snapshots}
    assert ("not counted", "it is pending; only completed ones are backups") == found["p"]
    assert ("not counted", "it is failed; only completed ones are backups") == found["f"]
    assert ("not ours", "it has another cluster's label") == found["o"]
    assert ("kept", "it has the label k8s-snapshots-keep") == found["k"]
    assert ("kept", "it is dated in the future") == found["n"]


def test_tells_what_is_held_and_why() -> None:
    """A tightened rule, and a rule with a typo."""
    world = with_history(60)
    world.cluster.items = (snapshot_rule("r", deltas="PT1H PT6H", **by_disk(world.disks[0].name)),)
    held = [s for s in explained(world).snapshots if s.fate == "held"]
    assert len(held) > 15
    assert "which this disk's snapshots name, keeps it" in held[0].why
    assert explained(world).next_deletion is None
    world.cluster.items = (snapshot_rule("r", deltas="PT1H P1X", **by_disk(world.disks[0].name)),)
    found = explained(world)
    assert any("P1X" in problem for problem in found.problems)
    assert DELTAS == found.rules[0].deltas  # the last known
    assert all(s.fate in ("held", "kept") for s in found.snapshots)


def test_tells_of_orphans_where_they_are_asked_for() -> None:
    """By the name of their disk, since no rule names it any more."""
    world = World(1)
    lost = disk("vol-0lost")
    for made in hourly(3, NOON - DAY, disk=lost, deltas=DELTAS):
        world.cloud.snapshots[made.id] = made
    found = explained(world, disks=("vol-0lost",))
    assert ((), None) == (found.rules, found.next_due)
    assert (NOON - DAY, NOON - DAY - 2 * HOUR) == (found.newest, found.oldest)
    assert "kept; with ORPHANS=expire" in found.orphaned
    assert ["." * 22 + "##", "." * 29 + "#"] == [g.picture for g in found.generations]
    assert {"kept"} == {s.fate for s in found.snapshots}
    assert "no rule covers its disk" in found.snapshots[0].why


def test_orphans_are_drawn_as_the_newest_of_them_says() -> None:
    """What only older ones bear, a list or a claim's name, is history."""
    world = World(1)
    for age, text in ((3, "PT1H P2D"), (2, "PT1H P3D"), (1, "PT1H P5D")):
        labels = OURS | {NAMESPACE: "shop", CLAIM: f"data-{age}"}
        made = snapshot(
            f"s{age}", NOON - age * HOUR, disk=disk("vol-0lost"), deltas=text, labels=labels
        )
        world.cloud.snapshots[made.id] = made
    found = explained(world, disks=("vol-0lost",))
    assert ["PT1H P5D"] == [generation.deltas for generation in found.generations]
    assert "shop/data-1" == found.claim


def test_changes_nothing() -> None:
    """Neither snapshots nor bucket, nor metrics."""
    world = with_history()
    world.run(mode="explain")
    assert [] == [call for call in world.cloud.calls if call[0] in ("create", "delete")]
    assert [] == world.bucket.puts()


def test_tells_of_a_few_disks_at_once() -> None:
    """A whole estate would be no explanation, and no answer of 6 MB."""
    assert 20 == len(World(20).run(mode="explain").report.explanations)
    with pytest.raises(RequestError, match=r"explain would show 21 disks; name up to 20"):
        World(21).run(mode="explain")


def test_a_long_history_is_cheap() -> None:
    """What goes next is looked for within bounds."""
    world = World(1)
    made = hourly(5_000, NOON - HOUR, disk=volume(0), deltas=DELTAS)
    world.cloud.snapshots |= {s.id: msgspec.structs.replace(s, deltas=DELTAS) for s in made}
    assert explained(world).snapshots
    assert timedelta(0) == world.clock.now() - NOON


def test_copies_are_told_with_the_disk_that_their_labels_name() -> None:
    """A copy's volume id means nothing: its labels say what it is of."""
    world = with_history(3)
    disk = world.disks[0]
    (create,) = world.run(mode="plan").plan.creates
    labels = create.labels
    mine = [
        snapshot("copy-1", NOON - DAY, disk=disk, labels=labels | {TAKEN: "2026-06-01T10:00Z"}),
        snapshot("copy-2", NOON - 2 * DAY, disk=disk, labels=labels),
        snapshot("copy-3", NOON - 3 * DAY, disk=disk),
    ]
    for made in mine:
        world.cloud.snapshots[made.id] = msgspec.structs.replace(made, copy=True)
    told = {s.snapshot: (s.fate, s.why) for s in explained(world).snapshots}
    assert told["copy-1"][0] == told["copy-2"][0] == "not counted"
    assert "its data is from 2026-06-01 10:00:00 UTC" in told["copy-1"][1]
    assert "the date of its data is not known" in told["copy-2"][1]
    assert "copy-3" not in told
    assert len(told) == 5


@pytest.mark.parametrize(
    ("labels", "of"),
    [
        ({NAMESPACE: "shop", CLAIM: "data"}, True),
        ({NAMESPACE: "shop", CLAIM: "other"}, False),
        ({NAMESPACE: "erp", CLAIM: "data"}, False),
        ({VOLUME: "pv-data"}, True),
        ({VOLUME: "pv-other"}, False),
        ({NAMESPACE: "shop", RULE: "shop-pvc-data"}, True),
        ({RULE: "shop-pvc-data"}, False),
        ({}, False),
    ],
)
def test_labels_say_what_a_copy_is_of(labels: dict[str, str], of: bool) -> None:
    copy = msgspec.structs.replace(snapshot("copy", NOON, labels=OURS | labels), copy=True)
    assert of == is_copy_for(copy, [rule(DELTAS)], Labels(AWS, cluster="demo"))
    assert not is_copy_for(copy, [rule(DELTAS, claim="", volume="", namespace="", name="x")],
                           Labels(AWS))  # fmt: skip


def test_archived_ones_and_reasons_of_failures_are_told() -> None:
    world = with_history(3)
    (first, *_) = world.cloud.snapshots.values()
    failed = snapshot("snap-failed", NOON - HOUR, disk=world.disks[0], state="failed")
    for made in (msgspec.structs.replace(first, tier="archive"),
                 msgspec.structs.replace(failed, message="the key is disabled")):  # fmt: skip
        world.cloud.snapshots[made.id] = made
    report = world.run(mode="explain").report
    told = {s.snapshot: s for s in report.explanations[0].snapshots}
    assert [s.snapshot for s in told.values() if s.tier] == [first.id]
    assert (told[first.id].tier, report.summary.archived) == ("archive", 1)
    # It stands in the way of the next one, and goes.
    assert "the key is disabled" in told["snap-failed"].why
    assert told["snap-failed"].fate == "goes"


def test_what_is_dated_ten_minutes_ahead_counts() -> None:
    """As it does in the plan."""
    world = World(1, DELTAS)
    for minutes in (10, 11):
        made = snapshot(f"snap-{minutes}", NOON + timedelta(minutes=minutes), disk=world.disks[0])
        world.cloud.snapshots[made.id] = made
    told = {s.snapshot: s.why for s in explained(world).snapshots}
    assert {"snap-10": "the newest", "snap-11": "it is dated in the future"} == told


def test_of_equal_times_the_greater_id_comes_first() -> None:
    """Whatever order the listing has."""
    orders = []
    for names in (("snap-1", "snap-2"), ("snap-2", "snap-1")):
        world = World(1, DELTAS)
        for name in names:
            world.cloud.snapshots[name] = snapshot(name, NOON - HOUR, disk=world.disks[0])
        orders.append([s.snapshot for s in explained(world).snapshots])
    assert [["snap-2", "snap-1"]] * 2 == orders


def test_tells_of_a_disk_whose_only_snapshot_is_pending() -> None:
    """As after the first pass."""
    world = World(1)
    world.run()
    (told,) = explained(world).snapshots
    assert "not counted" == told.fate


def test_names_each_gap_the_newest_first() -> None:
    """None is passed over."""
    world = with_history(30)
    made = sorted(world.cloud.snapshots.values(), key=lambda s: s.started)
    for number in (8, 14, 20):  # three hours apart from each other, each alone
        del world.cloud.snapshots[made[number].id]
    hourly_one = explained(world).generations[0]
    found = [gap.first for gap in hourly_one.gaps]
    assert sorted(found, reverse=True) == found
    assert 3 <= len(found)
    assert hourly_one.picture.count("-") == sum(gap.points for gap in hourly_one.gaps)


def test_foretells_by_the_rule_that_asks_most_often() -> None:
    """Of several lists the shortest interval tells when snapshots are made."""
    lists = [parse("PT1H P1D"), parse("P1D P3D")]
    history = hourly(21, NOON - HOUR, deltas="PT1H P1D / P1D P3D")
    told = next_deletion(history, lists, NOON, NOON, Labels(AWS, cluster="demo"))
    assert told
    assert NOON < told.at < NOON + 12 * HOUR


@pytest.mark.parametrize("left_out", [NAMESPACE, CLAIM])
def test_half_of_a_claims_name_is_none(left_out: str) -> None:
    """As labels may have it that somebody changed."""
    world = World(1)
    labels = OURS | {NAMESPACE: "shop", CLAIM: "data"}
    del labels[left_out]
    made = snapshot("s", NOON - HOUR, disk=disk("vol-0lost"), labels=labels)
    world.cloud.snapshots[made.id] = made
    assert "" == explained(world, disks=("vol-0lost",)).claim
