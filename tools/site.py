"""Links of the documents to files outside `docs/`, for the site (a hook of MkDocs).

Such a link works where the repository is browsed. The site has only `docs/`: there it leads to
where `extra.files` says that the files can be read. Where that is empty the path stands there
in place of a link.
"""

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
_LINK = re.compile(r"\[([^\]]+)\]\((\.\./[^)#]+)(#[^)]*)?\)")


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    """Rewrite the links of a page."""
    folder = Path(page.file.abs_src_path).parent
    return outside(markdown, folder, str(config["extra"]["files"] or ""))


def outside(text: str, folder: Path, files: str) -> str:
    """Let links out of a folder lead to the address of the files, or name their paths."""

    def rewrite(found: re.Match[str]) -> str:
        path = (folder / found[2]).resolve()
        if not path.exists() or not path.is_relative_to(ROOT):
            return found[0]  # MkDocs refuses it
        name, words = path.relative_to(ROOT).as_posix(), found[1]
        if files:
            return f"[{words}]({files.rstrip('/')}/{name}{found[3] or ''})"
        return words if words.strip("`") == name else f"{words} (`{name}`)"

    return _LINK.sub(rewrite, text)
