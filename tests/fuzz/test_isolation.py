"""Whatever stands in one namespace, the disks of another are snapshotted and expired as before."""

from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from functions.aws.volumes import EBSVolumes
from shared.model import Disk, RuleSet, Snapshot
from shared.objects import decode_list
from shared.planning.actions import Plan
from shared.planning.labels import AWS, CLAIM, DELTAS, GOOGLE, NAMESPACE, RULE, VOLUME, Labels
from shared.planning.plan import plan
from shared.planning.policy import Policy
from shared.rules.options import Options
from shared.rules.read import read_rules
from tests.clock import NOON
from tests.fuzz.budget import bounded, fuzz
from tests.fuzz.inputs import Json, encoded, listed, mutations
from tests.shared.builders import hourly
from tests.shared.objects_builders import (
    DISK,
    VOL,
    by_disk,
    claim,
    snapshot_rule,
    uid,
    volume,
    with_spec,
)

VICTIM, THIEF = "victim", "thief"
TEXT = "PT1H P1D"
#: What the victim's disk is covered by: both annotations, each kind of rule, a broken one, none.
COVERED: list[list[Json]] = [
    [claim("data", VICTIM, deltas=TEXT)],
    [claim("data", VICTIM, deltas="typo")],
    [claim("data", VICTIM)],
    [claim("data", VICTIM), snapshot_rule("r", VICTIM, deltas=TEXT, persistentVolumeClaim="data")],
    [claim("data", VICTIM), snapshot_rule("r", VICTIM, deltas=TEXT, persistentVolume="pv-data")],
    [claim("data", VICTIM), snapshot_rule("r", VICTIM, deltas=TEXT, **by_disk())],
    [claim("data", VICTIM), with_spec({"deltas": 5, "persistentVolumeClaim": "data"}, "r", VICTIM)],
    [{"kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": VICTIM},
      "spec": 5}],
    [],
]  # fmt: skip
#: What a namespace may be called; the API accepts no others.
NAMESPACES = st.sampled_from(
    [THIEF, "default", "victim-pvc", "victim-pvc-data", "victi", "victim0", "pvc", "pv"]
)
NAMES = st.sampled_from(["data", "r", "pv-data", "pvc-data", "victim", "victim-pvc-data", "x"])
DELTAS_TEXTS = st.sampled_from([TEXT, "PT1M PT2M", "P1Y P2Y", "typo", "", 5, None])


@st.composite
def attackers(draw: st.DrawFn) -> list[bytes]:
    """Draw what somebody may create who has all power over namespaces, but the victim's."""
    items = []
    for _ in range(draw(st.integers(1, 5))):
        namespace, name, deltas = draw(NAMESPACES), draw(NAMES), draw(DELTAS_TEXTS)
        uids = st.sampled_from([None, "", uid(VICTIM, "data")])
        item: Any
        if draw(st.booleans()):
            item = claim(name, namespace, volume="pv-data", deltas=deltas, claim_uid=draw(uids))
            item["spec"]["claimRef"] = {"namespace": VICTIM, "name": "data"}
        else:
            forged = [
                by_disk(),
                {"persistentVolume": "pv-data"},
                {"persistentVolumeClaim": draw(NAMES)},
                {"persistentVolumeClaim": "victim/data"},
                {"persistentVolumeClaim": {"namespace": VICTIM, "name": "data"}},
                {"claimRef": {"namespace": VICTIM, "name": "data"}, "namespace": VICTIM},
            ]
            item = with_spec({"deltas": deltas} | draw(st.sampled_from(forged)), name, namespace)
        item["metadata"] |= {"ownerReferences": [{"kind": "PersistentVolume", "name": "pv-data"}]}
        items.append(_as_the_api_gives(draw, item) if draw(st.booleans()) else encoded(item))
    return items


def _as_the_api_gives(draw: st.DrawFn, item: Json) -> bytes:
    """Mutate what its author may write; kind, name and namespace are the API's own."""
    mutated = draw(mutations({"spec": item["spec"]})).removesuffix(b"}").removeprefix(b"{")
    own = encoded({"kind": item["kind"], "metadata": item["metadata"]})
    # Of two fields of one name the last counts.
    return b"{%s%s" % (mutated + b", " if mutated else b"", own.removeprefix(b"{"))


