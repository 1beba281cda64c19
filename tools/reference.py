"""The references of the report and of the Kubernetes resources, from their schemas."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from tools.hcl import REQUIRED

Schema = Mapping[str, Any]


def report_reference(schema: Schema) -> str:
    """Print each part of the report: what it is, and its fields."""
    return "\n\n".join(
        f"## {name}\n\n{part['description'].strip()}\n\n{_fields(part)}"
        for name, part in schema["$defs"].items()
    )


def _fields(part: Schema) -> str:
    rows = ["| field | type | default |", "|---|---|---|"]
    for name, field in part["properties"].items():
        default = REQUIRED if name in part.get("required", ()) else _code(field.get("default"))
        rows.append(f"| `{name}` | {_linked(type_of(field), field)} | {default} |")
    return "\n".join(rows)


def _linked(text: str, field: Schema) -> str:
    for part in [field, field.get("items", {}), *field.get("anyOf", ())]:
        if name := part.get("$ref", "").rpartition("/")[2]:
            return text.replace(name, f"[{name}](#{name.lower()})")
    return text


def type_of(schema: Schema) -> str:
    """Say the type of a field in words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "items" in schema:
        return f"list of {type_of(schema['items'])}"
    if "anyOf" in schema:
        return " or ".join(type_of(choice) for choice in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("additionalProperties") == {"type": "integer"}:
        return "object of counts"
    kind = str(schema.get("type", "any"))
    return f"{kind}, {schema['format']}" if "format" in schema else kind


def crds_reference(manifest: str) -> str:
    """Print each resource of a manifest: what it is, its columns, fields, and what is refused."""
    return "\n\n".join(_resource(crd["spec"]) for crd in yaml.safe_load_all(manifest))


def _resource(spec: Schema) -> str:
    names, (version,) = spec["names"], spec["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    short = ", ".join(f"`{name}`" for name in names.get("shortNames", ()))
    head = [
        f"## {names['kind']}",
        _words(schema["description"]),
        f"- `apiVersion: {spec['group']}/{version['name']}`\n"
        f"- scope: {spec['scope']}\n"
        f"- `kubectl get {names['plural']}`, short names: {short}",
    ]
    for title in ("spec", "status"):
        part = schema["properties"][title]
        head += [f"### {names['kind']} {title}", _words(part["description"])]
        head.append(_table([*_rows(part, f"{title}.")]))
        if refused := [*_refused(part, title)]:
            head += ["The API server refuses a value that breaks one of these rules:"]
            head.append("\n".join(refused))
    head += [f"### {names['kind']} columns", _columns(version["additionalPrinterColumns"])]
    return "\n\n".join(head)


def _table(rows: list[str]) -> str:
    return "\n".join(["| field | type | default | meaning |", "|---|---|---|---|", *rows])


def _rows(schema: Schema, prefix: str) -> Iterator[str]:
    """Give a row for each field, and those of the fields inside it after it."""
    for name, field in schema.get("properties", {}).items():
        default = REQUIRED if name in schema.get("required", ()) else _code(field.get("default"))
        kind = f"{type_of(field)}{_limits(field)}"
        meaning = _words(field.get("description", ""))
        yield f"| `{prefix}{name}` | {kind} | {default} | {meaning} |"
        inner, mark = (field["items"], "[].") if "items" in field else (field, ".")
        yield from _rows(inner, f"{prefix}{name}{mark}")


def _limits(field: Schema) -> str:
    """Say how long a text, or a list, may be."""
    for what, unit in (("Length", "characters"), ("Items", "entries"), ("Properties", "entries")):
        least, most = field.get(f"min{what}"), field.get(f"max{what}")
        if least and most:
            return f", {least} to {most} {unit}"
        if most:
            return f", at most {most} {unit}"
        if least:
            return ", not empty"
    return ""


def _refused(schema: Schema, path: str) -> Iterator[str]:
    for rule in schema.get("x-kubernetes-validations", ()):
        yield f"- `{path}`: {_words(rule['message'])}"
    for name, field in schema.get("properties", {}).items():
        inner, mark = (field["items"], "[]") if "items" in field else (field, "")
        yield from _refused(inner, f"{path}.{name}{mark}")


def _columns(columns: list[Schema]) -> str:
    rows = ["| column | with | meaning |", "|---|---|---|"]
    for column in columns:
        option = "`-o wide`" if column.get("priority") else ""
        rows.append(f"| {column['name']} | {option} | {_words(column.get('description', ''))} |")
    return "\n".join(rows)


def _code(value: object) -> str:
    """Show a default, if there is one."""
    return "" if value in (None, "") else f"`{json.dumps(value)}`"


def _words(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
