"""The command line: as its own process against embedded stand-ins, and in process for the rest."""

import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import pytest
import yaml

from functions.aws.settings import AWSSettings
from functions.aws.wiring import build as build_aws
from shared import __version__
from shared.cli.main import main
from shared.environment import describe, load
from shared.errors import DiskFailed
from shared.passes.world import Ports
from shared.ports import RulesSource
from shared.reports.schema import json_schema
from shared.request import Only
from shared.settings import Settings
from tests.emulators.ec2 import EC2
from tests.emulators.kube import Kube
from tests.shared.builders import DAY, NOW, hourly
from tests.shared.demo_aws import CLUSTER_FILE, DUE, EXPIRED, seed
from tests.shared.fake_cloud import FakeCloud, FakeCluster, ports
from tests.shared.objects_builders import DISK, OTHER_VOL, by_disk, snapshot_rule

ROOT = Path(__file__).parents[3]
PROG = "python -m functions.aws"

Json = dict[str, Any]


class Done(NamedTuple):
    """A command that has ended."""

    status: int
    out: str
    err: str


class Machine(NamedTuple):
    """A workstation with an AWS and a cluster in reach."""

    ec2: EC2
    kube: Kube
    environment: dict[str, str]

    def run(self, *arguments: str, given: str = "", **environment: str) -> Done:
        """Run `python -m functions.aws` as its own process."""
        done = subprocess.run(
            [sys.executable, "-m", "functions.aws", *arguments],
            cwd=ROOT,
            env=self.environment | environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="class")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with EC2() as ec2, Kube() as kube:
        kube.load(CLUSTER_FILE)
        seed(ec2)
        config = kube.kubeconfig(tmp_path_factory.mktemp("home") / "kubeconfig")
        environment = {"PATH": os.environ["PATH"], "KUBE_CONFIG_FILE": str(config)}
        yield Machine(ec2, kube, environment | ec2.environment())


def changes(ec2: EC2) -> int:
    """Count the creations and deletions, those aside that are only tried."""
    calls = ec2.calls_of("CreateSnapshot") + ec2.calls_of("DeleteSnapshot")
    return sum(call.params.get("DryRun") != "true" for call in calls)


class TestAsAProcess:
    def test_plans(self, machine: Machine) -> None:
        """A plan prints tables in the zone of TZ, logs JSON if asked to, and changes nothing."""
        done = machine.run("plan", TZ="Asia/Kathmandu", JSON_LOG="true", LOG_LEVEL="info")

        assert done.status == 0
        assert re.search(r"^Plan of cluster demo on aws, .* \+0545, rules from", done.out)
        assert f"would be {DUE} created; would be {EXPIRED} deleted" in done.out
        assert "Nothing was changed." in done.out
        logged = [json.loads(line) for line in done.err.splitlines()]
        messages = [line["message"] for line in logged]
        assert f"planned {DUE} creations, {EXPIRED} deletions, 0 held" in messages
        assert changes(machine.ec2) == 0

    def test_plans_from_a_pipe_without_a_cluster(self, machine: Machine) -> None:
        """`--rules -` reads what kubectl printed; the cluster itself is not asked."""
        asked = len(machine.kube.requests)

        done = machine.run(
            *("plan", "--rules", "-", "--json", "--only", "namespaces=shop,wiki"),
            given=CLUSTER_FILE.read_text(),
            KUBE_CONFIG_FILE="/no/such/kubeconfig",
            CLUSTER_NAME="demo",
        )

        assert done.status == 0
        report = json.loads(done.out)
        jsonschema.validate(report, json_schema(), jsonschema.Draft202012Validator)
        assert (report["mode"], report["rules_from"]) == ("plan", "standard input")
        assert {d["rules"][0] for d in report["creations"]} == {
            "shop-pvc-postgres-data",
            "wiki-rule-mysql",
        }
        assert done.err.splitlines()[0] == "rules from standard input: 9, with 1 problem"
        assert len(machine.kube.requests) == asked

    def test_checks(self, machine: Machine) -> None:
        """`check` prints what it tried; one tenant's mistake is a warning, with what is right."""
        done = machine.run("check")

        assert done.status == 0
        assert "arn:aws:sts::123456789012" in done.out
        assert "ec2:DeleteSnapshot" in done.out
        assert "warning  PersistentVolumeClaim shop/uploads: metadata" in done.out
        assert done.out.splitlines()[-1] == "All is well; 1 warning."
        assert changes(machine.ec2) == 0

    def test_reconciles(self, machine: Machine) -> None:
        """A pass in which one disk failed has done the others, and ends with status 1."""
        machine.ec2.fault("CreateSnapshot", "InvalidParameter")

        done = machine.run("reconcile", LOG_LEVEL="ERROR")

        assert done.status == 1
        assert f"{DUE - 1} created; {EXPIRED} deleted" in done.out
        assert "1 failed" in done.out
        assert re.fullmatch(
            r"could not create a snapshot of aws:\S+: InvalidParameter.*\n", done.err
        )
        assert changes(machine.ec2) == DUE + EXPIRED

    def test_refuses_wrong_settings(self, machine: Machine) -> None:
        """A setting that cannot be used ends with status 2, named with what would do."""
        done = machine.run("plan", SCHEDULE_PERIOD="5m")
        assert (done.status, done.out) == (2, "")
        assert done.err == (
            f"{PROG}: SCHEDULE_PERIOD must be an ISO 8601 duration such as PT5M (is '5m')\n"
        )


