"""The manifests as YAML for `kubectl apply -f -`, and as JSON for programs. Pure."""

import re
from typing import Any

from shared.restore.manifests import Restore
from shared.text import printable

#: What any reader of YAML takes for text without quotes. PyYAML alone does not tell: 1e3, 0o7 and
#: y are texts to it, and none to the reader in kubectl.
_PLAIN = re.compile(r"[A-Za-z][-A-Za-z0-9]*(?:[./][-A-Za-z0-9]+)*")
_NOT_TEXT = frozenset(("y", "n", "yes", "no", "true", "false", "on", "off", "null"))


def to_yaml(found: Restore) -> str:
    """Write what `kubectl apply -f -` takes, notes and commands above it as comments."""
    import yaml

    class Dumper(yaml.SafeDumper):
        pass

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        style = None if _is_plain(value) else '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    lines = [*found.notes, *(line for what, how in found.commands for line in (what, f"  {how}"))]
    comments = "".join(f"# {printable(line)}\n" for line in lines)
    documents: str = yaml.dump_all(
        found.manifests, Dumper=Dumper, sort_keys=False, explicit_start=True, width=1000
    )
    return comments + documents


def _is_plain(text: str) -> bool:
    return bool(_PLAIN.fullmatch(text)) and text.lower() not in _NOT_TEXT


def to_builtins(found: Restore) -> dict[str, Any]:
    """Give what `--json` prints; `manifests` is a List that `kubectl apply -f -` takes."""
    snapshot = found.snapshot
    return {
        "snapshot": snapshot.id,
        "disk": snapshot.disk.id,
        "started": snapshot.started.isoformat(),
        "notes": list(found.notes),
        "commands": [{"what": what, "command": how} for what, how in found.commands],
        "manifests": {"apiVersion": "v1", "kind": "List", "items": list(found.manifests)},
    }
