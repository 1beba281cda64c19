"""What users apply to their clusters: the definition, the role, and the examples against both."""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import jsonschema
import pytest
import yaml

from functions.aws.volumes import EBSVolumes
from functions.gcp.volumes import PersistentDisks
from shared.access.connect import kubeconfig_client
from shared.kinds import GROUP
from shared.ports import Volumes
from shared.request import Mode, parse_request
from shared.retention.deltas import parse
from shared.rules.options import Options
from shared.rules.read import read_rules
from shared.rules.targets import TARGETS
from shared.sources.cluster import Cluster
from shared.sources.file import RulesFile
from tests.emulators.kube import Kube

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))

Json = dict[str, Any]


def documents(path: Path) -> list[Json]:
    return list(yaml.safe_load_all(path.read_text()))


@pytest.fixture(scope="module")
def definition() -> Json:
    found, _ = documents(ROOT / "manifests" / "crd.yaml")
    return found


@pytest.fixture(scope="module")
def schema(definition: Json) -> Json:
    found: Json = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


def example_objects() -> Iterator[tuple[str, Json]]:
    for path in EXAMPLES:
        for document in documents(path):
            yield path.name, document


RULES = [(name, item) for name, item in example_objects() if item["kind"] == "SnapshotRule"]


def test_the_definition_is_of_upstreams_group_and_names(definition: Json) -> None:
    """The CRD is of apiextensions v1, since v1beta1 is gone, with upstream's group and names."""
    spec = definition["spec"]
    assert (definition["apiVersion"], definition["kind"]) == (
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
    )
    assert definition["metadata"]["name"] == f"snapshotrules.{GROUP}"
    assert (spec["group"], spec["scope"]) == (GROUP, "Namespaced")
    assert spec["names"] == {
        "plural": "snapshotrules",
        "singular": "snapshotrule",
        "kind": "SnapshotRule",
        "listKind": "SnapshotRuleList",
        "shortNames": ["sr"],
    }
    (version,) = spec["versions"]
    assert (version["name"], version["served"], version["storage"]) == ("v1", True, True)
    assert version["subresources"] == {"status": {}}


