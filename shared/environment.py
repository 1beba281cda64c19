"""Settings out of the environment, and their descriptions for the documents."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from isodate import duration_isoformat
from msgspec import Meta

from shared.settings import Settings, wrong

S = TypeVar("S", bound=Settings)


def load(kind: type[S], environ: Mapping[str, str]) -> S:
    """Read settings from the environment; empty variables count as unset.

    Raises:
        SettingsError: with the variable's name, its value and what would do.
    """
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        name = field.name.upper()
        text = environ.get(name, "").strip()
        if name == "TZ" and text.startswith(":"):
            text = ""  # Lambda's own, `:UTC` or `:/etc/localtime`
        if text:
            values[field.name] = _convert(name, text, field.type)
    settings = kind(**values)
    settings.checked()
    return settings


def describe(kind: type[Settings]) -> list[tuple[str, str, str]]:
    """List variable, default and description of each setting, for the documents."""
    hints = get_type_hints(kind, include_extras=True)
    rows = []
    for field in msgspec.structs.fields(kind):
        meta = next(m for m in get_args(hints[field.name]) if isinstance(m, Meta))
        default = field.default
        if isinstance(default, tuple):
            default = ",".join(default)
        elif isinstance(default, bool):
            default = str(default).lower()
        elif isinstance(default, timedelta):
            default = duration_isoformat(default)
        rows.append((field.name.upper(), str(default or ""), meta.description or ""))
    return rows


def _convert(name: str, text: str, kind: Any) -> Any:
    bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    raw: Any = text
    if get_origin(bare) is tuple:
        raw = [word.strip() for word in text.split(",") if word.strip()]
    elif get_origin(bare) is Literal:
        raw = next((word for word in get_args(bare) if word.lower() == text.lower()), text)
    try:
        return msgspec.convert(raw, kind, strict=False)
    except UnicodeError:
        raise wrong(name, text, "text in UTF-8") from None
    except msgspec.ValidationError as error:
        would_do = _WOULD_DO.get(name) or _WOULD_DO.get(bare) or _example(kind) or str(error)
        raise wrong(name, text, would_do) from None


def _example(kind: Any) -> str:
    """Give what a field, or an entry of a list, would take: its first example."""
    found = [m.examples[0] for m in get_args(kind) if isinstance(m, Meta) and m.examples]
    return f"one such as {found[0]}" if found else ""


_KEY = "a letter, then up to 62 lowercase letters, digits, - and _"
_WOULD_DO: dict[Any, str] = {
    "HEARTBEAT_URL": "a URL such as https://example.com/ping",
    "PING_URL": "a URL such as https://example.com/ping",
    "MIRROR_URL": "s3://bucket/name.json, gs://bucket/name.json or file:///path/name.json",
    "RULES_FROM": "cluster or mirror",
    "ORPHANS": "keep or expire",
    "KEEP_LABEL": _KEY,
    "KUBE_CONFIG_SECRET": "the name of a secret that holds a kubeconfig, not its content",
    "SNAPSHOT_AUTHOR_LABEL_KEY": _KEY,
    bool: "true or false",
    timedelta: "an ISO 8601 duration such as PT5M",
    Literal["DEBUG", "INFO", "WARNING", "ERROR"]: "DEBUG, INFO, WARNING or ERROR",
}
