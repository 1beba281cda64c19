"""`check`: everything that a pass needs, tried one by one, and what to do where it is missing."""

from pathlib import Path
from typing import Any

import pytest

from functions.aws.snapshots import EBS
from shared.access.connect import in_cluster_client, kubeconfig_client
from shared.bucket.storage import open_storage
from shared.cli.check import check
from shared.passes.html_report import PageWriter
from shared.passes.world import Ports
from shared.planning.labels import AWS, Labels
from shared.ports import Check, RulesSource
from shared.reports.cluster_writer import StatusWriter
from shared.settings import Settings
from shared.sources.cluster import Cluster
from shared.sources.file import RulesFile
from tests.emulators.kube import Kube
from tests.shared.builders import DAY, NOW, hourly
from tests.shared.fake_cloud import FakeCloud, FakeCluster, ports
from tests.shared.objects_builders import DISK, OTHER_VOL, by_disk, snapshot_rule

RULE = snapshot_rule(deltas="P1D P7D", **by_disk(DISK.name))


def expiring() -> list[Any]:
    """Make a history of which something is to be deleted."""
    return hourly(12, NOW - DAY, DAY, disk=DISK, deltas="P1D P7D")


def results(world: Ports) -> list[Check]:
    return list(check(Settings(), world))


def failed(world: Ports) -> dict[str, str]:
    """Name what failed, with what is said of it: what was found and what to do."""
    return {r.name: f"{r.detail}; {r.hint}" for r in results(world) if not r.ok}


def test_where_all_is_well_everything_is_ok() -> None:
    """Each thing is tried by name, a creation and a deletion on examples that are there."""
    found = results(ports(FakeCluster(RULE), FakeCloud(expiring())))

    assert [result.name for result in found] == [
        "cluster label",
        "credentials",
        "list everything",
        "rules",
        "listing of eu-west-1",
        "list in eu-west-1",
        f"create of {DISK.name}",
        "delete of snap-vol-0123456789abcdef0-260606-120000",
    ]
    assert all(result.ok for result in found)


def test_changes_nothing() -> None:
    """Whatever is due, `check` neither creates nor deletes."""
    cloud = FakeCloud(expiring())
    results(ports(FakeCluster(RULE), cloud))
    assert cloud.calls == []


def test_a_cluster_without_a_name_is_told_the_settings() -> None:
    """Without a name the cluster's snapshots cannot be told from another's."""
    found = failed(ports(FakeCluster(RULE), FakeCloud(), name=""))
    assert "set CLUSTER_NAME or CLUSTER_ID" in found["cluster label"]


def test_credentials_that_are_refused_end_nothing() -> None:
    """The rest is tried nevertheless."""
    found = results(ports(FakeCluster(RULE), FakeCloud(denied={"credentials"})))
    assert [result.name for result in found if not result.ok] == ["credentials"]
    assert found[-1].name.endswith("eu-west-1")


def test_without_the_objects_nothing_further_can_be_tried() -> None:
    """A cluster that cannot be read is the last result."""
    *_, last = results(ports(FakeCluster(error="the API cannot be reached"), FakeCloud()))
    assert last == Check("list everything", False, "the API cannot be reached")


def test_no_rules_are_a_failure_with_a_hint() -> None:
    """An installation in which nothing is annotated does nothing, and is told how to begin."""
    found = failed(ports(FakeCluster(), FakeCloud()))
    assert "annotate a claim, or write a SnapshotRule: see examples/" in found["rules"]


def test_a_rule_with_an_error_is_a_warning_with_what_would_be_right() -> None:
    """One owner's typo does not mean that the installation is broken; a note is not even that."""
    typo = snapshot_rule("typo", deltas="P1D P7O", **by_disk(OTHER_VOL))
    often = snapshot_rule("often", deltas="PT1M P1D", **by_disk(OTHER_VOL))

    found = results(ports(FakeCluster(RULE, typo, often), FakeCloud()))

    assert all(result.ok for result in found)
    (warning,) = (result for result in found if result.warning)
    assert ("SnapshotRule shop/typo", "spec.deltas 'P1D P7O'") == (warning.name, warning.detail)
    assert "'P7O' is not an ISO 8601 duration; write" in warning.hint


