"""What of one disk's history goes, and every guard that keeps it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tarsnapper.expire import expire as tarsnapper

from shared.model import Snapshot, State
from shared.planning.actions import HoldCause
from shared.planning.expiry import Expiry, expire
from shared.planning.labels import CLUSTER, KEEP, read_deltas
from shared.planning.policy import CLOCK_SKEW, Policy
from shared.retention.deltas import Deltas, parse
from shared.retention.kernel import CONFIRM_LIMIT, retain
from tests.shared.builders import DAY, HOUR, NOW, OURS, hourly, snapshot
from tests.shared.objects_builders import POLICY

MINUTE = timedelta(minutes=1)
RULE = "PT1H P1D P30D"
OTHERS = OURS | {CLUSTER: "another"}
RELEASING = Policy(labels=POLICY.labels, release_holds=True)
BOTH = ("PT1H P1D", "PT6H P30D")
DAEMONS = {"created-by": "k8s-snapshots"}


def decide(
    history: Iterable[Snapshot],
    *rules: str,
    policy: Policy = POLICY,
    blocked: tuple[HoldCause, str] | None = None,
) -> Expiry:
    lists = [parse(text) for text in rules or (RULE,)]
    return expire(history, lists, NOW, policy, blocked)


def gone(expiry: Expiry) -> list[str]:
    return [delete.snapshot.id for delete in expiry.deletes]


def held(expiry: Expiry) -> list[str]:
    return [hold.snapshot.id for hold in expiry.holds]


def ids(history: Iterable[Snapshot]) -> list[str]:
    return [s.id for s in history]


def accounted(expiry: Expiry) -> int:
    return sum(expiry.kept.values()) + len(expiry.deletes) + len(expiry.holds)


def test_deletes_what_no_generation_keeps() -> None:
    """Of two days of hourly snapshots, a day of them stays, one a day old and the oldest."""
    history = hourly(49, NOW, deltas=RULE)
    expiry = decide(history)
    assert {"newest": 1, "hourly for 1 day": 23, "daily for 30 days": 2} == expiry.kept
    assert ids(history[1:24]) == gone(expiry)
    assert [] == held(expiry)


def test_deletes_nothing_of_an_empty_history() -> None:
    """A disk without snapshots has nothing to lose."""
    assert Expiry([], [], decide([]).kept) == decide([])


def test_says_why_each_goes() -> None:
    """One short line: too old, or which snapshot stands for its point in time."""
    history = [
        snapshot("a", NOW - 40 * DAY, deltas=RULE),
        snapshot("b", NOW - 30 * DAY),
        snapshot("c", NOW - 29 * DAY - 20 * MINUTE, deltas=RULE),
        snapshot("d", NOW - 29 * DAY),
        snapshot("e", NOW),
    ]
    assert [
        ("a", "too old: 40 d; the last generation is 'daily for 30 days'"),
        ("c", "d covers its point instead, 'daily for 30 days'"),
    ] == [(delete.snapshot.id, delete.reason) for delete in decide(history).deletes]


# Only completed ones count


def test_never_rests_a_deletion_on_a_pending_snapshot() -> None:
    """A newer one that is pending is no anchor: the last good one stays (snapscheduler 688)."""
    history = [snapshot("good", NOW - 40 * DAY), snapshot("new", NOW, state="pending")]
    assert Expiry([], [], decide(history[:1]).kept) == decide(history)


@pytest.mark.parametrize("state", ["pending", "failed"])
def test_leaves_unfinished_snapshots_alone(state: State) -> None:
    """Pending and failed ones are neither counted nor deleted (trap 8)."""
    good = hourly(3, NOW)
    odd = [snapshot(f"odd-{n}", NOW - n * 20 * DAY, state=state) for n in range(5)]
    assert decide(good) == decide([*good, *odd])


def test_keeps_what_a_failed_snapshot_stands_next_to() -> None:
    """A failed snapshot nearer to a point in time does not stand for it."""
    days = [snapshot(f"day-{n}", NOW - n * DAY) for n in range(4)]
    failed = [snapshot(f"bad-{n}", NOW - n * DAY + MINUTE, state="failed") for n in range(1, 4)]
    assert [] == gone(decide([*days, *failed]))


# Labels


@pytest.mark.parametrize(
    "keep",
    ["true", "True", "2026-06-15", "2027-01-31", "2026-06-15t12:00:00z", "", "yes", "1", "?"],
)
def test_keeps_what_bears_the_keep_label(keep: str) -> None:
    """`true`, a date to come, and whatever cannot be read forbid to delete."""
    old = snapshot("old", NOW - 90 * DAY, labels=OURS | {KEEP: keep})
    expiry = decide([old, *hourly(3, NOW)])
    assert ([], 1) == (gone(expiry), expiry.kept["keep label"])


@pytest.mark.parametrize("keep", ["false", "False", "2026-06-14", "2020-01-01t00:00:00+02:00"])
def test_deletes_what_the_keep_label_no_longer_forbids(keep: str) -> None:
    """`false` and a date that has passed do not."""
    old = snapshot("old", NOW - 90 * DAY, labels=OURS | {KEEP: keep})
    assert ["old"] == gone(decide([old, *hourly(3, NOW)], policy=RELEASING))


def test_obeys_the_configured_keep_label_only() -> None:
    """`KEEP_LABEL` renames the label that forbids."""
    labels = POLICY.labels
    keeping = type(labels)(labels.encoding, cluster="demo", keep_key="retain")
    renamed = Policy(labels=keeping, release_holds=True)
    history = [
        snapshot("a", NOW - 91 * DAY, labels=OURS | {KEEP: "true"}),
        snapshot("b", NOW - 90 * DAY, labels=OURS | {"retain": "true"}),
        *hourly(3, NOW),
    ]
    assert ["a"] == gone(decide(history, policy=renamed))


def test_leaves_another_clusters_snapshots_alone() -> None:
    """They are not deleted, not counted, and not taken for history of this one."""
    ours = hourly(3, NOW - 40 * DAY)
    others = hourly(60, NOW, labels=OTHERS)
    assert decide(ours) == decide([*ours, *others])


def test_counts_the_daemons_snapshots() -> None:
    """A snapshot without a cluster label on a disk with a rule is history like any other."""
    history = [snapshot("old", NOW - 90 * DAY, labels=DAEMONS), *hourly(3, NOW, labels=DAEMONS)]
    assert ["old"] == gone(decide(history, policy=RELEASING))


# Time


def test_keeps_what_is_dated_in_the_future() -> None:
    """Dated more than ten minutes ahead it is kept, and expires nothing else (trap 13)."""
    history = hourly(3, NOW - 40 * DAY)
    future = snapshot("future", NOW + CLOCK_SKEW + timedelta(seconds=1))
    expiry = decide([*history, future])
    assert 1 == expiry.kept["dated in the future"]
    assert gone(decide(history)) == gone(expiry) == []


def test_takes_what_is_dated_slightly_ahead_for_one_of_now() -> None:
    """Clocks differ: up to ten minutes ahead it is the newest like any other."""
    history = [snapshot("old", NOW - 90 * DAY), snapshot("new", NOW + CLOCK_SKEW)]
    expiry = decide(history, policy=RELEASING)
    assert (["old"], 1) == (gone(expiry), expiry.kept["newest"])


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_never_deletes_the_newest_of_two_dated_slightly_ahead(order: tuple[str, str]) -> None:
    """Counting as now does not make them equal: the newest stays, whatever the ids say."""
    newest, earlier = order
    history = [snapshot(newest, NOW + 9 * MINUTE), snapshot(earlier, NOW + MINUTE)]
    assert newest not in gone(decide(history, "PT1H P1D"))


# Holds


@pytest.mark.parametrize(
    ("text", "lists"),
    [
        ("", []),
        ("PT1H P1D", ["PT1H P1D"]),
        ("PT1H P1D / P1D P30D", ["PT1H P1D", "P1D P30D"]),
        ("PT1H P1D / typo", []),
        (" / ", []),
        ("PT1H P1D /", []),
        ("x" * 5_000, []),
    ],
)
def test_reads_the_deltas_that_a_snapshot_bears(text: str, lists: list[str]) -> None:
    """All lists of a union are read; one that cannot be leaves none."""
    assert lists == [deltas.text for deltas in read_deltas(text)]


# Holds of everything


@pytest.mark.parametrize("cause", ["incomplete-listing", "rule-problem", "rules-not-current"])
def test_holds_everything_where_blocked(cause: HoldCause) -> None:
    """What blocks the disk holds all that would go, with the reason it would go for."""
    history = hourly(49, NOW, deltas=RULE)
    free, blocked = decide(history), decide(history, blocked=(cause, "because"))
    assert ([], gone(free)) == (gone(blocked), held(blocked))
    assert free.kept == blocked.kept
    assert {cause} == {hold.cause for hold in blocked.holds}
    assert f"because (would go: {free.deletes[0].reason})" == blocked.holds[0].reason


def test_blocks_even_what_is_released() -> None:
    """`release_holds` lets go of no other hold."""
    expiry = decide(hourly(49, NOW), policy=RELEASING, blocked=("rule-problem", "because"))
    assert [] == gone(expiry)


@pytest.mark.parametrize("allow", [False, True])
@pytest.mark.parametrize("answer", [slice(0, 0), slice(48, 49), slice(0, 49), slice(0, 25)])
def test_holds_everything_where_tarsnapper_disagrees(
    monkeypatch: pytest.MonkeyPatch, answer: slice, allow: bool
) -> None:
    """The two-key rule: where tarsnapper keeps more, less or others, nothing of the disk goes."""
    history = hourly(49, NOW, deltas=RULE)
    # Kernel and tarsnapper agree on every history that is known, so that a disagreement can be
    # provoked in no other way.
    monkeypatch.setattr("shared.planning.expiry.confirm", lambda *_: set(ids(history[answer])))
    expiry = decide(history, policy=RELEASING if allow else POLICY)
    assert ([], ids(history[1:24])) == (gone(expiry), held(expiry))
    assert {"two-key"} == {hold.cause for hold in expiry.holds}


def test_asks_tarsnapper_about_every_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disagreement about the last of several lists holds as well."""
    history = hourly(49, NOW, deltas=RULE)
    answers = iter([{s.id for s in history[-25:]}, set()])
    # As above: no history is known on which they disagree.
    monkeypatch.setattr("shared.planning.expiry.confirm", lambda *_: next(answers))
    assert [] == gone(decide(history, "PT1H P1D", RULE))


