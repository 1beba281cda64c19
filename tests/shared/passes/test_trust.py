"""Where rules come from: the cluster, the mirror behind it, and when neither is believed."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from functions.aws.wiring import build as build_aws
from functions.gcp.wiring import build as build_gcp
from shared.environment import load
from shared.errors import ClusterError, SettingsError
from shared.model import Disk, Problem, Rule, RuleSet, Source
from shared.objects import Objects
from shared.passes.run import run
from shared.passes.trust import PATIENCE, RulesReader, _lost
from shared.reports.schema import Report
from shared.request import Request
from shared.settings import Settings
from tests.clock import NOON
from tests.shared.builders import DAY, HOUR, hourly
from tests.shared.fake_bucket import MIRROR, FakeBucket, Trouble, storage_in
from tests.shared.fake_cloud import FakeCloud, FakeCluster, ports
from tests.shared.objects_builders import claim, decode, rules_of, snapshot_policy, volume
from tests.shared.passes.test_run import DELTAS, World

MINUTE = timedelta(minutes=1)
READ = "demo/rules/read.json"


def world(disks: int = 4) -> World:
    """Make a world whose first disk has something to delete, after a first pass."""
    made = World(disks)
    old = hourly(4, NOON - 90 * DAY, DAY, disk=made.disks[0], deltas=DELTAS)
    made.cloud.snapshots = {s.id: s for s in old}
    return made


def said(report: Report) -> str:
    return " ".join(problem.message for problem in report.problems)


def settle(made: World) -> None:
    """Let what was begun complete, and become due again with something to delete."""
    made.complete()
    made.clock.advance(2 * HOUR)
    old = hourly(3, made.clock.now() - 190 * DAY, 2 * DAY, disk=made.disks[0], deltas=DELTAS)
    made.cloud.snapshots |= {s.id: s for s in old}


def test_rules_that_could_not_be_read_are_missed_as_well() -> None:
    """They were somebody's: an answer without them is not believed at once."""
    made = World(4)
    for item in made.cluster.items[:3]:
        item["spec"]["deltas"] = "PT1H P1X"
    made.run()
    made.cluster.items = made.cluster.items[3:]
    made.clock.advance(MINUTE)
    assert "the cluster's answer lost 3 of 4 rules of the mirror" in said(made.run().report)


def test_a_note_hides_no_loss() -> None:
    """A policy that selects nothing any more has a note, and its disks have lost their rule."""
    made = World(1)
    volumes = [
        volume(f"pv-{n}", f"vol-{n + 9:017x}", claimed_by=("shop", f"c-{n}")) for n in range(4)
    ]
    claims = [claim(f"c-{n}", volume=f"pv-{n}", labels={"app": "db"}) for n in range(4)]
    selector: dict[str, Any] = {"claimSelector": {"matchLabels": {"app": "db"}}}
    made.cluster.items += (*volumes, *claims, snapshot_policy(deltas=DELTAS, **selector))
    made.run()
    for item in claims:
        item["metadata"]["labels"] = {"app": "web"}
    made.clock.advance(MINUTE)
    assert "the cluster's answer lost 4 of 5 rules of the mirror" in said(made.run().report)


@pytest.mark.parametrize("live", [True, False])
def test_only_what_the_cluster_itself_gave_is_handed_on(live: bool) -> None:
    """To what writes statuses, by its versions."""
    source = FakeCluster(volume(), claim(deltas=DELTAS))
    source.live = live
    reader = RulesReader(source, None, rules_of, max_age=HOUR)
    assert live == (reader.read().objects is not None)