@pytest.mark.parametrize("permission", ["list", "create", "delete"])
def test_a_missing_permission_is_shown_with_a_hint(permission: str) -> None:
    """Each permission fails by itself."""
    found = failed(ports(FakeCluster(RULE), FakeCloud(expiring(), denied={permission})))
    ((name, said),) = found.items()
    assert name.startswith(permission)
    assert said == "not authorized; see docs/aws.md"


def test_an_incomplete_listing_is_shown_with_its_reason() -> None:
    """A region that cannot be listed fails by its name, and the others are tried."""
    other = snapshot_rule("other", deltas="P1D P7D", **by_disk(OTHER_VOL, "us-east-1"))
    cloud = FakeCloud(incomplete={"us-east-1": "RequestLimitExceeded"})

    found = failed(ports(FakeCluster(RULE, other), cloud))

    assert found == {"listing of us-east-1": "RequestLimitExceeded; "}


def test_a_listing_that_fails_everywhere_is_a_plan_that_cannot_be_made() -> None:
    """Where no region can be listed there is no plan, and the reason is the last result."""
    cloud = FakeCloud(incomplete={"eu-west-1": "AuthFailure"})
    *_, last = results(ports(FakeCluster(RULE), cloud))
    assert (last.name, last.ok) == ("plan", False)
    assert "no snapshots could be listed: eu-west-1: AuthFailure" in last.detail


def test_what_cannot_be_tried_is_said() -> None:
    """A permission of which no example is there is not tried, and that is said."""
    world = ports(FakeCluster(RULE), FakeCloud())._replace(scopes=["us-east-1"])

    found = {result.name: result.detail for result in results(world)}

    assert found["creating in us-east-1"] == "not tried: no rule names a disk there"
    assert found["deleting in us-east-1"] == "not tried: no snapshot has expired there"
    assert found["deleting in eu-west-1"] == "not tried: no snapshot has expired there"
    assert "creating in eu-west-1" not in found


class TestOfTheReport:
    """REPORT_HTML: the page that a pass leaves in the bucket."""

    def world(self, folder: Path) -> Ports:
        found = open_storage(Settings(mirror_url=f"file://{folder}/rules.json"), {})
        assert found
        world = ports(FakeCluster(RULE), FakeCloud())
        return world._replace(storage=found, page=PageWriter(found))

    def test_is_tried_and_nothing_is_stored(self, tmp_path: Path) -> None:
        """Where it is asked for; else it is not spoken of."""
        world = self.world(tmp_path)
        (tried,) = (r for r in results(world) if r.name == "HTML report")
        assert tried.ok
        assert tried.detail.endswith("/html/report.html can be written")
        assert [] == list(tmp_path.rglob("*.html"))
        assert "HTML report" not in [r.name for r in results(world._replace(page=None))]

    def test_that_cannot_be_written_is_a_failure(self, tmp_path: Path) -> None:
        """A pass could only log that."""
        world = self.world(tmp_path)
        assert world.storage
        (tmp_path / world.storage.folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / world.storage.folder / "html").write_text("in the way")
        assert "report.html cannot be written" in failed(world)["HTML report"]


