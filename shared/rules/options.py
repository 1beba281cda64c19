"""The settings that decide how objects are read. Pure."""

import msgspec

from shared.kinds import DEFAULTS, POLICY_ANNOTATION, Metadata
from shared.rules.said import Written


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that decide how objects are read; see `settings.Settings`."""

    deltas_annotation_key: str = "backup.kubernetes.io/deltas"
    use_claim_name: bool = False
    disk_rule_namespaces: tuple[str, ...] = ()
    default_sources: tuple[str, ...] = tuple(DEFAULTS)

    def written(self, metadata: Metadata) -> tuple[Written | None, Written | None]:
        """Give what an object's annotations have as deltas, and as a policy's name."""
        annotations = metadata.annotations
        if not annotations:
            return None, None
        return (
            _written(annotations, self.deltas_annotation_key),
            _written(annotations, POLICY_ANNOTATION),
        )


def _written(annotations: dict[str, str], key: str) -> Written | None:
    value = annotations.get(key)
    return None if value is None else Written(f"metadata.annotations[{key}]", value)
