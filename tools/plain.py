"""Find words and sentences that tired readers stumble over, and say what to write instead.

    python -m tools.plain docs/runbook.md shared/cli/rows.py

Of a document everything counts but code, targets of links, and what `make docs` writes. Of a
module the texts of its messages count: its strings, without docstrings. So they do of Terraform.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

LONGEST = 30  # words in a sentence

# What is found, as a regular expression, and what to write instead. Each of the first fifteen is
# the rule behind one sentence that somebody had to read twice.
RULES: tuple[tuple[str, str], ...] = (
    (r"do(es)? without", "need"),
    (r"lies|lay|dies|died", "is stored, is stale, crashed"),
    (r"finds? (it|them) (near|clos|old|new)\w*|stays? as long as", "is kept while"),
    (r"(stand|stands|stood|standing)(?!-)", "is, replaces, covers, means"),
    (r"(?<!pass )(?<!plan )(?<!it )(?<!reconcile )would do", "is valid, must be"),
    (r"(nothing|nobody) (tells?|told)|what nothing", "is unknown, we guess"),
    (r"where nothing", "if no"),
    (r"believ\w+", "assume, trust"),
    (r"(go|goes|going|went|gone)( on)? by|something is wrong", "uses, has an error"),
    (r"mend(s|ed|ing)?|when that answers", "fix, succeeds"),
    (r"leads? here|it is another", "is called"),
    (r"who(so)?ever|whom|whosoever", "people who, if you"),
    (r"belongs? to none|of none", "default, no"),
    (r"tells?|told|telling", "shows, says, knows"),
    (r"or another's|somebody else's", "make a list"),
    # The same habits in other words.
    (r"bears?|bore|borne|bearing", "has"),
    (r"for want of|lest|thereof|therein|thereby|hence|albeit|whilst", "without, or, of it"),
    (r"be it|(is|are|was|were) to be|is to|are to", "must be, should"),
    (r"of (it|them) alone|alone can", "only"),
    (r"but for|save for|all but", "except"),
    (r"anew|afresh|aloud", "again, explicitly"),
    (r"reckon\w*", "compute"),
    (r"lets? go( of)?|letting go", "allow the deletion of, release"),
    (r"its kin|ere|nought|naught|aught", "similar, before, nothing"),
    (r"made good|comes to nothing|no harm|be had", "fixed, available"),
    (r"in whole|as a whole", "fully, complete"),
    (r"of (its|his|her|their) own accord|by itself alone", "automatically"),
    (r"may well|need not|needs not", "can, does not have to"),
)
_RULES = [(re.compile(rf"\b(?:{found})\b", re.IGNORECASE), better) for found, better in RULES]

PURPOSE = re.compile(r"\*For: \S.*\. Purpose: \S.*\.\*")
# What is not prose; a place is kept so that a sentence around it stays one.
_BLOCKS = re.compile(
    r"^( *)```.*?^\1```$|<!-- ([\w-]+) -->.*?<!-- /\2 -->|<!--.*?-->",
    re.DOTALL | re.MULTILINE,
)
_INDENTED = re.compile(r"(?<=\n\n)(?: {4,}(?![-*|]|\d+\.).*\n(?:\n(?= {4}))?)+")
_CODE = re.compile(r"``.+?``|`[^`]*`", re.DOTALL)
_TARGET = re.compile(r"\]\([^)]*\)|<https?:[^>]*>|https?://\S+")
# In a message an empty line ends a part, and an indented line is one of its own, as code is.
_APART = re.compile(r"\n(?=\n| )|(?<=\n)\n")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_FILLED = re.compile(r"\$\{[^}]*\}")
_BEGINS = re.compile(r" *([-*+]|\d+\.|#+|>) |\s*$| *\|")


class Finding(NamedTuple):
    """Where to look, and what to write instead."""

    line: int
    what: str


def purpose(text: str) -> bool:
    """Tell whether a page says its reader and its purpose in the first line after the title."""
    lines = [line for line in text.splitlines() if line.strip()]
    return len(lines) > 1 and lines[0].startswith("# ") and bool(PURPOSE.fullmatch(lines[1]))


def of_document(text: str) -> list[Finding]:
    """Look at Markdown."""
    return [found for line, part, row in _parts(_prose(text)) for found in _look(line, part, row)]


def of_module(text: str) -> list[Finding]:
    """Look at the messages of Python source."""
    return [
        found
        for line, said in _strings(text)
        for part in _APART.split(said)
        for found in _look(line, part, False)
    ]


def of_terraform(text: str) -> list[Finding]:
    """Look at the strings of Terraform: messages, descriptions and what is printed."""
    return [
        found
        for number, line in enumerate(text.splitlines(), 1)
        if not line.lstrip().startswith("#")
        for part in _QUOTED.findall(_FILLED.sub("x", line))
        if re.search(r"[a-z] [a-z]", part)
        for found in _look(number, _CODE.sub("code", part), False)
    ]


def _look(line: int, text: str, row: bool) -> Iterator[Finding]:
    for pattern, better in _RULES:
        for found in pattern.finditer(text):
            yield Finding(line, f"“{found[0]}”: write {better}")
    for sentence in [] if row else re.split(r"(?<=[.!?])[*_)”\"]*\s+", text):
        words = len(re.findall(r"\w[\w'’-]*|…", sentence))
        if words > LONGEST:
            yield Finding(line, f"{words} words: {' '.join(sentence.split())[:60]}…")


def _prose(text: str) -> str:
    """Leave out what nobody reads as a sentence, and keep the lines' numbers."""

    def lines(found: re.Match[str]) -> str:
        return "\n" * found[0].count("\n")

    text = _BLOCKS.sub(lines, text)
    text = _CODE.sub(lambda found: "code" + lines(found), text)
    text = _TARGET.sub("]", text)
    return _INDENTED.sub(lines, text)


def _parts(text: str) -> Iterator[tuple[int, str, bool]]:
    """Give each paragraph, item and row of a table with its line."""
    begin, part = 1, ""
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if not _BEGINS.match(line):
            begin, part = (begin, part + "\n" + line) if part.strip() else (number, line)
            continue
        if part.strip():
            yield begin, part, part.lstrip().startswith("|")
        begin, part = number, line


def _strings(text: str) -> Iterator[tuple[int, str]]:
    """Give each text between quotes that has words; of an f-string the whole, as one text."""
    tree = ast.parse(text)
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)
             for part in ast.walk(node) if part is not node}  # fmt: skip
    inner |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if id(node) in inner:
            continue
        if isinstance(node, ast.JoinedStr):
            values = (v.value if isinstance(v, ast.Constant) else "x" for v in node.values)
            said = "".join(str(value) for value in values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            said = node.value
        else:
            continue
        if re.search(r"[a-z] [a-z]", said):
            yield node.lineno, _CODE.sub("code", said)


def main(paths: list[str]) -> int:
    """Print what is found in files."""
    found = 0
    for path in map(Path, paths):
        look = {".py": of_module, ".tf": of_terraform}.get(path.suffix, of_document)
        for line, what in look(path.read_text()):
            print(f"{path}:{line}: {what}")
            found += 1
    return min(found, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