class TestWriting:
    def test_the_first_pass_writes_it(self) -> None:
        """And the next ones leave it as it is, until a quarter of its age is over."""
        made = world()
        writes = []
        for _ in range(8):
            made.run()
            writes.append(made.bucket.puts().count(MIRROR))
            made.clock.advance(HOUR)
        assert [1, 1, 1, 1, 1, 1, 2, 2] == writes

    def test_it_is_written_where_rules_changed(self) -> None:
        """And not where anything else did."""
        made = world()
        made.run()
        made.cluster.items[0]["metadata"]["resourceVersion"] = "2"
        made.cluster.items[0]["status"] = {"conditions": []}
        made.run()
        assert 1 == made.bucket.puts().count(MIRROR)
        made.cluster.items[0]["spec"]["deltas"] = "PT2H P1D"
        made.run()
        assert 2 == made.bucket.puts().count(MIRROR)

    def test_another_pass_that_wrote_it_is_no_error(self) -> None:
        """The conditional write fails, and that is all."""
        made = world()
        put = made.bucket.put

        def raced(name: str, data: bytes, expected: str | None) -> str:
            if name == MIRROR and expected == "":
                put(name, b'{"kind": "List", "items": []}', None)
            return put(name, data, expected)

        made.bucket.put = raced  # type: ignore[method-assign]
        assert 4 == made.run().report.summary.created

    def test_a_file_of_rules_never_becomes_the_mirror(self) -> None:
        """Nor does the mirror stand in for one."""
        made = world()
        made.cluster.live = False
        made.run()
        assert MIRROR not in made.bucket.objects
        made.cluster.error = "no such file"
        with pytest.raises(ClusterError, match=r"^no such file$"):
            made.run()


class TestStandIn:
    def test_snapshots_go_on_and_nothing_goes(self) -> None:
        """For weeks if need be, with how old it is in every report."""
        made = world()
        made.run()
        made.cluster.error = "connection refused"
        for hours in range(6, 24 * 20, 6):
            made.clock.advance(6 * HOUR)
            made.complete()
            report = made.run().report
            assert (4, 0) == (report.summary.created, report.summary.deleted)
            assert report.mirror_in_use
            assert hours * 3600 == report.mirror_age
        assert "19 d 18 h old" in said(report)
        assert "connection refused" in said(report)
        assert {"rules-not-current"} == {hold.cause for hold in report.holds}
        made.cluster.error = ""
        made.clock.advance(HOUR)
        assert made.run().report.summary.deleted

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda data: data[: len(data) // 2],
            lambda data: b"",
            lambda data: b'{"kind": "List", "items": [{"kind": "Pod", "metadata": {}}]}',
            None,
        ],
    )
    def test_without_either_the_pass_fails(self, spoil: Callable[[bytes], bytes] | None) -> None:
        """Both texts are there, and nothing was touched."""
        made = world()
        made.run()
        before = dict(made.cloud.snapshots)
        if spoil:
            made.bucket.put(MIRROR, spoil(made.bucket.objects[MIRROR][0]), None)
        else:
            del made.bucket.objects[MIRROR]
        data = made.bucket.objects.get(MIRROR)
        made.cluster.error = "connection refused"
        made.clock.advance(HOUR)
        with pytest.raises(ClusterError, match=r"connection refused; and .*rules\.json"):
            made.run()
        assert before == made.cloud.snapshots
        assert data == made.bucket.objects.get(MIRROR)

    def test_a_torn_mirror_is_left_to_people_while_the_cluster_is_there(self) -> None:
        """Snapshots are taken, nothing is deleted, and the file stays as evidence."""
        made = world()
        made.bucket.put(MIRROR, b"{torn", None)
        report = made.run().report
        assert (4, 0) == (report.summary.created, report.summary.deleted)
        assert "could not be compared" in said(report)
        assert b"{torn" == made.bucket.objects[MIRROR][0]

    def test_a_kind_that_may_not_be_listed_is_told_beside_a_bucket_that_fails(self) -> None:
        """One fault hides no other."""
        made = world()
        made.bucket.trouble = lambda call, name: "before" if name == MIRROR else ""
        made.cluster.refused["SnapshotPolicy"] = "the API answered 403"
        told = said(made.run().report)
        assert "could not be compared" in told
        assert "the API answered 403" in told

    def test_a_mirror_that_cannot_be_written_is_a_problem(self) -> None:
        """The rules are the cluster's own, and deletions go on."""
        made = world()
        made.bucket.trouble = lambda call, name: "before" if (call, name) == ("put", MIRROR) else ""
        report = made.run().report
        assert report.summary.deleted
        assert "could not be written" in said(report)


