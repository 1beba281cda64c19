"""What a former rule kept goes only from a settled disk: lives of disks, and what they lose."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.model import Snapshot
from shared.planning.expiry import Expiry, expire
from shared.planning.labels import SEPARATOR, deltas_text, read_deltas
from shared.planning.policy import Policy
from shared.planning.settled import MOST_LISTS, SPREAD, _share
from shared.retention.deltas import parse
from shared.retention.kernel import retain
from tests.shared.builders import DAY, HOUR, NOW, OURS, disk, hourly, rule, snapshot
from tests.shared.objects_builders import POLICY

Rules = tuple[str, ...]
SETTLE = timedelta(days=14)
SHARE = _share(disk())
RELEASING = Policy(labels=POLICY.labels, release_holds=True)


def label(rules: Iterable[str]) -> str:
    return deltas_text([rule(text) for text in rules])


def decide(
    history: Iterable[Snapshot], *rules: str, policy: Policy = POLICY, now: datetime = NOW
) -> Expiry:
    return expire(history, [parse(text) for text in rules], now, policy, None, label(rules))


def gone(expiry: Expiry) -> set[str]:
    return {delete.snapshot.id for delete in expiry.deletes}


def held(expiry: Expiry) -> set[str]:
    return {hold.snapshot.id for hold in expiry.holds}


def ids(history: Iterable[Snapshot]) -> set[str]:
    return {s.id for s in history}


class Day(NamedTuple):
    """What one pass of a life deleted and held; `age` is the time since its begin."""

    age: timedelta
    deleted: set[str]
    held: set[str]


class Life:
    """A disk's life: a snapshot whenever one is due, and after each the deletions of the plan."""

    def __init__(self, start: Sequence[Snapshot] = (), name: str = "s") -> None:
        self.name = name
        self.history = list(start)
        self.days: list[Day] = []
        self.seen: dict[str, Snapshot] = {s.id: s for s in start}

    def live(
        self,
        rules: Callable[[timedelta], Rules],
        until: timedelta,
        up: Callable[[timedelta], bool] = lambda age: True,
    ) -> "Life":
        """Live from NOW on; `rules` and `up` are told how long that has been."""
        age = timedelta(0)
        while age < until:
            wanted = rules(age)
            step = min(parse(text).interval(NOW) for text in wanted)
            if up(age):
                now = NOW + age
                made = snapshot(f"{self.name}{age / HOUR:07.1f}", now, deltas=label(wanted))
                self.seen[made.id] = made
                self.history.append(made)
                expiry = decide(self.history, *wanted, now=now)
                self.history = [s for s in self.history if s.id not in gone(expiry)]
                self.days.append(Day(age, gone(expiry), held(expiry)))
            age += step
        return self

    def deleted(self, since: timedelta, until: timedelta) -> list[str]:
        found = [name for day in self.days if since <= day.age < until for name in day.deleted]
        return sorted(found)

    def holding(self) -> list[timedelta]:
        """Tell the days on which something is held."""
        return [day.age for day in self.days if day.held]


def always(*rules: str) -> Callable[[timedelta], Rules]:
    return lambda age: rules


def night(age: timedelta) -> bool:
    return 8 <= (age / HOUR) % 24 < 19


# Nothing is held where nothing happens


@pytest.mark.parametrize(
    ("rules", "days"),
    [
        (("P1D P7D P1M P1Y",), 500),
        (("PT6H P1D P30D",), 60),
        (("P1D P1D",), 40),
        (("P1D P30D", "P7D P90D"), 150),
        (("P1M P1Y",), 900),
        (("P7D P28D P360D",), 600),
    ],
)
def test_holds_nothing_in_a_steady_state(rules: Rules, days: int) -> None:
    """One rule, several, with months, with gaps as long as the reach: all goes when it should."""
    assert [] == Life().live(always(*rules), days * DAY).holding()


def test_holds_nothing_after_short_outages() -> None:
    """Days without snapshots, now and then, are no gap as long as the retention."""
    life = Life().live(always("P1D P7D P30D"), 200 * DAY, up=lambda age: age.days % 20 > 4)
    assert [] == life.holding()


def test_daily_gaps_pile_nothing_up() -> None:
    """A disk that is snapshotted by day only loses what its rule lets go, a day later."""
    life = Life().live(always("PT1H PT12H"), 30 * DAY, up=night)
    assert len(life.history) < 36


