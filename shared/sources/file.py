"""Rules from a file, as kubectl prints them or as they are written for it."""

import codecs
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from shared.errors import ClusterError
from shared.objects import Objects, decode_list
from shared.ports import Check
from shared.sources.plain_yaml import NotPlain, load_all
from shared.tolerant_json import UNREADABLE


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
        try:
            return decode_list(_as_list(data, self._name), self._name)
        except ClusterError as error:
            raise ClusterError(f"{error}{_hint(data)}") from None

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
            return _in_utf8(Path(self._path).read_bytes())
        if self._input is None:  # which can be read once, and `check` reads twice
            self._input = _in_utf8(sys.stdin.buffer.read())
        return self._input


def _in_utf8(data: bytes) -> bytes:
    """Write anew what an editor or PowerShell has marked as UTF-8 or UTF-16."""
    marked = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16"}
    marked[codecs.BOM_UTF16_BE] = "utf-16"
    for mark, encoding in marked.items():
        if data.startswith(mark):
            return data.decode(encoding).encode()
    return data


def _as_list(data: bytes, name: str) -> bytes:
    """Give the objects as a JSON List."""
    if not data.lstrip().startswith(b"{"):
        return _yaml_to_json(data, name)
    return b'{"items":[%b]}' % data if _is_single(data) else data


def _hint(data: bytes) -> str:
    """Say what often spoils what kubectl printed."""
    if re.search(rb"^warning: ", data, re.IGNORECASE | re.MULTILINE):
        return "; it holds a warning of kubectl beside the objects: redirect with > alone, not 2>&1"
    return ""


def _is_single(data: bytes) -> bool:
    try:
        found = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    except UNREADABLE:
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
        # A page's items have no kind of their own: `decode_list` gives them that of the page.
        if isinstance(listed, list) and document.get("kind", "List") == "List":
            lists += 1
            items += listed
        else:
            items.append(document)
    if not lists and not any(isinstance(item, dict) and "kind" in item for item in items):
        raise ClusterError(
            f"{name} holds no Kubernetes object: write it with "
            "kubectl get pv,pvc,ns,sc,snapshotrules -A -o yaml"
        )
    return msgspec.json.encode({"kind": "List", "items": items}, enc_hook=str)