def cost(history: Sequence[Snapshot], deltas: str) -> int:
    """Count what tarsnapper would do: steps times snapshots."""
    return retain(history, parse(deltas).resolve(NOW)).steps * len(history)


def test_says_what_tarsnapper_was_not_asked_about() -> None:
    """Beyond about a second of tarsnapper's time the kernel stands alone, and says so."""
    history = hourly(300, NOW)
    found = [decide(history, text, policy=RELEASING) for text in ("PT1M P6D", "PT1H P6D")]
    assert cost(history, "PT1M P6D") > CONFIRM_LIMIT > cost(history, "PT1H P6D")
    assert [{True}, {False}] == [{d.unconfirmed for d in expiry.deletes} for expiry in found]


def test_spends_no_more_on_many_rules_than_on_one() -> None:
    """The lists of one disk share tarsnapper's limit: rules on a claim cannot stall a pass."""
    history = hourly(120, NOW)
    lists = ["PT5M P3D", "PT1M P4D", "PT1M PT94H", "PT1M PT95H"]
    costs = [cost(history, text) for text in lists]
    assert max(costs) < CONFIRM_LIMIT < sum(costs)
    expiry = decide(history, *lists, policy=RELEASING)
    assert {True} == {delete.unconfirmed for delete in expiry.deletes}


