"""The stand-in of the Kubernetes API, as the real client sees it."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from kubernetes import client, config

from tests.emulators.kube import GROUP, Kube

RULES = (GROUP, "v1", "snapshotrules")
DEMO = Path(__file__).parents[2] / "examples" / "demo-cluster.yaml"


def volume(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {"csi": {"driver": "ebs.csi.aws.com", "volumeHandle": "vol-0a"}},
    }


def claim(namespace: str, name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace},
    }


def rule(namespace: str, name: str) -> dict[str, Any]:
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "SnapshotRule",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"deltas": "P1D P30D", "persistentVolumeClaim": "data"},
    }


@pytest.fixture
def kube() -> Iterator[Kube]:
    with Kube([*(volume(f"pv-{n}") for n in range(5)), claim("shop", "data")]) as served:
        served.roles.manifest("rbac-status.yaml")
        yield served


def connect(kube: Kube, tmp_path: Path) -> Any:
    """Connect as a user would: by a kubeconfig, here without urllib3's retries."""
    settings = client.Configuration()
    load: Any = config.load_kube_config
    load(str(kube.kubeconfig(tmp_path / "kubeconfig")), client_configuration=settings)
    settings.retries = False
    return client.ApiClient(settings)


@pytest.fixture
def api(kube: Kube, tmp_path: Path) -> Iterator[Any]:
    with connect(kube, tmp_path) as connected:
        yield connected


@pytest.fixture
def core(api: Any) -> Any:
    return client.CoreV1Api(api)


def printed(core: Any, call: str = "list_persistent_volume") -> Any:
    """Decode an answer as it came, without the client's models."""
    return json.loads(getattr(core, call)(_preload_content=False).data)


def failure(error: pytest.ExceptionInfo[client.ApiException]) -> Any:
    return json.loads(str(error.value.body))


def test_pages_through_a_list(kube: Kube, core: Any) -> None:
    """A page says where the next begins and how much is left; the last one says neither."""
    first = core.list_persistent_volume(limit=2)
    second = core.list_persistent_volume(limit=2, _continue=first.metadata._continue)
    third = core.list_persistent_volume(limit=2, _continue=second.metadata._continue)

    names = [item.metadata.name for page in (first, second, third) for item in page.items]
    assert names == ["pv-0", "pv-1", "pv-2", "pv-3", "pv-4"]
    assert [p.metadata.remaining_item_count for p in (first, second, third)] == [3, 1, None]
    assert third.metadata._continue is None
    assert [r.query.get("limit") for r in kube.requests] == ["2", "2", "2"]


def test_pages_where_the_client_does_not_ask(kube: Kube, core: Any) -> None:
    kube.page_limit = 3
    assert core.list_persistent_volume().metadata.remaining_item_count == 2


def test_fills_in_what_the_api_server_would(core: Any) -> None:
    first, second, *_ = core.list_persistent_volume().items
    assert first.metadata.uid != second.metadata.uid
    assert first.metadata.creation_timestamp.tzinfo
    assert int(first.metadata.resource_version) < int(second.metadata.resource_version)


def test_prints_lists_as_an_api_server_does(kube: Kube, api: Any) -> None:
    """Items of built-in lists bear no kind; custom ones do, and an empty `continue`."""
    kube.add(rule("shop", "mysql"))
    volumes = printed(client.CoreV1Api(api))
    rules: Any = client.CustomObjectsApi(api).list_custom_object_for_all_namespaces(*RULES)

    assert (volumes["kind"], volumes["apiVersion"]) == ("PersistentVolumeList", "v1")
    assert not {"kind", "apiVersion"} & volumes["items"][0].keys()
    assert "continue" not in volumes["metadata"]
    assert (rules["kind"], rules["apiVersion"]) == ("SnapshotRuleList", f"{GROUP}/v1")
    assert rules["items"][0]["kind"] == "SnapshotRule"
    assert rules["metadata"]["continue"] == ""


def test_lists_one_namespace_or_all(kube: Kube, api: Any) -> None:
    kube.remove("PersistentVolumeClaim", "shop", "data")
    for namespace in ("shop", "erp"):
        kube.add(claim(namespace, "data"))
        kube.add(rule(namespace, "data"))
    core: Any = client.CoreV1Api(api)
    custom: Any = client.CustomObjectsApi(api)

    everywhere = core.list_persistent_volume_claim_for_all_namespaces().items
    assert [item.metadata.namespace for item in everywhere] == ["erp", "shop"]
    assert len(core.list_namespaced_persistent_volume_claim("shop").items) == 1
    assert len(custom.list_custom_object_for_all_namespaces(*RULES)["items"]) == 2
    assert len(custom.list_namespaced_custom_object(GROUP, "v1", "erp", RULES[2])["items"]) == 1


