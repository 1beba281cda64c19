"""The plan of a pass: what is created, deleted, held and awaited, and in which order."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import RequestError
from shared.model import Disk, Problem, Rule, RuleSet, Snapshot, Source, State, Uncovered
from shared.planning.actions import Create, DiskPlan, Plan
from shared.planning.labels import (
    AWS,
    CLAIM,
    CLUSTER,
    DELTAS,
    GOOGLE,
    NAMESPACE,
    RULE,
    VOLUME,
    Labels,
)
from shared.planning.plan import plan
from shared.planning.policy import Policy
from shared.request import Only
from tests.shared.builders import DAY, HOUR, NOW, OURS, disk, hourly, rule, snapshot
from tests.shared.objects_builders import (
    DISK,
    OTHER_DISK,
    OTHER_VOL,
    POLICY,
    Json,
    by_disk,
    claim,
    clusters,
    read,
    snapshot_rule,
    volume,
    with_spec,
)

MINUTE = timedelta(minutes=1)
SHORT = "PT1H P1D"
LONG = "P1D P30D"
A, B, C = disk("vol-a"), disk("vol-b"), disk("vol-c")


def planned(
    rules: Iterable[Rule] | RuleSet,
    snapshots: Iterable[Snapshot] = (),
    *,
    policy: Policy = POLICY,
    incomplete: Mapping[str, str] | None = None,
    only: Only | None = None,
) -> Plan:
    ruleset = rules if isinstance(rules, RuleSet) else RuleSet(tuple(rules))
    return plan(ruleset, snapshots, NOW, policy, incomplete=incomplete, only=only)


def only_create(made: Plan) -> Create:
    (create,) = made.creates
    return create


def gone(made: Plan) -> list[str]:
    return [delete.snapshot.id for delete in made.deletes]


def held(made: Plan) -> list[tuple[str, str]]:
    return [(hold.snapshot.id, hold.cause) for hold in made.holds]


def made_by(
    name: str, namespace: str = "shop", deltas: str = SHORT, **more: str
) -> dict[str, Mapping[str, str] | str]:
    """Give what a snapshot says that this rule made."""
    labels = OURS | {RULE: name, NAMESPACE: namespace, DELTAS: deltas} | more
    return {"labels": labels, "deltas": deltas}


# Creating


def test_begins_a_snapshot_of_a_disk_without_one() -> None:
    """The snapshot is named as upstream does, and bears all labels from the start (trap 6)."""
    create = only_create(planned([rule(SHORT, disk=A)]))
    name = "shop-pvc-data-150626-120000"
    assert [A, name, name] == [create.disk, create.name, create.description]
    assert create.labels == {
        "created-by": "k8s-snapshots",
        CLUSTER: "demo",
        NAMESPACE: "shop",
        CLAIM: "data",
        VOLUME: "pv-data",
        RULE: "shop-pvc-data",
        DELTAS: SHORT,
        "Name": name,
    }


def test_begins_one_snapshot_for_several_rules() -> None:
    """A disk never gets two in a pass; the most frequent rule is named, all deltas are borne."""
    rules = [rule(LONG, disk=A, name="long"), rule(SHORT, disk=A, name="short")]
    create = only_create(planned(rules))
    assert ("short", "long") == create.rules
    assert ["short", f"{SHORT} / {LONG}"] == [create.labels[RULE], create.labels[DELTAS]]


def test_begins_nothing_while_none_is_due() -> None:
    """A disk with a snapshot younger than its interval is left alone."""
    made = planned([rule(SHORT, disk=A)], hourly(3, NOW - 30 * MINUTE, disk=A))
    assert ((), (), ()) == (made.creates, made.waits, made.deletes)


def test_begins_the_most_overdue_first_in_proportion() -> None:
    """New disks first, then by age over interval: none starves behind another (trap 3)."""
    rules = [rule(LONG, disk=A), rule(SHORT, disk=B), rule(LONG, disk=C), rule(SHORT, disk=disk())]
    snapshots = [
        snapshot("a", NOW - 3 * DAY, disk=A),
        snapshot("b", NOW - 5 * HOUR, disk=B),
        snapshot("c", NOW - 2 * DAY, disk=C),
    ]
    made = planned(rules, snapshots)
    assert [disk(), B, A, C] == [create.disk for create in made.creates]
    assert [None, 4.0, 2.0, 1.0] == [create.overdue for create in made.creates]


def test_waits_for_a_pending_snapshot() -> None:
    """A disk that waits is listed with its reason, and not snapshotted."""
    made = planned([rule(SHORT, disk=A)], [snapshot("a", NOW - 2 * HOUR, disk=A, state="pending")])
    assert [(A, "pending")] == [(wait.disk, wait.cause) for wait in made.waits]
    assert () == made.creates


def names(*rules: Rule, policy: Policy = POLICY) -> list[str]:
    return [create.name for create in planned(rules, policy=policy).creates]


def test_gives_disks_that_would_share_a_name_their_hash() -> None:
    """Claim `b-pvc-c` of `a` and claim `c` of `a-pvc-b` have rules of one name."""
    one = rule(SHORT, disk=A, name="a-pvc-b-pvc-c", namespace="a", claim="b-pvc-c")
    two = rule(SHORT, disk=B, name="a-pvc-b-pvc-c", namespace="a-pvc-b", claim="c")
    three = rule(SHORT, disk=C, name="c")
    found = names(one, two, three)
    assert 3 == len(set(found))
    assert ["c-150626-120000"] == [name for name in found if not name.startswith("a-pvc-b-pvc-c-")]
    assert "a-pvc-b-pvc-c-150626-120000" not in found


def test_gives_no_disk_the_name_that_another_has_with_its_hash() -> None:
    """Whoever names a claim after another disk's hash gains no name that clashes."""
    taken = names(rule(SHORT, disk=A, name="data"), rule(SHORT, disk=B, name="data"))
    mimic = taken[0].removesuffix("-150626-120000")
    rules = [rule(SHORT, disk=A, name="data"), rule(SHORT, disk=B, name="data")]
    rules.append(rule(SHORT, disk=C, name=mimic))
    assert 3 == len(set(names(*rules)))