class TestOfTheClustersAccess:
    """The same with the real reader, where each thing may be missing."""

    def world(self, source: RulesSource) -> Ports:
        return ports(FakeCluster(), FakeCloud())._replace(source=source)

    def test_a_missing_definition_is_said_and_no_failure(self, tmp_path: Path) -> None:
        """Without the CRD annotations work; how to install it is said."""
        with Kube() as kube:
            kube.crd = False
            path = str(kube.kubeconfig(tmp_path / "kubeconfig"))
            found = results(self.world(Cluster(lambda: kubeconfig_client(path))))

        (definition,) = (result for result in found if "snapshotrules" in result.name)
        assert definition.ok
        assert "kubectl apply -f manifests/crd.yaml" in definition.detail

    def test_a_missing_permission_names_the_manifest(self, tmp_path: Path) -> None:
        """403 is a failure which says what to apply."""
        with Kube() as kube:
            kube.denied.add("list persistentvolumes")
            path = str(kube.kubeconfig(tmp_path / "kubeconfig"))
            found = failed(self.world(Cluster(lambda: kubeconfig_client(path))))

        assert list(found) == ["list persistentvolumes"]
        assert "as manifests/rbac.yaml does" in found["list persistentvolumes"]

    @pytest.mark.parametrize("rules", [[], [RULE]])
    def test_what_write_status_needs_is_tried(self, tmp_path: Path, rules: list[Any]) -> None:
        """By dry runs, which store nothing; with a rule that is there, or without."""
        with Kube(rules) as kube:
            kube.roles.manifest("rbac-status.yaml")
            found = self.writing(kube, tmp_path)
            assert [True, True] == [result.ok for result in found]
            assert ("tried on" if rules else "no rule to try it on") in found[0].detail
            assert [] == kube.events
            assert not any("status" in item for item in kube.objects)
            made = [r for r in kube.requests if r.method != "GET"]
            assert [{"dryRun": "All"}] * 2 == [r.query for r in made]

    @pytest.mark.parametrize("rules", [[], [RULE]])
    def test_what_write_status_lacks_names_its_manifest(
        self, tmp_path: Path, rules: list[Any]
    ) -> None:
        """Each of the two rights is asked for, also where the lists are forbidden."""
        with Kube(rules) as kube:
            for denied in (set[str](), {"list persistentvolumes"}):
                kube.denied = denied
                found = self.writing(kube, tmp_path)
                assert [False, False] == [result.ok for result in found]
                assert found[0].detail.endswith(
                    "grant patch on snapshotrules/status, as manifests/rbac-status.yaml does"
                )
                assert found[1].detail.endswith(
                    "grant create on events, as manifests/rbac-status.yaml does"
                )

    @pytest.mark.parametrize("rules", [[], [RULE]])
    def test_a_definition_without_status_is_told(self, tmp_path: Path, rules: list[Any]) -> None:
        """The daemon's had none."""
        with Kube(rules) as kube:
            kube.roles.manifest("rbac-status.yaml")
            kube.status = False
            status, events = self.writing(kube, tmp_path)
        assert (False, True) == (status.ok, events.ok)
        assert "kubectl apply -f manifests/crd.yaml" in status.detail

    def writing(self, kube: Kube, folder: Path) -> list[Check]:
        """Give what is said of writing."""
        path = str(kube.kubeconfig(folder / "kubeconfig"))
        source = Cluster(lambda: kubeconfig_client(path))
        world = self.world(source)._replace(status=StatusWriter(source.client))
        return [result for result in results(world) if result.name.startswith("write ")]

    def test_no_access_at_all_names_the_setting(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without a kubeconfig and a service account KUBE_CONFIG_FILE is asked for."""
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        ((_, said),) = failed(self.world(Cluster(in_cluster_client))).items()
        assert "set KUBE_CONFIG_FILE to a kubeconfig" in said

    def test_a_missing_file_is_named(self) -> None:
        """With --rules the file is what is tried."""
        found = failed(self.world(RulesFile("/no/such")))
        assert found == {
            "rules in /no/such": "/no/such cannot be read: No such file or directory; "
        }


class TestOfTheCloudsAccess:
    """The same with the real provider, its client refused everything."""

    def test_missing_credentials_are_said(self) -> None:
        """Where boto3 finds no credentials, the check says so and goes on."""
        from botocore.exceptions import NoCredentialsError

        def nobody(*arguments: object) -> Any:
            raise NoCredentialsError

        labels = Labels(AWS, cluster="demo")
        world = ports(FakeCluster(RULE), FakeCloud())._replace(provider=EBS(labels, nobody, nobody))

        found = failed(world)

        assert list(found) == ["AWS credentials", "plan"]
        assert "Unable to locate credentials" in found["AWS credentials"]
        assert "Unable to locate credentials" in found["plan"]
