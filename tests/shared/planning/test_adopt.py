"""Which snapshots become ours, and what they are labelled with."""

import msgspec

from shared.planning.adopt import TAG, Stranger, adoptions, takeovers
from shared.planning.labels import CLUSTER, DELTAS, FROM, NAME
from tests.shared.builders import DAY, HOUR, NOW, OURS, disk, rule, snapshot
from tests.shared.objects_builders import POLICY

RULES = {disk(): [rule()]}


def test_what_is_adopted_is_told_whose_it_is_and_nothing_else() -> None:
    """Neither a name nor deltas: nobody knows under which it was made."""
    strangers = [Stranger(snapshot("b", NOW, labels={})), Stranger(snapshot("a", NOW - DAY,
                 labels={}))]  # fmt: skip
    found = adoptions(strangers, RULES, POLICY.labels)
    assert [("a", "adopt"), ("b", "adopt")] == [(a.snapshot.id, a.why) for a in found]
    assert OURS.items() <= found[0].labels.items()
    assert not {NAME, DELTAS} & found[0].labels.keys()


def test_what_is_anothers_is_left() -> None:
    """A manager's, another cluster's, a failed one; and of disks without rules nothing is said."""
    strangers = [
        Stranger(snapshot("managed", NOW - 3 * HOUR, labels={}), manager="AWS Backup"),
        Stranger(snapshot("other", NOW - 2 * HOUR, labels={CLUSTER: "green"})),
        Stranger(snapshot("failed", NOW - HOUR, labels={}, state="failed")),
        Stranger(snapshot("pending", NOW, labels={}, state="pending")),
        Stranger(snapshot("unruled", NOW, disk=disk("vol-0b"), labels={})),
    ]
    found = {a.snapshot.id: bool(a.labels) for a in adoptions(strangers, RULES, POLICY.labels)}
    assert {"managed": False, "other": False, "failed": False, "pending": True} == found


def test_what_is_taken_over_says_from_whom() -> None:
    """Of disks that have rules here, from the cluster that was named."""
    green = OURS | {CLUSTER: "green"}
    listed = [
        snapshot("b", NOW, labels=green), snapshot("a", NOW - DAY, labels=green),
        snapshot("ours", NOW), snapshot("third", NOW, labels=OURS | {CLUSTER: "blue"}),
        snapshot("strange", NOW, labels={CLUSTER: "green"}),
        snapshot("unruled", NOW, disk=disk("vol-0b"), labels=green),
    ]  # fmt: skip
    found = takeovers(listed, RULES, POLICY.labels, "green")
    assert ["a", "b"] == [a.snapshot.id for a in found]
    assert {CLUSTER: "demo", FROM: "green"} == found[0].labels


def test_what_another_cluster_took_over_is_not_taken_again() -> None:
    """Its description still names the cluster that made it."""
    made = snapshot("a", NOW, labels=OURS | {CLUSTER: "blue", FROM: "green"})
    made = msgspec.structs.replace(made, cluster="green")
    assert takeovers([made], RULES, POLICY.labels, "green") == []
    assert len(takeovers([made], RULES, POLICY.labels, "blue")) == 1


def test_what_has_our_label_and_lacks_the_tag_gets_it() -> None:
    """Where Google's deletions are limited by a tag, a snapshot of ours needs it."""
    (found,) = adoptions([Stranger(snapshot("ours", NOW))], RULES, POLICY.labels)
    assert (TAG, {"created-by": "k8s-snapshots"}) == (found.why, found.labels)
