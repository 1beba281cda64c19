"""What can be wrong with an object: raised while it is read, and turned into a problem. Pure."""

from typing import Literal, Self

from shared.model import Disk, Problem, Source
from shared.rules.names import SHORT, rule_name
from shared.text import LONGEST, shorten


class Skip(Exception):
    """Another cloud's or driver's volume."""


class Wrong(Exception):
    """One object's problem, on its way to the list.

    `disk` only where the object has power over it; `claim` where the rule may be named after it.
    """

    severity: Literal["error", "warning"] = "error"

    def __init__(
        self, field: str, value: object, message: str, disk: Disk | None = None, claim: str = ""
    ) -> None:
        super().__init__(message)
        self.field, self.value, self.disk, self.claim = field, value, disk, claim

    def of(self, disk: Disk) -> Self:
        """Say it of a disk that the object has power over."""
        return type(self)(self.field, self.value, str(self), disk, self.claim)

    def problem(self, source: Source, use_claim_name: bool = False) -> Problem:
        """Say it of an object, to its owner."""
        return Problem(
            severity=self.severity,
            source=source,
            field=shorten(self.field, LONGEST),
            value=shorten(self.value),
            message=shorten(str(self), LONGEST),
            disk=self.disk,
            rule=self._rule(source, use_claim_name),
        )

    def _rule(self, source: Source, use_claim_name: bool) -> str:
        # A default is no disk's rule: whom it is about, `RuleSet.held` tells.
        if source.kind not in SHORT:
            return ""
        return rule_name(source, self.claim if use_claim_name else "")


class Warned(Wrong):
    """Worth a word, and no more."""

    severity = "warning"


class Powerless(Wrong):
    """The object has no say over what it names: it holds nothing and continues nothing."""

    def _rule(self, source: Source, use_claim_name: bool) -> str:
        return ""
