"""docs/assumptions.md lists what `make smoke` shows."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_thing_seen_has_a_row() -> None:
    code = "".join(path.read_text() for path in (ROOT / "tools" / "smoke").glob("*.py"))
    seen = set(re.findall(r'Seen\("([a-z-]+)"', code))
    rows = set(
        re.findall(r"^\| `([a-z-]+)` \|", (ROOT / "docs" / "assumptions.md").read_text(), re.M)
    )
    assert seen
    assert {*seen, "aws-filter-escape", "google-conflict"} == rows