@given(
    st.lists(st.sampled_from(["data", "data-x", "d" * 60, "d" * 70, "Data", "dáta"]), max_size=6)
)
def test_names_are_unique_within_a_plan(wanted: list[str]) -> None:
    """Cut, encoded and equal names stay apart on clouds with and without exact names."""
    rules = [rule(SHORT, disk=disk(f"vol-{n}"), name=name) for n, name in enumerate(wanted)]
    for encoding in (AWS, GOOGLE):
        found = names(*rules, policy=Policy(labels=Labels(encoding, cluster="demo")))
        assert len(wanted) == len(set(found))
        assert max(map(len, found), default=0) <= 63


def test_warns_of_an_interval_under_twice_the_period() -> None:
    """A rule that the scheduler cannot keep pace with is told so, and still served."""
    made = planned([rule("PT9M PT1H", disk=A), rule("PT10M PT1H", disk=B)])
    assert [(A, "warning", "PT9M PT1H")] == [(p.disk, p.severity, p.value) for p in made.problems]
    assert 2 == len(made.creates)


@pytest.mark.parametrize(
    ("deltas", "warned"),
    [("PT5M PT60M PT24H P7D P52W", True), ("PT5M PT15M PT45M", True), ("PT9M59S PT1H", True),
     ("PT10M PT1H", False), ("PT15M PT60M PT4H PT24H P7D", False)],
)  # fmt: skip
def test_warns_of_an_interval_that_the_cloud_cannot_keep(deltas: str, *, warned: bool) -> None:
    """Google takes one snapshot of a disk in 10 minutes, however often the scheduler asks."""
    often = msgspec.structs.replace(POLICY, period=timedelta(minutes=1))
    google = msgspec.structs.replace(often, labels=Labels(GOOGLE, cluster="demo"))
    made = planned([rule(deltas, disk=A)], policy=google)
    said = "less than 10 minutes, in which this cloud takes one snapshot of a disk"
    assert [said in p.message for p in made.problems] == [True] * warned
    assert planned([rule(deltas, disk=A)], policy=often).problems == ()


# Listings


def test_passes_over_snapshots_without_our_label() -> None:
    """Others' snapshots are neither history nor orphans, and never touched (P1)."""
    strangers = hourly(60, NOW, disk=A, labels={"created-by": "somebody", CLUSTER: "demo"})
    bare = hourly(60, NOW, disk=B, labels={})
    alone = planned([rule(SHORT, disk=A)])
    assert alone == planned([rule(SHORT, disk=A)], [*strangers, *bare])


def test_counts_what_a_listing_repeats_once() -> None:
    """An entry on two pages is one snapshot: no deletion rests on its double."""
    history = hourly(60, NOW, disk=A, deltas=SHORT)
    rules = [rule(SHORT, disk=A)]
    assert planned(rules, history) == planned(rules, [*history, *history])


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("state", ["completed", "failed"])
def test_trusts_the_less_finished_of_two_states(order: int, state: str) -> None:
    """Where a listing shows a snapshot pending and finished nothing rests on it yet."""
    old = snapshot("old", NOW - 40 * DAY, disk=A)
    pending = snapshot("new", NOW - 2 * HOUR, disk=A, state="pending")
    twice = [pending, msgspec.structs.replace(pending, state=state)][::order]
    made = planned([rule(SHORT, disk=A)], [old, *twice])
    assert ({"completed": 1, "pending": 1}, ()) == (made.disks[0].states, made.deletes)


def test_waits_and_holds_where_the_listing_is_incomplete() -> None:
    """A listing cut short creates nothing more and deletes nothing (trap 2); others go on."""
    here, there = A, disk("vol-a", "us-east-1")
    histories = [hourly(60, NOW - 2 * HOUR, disk=d, deltas=SHORT) for d in (here, there)]
    made = planned(
        [rule(SHORT, disk=here), rule(SHORT, disk=there)],
        [s for history in histories for s in history],
        incomplete={"eu-west-1": "page 3 timed out"},
    )
    assert [(here, "incomplete-listing")] == [(w.disk, w.cause) for w in made.waits]
    assert [there] == [create.disk for create in made.creates]
    assert {(here, "incomplete-listing")} == {(h.snapshot.disk, h.cause) for h in made.holds}
    assert {there} == {delete.snapshot.disk for delete in made.deletes}
    assert "page 3 timed out" in made.waits[0].reason


