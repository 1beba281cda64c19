"""JSON schemas as flat interfaces: each field, and each value of an enumeration, by its path."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.stability.compare import Interface

Schema = Mapping[str, Any]


def flatten(schema: Schema) -> Interface:
    """List all fields of a schema, of a report or of a custom resource alike."""
    return dict(_walk(schema, "", schema.get("$defs", {}), ()))


def _walk(schema: Schema, path: str, parts: Schema, above: tuple[str, ...]) -> Iterator[Any]:
    for one in _alternatives(schema, parts):
        name = one.get("title", "")
        if name and name in above:
            continue  # it holds itself
        inside = (*above, name)
        for key, value in one.get("properties", {}).items():
            field = f"{path}.{key}" if path else key
            yield field, _promise(value, key in one.get("required", ()), parts)
            yield from _walk(value, field, parts, inside)
        for value in one.get("enum", ()):
            yield f"{path}={value}", {}
        if isinstance(one.get("items"), Mapping):
            yield from _walk(one["items"], f"{path}[]", parts, inside)
        for place, value in enumerate(one.get("prefixItems", ())):
            yield f"{path}[{place}]", _promise(value, True, parts)
            yield from _walk(value, f"{path}[{place}]", parts, inside)
        if isinstance(one.get("additionalProperties"), Mapping):
            yield from _walk(one["additionalProperties"], f"{path}{{}}", parts, inside)


def _alternatives(schema: Schema, parts: Schema) -> Iterator[Schema]:
    if "$ref" in schema:
        yield from _alternatives(parts[schema["$ref"].rpartition("/")[2]], parts)
    elif "anyOf" in schema and "properties" not in schema:
        for choice in schema["anyOf"]:
            yield from _alternatives(choice, parts)
    else:
        yield schema


def _promise(schema: Schema, required: bool, parts: Schema) -> dict[str, Any]:
    kind = {"type": "|".join(sorted({_kind(one) for one in _alternatives(schema, parts)}))}
    return kind | ({"required": True} if required else {})


def _kind(schema: Schema) -> str:
    if "enum" in schema:
        return "one of"
    kind = str(schema.get("type", "any"))
    return f"{kind} {schema['format']}" if "format" in schema else kind
