"""Problems as the owners of objects are told of them in the cluster: by object, and short. Pure."""

from collections.abc import Collection, Mapping

from shared.model import Problem, Source
from shared.planning.actions import Plan
from shared.text import shorten


def by_object(plan: Plan, kinds: Collection[str]) -> Mapping[Source, list[Problem]]:
    """Group the problems with objects of some kinds: errors first, each once."""
    found: dict[Source, list[Problem]] = {}
    problems = {(p.severity, p.field, p.message, p.value, p.source): p for p in plan.problems}
    for key in sorted(problems):
        problem = problems[key]
        if problem.source.kind in kinds:
            found.setdefault(problem.source, []).append(problem)
    return found


def text_of(problem: Problem) -> str:
    """Say what is wrong with which value, in 300 characters at most."""
    value = f"'{shorten(problem.value, 60)}': " if problem.value else ""
    return shorten(f"{value}{problem.message}", 300)


def text_with_field(problem: Problem) -> str:
    """Say the same after the field that it is about."""
    return f"{shorten(problem.field, 80)}: {text_of(problem)}"