def test_creates_and_holds_where_the_rules_are_not_current() -> None:
    """Rules that may be stale take snapshots, and delete nothing."""
    stale = Policy(labels=POLICY.labels, no_deletions="the mirror is 3 d old")
    history = hourly(60, NOW - 2 * HOUR, disk=A, deltas=SHORT)
    made = planned([rule(SHORT, disk=A)], history, policy=stale)
    assert (1, []) == (len(made.creates), gone(made))
    assert {"rules-not-current"} == {hold.cause for hold in made.holds}


def test_reports_what_is_dated_in_the_future() -> None:
    """Such a snapshot is told of, kept, and no reason not to take the next (trap 13)."""
    future = snapshot("future", NOW + HOUR, disk=A)
    made = planned([rule(SHORT, disk=A)], [*hourly(30, NOW - 2 * HOUR, disk=A), future])
    assert [Source("Snapshot", "", "future")] == [problem.source for problem in made.problems]
    assert (1, 1) == (len(made.creates), made.disks[0].kept["dated in the future"])


# Several rules


def test_keeps_what_any_rule_of_the_disk_keeps() -> None:
    """Nobody's rule deletes what another rule keeps (trap 11)."""
    history = hourly(20 * 24, NOW, disk=A, deltas=f"{SHORT} / {LONG}")
    rules = [rule(SHORT, disk=A, name="x"), rule(LONG, disk=A, name="y", namespace="ops")]
    both, alone = planned(rules, history), planned(rules[1:], history)
    assert set(gone(both)) == set(gone(alone)) - {s.id for s in history[-25:]}
    assert both.disks[0].rules == ("x", "y")


@pytest.mark.parametrize(
    "only",
    [
        Only(rules=("shop-pvc-data",)),
        Only(namespaces=("shop",)),
        Only(disks=(A.id,)),
        Only(disks=("vol-a",), scopes=("eu-west-1",)),
    ],
)
def test_judges_a_selected_disk_by_all_of_its_rules(only: Only) -> None:
    """A selection by one rule deletes nothing that the unselected ones keep."""
    history = hourly(20 * 24, NOW - HOUR, disk=A, deltas=f"{SHORT} / {LONG}")
    rules = [rule(SHORT, disk=A), rule(LONG, disk=A, name="ops-rule-x", namespace="ops")]
    rules.append(rule(SHORT, disk=B, name="b", namespace="b"))
    everything, selected = planned(rules, history), planned(rules, history, only=only)
    assert [A] == [d.disk for d in selected.disks] == [create.disk for create in selected.creates]
    assert everything.deletes == selected.deletes
    assert 2 == selected.rules


@pytest.mark.parametrize("mode", [{}, {"creating_only": True}, {"explaining": True}])
def test_a_name_that_disks_of_two_zones_have_is_refused(mode: dict[str, bool]) -> None:
    """One is meant, and holds would be let go of both; one that is named whole is selected."""
    zones = "zones/europe-west1-b", "zones/europe-west1-c"
    one, other = (Disk("google", "acme-data", f"{zone}/disks/data") for zone in zones)
    rules = [rule(SHORT, disk=one), rule(SHORT, disk=other)]
    policy = msgspec.structs.replace(POLICY, **mode)
    with pytest.raises(RequestError, match=f"2 disks are called data: {one.id}, {other.id}; name"):
        planned(rules, only=Only(disks=("data",)), policy=policy)
    made = planned(rules, only=Only(disks=(one.name,)), policy=policy)
    assert [one] == [create.disk for create in made.creates]


def test_selects_nothing_that_does_not_match_all_fields() -> None:
    """Fields of a selection narrow one another."""
    made = planned([rule(SHORT, disk=A)], only=Only(disks=("vol-a",), scopes=("us-east-1",)))
    assert Plan(now=NOW, problems=made.problems, unselected=1) == made


def test_says_that_a_selection_selects_nothing() -> None:
    """A typo in a selection is no empty success, whatever the other values select."""
    rules = [rule(SHORT, disk=A)]
    wrong = planned(rules, only=Only(namespaces=("shop", "shpo"), scopes=("us-east-1",)))
    assert [("only.namespaces", "shpo"), ("only.scopes", "us-east-1")] == [
        (problem.field, problem.value) for problem in wrong.problems
    ]
    assert 2 == wrong.unselected


def test_values_that_select_a_disk_together_are_no_problem() -> None:
    """Whether there are orphans as well or not; apart they may each select another."""
    rules = [rule(SHORT, disk=A), rule(SHORT, disk=B, name="b", namespace="b")]
    both = planned(rules, only=Only(namespaces=("shop",), disks=("vol-a",)))
    assert ((), [A]) == (both.problems, [d.disk for d in both.disks])
    apart = planned(rules, only=Only(namespaces=("b",), disks=("vol-a",)))
    assert [("only", "namespaces, disks")] == [(p.field, p.value) for p in apart.problems]


