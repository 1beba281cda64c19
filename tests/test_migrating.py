"""Moving over from the daemon: its snapshots count as they are, and docs/migrating.md is true."""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO, TextIOWrapper
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

import shared.cli.arguments
import shared.cli.main
from functions.aws.settings import AWSSettings
from functions.gcp.settings import GCPSettings
from shared.environment import describe, load
from shared.errors import SettingsError
from shared.planning.labels import CLUSTER
from tests.clock import VirtualClock
from tests.emulators.ec2 import EC2
from tests.emulators.gce import GCE
from tests.migrating import daemon
from tests.migrating.sites import AWS, CREATED_BY, PLACES, PROJECT, REGION, Google, Site

ROOT = Path(__file__).parent.parent
DOC = (ROOT / "docs" / "migrating.md").read_text()
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
HOURLY, DAILY = "PT1H P1D P30D", "P1D P7D P90D"
PERIOD, SLACK = 5 * MINUTE, 2.5 * MINUTE


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture(params=["aws", "google"])
def site(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    clock: VirtualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Site]:
    if request.param == "aws":
        with EC2() as ec2:
            set_all(monkeypatch, ec2.environment(REGION))
            yield AWS(tmp_path, clock, ec2)
    else:
        with GCE(project=PROJECT) as gce:
            set_all(monkeypatch, gce.environment())
            yield Google(tmp_path, clock, gce)


def set_all(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)


def hour(site: Site) -> None:
    """Let an hour go by, with a pass every five minutes, and snapshots that complete."""
    for _ in range(12):
        site.clock.advance(PERIOD)
        site.complete()
        site.run()


# The history


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("deltas", "days"), [(HOURLY, 45), (DAILY, 200), ("PT6H P2D", 9)])
def test_the_first_plan_has_nothing_to_do(site: Site, place: str, deltas: str, days: int) -> None:
    """What the daemon leaves is history, wherever the rule stands: not due, and all of it kept."""
    site.write(**{place.replace(" ", "_"): deltas})
    left = site.leave(PLACES[place], deltas, days)

    report = site.run("plan")

    assert report.problems == ()
    assert (report.creations, report.deletions, report.holds, report.orphans) == ((), (), (), ())
    assert report.summary.kept == report.summary.snapshots == len(left)
    assert report.summary.overdue == 0


def test_the_first_pass_is_due_when_the_daemon_would_have_been(site: Site) -> None:
    """The interval runs from the daemon's newest, and the new name is as the daemon's."""
    site.write(claim=HOURLY)
    site.leave("shop-pvc-data", HOURLY, 3, age=HOUR - SLACK - MINUTE)
    assert site.run().creations == ()

    site.clock.advance(PERIOD)
    (made,) = site.run().creations

    assert made.name == daemon.name_of("shop-pvc-data", site.clock.now())


def test_released_goes_what_the_daemon_would_have_deleted(site: Site) -> None:
    """For 30 hours each pass deletes exactly what tarsnapper lets go, the daemon's among it."""
    site.write(volume=HOURLY)
    left = site.leave(PLACES["volume"], HOURLY, 45)
    passes = 0
    for _ in range(30):
        for minutes in (55, 5):
            site.clock.advance(minutes * MINUTE)
            site.complete()
            before = site.times()
            report, plan = site.outcome(allow=True)
            gone = set(before) - daemon.kept(before, HOURLY)
            assert {delete.snapshot.id for delete in plan.deletes} == gone
            assert set(before) - set(site.times()) == gone
            assert report.holds == ()
            passes += bool(gone)
    assert passes > 20
    still = left & set(site.times())
    assert len(still) > 25  # the days, and the newest of them
    assert len(left - still) > 20  # the hours


def test_the_description_of_the_daemon_says_nothing(site: Site) -> None:
    """It has deltas, as a list: they are not read as ours, and stop no listing."""
    site.write(claim=HOURLY)
    site.leave("shop-pvc-data", HOURLY, 3)
    site.seed(site.clock.now() - 5 * HOUR, "shop-pvc-data-cut", "{", CREATED_BY)

    listed = site.listed()

    assert {s.deltas for s in listed} == {""}
    assert {CLUSTER in s.labels for s in listed} == {False}