# Several rules


def test_keeps_what_any_rule_keeps() -> None:
    """Nobody's rule deletes what another rule keeps (trap 11)."""
    history = hourly(60, NOW)
    both = decide(history, *BOTH, policy=RELEASING)
    apart = [set(gone(decide(history, text, policy=RELEASING))) for text in BOTH]
    assert apart[0] & apart[1] == set(gone(both))
    assert 0 < len(gone(both)) < len(apart[0])


def test_counts_each_kept_snapshot_once() -> None:
    """A snapshot that several rules keep is counted for the first."""
    history = hourly(60, NOW)
    expiry = decide(history, *BOTH, *BOTH)
    assert len(history) == accounted(expiry)


# Any history

LISTS = ["PT1H P1D", "PT1H P1D P30D", "PT15M PT2H P1D P7D", "P1D P1M P1Y", "P7D P28D", "PT1M PT5M"]
BORNE = ["", "typo", "PT1H P1D / P1D P30D", *LISTS]
LABELS: list[Mapping[str, str]] = [OURS, OURS, OURS, DAEMONS, OTHERS, OURS | {KEEP: "true"},
                                   OURS | {KEEP: "2026-01-01"}]  # fmt: skip
RULES = st.lists(st.sampled_from(LISTS), min_size=1, max_size=3, unique=True)