class TestHalfLost:
    def lose(self, made: World, count: int) -> None:
        made.cluster.items = made.cluster.items[count:]

    def test_more_than_half_is_not_believed_at_once(self) -> None:
        """Nothing is deleted and the mirror stays, until fifteen minutes later it is the same."""
        made = world()
        made.run()
        settle(made)
        mirror = made.bucket.objects[MIRROR][0]
        made.cluster.items = made.cluster.items[:1]
        for _ in range(3):
            report = made.run().report
            assert 0 == report.summary.deleted
            assert "lost 3 of 4 rules" in said(report)
            assert mirror == made.bucket.objects[MIRROR][0]
            made.clock.advance(5 * MINUTE)
        report = made.run().report
        assert report.summary.deleted
        assert "lost" not in said(report)
        assert mirror != made.bucket.objects[MIRROR][0]

    def test_half_is_believed(self) -> None:
        """People do remove rules."""
        made = world()
        made.run()
        self.lose(made, 2)
        assert "lost" not in said(made.run().report)

    def test_a_missing_crd_is_not_believed(self) -> None:
        """Though the rules that it took along are less than half."""
        made = world(1)
        claims = [volume(f"pv-{n}", f"vol-{n:017x}", deltas="PT1H P1D") for n in range(50, 55)]
        made.cluster.items += tuple(claims)
        made.run()
        self.lose(made, 1)
        read = made.cluster.read

        def without_crd() -> Objects:
            objects = read()
            objects.absent = ["SnapshotRule"]
            return objects

        made.cluster.read = without_crd  # type: ignore[method-assign]
        assert "knows no SnapshotRules any more" in said(made.run().report)

    def test_rules_that_were_mangled_are_not_lost(self) -> None:
        """They are problems, with holds of their own."""
        made = world()
        made.run()
        for item in made.cluster.items:
            item["spec"]["deltas"] = "PT1H P1X"
        assert "lost" not in said(made.run().report)

    def test_notes_are_no_rules(self) -> None:
        """What has no effect neither counts as lost nor hides what is."""
        made = world()
        claims = [claim(f"c{n}", deltas=DELTAS, volume="") for n in range(9)]
        made.cluster.items += tuple(claims)
        made.run()
        made.cluster.items = made.cluster.items[:1]
        assert "lost 3 of 4 rules" in said(made.run().report)

    def test_another_loss_is_waited_for_anew(self) -> None:
        """The clock begins again where something else is missing."""
        made = world(9)
        made.run()
        self.lose(made, 6)
        made.run()
        made.clock.advance(10 * MINUTE)
        self.lose(made, 1)
        made.run()
        made.clock.advance(10 * MINUTE)
        assert "lost 7 of 9" in said(made.run().report)
        made.clock.advance(5 * MINUTE)
        assert "lost" not in said(made.run().report)

    def test_a_loss_of_last_week_says_nothing_of_todays(self) -> None:
        """What came back in between was not gone all the time."""
        made = world()
        made.run()
        everything = made.cluster.items
        made.cluster.items = everything[:1]
        made.run()
        made.cluster.items = everything
        for _ in range(3):
            made.clock.advance(HOUR)
            made.run()
        made.cluster.items = everything[:1]
        assert "lost 3 of 4" in said(made.run().report)

    def test_plans_do_not_count(self) -> None:
        """Looking twice makes nothing true."""
        made = world()
        made.run()
        made.cluster.items = made.cluster.items[:1]
        made.run(mode="plan")
        made.clock.advance(PATIENCE)
        assert "lost 3 of 4" in said(made.run().report)
        made.clock.advance(PATIENCE)
        assert "lost" not in said(made.run(mode="plan").report)
        assert 4 == len(storage_in(made.bucket).mirror.read().rules)

    @pytest.mark.parametrize("trouble", ["before", "after"])
    def test_a_bucket_that_fails_meanwhile_deletes_nothing(self, trouble: Trouble) -> None:
        """What cannot be remembered is not believed."""
        made = world()
        made.run()
        settle(made)
        made.cluster.items = made.cluster.items[:1]
        made.bucket.trouble = lambda call, name: trouble if name == READ else ""
        for _ in range(4):
            assert 0 == made.run().report.summary.deleted
            made.clock.advance(PATIENCE)


