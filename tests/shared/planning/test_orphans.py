"""Snapshots that no rule covers any more, and failed ones: what becomes of them, and when."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tarsnapper.expire import expire as tarsnapper

from shared.model import Problem, RuleSet, Snapshot, Source
from shared.planning.actions import Plan
from shared.planning.expiry import FAILED_AFTER, expire_failed
from shared.planning.labels import CLUSTER, KEEP
from shared.planning.orphans import expire_orphans
from shared.planning.plan import plan
from shared.planning.policy import Policy
from shared.request import Only
from shared.retention.deltas import parse
from tests.shared.builders import DAY, HOUR, NOW, OURS, disk, hourly, rule, snapshot
from tests.shared.objects_builders import POLICY

DELTAS = "PT1H P1D P30D"
MINUTE = timedelta(minutes=1)
A = disk("vol-a")
EXPIRING = msgspec.structs.replace(POLICY, orphan_grace=30 * DAY)


def planned(
    history: Sequence[Snapshot],
    policy: Policy = EXPIRING,
    ruleset: RuleSet | None = None,
    **more: object,
) -> Plan:
    return plan(ruleset or RuleSet(), history, NOW, policy, **more)  # type: ignore[arg-type]


def gone(made: Plan) -> set[str]:
    return {delete.snapshot.id for delete in made.deletes}


def old(count: int = 30, age: timedelta = 40 * DAY, deltas: str = DELTAS) -> list[Snapshot]:
    return hourly(count, NOW - age, disk=A, deltas=deltas)


def test_orphans_are_kept_unless_asked_for() -> None:
    """ORPHANS=keep is the default: however old, none goes."""
    assert set() == gone(planned(old(), POLICY))


def test_orphans_go_by_the_deltas_that_they_bear() -> None:
    """After the grace all go that their own deltas let go; the newest stays for ever."""
    history = old()
    assert {s.id for s in history[:-1]} == gone(planned(history))
    (account,) = planned(history).orphans
    assert (30, 29, 40 * DAY) == (account.count, account.deletes, account.age)


def test_what_their_own_deltas_keep_stays() -> None:
    """Orphans within a longer generation are thinned, as if one more were made now."""
    history = hourly(5, NOW - 40 * DAY, 10 * DAY, disk=A, deltas="P10D P365D")
    assert set() == gone(planned(history))


def test_the_grace_runs_from_the_disks_newest() -> None:
    """Until then the report says how long it takes."""
    made = planned(old(age=29 * DAY))
    assert set() == gone(made)
    assert "kept; they begin to expire in 1 d" == made.orphans[0].reason


def test_the_grace_does_not_run_while_a_daemon_goes_on() -> None:
    """It takes snapshots of the same disk without a cluster's label, perhaps as a way back."""
    labels = {"created-by": "k8s-snapshots"}
    daemons = snapshot("d", NOW - DAY, disk=A, labels=labels)
    made = planned([*old(), daemons])
    assert set() == gone(made)
    assert "kept; they begin to expire in 29 d" == made.orphans[0].reason


def test_a_daemons_snapshots_count_where_orphans_go() -> None:
    """One of its snapshots stands for its time, as with any rule; itself it stays."""
    labels = {"created-by": "k8s-snapshots"}
    start = NOW - 100 * DAY
    history = hourly(7, start, 4 * DAY, disk=A, deltas="P10D P365D")
    daemons = snapshot("d", start - 13 * DAY, disk=A, labels=labels)

    def let_go(counted: Sequence[Snapshot]) -> set[str]:
        times = {s.id: s.started for s in counted} | {"next": NOW}
        return {s.id for s in history[:-1]} - set(tarsnapper(times, [10 * DAY, 365 * DAY]))

    assert let_go([*history, daemons]) == gone(planned([*history, daemons]))
    assert let_go(history) != let_go([*history, daemons])


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_newest_orphan_is_never_deleted(count: int) -> None:
    """A hundred years later it is still there."""
    history = old(count, 36_500 * DAY)
    assert {s.id for s in history[:-1]} == gone(planned(history))


def test_orphans_that_bear_no_deltas_stay() -> None:
    """Nobody knows what they were made for; nonsense counts as nothing."""
    history = old(10, deltas="") + old(10, 50 * DAY, deltas="PT1H P1X")
    assert set() == gone(planned(history))


def test_orphans_with_the_keep_label_stay() -> None:
    """Somebody said so."""
    kept = [msgspec.structs.replace(s, labels=OURS | {KEEP: "true"}) for s in old(10)]
    assert set() == gone(planned(kept))


@pytest.mark.parametrize("labels", [{"created-by": "k8s-snapshots"}, OURS | {CLUSTER: "other"}, {}])
def test_only_this_clusters_snapshots_expire_as_orphans(labels: dict[str, str]) -> None:
    """The daemon's, another cluster's and strangers' snapshots are nobody's orphans (P1)."""
    history = [msgspec.structs.replace(s, labels=labels) for s in old()]
    assert set() == gone(planned(history))


