"""Every mutant still applies: what they break is still there, once."""

import shutil
from pathlib import Path

import pytest

from tests.mutants.__main__ import ROOT, apply
from tests.mutants.patches import MUTANTS, Mutant

#: What the issue of the simulation names.
NAMED = {
    "believe spec.volumeName", "count pending as newest kept", "count failed", "drop the slack",
    "double the slack", "ignore an incomplete listing", "delete before the two-key check",
    "trust the mirror's age", "skip the lease", "forget the record before creating",
    "drop the author label from the filter", "let another cluster's snapshots go",
    "anchor on the future", "treat a vanished rule as an empty one",
}  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_applies(mutant: Mutant, tmp_path: Path) -> None:
    """The text stands in its file just once, and what replaces it is Python."""
    path = tmp_path / mutant.file
    path.parent.mkdir(parents=True)
    shutil.copy(ROOT / mutant.file, path)
    apply(mutant, tmp_path)
    compile(path.read_text(), mutant.file, "exec")


def test_one_that_does_not_apply_is_an_error(tmp_path: Path) -> None:
    """A mutant that rots would else be taken for one that was caught."""
    (tmp_path / "a.py").write_text("x = 1\nx = 1\n")
    for old in ("y", "x"):
        with pytest.raises(LookupError):
            apply(Mutant("rotten", "a.py", old, ""), tmp_path)


def test_every_mutation_that_must_be_there_is() -> None:
    """By its name."""
    assert NAMED <= {mutant.name for mutant in MUTANTS}