RULE = snapshot_rule(deltas="P1D P7D", **by_disk(DISK.name))
OTHER = snapshot_rule("other", "wiki", deltas="P1D P7D", **by_disk(OTHER_VOL))


class World:
    """What a command finds in process: a cloud, a cluster, and how they were asked for."""

    def __init__(self) -> None:
        self.cloud = FakeCloud(hourly(12, NOW - DAY, DAY, disk=DISK, deltas="P1D P7D"))
        self.cluster = FakeCluster(RULE, OTHER)
        self.source: RulesSource | None = None

    def build(
        self, environ: Mapping[str, str], source: RulesSource | None
    ) -> tuple[Settings, Ports]:
        self.source = source
        world = ports(self.cluster, self.cloud)
        return load(Settings, environ), world._replace(source=source or self.cluster)


Run = Callable[..., Done]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def run(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Run]:
    """Run a command in process, in an empty environment."""
    loggers = [logging.getLogger(name) for name in ("", "shared", "functions")]
    before = [(found.handlers[:], found.level) for found in loggers]
    for name, _, _ in describe(AWSSettings):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str, build: Any = None, **environment: str) -> Done:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        try:
            status = main(PROG, build or world.build, arguments)
        except SystemExit as error:
            status = int(str(error.code))
        return Done(status, *capsys.readouterr())

    yield call
    for found, state in zip(loggers, before, strict=True):
        found.handlers[:], found.level = state


def report(done: Done) -> Json:
    found: Json = json.loads(done.out)
    jsonschema.validate(found, json_schema(), jsonschema.Draft202012Validator)
    return found


def disks(done: Done) -> set[str]:
    """Name the disks that would be snapshotted, by their rules."""
    return {creation["rules"][0] for creation in report(done)["creations"]}


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        ([], {"shop-rule-nightly", "wiki-rule-other"}),
        (["--only", "namespaces=shop"], {"shop-rule-nightly"}),
        (["--only", "namespaces=shop,wiki"], {"shop-rule-nightly", "wiki-rule-other"}),
        (["--only", "namespaces=shop, wiki,"], {"shop-rule-nightly", "wiki-rule-other"}),
        (
            ["--only", "namespaces=shop", "--only", "namespaces=wiki"],
            {"shop-rule-nightly", "wiki-rule-other"},
        ),
        (["--only", f"disks={OTHER_VOL}"], {"wiki-rule-other"}),
        (["--only", f"disks={DISK.id}"], {"shop-rule-nightly"}),
        (["--only", "rules=wiki-rule-other", "--only", "namespaces=shop"], set()),
        (["--only", "scopes=us-east-1"], set()),
    ],
)
def test_selects_disks(run: Run, only: list[str], expected: set[str]) -> None:
    """--only selects by key, any of its values; all keys that are given must match."""
    assert disks(run("plan", "--json", *only)) == expected


