"""JSON that an API server lets pass and a strict decoder does not. Pure."""

import re
from typing import TypeVar

import msgspec

T = TypeVar("T")

#: What decoding raises for bytes of any kind: msgspec's errors and those of UTF-8 are ValueErrors.
UNREADABLE = (ValueError, RecursionError)
#: Nothing that is read is nested deeper; the decoder itself gives up at about a thousand levels,
#: where an API server takes ten thousand.
DEPTH = 100


def decode(data: bytes, kind: type[T]) -> T:
    """Decode JSON, whatever one object in it is like.

    What is nested too deeply becomes null, and half of a surrogate pair U+FFFD, as in Go.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except RecursionError:
        return msgspec.json.decode(_flatten(data), type=kind)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError):
        mended = _PAIR.sub(lambda m: m[0] if m[1] is None else b"\\ufffd", data)
        if mended == data:
            raise
        return decode(mended, kind)


#: An escape in a JSON string: a surrogate pair or any other, and as a group half of a pair.
_PAIR = re.compile(
    rb"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.", re.DOTALL
)


def _flatten(body: bytes) -> bytes:
    """Put null in place of what is nested too deeply."""
    kept, start, depth = [], 0, 0
    for token in re.finditer(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[{]|[\]}]', body, re.DOTALL):
        if token[0] in (b"[", b"{"):
            depth += 1
            if depth == DEPTH:
                kept += [body[start : token.start()], b"null"]
        elif token[0] in (b"]", b"}"):
            if depth == DEPTH:
                start = token.end()
            depth -= 1
    return b"".join([*kept, body[start:]])
