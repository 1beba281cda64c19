"""What the status of SnapshotRules says, when it is written anew, and the Events of annotations."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import DiskFailed, NextPass, ProviderError
from shared.model import Problem, RuleSet, Snapshot, Source
from shared.objects import Objects
from shared.planning.actions import Plan
from shared.planning.plan import plan
from shared.ports import Listing
from shared.reports.applied import Applied, foresee
from shared.reports.events import events
from shared.reports.rule_statuses import MAX_PROBLEMS, statuses
from shared.request import Only
from tests.shared.builders import DAY, HOUR, NOW, hourly, snapshot
from tests.shared.fake_bucket import FakeBucket, storage_in
from tests.shared.objects_builders import (
    DISK,
    OTHER_DISK,
    OTHER_VOL,
    POLICY,
    by_disk,
    claim,
    clusters,
    decode,
    namespace,
    rules_of,
    snapshot_policy,
    snapshot_rule,
    volume,
    with_spec,
)

DEFINITION = next(
    yaml.safe_load_all((Path(__file__).parents[3] / "manifests" / "crd.yaml").read_text())
)
SCHEMA = DEFINITION["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
MINUTE = timedelta(minutes=1)
NIGHTLY = Source("SnapshotRule", "shop", "nightly")

Json = dict[str, Any]


class World:
    """A cluster's objects and snapshots; passes over them, which leave the status behind."""

    def __init__(self, *items: Json, snapshots: Iterable[Snapshot] = ()) -> None:
        self.items, self.snapshots = list(items), list(snapshots)
        self.complete = True
        self.error: ProviderError | None = None

    def passed(
        self, now: datetime = NOW, only: Only | None = None
    ) -> tuple[Objects, RuleSet, Plan, list[Listing], Applied]:
        objects = decode(*self.items)
        ruleset = rules_of(objects)
        incomplete = {} if self.complete else {"eu-west-1": "cut short"}
        planned = plan(ruleset, self.snapshots, now, POLICY, incomplete=incomplete, only=only)
        if self.error:
            applied = Applied()
            for create in planned.creates:
                applied.missed("create", create.disk.id, "", self.error)
        else:
            applied = foresee(planned)
        listings = [Listing("eu-west-1", tuple(self.snapshots), self.complete)]
        return objects, ruleset, planned, listings, applied

    def run(self, now: datetime = NOW, only: Only | None = None) -> dict[str, Json]:
        """Write what a pass would; give the patches by the rule's name."""
        found = statuses(*self.passed(now, only), POLICY.labels)
        patches = {patch.source.name: patch.status for patch in found}
        assert len(patches) == len(found)
        for name, patch in patches.items():
            item = self.rule(name)
            item["status"] = json.loads(json.dumps(patch))
            jsonschema.validate(
                item["status"],
                SCHEMA["properties"]["status"],
                jsonschema.Draft202012Validator,
                format_checker=jsonschema.FormatChecker(),
            )
        return patches

    def rule(self, name: str = "nightly") -> Json:
        (found,) = (
            item
            for item in self.items
            if item["kind"] == "SnapshotRule" and item["metadata"]["name"] == name
        )
        return found

    def status(self, name: str = "nightly") -> Json:
        found: Json = self.rule(name)["status"]
        return found

    def ready(self, name: str = "nightly") -> tuple[str, str, str]:
        (condition,) = self.status(name)["conditions"]
        assert condition["type"] == "Ready"
        return condition["status"], condition["reason"], condition["message"]


def by_claim(**spec: Any) -> list[Json]:
    """Make a claim, its volume and a rule that names it, of generation 3."""
    rule = snapshot_rule(persistentVolumeClaim="data", **spec)
    rule["metadata"]["generation"] = 3
    return [volume(), claim(), rule]


def since(world: World) -> str:
    return str(world.status()["conditions"][0]["lastTransitionTime"])