@pytest.mark.parametrize(
    "only", ["disks", "disks=", "disks=,", "disks= , ", "=vol-1", "disk=vol-1", "", "a\nb=c"]
)
def test_refuses_a_selection_of_nothing(run: Run, world: World, only: str) -> None:
    """A selection that came out empty, as with an unset variable, is never one of everything."""
    done = run("reconcile", "--only", only)

    assert (done.status, done.out) == (3, "")
    known = "namespaces, rules, disks, scopes, claims"
    assert f"write KEY=VALUE[,VALUE], KEY being one of {known}" in done.err
    assert len(done.err.splitlines()) == 1
    assert world.cloud.calls == []


def test_mass_expiry_needs_a_selection(run: Run, world: World) -> None:
    """--release-holds is said of some disks, never of all."""
    done = run("reconcile", "--release-holds")
    assert done.status == 3
    assert "--release-holds needs -n, --claim or --only" in done.err
    assert world.cloud.calls == []


def test_mass_expiry_lets_go_of_what_is_held(run: Run, world: World) -> None:
    """With a selection the held deletions are carried out."""
    tightened = hourly(20, NOW - DAY, DAY, disk=DISK, deltas="P1D P30D")
    world.cloud.snapshots = {snapshot.id: snapshot for snapshot in tightened}

    held = report(run("reconcile", "--json"))["summary"]
    allowed = run("reconcile", "--json", "--release-holds", "--only", f"disks={DISK.name}")

    assert (held["deleted"], held["held"]) == (0, 12)
    assert report(allowed)["summary"]["deleted"] == 12


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["destroy"],
        ["plan", "--rules"],
        ["plan", "--jsno"],
        ["plan", "extra"],
        ["check", "--only", "disks=a"],
    ],
)
def test_wrong_usage_ends_with_status_3(run: Run, arguments: list[str]) -> None:
    """What argparse refuses has its usage printed."""
    done = run(*arguments)
    assert (done.status, done.out) == (3, "")
    assert done.err.startswith(f"usage: {PROG}")


def test_help_names_every_command_and_option(run: Run) -> None:
    """--help lists the commands, each of which lists its options; keys of --only included."""
    first = run("--help")

    assert first.status == 0
    for word in ("plan", "reconcile", "check", "--version", "exit status: 0 done"):
        assert word in first.out
    for command in ("plan", "reconcile", "check"):
        text = " ".join(run(command, "--help").out.split())
        assert "--rules FILE" in text
        assert "--json" in text
        assert ("--only KEY=VALUE[,VALUE]" in text) == (command != "check")
        assert ("--release-holds" in text) == (command != "check")
    text = run("plan", "--help").out
    assert all(key in text for key in Only.__struct_fields__)


def test_tells_its_version(run: Run) -> None:
    """--version is the package's."""
    assert run("--version") == (0, f"{__version__}\n", "")


class TestRules:
    def test_from_a_file_need_no_cluster(self, run: Run, world: World, tmp_path: Path) -> None:
        """--rules FILE takes the place of the cluster, and the report says so."""
        world.cluster.error = "there is no cluster"
        file = tmp_path / "rules.json"
        file.write_text(json.dumps({"kind": "List", "items": [OTHER]}))

        done = run("plan", "--json", "--rules", str(file))

        assert disks(done) == {"wiki-rule-other"}
        assert report_source(done) == str(file)

    def test_of_a_file_without_a_name_are_refused(self, run: Run, world: World) -> None:
        """An unset variable in `--rules "$FILE"` is not taken for the cluster's own rules."""
        done = run("reconcile", "--rules", "")
        assert done.status == 2
        assert "the file without a name cannot be read" in done.err
        assert world.cloud.calls == []

    def test_that_cannot_be_read_end_with_status_2(self, run: Run) -> None:
        """The file is named with the reason, on one line."""
        done = run("plan", "--rules", "/no/such")
        assert done.status == 2
        assert done.err == f"{PROG}: /no/such cannot be read: No such file or directory\n"


