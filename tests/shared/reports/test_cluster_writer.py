"""Writing the status over real HTTP, and what becomes of it where the API will not have it."""

import json
import logging
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

import shared.reports.cluster_requests
import shared.reports.cluster_writer
from shared.access.connect import kubeconfig_client
from shared.bucket.lease import Leases
from shared.errors import ClusterError
from shared.kinds import GROUP
from shared.passes.apply import apply
from shared.passes.deadline import Deadline
from shared.passes.run import run
from shared.planning.plan import plan
from shared.reports.applied import Applied
from shared.reports.cluster_writer import StatusWriter
from shared.reports.events import EventPost, events
from shared.reports.rule_statuses import statuses
from shared.reports.status import StatusPatch
from shared.request import Mode, Request
from shared.settings import Settings
from shared.sources.cluster import Cluster
from tests.clock import VirtualClock
from tests.emulators.kube import Kube
from tests.shared.builders import NOW, hourly
from tests.shared.fake_bucket import MIRROR, FakeBucket, ports_with
from tests.shared.fake_cloud import FakeCloud
from tests.shared.objects_builders import (
    DISK,
    POLICY,
    by_disk,
    claim,
    rules_of,
    snapshot_policy,
    snapshot_rule,
    volume,
    with_spec,
)

TOKEN = "s3cr3t-t0ken-of-the-writer"
MANIFESTS = Path(__file__).parents[3] / "manifests"
MINUTE = timedelta(minutes=1)
STATUS = f"snapshotrules.{GROUP}/status"

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def discreet(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Find the token in no log, at any level; give up a silent API soon."""
    monkeypatch.setattr(shared.reports.cluster_requests, "TIMEOUT", (2, 1))
    caplog.set_level(logging.DEBUG)
    yield
    assert TOKEN not in caplog.text


@pytest.fixture
def kube() -> Iterator[Kube]:
    rules = [snapshot_rule(f"rule-{n}", **by_disk(f"vol-{n:017x}")) for n in range(3)]
    items = [volume(), claim(), snapshot_rule(persistentVolumeClaim="data"), *rules]
    with Kube([*items, claim("broken", deltas="PT1H")], token=TOKEN) as served:
        served.roles.manifest("rbac-status.yaml")
        yield served


class Site:
    """One function and its cluster: passes as they are run, with a cloud in memory."""

    def __init__(self, kube: Kube, folder: Path) -> None:
        self.kube, self.clock = kube, VirtualClock(NOW)
        self.cloud = FakeCloud(hourly(3, NOW, disk=DISK), clock=self.clock)
        path = str(kube.kubeconfig(folder / "kubeconfig"))
        self.source = Cluster(lambda: kubeconfig_client(path))
        connected: list[Any] = []

        def client() -> Any:
            if not connected:
                connected.append(kubeconfig_client(path))
            return connected[0]

        self.writer = StatusWriter(client)

    def found(self) -> tuple[list[StatusPatch], list[EventPost]]:
        """Give what there is to write, as a pass that creates what is due."""
        objects = self.source.read()
        ruleset = rules_of(objects)
        listings = self.cloud.list(["eu-west-1"])
        planned = plan(ruleset, listings[0].snapshots, self.clock.now(), POLICY)
        applied = apply(planned, self.cloud, Deadline(self.clock, 600, 1), 1)
        patches = statuses(objects, ruleset, planned, listings, applied, POLICY.labels)
        return patches, events(objects, planned)

    def run(self, left: Callable[[], bool] = lambda: True) -> list[tuple[str, str]]:
        """Run a pass; give the requests that it wrote with."""
        patches, posts = self.found()
        before = len(self.kube.requests)
        self.writer.write(patches, posts, left)
        return [(r.method, r.path) for r in self.kube.requests[before:]]

    def status(self, name: str = "nightly") -> Json | None:
        found: Json | None = self.kube.stored["SnapshotRule", "shop", name].get("status")
        return found

    def written(self) -> int:
        items = (self.kube.stored["SnapshotRule", "shop", f"rule-{n}"] for n in range(3))
        return sum("status" in item for item in items) + bool(self.status())


@pytest.fixture
def site(kube: Kube, tmp_path: Path) -> Site:
    return Site(kube, tmp_path)


def complete(site: Site) -> None:
    for name, found in site.cloud.snapshots.items():
        if found.state == "pending":
            site.cloud.snapshots[name] = msgspec.structs.replace(found, state="completed")


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]


def test_one_write_an_object(site: Site) -> None:
    """Each rule once, and the claim's problem as one Event; what people wrote stays."""
    before = json.dumps([r["spec"] for r in site.kube.objects if r["kind"] == "SnapshotRule"])

    made = site.run()

    rules = [f"/apis/{GROUP}/v1/namespaces/shop/snapshotrules/{name}/status"
             for name in ("nightly", "rule-0", "rule-1", "rule-2")]  # fmt: skip
    assert sorted(made) == [("PATCH", path) for path in rules] + [
        ("POST", "/api/v1/namespaces/shop/events")
    ]
    kinds = {r.method: r.content_type for r in site.kube.requests}
    assert ("application/json-patch+json", "application/json") == (kinds["PATCH"], kinds["POST"])
    status = site.status()
    assert status
    assert ("True", 3) == (status["conditions"][0]["status"], status["snapshots"])
    after = [r["spec"] for r in site.kube.objects if r["kind"] == "SnapshotRule"]
    assert before == json.dumps(after)
    (event,) = site.kube.events
    assert event["involvedObject"]["name"] == "broken"


def test_unchanged_is_no_request_at_all(site: Site) -> None:
    """Neither for a status nor, in a process that is warm, for an Event."""
    site.run()
    site.clock.advance(5 * MINUTE)
    assert site.run() == []


def test_an_event_that_is_there_is_left_alone(
    site: Site, kube: Kube, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A cold process asks once and changes nothing; one that expired is written anew."""
    site.run()
    before = json.dumps(kube.events)
    assert "wrote 1 of 1 events" in caplog.text
    cold = Site(kube, tmp_path)
    assert cold.run() == [("POST", "/api/v1/namespaces/shop/events")]
    assert before == json.dumps(kube.events)
    assert "wrote 0 of 1 events; 1 there already" in caplog.text
    (event,) = kube.events
    kube.remove("Event", "shop", event["metadata"]["name"])
    cold.clock.advance(5 * MINUTE)
    assert cold.run() == []
    cold.clock.advance(10 * MINUTE)
    assert cold.run() == [("POST", "/api/v1/namespaces/shop/events")]
    assert len(kube.events) == 1


def test_writes_no_more_often_than_something_happens(site: Site) -> None:
    """In six hours of passes: once when a snapshot is begun, once when it is completed."""
    site.run()
    patched = 0
    for _ in range(6 * 12):
        site.clock.advance(5 * MINUTE)
        complete(site)
        patched += sum(path.endswith("nightly/status") for _, path in site.run())
    assert 6 <= patched <= 12


def test_a_policy_tells_of_all_its_disks(site: Site) -> None:
    """How many have their deltas from it, by selector or by name, and how many are late."""
    volumes = {n: f"vol-{n:017x}" for n in (7, 8, 9)}
    for n, handle in volumes.items():
        site.kube.add(volume(f"pv-{n}", handle, claimed_by=("web", f"c-{n}")))
        made = claim(f"c-{n}", "web", volume=f"pv-{n}", policy="gold" if n == 9 else None)
        site.kube.add(made | {"metadata": made["metadata"] | {"labels": {"app": f"a{n}"}}})
    names = {"matchExpressions": [{"key": "app", "operator": "In", "values": ["a7", "a8"]}]}
    site.kube.add(snapshot_policy("gold", "P1D P7D", claimSelector=names))
    site.kube.add(snapshot_policy("idle", "P1D P7D"))
    site.kube.add(snapshot_policy("broken", "P1O"))

    site.run()

    def status(name: str) -> Json:
        found: Json = site.kube.stored["SnapshotPolicy", "", name]["status"]
        return found

    assert (3, 0) == (status("gold")["disks"], status("gold").get("late"))
    (ready,) = status("gold")["conditions"]
    assert ("False", "Pending") == (ready["status"], ready["reason"])
    assert ("True", "Unused") == tuple(
        status("idle")["conditions"][0][k] for k in ("status", "reason")
    )
    (trouble,) = (p for p in status("broken")["problems"] if p["severity"] == "error")
    assert "P1O" in trouble["message"]


def test_a_rule_of_several_claims_tells_of_the_one_that_is_worst_off(site: Site) -> None:
    """One status stands for all disks that the rule selects."""
    site.kube.add(volume("pv-7", f"vol-{7:017x}", claimed_by=("shop", "c-7")))
    site.kube.add(claim("c-7", volume="pv-7"))
    site.kube.add(snapshot_rule("all", claimSelector={}, deltas="PT1H P1D"))
    site.run()
    found = site.status("all")
    assert found
    assert (2, "Pending") == (found["disks"], found["conditions"][0]["reason"])
    complete(site)
    site.run()
    found = site.status("all")
    assert found
    assert "2 disks are snapshotted" == found["conditions"][0]["message"]


def test_asks_for_nothing_but_what_the_role_grants(site: Site) -> None:
    """The verbs and resources in manifests/rbac-status.yaml are those of the requests."""
    site.run()
    role, binding = yaml.safe_load_all((MANIFESTS / "rbac-status.yaml").read_text())
    granted = {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    ours = {(GROUP, f"{kind}/status", "patch") for kind in ("snapshotrules", "snapshotpolicies")}
    assert granted == ours | {("", "events", "create")}
    assert {"GET", "PATCH", "POST"} == {request.method for request in site.kube.requests}
    reader = list(yaml.safe_load_all((MANIFESTS / "rbac.yaml").read_text()))[1]
    assert binding["subjects"] == reader["subjects"]
    assert binding["roleRef"]["name"] == role["metadata"]["name"] != reader["roleRef"]["name"]


def test_an_owner_who_edits_meanwhile_loses_nothing(site: Site) -> None:
    """Of the edit the status does not speak yet, and the next pass writes it anew."""
    patches, _ = site.found()
    item = site.kube.stored["SnapshotRule", "shop", "nightly"]
    item["spec"]["deltas"], item["metadata"]["generation"] = "PT2H P2D", 2
    item["metadata"]["resourceVersion"] = "7777"
    site.writer.write(patches, [])
    status = site.status()
    assert status
    assert (1, "PT2H P2D") == (status["observedGeneration"], item["spec"]["deltas"])
    site.run()
    status = site.status()
    assert status
    assert status["observedGeneration"] == 2


def test_what_is_too_much_is_left_to_the_next_pass(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many a pass, until all is written."""
    monkeypatch.setattr(shared.reports.cluster_writer, "MAX_STATUSES", 3)
    assert [3, 1, 0] == [sum(m == "PATCH" for m, _ in site.run()) for _ in range(3)]
    assert site.written() == 4


def test_without_time_nothing_is_written(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither at the pass's deadline nor after the writer's own budget."""
    assert site.run(left=lambda: False) == []
    budget = iter([True, True])
    assert len(site.run(left=lambda: next(budget, False))) == 2
    monkeypatch.setattr(shared.reports.cluster_writer, "BUDGET", -1.0)
    assert site.run() == []


def test_a_missing_permission_is_said_once(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """With the manifest that grants it; Events are written all the same, and vice versa."""
    site.kube.denied = {f"patch {STATUS}"}
    made = site.run()
    assert ("PATCH", "POST") == (made[0][0], made[-1][0])
    assert len(made) == shared.reports.cluster_writer.REFUSALS + 1
    (said,) = errors(caplog)
    assert "some statuses could not be written" in said
    assert said.endswith("patch on snapshotrules/status, as manifests/rbac-status.yaml does")

    caplog.clear()
    (event,) = site.kube.events
    site.kube.remove("Event", "shop", event["metadata"]["name"])
    site.kube.denied = {"create events"}
    site.clock.advance(10 * MINUTE)
    site.run()
    assert site.written() == 4
    (said,) = errors(caplog)
    assert said.endswith("; grant create on events, as manifests/rbac-status.yaml does")


def test_a_definition_without_status_is_said_once(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """Such as the daemon's, over which ours was not applied."""
    site.kube.status = False
    made = site.run()
    assert [("GET", f"/apis/{GROUP}/v1")] == [(m, p) for m, p in made if m == "GET"]
    assert sum(m == "PATCH" for m, _ in made) == shared.reports.cluster_writer.REFUSALS
    (said,) = errors(caplog)
    assert "the definition of SnapshotRules has no status" in said
    assert said.endswith("kubectl apply -f manifests/crd.yaml")


@pytest.mark.parametrize("rules", [1, 2])
@pytest.mark.parametrize("known", [True, False])
def test_of_few_rules_a_missing_status_is_said_too(
    site: Site, caplog: pytest.LogCaptureFixture, rules: int, known: bool
) -> None:
    """The API tells whether rules have a status; without its word nothing is claimed."""
    site.kube.status = False
    patches, _ = site.found()
    if not known:
        site.kube.denied.add("get ")  # of paths that are no resource's
    site.writer.write(patches[:rules], [])
    assert known == bool(errors(caplog))
    assert all("kubectl apply -f manifests/crd.yaml" in line for line in errors(caplog))


def test_a_few_rules_that_are_gone_are_no_error(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the definition has a status they were deleted."""
    patches, _ = site.found()
    for patch in patches[:2]:
        site.kube.remove("SnapshotRule", patch.source.namespace, patch.source.name)
    site.writer.write(patches[:2], [])
    assert errors(caplog) == []


def test_a_rule_made_anew_does_not_get_the_old_ones_status(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """It was deleted and made again between reading and writing: it has another uid."""
    patches, _ = site.found()
    spec = site.kube.stored["SnapshotRule", "shop", "nightly"]["spec"]
    site.kube.remove("SnapshotRule", "shop", "nightly")
    site.kube.add(with_spec(spec | {"deltas": "P1W P1Y"}))
    site.writer.write(patches, [])
    assert site.status() is None
    assert site.written() == 3
    assert errors(caplog) == []
    assert "wrote 3 of 4 statuses; 1 changed meanwhile" in caplog.text
    site.run()
    assert site.status()


def test_a_rule_that_is_gone_is_no_error(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """It was deleted between reading and writing, or its namespace is about to be."""
    patches, posts = site.found()
    site.kube.remove("SnapshotRule", "shop", "rule-1")
    site.kube.terminating.add("shop")
    site.writer.write(patches, posts)
    assert errors(caplog) == []
    assert site.kube.events == []


def test_rules_that_never_fit_hold_up_no_others(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """A rule that was stored before the definition refused it is refused with its status too."""
    for n in range(3):
        site.kube.stored["SnapshotRule", "shop", f"rule-{n}"]["spec"]["disk"]["project"] = 5
    assert len(site.run()) == 5
    assert site.written() == 1
    assert len(errors(caplog)) == 1


@pytest.mark.parametrize("status", [409, 400])
def test_one_that_fails_is_written_in_the_next_pass(site: Site, status: int) -> None:
    site.kube.fault("rule-1/status", status=status)
    site.run()
    assert site.written() == 3
    site.run()
    assert site.written() == 4


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"status": 401}, "the API answered 401: Unauthorized"),
        ({"status": 429}, "the API answered 429"),
        ({"status": 500}, "the API answered 500"),
        ({"html": True, "status": 502}, "the API answered 502: no reason given"),
        ({"hang": 3}, "the API does not answer (ReadTimeoutError)"),
        ({"close": True}, "the API does not answer (ProtocolError)"),
    ],
    ids=["401", "429", "500", "HTML 502", "hangs", "hung up"],
)
def test_an_api_that_fails_is_left_alone(
    site: Site, caplog: pytest.LogCaptureFixture, fault: Json, said: str
) -> None:
    """One request, one line in the log, and the pass is none the worse; then all is written."""
    site.kube.fault("/status", times=None, **fault)
    assert len(site.run()) == 1
    (line,) = errors(caplog)
    assert said in line
    site.kube.faults.clear()
    site.run()
    assert site.written() == 4


def test_nothing_that_is_raised_gets_out(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """What is raised on purpose is said; of anything else only its kind, whatever its text has."""

    def refuse() -> Any:
        raise ClusterError("there is no way to the cluster")

    def burst() -> Any:
        raise ValueError(TOKEN)

    patches, posts = site.found()
    StatusWriter(refuse).write(patches, posts)
    StatusWriter(burst).write(patches, posts)
    assert [line.rpartition(": ")[2] for line in errors(caplog)] == [
        "there is no way to the cluster", "ValueError"
    ]  # fmt: skip


def test_a_pass_is_told_of(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """All in one, as a pass calls it; a defect on the way fails no pass either."""
    objects = site.source.read()
    ruleset = rules_of(objects)
    listings = site.cloud.list(["eu-west-1"])
    planned = plan(ruleset, listings[0].snapshots, NOW, POLICY)
    told = (objects, ruleset, planned, listings, Applied(), POLICY.labels, lambda: True)
    site.writer.tell(*told)
    assert (site.written(), len(site.kube.events)) == (4, 1)

    objects.manifests.append(None)  # type: ignore[arg-type]
    site.writer.tell(*told)
    assert errors(caplog) == ["the status could not be written to the cluster"]


@pytest.mark.parametrize("name", ["..", ".", "a/b", "../secrets/x", "a?b", "a%2fb", "", "A\n"])
def test_no_name_leads_elsewhere(site: Site, name: str) -> None:
    """A name that no cluster has is not asked for."""
    ((patch, *_), (post, *_)) = site.found()
    bad = patch._replace(source=patch.source.__class__("SnapshotRule", "shop", name))
    before = len(site.kube.requests)
    worse = patch._replace(source=patch.source.__class__("SnapshotRule", name, "nightly"))
    site.writer.write([bad, worse], [post._replace(name=name)])
    assert site.kube.requests[before:] == []


@pytest.mark.skipif(not shutil.which("kubectl"), reason="needs kubectl")
def test_kubectl_shows_the_columns(site: Site, tmp_path: Path) -> None:
    """Each column's path, as kubectl's own JSONPath reads it, which is the API server's too."""
    site.run()
    site.kube.token = None  # kubectl sends none where there is no TLS
    for item in site.kube.objects:
        item.setdefault("apiVersion", f"{GROUP}/v1")  # without which kubectl prints nothing
    definition = next(yaml.safe_load_all((MANIFESTS / "crd.yaml").read_text()))
    columns = definition["spec"]["versions"][0]["additionalPrinterColumns"]
    shown = [column["name"] for column in columns if not column.get("priority")]
    assert shown == ["Ready", "Deltas", "Last", "Next", "Count", "Age"]
    fields = '{"|"}'.join(f"{{{column['jsonPath']}}}" for column in columns)
    template = '{range .items[*]}{.metadata.name}{"|"}' + fields + '{"\\n"}{end}'
    done = subprocess.run(
        ["kubectl", "--kubeconfig", str(site.kube.kubeconfig(tmp_path / "kubectl")), "get", "sr",
         "--all-namespaces", "-o", f"jsonpath={template}"],
        capture_output=True, text=True, check=False,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin:/usr/local/bin"},
    )  # fmt: skip
    assert done.stderr == ""
    rows = {line.split("|")[0]: line.split("|")[1:] for line in done.stdout.splitlines()}
    age = site.kube.stored["SnapshotRule", "shop", "nightly"]["metadata"]["creationTimestamp"]
    assert rows["nightly"] == [
        "True", "PT1H P1D P30D", "2026-06-15T12:00:00Z", "2026-06-15T13:00:00Z", "3", age,
        "Snapshotting", "data", "", "",
    ]  # fmt: skip
    assert rows["rule-1"][:5] == ["False", "PT1H P1D P30D", "", "2026-06-15T13:00:00Z", "0"]
    assert rows["rule-1"][-1] == "vol-00000000000000001"


class Passes:
    """Runs passes on a site, and tells what each wrote to the cluster."""

    def __init__(self, site: Site) -> None:
        self.site, self.bucket = site, FakeBucket(site.clock)
        self.ports = ports_with(site.source, site.cloud, self.bucket)._replace(  # type: ignore[arg-type]
            status=StatusWriter(site.source.client), labels=POLICY.labels, clock=site.clock
        )

    def run(self, mode: Mode = "reconcile") -> tuple[list[str], str]:
        before = len(self.site.kube.requests)
        outcome = run(Request(mode=mode), Settings(), self.ports)
        made = [request.method for request in self.site.kube.requests[before:]]
        return sorted(method for method in made if method != "GET"), outcome.report.outcome


@pytest.fixture
def passes(site: Site) -> Passes:
    return Passes(site)


@pytest.mark.parametrize("mode", ["plan", "explain", "backfill"])
def test_only_passes_write(passes: Passes, mode: Mode) -> None:
    """What changes nothing, or is no whole pass, tells nothing."""
    assert [] == passes.run(mode)[0]


def test_writes_what_changed_and_then_nothing(passes: Passes) -> None:
    """One write for each rule, one Event for the problem; again when snapshots are completed."""
    assert ["PATCH"] * 4 + ["POST"] == passes.run()[0]
    version = passes.bucket.get(MIRROR)
    passes.site.clock.advance(5 * MINUTE)
    complete(passes.site)
    assert ["PATCH"] * 3 == passes.run()[0]
    for _ in range(5):
        passes.site.clock.advance(5 * MINUTE)
        made, outcome = passes.run()
        assert "PATCH" not in made
        assert "completed" == outcome
    now = passes.bucket.get(MIRROR)
    assert version
    assert now
    assert version.version == now.version  # statuses are no part of the mirror


def test_a_cluster_that_refuses_costs_nothing(passes: Passes) -> None:
    """The pass is done all the same."""
    passes.site.kube.denied |= {"patch snapshotrules/status", "create events"}
    passes.site.kube.fault("/status", times=None, status=403)
    passes.site.kube.fault("/events", times=None, status=403)
    assert "completed" == passes.run()[1]


def test_writes_nothing_while_the_mirror_stands_in(passes: Passes) -> None:
    """The API is gone, or lies."""
    passes.run()
    passes.site.kube.fault(times=None, status=500)
    passes.site.clock.advance(5 * MINUTE)
    assert [] == passes.run()[0]


def test_writes_nothing_beside_another_pass(passes: Passes) -> None:
    """It saw nothing itself."""
    passes.run()
    assert passes.ports.storage
    Leases(passes.bucket, passes.ports.storage.folder, "other").take("eu-west-1", 600)
    passes.site.clock.advance(5 * MINUTE)
    assert ([], "skipped") == passes.run()