def test_says_what_there_is() -> None:
    """All of it: ready, the last snapshot, the next, how many, and of which edit it speaks."""
    world = World(*by_claim(), snapshots=hourly(3, NOW - 10 * MINUTE, disk=DISK))

    world.run()

    assert world.status() == {
        "observedGeneration": 3,
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "Snapshotting",
                "message": f"{DISK.id} is snapshotted by PT1H P1D P30D",
                "lastTransitionTime": "2026-06-15T12:00:00Z",
                "observedGeneration": 3,
            }
        ],
        "lastSnapshot": {"id": world.snapshots[-1].id, "time": "2026-06-15T11:50:00Z"},
        "nextDue": "2026-06-15T12:50:00Z",
        "snapshots": 3,
    }


def test_what_has_not_changed_is_not_written() -> None:
    """That time goes by is no change, as long as the next snapshot is not overdue."""
    world = World(*by_claim(), snapshots=hourly(3, NOW, disk=DISK))
    assert world.run()
    for minutes in range(0, 40, 5):
        assert world.run(NOW + minutes * MINUTE) == {}


def test_what_does_not_belong_to_it_is_no_change() -> None:
    """Neither a resourceVersion nor managedFields nor a label of somebody's makes it written."""
    world = World(*by_claim(), snapshots=hourly(3, NOW, disk=DISK))
    world.run()
    world.rule()["metadata"] |= {"resourceVersion": "9", "managedFields": [{"manager": "x"}],
                                 "labels": {"team": "a"}}  # fmt: skip
    world.rule()["status"]["of-somebody-else"] = [1]
    assert world.run() == {}


def test_an_edit_is_spoken_of_once() -> None:
    """After an edit the generation changes, and little else."""
    world = World(*by_claim(), snapshots=hourly(3, NOW, disk=DISK))
    world.run()
    world.rule()["metadata"]["generation"] = 4
    assert world.run()
    assert (4, 4) == (
        world.status()["observedGeneration"],
        world.status()["conditions"][0]["observedGeneration"],
    )
    assert world.run() == {}


def test_the_first_snapshot_makes_it_ready() -> None:
    """A rule is ready once a snapshot is completed, not when one was begun."""
    world = World(*by_claim())
    world.run()
    assert world.ready()[:2] == ("False", "Pending")
    assert world.status()["snapshots"] == 0
    assert world.status()["nextDue"] == "2026-06-15T13:00:00Z"
    assert "lastSnapshot" not in world.status()

    world.snapshots = [snapshot("snap-1", NOW + 20 * timedelta(seconds=1), disk=DISK,
                                state="pending")]  # fmt: skip
    assert world.run(NOW + 5 * MINUTE) == {}  # whose own time is told only now, and is near enough

    world.snapshots = [msgspec.structs.replace(world.snapshots[0], state="completed")]
    world.run(NOW + 10 * MINUTE)
    assert world.ready()[:2] == ("True", "Snapshotting")
    assert since(world) == "2026-06-15T12:10:00Z"


def test_what_a_pass_deletes_is_not_counted() -> None:
    """So that the next pass has nothing to correct."""
    world = World(*by_claim(), snapshots=hourly(40, NOW, disk=DISK, deltas="PT1H P1D P30D"))
    passed = world.passed()
    deleted = len(passed[4].deletions)
    assert deleted

    world.run()

    assert world.status()["snapshots"] == 40 - deleted


def test_overdue_until_it_is_taken() -> None:
    """With why, in words that stand still; the time of the change is that of the change."""
    world = World(*by_claim(), snapshots=hourly(3, NOW, disk=DISK))
    world.run()
    world.error = DiskFailed("quota 5 of 5 is used, request 0a1b", "SnapshotLimitExceeded")
    late = NOW + 2 * HOUR

    world.run(late)

    assert world.ready() == (
        "False",
        "Overdue",
        "a snapshot is overdue: the last one is of 2026-06-15 12:00 UTC; the next one could not "
        "be begun: SnapshotLimitExceeded",
    )
    assert since(world) == "2026-06-15T14:00:00Z"
    assert world.run(late + 5 * MINUTE) == {}
    world.error = NextPass("the pass ran out of time after 71 s")
    assert world.run(late + 10 * MINUTE)
    assert world.ready()[2].endswith("; the next one was left to a later pass")
    assert since(world) == "2026-06-15T14:00:00Z"
    world.error = None
    world.run(late + 15 * MINUTE)
    assert world.ready()[0] == "True"