def test_holds_nothing_of_a_catch_up() -> None:
    """After an outage of deletions all goes at once that the lists in force let go."""
    history = hourly(10 * 24, NOW, deltas="PT1H P1D P30D")
    expiry = decide(history, "PT1H P1D P30D")
    assert (set(), 206) == (held(expiry), len(gone(expiry)))


# What must lose nothing


def test_a_rule_absent_for_one_pass_loses_nothing() -> None:
    """A SnapshotRule missing beside an annotation let go five of five yearly ones in one pass."""
    both, one = ("PT1H P1D", "P365D P1825D"), ("PT1H P1D",)
    yearly = [snapshot(f"y{n}", NOW - n * 365 * DAY, deltas=label(both)) for n in range(1, 6)]
    history = [*yearly, *hourly(20, NOW, deltas=label(both))]
    assert set() == ids(yearly) & gone(decide(history, *both))
    assert set() == gone(decide(history, *one))
    assert ids(yearly) == held(decide(history, *one))


def test_a_typo_that_drops_a_generation_loses_nothing() -> None:
    """P3D in place of P30D for a day: the 27 days between stay until the typo is fixed."""
    right, wrong = ("P1D P30D",), ("P1D P3D",)
    life = Life().live(lambda age: wrong if 60 <= age.days < 61 else right, 100 * DAY)
    for day in range(60, 62):
        assert len(life.deleted(day * DAY, (day + 1) * DAY)) <= 1
    assert life.days[60].held
    assert [] == [age for age in life.holding() if age > 76 * DAY]
    assert 31 == len(life.history)


def test_a_rule_that_flaps_loses_nothing() -> None:
    """For 120 days it is short on every fifth day: all that the long one keeps stays."""
    short, long = ("P1D P3D",), ("P1D P30D P360D",)
    steady = Life().live(always(*long), 120 * DAY)
    flapping = Life().live(lambda age: short if age.days % 5 == 0 else long, 120 * DAY)
    assert ids(steady.history) <= ids(flapping.history)


def test_edits_in_steps_lose_nothing_for_two_weeks() -> None:
    """Tightened a little every day, it was walked around: more than five a pass were held."""
    spans = [f"P1D P{360 - 10 * n}D" for n in range(30)]
    start = hourly(360, NOW - DAY, DAY, deltas="P1D P360D")
    steady = Life(start).live(always("P1D P360D"), 60 * DAY)
    edited = Life(start).live(lambda age: (spans[min(age.days, 29)],), 60 * DAY)
    weeks = 0 * DAY, (29 + 13) * DAY
    assert edited.deleted(*weeks) == steady.deleted(*weeks)
    assert len(edited.deleted(0 * DAY, 60 * DAY)) > 250


def test_the_daemons_history_stays_whole_for_two_weeks() -> None:
    """What names no deltas waits until the disk is settled, and then goes by the rule."""
    start = hourly(60, NOW - DAY, DAY, labels={"created-by": "k8s-snapshots"})
    life = Life(start).live(always("P1D P30D"), 33 * DAY)
    assert [] == life.deleted(0 * DAY, 14 * DAY)
    assert not ids(start) & ids(life.history)


def test_an_adopted_history_is_not_halved() -> None:
    """Half of what names no deltas went at once; now none does."""
    adopted = hourly(100, NOW - HOUR, 6 * HOUR)
    expiry = decide([*adopted, snapshot("new", NOW, deltas="PT6H P10D")], "PT6H P10D")
    assert (set(), True) == (gone(expiry), bool(held(expiry)))


def test_a_pause_longer_than_the_retention_loses_nothing_at_once() -> None:
    """Thirteen of fifteen went with the first snapshot after it."""
    deltas = "P1D P7D P30D P90D"
    life = Life().live(always(deltas), 150 * DAY)
    before = ids(life.history)
    after = Life([_earlier(s, 300 * DAY) for s in life.history], name="after")
    after.live(always(deltas), 13 * DAY)
    assert before <= ids(after.history)
    later = Life(after.history, name="later").live(lambda age: (deltas,), 3 * DAY)
    assert before <= ids(later.history)
    whole = Life([_earlier(s, 300 * DAY) for s in life.history], name="whole")
    assert not before & ids(whole.live(always(deltas), 17 * DAY).history)


