"""The reader, the CRD and the role against a real kube-apiserver and etcd."""

import base64
from collections.abc import Iterator

import pytest

import shared.sources.cluster
from shared.access.connect import connection_client
from shared.errors import ClusterError
from shared.kinds import GROUP
from shared.sources.cluster import Cluster
from tests.real_apiserver import (
    DEFINITIONS,
    NEEDED,
    READER,
    ROLES,
    RULES,
    ApiServer,
    Json,
    documents,
    plain,
    until,
)
from tests.shared.objects_builders import claim, snapshot_rule, volume

pytestmark = NEEDED


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Serve a cluster in which nothing of ours is installed."""
    with ApiServer(tmp_path_factory.mktemp("apiserver")) as served:
        yield served


@pytest.fixture
def installed(bare: ApiServer) -> ApiServer:
    """Serve a cluster with CRD and role, as the two manifests that the README applies leave it."""
    role, binding = documents("rbac.yaml")
    bare.add(f"{ROLES}/clusterroles", role)
    bare.add(f"{ROLES}/clusterrolebindings", binding)
    for definition in documents("crd.yaml"):
        bare.add(DEFINITIONS, definition)
    until(lambda: bare.status(f"{RULES}/snapshotrules") == 200)
    until(lambda: bare.request("GET", f"{RULES}/snapshotrules", token=READER)[0] == 200)
    return bare


def add_objects(api: ApiServer, volumes: int) -> None:
    """Add volumes, a claim and a rule."""
    for number in range(volumes):
        made = volume(f"pv-{number}", claimed_by=None)
        made["spec"] |= {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]}
        api.add("/api/v1/persistentvolumes", plain(made))
    asked = claim(deltas="P1D P30D")
    asked["spec"] |= {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    }
    api.add("/api/v1/namespaces/default/persistentvolumeclaims", _in_default(asked))
    rule = _in_default(snapshot_rule(persistentVolumeClaim="data"))
    api.add(f"{RULES}/namespaces/default/snapshotrules", rule)


def _in_default(item: Json) -> Json:
    found = plain(item)
    found["metadata"]["namespace"] = "default"
    return found


def test_before_anything_is_installed_the_role_is_asked_for(bare: ApiServer) -> None:
    """Without the role the API refuses, and it is said which manifest grants what."""
    with pytest.raises(ClusterError, match=r"\(403\).*as manifests/rbac.yaml does"):
        bare.reader().read()


def test_the_definition_is_taken(installed: ApiServer) -> None:
    """The API server establishes the CRD, and finds its schema structural."""
    _, found = installed.request("GET", f"{DEFINITIONS}/snapshotrules.{GROUP}")
    conditions = {entry["type"]: entry["status"] for entry in found["status"]["conditions"]}
    assert ("True", "True") == (conditions["Established"], conditions["NamesAccepted"])
    assert "NonStructuralSchema" not in conditions


def test_reads_all_objects_in_pages(installed: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Claims, rules, and volumes over several pages come as a real API server prints them."""
    monkeypatch.setattr(shared.sources.cluster, "FIRST_PAGE", 2)
    add_objects(installed, volumes=5)

    objects = installed.reader().read()

    assert [f"pv-{n}" for n in range(5)] == [found.metadata.name for found in objects.volumes]
    assert (1, 1) == (len(objects.claims), len(objects.rules))
    assert [] == objects.problems


def test_the_role_grants_nothing_else(installed: ApiServer) -> None:
    """The function's token reads no secret, and changes nothing."""
    for method, path in (
        ("GET", "/api/v1/secrets"),
        ("GET", "/api/v1/pods"),
        ("GET", "/api/v1/persistentvolumes?watch=true&timeoutSeconds=1"),
        ("DELETE", "/api/v1/persistentvolumes/pv-0"),
        ("DELETE", f"{RULES}/namespaces/default/snapshotrules/nightly"),
    ):
        assert 403 == installed.request(method, path, token=READER)[0], path


@pytest.mark.parametrize(
    "spec",
    [None, {"deltas": 5}, {"deltas": ""}, {"deltas": "P1D P7D", "backend": "azure"}],
)
def test_the_definition_refuses_what_no_rule_can_be(installed: ApiServer, spec: Json) -> None:
    """A spec of wrong types is refused when it is written."""
    rule = _in_default(snapshot_rule()) | {"spec": spec}
    path = f"{RULES}/namespaces/default/snapshotrules?dryRun=All"
    assert 422 == installed.request("POST", path, rule)[0]


def test_a_continue_token_that_is_none(installed: ApiServer) -> None:
    """The server gives continue tokens, and refuses what is none: never a list from the start."""
    add_objects(installed, volumes=3)
    path = "/api/v1/persistentvolumes?limit=1"
    _, page = installed.request("GET", path)
    assert page["metadata"]["continue"]
    assert 400 == installed.request("GET", f"{path}&continue=nonsense")[0]


def test_without_the_definition_annotations_are_read(installed: ApiServer) -> None:
    """Where the CRD is gone there are no SnapshotRules, and the rest is read."""
    add_objects(installed, volumes=1)
    installed.request("DELETE", f"{DEFINITIONS}/snapshotrules.{GROUP}")
    until(lambda: installed.status(f"{RULES}/snapshotrules") == 404)

    objects = installed.reader().read()

    assert [] == objects.rules
    assert objects.volumes


def test_a_token_that_is_none(installed: ApiServer) -> None:
    """A wrong token is a matter of credentials."""
    ca = base64.b64encode(installed.certificate).decode()
    source = Cluster(lambda: connection_client(installed.url, ca, lambda: "wrong"))
    with pytest.raises(ClusterError, match=r"refused the credentials \(401\)"):
        source.read()