class TestMirrorOnly:
    def published(self, made: World) -> World:
        """Let a CronJob publish the mirror that is the only source."""
        mirror = storage_in(made.bucket).mirror
        made.bucket.put(MIRROR, mirror.encode(decode(*made.cluster.items)), None)
        return made

    def report(self, made: World, **values: Any) -> Report:
        ports = made.ports
        assert ports.storage
        settings = Settings(rules_from="mirror", mirror_url="file:///rules.json", **values)
        return run(Request(), settings, ports._replace(source=ports.storage.mirror)).report

    def test_deletes_while_it_is_fresh(self) -> None:
        """It is then as good as the cluster."""
        made = self.published(world())
        report = self.report(made)
        assert report.summary.deleted
        assert (False, 0) == (report.mirror_in_use, report.mirror_age)

    @pytest.mark.parametrize(("age", "deletes"), [(DAY, True), (DAY + MINUTE, False)])
    def test_deletes_nothing_by_a_stale_one(self, age: timedelta, deletes: bool) -> None:
        """Its CronJob has stopped; snapshots go on, and the problem says how old it is."""
        made = self.published(world())
        made.clock.advance(age)
        report = self.report(made)
        assert 4 == report.summary.created
        assert deletes == bool(report.summary.deleted)
        assert deletes != ("MIRROR_MAX_AGE" in said(report))

    @pytest.mark.parametrize("build", [build_aws, build_gcp])
    def test_reads_no_kubeconfig(self, build: Any, tmp_path: Path) -> None:
        """The setting may name a file that is not there."""
        (tmp_path / "rules.json").write_text('{"kind": "List", "items": []}')
        environ = {
            "RULES_FROM": "mirror",
            "MIRROR_URL": f"file://{tmp_path}/rules.json",
            "KUBE_CONFIG_FILE": "/no/such/kubeconfig",
            "GOOGLE_COMPUTE_CUSTOM_ENDPOINT": "http://127.0.0.1:1",
            "AWS_REGION": "eu-west-1",
        }
        settings, ports = build(environ, None)
        assert "completed" == run(Request(mode="plan"), settings, ports).report.outcome
        assert [True] == [check.ok for check in ports.source.check()]