def test_long_names_are_cut(site: Site) -> None:
    """The daemon's cut names are kept; ours are cut too, and bear the disk's hash."""
    rule = "a-namespace-with-a-long-name-rule-and-a-rule-with-a-long-name"
    metadata = {"namespace": rule[:28], "name": rule[34:]}
    spec = {"deltas": HOURLY} | site.disk
    site.write_items({"kind": "SnapshotRule", "metadata": metadata, "spec": spec})
    left = site.leave(rule, HOURLY, 2, age=2 * HOUR)

    report = site.run()

    assert report.summary.kept == len(left)
    (made,) = report.creations
    assert made.rules == (rule,)
    assert len(made.name) == 63
    assert made.name.endswith(site.clock.now().strftime("-%d%m%y-%H%M%S"))


def test_the_command_line_plans_from_what_kubectl_prints(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Step 1 of the document, by the real clock: no access to the cluster, nothing changed."""
    site.clock.advance(datetime.now(UTC) - site.clock.now())
    site.write(claim=HOURLY)
    left = site.leave("shop-pvc-data", HOURLY, 4)
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(site.path.read_bytes())))
    monkeypatch.setenv("CLUSTER_ID", "production")
    provider = "aws" if isinstance(site, AWS) else "gcp"
    build = __import__(f"functions.{provider}.wiring", fromlist=["build"]).build

    status = shared.cli.main.main("plan", build, ["plan", "--rules", "-", "--json"])

    report = json.loads(capsys.readouterr().out)
    assert status == 0
    assert report["summary"]["kept"] == len(left)
    assert report["creations"] == report["deletions"] == report["holds"] == []


# Holds


def caught_up(site: Site, deltas: str, days: int, pause: timedelta) -> set[str]:
    """Move over after a pause: one pass takes a snapshot, which completes; tell what was left."""
    site.write(claim=deltas)
    left = site.leave("shop-pvc-data", deltas, days, age=pause)
    assert len(site.run().creations) == 1
    site.clock.advance(PERIOD)
    site.complete()
    return left


@pytest.mark.parametrize(
    ("deltas", "pause"),
    [("PT1H P1D", 20 * HOUR), (HOURLY, 4 * HOUR), (HOURLY, 4 * DAY)],
    ids=["most of it", "hours", "days"],
)
def test_for_two_weeks_the_history_stays_whole(site: Site, deltas: str, pause: timedelta) -> None:
    """What a pause made too old is held, pass after pass, and told with when that ends."""
    left = caught_up(site, deltas, 45, pause)
    before = site.times()
    gone = set(before) - daemon.kept(before, deltas)
    assert gone & left

    for _ in range(3):
        report = site.run()
        assert report.deletions == ()
        assert {hold.cause for hold in report.holds} == {"unsettled"}
        assert {hold.snapshot for hold in report.holds} == gone
        site.clock.advance(PERIOD)


def test_what_is_held_goes_when_somebody_says_so(site: Site) -> None:
    """Exactly that goes, and nothing else."""
    caught_up(site, "PT1H P1D", 3, 20 * HOUR)
    before = site.times()
    gone = set(before) - daemon.kept(before, "PT1H P1D")

    report = site.run(allow=True)

    assert {done.snapshot for done in report.deletions} == gone
    assert set(site.times()) == set(before) - gone


def test_what_is_held_goes_when_the_disk_is_settled(site: Site) -> None:
    """After two weeks, and up to a day that is the disk's own, the rule decides alone."""
    left = caught_up(site, "P1D P7D", 30, 2 * DAY)
    for _ in range(16):
        site.clock.advance(DAY)
        site.run()
        site.complete()

    report = site.run()

    assert not left & set(site.times())
    assert report.holds == ()


def test_what_a_looping_daemon_left_is_held(site: Site) -> None:
    """A snapshot every 30 seconds, of a disk of another region say: all but one would go."""
    site.write(claim=DAILY)
    now = site.clock.now()
    for number in range(300):
        at = now - HOUR - number * timedelta(seconds=30)
        site.seed(at, daemon.name_of("shop-pvc-data", at), "")

    report = site.run()

    assert report.deletions == ()
    assert {hold.cause for hold in report.holds} == {"unsettled"}
    assert len(report.holds) > 290
    assert len(site.run(allow=True).deletions) == len(report.holds)


# Orphans and labels


def watching(site: Site) -> dict[str, str]:
    """Set that scopes without rules are listed, and that orphans have a day."""
    scopes = "REGIONS" if isinstance(site, AWS) else "PROJECTS"
    return {scopes: site.scope, "ORPHAN_GRACE": "P1D"}


@pytest.mark.parametrize("orphans", ["keep", "expire"])
def test_where_no_rule_names_the_disk_they_are_left(site: Site, orphans: str) -> None:
    """They are no orphans, which bear this cluster's label, and are never deleted."""
    site.write()
    left = site.leave("shop-pvc-data", HOURLY, 45, age=400 * DAY)

    report = site.run(environ=watching(site) | {"ORPHANS": orphans})

    assert report.summary.snapshots == len(left)
    assert (report.orphans, report.deletions, report.holds) == ((), (), ())
    assert set(site.times()) == left


def test_beside_orphans_of_ours_the_daemons_are_left(site: Site) -> None:
    """A rule that goes after the move: ours expire where that is asked for, the daemon's never."""
    site.write(claim="PT1H P1D")
    left = site.leave("shop-pvc-data", "PT1H P1D", 3)
    for _ in range(12):
        hour(site)
    left &= set(site.times())
    site.write()
    site.clock.advance(40 * DAY)

    report = site.run(environ=watching(site) | {"ORPHANS": "expire"})

    assert report.deletions
    assert not left & {done.snapshot for done in report.deletions}
    assert left <= set(site.times())


def test_another_author_label(site: Site) -> None:
    """With the daemon's settings its snapshots count; without them they are anybody's."""
    site.write(claim=HOURLY)
    theirs = {"SNAPSHOT_AUTHOR_LABEL": "backups", "SNAPSHOT_AUTHOR_LABEL_KEY": "made_by"}
    left = site.leave("shop-pvc-data", HOURLY, 45, labels={"made_by": "backups"})

    report = site.run("plan", environ=theirs)
    assert report.summary.kept == len(left)
    assert (report.creations, report.deletions) == ((), ())

    report = site.run("plan")
    assert (report.summary.snapshots, report.deletions) == (0, ())
    assert len(report.creations) == 1


def test_a_key_with_capitals_is_taken_on_aws() -> None:
    """As the daemon did; Google's labels know none."""
    environ = {"SNAPSHOT_AUTHOR_LABEL_KEY": "CreatedBy"}
    assert "CreatedBy" == load(AWSSettings, environ).snapshot_author_label_key
    with pytest.raises(SettingsError, match=r"SNAPSHOT_AUTHOR_LABEL_KEY .*is 'CreatedBy'"):
        load(GCPSettings, environ)


# Both at once


@pytest.mark.parametrize("first", ["the daemon", "the function"])
def test_both_at_once_take_turns(site: Site, first: str) -> None:
    """Where each sees the other's labelled snapshots there is one per interval."""
    site.write(claim=HOURLY)
    site.leave("shop-pvc-data", HOURLY, 3, age=30 * MINUTE)
    old, both = site.daemon("shop-pvc-data", HOURLY), set(site.times())
    for _ in range(8 * 12):
        site.clock.advance(PERIOD)
        site.complete()
        for act in (old.tick, site.run) if first == "the daemon" else (site.run, old.tick):
            act()
        both |= set(site.times())

    newer = sorted(at for name, at in site.times().items() if site.clock.now() - at < 8 * HOUR)

    assert all(b - a >= HOUR - SLACK for a, b in pairwise(newer))
    assert len(newer) == 8


def test_a_snapshot_that_the_daemon_has_not_labelled_yet_is_not_seen(site: Site) -> None:
    """Why not to run both for long: one snapshot more, which does no harm."""
    site.write(claim=HOURLY)
    left = site.leave("shop-pvc-data", HOURLY, 3, age=HOUR)
    old = site.daemon("shop-pvc-data", HOURLY)
    theirs = old.begin()
    site.clock.advance(MINUTE)

    assert len(site.run().creations) == 1

    old.finish(theirs)
    site.complete()
    site.clock.advance(PERIOD)
    report = site.run()
    assert (report.creations, report.holds) == ((), ())
    assert len(left - set(site.times())) <= 2


# Rules


def test_two_rules_on_one_disk_are_united(site: Site) -> None:
    """The daemon picked one; here the disk is due by the first and kept by both."""
    site.write(volume="PT6H P2D", rule_of_a_claim=HOURLY)
    left = site.leave("shop-rule-nightly", HOURLY, 45, age=58 * MINUTE)

    report = site.run("plan")

    (made,) = report.creations
    assert set(made.rules) == {PLACES["volume"], "shop-rule-nightly"}
    assert report.deletions == ()
    assert report.summary.kept == len(left)


def test_a_claim_must_be_bound_to_the_volume(site: Site) -> None:
    """The daemon believed `spec.volumeName`; here a claim has no say over a stranger's volume."""
    site.write()
    items: list[dict[str, Any]] = json.loads(site.path.read_text())["items"]
    metadata = {"name": "data", "namespace": "evil", "uid": "u-2", "annotations": {}}
    metadata["annotations"] = {"backup.kubernetes.io/deltas": "PT1H P1D"}
    claim = {"kind": "PersistentVolumeClaim", "metadata": metadata}
    site.write_items(*items, claim | {"spec": items[1]["spec"]})
    left = site.leave("evil-pvc-data", HOURLY, 3)

    report = site.run()

    assert report.summary.rules == 0
    assert [problem.source.namespace for problem in report.problems] == ["evil"]
    assert set(site.times()) == left


def test_a_rule_with_a_typo_costs_nothing(site: Site) -> None:
    """The daemon's snapshots bear no deltas to go on by: the disk waits for its rule."""
    site.write(claim="PT1H P1 D")
    left = site.leave("shop-pvc-data", HOURLY, 45, age=2 * DAY)

    report = site.run()

    assert [problem.severity for problem in report.problems] == ["error"]
    assert (report.creations, report.deletions) == ((), ())
    assert set(site.times()) == left


def test_months_and_years_work(site: Site) -> None:
    """The daemon crashed in sorting them."""
    site.write(claim="P1D P1M P1Y")
    left = site.leave("shop-pvc-data", "P1D P30D P360D", 200)

    report = site.run("plan")

    assert (report.problems, report.creations, report.holds) == ((), (), ())
    assert report.summary.kept + len(report.deletions) == len(left)
    assert len(report.deletions) <= 5


# Back


def test_back_to_the_daemon(site: Site) -> None:
    """It finds our snapshots by its own filter, counts them, and deletes what it would have."""
    site.write(claim=HOURLY)
    site.leave("shop-pvc-data", HOURLY, 45)
    before = set(site.times())
    for _ in range(6):
        hour(site)
    site.complete()
    ours = set(site.times()) - before
    assert len(ours) == 6

    old = site.daemon("shop-pvc-data", HOURLY)

    assert old.listed() == site.times()
    assert old.next() == max(site.times().values()) + HOUR
    site.clock.advance(old.next() - site.clock.now())
    everything = set(site.times())
    gone = old.finish(old.begin())
    assert len(gone) <= 8  # with what waited until the disk is settled
    assert set(site.times()) == everything - gone | set(old.made)
    assert ours <= set(site.times())


# The document


def table(heading: str) -> list[list[str]]:
    """Read the table under a heading of the document, without its head."""
    rows = re.findall(r"^\|(.+)\|$", DOC.split(f"## {heading}\n")[1].split("\n## ")[0], re.M)
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)] for row in rows[2:]]