def rules_of(cluster: list[bytes]) -> RuleSet:
    options = Options(disk_rule_namespaces=(VICTIM,))
    with bounded():
        return read_rules(decode_list(listed(*cluster), "a test"), EBSVolumes(), options)


def history(labels: Labels, rule: str) -> list[Snapshot]:
    """Two days, hourly: some of it is to go."""
    value = labels.encoding.value
    borne = {
        labels.author_key: labels.author,
        "k8s-snapshots-cluster": labels.cluster,
        NAMESPACE: value(VICTIM),
        CLAIM: "data",
        VOLUME: "pv-data",
        RULE: value(rule),
        DELTAS: value(TEXT),
    }
    return hourly(28, NOON - timedelta(hours=2), disk=DISK, labels=borne, deltas=TEXT)


def of_disk(planned: Plan, disk: Disk) -> list[Any]:
    """Tell all that a plan does with a disk, its snapshot's name aside, which others may share."""
    return [
        [
            (c.rules, c.reason, {k: v for k, v in c.labels.items() if k != "Name"})
            for c in planned.creates
            if c.disk == disk
        ],
        [d for d in planned.deletes if d.snapshot.disk == disk],
        [h for h in planned.holds if h.snapshot.disk == disk],
        [w for w in planned.waits if w.disk == disk],
        [d for d in planned.disks if d.disk == disk],
        [o for o in planned.orphans if o.disk == disk],
    ]


@fuzz(120)
@given(
    st.sampled_from(COVERED),
    attackers(),
    st.integers(0, 3),
    st.sampled_from([AWS, GOOGLE]),
    st.sampled_from(["victim-pvc-data", "victim-rule-r", "pv-pv-data"]),
)
def test_a_namespace_reaches_no_disk_of_another(
    own: list[Json], attack: list[bytes], at: int, encoding: Any, rule: str
) -> None:
    """Same rules, same problems, same creations, deletions and holds as without the others."""
    cluster = [encoded(item) for item in (volume(claimed_by=(VICTIM, "data")), *own)]
    without = rules_of(cluster)
    found = rules_of([*cluster[:at], *attack, *cluster[at:]])

    assert [r for r in found.rules if r.disk == DISK] == list(without.rules)
    assert [p for p in found.problems if p.disk == DISK] == [
        p for p in without.problems if p.disk == DISK
    ]
    assert [p for p in found.problems if p.source.namespace == VICTIM] == [
        p for p in without.problems if p.source.namespace == VICTIM
    ]
    labels = Labels(encoding, cluster="demo")
    policy = Policy(labels=labels, orphan_grace=timedelta(0))
    for ruleset in (found, without):
        assert all(r.disk == DISK for r in ruleset.rules)
    past = history(labels, rule)
    plans = [of_disk(plan(r, past, NOON, policy), DISK) for r in (found, without)]
    assert plans[0] == plans[1]


@fuzz(60)
@given(attackers(), st.text("abcdefgh-", min_size=1, max_size=10))
def test_a_bound_claim_of_ones_own_reaches_ones_own_disk_only(
    attack: list[bytes], name: str
) -> None:
    """A thief who has a disk, and all rules it may write, keeps the hands off the victim's."""
    assume(name != "data")
    other = VOL[:-1] + "9"
    mine = [
        encoded(volume("pv-own", other, claimed_by=(THIEF, name))),
        encoded(claim(name, THIEF, volume="pv-own", deltas="PT1M PT2M")),
    ]
    victim = [encoded(volume(claimed_by=(VICTIM, "data"))),
              encoded(claim("data", VICTIM, deltas=TEXT))]  # fmt: skip
    found = rules_of([*mine, *victim, *attack])

    assert {r.source.namespace for r in found.rules if r.disk == DISK} == {VICTIM}
    assert {r.disk for r in found.rules if r.source.namespace == THIEF} == {
        msgspec.structs.replace(DISK, name=other)
    }
