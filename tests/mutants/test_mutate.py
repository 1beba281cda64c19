"""Which changes of a module are tried, and that each is what it says."""

import ast
from textwrap import dedent

import pytest

from tests.mutants.__main__ import ROOT, everything
from tests.mutants.equivalents import EQUIVALENT
from tests.mutants.mutate import changes_of


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("x = a < b", {"a < b -> a >= b", "a < b -> a <= b"}),
        ("x = a is None", {"a is None -> a is not None"}),
        ("x = a and b", {"a and b -> a or b"}),
        ("x = not a", {"not a -> a"}),
        ("x = 2", {"2 -> 3", "2 -> 0"}),
        ("x = True", {"True -> False"}),
        ("x = timedelta(days=7)", {"7 -> 8", "7 -> 0"}),
        ("x = min(a)", {"min -> max"}),
        ("x = any(a)", {"any -> all"}),
        ("x = zip(a, b, strict=True)", set()),
        ("x = {'a', 'b'}", {"{'a', 'b'} -> {'b'}", "{'a', 'b'} -> {'a'}"}),
        ("x, y = a", set()),
        ("x, y = a, b", set()),
        ("x = [(a, b) for a in c]", set()),
        ("x = a, b", {"a, b -> (b,)", "a, b -> (a,)"}),
        ("def f():\n    return a, b", {"return a, b -> return None"}),
        ("x = [y for y in z if y]", {"y -> not y"}),
        ("raise ValueError", {"raise ValueError -> pass"}),
        ("a.b = c", {"a.b = c -> pass"}),
        ("a.b += c", {"a.b += c -> pass"}),
        ("call(a)", {"call(a) -> pass"}),
        ("log.info(a)", set()),
        ("def f(a: X[1, 2] = None) -> Y[3]:\n    return a", {"return a -> return None"}),
        ("def f():\n    return [a]", {"return [a] -> return []"}),
        ("def f():\n    return None", set()),
        ("'''Only words.'''\nX = tuple[A, B]", set()),
        ("x = f'{a < b}'", set()),
    ],
)
def test_what_is_changed(text: str, changes: set[str]) -> None:
    """One operator a case."""
    assert changes == {change.what for change in changes_of("a.py", text)}


def test_only_what_is_said_is_changed() -> None:
    """The rest of the text stays, lines and comments as well."""
    text = dedent("""\
        def f(a):
            # why
            return g(
                "ä", a <
                b)
        """)
    lower = [change for change in changes_of("a.py", text) if change.what == "a < b -> a <= b"]
    assert ['def f(a):\n    # why\n    return g(\n        "ä", (a <= b))\n'] == [
        change.text for change in lower
    ]
    assert 4 == lower[0].line


def test_all_are_python_and_differ() -> None:
    """In the modules themselves."""
    found = everything("planning/due")
    assert len(found) > 50
    for change in found:
        assert ast.dump(ast.parse(change.text)) != ast.dump(
            ast.parse((ROOT / change.file).read_text())
        )


def test_those_that_change_nothing_are_still_there() -> None:
    """Or what has taken their place goes untried."""
    assert EQUIVALENT.keys() <= {change.key for change in everything()}