def _earlier(found: Snapshot, span: timedelta) -> Snapshot:
    return snapshot(found.id, found.started - span, deltas=found.deltas)


# When a disk is settled


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (("P1D P30D",), ("P1D P7D",)),
        (("P1D P30D", "P7D P90D"), ("P1D P30D",)),
        (("P1D P360D",), ("P1D P36D",)),
        (("P30D P360D",), ("PT1H P1D",)),
        (("PT6H P2D P30D",), ("P1D P7D",)),
    ],
)
def test_settles_two_weeks_after_an_edit(first: Rules, then: Rules) -> None:
    """Then just what the new rules keep is there, and nothing is held any more."""
    life = Life().live(lambda age: first if age < 400 * DAY else then, 450 * DAY)
    edited = min(day.age for day in life.days if day.age >= 400 * DAY)
    held_for = max(life.holding()) - edited
    longest = max(parse(text).interval(NOW) for text in then)
    assert SETTLE - longest <= held_for <= SETTLE + SPREAD + 2 * longest


def test_a_monthly_rule_settles_within_two_intervals() -> None:
    """Its snapshots are further apart than the time that it takes to settle."""
    life = Life().live(lambda age: ("P1M P1Y",) if age < 400 * DAY else ("P1M P3M",), 700 * DAY)
    assert max(life.holding()) <= 400 * DAY + 3 * 31 * DAY


def test_the_same_lists_in_other_words_are_no_edit() -> None:
    """Lists are compared as what they mean: in another order, or a week for seven days."""
    history = hourly(60, NOW, DAY, deltas="P1D P30D / P1D P7D")
    assert set() == held(decide(history, "PT24H P1W", "P30D P1D"))


def test_the_witness_is_held_with_what_it_settles() -> None:
    """The oldest snapshot that shows the new rules must not expire while others wait for it."""
    old = hourly(40, NOW - 9 * DAY, DAY, deltas="P1D P60D")
    new = hourly(8 * 24, NOW, HOUR, deltas="PT1H P1D")
    expiry = decide([*old, *new], "PT1H P1D")
    assert new[0].id in held(expiry)
    assert new[1].id in gone(expiry)


def test_says_since_when_and_until_when() -> None:
    """The hold and the account tell when it ends, if snapshots go on."""
    history = [*hourly(40, NOW - 5 * DAY, DAY, deltas="P1D P60D"), *hourly(5, NOW, DAY,
               deltas="P1D P7D")]  # fmt: skip
    expiry = decide(history, "P1D P7D")
    since, settles = NOW - 4 * DAY, NOW + 10 * DAY + SHARE
    assert (since, settles, 0) == (expiry.since, expiry.settles, expiry.long_held)
    assert {settles} == {hold.until for hold in expiry.holds}
    assert {"unsettled"} == {hold.cause for hold in expiry.holds}
    assert "'P1D P60D', which this disk's snapshots name, keeps it" in expiry.holds[0].reason


def test_before_any_snapshot_has_the_new_rules_no_time_can_be_told() -> None:
    """The next snapshot starts it."""
    expiry = decide(hourly(40, NOW, DAY, deltas="P1D P60D"), "P1D P7D")
    assert (None, None) == (expiry.since, expiry.settles)
    assert {None} == {hold.until for hold in expiry.holds}


def test_what_is_held_for_too_long_is_counted() -> None:
    """A rule that never stays the same for two weeks keeps everything; after four that is said."""
    short, long = ("P1D P3D",), ("P1D P30D P360D",)
    flapping = Life().live(lambda age: short if age.days % 5 else long, 80 * DAY)
    expiry = decide(flapping.history, *short, now=NOW + 79 * DAY)
    assert 0 < expiry.long_held <= len(expiry.holds)
    # The last that the short list had let go by then: what came after it counts for nothing.
    cut = NOW - 2 * (SETTLE + SHARE)
    aged = [*hourly(9, cut, DAY, deltas="P1D P3D"), *hourly(9, NOW, DAY, deltas="P1D P90D"),
            snapshot("next", cut + DAY, deltas="P1D P90D")]  # fmt: skip
    assert 5 == decide(aged, "P1D P3D").long_held
    fresh = decide(hourly(40, NOW, DAY, deltas="P1D P60D"), "P1D P7D")
    assert (0, True) == (fresh.long_held, bool(fresh.holds))


# Releasing


