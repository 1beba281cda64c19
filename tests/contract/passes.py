"""The contract of a provider, over whole passes: what it does to plans and reports."""

from datetime import timedelta

import pytest

from shared.errors import PassError
from shared.passes.run import run
from shared.passes.world import Ports
from shared.planning.labels import CLUSTER
from shared.reports.schema import Report
from shared.request import Mode, Request
from shared.settings import Settings
from tests.contract.cloud import DELTAS, Cloud, MemoryRules, existing, order, seed

PERIOD = timedelta(minutes=5)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
#: A snapshot of this age ends the gap before it: what is older is no longer held for the gap.
BRIDGE = 20 * DAY


def one_pass(cloud: Cloud, rules: MemoryRules, mode: Mode = "reconcile") -> Report:
    """Run a pass at the cloud's time; its report must account for every planned action."""
    ports = Ports(rules, cloud.provider, cloud.labels, cloud.clock)
    outcome = run(Request(mode=mode), Settings(), ports)
    report, summary = outcome.report, outcome.report.summary
    lists = report.creations, report.deletions, report.failures, report.deferred
    numbers = summary.created, summary.deleted, summary.failed, summary.deferred
    assert tuple(map(len, lists)) == numbers
    assert sum(numbers) == len(outcome.plan.creates) + len(outcome.plan.deletes)
    return report


def counts(report: Report) -> dict[str, int]:
    """Tell the counts of actions that are not zero."""
    summary = report.summary
    names = ("created", "deleted", "failed", "deferred", "held", "waiting", "overdue")
    return {name: getattr(summary, name) for name in names if getattr(summary, name)}


