"""Changes that nothing can notice, since what they change makes no difference; each with why."""

#: By file, line as it stands, and change.
EQUIVALENT: dict[tuple[str, str, str], str] = {}
