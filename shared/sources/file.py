"""Rules from a file, as kubectl prints them or as they are written for it."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from shared.errors import ClusterError
from shared.objects import Objects, decode_list
from shared.ports import Check
from shared.sources.plain_yaml import NotPlain, load_all


class RulesFile:
    """Reads the objects of a JSON or YAML file, `-` being standard input.

    Implements `ports.RulesSource`. Lists, single objects and several YAML documents will do.
    """

    live = False

    def __init__(self, path: str) -> None:
        self._path = path
        self._name = "standard input" if path == "-" else path or "the file without a name"
        self._input: bytes | None = None

    def read(self) -> Objects:
        """Read all objects."""
        try:
            data = self._read()
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            raise ClusterError(f"{self._name} cannot be read: {why}") from None
        if not data.lstrip().startswith(b"{"):
            data = _yaml_to_json(data, self._name)
        elif _is_single(data):
            data = b'{"items":[%b]}' % data
        return decode_list(data, self._name)

    def check(self) -> Iterable[Check]:
        """Tell whether the file can be read."""
        try:
            objects = self.read()
        except ClusterError as error:
            yield Check(f"rules in {self._name}", False, str(error))
            return
        count = len(objects.volumes) + len(objects.claims) + len(objects.rules)
        yield Check(f"rules in {self._name}", True, f"{count} objects")

    def _read(self) -> bytes:
        if self._path != "-":
            return Path(self._path).read_bytes()
        if self._input is None:  # which can be read once, and `check` reads twice
            self._input = sys.stdin.buffer.read()
        return self._input


def _is_single(data: bytes) -> bool:
    try:
        found = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False  # decode_list says what is wrong
    return "items" not in found and "kind" in found


def _yaml_to_json(data: bytes, name: str) -> bytes:
    try:
        documents = [item for item in load_all(data) if item is not None]
    except NotPlain as error:
        raise ClusterError(f"{name} is neither JSON nor YAML: {error}") from None
    items: list[Any] = []
    lists = 0
    for document in documents:
        listed = document.get("items") if isinstance(document, dict) else None
        lists += isinstance(listed, list)
        items += listed if isinstance(listed, list) else [document]
    if not lists and not any(isinstance(item, dict) and "kind" in item for item in items):
        raise ClusterError(
            f"{name} holds no Kubernetes object: write it with "
            "kubectl get pv,pvc,snapshotrules --all-namespaces -o yaml"
        )
    return msgspec.json.encode({"kind": "List", "items": items}, enc_hook=str)
