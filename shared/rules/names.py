"""Names of objects and of the rules that are read from them. Pure."""

from shared.kinds import Object
from shared.model import Source

#: The kinds that rules are read from, with upstream's short names.
SHORT = {"PersistentVolume": "pv", "PersistentVolumeClaim": "pvc", "SnapshotRule": "rule"}


def source_of(item: Object) -> Source:
    """Name an object."""
    kind = type(item).__name__
    return Source(kind, item.metadata.namespace, item.metadata.name)


def rule_name(source: Source, claim: str = "") -> str:
    """Name a rule as upstream does: `[<namespace>-]<pv|pvc|rule>-<name>`.

    The namespace `default` is left out; `claim` replaces the object's own name.
    """
    namespace = "" if source.namespace in ("", "default") else f"{source.namespace}-"
    return f"{namespace}{SHORT.get(source.kind, source.kind.lower())}-{claim or source.name}"