@pytest.mark.parametrize(
    ("only", "near"),
    [
        (Only(namespaces=("shpo",)), "shop"),
        (Only(claims=("shop/daat",)), "shop/data"),
        (Only(rules=("shop-pvc-daat",)), "shop-pvc-data"),
        (Only(disks=("vol-aa",)), "vol-a"),
    ],
)
def test_what_is_nearly_called_so_is_offered(only: Only, near: str) -> None:
    """Of each kind of name."""
    (problem,) = planned([rule(SHORT, disk=A, claim="data")], only=only).problems
    assert problem.message.endswith(f"did you mean {near}?")


def test_a_scope_that_is_listed_anyway_is_selected() -> None:
    """REGIONS and PROJECTS name scopes in which there may be no rule, and orphans."""
    found = plan(
        RuleSet((rule(SHORT, disk=A),)), [], NOW, POLICY, only=Only(scopes=("us-east-1",)),
        scopes=("us-east-1",),
    )  # fmt: skip
    assert ((), 0) == (found.problems, found.unselected)


def test_says_that_a_cluster_without_a_name_takes_its_snapshots_for_anothers() -> None:
    """Nothing of them is deleted, and the plan says why."""
    nameless = Policy(labels=Labels(AWS))
    made = planned([rule(SHORT, disk=A)], hourly(300, NOW, HOUR, disk=A), policy=nameless)
    (note,) = made.problems
    assert ("warning", "demo") == (note.severity, note.source.name)
    assert "300 snapshots of 1 disk" in note.message
    assert "set CLUSTER_NAME or CLUSTER_ID" in note.message
    assert () == made.deletes


# Rules with problems


def typo(**fields: object) -> Problem:
    """Make the problem of a claim's annotation; without a disk it cannot be told."""
    given: dict[str, object] = {
        "severity": "error",
        "source": Source("PersistentVolumeClaim", "shop", "data"),
        "field": "metadata.annotations[x]",
        "value": "PT1H P1",
        "message": "is no good",
        "rule": "shop-pvc-data",
    }
    return msgspec.convert(msgspec.to_builtins(given | fields), Problem)


def test_goes_on_by_the_last_deltas_of_a_broken_rule() -> None:
    """A typo stops neither the disk's snapshots nor, by deleting, anything else."""
    borne = made_by("shop-pvc-data", **{CLAIM: "data", VOLUME: "pv-data"})
    history = [msgspec.structs.replace(s, **borne) for s in hourly(60, NOW - 2 * HOUR, disk=A)]
    made = planned(RuleSet(problems=(typo(disk=A),)), history)
    healthy = planned([rule(SHORT, disk=A)], history)
    assert only_create(healthy) == only_create(made)
    assert ([], set(gone(healthy))) == (gone(made), {hold.snapshot.id for hold in made.holds})
    assert {"rule-problem"} == {hold.cause for hold in made.holds}
    assert "PersistentVolumeClaim shop/data has a problem: is no good" in made.holds[0].reason


def test_is_not_due_by_the_last_deltas_before_their_interval() -> None:
    """The deltas that the snapshots bear decide when the next is due."""
    borne = made_by("shop-pvc-data", deltas=LONG)
    history = [snapshot("a", NOW - 2 * HOUR, disk=A, **borne)]  # type: ignore[arg-type]
    made = planned(RuleSet(problems=(typo(disk=A),)), history)
    assert ((), DAY) == (made.creates, made.disks[0].interval)


def test_goes_on_by_the_newest_deltas_that_can_be_read() -> None:
    """A newer snapshot that bears none, or another cluster's, does not decide."""
    history = [
        snapshot("a", NOW - 5 * HOUR, disk=A, deltas=LONG),
        snapshot("b", NOW - 4 * HOUR, disk=A, deltas=SHORT),
        snapshot("c", NOW - 3 * HOUR, disk=A, deltas="PT1M PT5M", labels=OURS | {CLUSTER: "other"}),
        snapshot("d", NOW - 2 * HOUR, disk=A, deltas="gibberish"),
    ]
    made = planned(RuleSet(problems=(typo(disk=A),)), history)
    assert SHORT == only_create(made).labels[DELTAS]


def test_goes_on_in_a_cluster_that_has_no_name() -> None:
    """Snapshots without a cluster label are ours where no cluster is known."""
    nameless = Policy(labels=Labels(AWS))
    labels = {"created-by": "k8s-snapshots"}
    history = [snapshot("a", NOW - 2 * HOUR, disk=A, deltas=SHORT, labels=labels)]
    made = planned(RuleSet(problems=(typo(disk=A),)), history, policy=nameless)
    assert SHORT == only_create(made).labels[DELTAS]


def test_accounts_for_a_broken_disk_that_has_no_deltas_to_go_by() -> None:
    """Where no snapshot says anything the disk is listed, and nothing is done to it."""
    made = planned(RuleSet(problems=(typo(disk=A),)), hourly(3, NOW - 40 * DAY, disk=A))
    assert (
        Plan(
            now=NOW,
            disks=(DiskPlan(disk=A, states={"completed": 3}),),
            problems=(typo(disk=A),),
        )
        == made
    )