def test_objects_come_and_go(kube: Kube, core: Any) -> None:
    kube.remove("PersistentVolume", "", "pv-0")
    added = kube.add(volume("pv-9"))
    assert [item.metadata.name for item in core.list_persistent_volume().items][-1] == "pv-9"
    assert added in kube.objects
    assert len(kube.objects) == 6


def test_an_expired_page_is_a_410(kube: Kube, core: Any) -> None:
    kube.fault("/persistentvolumes", continued=True, status=410)
    first = core.list_persistent_volume(limit=2)
    with pytest.raises(client.ApiException) as error:
        core.list_persistent_volume(limit=2, _continue=first.metadata._continue)
    assert (error.value.status, failure(error)["reason"]) == (410, "Expired")

    again = failure(error)["metadata"]["continue"]
    assert len(core.list_persistent_volume(limit=2, _continue=again).items) == 2


def test_a_made_up_page_is_a_bad_request(core: Any) -> None:
    with pytest.raises(client.ApiException, match="continue key is not valid"):
        core.list_persistent_volume(limit=2, _continue="made up")


def test_without_the_crd_there_is_no_such_path(kube: Kube, api: Any) -> None:
    """A path that nothing serves is answered with plain text, not with a Status."""
    kube.crd = False
    with pytest.raises(client.ApiException) as error:
        client.CustomObjectsApi(api).list_custom_object_for_all_namespaces(*RULES)
    assert (error.value.status, error.value.body) == (404, "404 page not found\n")
    assert GROUP not in [group.name for group in client.ApisApi(api).get_api_versions().groups]


def test_says_what_is_forbidden(kube: Kube, api: Any) -> None:
    kube.denied = {"list persistentvolumes", f"list snapshotrules.{GROUP}"}
    with pytest.raises(client.ApiException) as volumes:
        client.CoreV1Api(api).list_persistent_volume()
    with pytest.raises(client.ApiException) as rules:
        client.CustomObjectsApi(api).list_namespaced_custom_object(GROUP, "v1", "shop", RULES[2])

    assert (volumes.value.status, failure(volumes)["reason"]) == (403, "Forbidden")
    assert failure(volumes)["message"] == (
        'persistentvolumes is forbidden: User "k8s-snapshots" cannot list resource '
        '"persistentvolumes" in API group "" at the cluster scope'
    )
    assert failure(rules)["message"].endswith(f'in API group "{GROUP}" in the namespace "shop"')


@pytest.mark.parametrize(
    ("group", "resource", "allowed"),
    [
        ("", "persistentvolumes", False),
        ("", "persistentvolumeclaims", True),
        (GROUP, RULES[2], False),
    ],
)
def test_reviews_access(kube: Kube, api: Any, group: str, resource: str, allowed: bool) -> None:
    kube.denied = {"list persistentvolumes", f"list snapshotrules.{GROUP}"}
    asked = client.V1ResourceAttributes(verb="list", group=group, resource=resource)
    review = client.V1SelfSubjectAccessReview(
        spec=client.V1SelfSubjectAccessReviewSpec(resource_attributes=asked)
    )
    answer: Any = client.AuthorizationV1Api(api).create_self_subject_access_review(review)
    assert answer.status.allowed is allowed


def test_a_wrong_token_is_unauthorized(kube: Kube, core: Any) -> None:
    kube.token = "renewed"
    with pytest.raises(client.ApiException) as error:
        core.list_persistent_volume()
    assert (error.value.status, failure(error)["message"]) == (401, "Unauthorized")


def test_without_a_token_anybody_is_let_in(tmp_path: Path) -> None:
    with Kube([volume("a")], token=None) as kube, connect(kube, tmp_path) as api:
        assert len(client.CoreV1Api(api).list_persistent_volume().items) == 1


def status(api: Any, patch: Any, name: str = "mysql") -> Any:
    """Patch a rule's status, as the client's own call does it."""
    custom: Any = client.CustomObjectsApi(api)
    kind = "application/merge-patch+json"
    return custom.patch_namespaced_custom_object_status(
        GROUP, "v1", "shop", RULES[2], name, patch, _content_type=kind
    )


def test_merges_a_status_and_nothing_else(kube: Kube, api: Any) -> None:
    """Null removes; what changes nothing leaves the resourceVersion as it is."""
    before = kube.add(rule("shop", "mysql"))
    spec, version = dict(before["spec"]), before["metadata"]["resourceVersion"]
    status(api, {"status": {"a": {"x": 1, "y": 2}, "b": [1]}, "spec": {"deltas": "x"}})
    status(api, {"status": {"a": {"x": None, "z": 3}, "c": None}})
    after = kube.stored["SnapshotRule", "shop", "mysql"]
    assert (after["status"], after["spec"]) == ({"a": {"y": 2, "z": 3}, "b": [1]}, spec)
    again = after["metadata"]["resourceVersion"]
    assert again != version
    status(api, {"status": {"b": [1]}})
    assert after["metadata"]["resourceVersion"] == again