def nodes(schema: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    """Walk through a schema: each node with the path to it."""
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from nodes(inner, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")


def test_the_schema_is_structural(schema: Json) -> None:
    """Each node has a type, as an API server demands; what people set or see is described."""
    jsonschema.Draft202012Validator.check_schema(schema)
    for path, node in nodes(schema):
        assert "type" in node, path
        assert "description" in node or path == ".metadata" or path.endswith("[]"), path


def test_printer_columns_lead_into_the_schema(definition: Json, schema: Json) -> None:
    """Each column of `kubectl get sr` shows a field that exists."""
    paths = {path for path, _ in nodes(schema)}
    for column in definition["spec"]["versions"][0]["additionalPrinterColumns"]:
        field = column["jsonPath"].partition("[")[0]
        assert field in paths or field == ".metadata.creationTimestamp", column["name"]


@pytest.mark.parametrize(("file", "rule"), RULES, ids=lambda value: str(value)[:24])
def test_example_rules_fit_the_definition(schema: Json, file: str, rule: Json) -> None:
    """Every rule of the examples validates, and names exactly one target."""
    assert rule["apiVersion"] == f"{GROUP}/v1"
    jsonschema.validate(rule, schema, jsonschema.Draft202012Validator)
    assert len([target for target in TARGETS if target in rule["spec"]]) == 1
    assert ("disk" in rule["spec"]) == ("backend" in rule["spec"])
    parse(rule["spec"]["deltas"])


@pytest.mark.parametrize(
    "spec",
    [
        [],
        {"deltas": ""},
        {"deltas": 5},
        {"deltas": "P1D P7D", "persistentVolumeClaim": ["data"]},
        {"deltas": "P1D P7D", "backend": "azure"},
        {"deltas": "P1D P7D", "disk": "vol-0123456789abcdef0"},
        {"deltas": "P1D P7D", "disk": {"volumeId": 5}},
        {"deltas": "P1D P7D", "window": "01:00-05:00"},
        {"deltas": "P1D P7D", "window": []},
        {"deltas": "P1D P7D", "window": [{"start": "01:00"}]},
        {"deltas": "P1D P7D", "window": [{"start": "1:00", "end": "05:00"}]},
        {"deltas": "P1D P7D", "window": [{"start": "24:00", "end": "05:00"}]},
        {"deltas": "P1D P7D", "window": [{"start": "01:00", "end": "05:00", "days": ["monday"]}]},
        None,
    ],
)
def test_the_definition_refuses_what_no_rule_can_be(schema: Json, spec: Any) -> None:
    """A spec of wrong types is refused when it is written, not found out hours later."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"spec": spec}, schema, jsonschema.Draft202012Validator)


def test_fields_of_ones_own_are_kept(schema: Json) -> None:
    """A rule of the daemon's that bears more than ours still fits."""
    spec = {"deltas": "P1D P7D", "persistentVolume": "pv", "owner": "team-a"}
    jsonschema.validate({"spec": spec}, schema, jsonschema.Draft202012Validator)
    assert schema["properties"]["spec"]["x-kubernetes-preserve-unknown-fields"] is True


AWS, GOOGLE = EBSVolumes(), PersistentDisks("acme-data")
TYPO = "metadata.annotations[backup.kubernetes.io/deltas]"
#: What each example says when its objects are all there is: rules, skipped ones, and problems by
#: field. Where a claim or volume is missing it is because the example shows only the rule.
SAYS: list[tuple[str, Volumes, tuple[int, int, list[str]]]] = [
    ("annotated-claim.yaml", AWS, (0, 0, ["spec.volumeName"])),
    ("annotated-volume.yaml", AWS, (1, 0, [])),
    ("annotated-volume.yaml", GOOGLE, (0, 1, [])),
    ("backup-kops-etcd.yaml", AWS, (2, 0, [])),
    ("demo-cluster.yaml", AWS, (9, 2, [TYPO])),
    ("demo-cluster-google.yaml", GOOGLE, (4, 1, [])),
    ("namespace-default.yaml", AWS, (0, 0, [])),
    ("opt-out.yaml", AWS, (0, 0, ["spec.volumeName"])),
    ("policy-gold.yaml", AWS, (0, 0, ["spec.selector"])),
    ("rule-claim.yaml", AWS, (0, 0, ["spec.persistentVolumeClaim"])),
    ("rule-disk-aws.yaml", AWS, (1, 0, [])),
    ("rule-disk-aws.yaml", GOOGLE, (0, 1, [])),
    ("rule-disk-google.yaml", AWS, (0, 2, [])),
    ("rule-disk-google.yaml", GOOGLE, (2, 0, [])),
    ("rule-volume.yaml", AWS, (0, 0, ["spec.persistentVolume"])),
    ("rule-window.yaml", AWS, (0, 0, ["spec.persistentVolumeClaim"])),
]


@pytest.mark.parametrize(
    ("file", "volumes", "says"), SAYS, ids=[f"{file} {cloud.backend}" for file, cloud, _ in SAYS]
)
def test_examples_are_read_as_they_say(
    file: str, volumes: Volumes, says: tuple[int, int, list[str]]
) -> None:
    """The examples' rules are read without a problem wherever the objects they name are there."""
    objects = RulesFile(str(ROOT / "examples" / file)).read()
    ruleset = read_rules(objects, volumes, Options())

    problems = [problem.field for problem in ruleset.problems]
    assert (len(ruleset.rules), ruleset.skipped, problems) == says
    assert objects.problems == []


def test_no_example_is_left_out() -> None:
    """What lies in examples/ is tested here."""
    assert {path.name for path in EXAMPLES} == {file for file, _, _ in SAYS}


def bound(namespace: str, claim: str, volume: str) -> tuple[Json, Json]:
    """Make a claim and the volume that it is bound to."""
    metadata = {"name": claim, "namespace": namespace, "uid": "u"}
    spec = {
        "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": "vol-0123456789abcdef0"},
        "claimRef": metadata,
    }
    labels = {"topology.kubernetes.io/zone": "eu-west-1a"}
    return (
        {"kind": "PersistentVolumeClaim", "metadata": metadata, "spec": {"volumeName": volume}},
        {
            "kind": "PersistentVolume",
            "metadata": {"name": volume, "labels": labels},
            "spec": spec,
        },
    )


@pytest.mark.parametrize(
    ("file", "claim"),
    [
        ("annotated-claim.yaml", "postgres-data"),
        ("rule-claim.yaml", "mysql-data"),
        ("rule-volume.yaml", "any"),
        ("rule-window.yaml", "orders-data"),
    ],
)
def test_examples_hold_with_what_they_name(tmp_path: Path, file: str, claim: str) -> None:
    """With claim and volume bound as in a cluster, each of these examples is one rule."""
    (shown,) = documents(ROOT / "examples" / file)
    name = shown["spec"].get("persistentVolume", "pv")
    made, volume = bound(shown["metadata"]["namespace"], claim, name)
    if shown["kind"] == "PersistentVolumeClaim":
        made["metadata"] = shown["metadata"] | made["metadata"]
        shown = made
    path = tmp_path / "bound.yaml"
    path.write_text(yaml.safe_dump_all([made, volume] + [shown] * (shown is not made)))

    ruleset = read_rules(RulesFile(str(path)).read(), AWS, Options())

    assert ruleset.problems == ()
    assert [rule.disk.id for rule in ruleset.rules] == ["aws:eu-west-1/vol-0123456789abcdef0"]


def test_the_role_grants_what_is_asked_and_nothing_else() -> None:
    """One ClusterRole, bound to a group; verbs and resources are those of the requests made."""
    role, binding = documents(ROOT / "manifests" / "rbac.yaml")

    assert (role["apiVersion"], role["kind"]) == ("rbac.authorization.k8s.io/v1", "ClusterRole")
    granted = {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    asked = set()
    with Kube() as kube, TemporaryDirectory() as folder:
        config = kube.kubeconfig(Path(folder) / "kubeconfig")
        Cluster(lambda: kubeconfig_client(str(config))).read()
        for request in kube.requests:
            group, resource = request.resource()
            names = group.removeprefix("/apis/").removesuffix("/v1")
            verb = "list" if request.method == "GET" else request.method
            asked.add(("" if group == "/api/v1" else names, resource, verb))
    assert granted == asked
    assert binding["kind"] == "ClusterRoleBinding"
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert [subject["kind"] for subject in binding["subjects"]] == ["Group"]


@pytest.mark.parametrize(
    "path",
    sorted(
        p for name in ("events", "invocations") for p in (ROOT / "examples" / name).glob("*.json")
    ),
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_example_payloads_are_understood(path: Path) -> None:
    """Every event and invocation of the examples is a request, none of them more than it says."""
    event = json.loads(path.read_text())
    request = parse_request(json.loads(event["body"]) if "body" in event else event)

    first, *words = path.stem.split("-")
    assert request.mode == (first if first in get_args(Mode) else "reconcile")
    assert bool(request.only) == (request.release_holds or "one" in words)
    assert request.force == ("forced" in words)
