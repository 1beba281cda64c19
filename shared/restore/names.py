"""What Kubernetes lets its objects be called, and how a new name is made. Pure.

Names from the cluster and from labels are untrusted input.
"""

import hashlib
import re

#: Kubernetes' limit on the names of most objects (DNS subdomain, RFC 1123).
MAX_SUBDOMAIN = 253
#: A new name is cut to what a label's value may hold too, since tools write names there.
MAX_NAME = 63
_WORD = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"{_WORD}(?:\.{_WORD})*")


def is_name(text: str) -> bool:
    """Tell whether most objects of Kubernetes may be called so."""
    return len(text) <= MAX_SUBDOMAIN and bool(_SUBDOMAIN.fullmatch(text))


def is_namespace(text: str) -> bool:
    """Tell whether a namespace may be called so."""
    return len(text) <= 63 and "." not in text and is_name(text)


def as_name(text: str) -> str:
    """Make a name of anything; its length aside, which `cut` sees to."""
    if is_name(text):
        return text
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "volume"


def cut(base: str, limit: int, suffix: str = "") -> str:
    """Join base and suffix; where that is too long, a hash stands for what is cut of the base."""
    if len(base) + len(suffix) > limit:
        digest = hashlib.sha256(base.encode()).hexdigest()[:6]
        suffix = f"-{digest}{suffix}"
        base = base[: limit - len(suffix)].rstrip("-.")
    return base + suffix
