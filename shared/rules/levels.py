"""The levels that deltas come from, the nearest first, and where the search ends. Pure.

What a volume's own objects say counts before its claim's Namespace, that before its StorageClass,
and that before the SnapshotPolicies that select it. docs/policies.md shows them.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from shared.model import Level, Problem, Source
from shared.rules.said import Said


class Step(NamedTuple):
    """What one object says at a level.

    `problem` is set where it, or a part of it, cannot be read. `ends` tells that it may end the
    search: another namespace's word does not. `doubt` is a problem with its window.
    """

    level: Level
    source: Source
    said: Said
    problem: Problem | None = None
    ends: bool = True
    doubt: Problem | None = None


def step_of(level: Level, source: Source, said: Said, problems: list[Problem]) -> Step:
    """Make the step of a default, and add to the problems what is wrong with it, once."""
    problem, doubt = said.held, None
    problems += [note.problem(source) for note in said.notes]
    if said.wrong:
        problems.append(problem := said.wrong.problem(source))
    if said.wrong_window:
        problems.append(doubt := said.wrong_window.problem(source))
    return Step(level, source, said, problem, doubt=doubt)


class Decided(NamedTuple):
    """Where a volume's deltas come from.

    `held` is a problem on the way, for which nothing of the disk is deleted; `by` is who said that
    it is not to be backed up.
    """

    steps: Sequence[Step] = ()
    held: Problem | None = None
    by: Source | None = None


def decide(levels: Iterable[Sequence[Step]]) -> Decided:
    """Find the level that decides.

    A value that cannot be read stops no search: the next level that says something counts beside
    what was read, so that a typo leaves no volume without a backup.
    """
    steps: list[Step] = []
    held: Problem | None = None
    for found in levels:
        steps += [step for step in found if step.said.deltas]
        held = held or next((step.problem for step in found if step.problem), None)
        last = [step for step in found if step.ends]
        if any(step.problem for step in last):
            continue
        if any(step.said.deltas for step in last):
            break
        if opted := next((step.source for step in last if step.said.none), None):
            return Decided(steps, held, opted)
    return Decided(steps, held)
