"""A pass notices that rules, or the cluster's id, are gone, and says so until it is accepted."""

import zlib
from datetime import timedelta
from typing import Any

import pytest

from shared.passes.known_rules import MOST_BYTES
from shared.passes.run import run
from shared.reports.schema import Report
from shared.request import Only, Request
from tests.shared.builders import HOUR
from tests.shared.objects_builders import claim, volume
from tests.shared.passes.test_run import World
from tests.shared.reports.test_pings import Switch

KNOWN = "demo/rules/known.json"


def lived(disks: int = 6, **settings: Any) -> World:
    """Let a world live for two days, with its rules."""
    world = World(disks, **settings)
    for _ in range(9):
        world.run()
        world.complete()
        world.clock.advance(6 * HOUR)
    return world


def lost(report: Report) -> list[str]:
    return [p.message for p in report.problems if p.source.kind == "Rules"]


def test_rules_that_are_gone_are_an_error_with_a_metric() -> None:
    """No rules at all was a good pass: completed, nothing overdue, a heartbeat."""
    world = lived()
    world.cluster.items = ()
    report = world.run().report
    assert 6 == report.summary.rules_lost
    (said,) = [text for text in lost(report) if "accept_rules" in text]
    assert "0 disks have a rule" in said
    assert "there were 6" in said


def test_whatever_only_says() -> None:
    """A schedule for each scope counts all rules."""
    world = lived()
    world.cluster.items = world.cluster.items[:1]
    report = world.run(only=Only(scopes=("eu-west-1",))).report
    assert 5 == report.summary.rules_lost


def test_a_changed_annotation_key_is_a_fall_and_no_new_world() -> None:
    """The count is what it was, whatever the settings are now."""
    world = lived()
    world.cluster.items = tuple(
        {"kind": "SnapshotRule", "metadata": {"name": f"r{n}", "namespace": "x"}, "spec": {
            "deltas": "PT1H P1D", "persistentVolumeClaim": "none"}} for n in range(6)
    )  # fmt: skip
    assert 6 == world.run().report.summary.rules_lost


def test_where_the_mirror_is_the_only_source_too() -> None:
    """Its CronJob may publish nothing."""
    world = lived()
    ports = world.ports
    assert ports.storage
    mirror = ports.storage.mirror
    world.bucket.put("demo/rules.json", b'{"kind": "List", "items": []}', None)
    report = run(Request(), world.settings, ports._replace(source=mirror)).report
    assert 6 == report.summary.rules_lost


def test_it_is_accepted_by_a_pass_that_says_so() -> None:
    """A plan shows it, and changes nothing."""
    world = lived()
    world.cluster.items = world.cluster.items[:1]
    assert 0 == world.run(mode="plan", accept_rules=True).report.summary.rules_lost
    assert 5 == world.run().report.summary.rules_lost
    assert 0 == world.run(accept_rules=True).report.summary.rules_lost
    assert 0 == world.run().report.summary.rules_lost


def test_what_is_not_accepted_is_said() -> None:
    """Or who accepts believes that it was done: the cluster was away, or another pass wrote."""
    world = lived()
    world.cluster.items = world.cluster.items[:1]
    world.cluster.error = "down"
    assert any("had no effect: the cluster" in t for t in lost(world.run(accept_rules=True).report))
    world.cluster.error = ""
    assert 5 == world.run(mode="plan").report.summary.rules_lost
    world.bucket.trouble = lambda call, name: "repeated" if (call, name) == ("put", KNOWN) else ""
    assert any("had no effect: another" in t for t in lost(world.run(accept_rules=True).report))


def test_while_the_mirror_serves_nothing_is_missed() -> None:
    """Its rules are those of the last good answer."""
    world = lived()
    world.cluster.error = "down"
    report = world.run().report
    assert (True, 0) == (report.mirror_in_use, report.summary.rules_lost)


def test_a_new_installation_without_rules_is_told_how_to_begin() -> None:
    """Completed, with a note."""
    world = World(0)
    report = world.run().report
    assert ("completed", 0, 1) == (report.outcome, report.summary.problems, report.summary.notes)
    assert "annotate a claim" in report.notes[0].message


def test_another_cluster_id_is_an_error_until_it_is_accepted() -> None:
    """The earlier one's snapshots are another's now: none counts, none goes."""
    world = lived(2)
    labels = type(world.ports.labels)(world.ports.labels.encoding, cluster="green")
    renamed = world.ports._replace(labels=labels)
    for _ in range(2):
        report = run(Request(), world.settings, renamed).report
        (problem,) = report.problems
        assert ("CLUSTER_ID", "green") == (problem.field, problem.value)
        assert "adopt --from-cluster demo" in problem.message
    assert "demo" in {note.source.name for note in report.notes}
    report = run(Request(accept_rules=True), world.settings, renamed).report
    assert () == report.problems