@pytest.mark.parametrize("why", ["gone", "status", "crd"])
def test_where_there_is_no_status_it_is_not_found(kube: Kube, api: Any, why: str) -> None:
    kube.add(rule("shop", "mysql"))
    kube.status, kube.crd = why != "status", why != "crd"
    with pytest.raises(client.ApiException) as error:
        status(api, {"status": {}}, "other" if why == "gone" else "mysql")
    assert error.value.status == 404
    if why != "crd":
        assert failure(error)["details"]["name"] == ("other" if why == "gone" else "mysql")


def event(name: str = "data.1") -> dict[str, Any]:
    involved = {"kind": "PersistentVolumeClaim", "namespace": "shop", "name": "data"}
    return {"metadata": {"name": name}, "involvedObject": involved, "message": "m"}


def test_keeps_an_event_once(kube: Kube, api: Any) -> None:
    core: Any = client.CoreV1Api(api)
    made = core.create_namespaced_event("shop", event())
    assert made.metadata.uid
    with pytest.raises(client.ApiException) as error:
        core.create_namespaced_event("shop", event())
    assert (error.value.status, failure(error)["reason"]) == (409, "AlreadyExists")
    assert [found["metadata"]["name"] for found in kube.events] == ["data.1"]


def test_takes_no_event_of_another_namespace_or_of_one_that_ends(kube: Kube, api: Any) -> None:
    core: Any = client.CoreV1Api(api)
    with pytest.raises(client.ApiException) as wrong:
        core.create_namespaced_event("default", event())
    with pytest.raises(client.ApiException) as gone:
        core.create_namespaced_event("erp", event())
    kube.terminating = {"shop"}
    with pytest.raises(client.ApiException) as ending:
        core.create_namespaced_event("shop", event())
    assert [e.value.status for e in (wrong, gone, ending)] == [422, 404, 403]
    assert failure(ending)["details"]["causes"] == [{"reason": "NamespaceTerminating"}]


def test_says_what_may_not_be_written(kube: Kube, api: Any) -> None:
    kube.add(rule("shop", "mysql"))
    kube.denied = {"create events", f"patch snapshotrules.{GROUP}/status"}
    core: Any = client.CoreV1Api(api)
    with pytest.raises(client.ApiException, match="cannot patch resource") as patched:
        status(api, {"status": {}})
    with pytest.raises(client.ApiException, match="cannot create resource") as created:
        core.create_namespaced_event("shop", event())
    assert (patched.value.status, created.value.status) == (403, 403)
    assert kube.events == []


def test_a_fault_is_answered_in_the_apis_place(kube: Kube, api: Any) -> None:
    """What the API never saw is not done; an answer that is lost comes of something that is."""
    core: Any = client.CoreV1Api(api)
    kube.fault("/events", status=500)
    kube.fault("/events", close=True)
    with pytest.raises(client.ApiException):
        core.create_namespaced_event("shop", event())
    assert kube.events == []
    with pytest.raises(urllib3.exceptions.ProtocolError):
        core.create_namespaced_event("shop", event())
    assert len(kube.events) == 1


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_fails_on_demand(kube: Kube, core: Any, status: int) -> None:
    kube.fault("/persistentvolumes", status=status)
    with pytest.raises(client.ApiException) as error:
        core.list_persistent_volume()
    assert error.value.status == failure(error)["code"] == status
    assert ("Retry-After" in (error.value.headers or {})) is (status == 429)
    assert len(core.list_persistent_volume().items) == 5


def test_fails_as_often_as_asked_after_as_many_as_asked(kube: Kube, core: Any) -> None:
    kube.fault("/persistentvolumes", skip=1, times=2, status=500)
    answers = [core.list_persistent_volume] * 4
    outcomes = []
    for answer in answers:
        try:
            outcomes.append(len(answer().items))
        except client.ApiException as error:
            outcomes.append(error.status)
    assert outcomes == [5, 500, 500, 5]


def test_answers_a_web_page(kube: Kube, core: Any) -> None:
    """A proxy that wants somebody to sign in, or that found nothing behind itself."""
    kube.fault(html=True)
    answer = core.list_persistent_volume(_preload_content=False)
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.data.startswith(b"<html>")

    kube.fault(html=True, status=502)
    with pytest.raises(client.ApiException, match="<html>") as error:
        core.list_persistent_volume(_preload_content=False)
    assert error.value.status == 502