def report_source(done: Done) -> str:
    return str(json.loads(done.out)["rules_from"])


class TestStatus:
    def test_is_0_where_all_was_done(self, run: Run, world: World) -> None:
        """A pass without failures is a success, and prints what it did."""
        done = run("reconcile")
        assert done.status == 0
        assert "2 created; 4 deleted" in done.out
        assert len(world.cloud.calls) == 6

    def test_is_1_where_some_disks_failed(self, run: Run, world: World) -> None:
        """One failed disk among others."""
        world.cloud.failing[OTHER_VOL] = DiskFailed("gone", "InvalidVolume.NotFound")
        done = run("reconcile")
        assert done.status == 1
        assert "1 failed" in done.out

    def test_is_1_where_a_listing_is_incomplete(self, run: Run, world: World) -> None:
        """One region that cannot be listed, in a plan too."""
        world.cluster.items += (
            snapshot_rule("x", deltas="P1D P7D", **by_disk(region="us-east-1")),
        )
        world.cloud.incomplete["us-east-1"] = "RequestLimitExceeded"
        done = run("plan")
        assert done.status == 1
        assert "RequestLimitExceeded" in done.out

    @pytest.mark.parametrize("command", ["plan", "reconcile"])
    def test_is_2_where_the_pass_could_not_be(self, run: Run, world: World, command: str) -> None:
        """Without rules nothing is done, and the reason is the one line on stderr."""
        world.cluster.error = "the API cannot be reached"
        assert run(command) == (2, "", f"{PROG}: the API cannot be reached\n")

    def test_is_2_after_a_defect(self, run: Run) -> None:
        """An error that nobody foresaw does not look like a pass in which some disks failed."""

        def broken(environ: object, source: object) -> Any:
            raise ZeroDivisionError

        done = run("plan", build=broken)

        assert (done.status, done.out) == (2, "")

    def test_is_2_where_the_profile_is_not_known(self, run: Run) -> None:
        """A mistyped AWS_PROFILE is named, without a traceback."""
        done = run("plan", build=build_aws, AWS_PROFILE="typo")
        assert done.status == 2
        assert done.err == (
            f"{PROG}: AWS_PROFILE cannot be used: The config profile (typo) could not be found\n"
        )


class TestCheck:
    def test_ends_with_0_where_all_is_well(self, run: Run) -> None:
        """Everything ok is a success."""
        done = run("check")
        assert done.status == 0
        assert done.out.endswith("All is well.\n")

    def test_ends_with_2_where_something_is_missing(self, run: Run, world: World) -> None:
        """A missing permission is shown as FAILED, with what to do."""
        world.cloud.denied.add("create")
        done = run("check")
        assert done.status == 2
        assert "FAILED" in done.out
        assert "see docs/aws.md" in done.out

    def test_prints_json_for_programs(self, run: Run, world: World) -> None:
        """--json lists name, ok, detail and hint of each."""
        world.cloud.denied.add("delete")
        done = run("check", "--json")
        found = json.loads(done.out)
        assert {tuple(result) for result in found} == {("name", "ok", "detail", "hint", "warning")}
        assert [r["hint"] for r in found if not r["ok"]] == ["see docs/aws.md"]