@pytest.mark.parametrize(
    "data", [b"", b"{", zlib.compress(b"{}"), zlib.compress(b"[1]"), b"x" * 99]
)
def test_what_cannot_be_read_is_an_error_and_not_overwritten(data: bytes) -> None:
    """Or nobody would notice any more that rules are missing."""
    world = lived(1)
    world.bucket.put(KNOWN, data, None)
    report = world.run().report
    assert any("cannot be read" in text for text in lost(report))
    assert data == world.bucket.objects[KNOWN][0]
    world.run(accept_rules=True)
    assert () == world.run().report.problems


def test_a_bucket_that_fails_is_said() -> None:
    """Nobody can tell then whether rules are missing."""
    world = lived(1)
    world.bucket.trouble = lambda call, name: "before" if name == KNOWN else ""
    assert any("cannot check whether rules are missing" in t for t in lost(world.run().report))


def test_what_cannot_be_remembered_is_said() -> None:
    """The next pass could not tell then that a rule is missing."""
    world = World(1)
    world.bucket.trouble = lambda call, name: "before" if (call, name) == ("put", KNOWN) else ""
    assert any("could not be remembered, so that" in text for text in lost(world.run().report))


def test_a_plan_writes_nothing() -> None:
    """Nor does it forget."""
    world = World(1)
    world.run(mode="plan")
    assert KNOWN not in world.bucket.objects


def test_little_is_written() -> None:
    """Once a day while nothing happens."""
    world = lived(3)
    before = world.bucket.puts().count(KNOWN)
    for _ in range(12 * 24):
        world.run()
        world.complete()
        world.clock.advance(timedelta(minutes=5))
    assert world.bucket.puts().count(KNOWN) - before <= 2


def test_a_kind_that_may_not_be_listed_for_days_is_no_fall_afterwards() -> None:
    """Volumes that perhaps had a default meanwhile are not missed when they turn out bare."""
    world = lived(2)
    for n in range(10):
        handle = f"vol-{n + 50:017x}"
        world.cluster.items += (
            volume(f"pv-bare-{n}", handle, claimed_by=("web", f"c-{n}")),
            claim(f"c-{n}", "web", volume=f"pv-bare-{n}"),
        )
    world.cluster.refused["Namespace"] = "the API refused to list namespaces (403)"
    for _ in range(9):
        report = world.run().report
        assert "403" in " ".join(p.message for p in report.problems)
        assert 0 == report.summary.rules_lost
        world.complete()
        world.clock.advance(6 * HOUR)
    world.cluster.refused.clear()
    assert 0 == world.run().report.summary.rules_lost


def test_half_of_what_was_remembered_and_another_kind_cannot_be_read() -> None:
    """Whatever decodes is not yet what this program wrote."""
    world = lived(1)
    whole = world.bucket.objects[KNOWN][0]
    other = zlib.decompress(whole).replace(b"k8s-snapshots", b"somebody-else")
    for data in (whole[:-1], zlib.compress(other)):
        world.bucket.put(KNOWN, data, None)
        assert any("cannot be read" in text for text in lost(world.run().report))


def test_what_is_nested_without_end_cannot_be_read() -> None:
    """Nor does it end the pass."""
    world = lived(1)
    whole = zlib.decompress(world.bucket.objects[KNOWN][0])
    deep = b'{"more":' + b"[" * 100_000 + b"]" * 100_000 + b"," + whole[1:]
    world.bucket.put(KNOWN, zlib.compress(deep), None)
    assert any("cannot be read" in text for text in lost(world.run().report))


def test_what_is_unpacked_to_no_end_cannot_be_read() -> None:
    """Some kilobytes may stand for gigabytes."""
    world = lived(1)
    whole = zlib.decompress(world.bucket.objects[KNOWN][0])
    world.bucket.put(KNOWN, zlib.compress(whole + b" " * MOST_BYTES), None)
    assert any("cannot be read" in text for text in lost(world.run().report))


def test_what_is_missing_is_told_while_the_mirror_serves() -> None:
    """A second fault hides no first one, which nobody has accepted: no heartbeat either."""
    with Switch() as switch:
        world = lived(6, heartbeat_url=switch.url)
        assert switch.requests
        world.cluster.items = world.cluster.items[:1]
        for _ in range(5):  # believed after a while, and written into the mirror
            world.run()
            world.clock.advance(timedelta(minutes=10))
        world.complete()
        switch.requests.clear()
        world.cluster.error = "connection refused"
        report = world.run().report
        assert report.mirror_in_use
        assert 5 == report.summary.rules_lost
        world.cluster.error = ""
        world.bucket.trouble = lambda call, name: "before" if name == KNOWN else ""
        assert any("cannot check" in text for text in lost(world.run().report))
        assert [] == switch.requests
