"""A headless Chromium, where there is one, and pages for it to open."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.pages import write_page

#: Names of Chromium on the path: Debian's packages come first, `apt-get install chromium`.
NAMES = ("chromium", "chromium-browser", "google-chrome")
#: Root may not use Chromium's sandbox; what is opened is ours.
ARGUMENTS = ["--no-sandbox"]

Open = Callable[..., Any]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Start a browser, driven by playwright."""
    api = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install playwright")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("no Chromium on the path: apt-get install chromium")
    with api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a page of 60 claims of all kinds."""
    return write_page(tmp_path_factory.mktemp("page") / "report.html", 60)


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a page of 2,000 claims."""
    return write_page(tmp_path_factory.mktemp("page") / "report.html", 2_000)


@pytest.fixture
def opened(browser: Any, small: Path) -> Iterator[Open]:
    """Give what opens a page; at the end nothing may have been complained of, or asked for."""
    contexts, complaints = [], []

    def open_page(path: Path = small, width: int = 1280, **how: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 800}, **how)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog {dialog.message}"))
        page.on("request", lambda asked: complaints.append(asked.url) if asked.url !=
                path.as_uri() else None)  # fmt: skip
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [] == complaints