def test_holds_what_other_rules_of_a_broken_disk_let_go() -> None:
    """With one of several rules not understood nothing of the disk goes, and all are kept to."""
    history = hourly(60, NOW - 2 * HOUR, disk=A, deltas=f"{SHORT} / {LONG}")
    made = planned(RuleSet((rule(SHORT, disk=A),), (typo(disk=A),)), history)
    assert [] == gone(made)
    assert f"{SHORT} / {LONG}" == only_create(made).labels[DELTAS]


def test_is_stopped_by_no_warning() -> None:
    """Only errors hold deletions."""
    warning = typo(disk=A, severity="warning")
    history = hourly(60, NOW, disk=A, deltas=SHORT)
    assert gone(planned(RuleSet((rule(SHORT, disk=A),), (warning,)), history))


def broken(history: Sequence[Snapshot], *rules: Rule, **fields: object) -> bool:
    """Tell whether a problem without a disk concerns this history's."""
    made = planned(RuleSet(rules, (typo(**fields),)), history)
    assert not made.holds or not made.deletes
    return any(hold.cause == "rule-problem" for hold in made.holds) or bool(
        made.disks and not rules
    )


OLD = snapshot("old", NOW - 90 * DAY, disk=A)


@pytest.mark.parametrize(
    ("newest", "expected"),
    [
        (made_by("shop-pvc-data"), True),
        (made_by("shop-pvc-data", "bank"), False),
        (made_by("shop-pvc-other"), False),
        ({}, False),
        (made_by("shop-pvc-data", **{CLUSTER: "another"}), False),
        ({"state": "failed"} | made_by("shop-pvc-data"), True),
        ({"state": "pending"} | made_by("shop-pvc-data"), True),
    ],
    ids=["same", "namespace", "rule", "silent", "cluster", "failed", "pending"],
)
def test_finds_the_disk_of_a_nameless_problem_by_its_snapshots(
    newest: dict[str, object], expected: bool
) -> None:
    """What the newest snapshot says of rule and namespace tells whose problem it is."""
    history = [OLD, msgspec.structs.replace(snapshot("new", NOW - HOUR, disk=A), **newest)]
    assert expected == broken(history)


def test_finds_the_disk_behind_newer_snapshots_that_say_nothing() -> None:
    """The daemon's, others' and hand-made snapshots do not hide whose disk it is."""
    history = [
        OLD,
        msgspec.structs.replace(snapshot("ours", NOW - HOUR, disk=A), **made_by("shop-pvc-data")),
        snapshot("manual", NOW, disk=A, labels={"created-by": "k8s-snapshots"}),
        snapshot("other", NOW, disk=A, labels=OURS | {CLUSTER: "x", RULE: "r"}),
        snapshot("future", NOW + DAY, disk=A),
    ]
    assert broken(history)


def test_finds_the_disk_of_a_volumes_problem_in_any_namespace() -> None:
    """A volume has no namespace; its snapshots bear that of its claim."""
    history = [OLD, msgspec.structs.replace(OLD, started=NOW, id="x", **made_by("pv-pv-data"))]
    source = Source("PersistentVolume", "", "pv-data")
    assert broken(history, rule="pv-pv-data", source=source)
    assert not broken(history, rule="", source=source)


UNION = made_by("shop-pvc-data", deltas=f"{SHORT} / {LONG}")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"rule": "shop-rule-long"}, True),
        ({"rule": "pv-pv-data", "source": Source("PersistentVolume", "", "pv-data")}, True),
        ({"rule": "bank-rule-x", "source": Source("SnapshotRule", "bank", "x")}, False),
        ({"rule": ""}, False),
        ({"rule": "shop-rule-long", "severity": "warning"}, False),
    ],
    ids=["namespace", "volume", "stranger", "powerless", "warning"],
)
def test_holds_what_a_vanished_list_of_a_union_may_keep(
    fields: dict[str, object], expected: bool
) -> None:
    """A snapshot names one of its rules; another of the namespace cannot be understood now."""
    days = [msgspec.structs.replace(s, **UNION) for s in hourly(5, NOW - 2 * DAY, DAY, disk=A)]
    newest = msgspec.structs.replace(snapshot("new", NOW, disk=A), **UNION)
    made = planned(RuleSet((rule(SHORT, disk=A),), (typo(**fields),)), [*days, newest])
    # Where the other list is known again, nothing of it goes; else it is held for what it names.
    assert (set() if expected else {"unsettled"}) == {hold.cause for hold in made.holds}
    assert [] == gone(made)
    assert (2 if expected else 1) == len(made.disks[0].policy)


def test_holds_nothing_of_a_union_that_is_complete() -> None:
    """Where all lists that the snapshots bear still stand, others' problems are others'."""
    history = [OLD, msgspec.structs.replace(snapshot("new", NOW, disk=A), **UNION)]
    rules = [rule(SHORT, disk=A), rule(LONG, disk=A, name="shop-rule-long")]
    assert not broken(history, *rules, rule="shop-rule-third")