@pytest.mark.parametrize(
    ("states", "said"),
    [
        (["pending"], "one is still pending"),
        (["failed"] * 3, "the last ones failed, and the next is tried once per interval"),
    ],
)
def test_says_what_it_waits_for(states: list[Any], said: str) -> None:
    """A disk that is not tried is overdue for a reason."""
    late = NOW + 6 * HOUR
    found = [
        snapshot(f"snap-{n}", NOW + (3 * HOUR if s == "pending" else 6 * HOUR - MINUTE), disk=DISK,
                 state=s) for n, s in enumerate(states)
    ]  # fmt: skip
    world = World(*by_claim(), snapshots=hourly(3, NOW, disk=DISK) + found)
    world.run(late)
    assert world.ready()[1] == "Overdue"
    assert world.ready()[2].endswith(said)


def test_the_next_one_is_due_in_its_window() -> None:
    """Before the snapshot and after it; while it waits the rule is ready."""
    night = [{"start": "01:00", "end": "05:00"}]
    items = [snapshot_rule(deltas="P1D P7D", window=night, **by_disk())]
    world = World(*items, snapshots=[snapshot("snap-1", NOW - 30 * HOUR, disk=DISK)])
    world.run()
    assert "2026-06-16T01:00:00Z" == world.status()["nextDue"]
    assert "True" == world.ready()[0]
    world.run(NOW + 13 * HOUR)
    assert "2026-06-17T01:00:00Z" == world.status()["nextDue"]


def test_a_disk_without_any_snapshot_has_no_next_one() -> None:
    """It is due in every pass, and a time that moves with the clock would be written in each."""
    world = World(*by_claim())
    world.error = DiskFailed("gone", "InvalidVolume.NotFound")
    world.run()
    assert world.ready()[1:] == (
        "Overdue",
        "a snapshot is overdue: there is none yet; the next one could not be begun: "
        "InvalidVolume.NotFound",
    )
    assert "nextDue" not in world.status()
    assert world.run(NOW + 5 * MINUTE) == {}


def test_held_deletions_are_said() -> None:
    """The rule is ready all the same: its snapshots are taken."""
    many = hourly(30, NOW - 10 * MINUTE, disk=DISK, deltas="PT1H P60D P90D")
    world = World(*by_claim(deltas="P1D P2D"), snapshots=many)
    world.run()
    assert world.ready() == (
        "True",
        "Held",
        f"{DISK.id} is snapshotted by P1D P2D; deletions are held (unsettled), see the pass's "
        "report",
    )


def test_a_problem_is_said_where_it_is() -> None:
    """With the field, the value as it stands, and what would be right; and gone when it is gone."""
    world = World(*by_claim(deltas="PT1H"), snapshots=hourly(3, NOW - MINUTE, disk=DISK))

    world.run()

    status, reason, message = world.ready()
    assert (status, reason) == ("False", "Problem")
    assert message.startswith("spec.deltas: 'PT1H': has 1 duration; at least two are needed")
    (problem,) = world.status()["problems"]
    assert problem == {
        "severity": "error",
        "field": "spec.deltas",
        "message": message.removeprefix("spec.deltas: "),
    }
    assert (3, "2026-06-15T11:59:00Z") == (
        world.status()["snapshots"],
        world.status()["lastSnapshot"]["time"],
    )
    world.rule()["spec"]["deltas"] = "PT1H P1D"
    assert "problems" not in world.run()["nightly"]
    assert "problems" not in world.status()


def test_where_the_disk_cannot_be_told_nothing_is_said_of_it() -> None:
    """What an earlier pass said of the disk goes."""
    world = World(*by_claim(), snapshots=hourly(3, NOW - MINUTE, disk=DISK))
    world.run()
    world.rule()["spec"]["persistentVolumeClaim"] = "other"
    world.run()
    assert world.status().keys() == {"observedGeneration", "conditions", "problems"}
    assert world.ready()[2].startswith("spec.persistentVolumeClaim: 'other': there is no such")