@pytest.mark.parametrize(
    ("build", "url", "would_do"), [(build_aws, "gs", "s3://"), (build_gcp, "s3", "gs://")]
)
def test_another_clouds_bucket_is_refused(build: Any, url: str, would_do: str) -> None:
    """At the start, with what would be right."""
    environ = {"MIRROR_URL": f"{url}://bucket/rules.json", "CLUSTER_ID": "demo",
               "GOOGLE_COMPUTE_CUSTOM_ENDPOINT": "http://127.0.0.1:1"}  # fmt: skip
    with pytest.raises(SettingsError, match=would_do):
        build(environ, FakeCluster())


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"RULES_FROM": "mirror"}, "RULES_FROM=mirror needs MIRROR_URL"),
        ({"RULES_FROM": "bucket"}, "cluster or mirror"),
        ({"PING_URL": "https://example.com"}, "PING_URL needs MIRROR_URL"),
        (
            {"PING_URL": "example.com"},
            r"PING_URL must be .*https://example.com/ping \(its value is not shown",
        ),
        ({"MIRROR_URL": "bucket/rules.json"}, "s3://bucket/name.json"),
        ({"MIRROR_URL": "s3://bucket"}, "s3://bucket/name.json"),
        ({"MIRROR_URL": "s3://bucket/folder/"}, "s3://bucket/name.json"),
        ({"MIRROR_URL": "file://relative.json"}, "file:///path/name.json"),
        ({"MIRROR_MAX_AGE": "PT1M"}, "from PT10M to P31D"),
        ({"PASS_DEADLINE": "PT2H"}, "from PT1M to PT55M"),
        ({"SETTLE_AFTER": "PT23H"}, "from P1D to P3650D"),
        ({"SETTLE_AFTER": "many"}, "ISO 8601"),
        ({"ORPHANS": "delete"}, "keep or expire"),
        ({"ORPHAN_GRACE": "a month"}, "ISO 8601"),
    ],
)
def test_wrong_settings_say_what_would_do(environ: dict[str, str], said: str) -> None:
    """Each at the start of the first pass."""
    with pytest.raises(SettingsError, match=said):
        load(Settings, environ)


def test_settings_are_read() -> None:
    """In any case where they are words."""
    environ = {
        "RULES_FROM": "Mirror",
        "MIRROR_URL": "s3://bucket/demo/rules.json.gz",
        "MIRROR_MAX_AGE": "PT1H",
        "PASS_DEADLINE": "PT5M",
        "SETTLE_AFTER": "P30D",
        "ORPHANS": "EXPIRE",
        "ORPHAN_GRACE": "PT0S",
    }
    found = load(Settings, environ)
    assert ("mirror", "expire") == (found.rules_from, found.orphans)
    assert timedelta(days=30) == found.settle_after
    assert (HOUR, 5 * MINUTE) == (found.mirror_max_age, found.pass_deadline)
    assert timedelta(0) == found.orphan_grace


def test_the_bucket_and_the_cloud_are_fakes_of_one_time() -> None:
    """A guard of these tests: they measure ages that passes see."""
    cloud = FakeCloud()
    assert FakeBucket(cloud.clock).clock is cloud.clock  # type: ignore[arg-type]


def test_a_doubt_that_is_nested_too_deeply_is_none() -> None:
    """A torn or foreign object beside the mirror fails no pass, whatever is in it."""
    made = world()
    made.run()
    made.cluster.items = made.cluster.items[:1]
    made.bucket.put(READ, b'{"x": ' + b"[" * 100_000, None)
    assert "lost 3 of 4 rules" in said(made.run().report)


def test_a_disk_that_has_a_problem_is_not_lost() -> None:
    """The rule names another disk now, and the former one is told of by another object."""
    rule, source = hourly_rule("vol-a"), Source("PersistentVolumeClaim", "shop", "data")
    problem = Problem(severity="error", source=source, field="f", value="", message="m",
                      disk=rule.disk)  # fmt: skip
    moved = msgspec.structs.replace(rule, disk=hourly_rule("vol-b").disk)
    before = RuleSet((rule,))
    assert _lost(before, RuleSet((moved,)))
    assert not _lost(before, RuleSet((moved,), (problem,)))


def hourly_rule(name: str) -> Rule:
    source = Source("SnapshotRule", "shop", "nightly")
    return Rule(name="shop-rule-nightly", disk=Disk("aws", "eu-west-1", name), deltas="PT1H P1D",
                source=source)  # fmt: skip


def test_without_a_mirror_none_is_in_use() -> None:
    """A kind that may not be listed deletes nothing, and it is the cluster's own answer."""
    cluster = FakeCluster(volume(), claim(deltas=DELTAS))
    cluster.refused["Namespace"] = "403"
    report = run(Request(), Settings(), ports(cluster, FakeCloud())).report
    assert not report.mirror_in_use