def test_gives_an_earlier_owner_no_say_over_a_disk() -> None:
    """Once claimed from elsewhere, a disk is neither held nor kept up for its old namespace."""
    history = [
        OLD,
        msgspec.structs.replace(snapshot("new", NOW, disk=A), **made_by("shop-pvc-data")),
    ]
    bank = rule(LONG, disk=A, name="bank-pvc-money", namespace="bank", claim="money")
    made = planned(RuleSet((bank,), (typo(),)), history)
    assert ({"unsettled"}, ("bank-pvc-money",)) == (
        {hold.cause for hold in made.holds},
        made.disks[0].rules,
    )


def test_gives_no_say_to_a_claim_that_names_a_strangers_volume() -> None:
    """From the objects to the plan: no snapshot, no deletion, and no hold either (trap 12)."""
    labels = OURS | {RULE: "shop-pvc-data", NAMESPACE: "shop"}
    history = [snapshot("a", NOW - 40 * DAY, disk=DISK, deltas=SHORT, labels=labels)]
    items = [volume(claimed_by=("bank", "money")), claim("money", "bank", deltas=LONG)]
    without = planned(read(*items), history)
    robbed = planned(read(*items, claim(deltas="typo")), history)
    assert (without.creates, without.disks) == (robbed.creates, robbed.disks)
    assert () == planned(read(items[0], claim(deltas="typo")), history).creates


def test_stays_quick_with_many_problems_and_many_disks() -> None:
    """Problems are looked up, not tried one by one, each on each disk."""
    problems = tuple(
        typo(rule=f"shop-rule-{n}", source=Source("SnapshotRule", "shop", str(n)))
        for n in range(5_000)
    )
    labels = made_by("shop-rule-4999")
    history = [
        msgspec.structs.replace(snapshot(f"s{n}", NOW, disk=disk(f"vol-{n}")), **labels)
        for n in range(2_000)
    ]
    assert 2_000 == len(planned(RuleSet(problems=problems), history).disks)


# Orphans


def test_counts_orphans_and_deletes_none() -> None:
    """A rule that vanished deletes nothing: its snapshots are counted."""
    history = hourly(60, NOW - 90 * DAY, disk=A, deltas=SHORT)
    (orphans,) = planned([], history).orphans
    assert (A, 60, NOW - 90 * DAY) == (orphans.disk, orphans.count, orphans.newest)
    assert (90 * DAY, 0, 0) == (orphans.age, orphans.deletes, orphans.holds)
    assert () == planned([], history).deletes


@pytest.mark.parametrize("labels", [{"created-by": "k8s-snapshots"}, OURS | {CLUSTER: "another"}])
def test_takes_only_this_clusters_snapshots_for_orphans(labels: dict[str, str]) -> None:
    """The daemon's and other clusters' snapshots are nobody's orphans here."""
    assert () == planned([], hourly(3, NOW, disk=A, labels=labels)).orphans


@pytest.mark.parametrize(
    ("only", "count"),
    [
        (None, 1),
        (Only(scopes=("eu-west-1",)), 1),
        (Only(scopes=("us-east-1",)), 0),
        (Only(namespaces=("shop",)), 0),
        (Only(disks=("vol-a",)), 0),
    ],
)
def test_looks_for_orphans_in_whole_scopes_only(only: Only | None, count: int) -> None:
    """A selection of disks says nothing about what no rule covers."""
    assert count == len(planned([], hourly(3, NOW, disk=A), only=only).orphans)


def test_takes_a_disk_with_a_broken_rule_for_no_orphan() -> None:
    """A typo is no vanished rule."""
    assert () == planned(RuleSet(problems=(typo(disk=A),)), hourly(3, NOW, disk=A)).orphans


# Any world

DISKS = [A, B, C, disk("vol-a", "us-east-1")]
SOME_RULES = st.builds(
    lambda where, deltas, name: rule(deltas, disk=where, name=name),
    st.sampled_from(DISKS),
    st.sampled_from([SHORT, LONG, "PT15M PT2H P7D", "P1M P1Y", "PT1M PT5M"]),
    st.sampled_from(["shop-pvc-data", "shop-rule-x", "d" * 70]),
)
SOME_LABELS = st.sampled_from(
    [
        OURS,
        {"created-by": "k8s-snapshots"},
        OURS | {CLUSTER: "another"},
        {"created-by": "somebody"},
        OURS | {RULE: "shop-pvc-data", NAMESPACE: "shop"},
        OURS | {RULE: "shop-rule-x", NAMESPACE: "shop"},
    ]
)
SOME_PROBLEMS = st.builds(
    lambda where, severity, name: typo(disk=where, severity=severity, rule=name),
    st.sampled_from([None, *DISKS]),
    st.sampled_from(["error", "warning"]),
    st.sampled_from(["", "shop-pvc-data", "shop-rule-x"]),
)