def test_releasing_lets_go_what_is_unsettled() -> None:
    """Somebody says that it may go."""
    history = hourly(40, NOW, DAY, deltas="P1D P60D")
    careful, released = decide(history, "P1D P7D"), decide(history, "P1D P7D", policy=RELEASING)
    assert (held(careful), set()) == (gone(released), held(released))


# Hostile labels


def test_many_lists_on_labels_cost_little_and_lose_nothing() -> None:
    """Whoever may write labels makes no plan slow: what names further lists is held."""
    history = [
        snapshot(f"s{n:03}", NOW - n * DAY, deltas=f"P1D P{n + 2}D") for n in range(2 * MOST_LISTS)
    ]
    expiry = decide(history, "P1D P7D")
    assert gone(expiry) == set()
    assert len(expiry.holds) == 2 * MOST_LISTS - 8


def test_a_text_that_was_cut_is_not_read_but_known_again() -> None:
    """Rules that are too many for a label settle too: their text has a hash of all."""
    rules = [f"PT{n}H P{n}D P30D P300D" for n in range(1, 20)]
    text = label(rules)
    assert (read_deltas(text), SEPARATOR + "+" in text) == ((), True)
    assert label([*rules, "P1D P9D"]) != text
    old = hourly(20, NOW - 400 * DAY, DAY, deltas=text)
    new = hourly(20, NOW, DAY, deltas=text)
    expiry = decide([*old, *new], *rules)
    assert (ids(old[:-1]), set()) == (gone(expiry), held(expiry))


# Any history

LISTS = ["PT1H P1D", "PT6H P2D P30D", "P1D P7D", "P1D P30D P360D", "P7D P28D", "P1M P1Y"]
RULES = st.lists(st.sampled_from(LISTS), min_size=1, max_size=3, unique=True)


@st.composite
def histories(draw: st.DrawFn) -> list[Snapshot]:
    """Draw histories whose rules changed, with gaps, and some that name nothing."""
    found: list[Snapshot] = []
    time = NOW
    for _ in range(draw(st.integers(1, 6))):
        text = draw(st.sampled_from(["", "typo", *LISTS, "PT1H P1D / P1D P7D"]))
        step = draw(st.sampled_from([HOUR, 6 * HOUR, DAY, 30 * DAY]))
        for _ in range(draw(st.integers(1, 12))):
            found.append(snapshot(f"s{len(found):03}", time, deltas=text, labels=OURS))
            time -= step
        time -= draw(st.sampled_from([timedelta(0), 2 * DAY, 40 * DAY, 400 * DAY]))
    return found


@given(histories(), RULES, st.sampled_from(LISTS))
@settings(max_examples=300, deadline=None)
def test_a_rule_more_never_deletes_more(
    history: list[Snapshot], rules: list[str], more: str
) -> None:
    """P7, but for a disk whose newest snapshots name just the rules with that one."""
    before, after = decide(history, *rules), decide(history, *rules, more)
    telling = [s for s in history if s.deltas]
    newest = max(telling, key=lambda s: s.started, default=history[0])
    spans = {d.spans for d in read_deltas(newest.deltas)}
    if spans != {parse(text).spans for text in [*rules, more]}:
        witness = {h.snapshot.id for h in before.holds if "it is the oldest" in h.reason}
        assert gone(after) <= gone(before) | witness


@given(histories(), RULES)
@settings(max_examples=300, deadline=None)
def test_lets_go_only_what_no_list_of_the_disk_keeps(
    history: list[Snapshot], rules: list[str]
) -> None:
    """P7: unless the disk is settled, no list that a snapshot of it has keeps what goes."""
    expiry = decide(history, *rules)
    wanted = {parse(text).spans for text in rules}
    run = [s for s in sorted(history, key=lambda s: s.started, reverse=True) if s.deltas]
    settled = False
    for found in run:
        if {d.spans for d in read_deltas(found.deltas)} != wanted:
            break
        settled |= max(s.started for s in history) - found.started >= SETTLE
    if not settled:
        for text in {s.deltas for s in history}:
            for deltas in read_deltas(text):
                assert not gone(expiry) & gone_by_none(history, deltas.text)
        assert not [s for s in history if s.id in gone(expiry) and not read_deltas(s.deltas)]


