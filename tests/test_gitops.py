"""examples/gitops: health of rules in Argo CD and Flux, of the statuses that passes write."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import celpy
import pytest
import yaml
from celpy.adapter import json_to_cel
from celpy.evaluation import CELEvalError
from lupa.lua51 import LuaRuntime

from shared.errors import DiskFailed
from shared.kinds import GROUP, OURS
from shared.reports.rule_statuses import statuses
from tests.shared.builders import DAY, HOUR, NOW, hourly
from tests.shared.objects_builders import (
    DISK,
    POLICY,
    by_disk,
    snapshot_policy,
    snapshot_rule,
    volume,
)
from tests.shared.objects_builders import claim as make_claim
from tests.shared.reports.test_status import World, by_claim
from tools.docs import ROOT

FOLDER = ROOT / "examples" / "gitops"
ARGO: dict[str, str] = yaml.safe_load((FOLDER / "argocd-cm.yaml").read_text())["data"]
FLUX: list[dict[str, str]] = yaml.safe_load((FOLDER / "flux.yaml").read_text())["spec"][
    "healthCheckExprs"
]
#: What Argo CD opens beside the language itself, unless told otherwise: see its util/lua.
LIBRARIES = {"_G", "table", "package"}
FUNCTIONS = {"ipairs", "pairs", "next", "type", "tostring", "tonumber", "error", "pcall"}

Json = dict[str, Any]


def in_argo(item: Json) -> tuple[str, str]:
    """Give health and message as Argo CD finds them: by Lua 5.1, and few libraries."""
    lua = LuaRuntime(unpack_returned_tuples=True)
    names = lua.globals()
    for name in [str(key) for key in names.keys()]:  # noqa: SIM118 - a table iterates untyped
        if name not in LIBRARIES | FUNCTIONS:
            names[name] = None
    names["obj"] = lua.table_from(json.loads(json.dumps(item)), recursive=True)
    script = ARGO[f"resource.customizations.health.{GROUP}_{item['kind']}"]
    found: Any = lua.execute(script)
    return found["status"], found["message"]


@cache
def program(expression: str) -> celpy.Runner:
    environment = celpy.Environment()
    return environment.program(environment.compile(expression))


def in_flux(item: Json) -> str:
    """Give the status as Flux finds it: RFC-0009, "Design Details"."""
    item = json.loads(json.dumps(item))
    (checks,) = (one for one in FLUX if one["kind"] == item["kind"])
    status = item.get("status") or {}
    behind = status.get("observedGeneration", None)
    if behind is not None and behind != item["metadata"]["generation"]:
        return "InProgress"
    given = {name: json_to_cel(value) for name, value in item.items()}
    results = {"inProgress": "InProgress", "failed": "Failed", "current": "Current"}
    for name, result in results.items():
        try:
            if name in checks and program(checks[name]).evaluate(given):
                return result
        except CELEvalError:
            return "error"
    return "InProgress"


def passed(*items: Json, prepare: Callable[[World], object] = lambda world: None) -> list[Json]:
    """Give the objects of ours after a pass, with the status that it wrote."""
    world = World(*items)
    prepare(world)
    for patch in statuses(*world.passed(), POLICY.labels):
        for item in items:
            metadata = item["metadata"]
            of = (item["kind"], metadata.get("namespace", ""), metadata["name"])
            if of == (patch.source.kind, patch.source.namespace, patch.source.name):
                item["status"] = patch.status
    return [item for item in items if item["kind"] in ("SnapshotRule", "SnapshotPolicy")]


def generation(item: Json, number: int = 3) -> Json:
    item["metadata"]["generation"] = number
    return item


def fresh(world: World) -> None:
    world.snapshots = hourly(3, NOW - HOUR / 4, disk=DISK)


def old(world: World) -> None:
    world.snapshots = hourly(3, NOW - DAY, disk=DISK)
    world.error = DiskFailed("no", "SnapshotLimitExceeded")


def held(world: World) -> None:
    world.snapshots = hourly(30, NOW - HOUR / 6, disk=DISK, deltas="PT1H P60D P90D")


STATES = [
    ("Snapshotting", by_claim(), fresh, "Healthy", "Current"),
    ("Held", by_claim(deltas="P1D P2D"), held, "Healthy", "Current"),
    ("Pending", by_claim(), lambda world: None, "Progressing", "InProgress"),
    ("Overdue", by_claim(), old, "Degraded", "Failed"),
    ("Problem", by_claim(deltas="PT1H"), fresh, "Degraded", "Failed"),
]


@pytest.mark.parametrize(
    ("reason", "items", "prepare", "argo", "flux"), STATES, ids=[state[0] for state in STATES]
)
def test_health_of_a_rule(
    reason: str,
    items: list[Json],
    prepare: Callable[[World], object],
    argo: str,
    flux: str,
) -> None:
    """By each reason that a pass gives; Argo CD shows the message too."""
    (rule,) = passed(*items, prepare=prepare)
    (condition,) = rule["status"]["conditions"]
    assert reason == condition["reason"]
    assert (argo, condition["message"]) == in_argo(rule)
    assert flux == in_flux(rule)


@pytest.mark.parametrize(
    ("deltas", "argo", "flux"),
    [("PT1H P1D", "Healthy", "Current"), ("PT1H", "Degraded", "Failed")],
)
def test_health_of_a_policy(deltas: str, argo: str, flux: str) -> None:
    """One that no disk uses is healthy; one with a typo is not."""
    (policy,) = passed(generation(snapshot_policy(deltas=deltas)), volume(), make_claim())
    assert (argo, flux) == (in_argo(policy)[0], in_flux(policy))


def test_an_edit_that_no_pass_has_read() -> None:
    """What the status says is of the rule before; nobody believes it."""
    (rule,) = passed(*by_claim(), prepare=fresh)
    generation(rule, 4)
    assert ("Progressing", True) == (in_argo(rule)[0], "latest edit" in in_argo(rule)[1])
    assert "InProgress" == in_flux(rule)


def test_a_rule_without_a_status() -> None:
    """Argo CD says what it takes; Flux waits, since it cannot evaluate the expression."""
    rule = generation(snapshot_rule(**by_disk()))
    assert ("Progressing", True) == (in_argo(rule)[0], "WRITE_STATUS" in in_argo(rule)[1])
    assert "error" == in_flux(rule)
    rule["status"] = {"conditions": []}
    assert ("Progressing", "InProgress") == (in_argo(rule)[0], in_flux(rule))


def test_a_rule_that_excludes_its_volume() -> None:
    """No pass writes a status for it, and nothing is wrong."""
    rule = snapshot_rule(persistentVolumeClaim="data", deltas="none")
    (rule,) = passed(volume(), make_claim(), generation(rule))
    assert "status" not in rule
    assert ("Healthy", "Current") == (in_argo(rule)[0], in_flux(rule))


def test_both_kinds_are_there() -> None:
    """Under the group and version that the definitions have."""
    assert {f"resource.customizations.health.{GROUP}_{kind}" for kind in OURS} == set(ARGO)
    assert {(f"{GROUP}/v1", kind) for kind in OURS} == {(f["apiVersion"], f["kind"]) for f in FLUX}


def test_the_ignored_field_is_in_the_definitions() -> None:
    """The one that an API server leaves out: preserveUnknownFields, which is false."""
    application = yaml.safe_load((FOLDER / "argocd-application.yaml").read_text())
    (ignored,) = application["spec"]["ignoreDifferences"]
    (pointer,) = ignored["jsonPointers"]
    definitions = [*yaml.safe_load_all((ROOT / "manifests" / "crd.yaml").read_text())]
    assert {ignored["kind"]} == {one["kind"] for one in definitions}
    field = pointer.removeprefix("/spec/")
    assert any(one["spec"].get(field) is False for one in definitions)