def test_a_warning_leaves_it_ready() -> None:
    """Deltas out of order are read as if they were not."""
    world = World(*by_claim(deltas="P1D PT1H"), snapshots=hourly(3, NOW, disk=DISK))
    world.run()
    assert world.ready()[:2] == ("True", "Snapshotting")
    assert ["warning"] == [problem["severity"] for problem in world.status()["problems"]]


def test_a_claim_that_is_not_bound_yet() -> None:
    """It is only a warning, but there is nothing to snapshot."""
    world = World(claim(volume=""), snapshot_rule(persistentVolumeClaim="data"))
    world.run()
    assert world.ready() == (
        "False",
        "Problem",
        "spec.persistentVolumeClaim: the claim is not bound to a volume yet",
    )


def test_problems_are_few_short_and_harmless() -> None:
    """Of untrusted text neither much nor control characters; errors come first."""
    world = World(*by_claim(), snapshots=hourly(3, NOW, disk=DISK))
    objects, ruleset, planned, listings, applied = world.passed()
    bad = [
        Problem(
            severity="error" if n == 90 else "warning",
            source=NIGHTLY,
            field=f"spec.f{n}\x1b[2J" + "f" * 999,
            value="v" * 999 + "\n",
            message=f"{n}\n\ud800" + "m" * 5000,
        )
        for n in range(99)
    ]
    planned = msgspec.structs.replace(planned, problems=(*bad, *bad))

    (patch,) = statuses(objects, ruleset, planned, listings, applied, POLICY.labels)

    shown = patch.status["problems"]
    assert ["error"] + ["warning"] * (MAX_PROBLEMS - 1) == [entry["severity"] for entry in shown]
    assert all(text.isprintable() for entry in shown for text in entry.values())
    assert patch.status["conditions"][0]["message"].isprintable()
    assert len(json.dumps(patch.status)) < 8000


def test_other_rules_are_left_alone() -> None:
    """Another cloud's are the other function's; a pass of one disk says nothing of the others."""
    google: Json = {"backend": "google", "disk": {"name": "d", "zone": "europe-west1-c"}}
    world = World(
        snapshot_rule("theirs", **google),
        snapshot_rule("one", **by_disk()),
        snapshot_rule("two", **by_disk(OTHER_VOL)),
    )
    assert world.run(only=Only(disks=(OTHER_DISK.id,))).keys() == {"two"}
    assert world.run().keys() == {"one"}


def test_a_listing_cut_short_says_nothing_new() -> None:
    """What may be there and was not listed is not said to be missing; a problem of the rule is."""
    world = World(*by_claim(), snapshots=hourly(3, NOW, disk=DISK))
    world.run()
    before = world.status()
    world.snapshots, world.complete = [], False
    assert world.run(NOW + 3 * HOUR) == {}
    world.rule()["spec"]["deltas"] = ""
    world.run(NOW + 3 * HOUR)
    figures = ("lastSnapshot", "nextDue", "snapshots")
    assert [before[key] for key in figures] == [world.status()[key] for key in figures]
    assert world.ready()[1] == "Problem"


def test_a_pass_that_did_nothing_says_nothing() -> None:
    """Where another pass holds the lease the plan is empty."""
    objects, ruleset, _, _, _ = World(*by_claim(), with_spec({}, "broken")).passed()
    empty = Plan(now=NOW)
    assert statuses(objects, ruleset, empty, [], Applied(), POLICY.labels) == []
    assert events(objects, empty) == []


def test_a_snapshot_that_is_no_anchor_is_not_the_last() -> None:
    """One dated in the future, one that failed, one that is shown in two states, a stranger's."""
    good = hourly(2, NOW - 2 * MINUTE, disk=DISK)
    twice = snapshot("snap-2", NOW - MINUTE, disk=DISK)
    world = World(
        *by_claim(),
        snapshots=[
            *good,
            twice,
            msgspec.structs.replace(twice, state="pending"),
            snapshot("snap-3", NOW + DAY, disk=DISK),
            snapshot("snap-4", NOW - MINUTE, disk=DISK, state="failed"),
            snapshot("snap-5", NOW - MINUTE, disk=DISK, labels={}),
        ],
    )
    world.run()
    assert world.status()["lastSnapshot"]["id"] == good[-1].id


