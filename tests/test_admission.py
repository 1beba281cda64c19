"""manifests/admission.yaml and the function's parsers agree on what is written in annotations.

By an implementation of CEL in Python. An API server that knows ValidatingAdmissionPolicy (1.30 or
later) is not at hand in tests.
"""

from functools import cache
from pathlib import Path
from typing import Any

import celpy
import pytest
import yaml
from celpy.adapter import json_to_cel

from shared.errors import DeltasError, WindowError
from shared.kinds import POLICY_ANNOTATION, WINDOW
from shared.retention import deltas
from shared.windows import parse as windows
from tests.shared.deltas_table import TABLE

MANIFEST = Path(__file__).parents[1] / "manifests" / "admission.yaml"
DELTAS = "backup.kubernetes.io/deltas"

Json = dict[str, Any]


@cache
def policy() -> Json:
    found: Json = next(yaml.safe_load_all(MANIFEST.read_text()))["spec"]
    return found


@cache
def program(expression: str) -> celpy.Runner:
    environment = celpy.Environment()
    return environment.program(environment.compile(expression))


def refusals(
    annotations: Json | None, before: Json | None = None, update: bool = False
) -> list[str]:
    """List what the policy says against an object; evaluated as an API server does it."""
    metadata = {} if annotations is None else {"annotations": annotations}
    old = {"metadata": {} if before is None else {"annotations": before}} if update else None
    given: Json = {"object": json_to_cel({"metadata": metadata}), "oldObject": json_to_cel(old)}
    given["request"] = json_to_cel({"operation": "UPDATE" if update else "CREATE"})
    variables: Json = {}
    for variable in policy()["variables"]:
        value = program(variable["expression"]).evaluate(
            given | {"variables": json_to_cel(variables)}
        )
        variables[variable["name"]] = value
    given["variables"] = json_to_cel(variables)
    return [
        rule["message"]
        for rule in policy()["validations"]
        if not program(rule["expression"]).evaluate(given)
    ]


@pytest.mark.parametrize(("text", "defined", "parsed"), TABLE, ids=lambda value: repr(value)[:30])
def test_deltas(text: str, defined: bool, parsed: bool) -> None:
    """The same table as for the definition and the parser."""
    assert defined == (refusals({DELTAS: text}) == [])
    assert parsed <= defined


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("01:00-05:00", True),
        ("01:00-05:00 Europe/Berlin", True),
        ("01:00-05:00 mon-fri Europe/Berlin; not 02:00-03:00 UTC;", True),
        ("NOT 08:00 - 20:00 Mon - Fri America/Port-au-Prince", True),
        ("22:00-02:00 sat,sun", True),
        ("00:00-24:00 daily Etc/GMT-14", True),
        (" ; 01:00-02:00 mon,wed-fri ;; 03:00-04:00 ", True),
        ("1:00-5:00", False),
        ("01:00-25:00", False),
        ("01:00", False),
        ("01:00-05:00 Mars/Olympus", True),
        ("01:60-05:00", False),
        ("every night", False),
        ("", False),
        ("01:00-02:00;" * 50, False),
    ],
)
def test_windows(text: str, taken: bool) -> None:
    """What the parser takes is never refused; which zones there are the function alone knows."""
    assert taken == (refusals({WINDOW: text}) == [])
    try:
        windows.parse(text)
    except WindowError:
        assert not taken or "Mars" in text
    else:
        assert taken


@pytest.mark.parametrize(("text", "taken"), [("gold", True), ("gold.v2", True), ("", False),
                                             ("Gold", False), ("gold silver", False)])  # fmt: skip
def test_policies(text: str, taken: bool) -> None:
    """A name as Kubernetes has them."""
    assert taken == (refusals({POLICY_ANNOTATION: text}) == [])


def test_an_old_typo_stops_no_update() -> None:
    """Only what is new or changed is looked at, so that finalizers can go from anything."""
    typo = {DELTAS: "P1O", WINDOW: "night"}
    assert 2 == len(refusals(typo))
    assert [] == refusals(typo, before=typo, update=True)
    assert 1 == len(refusals(typo | {DELTAS: "P2O"}, before=typo, update=True))
    assert 2 == len(refusals(typo, before=None, update=True))


def test_objects_without_annotations_pass() -> None:
    """And those that have others."""
    assert [] == refusals(None) == refusals({"other": "x"}) == refusals({DELTAS: "none"})


def test_words_are_those_of_the_definition() -> None:
    """Who mistypes is told the same by every kind of object."""
    crd = next(yaml.safe_load_all(MANIFEST.with_name("crd.yaml").read_text()))
    (version,) = crd["spec"]["versions"]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    said = " ".join(rule["message"] for rule in policy()["validations"])
    for rule in spec["deltas"]["x-kubernetes-validations"]:
        assert " ".join(rule["message"].split()) in said


def test_backups_never_stop_a_cluster() -> None:
    """Where the policy cannot be evaluated nothing is refused; the binding denies."""
    first, binding = yaml.safe_load_all(MANIFEST.read_text())
    assert "Ignore" == first["spec"]["failurePolicy"]
    assert first["metadata"]["name"] == binding["spec"]["policyName"]
    assert ["Deny"] == binding["spec"]["validationActions"]


def test_the_parsers_are_those_of_the_function() -> None:
    """The tables speak of what a pass reads."""
    with pytest.raises(DeltasError):
        deltas.parse("P1O")
