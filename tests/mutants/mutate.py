"""Every small change of a module that its tests should notice, found in its syntax tree."""

import ast
import copy
from collections.abc import Iterator
from typing import NamedTuple

#: Comparisons, each with what it becomes: its contrary, and its neighbour at the boundary.
COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.GtE, ast.LtE),
    ast.LtE: (ast.Gt, ast.Lt),
    ast.Gt: (ast.LtE, ast.GtE),
    ast.GtE: (ast.Lt, ast.Gt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
SWAPPED = {"min": "max", "max": "min", "any": "all", "all": "any"}
#: Calls on these say something, and decide nothing.
SAYING = {"log", "audit_log"}
#: Arguments that raise where a defect made two things differ in length, and else do nothing.
ASSERTING = {"strict"}
#: Where something else than what is computed stands.
NOT_CODE = {"annotation", "returns", "decorator_list", "bases", "ctx"}


class Change(NamedTuple):
    """One change: `at` is the line as it stood, and `text` the whole module with the change."""

    file: str
    line: int
    at: str
    what: str
    text: str

    @property
    def key(self) -> tuple[str, str, str]:
        """Name it by what does not move when lines do."""
        return self.file, self.at, self.what


def changes_of(file: str, text: str) -> list[Change]:
    """List all changes of a module, in the order of its text."""
    lines = text.encode().splitlines(keepends=True)
    found = []
    for node, new in _visit(ast.parse(text)):
        old = ast.get_source_segment(text, node) or ""
        made = ast.unparse(new)
        made = f"({made})" if isinstance(new, ast.expr) else made
        at = lines[node.lineno - 1].decode().strip()
        what = f"{_short(old)} -> {_short(ast.unparse(new))}"
        found.append(Change(file, node.lineno, at, what, _spliced(lines, node, made)))
    return found


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 90 else f"{text[:50]} … {text[-35:]}"


def _spliced(lines: list[bytes], node: ast.expr | ast.stmt, made: str) -> str:
    assert node.end_lineno is not None
    first, last = lines[node.lineno - 1], lines[node.end_lineno - 1]
    parts = [*lines[: node.lineno - 1], first[: node.col_offset], made.encode(),
             last[node.end_col_offset :], *lines[node.end_lineno :]]  # fmt: skip
    return b"".join(parts).decode()


Found = Iterator[tuple[ast.expr | ast.stmt, ast.expr | ast.stmt]]


def _visit(node: ast.AST) -> Found:
    """Walk over what is computed: no annotations, decorators, docstrings or texts."""
    yield from _here(node)
    for name, value in ast.iter_fields(node):
        if name in NOT_CODE or (isinstance(node, ast.ClassDef) and name == "keywords"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.JoinedStr):
                continue
            if isinstance(child, ast.keyword) and child.arg in ASSERTING:
                continue
            if not isinstance(child, ast.Tuple):
                yield from _visit(child)
            elif name != "slice":
                yield from _of_tuple(node, name, child)


def _of_tuple(parent: ast.AST, name: str, node: ast.Tuple) -> Found:
    """Walk over a tuple; one that is unpacked elsewhere loses no element: anything notices it."""
    unpacked = name in ("elt", "key", "body") or isinstance(parent, (ast.Return, ast.Yield))
    if isinstance(parent, ast.Assign):
        unpacked = isinstance(parent.targets[0], ast.Tuple)
    if not unpacked:
        yield from _here(node)
    for element in node.elts:
        yield from _visit(element)


def _here(node: ast.AST) -> Found:
    if isinstance(node, ast.stmt):
        yield from _statements(node)
    if isinstance(node, ast.expr):
        yield from _expressions(node)
    for test in _tests(node):
        if not isinstance(test, (ast.Compare, ast.UnaryOp)):
            yield test, ast.UnaryOp(ast.Not(), test)


def _tests(node: ast.AST) -> list[ast.expr]:
    """List the conditions of a node."""
    if isinstance(node, (ast.If, ast.While, ast.IfExp)):
        return [node.test]
    return node.ifs if isinstance(node, ast.comprehension) else []


def _statements(node: ast.stmt) -> Found:
    dropped = isinstance(node, ast.Raise)
    if isinstance(node, ast.Expr):
        dropped = isinstance(node.value, ast.Call) and not _says(node.value)
    if isinstance(node, ast.Assign):
        dropped = any(isinstance(t, (ast.Attribute, ast.Subscript)) for t in node.targets)
    if isinstance(node, ast.AugAssign):
        dropped = isinstance(node.target, (ast.Attribute, ast.Subscript))
    if dropped:
        yield node, ast.Pass()
    if isinstance(node, ast.Return) and node.value and not _is_empty(node.value):
        yield node, ast.Return(_emptied(node.value))


def _says(call: ast.Call) -> bool:
    base = call.func.value if isinstance(call.func, ast.Attribute) else call.func
    return isinstance(base, ast.Name) and base.id in SAYING


def _is_empty(value: ast.expr) -> bool:
    if isinstance(value, (ast.Tuple, ast.List, ast.Set)):
        return not value.elts
    if isinstance(value, ast.Dict):
        return not value.keys
    return isinstance(value, ast.Constant) and not value.value


def _emptied(value: ast.expr) -> ast.expr:
    empty: dict[type[ast.expr], ast.expr] = {
        ast.List: ast.List([]), ast.ListComp: ast.List([]), ast.Dict: ast.Dict([], []),
        ast.DictComp: ast.Dict([], []), ast.JoinedStr: ast.Constant(""),
        ast.Set: ast.Call(ast.Name("set"), [], []), ast.SetComp: ast.Call(ast.Name("set"), [], []),
    }  # fmt: skip
    return empty.get(type(value), ast.Constant(None))


def _expressions(node: ast.expr) -> Found:
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            for other in COMPARISONS[type(operator)]:
                new = copy.deepcopy(node)
                new.ops[place] = other()
                yield node, new
    elif isinstance(node, ast.BoolOp):
        contrary = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield node, ast.BoolOp(contrary, node.values)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node, node.operand
    elif isinstance(node, ast.Constant):
        yield from ((node, ast.Constant(value)) for value in _values(node.value))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SWAPPED:
        yield node.func, ast.Name(SWAPPED[node.func.id])
    elif isinstance(node, (ast.Tuple, ast.Set, ast.Dict)):
        yield from _without(node)


def _values(value: object) -> tuple[float, ...]:
    """Give what a constant becomes; texts stay."""
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, (int, float)):
        return (value + 1,) if value == 0 else (value + 1, 0)
    return ()


def _without(node: ast.Tuple | ast.Set | ast.Dict) -> Found:
    """Leave out one element of a literal that has several."""
    if isinstance(node, ast.Dict):
        pairs = [*zip(node.keys, node.values, strict=True)]
        for place in range(len(pairs)) if len(pairs) > 1 else ():
            left = pairs[:place] + pairs[place + 1 :]
            yield node, ast.Dict([key for key, _ in left], [value for _, value in left])
    elif len(node.elts) > 1 and not (isinstance(node, ast.Tuple) and _is_target(node)):
        for place in range(len(node.elts)):
            elements = node.elts[:place] + node.elts[place + 1 :]
            yield node, type(node)(elements)


def _is_target(node: ast.Tuple) -> bool:
    return isinstance(node.ctx, ast.Store)