class World(msgspec.Struct):
    ruleset: RuleSet
    snapshots: list[Snapshot]
    policy: Policy
    incomplete: dict[str, str]

    def plan(self) -> Plan:
        return planned(self.ruleset, self.snapshots, policy=self.policy, incomplete=self.incomplete)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    scale = draw(st.sampled_from([10 * MINUTE, HOUR, DAY]))
    ages = draw(st.lists(st.integers(-3, 40), max_size=30))
    snapshots = [
        snapshot(
            f"snap-{number}",
            NOW - age * scale,
            disk=draw(st.sampled_from(DISKS)),
            state=draw(st.sampled_from(["completed", "completed", "pending", "failed"])),
            labels=draw(SOME_LABELS),
            deltas=draw(st.sampled_from(["", "typo", SHORT, f"{SHORT} / {LONG}"])),
        )
        for number, age in enumerate(ages)
    ]
    policy = Policy(
        labels=POLICY.labels,
        release_holds=draw(st.booleans()),
        no_deletions=draw(st.sampled_from(["", "", "stale"])),
    )
    rules = draw(st.lists(SOME_RULES, max_size=5))
    problems = draw(st.lists(SOME_PROBLEMS, max_size=2))
    incomplete = draw(st.sampled_from([{}, {}, {"us-east-1": "cut"}]))
    return World(RuleSet(tuple(rules), tuple(problems)), snapshots, policy, incomplete)


@given(worlds(), st.randoms(use_true_random=False))
@settings(max_examples=80, deadline=None)
def test_gives_the_same_bytes_in_whatever_order_snapshots_come(
    world: World, random: Random
) -> None:
    """The plan is deterministic, repeated entries included."""
    once = msgspec.json.encode(world.plan())
    world.snapshots = world.snapshots * 2
    random.shuffle(world.snapshots)
    assert once == msgspec.json.encode(world.plan())


@given(worlds())
@settings(max_examples=80, deadline=None)
def test_survives_being_written_to_json(world: World) -> None:
    """What plan mode prints is the very plan that reconcile mode carries out."""
    made = world.plan()
    assert made == msgspec.json.decode(msgspec.json.encode(made), type=Plan)


@given(worlds())
@settings(max_examples=80, deadline=None)
def test_accounts_for_every_disk_once(world: World) -> None:
    """Each disk with a rule is listed, due ones are begun or wait, once; sums add up."""
    made = world.plan()
    listed = [account.disk for account in made.disks]
    begun = [create.disk for create in made.creates] + [wait.disk for wait in made.waits]
    due = [d for d in made.disks if d.next_due and d.next_due <= NOW]
    assert sorted(listed) == sorted(set(listed))
    assert {rule.disk for rule in world.ruleset.rules} <= set(listed)
    assert sorted(begun) == sorted(set(begun))
    assert {account.disk for account in due} <= set(begun)
    gone = sum(account.deletes + account.removed for account in made.disks)
    assert gone == len(made.deletes)
    assert sum(account.holds for account in made.disks) == len(made.holds)


@given(worlds())
@settings(max_examples=80, deadline=None)
def test_deletes_nothing_where_anything_forbids_it(world: World) -> None:
    """Stale rules, an incomplete listing, a broken rule, no rule, a stranger: each suffices."""
    covered = {rule.disk for rule in world.ruleset.rules}
    wrong = {p.disk for p in world.ruleset.problems if p.severity == "error"}
    for delete in world.plan().deletes:
        found = delete.snapshot
        assert not world.policy.no_deletions
        assert found.disk.scope not in world.incomplete
        assert found.disk in covered - wrong
        assert found in world.snapshots
        assert found.labels["created-by"] == "k8s-snapshots"
        assert found.labels.get(CLUSTER, "demo") == "demo"


@given(clusters(), st.data())
@settings(max_examples=100, deadline=None)
def test_lets_no_namespace_change_what_happens_to_anothers_disk(
    cluster: tuple[list[Json], dict[Disk, str]], data: st.DataObject
) -> None:
    """Whatever `a` writes, what is planned for the disks of `b` stays the same (trap 12)."""
    items, owners = cluster
    snapshots = []
    for where, owner in owners.items():
        before = data.draw(st.sampled_from([owner, owner, "a"]))
        maker = data.draw(st.sampled_from([f"{before}-pvc-x", f"{before}-rule-y"]))
        labels = OURS | {RULE: maker, NAMESPACE: before, DELTAS: SHORT}
        until = NOW - data.draw(st.sampled_from([HOUR, 3 * HOUR, 30 * DAY]))
        snapshots += hourly(30, until, disk=where, labels=labels, deltas=SHORT)
    without = [item for item in items if item["metadata"].get("namespace") != "a"]
    ruled = {rule.disk for rule in read(*without, disk_rule_namespaces=("ops",)).rules}
    for where in ruled & {where for where, owner in owners.items() if owner == "b"}:
        expected = concerning(where, without, snapshots)
        assert expected == concerning(where, items, snapshots)


def concerning(where: Disk, items: list[Json], snapshots: list[Snapshot]) -> list[object]:
    made = planned(read(*items, disk_rule_namespaces=("ops",)), snapshots)
    return [
        [create for create in made.creates if create.disk == where],
        [wait for wait in made.waits if wait.disk == where],
        [delete for delete in made.deletes if delete.snapshot.disk == where],
        [hold for hold in made.holds if hold.snapshot.disk == where],
        [account for account in made.disks if account.disk == where],
    ]


def test_answers_the_same_in_whatever_order_objects_come() -> None:
    """From the objects to the plan nothing depends on the order of a listing."""
    items = [volume(deltas=LONG), claim(deltas=SHORT), with_spec(5, "a"), with_spec(5, "b")]
    items += [snapshot_rule("d", **by_disk(OTHER_DISK.name)), snapshot_rule("c", **by_disk())]
    history = hourly(40, NOW - HOUR, disk=DISK)
    ahead, back = planned(read(*items), history), planned(read(*reversed(items)), history)
    assert msgspec.json.encode(ahead) == msgspec.json.encode(back)


