"""Documents are in plain English: short sentences, standard words, a purpose in the first line."""

from pathlib import Path

import pytest

from tools import plain
from tools.docs import ROOT

PAGES = sorted((ROOT / "docs").glob("*.md"))
DOCUMENTS: list[Path] = [
    *sorted(ROOT.glob("*.md")),
    *PAGES,
    *sorted((ROOT / "terraform").glob("*/README.md")),
]
MODULES: list[Path] = [
    *(ROOT / "tools" / name for name in ("docs.py", "reference.py", "site.py")),
    *sorted(path for room in ("shared", "functions") for path in (ROOT / room).rglob("*.py")),
]


def short(path: object) -> str:
    return str(path.relative_to(ROOT)) if isinstance(path, Path) else ""


@pytest.mark.parametrize("path", DOCUMENTS, ids=short)
def test_documents_are_plain(path: Path) -> None:
    """No word of the list, no sentence that is too long."""
    assert plain.of_document(path.read_text()) == []


@pytest.mark.parametrize("path", MODULES, ids=short)
def test_messages_are_plain(path: Path) -> None:
    """What a module prints follows the same rules."""
    assert plain.of_module(path.read_text()) == []


@pytest.mark.parametrize("path", sorted((ROOT / "terraform").glob("*/*.tf")), ids=short)
def test_terraform_is_plain(path: Path) -> None:
    """What a plan refuses, and what a variable is, in plain words too."""
    assert plain.of_terraform(path.read_text()) == []


@pytest.mark.parametrize("path", PAGES, ids=short)
def test_a_page_says_its_reader_and_its_purpose(path: Path) -> None:
    """`*For: people on call. Purpose: …*` is the first line after the title."""
    assert plain.purpose(path.read_text())


# The sentences from which the rules come, each with a better one.
PAIRS = [
    ("A pass keeps nothing that the next one could not do without.",
     "Passes are stateless; anything stored can be lost safely."),
    ("neither a pass that dies nor a listing that lies costs a second snapshot",
     "a crashed pass or a stale listing never causes a duplicate"),
    ("stays as long as a generation finds it nearest to one of its points in time",
     "is kept while it is the closest snapshot to a point the policy wants"),
    ("where others stand nearer", "snap-1 covers this week instead"),
    ("cannot be used: true or false would do", "must be true or false (is 'yes')"),
    ("`Assumed:` stands before what nothing told", "`Assumed:` marks values we guessed"),
    ("nothing tells where the disk of claim X was", "No claim X in the cluster, mirror or file."),
    ("it is believed for its interval, an hour at most if its answer was lost",
     "we assume it exists for at most one hour"),
    ("Something is wrong with rules, or with what the pass goes by.",
     "A rule, the mirror, the bucket or a setting has an error."),
    ("Mend it, then ask for a plan; when that answers, send it.",
     "Fix it. Run a plan. If it succeeds, run it."),
    ("it is another alarm that leads here", "the alarm is called mirror-stale"),
    ("Whoever wants to begin with a part of it runs a pass by hand first",
     "To start with one namespace, run one pass"),
    ("The region of the account's calls that belong to none",
     "Default region for calls such as STS"),
    ("the lease of eu-west-1 cannot be told", "Cannot read the lease for eu-west-1."),
    ("Nothing is deleted where the listing may be incomplete, where the cluster could not be read, "
     "where a rule of the disk has a problem, or where the snapshot lacks our label, has the keep "
     "label, or another cluster's.", "Nothing is deleted if the listing may be incomplete."),
]  # fmt: skip


@pytest.mark.parametrize(("today", "better"), PAIRS, ids=range(1, 16))
def test_each_example_is_found_and_its_better_form_is_not(today: str, better: str) -> None:
    """The list has a rule for each of the fifteen sentences that were hard to read."""
    assert plain.of_document(f"# Title\n\n{today}\n") != []
    assert plain.of_document(f"# Title\n\n{better}\n") == []


LONG = "word " * (plain.LONGEST + 1) + "end."


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (LONG, 1),
        (f"- {LONG}\n", 1),
        (f"| {LONG} |\n", 0),
        (f"```\n{LONG}\n```\n", 0),
        (f"1. Do it:\n\n    ```\n    {LONG}\n    ```\n", 0),
        (f"Run:\n\n    {LONG}\n\nThen.\n", 0),
        (f"Say `{LONG}` now.", 0),
        (f"<!-- made -->\n{LONG}\n<!-- /made -->\n", 0),
        ("word " * 20 + "end. " + "word " * 20 + "end.", 0),
        ("word " * 20 + "\n" + "word " * 20 + "end.", 1),
        ("- " + "word " * 20 + "\n- " + "word " * 20, 0),
        ("Read [this](lest-it-is-mended.md).", 0),
        ("The stand-ins are small.", 0),
        ("| Mend it |", 1),
        ("It bears a label. Mend it.", 2),
    ],
)
def test_what_is_looked_at(text: str, found: int) -> None:
    """Sentences may not be long, nor words odd; code, links' targets and generated text may."""
    assert found == len(plain.of_document(f"# Title\n\n{text}\n"))


def test_a_finding_says_where_and_what_to_write() -> None:
    """The line is that of the paragraph."""
    (found,) = plain.of_document("# Title\n\n```\ncode\n```\n\nMend\nit.\n")
    assert found == plain.Finding(7, "“Mend”: write fix, succeeds")


def test_messages_are_found_in_terraform() -> None:
    """Comments and single words are not messages; what is filled in is a word."""
    text = '# "mend it"\na = "mend"\nb = "${x("y")} is \\"a\\": b would do."\n'
    assert [line for line, _ in plain.of_terraform(text)] == [3]


def test_an_indented_line_of_a_message_is_a_sentence_of_its_own() -> None:
    """Examples are not one long sentence; their words count, and so do long lines."""
    lines = "\n".join(["examples:", *(f"  prog word word word {n}" for n in range(20))])
    assert plain.of_module(f"A = {lines!r}\n") == []
    assert len(plain.of_module(f"A = {lines + chr(10) + '  mend it now'!r}\n")) == 1
    assert len(plain.of_module(f"A = {lines + chr(10) + '  ' + LONG!r}\n")) == 1
    assert (
        len(plain.of_module(f"A = {lines + chr(10) * 2 + 'word ' * 20 + chr(10) + LONG!r}\n")) == 1
    )


def test_messages_are_found_in_code() -> None:
    """Strings and f-strings are looked at, docstrings are not."""
    text = '"""Mend it now."""\n\nA = "mend"\nB = f"then mend {A} now"\nC = "go and mend it"\n'
    assert [line for line, _ in plain.of_module(text)] == [4, 5]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("# T\n\n*For: people on call. Purpose: know what to do.*\n", True),
        ("# T\n\nText.\n\n*For: people on call. Purpose: know what to do.*\n", False),
        ("# T\n\n*For: people on call.*\n", False),
        ("", False),
    ],
)
def test_what_a_purpose_is(text: str, is_one: bool) -> None:
    """Reader and purpose, in italics, in one line, right after the title."""
    assert plain.purpose(text) is is_one


def test_the_command_prints_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """So that an editor or a hook can use it."""
    page, module = tmp_path / "page.md", tmp_path / "module.py"
    page.write_text("Mend it.\n")
    module.write_text('A = "a good text"\n')
    assert plain.main([str(module)]) == 0
    assert plain.main([str(page), str(module)]) == 1
    assert capsys.readouterr().out == f"{page}:1: “Mend”: write fix, succeeds\n"
