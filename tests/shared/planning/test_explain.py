"""Everything about one disk: rules, generations, each snapshot's fate, what comes next."""

from datetime import timedelta

import msgspec
import pytest
from tarsnapper.expire import expire as tarsnapper

from shared.errors import RequestError
from shared.planning.explanation import Explanation
from shared.planning.labels import CLUSTER, KEEP
from shared.request import Only
from tests.clock import NOON
from tests.shared.builders import DAY, HOUR, OURS, disk, hourly, snapshot
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
    """As sentences and pictures; each generation as wide, its snapshots in their places."""
    found = explained(with_history())
    (rule,) = found.rules
    assert (DELTAS, "a snapshot every hour; hourly for 1 day, daily for 30 days") == (
        rule.deltas, rule.sentence
    )  # fmt: skip
    assert ["hourly for 1 day", "daily for 30 days"] == [g.name for g in found.generations]
    assert {48} == {len(g.picture) for g in found.generations}
    assert 20 < found.generations[0].picture.count("●") <= found.generations[0].kept
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
    assert ("not ours", "it bears another cluster's label") == found["o"]
    assert ("kept", "it bears the label k8s-snapshots-keep") == found["k"]
    assert ("kept", "it is dated in the future") == found["n"]


def test_tells_what_is_held_and_why() -> None:
    """A tightened rule, and a rule with a typo."""
    world = with_history(60)
    world.cluster.items = (snapshot_rule("r", deltas="PT1H PT6H", **by_disk(world.disks[0].name)),)
    held = [s for s in explained(world).snapshots if s.fate == "held"]
    assert len(held) > 15
    assert "which this disk's snapshots name, keeps it" in held[0].why
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
    assert {"kept"} == {s.fate for s in found.snapshots}
    assert "no rule covers its disk" in found.snapshots[0].why


def test_changes_nothing() -> None:
    """Neither snapshots nor bucket, nor metrics."""
    world = with_history()
    world.run(mode="explain")
    assert [] == [call for call in world.cloud.calls if call[0] in ("create", "delete")]
    assert [] == world.bucket.puts()


def test_tells_of_a_few_disks_at_once() -> None:
    """A whole estate would be no explanation, and no answer of 6 MB."""
    assert 20 == len(World(20).run(mode="explain").report.explanations)
    with pytest.raises(RequestError, match=r"explain would tell of 21 disks; name up to 20"):
        World(21).run(mode="explain")


def test_a_long_history_is_cheap() -> None:
    """What goes next is looked for within bounds."""
    world = World(1)
    made = hourly(5_000, NOON - HOUR, disk=volume(0), deltas=DELTAS)
    world.cloud.snapshots |= {s.id: msgspec.structs.replace(s, deltas=DELTAS) for s in made}
    assert explained(world).snapshots
    assert timedelta(0) == world.clock.now() - NOON


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