def test_every_variable_of_the_daemon_is_a_setting_or_replaced() -> None:
    """The document's table has them all, with their defaults; what it names here is there."""
    ours = {
        name: default for kind in (AWSSettings, GCPSettings) for name, default, _ in describe(kind)
    }
    found = {}
    for name, default, here in table("Its environment variables"):
        variable = name.strip("`")
        found[variable] = default.strip("`")
        named = re.findall(r"`([A-Z][A-Z_]+)(?:=[^`]*)?`", here)
        if here.startswith("the same"):
            assert variable in ours
            assert "default" in here or ours[variable] in (found[variable], "")
        else:
            assert variable not in ours
        assert [other for other in named if other not in ours] == []
    assert found == dict(daemon.VARIABLES)
    replaced = {n for n, _, here in table("Its environment variables") if "the same" not in here}
    assert len(replaced) == len(daemon.VARIABLES) - len(ours.keys() & daemon.VARIABLES.keys())


def test_a_daemons_environment_is_taken_as_it_is() -> None:
    """Every default of the daemon's, said aloud, loads; what is unknown here does no harm."""
    environ = dict(daemon.VARIABLES) | {"VOLUMES": "a,b", "VOLUME_A_DELTAS": "PT1H P1D"}

    for kind in (AWSSettings, GCPSettings):
        settings = load(kind, environ)
        assert settings.snapshot_author_label == "k8s-snapshots"
        assert settings.snapshot_author_label_key == "created-by"


