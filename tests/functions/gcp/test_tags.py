"""The tag of new snapshots, by which alone deletion may be granted."""

from collections.abc import Callable
from typing import Any

import pytest

from functions.gcp.credentials import Login
from functions.gcp.resource_manager import ResourceManager
from functions.gcp.tags import Tag, parse
from functions.gcp.wiring import build
from shared.errors import DiskFailed, NotAllowed, ProviderError, Refused, SettingsError, Unanswered
from shared.model import Disk, Snapshot
from shared.planning.adopt import adoptions, new_labels
from tests.contract.cloud import MemoryRules, existing, order, rule, seed
from tests.contract.passes import BRIDGE, DAY, HOUR, PERIOD, one_pass
from tests.emulators.canned import Canned, Reply
from tests.emulators.gce import ALWAYS
from tests.functions.gcp.cloud import ELSEWHERE, PROJECT, GCECloud

TAG = Tag("tagKeys/123456789012", "tagValues/567890123456")
DELETE = "compute.snapshots.delete"


@pytest.fixture(autouse=True)
def granted(cloud: GCECloud) -> None:
    """Grant deletion of snapshots with the tag only, as Terraform does."""
    cloud.gce.tag_values[TAG.value] = TAG.key
    cloud.gce.conditions[DELETE] = TAG
    cloud.provider = cloud.disks(tag=TAG)


class TestPasses:
    def test_delete_what_they_have_made(self, cloud: GCECloud, rules: MemoryRules) -> None:
        """The tag is in the insert's body; there is no second call."""
        disk = cloud.add_disk(PROJECT)
        rules.add(disk, deltas="PT1H PT2H")
        for _ in range(40):
            one_pass(cloud, rules)
            cloud.complete()
            cloud.clock.advance(PERIOD * 6)
        body = cloud.gce.calls_of("snapshots.insert")[0].body
        assert body["params"] == {"resourceManagerTags": {TAG.key: TAG.value}}
        assert cloud.calls()["other"] == 0
        made = len(cloud.gce.calls_of("snapshots.insert"))
        assert made == 20
        assert len(existing(cloud)) < 6

    def test_leave_what_has_no_tag_and_say_so(self, cloud: GCECloud, rules: MemoryRules) -> None:
        """Older snapshots answer 403: that is refused, and fails neither pass nor permission."""
        disk = cloud.add_disk(PROJECT)
        rules.add(disk)
        old = [seed(cloud, disk, (400 + n) * DAY) for n in range(2)]
        seed(cloud, disk, BRIDGE)
        seed(cloud, disk, HOUR / 2)
        report = one_pass(cloud, rules)
        assert report.summary.failed == 0
        assert {left.snapshot for left in report.deferred} == {*old}
        reason = report.deferred[0].reason
        assert f"Required '{DELETE}' permission" in reason
        assert f"the tag {TAG}" in reason
        assert "adopt --apply binds it" in reason


class TestDeleting:
    def test_one_that_is_gone_has_no_tag_and_is_done(
        self, cloud: GCECloud, snapshot: Snapshot
    ) -> None:
        """Google answers 403 for what is not there, too: we look."""
        cloud.gce.conditions.clear()
        cloud.disks().delete(snapshot)
        cloud.gce.complete()
        cloud.gce.conditions[DELETE] = TAG
        cloud.provider.delete(snapshot)
        methods = [call.method for call in cloud.gce.calls[-2:]]
        assert methods == ["snapshots.delete", "snapshots.get"]

    def test_other_refusals_stay_what_they_are(self, cloud: GCECloud, snapshot: Snapshot) -> None:
        """Throttling is a 403 as well."""
        cloud.gce.fault("snapshots.delete", "rateLimitExceeded", times=ALWAYS)
        with pytest.raises(ProviderError) as caught:
            cloud.provider.delete(snapshot)
        assert not isinstance(caught.value, Refused)

    def test_without_a_tag_it_is_a_missing_permission(
        self, cloud: GCECloud, snapshot: Snapshot
    ) -> None:
        """Where no tag is set the grant itself is missing, and that is an alarm."""
        with pytest.raises(NotAllowed):
            cloud.disks().delete(snapshot)


class TestCreating:
    def test_fails_late_where_the_tag_may_not_be_bound(self, cloud: GCECloud, disk: Disk) -> None:
        """The insert is accepted; its operation says what is missing on the tag's value."""
        cloud.gce.denied.add("resourcemanager.tagValueBindings.create")
        made = cloud.provider.create(order(cloud, disk))
        cloud.clock.advance(HOUR)
        found = cloud.provider.operation(PROJECT, made.operation)
        assert found.state == "failed"
        assert "resourcemanager.tagValueBindings.create denied" in found.reason

    def test_needs_a_permission_of_its_own(self, cloud: GCECloud, disk: Disk) -> None:
        """Beside those of a snapshot without."""
        cloud.gce.denied.add("compute.snapshots.createTagBinding")
        with pytest.raises(NotAllowed, match="createTagBinding"):
            cloud.provider.create(order(cloud, disk))