def test_pending_and_failed_ones_are_no_newest_orphan() -> None:
    """The newest completed one stays, whatever was begun after it (P2)."""
    history = old(5)
    later = NOW - 39 * DAY
    begun = [
        snapshot("pending", later, disk=A, state="pending", deltas=DELTAS),
        snapshot("failed", later + HOUR, disk=A, state="failed", deltas=DELTAS),
    ]
    found = gone(planned(history + begun))
    assert {s.id for s in history[:-1]} | {"failed"} == found


@pytest.mark.parametrize(
    "why",
    [
        {"policy": msgspec.structs.replace(EXPIRING, no_deletions="stale rules")},
        {"incomplete": {A.scope: "cut short"}},
        {"unleased": {A.scope: "the bucket is down"}},
    ],
)
def test_what_forbids_deletions_holds_orphans(why: dict[str, object]) -> None:
    """Stale rules, an incomplete listing, no lease: each suffices, and is said."""
    made = planned(old(), **why)  # type: ignore[arg-type]
    assert set() == gone(made)
    assert 29 == len(made.holds) == made.orphans[0].holds


def test_a_covered_disk_has_no_orphans() -> None:
    """As long as any rule names the disk, or a broken one did, the rules decide."""
    history = old()
    broken = Problem(
        severity="error",
        source=Source("PersistentVolumeClaim", "shop", "data"),
        field="f",
        value="",
        message="m",
        disk=A,
    )
    for ruleset in (RuleSet((rule("P1D P365D", disk=A),)), RuleSet((), (broken,))):
        assert () == planned(history, ruleset=ruleset).orphans


@pytest.mark.parametrize("only", [Only(namespaces=("shop",)), Only(disks=("vol-a",))])
def test_a_selection_of_disks_leaves_orphans_alone(only: Only) -> None:
    """They belong to whole scopes."""
    assert set() == gone(planned(old(), only=only))


@given(
    st.lists(
        st.tuples(st.integers(0, 4000), st.sampled_from([DELTAS, "P1D P7D", "P30D P365D"])),
        min_size=1,
        max_size=40,
        unique_by=lambda pair: pair[0],
    ),
    st.integers(0, 400),
)
@settings(max_examples=150, deadline=None)
def test_tarsnapper_would_let_go_of_every_orphan(found: list[tuple[int, str]], age: int) -> None:
    """Each deleted orphan is one that its own deltas drop once one more backup exists (P3)."""
    history = [
        snapshot(f"snap-{hours}", NOW - age * DAY - hours * HOUR, disk=A, deltas=deltas)
        for hours, deltas in found
    ]
    expiry = expire_orphans(sorted(history, key=lambda s: s.started), NOW, EXPIRING)
    newest = max(history, key=lambda s: s.started)
    for delete in expiry.deletes:
        backups = {s.id: s.started for s in history} | {"next": NOW}
        keep = tarsnapper(backups, list(parse(delete.snapshot.deltas).resolve(NOW)))
        assert delete.snapshot.id not in keep
        assert delete.snapshot is not newest
    assert [] == expiry.holds


class TestFailed:
    def failed(self, age: timedelta, **more: object) -> Snapshot:
        return snapshot("snap-f", NOW - age, disk=A, state="failed", **more)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("age", "deltas", "expected"),
        [
            (FAILED_AFTER - HOUR, "PT1H P1D", False),
            (FAILED_AFTER + HOUR, "PT1H P1D", True),
            (3 * DAY, "P7D P30D", False),
            (8 * DAY, "P7D P30D", True),
        ],
    )
    def test_goes_after_a_day(self, age: timedelta, deltas: str, expected: bool) -> None:
        """Not before the interval in which it slows down a disk that always fails."""
        history = [*hourly(3, NOW, disk=A), self.failed(age)]
        made = planned(history, POLICY, RuleSet((rule(deltas, disk=A),)))
        assert expected == ("snap-f" in gone(made))
        assert int(expected) == made.disks[0].removed

    def test_says_why(self) -> None:
        """The reason is not one of expiry."""
        (delete,) = expire_failed([self.failed(2 * DAY)], HOUR, NOW, POLICY)
        assert "failed 2 d ago; no backup" == delete.reason

    @pytest.mark.parametrize(
        "labels", [OURS | {CLUSTER: "other"}, OURS | {KEEP: "true"}, {"created-by": "someone"}]
    )
    def test_of_others_or_kept_ones_stays(self, labels: dict[str, str]) -> None:
        """A failed snapshot of another's is theirs to remove (P1)."""
        history = [*hourly(3, NOW, disk=A), self.failed(9 * DAY, labels=labels)]
        assert "snap-f" not in gone(planned(history, POLICY, RuleSet((rule(disk=A),))))

    def test_stays_while_nothing_may_be_deleted(self) -> None:
        """Whatever forbids deletions forbids this one too."""
        stale = msgspec.structs.replace(POLICY, no_deletions="stale rules")
        history = [*hourly(3, NOW, disk=A), self.failed(9 * DAY)]
        made = planned(history, stale, RuleSet((rule(disk=A),)))
        assert set() == gone(made)


def test_the_age_of_orphans_is_their_newests() -> None:
    """Also where it is younger than a day; one dated ahead is of now."""
    for age, expected in ((2 * HOUR, 2 * HOUR), (-MINUTE, timedelta(0))):
        (account,) = planned([snapshot("snap-1", NOW - age, disk=A, deltas=DELTAS)]).orphans
        assert expected == account.age