@st.composite
def histories(draw: st.DrawFn) -> list[Snapshot]:
    """Draw histories with bursts, gaps, equal times, failures, strangers and the future."""
    scale = draw(st.sampled_from([MINUTE, 17 * MINUTE, HOUR, DAY]))
    steps = draw(st.lists(st.integers(-12, 60), max_size=40))
    numbers = count()
    return [
        snapshot(
            f"snap-{draw(st.integers(0, 9))}-{next(numbers)}",
            NOW - step * scale,
            state=draw(
                st.sampled_from(["completed", "completed", "completed", "pending", "failed"])
            ),
            labels=draw(st.sampled_from(LABELS)),
            deltas=draw(st.sampled_from(BORNE)),
        )
        for step in steps
    ]


def counted(history: Iterable[Snapshot]) -> list[Snapshot]:
    """Say it once more, independently: what may stand for a backup of this cluster."""
    return [
        s
        for s in history
        if s.state == "completed"
        and s.labels.get(CLUSTER, "demo") == "demo"
        and s.started <= NOW + timedelta(minutes=10)
    ]


@given(histories(), RULES, st.booleans())
@settings(max_examples=100, deadline=None)
def test_accounts_for_every_completed_snapshot(
    history: list[Snapshot], rules: list[str], allow: bool
) -> None:
    """Kept, deleted and held are all completed ones of this cluster, each once."""
    expiry = decide(history, *rules, policy=RELEASING if allow else POLICY)
    completed = [s for s in history if s.state == "completed" and s.labels != OTHERS]
    assert len(completed) == accounted(expiry)
    assert len({*gone(expiry), *held(expiry)}) == len(expiry.deletes) + len(expiry.holds)


@given(histories(), RULES)
@settings(max_examples=100, deadline=None)
def test_never_deletes_the_newest_nor_what_does_not_count(
    history: list[Snapshot], rules: list[str]
) -> None:
    """The newest completed one, pending, failed, future, kept and others' ones never go."""
    may_go = {s.id for s in counted(history) if s.labels.get(KEEP) != "true"}
    deleted = set(gone(decide(history, *rules, policy=RELEASING)))
    assert deleted <= may_go
    latest = max((s.started for s in counted(history)), default=NOW)
    newest = {s.id for s in counted(history) if s.started == latest}
    assert not newest or not newest <= deleted


@given(histories(), RULES)
@settings(max_examples=100, deadline=None)
def test_deletes_only_what_tarsnapper_lets_go_for_every_rule(
    history: list[Snapshot], rules: list[str]
) -> None:
    """P3: asked independently, tarsnapper keeps none of the deleted under any rule."""
    backups = {s.id: s.started for s in sorted(counted(history), key=lambda s: s.id)}
    assume(backups)
    kept: set[str] = set()
    for text in rules:
        kept |= set(tarsnapper(dict(backups), lengths(parse(text), max(backups.values()))))
    assert set() == kept & set(gone(decide(history, *rules, policy=RELEASING)))


def lengths(deltas: Deltas, anchor: datetime) -> list[timedelta]:
    return sorted(anchor - (anchor - span) for span in deltas.spans)


@given(histories(), RULES)
@settings(max_examples=100, deadline=None)
def test_holds_only_what_would_go(history: list[Snapshot], rules: list[str]) -> None:
    """Holding until a disk is settled moves deletions to holds, and changes nothing else."""
    careful, allowed = decide(history, *rules), decide(history, *rules, policy=RELEASING)
    assert sorted(gone(allowed)) == sorted([*gone(careful), *held(careful)])
    assert allowed.kept == careful.kept


@given(histories(), RULES, st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_decides_the_same_in_whatever_order_snapshots_come(
    history: list[Snapshot], rules: Sequence[str], random: Random
) -> None:
    """The order of the listing means nothing, equal times included."""
    shuffled = list(history)
    random.shuffle(shuffled)
    assert decide(history, *rules) == decide(shuffled, *rules)


@pytest.mark.parametrize(("short", "unconfirmed"), [(0, False), (1, True)])
def test_asks_tarsnapper_up_to_the_limit(
    monkeypatch: pytest.MonkeyPatch, short: int, unconfirmed: bool
) -> None:
    """What costs just as much as is allowed is still asked."""
    history = hourly(49, NOW, deltas=RULE)
    monkeypatch.setattr("shared.planning.expiry.CONFIRM_LIMIT", cost(history, RULE) - short)
    assert {unconfirmed} == {d.unconfirmed for d in decide(history, policy=RELEASING).deletes}