def test_begins_nothing_that_the_next_pass_would_not_know_again() -> None:
    """Where keys collide after all, a problem is said, and no snapshot is taken every pass."""
    colliding = Labels(AWS, cluster="demo", keep_key="created-by")
    policy = Policy(labels=colliding, creating_only=True, keep_until="2026-07-01")
    made = planned([rule(SHORT, disk=A), rule(SHORT, disk=B)], policy=policy)
    assert () == made.creates
    assert {A, B} == {problem.disk for problem in made.problems}
    assert all("would not recognise it" in problem.message for problem in made.problems)


# Copies, and what holds a place


@given(st.lists(st.tuples(st.integers(0, 400), st.booleans(), st.sampled_from(
    ["completed", "pending", "failed"])), max_size=40))  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_copies_change_no_plan(copies: list[tuple[int, bool, State]]) -> None:
    """Whatever their dates, states and volume ids: nothing is due, late or deleted for them."""
    history = hourly(60, NOW - 2 * HOUR, disk=A, deltas=SHORT)
    made = [
        msgspec.structs.replace(
            snapshot(f"copy-{n}", NOW - hours * HOUR, disk=A if same else B, state=state,
                     deltas=SHORT),
            copy=True,
        )
        for n, (hours, same, state) in enumerate(copies)
    ]  # fmt: skip
    rules = [rule(SHORT, disk=A)]
    policy = msgspec.structs.replace(POLICY, orphan_grace=timedelta(0))
    assert planned(rules, history, policy=policy) == planned(
        rules, [*history, *made], policy=policy
    )


def test_a_failed_snapshot_goes_once_it_is_in_the_way() -> None:
    """When the next one is due and not before; its reason is told. On Google it is in no way."""
    failed = msgspec.structs.replace(
        snapshot("snap-f", NOW - HOUR / 2, disk=A, state="failed"), message="no key"
    )
    young = snapshot("snap-c", NOW - HOUR / 2, disk=A)
    assert gone(planned([rule(SHORT, disk=A)], [failed, young])) == []
    made = planned([rule(SHORT, disk=A)], [failed])
    assert [d.reason for d in made.deletes] == ["failed 30 min ago (no key); no backup"]
    google = msgspec.structs.replace(POLICY, labels=Labels(GOOGLE, cluster="demo"))
    assert gone(planned([rule(SHORT, disk=A)], [failed], policy=google)) == []
    kept = msgspec.structs.replace(POLICY, no_deletions="the mirror is in use")
    assert gone(planned([rule(SHORT, disk=A)], [failed], policy=kept)) == []


def test_a_claim_that_no_rule_covers_is_not_told_to_be_missing() -> None:
    """It is there: what it lacks is said, or who wants it so."""
    items = [volume(), claim(), volume("pv-b", OTHER_VOL, claimed_by=("shop", "b")),
             claim("b", volume="pv-b", deltas="none")]  # fmt: skip
    made = plan(read(*items), [], NOW, POLICY, only=Only(claims=("shop/data", "shop/b", "shop/c")))
    bare, none, missing = (p.message for p in made.problems if p.source.kind == "Request")
    assert "no rule covers this claim, whose volume is pv-data" in bare
    assert "not backed up, by deltas: none of PersistentVolumeClaim shop/b" in none
    assert "no rule is of a claim called so" in missing


def test_says_what_is_nearly_called_so() -> None:
    """A typo in a selection names what was perhaps meant."""
    made = plan(read(volume(), claim(deltas=LONG)), [], NOW, POLICY,
                only=Only(claims=("shop/daat", "elsewhere/xyz")))  # fmt: skip
    near, far = (p.message for p in made.problems if p.source.kind == "Request")
    assert near.endswith("; did you mean shop/data?")
    assert "did you mean" not in far


@pytest.mark.parametrize(("severity", "told"), [("error", []), ("warning", ["data"])])
def test_what_nothing_covers_is_told_once(severity: Any, told: list[str]) -> None:
    """By its problem, where it has one; a note is none."""
    source = Source("PersistentVolumeClaim", "shop", "data")
    problem = Problem(severity=severity, source=source, field="", value="", message="no place")
    bare = Uncovered(disk=None, namespace="shop", claim="data", volume="pv-data")
    made = planned(RuleSet(problems=(problem,), uncovered=(bare,)))
    assert told == [one.claim for one in made.uncovered]


def test_rules_of_one_name_and_interval_have_an_order() -> None:
    """Two policies select a claim: its snapshots' labels are the same however they are listed."""
    rules = [
        msgspec.structs.replace(rule(text, disk=A), source=Source("SnapshotPolicy", "", name))
        for name, text in (("gold", "PT1H P1D"), ("silver", "PT1H PT6H P2D"), ("x", "PT1H P1D"))
    ]
    orders = [planned(order).creates[0].labels for order in (rules, rules[::-1])]
    assert orders[0] == orders[1]
