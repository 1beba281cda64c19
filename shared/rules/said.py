"""What one object says of the disks that it is about: deltas, a policy, or `none`. Pure."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from shared.errors import DeltasError
from shared.model import Problem
from shared.retention.deltas import parse
from shared.rules.wrong import Warned, Wrong
from shared.text import closest, did_you_mean, shorten
from shared.windows.window import Window

#: In place of deltas: not backed up.
NONE = "none"


class Written(NamedTuple):
    """What an object has in place of deltas or a policy's name, and at which field: any value."""

    field: str
    value: Any


class Listed(NamedTuple):
    """A normalised list of deltas, when its snapshots may be taken, and the policy that has it."""

    deltas: str
    window: Window | None = None
    policy: str = ""


class Said(NamedTuple):
    """What an object says.

    `none` tells that its disks are not to be backed up. `wrong` is what cannot be read of it, and
    `held` a problem of others that keeps it from being read. `wrong_window` stops no backup, and
    holds deletions.
    """

    lists: tuple[Listed, ...] = ()
    none: bool = False
    wrong: Wrong | None = None
    held: Problem | None = None
    notes: tuple[Warned, ...] = ()
    wrong_window: Wrong | None = None

    @property
    def deltas(self) -> tuple[str, ...]:
        """The lists, without their windows."""
        return tuple(listed.deltas for listed in self.lists)

    def within(self, window: Window | None, wrong: Wrong | None) -> "Said":
        """Add the object's own window, which replaces that of a policy it names.

        One that cannot be read replaces it too, since nobody knows what it was to be.
        """
        if window is None and wrong is None:
            return self
        lists = tuple(one._replace(window=window) for one in self.lists)
        return self._replace(lists=lists, wrong_window=wrong)

    @property
    def broken(self) -> bool:
        """Whether something of it cannot be read."""
        return self.wrong is not None or self.held is not None


class Policies(NamedTuple):
    """What SnapshotPolicies say, by name; `why_none` says why there are none, where that is odd."""

    said: Mapping[str, Said]
    held: Problem | None = None
    why_none: str = ""

    def named(self, written: Written) -> Said:
        """Tell what the policy says that an object names."""
        field, name = written
        if self.held:
            return Said(held=self.held)
        if not isinstance(name, str) or not name.strip():
            return Said(wrong=Wrong(field, name, "is not the name of a SnapshotPolicy"))
        said = self.said.get(name.strip())
        if said is None:
            return Said(wrong=Wrong(field, name, self._missing(name.strip())))
        if said.broken:
            why = f"SnapshotPolicy {name.strip()} has an error and cannot be used"
            return Said(wrong=Wrong(field, name, why))
        doubt = "its window has an error. Until it is fixed there are snapshots at any time"
        window = Wrong(field, name, doubt) if said.wrong_window else None
        return said._replace(notes=(), wrong_window=window)

    def _missing(self, name: str) -> str:
        if name.lower() == NONE:
            return "there is no SnapshotPolicy called so; to back nothing up, write deltas: none"
        if not self.said:
            return self.why_none or "there are no SnapshotPolicies"
        near = closest(name, self.said) or sorted(self.said)[:3]
        return f"there is no SnapshotPolicy called so{did_you_mean(near)}"


def said(deltas: Written | None, policy: Written | None, policies: Policies) -> Said:
    """Tell what an object says that has deltas, or names a policy, or both.

    Both count, as the deltas of several rules do.
    """
    parts = []
    if deltas is not None:
        parts.append(_deltas(deltas))
    if policy is not None:
        parts.append(policies.named(policy))
    if len(parts) == 2:
        both = Warned(deltas.field if deltas else "", deltas.value if deltas else "", "is set "
                      "together with a policy; both are in force, and one is enough")  # fmt: skip
        parts.append(Said(notes=(both,)))
    return _united(parts)


def _united(parts: Sequence[Said]) -> Said:
    lists = dict.fromkeys(listed for part in parts for listed in part.lists)
    return Said(
        lists=tuple(lists),
        none=any(part.none for part in parts) and not lists,
        wrong=next((part.wrong for part in parts if part.wrong), None),
        held=next((part.held for part in parts if part.held), None),
        notes=tuple(note for part in parts for note in part.notes),
        wrong_window=next((part.wrong_window for part in parts if part.wrong_window), None),
    )


def _deltas(written: Written) -> Said:
    field, text = written
    if isinstance(text, str) and text.strip().lower() == NONE:
        return Said(none=True)
    try:
        if not isinstance(text, str) or not text.strip():
            raise DeltasError(_no_text(text))
        deltas = parse(text)
    except DeltasError as error:
        return Said(wrong=Wrong(field, text, str(error)))
    unordered = "is not in ascending order; it is read as if it were"
    notes = () if deltas.in_order else (Warned(field, text, unordered),)
    return Said(lists=(Listed(deltas.text),), notes=notes)


def _no_text(value: object) -> str:
    """Say what stands in place of deltas, and what they might have been."""
    if value is None or isinstance(value, str):
        return "has no deltas; write for example 'PT1H P1D P30D', or remove the rule"
    kind = {list: "a list", dict: "an object", bool: "a truth value"}.get(type(value), "a number")
    example = "PT1H P1D P30D"
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        with suppress(DeltasError):
            example = parse(" ".join(value)).text
    return f"is {kind}; write one text, durations separated by blanks: '{shorten(example, 80)}'"
