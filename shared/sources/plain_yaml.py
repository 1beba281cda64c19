"""YAML that anybody may have written: bounded in depth, and without aliases, which multiply."""

from typing import Any

#: Deeper than any Kubernetes object; libyaml's composer would overflow the stack at some 20,000.
MAX_DEPTH = 200


class NotPlain(Exception):
    """Says why a text is no YAML that is read here, and in which line."""


def load_all(text: str | bytes) -> list[Any]:
    """Read all documents; an empty one is None.

    Raises:
        NotPlain: where it is no YAML, is nested too deeply, or uses aliases.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        depth = 0
        for event in yaml.parse(text, Loader=loader):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            line = f"line {event.start_mark.line + 1}" if event.start_mark else "it"
            if isinstance(event, yaml.AliasEvent):
                raise NotPlain(f"it uses an alias in {line}; write out what it stands for")
            if depth > MAX_DEPTH:
                raise NotPlain(f"it is nested too deeply in {line}")
        return list(yaml.load_all(text, Loader=loader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise NotPlain("it is no YAML" + (f", see line {mark.line + 1}" if mark else "")) from None
    except NotPlain:
        raise
    except Exception:  # of a date or number that is none PyYAML says so in many ways
        raise NotPlain("it is no YAML of the kind that kubectl writes") from None