MALFORMED: list[Any] = [
    None, 5, "text", [], [[]], {"conditions": 5}, {"conditions": [None]}, {"nextDue": "soon"},
    {"nextDue": "2026-06-15T12:00:00"}, {"lastSnapshot": {"id": 5}}, {"problems": ["one"]},
    {"snapshots": 10**40}, {"observedGeneration": "3"},
    {"conditions": [{"type": "Ready", "status": "True"}]},
]  # fmt: skip


@pytest.mark.parametrize("status", MALFORMED, ids=lambda value: json.dumps(value)[:40])
def test_a_status_of_any_kind_is_written_over(status: Any) -> None:
    """Whatever stands there, the rule is read, and its status is right after one pass."""
    world = World(*by_claim(), snapshots=hourly(3, NOW, disk=DISK))
    world.rule()["status"] = status
    assert decode(*world.items).problems == []
    assert world.run()
    assert world.ready()[0] == "True"
    assert world.run() == {}


@pytest.mark.parametrize("text", ["1e999", "[" * 90 + "]" * 90, "{" + '"a":{' * 90])
def test_a_status_that_cannot_be_decoded_fails_nothing(text: str) -> None:
    """Nor does a generation that is none."""
    text += "}" * text.count("{")
    rule = json.dumps(snapshot_rule(**by_disk()))
    for old, new in (
        ('"spec"', f'"status": {text}, "spec"'),
        ('"name"', '"generation": "x", "name"'),
    ):
        rule = rule.replace(old, new, 1)
    objects = Objects("cluster")
    objects.add("SnapshotRule", [msgspec.Raw(rule.encode())])
    assert objects.problems == []
    ruleset = rules_of(objects)
    planned = plan(ruleset, [], NOW, POLICY)
    (patch,) = statuses(objects, ruleset, planned, [], foresee(planned), POLICY.labels)
    assert "observedGeneration" not in patch.status


def test_a_policys_status_waits_until_it_is_known_whom_it_selects() -> None:
    """While namespaces may not be listed it stays as it is: "0 disks" would be a guess."""
    policy = snapshot_policy(namespaceSelector={"matchLabels": {"env": "prod"}})
    world = World(volume(), claim(), namespace(env="prod"), policy)
    objects, ruleset, planned, listings, applied = world.passed()
    (patch,) = statuses(objects, ruleset, planned, listings, applied, POLICY.labels)
    assert "SnapshotPolicy" == patch.source.kind
    objects.refused["Namespace"] = "403"
    ruleset = rules_of(objects)
    assert [] == statuses(objects, ruleset, planned, listings, applied, POLICY.labels)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.datetimes().map(datetime.isoformat),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["observedGeneration", "conditions", "lastSnapshot", "nextDue", "snapshots", "problems"]
)
TIMES = st.datetimes(timezones=st.timezones()).map(datetime.isoformat)
STATUSES = JSON | st.dictionaries(FIELDS, JSON | TIMES)


@given(STATUSES)
def test_one_write_is_enough(status: Any) -> None:
    """Whatever stands in a status, the pass that writes it leaves nothing for the next one."""
    world = World(*by_claim(), snapshots=hourly(3, NOW, disk=DISK))
    world.rule()["status"] = status
    world.run()
    assert world.run() == {}


@given(clusters(), st.integers(0, 30), st.permutations(range(3)))
def test_any_cluster_has_a_status_that_fits_the_definition(
    cluster: tuple[list[Json], Any], count: int, order: list[int]
) -> None:
    """After one pass nothing is left to say, and each event is one of its own."""
    items, _ = cluster
    found = [s for n in order for s in hourly(count, NOW - n * HOUR, disk=DISK)]
    world = World(*items, snapshots=found)
    rules = [i["metadata"]["name"] for i in items if i["kind"] == "SnapshotRule"]
    if len(set(rules)) < len(rules):
        return  # of the same name in two namespaces, which `run` does not tell apart
    world.run()
    assert world.run(NOW + timedelta(seconds=10)) == {}
    objects, _, planned, _, _ = world.passed()
    posts = events(objects, planned)
    assert len({(post.body["metadata"]["namespace"], post.name) for post in posts}) == len(posts)


