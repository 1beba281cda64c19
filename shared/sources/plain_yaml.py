"""YAML that anybody may have written: bounded in depth, and without aliases, which multiply.

Words without quotes mean what they mean to kubectl (sigs.k8s.io/yaml): PyYAML knows kinds of YAML
1.1 that kubectl does not, and writes without quotes.
"""

from functools import cache
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

    loader = _loader()
    try:
        depth = 0
        for event in yaml.parse(text, Loader=loader):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            line = f"line {event.start_mark.line + 1}" if event.start_mark else "it"
            if isinstance(event, yaml.AliasEvent):
                raise NotPlain(f"it uses an alias in {line}; write out its value")
            if depth > MAX_DEPTH:
                raise NotPlain(f"it is nested too deeply in {line}")
        return list(yaml.load_all(text, Loader=loader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise NotPlain("it is no YAML" + (f", see line {mark.line + 1}" if mark else "")) from None
    except NotPlain:
        raise
    except Exception:  # of a value with a tag that does not fit PyYAML says so in many ways
        raise NotPlain("it is no YAML of the kind that kubectl writes") from None


@cache
def _loader() -> Any:
    """Give the loader: PyYAML's, to which some words are text."""
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        def text(self, node: Any) -> Any:
            """Take `=`, `<<`, 2026-13-99 as they stand."""
            return self.construct_scalar(node)

        def number(self, node: Any) -> Any:
            """Take 12:30 for text, which is 750 in YAML 1.1, and what no number can hold."""
            value, kind = self.construct_scalar(node), node.tag.rpartition(":")[2]
            try:
                return value if ":" in value else getattr(self, f"construct_yaml_{kind}")(node)
            except ValueError:
                return value

    for kind in ("value", "merge", "timestamp"):
        Loader.add_constructor(f"tag:yaml.org,2002:{kind}", Loader.text)
    for kind in ("int", "float"):
        Loader.add_constructor(f"tag:yaml.org,2002:{kind}", Loader.number)
    return Loader