class TestLog:
    def test_is_plain_by_default_and_beside_the_output(self, run: Run) -> None:
        """Progress goes to stderr as text, so that --json stays JSON."""
        done = run("plan", "--json")
        assert "planned 2 creations, 4 deletions, 0 held" in done.err.splitlines()
        json.loads(done.out)

    def test_is_json_if_asked_for(self, run: Run, world: World) -> None:
        """JSON_LOG=true makes each line an object, whatever the cloud answers."""
        world.cloud.failing[OTHER_VOL] = DiskFailed('x\n{"level": "ERROR"}')
        lines = [json.loads(line) for line in run("reconcile", JSON_LOG="true").err.splitlines()]
        assert {"level", "time", "logger", "message", "audit"} == set().union(*lines)
        audits = [line["audit"] for line in lines if "audit" in line]
        assert {"create", "delete"} >= {audit["action"] for audit in audits} != set()
        assert all({"action", "snapshot", "disk", "reason"} <= set(audit) for audit in audits)
        assert [line["logger"] for line in lines if line["level"] == "ERROR"] == [
            "shared.passes.apply"
        ]

    def test_says_each_thing_on_one_line(self, run: Run, world: World) -> None:
        """As text too, a line break in a message forges no line."""
        world.cloud.failing[OTHER_VOL] = DiskFailed("x\r\nforged")
        lines = run("reconcile").err.splitlines()
        assert "forged" not in lines
        assert any(line.endswith("x\\r\\nforged") for line in lines)

    @pytest.mark.parametrize(("level", "lines"), [("ERROR", 0), ("warning", 0)])
    def test_says_no_more_than_asked_for(self, run: Run, level: str, lines: int) -> None:
        """LOG_LEVEL decides, in any case."""
        assert len(run("plan", LOG_LEVEL=level).err.splitlines()) == lines


@pytest.mark.parametrize(
    ("name", "value", "would_do"),
    [
        ("LOG_LEVEL", "loud", "DEBUG, INFO, WARNING or ERROR"),
        ("TZ", "Mars/Olympus", "a name such as Europe/Berlin"),
        ("JSON_LOG", "perhaps", "true or false"),
        ("KEEP_LABEL", "no good", "a letter, then"),
    ],
)
def test_wrong_settings_name_their_variable(run: Run, name: str, value: str, would_do: str) -> None:
    """The environment is refused by the variable's name and value, with what would do."""
    done = run("plan", **{name: value})
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"{PROG}: {name} must be {would_do}")
    assert f"(is {value!r})" in done.err


def test_times_are_of_the_zone_asked_for(run: Run) -> None:
    """TZ is that of the tables; JSON keeps UTC."""
    assert "2026-06-15 08:00 EDT" in run("plan", TZ="America/Montreal").out
    assert report(run("plan", "--json"))["started"] == "2026-06-15T12:00:00Z"


def test_the_plan_of_nothing_is_a_success(run: Run, world: World) -> None:
    """A cluster in which nothing is annotated is no error of the command."""
    world.cluster.items = ()
    done = run("plan")
    assert done.status == 0
    assert "0 rules on 0 disks" in done.out