class PassContract:
    """What a pass does with any provider. The subclass gives the fixture `cloud`."""

    @pytest.fixture
    def rules(self, cloud: Cloud) -> MemoryRules:
        return MemoryRules(cloud)

    def test_a_pass_creates_and_the_next_has_nothing_to_do(
        self, cloud: Cloud, rules: MemoryRules
    ) -> None:
        """Disks in all scopes are snapshotted, and not again while that is pending."""
        disks = [cloud.add_disk(scope) for scope in cloud.scopes for _ in range(2)]
        rules.add(*disks)
        assert counts(one_pass(cloud, rules)) == {"created": 6}
        assert {snapshot.disk for snapshot in cloud.snapshots()} == set(disks)
        cloud.clock.advance(PERIOD)
        second = one_pass(cloud, rules)
        assert (second.outcome, counts(second)) == ("completed", {})
        assert len(existing(cloud)) == 6

    def test_in_the_long_run_as_many_go_as_come(self, cloud: Cloud, rules: MemoryRules) -> None:
        """Hour after hour one snapshot is made; from the first that is too old, one goes."""
        rules.add(cloud.add_disk(cloud.scopes[0]), deltas="PT1H PT3H")
        history = []
        for _ in range(8):
            history.append(counts(one_pass(cloud, rules)))
            cloud.complete()
            cloud.clock.advance(HOUR)
        assert history == 5 * [{"created": 1}] + 3 * [{"created": 1, "deleted": 1}]

    def test_a_snapshot_that_stays_pending_makes_the_next_wait(
        self, cloud: Cloud, rules: MemoryRules
    ) -> None:
        """A disk has one snapshot under way at a time, however late it gets."""
        rules.add(cloud.add_disk(cloud.scopes[0]))
        one_pass(cloud, rules)
        cloud.clock.advance(3 * HOUR)
        report = one_pass(cloud, rules)
        assert counts(report) == {"waiting": 1, "overdue": 1}
        assert [waiting.cause for waiting in report.waiting] == ["pending"]

    def test_failed_snapshots_are_no_backups(self, cloud: Cloud, rules: MemoryRules) -> None:
        """A disk whose snapshot failed is due again at once (trap: failed ones count).

        It stays overdue until one is completed: begun is not taken where one has failed.
        """
        rules.add(cloud.add_disk(cloud.scopes[0]))
        one_pass(cloud, rules)
        cloud.fail(next(iter(existing(cloud))))
        cloud.clock.advance(PERIOD)
        found = counts(one_pass(cloud, rules))
        # Where it stands in the way of the next one, the failed one goes.
        assert {k: v for k, v in found.items() if k != "deleted"} == {"created": 1, "overdue": 1}

    def test_a_disk_that_fails_starves_no_other(self, cloud: Cloud, rules: MemoryRules) -> None:
        """A deleted disk is its rule's problem, and no other's failure (trap: it came first)."""
        gone, good = cloud.missing_disk(cloud.scopes[0]), cloud.add_disk(cloud.scopes[0])
        rules.add(gone, good)
        report = one_pass(cloud, rules)
        assert (report.outcome, report.failures) == ("completed", ())
        assert [problem.disk for problem in report.problems] == [gone]
        assert report.summary.overdue == 0
        assert [done.disk for done in report.creations] == [good.id]

    def test_every_planned_action_is_accounted_for(self, cloud: Cloud, rules: MemoryRules) -> None:
        """Done, failed and deferred are together what `plan` announced, whatever goes wrong."""
        scope = cloud.scopes[0]
        good, slow, lost, aged = (cloud.add_disk(scope) for _ in range(4))
        rules.add(good, slow, lost, aged, cloud.missing_disk(scope))
        seed(cloud, aged, HOUR / 2)
        seed(cloud, aged, BRIDGE)
        cloud.protect(seed(cloud, aged, 400 * DAY))
        seed(cloud, aged, 401 * DAY)
        planned = one_pass(cloud, rules, "plan")
        assert counts(planned) == {"created": 4, "deleted": 2}
        cloud.trouble("create", "throttled", disk=slow)
        cloud.trouble("create", "lost", disk=lost)
        report = one_pass(cloud, rules)
        expected = {"created": 1, "deleted": 1, "failed": 1, "deferred": 3, "overdue": 2}
        assert counts(report) == expected

    def test_a_pass_makes_no_call_too_many(self, cloud: Cloud, rules: MemoryRules) -> None:
        """It asks for the pages of the listings, and once for each creation and deletion."""
        aged = cloud.add_disk(cloud.scopes[0])
        for age in range(cloud.page_size):
            seed(cloud, aged, HOUR / 2 + age * HOUR)
        seed(cloud, aged, BRIDGE)
        seed(cloud, aged, 400 * DAY)
        seed(cloud, aged, 401 * DAY)
        rules.add(aged, cloud.add_disk(cloud.scopes[0]), cloud.add_disk(cloud.scopes[1]))
        assert counts(one_pass(cloud, rules)) == {"created": 2, "deleted": 2}
        assert cloud.calls() == {"list": 3, "create": 2, "delete": 2}

    def test_a_plan_changes_nothing(self, cloud: Cloud, rules: MemoryRules) -> None:
        """`plan` lists, and counts as a reconcile then does."""
        aged = cloud.add_disk(cloud.scopes[0])
        seed(cloud, aged, 2 * HOUR)
        seed(cloud, aged, BRIDGE)
        seed(cloud, aged, 400 * DAY)
        rules.add(aged)
        before = existing(cloud)
        planned = one_pass(cloud, rules, "plan")
        assert cloud.calls() == {"list": 1}
        assert existing(cloud) == before
        assert planned.summary == one_pass(cloud, rules).summary

    def test_a_full_scope_goes_on_expiring(self, cloud: Cloud, rules: MemoryRules) -> None:
        """A quota stops creation in its scope; deletions and other scopes go on (trap)."""
        full, other, _ = cloud.scopes
        aged = cloud.add_disk(full)
        seed(cloud, aged, HOUR / 2)
        seed(cloud, aged, BRIDGE)
        seed(cloud, aged, 400 * DAY)
        fine = cloud.add_disk(other)
        rules.add(aged, fine, *(cloud.add_disk(full) for _ in range(20)))
        cloud.trouble("create", "full", scope=full)
        report = one_pass(cloud, rules)
        assert [done.disk for done in report.creations] == [fine.id]
        assert [done.disk for done in report.deletions] == [aged.id]
        assert report.summary.failed + report.summary.deferred == 20
        assert 1 <= cloud.calls()["create"] - 1 == report.summary.failed < 20

    def test_a_scope_that_cannot_be_listed_is_left_alone(
        self, cloud: Cloud, rules: MemoryRules
    ) -> None:
        """There nothing is created or deleted; others are served (trap: one every 30 s)."""
        bad, good, _ = cloud.scopes
        aged = cloud.add_disk(bad)
        seed(cloud, aged, BRIDGE)
        for age in (2 * HOUR, 400 * DAY, 401 * DAY):
            seed(cloud, aged, age)
        fine = cloud.add_disk(good)
        rules.add(aged, fine)
        before = existing(cloud)
        cloud.trouble("list", "down", scope=bad)
        report = one_pass(cloud, rules)
        assert report.outcome == "partial"
        assert [done.disk for done in report.creations] == [fine.id]
        assert before < existing(cloud)
        errors = {scope.scope: scope.error for scope in report.scopes if not scope.complete}
        assert list(errors) == [bad]
        assert errors[bad]

    def test_a_listing_cut_short_deletes_and_creates_nothing(
        self, cloud: Cloud, rules: MemoryRules
    ) -> None:
        """What is missing may be the newest: disks wait, deletions are held (trap)."""
        aged = cloud.add_disk(cloud.scopes[0])
        seed(cloud, aged, BRIDGE)
        for age in range(cloud.page_size + 1):
            seed(cloud, aged, 400 * (age + 1) * DAY)
        rules.add(aged)
        before = existing(cloud)
        cloud.trouble("list", "down", after=1)
        report = one_pass(cloud, rules)
        assert existing(cloud) == before
        assert [waiting.cause for waiting in report.waiting] == ["incomplete-listing"]
        assert {hold.cause for hold in report.holds} == {"incomplete-listing"}

    def test_a_pass_without_any_listing_fails(self, cloud: Cloud, rules: MemoryRules) -> None:
        """Where no scope can be listed the pass could not do its work, and says why."""
        rules.add(*(cloud.add_disk(scope) for scope in cloud.scopes))
        cloud.trouble("list", "denied")
        with pytest.raises(PassError, match=cloud.scopes[0]):
            one_pass(cloud, rules)
        assert existing(cloud) == set()

    def test_an_answer_that_is_lost_makes_no_second_snapshot(
        self, cloud: Cloud, rules: MemoryRules
    ) -> None:
        """The pass reports the failure, and the next one sees the snapshot in its listing."""
        rules.add(cloud.add_disk(cloud.scopes[0]))
        cloud.trouble("create", "lost")
        assert counts(one_pass(cloud, rules)) == {"failed": 1, "overdue": 1}
        cloud.calm()
        cloud.clock.advance(PERIOD)
        assert counts(one_pass(cloud, rules)) == {}
        assert len(existing(cloud)) == 1

    def test_what_is_not_ours_is_never_touched(self, cloud: Cloud, rules: MemoryRules) -> None:
        """Snapshots of other authors and of other clusters stay, however old (P1)."""
        disk = cloud.add_disk(cloud.scopes[0])
        rules.add(disk)
        ours = order(cloud, disk).labels
        theirs = {CLUSTER: cloud.provider.encoding.value("another")}
        foreign = {cloud.labels.author_key: "somebody-else"}
        seed(cloud, disk, BRIDGE)
        for labels in ({}, ours | foreign, ours | theirs):
            cloud.seed(disk, cloud.clock.now() - 400 * DAY, labels)
        old = seed(cloud, disk, 401 * DAY)
        seed(cloud, disk, HOUR / 2)
        before = existing(cloud)
        assert counts(one_pass(cloud, rules)) == {"deleted": 1}
        assert existing(cloud) == before - {old}

    def test_the_daemons_snapshots_go_on_as_ours(self, cloud: Cloud, rules: MemoryRules) -> None:
        """Those that bear only the author label count and expire: whoever moves over keeps them."""
        disk = cloud.add_disk(cloud.scopes[0])
        rules.add(disk)
        author = {cloud.labels.author_key: order(cloud, disk).labels[cloud.labels.author_key]}
        seed(cloud, disk, BRIDGE)
        for age in (HOUR / 2, 400 * DAY):
            cloud.seed(disk, cloud.clock.now() - age, author)
        assert counts(one_pass(cloud, rules)) == {"deleted": 1}

    def test_snapshots_say_what_they_were_made_under(
        self, cloud: Cloud, rules: MemoryRules
    ) -> None:
        """The deltas come back from the next listing, which is what the hold for mistakes reads."""
        disk = cloud.add_disk(cloud.scopes[0])
        rules.add(disk)
        one_pass(cloud, rules)
        ((snapshot,),) = (listing.snapshots for listing in cloud.provider.list([disk.scope]))
        assert (snapshot.disk, snapshot.deltas) == (disk, DELTAS)
        assert cloud.labels.owner(snapshot) == "this"