def test_hangs_up(kube: Kube, core: Any) -> None:
    kube.fault(close=True)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        core.list_persistent_volume()
    assert len(core.list_persistent_volume().items) == 5


def test_hangs(kube: Kube, core: Any) -> None:
    """A slow answer runs into the client's time-out, and does not delay the end of the test."""
    kube.fault(hang=30)
    began = time.monotonic()
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        core.list_persistent_volume(_request_timeout=0.2)
    kube.stop()
    assert time.monotonic() - began < 5
    kube.start()


def test_cuts_answers_short(kube: Kube, core: Any) -> None:
    """Once as if half were all, once with the connection gone in the middle."""
    kube.fault(truncate=True)
    with pytest.raises(json.JSONDecodeError):
        json.loads(core.list_persistent_volume(_preload_content=False).data)
    kube.fault(cut=True)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        core.list_persistent_volume(_preload_content=False).read()


def test_slips_a_malformed_item_into_a_page(kube: Kube, core: Any) -> None:
    kube.fault(malformed={"metadata": 7})
    listed = json.loads(core.list_persistent_volume(_preload_content=False).data)["items"]
    assert listed[0] == {"metadata": 7}
    assert len(listed) == 6


def test_keeps_connections_open(kube: Kube, api: Any) -> None:
    for _ in range(20):
        client.CoreV1Api(api).list_persistent_volume()
    pools = api.rest_client.pool_manager.pools
    assert [pools[key].num_connections for key in pools.keys()] == [1]  # noqa: SIM118


def test_stopped_it_refuses_and_started_again_it_serves(kube: Kube, core: Any) -> None:
    core.list_persistent_volume()
    kube.stop()
    with pytest.raises(urllib3.exceptions.HTTPError):
        core.list_persistent_volume()
    with pytest.raises(urllib3.exceptions.NewConnectionError):
        core.list_persistent_volume()
    kube.start()
    assert len(core.list_persistent_volume().items) == 5


def test_tls_is_verified_by_the_ca_of_the_kubeconfig(tmp_path: Path) -> None:
    with Kube([volume("a")], tls=True) as kube, connect(kube, tmp_path) as api:
        assert kube.url.startswith("https://")
        assert api.configuration.verify_ssl
        assert len(client.CoreV1Api(api).list_persistent_volume().items) == 1


def test_tls_by_another_ca_is_refused(tmp_path: Path) -> None:
    settings = client.Configuration()
    with Kube(tls=True) as kube, Kube(tls=True) as other:
        settings.host, settings.ssl_ca_cert = kube.url, str(other.ca_file)
        settings.retries = False
        with (
            client.ApiClient(settings) as stranger,
            pytest.raises(client.ApiException, match="CERTIFICATE_VERIFY_FAILED"),
        ):
            client.CoreV1Api(stranger).list_persistent_volume()
        assert kube.requests == []


@pytest.mark.parametrize(
    "text",
    [
        "{kind: PersistentVolume, metadata: {name: a}}\n---\n---\n"
        "{kind: SnapshotRule, metadata: {name: b}}",
        "kind: List\nitems:\n- {kind: PersistentVolume, metadata: {name: a}}\n"
        "- {kind: SnapshotRule, metadata: {name: b, creationTimestamp: 2026-01-01T00:00:00Z}}",
        json.dumps({"kind": "List", "items": [volume("a"), rule("default", "b")]}),
    ],
    ids=["documents", "list", "json"],
)
def test_loads_what_kubectl_prints(tmp_path: Path, text: str) -> None:
    kube = Kube()
    (tmp_path / "cluster").write_text(text)
    kube.load(tmp_path / "cluster")
    assert [*kube.stored] == [("PersistentVolume", "", "a"), ("SnapshotRule", "default", "b")]


def test_serves_the_demo_cluster(kube: Kube, core: Any) -> None:
    """The client's own models accept it, and all its claims and volumes are bound to each other."""
    kube.stored.clear()
    kube.load(DEMO)
    volumes = {item.metadata.name: item.spec for item in core.list_persistent_volume().items}
    claims = core.list_persistent_volume_claim_for_all_namespaces().items
    for item in claims:
        bound = volumes.pop(item.spec.volume_name).claim_ref
        assert (bound.namespace, bound.name, bound.uid) == (
            item.metadata.namespace,
            item.metadata.name,
            item.metadata.uid,
        )
    assert (len(claims), volumes) == (13, {})


def test_tells_of_itself(kube: Kube, api: Any) -> None:
    assert client.VersionApi(api).get_code().major == "1"
    assert client.CoreApi(api).get_api_versions().versions == ["v1"]
    assert GROUP in [group.name for group in client.ApisApi(api).get_api_versions().groups]
    assert [request.path for request in kube.requests] == ["/version", "/api", "/apis"]
