"""What documents and tests read of the Terraform modules."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import hcl2

REQUIRED = "(required)"


class Variable(NamedTuple):
    """An input; `default` is as JSON has it, or REQUIRED."""

    name: str
    type: str
    default: Any
    description: str


class Output(NamedTuple):
    """What a module gives back."""

    name: str
    description: str


def variables(module: Path) -> list[Variable]:
    """List the inputs of a module in the order of its files."""
    return [
        Variable(
            name,
            _plain(body["type"]).removeprefix("${").removesuffix("}"),
            _plain(body.get("default", REQUIRED)),
            _plain(body["description"]),
        )
        for name, body in _blocks(module, "variable")
    ]


def outputs(module: Path) -> list[Output]:
    """List what a module gives back."""
    return [Output(name, _plain(body["description"])) for name, body in _blocks(module, "output")]


def _blocks(module: Path, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(module.glob("*.tf")):
        for block in hcl2.loads(path.read_text()).get(kind, []):
            for name, body in block.items():
                yield _plain(name), body


def _plain(value: Any) -> Any:
    """Take the quotes off what was a string in HCL."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    quoted = isinstance(value, str) and value.startswith('"')
    return json.loads(value) if quoted else value
