"""Sizes of volumes, as Kubernetes writes them: `200Gi`. Pure."""

import re
from decimal import Decimal

_QUANTITY = re.compile(r"(\d{1,18}(?:\.\d{1,9})?)(m|[kMGTPE]|[KMGTPE]i|[eE]\d{1,2})?")
_POWERS = "KMGTPE"


def in_bytes(size: str) -> Decimal:
    """Read a quantity of Kubernetes; zero for what is none."""
    match = _QUANTITY.fullmatch(size)
    if not match or not size.isascii():
        return Decimal(0)
    number, unit = Decimal(match[1]), match[2] or ""
    if unit[:1] in ("e", "E") and len(unit) > 1 and unit[1].isdigit():
        return number * Decimal(10) ** int(unit[1:])
    if unit == "m":
        return number / 1000
    power = _POWERS.index(unit[0].upper()) + 1 if unit else 0
    return number * Decimal(1024 if unit.endswith("i") else 1000) ** power


def as_size(value: object) -> str:
    """Read a size that an object or a cloud tells, numbers being bytes; empty for what is none."""
    if isinstance(value, int) and 0 < value < 2**63:
        value = str(int(value))
    return value if isinstance(value, str) and in_bytes(value) else ""
