"""The generated references have every field, with its type and what it means."""

import json
import re

import yaml

from tools.docs import CRDS, ROOT
from tools.reference import crds_reference, report_reference, type_of

CRD = """
spec:
  group: example.com
  scope: Cluster
  names: {plural: things, kind: Thing, shortNames: [th]}
  versions:
    - name: v1
      additionalPrinterColumns:
        - {name: Size, description: How large it is}
        - {name: Why, priority: 1, description: Why it is so}
      schema:
        openAPIV3Schema:
          description: A thing.
          properties:
            spec:
              description: What it should be.
              required: [size]
              x-kubernetes-validations: [{rule: "true", message: write a size}]
              properties:
                size: {type: string, minLength: 1, maxLength: 9, description: "Small | large."}
                parts:
                  type: array
                  maxItems: 3
                  default: [x]
                  description: >-
                    Its
                    parts.
                  items:
                    type: object
                    x-kubernetes-validations: [{rule: "true", message: name it}]
                    properties:
                      name: {type: string, minLength: 1, description: Its name.}
            status:
              description: What it is.
              properties:
                ready: {type: boolean, description: Whether it is ready.}
"""


def test_a_resource_has_fields_columns_and_what_is_refused() -> None:
    """Fields inside others are named by their path; limits, defaults and messages are there."""
    text = crds_reference(CRD)
    assert "`apiVersion: example.com/v1`" in text
    assert "`kubectl get things`, short names: `th`" in text
    assert r"| `spec.size` | string, 1 to 9 characters | (required) | Small \| large. |" in text
    assert '| `spec.parts` | list of object, at most 3 entries | `["x"]` | Its parts. |' in text
    assert "| `spec.parts[].name` | string, not empty |  | Its name. |" in text
    assert "| `status.ready` | boolean |  | Whether it is ready. |" in text
    assert "- `spec`: write a size\n- `spec.parts[]`: name it" in text
    assert "| Why | `-o wide` | Why it is so |" in text


def test_every_field_of_the_definitions_has_a_row_and_a_meaning() -> None:
    """As many rows as the schemas have fields, none with an empty last cell."""
    crds = [*yaml.safe_load_all(CRDS.read_text())]
    schemas = [v["schema"]["openAPIV3Schema"] for crd in crds for v in crd["spec"]["versions"]]
    fields = sum(count(s["properties"][part]) for s in schemas for part in ("spec", "status"))
    rows = re.findall(
        r"^\| `(?:spec|status)\..*\| (.*) \|$", crds_reference(CRDS.read_text()), re.M
    )
    assert len(rows) == fields > 60
    assert "" not in rows


def count(schema: dict[str, object]) -> int:
    """Count the fields of a schema, those inside its fields too."""
    found = 0
    for place in (schema, schema.get("items")):
        properties = place.get("properties") if isinstance(place, dict) else None
        assert properties is None or isinstance(properties, dict)
        found += sum(1 + count(field) for field in (properties or {}).values())
    return found


def test_every_part_of_the_report_has_its_fields() -> None:
    """A heading for each part, a row for each field, a link to each part that a field has."""
    schema = json.loads((ROOT / "docs" / "report.schema.json").read_text())
    text = report_reference(schema)
    headings = {heading.lower() for heading in re.findall(r"^## (.+)$", text, re.M)}
    assert headings == {name.lower() for name in schema["$defs"]}
    assert set(re.findall(r"\(#([a-z]+)\)", text)) == headings - {"report"}
    rows = re.findall(r"^\| `", text, re.M)
    assert len(rows) == sum(len(part["properties"]) for part in schema["$defs"].values())


def test_a_default_is_shown() -> None:
    """A field that has one, and one that must be there."""
    fields = {"a": {"type": "string"}, "b": {"type": "boolean", "default": False}}
    part = {"description": "A part.", "properties": fields, "required": ["a"]}
    text = report_reference({"$defs": {"Part": part}})
    assert "| `a` | string | (required) |" in text
    assert "| `b` | boolean | `false` |" in text


def test_types_are_words() -> None:
    """Lists, choices, counts, formats."""
    assert type_of({"items": {"$ref": "#/$defs/Done"}}) == "list of Done"
    assert type_of({"anyOf": [{"type": "number"}, {"type": "null"}]}) == "number or null"
    assert type_of({"enum": ["a", "b"]}) == "`a` or `b`"
    assert type_of({"type": "object", "additionalProperties": {"type": "integer"}}) == (
        "object of counts"
    )
    assert type_of({"type": "string", "format": "date-time"}) == "string, date-time"
    assert type_of({}) == "any"