class TestByHand:
    """What only people do, against the stand-ins, as its own process."""

    def test_adopts_after_it_has_shown(self, machine: Machine) -> None:
        """Without --apply nothing is labelled; what AWS Backup has is named and left."""
        ec2, disk = machine.ec2, "vol-0c47d9e18f2a6b503"
        at = datetime.now(UTC) - DAY
        mine = ec2.add_snapshot("eu-west-1", disk, started=at, tags={"Name": "by hand"})
        tags = {"aws:backup:source-resource": "x"}
        theirs = ec2.add_snapshot("eu-west-1", disk, started=at, tags=tags)
        shown = machine.run("adopt", "--json")
        assert {
            mine: "would be adopted",
            theirs: "left: AWS Backup (tag: aws:backup:source-resource) manages it",
        } == {row["snapshot"]: row["what"] for row in json.loads(shown.out)}
        assert [] == ec2.calls_of("CreateTags")
        done = machine.run("adopt", "--apply")
        assert (0, True) == (done.status, "1 snapshot adopted, 1 left." in done.out)
        assert len(ec2.calls_of("CreateTags")) == 1
        labels = {r.id: dict(r.tags) for r in ec2.snapshots("eu-west-1")}[mine]
        assert "by hand" == labels.pop("Name")
        assert {
            "created-by": "k8s-snapshots",
            "k8s-snapshots-cluster": "demo",
            "k8s-snapshots-namespace": "media",
            "k8s-snapshots-claim": "archive",
            "k8s-snapshots-rule": "pv-media-archive",
            "k8s-snapshots-volume": "media-archive",
        } == labels
        assert "0 snapshots to adopt, 1 left." in machine.run("adopt").out

    def test_restores_beside_the_live_claim(self, machine: Machine) -> None:
        """YAML on standard output and nothing else, which kubectl can be handed."""
        before = changes(machine.ec2)
        done = machine.run("restore", "--claim", "erp/ledger-data")
        assert 0 == done.status
        kinds = [document["kind"] for document in yaml.safe_load_all(done.out)]
        assert ["VolumeSnapshotContent", "VolumeSnapshot", "PersistentVolumeClaim"] == kinds
        assert changes(machine.ec2) == before
        report = json.loads(machine.run("restore", "--claim", "erp/ledger-data", "--json").out)
        assert kinds == [item["kind"] for item in report["manifests"]["items"]]

    def test_restores_where_the_cluster_is_gone(self, machine: Machine, tmp_path: Path) -> None:
        """By the mirror: class, modes and size as they were."""
        mirror = {"MIRROR_URL": f"file://{tmp_path}/rules.json"}
        assert 0 == machine.run("reconcile", **mirror).status
        live = machine.run("restore", "--claim", "erp/ledger-data", **mirror)
        gone = tmp_path / "gone"
        config = yaml.safe_load(Path(machine.environment["KUBE_CONFIG_FILE"]).read_text())
        config["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:1"
        gone.write_text(yaml.safe_dump(config))
        by_mirror = machine.run(
            *("restore", "--claim", "erp/ledger-data"), KUBE_CONFIG_FILE=str(gone), **mirror
        )
        assert (0, "cannot be reached" in by_mirror.err) == (by_mirror.status, True)
        documents = [list(yaml.safe_load_all(text.out)) for text in (live, by_mirror)]
        assert documents[0] == documents[1]

    def test_says_what_would_do(self, machine: Machine) -> None:
        """Where nothing fits what was asked for."""
        done = machine.run("restore", "--claim", "erp/ledger-data", "--at", "2001-01-01")
        assert 2 == done.status
        assert "snap-" in done.err
        done = machine.run("restore")
        assert "nothing given; name one of --claim NAMESPACE/NAME" in done.err

    def test_explains(self, machine: Machine) -> None:
        """Rules, generations and each snapshot, in the terminal and as JSON."""
        done = machine.run("explain", "--only", "namespaces=erp")
        assert 0 == done.status
        assert "P1D P7D P1M P1Y: a snapshot every day; daily for 7 days" in done.out
        assert "from PersistentVolumeClaim erp/ledger-data, as erp-pvc-ledger-data" in done.out
        assert re.search(r"(next to go|then): snap-", done.out)
        report = json.loads(machine.run("explain", "--only", "namespaces=erp", "--json").out)
        jsonschema.validate(report, json_schema(), jsonschema.Draft202012Validator)
        assert 1 == len(report["explanations"])

    def test_backfills(self, run: Run) -> None:
        """Exit status 1 where something is left to another call."""
        assert 0 == run("backfill").status
        assert 0 == run("backfill", "--force", "--keep-for", "P9D").status
        done = run("backfill", "--keep-for", "P9D")
        assert (3, True) == (done.status, "say --force as well" in done.err)

    @pytest.mark.parametrize("words", [("adopt", "--app"), ("explain", "--onl", "disks=x")])
    def test_takes_no_half_words(self, run: Run, words: tuple[str, ...]) -> None:
        """What changes something is said in full."""
        done = run(*words)
        assert (3, True) == (done.status, "unrecognized arguments" in done.err)

    def test_explains_what_is_wrong_too(self, machine: Machine) -> None:
        """Its problems, and that a selection names nothing."""
        assert "shop/uploads" in machine.run("explain", "--only", "namespaces=shop").out
        assert "selects nothing" in machine.run("explain", "--only", "namespaces=nope").out
        assert "names no disk" in machine.run("adopt", "--only", "namespaces=nope").err