def gone_by_none(history: list[Snapshot], text: str) -> set[str]:
    """Tell what a list keeps, by the plan itself under that list alone, released."""
    return ids(history) - gone(decide(history, text, policy=RELEASING))


@pytest.mark.parametrize(("gap", "waits"), [(7 * DAY, True), (7 * DAY - HOUR, False)])
def test_a_gap_as_long_as_the_retention_is_one(gap: timedelta, waits: bool) -> None:
    """To the hour."""
    text = "P1D P7D"
    before = hourly(4, NOW - gap, DAY, deltas=text)
    expiry = decide([*before, snapshot("new", NOW, deltas=text)], text)
    assert waits == bool(held(expiry))
    assert waits != bool(gone(expiry))


def test_a_typo_before_a_pause_is_no_evidence() -> None:
    """One snapshot shows it, then no pass looks for weeks: the rule may have been anything."""
    good, typo = "PT1H P1D P30D P360D", "PT1H P1D"
    full = hourly(60 * 24, NOW, deltas=good)
    kept = retain(full, parse(good).resolve(NOW)).kept_ids()
    history = [s for s in full if s.id in kept]
    history.append(snapshot("typo", NOW + HOUR, deltas=typo))
    back = NOW + 20 * DAY
    found = decide([*history, snapshot("back", back, deltas=typo)], typo, now=back + HOUR / 2)
    still = retain([*history, snapshot("back", back)], parse(good).resolve(back)).kept_ids()
    assert not gone(found) & still
    assert len(held(found)) > 10


def test_with_more_lists_than_are_read_nothing_goes() -> None:
    """Any of those that are not read might keep it."""
    short, yearly = "PT1H P1D", "P30D P3600D"
    history = [snapshot(f"y{n}", NOW - 30 * DAY * n - 3 * DAY, deltas=short) for n in range(1, 13)]
    history.append(snapshot("yearly", NOW - 3 * DAY - 20 * HOUR, deltas=yearly))
    history += [
        snapshot(f"f{n}", NOW - 2 * DAY + n * HOUR / 2, deltas=f"PT1H P{n + 2}D")
        for n in range(MOST_LISTS)
    ]
    history.append(snapshot("new", NOW - HOUR / 2, deltas=short))
    assert gone(decide(history, short)) == set()


def test_a_gap_is_measured_by_the_shortest_of_a_snapshots_own_lists() -> None:
    """What the short one would have kept is held though the long one reaches over the gap."""
    rules = ("PT1H P1D", "P1D P30D")
    history = hourly(20, NOW - 2 * DAY, deltas=label(rules))
    history.append(snapshot("new", NOW, deltas=label(rules)))
    expiry = decide(history, *rules)
    assert gone(expiry) == set()
    assert len(expiry.holds) > 10
    assert "a gap of 1 d" in expiry.holds[0].reason


def test_up_to_so_many_lists_are_read_beside_those_in_force() -> None:
    """What none of them keeps goes."""
    short = "PT1H P1D"
    history = [snapshot("old", NOW - 100 * DAY, deltas=short)]
    history += [
        snapshot(f"f{n:02}", NOW - 2 * DAY + n * HOUR / 2, deltas=f"PT1H P{n + 2}D")
        for n in range(MOST_LISTS - 1)
    ]
    history.append(snapshot("new", NOW - HOUR / 2, deltas=short))
    assert "old" in gone(decide(history, short))


@pytest.mark.parametrize(("short", "settled"), [(0, True), (1, False)])
def test_a_disk_is_settled_from_the_moment_on(short: int, settled: bool) -> None:
    """When its witness is just so old as SETTLE_AFTER, and the disk's share of a day."""
    history = [snapshot("adopted", NOW - 100 * DAY, deltas="")]
    witness = NOW - SETTLE - SHARE + timedelta(seconds=short)
    history.append(snapshot("witness", witness, deltas="P1D P30D"))
    history += hourly(14, NOW, DAY, deltas="P1D P30D")
    assert settled == (gone(decide(history, "P1D P30D")) == {"adopted"})


def test_tarsnapper_is_not_asked_of_what_is_all_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answer would change nothing, and costs."""

    def asked(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("shared.planning.expiry.confirm", asked)
    expiry = decide(hourly(40, NOW, DAY, deltas="P1D P60D"), "P1D P7D")
    assert {"unsettled"} == {hold.cause for hold in expiry.holds}
    assert gone(expiry) == set()