def commands(start: str) -> list[list[str]]:
    """Tell the words of each command of the document that begins so, after a pipe perhaps."""
    lines = re.findall(r"^    (.+?)(?:\s+#.*)?$", DOC.replace("\\\n", " "), re.M)
    found = [part.strip() for line in lines for part in line.split("|")]
    return [part.split() for part in found if part.startswith(start)]


def test_commands_of_the_command_line_are_understood() -> None:
    """Each `python -m functions.…` of the document is one that the parser takes."""
    parser = shared.cli.arguments.parser("migrating")
    (known,) = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    asked = commands("python -m functions.")
    assert len(asked) >= 4
    for words in asked:
        # `adopt` may not be among the commands yet.
        if words[3] in known.choices or words[3] != "adopt":
            parser.parse_args(words[3:])


def test_variables_of_terraform_are_there() -> None:
    """Each variable that the document gives terraform is one of both clouds', or of one."""
    clouds = [
        set(re.findall(r'^variable "(\w+)"', "\n".join(p.read_text() for p in folder), re.M))
        for folder in (
            (ROOT / "terraform" / "aws").glob("*.tf"),
            (ROOT / "terraform" / "gcp").glob("*.tf"),
        )
    ]
    named = {word.split("=")[0] for words in commands("terraform") for word in words if "=" in word}
    named = {name for name in named if not name.startswith("-")}
    assert "paused" in named
    assert named <= clouds[0] | clouds[1]
    assert "paused" in clouds[0] & clouds[1]


def test_the_role_leaves_the_daemons_alone() -> None:
    """So that the daemon's access, `k8s-snapshots`, stays while both run, and for going back."""
    objects = [*yaml.safe_load_all((ROOT / "manifests" / "rbac.yaml").read_text())]
    assert "k8s-snapshots" not in {item["metadata"]["name"] for item in objects}
    assert "ServiceAccount" not in {s["kind"] for item in objects for s in item.get("subjects", ())}


def test_files_that_commands_name_are_there() -> None:
    """Each manifest that the document applies is in the project."""
    files = set(re.findall(r"\b(?:manifests|examples)/[-\w./]+\.(?:yaml|json)", DOC))
    assert {"manifests/crd.yaml", "manifests/rbac.yaml"} <= files
    assert [name for name in files if not (ROOT / name).exists()] == []


def test_links_within_the_document_lead_somewhere() -> None:
    """Each `(#heading)` is a heading, as GitHub names it."""
    headings = re.findall(r"^#+ (.+)$", DOC, re.M)
    named = {
        re.sub(r"[^-\w ]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }
    links = set(re.findall(r"\]\(#([^)]+)\)", DOC))
    assert len(links) >= 6
    assert links <= named