class TestEvents:
    """A problem with an annotation, said to the claim or volume that bears it."""

    def posts(self, *items: Json, now: datetime = NOW) -> list[Any]:
        objects, _, planned, _, _ = World(*items).passed(now)
        return events(objects, planned)

    def test_of_a_claim(self) -> None:
        (post,) = self.posts(volume(), claim(deltas="PT1H"))

        digest = post.name.rpartition(".")[2]
        assert post.name == f"data.{digest}"
        assert post.body == {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": post.name, "namespace": "shop"},
            "involvedObject": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "name": "data",
                "namespace": "shop",
                "uid": "uid-shop-data",
            },
            "type": "Warning",
            "reason": "SnapshotRuleProblem",
            "message": post.body["message"],
            "source": {"component": "k8s-snapshots"},
            "reportingComponent": "k8s-snapshots",
            "reportingInstance": "k8s-snapshots",
            "firstTimestamp": "2026-06-15T12:00:00Z",
            "lastTimestamp": "2026-06-15T12:00:00Z",
            "count": 1,
        }
        assert post.body["message"].startswith(
            "metadata.annotations[backup.kubernetes.io/deltas]: 'PT1H': has 1 duration"
        )

    def test_of_a_volume(self) -> None:
        """What belongs to no namespace has its events in `default`."""
        item = volume(deltas="never", claimed_by=None)
        item["metadata"]["uid"] = "uid-of-the-volume"
        (post,) = self.posts(item)
        assert post.body["metadata"]["namespace"] == "default"
        assert "namespace" not in post.body["involvedObject"]

    def test_of_a_warning(self) -> None:
        assert len(self.posts(volume(), claim(deltas="P1D PT1H"))) == 1

    def test_the_same_problem_is_the_same_event(self) -> None:
        """Whenever it is found; another problem, or the same with a claim made anew, is another."""
        (one,) = self.posts(volume(), claim(deltas="PT1H"))
        (again,) = self.posts(volume(), claim(deltas="PT1H"), now=NOW + DAY)
        (other,) = self.posts(volume(), claim(deltas="PT2H"))
        (new,) = self.posts(volume(claim_uid="new"), claim(deltas="PT1H", claim_uid="new"))
        assert one.name == again.name
        assert len({one.name, other.name, new.name}) == 3

    def test_of_nothing_else(self) -> None:
        """Rules have a status; what is well, or has no uid, has no event."""
        assert [] == self.posts(
            volume(), claim(deltas="PT1H P1D"), snapshot_rule(deltas="x", **by_disk())
        )
        assert [] == self.posts(volume(deltas="never", claimed_by=None))

    def test_fits_into_an_event(self) -> None:
        """An API server takes 1,024 bytes of text and 253 of a name."""
        name = "n" * 199 + "." + "n" * 53
        item = claim(name, deltas="\U0001f600\n" * 400)
        (post,) = self.posts(volume(claimed_by=("shop", name)), item)
        assert post.body["message"].isprintable()
        assert len(post.body["message"].encode()) <= 1024
        assert len(post.name) <= 253


def test_the_mirror_does_not_change_with_the_status() -> None:
    """Its bytes are the same, so that no pass writes it anew for what the last one said."""
    mirror = storage_in(FakeBucket()).mirror
    world = World(*by_claim(), snapshots=hourly(3, NOW, disk=DISK))
    before = mirror.encode(decode(*world.items))
    assert b"PT1H P1D P30D" in before

    world.run()
    world.rule()["metadata"] |= {"resourceVersion": "9", "generation": 8,
                                 "managedFields": [{"subresource": "status"}]}  # fmt: skip

    assert mirror.encode(decode(*world.items)) == before