class TestAdopting:
    def test_binds_the_tag(self, cloud: GCECloud, disk: Disk) -> None:
        """To what others made, and to our own that were made before; then they can be deleted."""
        theirs = cloud.seed(disk, cloud.clock.now() - HOUR, {"made": "by-hand"})
        ours = seed(cloud, disk, 2 * HOUR)
        found = adoptions(cloud.provider.strangers([disk]), {disk: [rule(disk)]}, cloud.labels)
        assert {(a.snapshot.id, a.why) for a in found} == {(theirs, "adopt"), (ours, "tag")}
        for adoption in found:
            cloud.provider.adopt(adoption.snapshot, adoption.labels)
        assert len(cloud.gce.calls_of("snapshots.setLabels")) == 1
        for snapshot in cloud.snapshots():
            assert cloud.labels.ours(snapshot)
            cloud.provider.delete(snapshot)
        cloud.gce.complete()
        assert existing(cloud) == set()

    def test_one_that_has_it_is_no_error(self, cloud: GCECloud, disk: Disk) -> None:
        """A listing does not tell which have it."""
        cloud.provider.create(order(cloud, disk))
        (stranger,) = cloud.provider.strangers([disk])
        cloud.provider.adopt(stranger.snapshot, new_labels([rule(disk)], cloud.labels))

    @pytest.mark.parametrize("project", [PROJECT, ELSEWHERE])
    def test_waits_for_a_binding_that_takes_time(self, cloud: GCECloud, project: str) -> None:
        """It is an operation, too."""
        disk = cloud.add_disk(project)
        cloud.seed(disk, cloud.clock.now() - HOUR, {})
        cloud.gce.slow_bindings = True
        (stranger,) = cloud.provider.strangers([disk])
        cloud.provider.adopt(stranger.snapshot, {"a": "b"})
        assert cloud.gce.calls[-1].path.startswith("operations/")
        assert [*cloud.gce.tags.values()] == [{TAG.key: TAG.value}]

    @pytest.mark.parametrize(
        "permission",
        ["compute.snapshots.createTagBinding", "resourcemanager.tagValueBindings.create"],
    )
    def test_says_which_permission_is_missing(
        self, cloud: GCECloud, disk: Disk, permission: str
    ) -> None:
        """On the snapshot, or on the tag's value."""
        cloud.seed(disk, cloud.clock.now() - HOUR, {})
        cloud.gce.denied.add(permission)
        (stranger,) = cloud.provider.strangers([disk])
        with pytest.raises(NotAllowed, match=permission):
            cloud.provider.adopt(stranger.snapshot, {"a": "b"})

    def test_another_clusters_get_no_tag(self, cloud: GCECloud, disk: Disk) -> None:
        """Whoever has the tag can be deleted by us (P1)."""
        labels = dict(order(cloud, disk).labels) | {"k8s-snapshots-cluster": "another"}
        cloud.seed(disk, cloud.clock.now() - HOUR, labels)
        (found,) = adoptions(cloud.provider.strangers([disk]), {disk: [rule(disk)]}, cloud.labels)
        assert found.labels == {}


class TestResourceManager:
    @pytest.mark.parametrize(
        ("fault", "kind"),
        [
            ({"html": True, "status": 200}, Unanswered),
            ({"html": "[]", "status": 200}, Unanswered),
            ({"html": True, "status": 502}, Unanswered),
        ],
    )
    def test_a_proxys_page_is_no_answer(
        self, cloud: GCECloud, fault: dict[str, Any], kind: type[ProviderError]
    ) -> None:
        """Neither is a binding taken for done, nor a permission for held."""
        cloud.gce.fault("*", times=ALWAYS, **fault)
        for call in calls(cloud.manager):
            with pytest.raises(kind):
                call()

    def test_a_server_that_is_away(self, cloud: GCECloud) -> None:
        """It is said so, and not that a permission is missing."""
        away = ResourceManager(cloud.manager._login, "http://127.0.0.1:1")
        for call in calls(away):
            with pytest.raises(Unanswered):
                call()

    def test_an_api_that_is_not_enabled(self, cloud: GCECloud) -> None:
        """In Google's words, with its reason."""
        cloud.gce.disabled.add("cloudresourcemanager.googleapis.com")
        for call in calls(cloud.manager):
            with pytest.raises(NotAllowed) as caught:
                call()
            assert caught.value.code == "SERVICE_DISABLED"

    def test_a_binding_that_fails(self) -> None:
        """An operation that is done may carry an error (trap)."""
        with Canned() as api:
            failed = {"code": 7, "message": "Tag value is being deleted."}
            api.replies["/v3/tagBindings"] = Reply({"done": True, "error": failed})
            manager = ResourceManager(Login({}, {}, api.url), api.url)
            with pytest.raises(DiskFailed, match="Tag value is being deleted"):
                manager.bind(TAG.value, PROJECT, 1)


def calls(manager: ResourceManager) -> list[Callable[[], object]]:
    return [lambda: manager.held(PROJECT, ["x"]), lambda: manager.bind(TAG.value, PROJECT, 1)]


class TestSetting:
    def test_is_key_and_value_by_their_ids(self) -> None:
        """Ids are permanent, while names can be given anew."""
        assert parse(str(TAG)) == TAG
        assert parse("") is None

    @pytest.mark.parametrize(
        "text",
        ["tagKeys/1", "tagValues/1=tagKeys/1", "123/env=prod", "tagKeys/1=tagValues/x", "a=b"],
    )
    def test_of_another_form_is_refused(self, text: str, cloud: GCECloud) -> None:
        """With one that has the right form."""
        with pytest.raises(SettingsError, match="tagKeys/123456789012=tagValues/567890123456"):
            build({"SNAPSHOT_TAG": text, "GCLOUD_PROJECT": PROJECT}, MemoryRules(cloud))

    def test_is_used(self, cloud: GCECloud) -> None:
        """From the environment to the insert's body."""
        disk = cloud.add_disk(PROJECT)
        environ = cloud.gce.environment() | {"SNAPSHOT_TAG": str(TAG), "CLUSTER_ID": "demo"}
        _, ports = build(environ, MemoryRules(cloud))
        ports.provider.create(order(cloud, disk))
        assert [*cloud.gce.tags.values()] == [{TAG.key: TAG.value}]
