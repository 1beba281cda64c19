"""What an object is, by its name: what a browser goes by that opens it out of the bucket."""

_TYPES = {".gz": "application/gzip", ".html": "text/html; charset=utf-8"}


def content_type(name: str) -> str:
    """Give the content type of an object; those without an ending of their own are JSON."""
    return next((t for end, t in _TYPES.items() if name.endswith(end)), "application/json")
