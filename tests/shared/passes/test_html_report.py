"""REPORT_HTML: a pass leaves the report as a page beside the mirror."""

import logging
from datetime import timedelta

import pytest

from shared.bucket.content import content_type
from shared.passes.html_report import EVERY, PageWriter, page_name
from shared.passes.run import Outcome, run
from shared.request import Only, Request
from tests.clock import NOON
from tests.shared.builders import disk, hourly
from tests.shared.passes.test_run import DELTAS, PERIOD, World

PAGE = "demo/rules/html/report.html"


class Writing(World):
    """A world in which passes leave a page, by one process or another."""

    def __init__(self, disks: int = 2) -> None:
        super().__init__(disks, DELTAS, report_html=True, mirror_url="s3://bucket/demo/rules.json")
        self.begin_anew()

    def begin_anew(self) -> None:
        storage = super().ports.storage
        assert storage
        self.writer = PageWriter(storage)

    def run(self, seconds: float | None = None, **request: object) -> Outcome:
        ports = self.ports._replace(page=self.writer)
        return run(Request(**request), self.settings, ports, seconds)  # type: ignore[arg-type]

    def page(self, name: str = PAGE) -> str:
        return self.bucket.objects[name][0].decode()

    def written(self, name: str = PAGE) -> int:
        return self.bucket.puts().count(name)


def test_a_pass_leaves_a_page() -> None:
    """All claims, and what this pass began."""
    world = Writing()
    points = hourly(24, NOON - timedelta(hours=1), disk=world.disks[0], deltas=DELTAS)
    world.cloud.snapshots |= {s.id: s for s in points}
    assert "completed" == world.run().report.outcome
    assert "2 disks" not in world.page()
    assert "reconcile completed" in world.page()
    assert 2 == world.page().count("next begun in this pass")


def test_once_an_hour_at_most() -> None:
    """By a process that lives on without asking, by a new one by the page's age."""
    world = Writing()
    world.run()
    asked = world.bucket.calls.count(("get", PAGE))
    for _ in range(5):
        world.clock.sleep(PERIOD.total_seconds())
        world.run()
    assert (1, asked) == (world.written(), world.bucket.calls.count(("get", PAGE)))
    world.begin_anew()
    world.run()
    assert 1 == world.written()
    world.clock.sleep((EVERY - 5 * PERIOD).total_seconds())
    world.run()
    assert 2 == world.written()
    assert "Changed since 2026" in world.page()


@pytest.mark.parametrize(
    "asked",
    [
        {"mode": "plan"},
        {"mode": "backfill"},
        {"only": Only(namespaces=("shop",))},
        {"seconds": 10},
    ],
    ids=str,
)
def test_not_by_a_pass_that_does_not_see_all(asked: dict[str, object]) -> None:
    """Nor by one that changes nothing, or has no time for it."""
    world = Writing()
    world.run(**asked)  # type: ignore[arg-type]
    assert 0 == world.written()


def test_each_region_has_a_page_where_passes_are_of_one() -> None:
    """So that they do not overwrite each other's."""
    world = Writing(1)
    far = disk("vol-00000000000000099", "us-east-1")
    world.cluster.items += (world.rule(far, DELTAS),)
    world.run(only=Only(scopes=("us-east-1",)))
    assert 0 == world.written()
    assert "vol-00000000000000099" in world.page("demo/rules/html/report-us-east-1.html")
    assert "report-a%2Fb+c.html" == page_name(["c", "a/b"])


@pytest.mark.parametrize("call", ["get", "put"])
def test_a_bucket_that_fails_fails_no_pass(call: str, caplog: pytest.LogCaptureFixture) -> None:
    """The log says so, and the next pass tries again."""
    world = Writing()
    world.bucket.trouble = lambda what, name: "before" if (what, name) == (call, PAGE) else ""
    assert "completed" == world.run().report.outcome
    assert "the HTML report could not be written: the bucket is down" in caplog.text
    world.bucket.trouble = lambda what, name: ""
    world.run()
    assert PAGE in world.bucket.objects


def test_what_cannot_be_made_fails_no_pass(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever it is."""
    world = Writing()
    monkeypatch.setattr("shared.reports.page.render", lambda facts: 1 / 0)
    with caplog.at_level(logging.ERROR):
        assert "completed" == world.run().report.outcome
    assert "the HTML report could not be made" in caplog.text


def test_what_lies_there_may_be_anything() -> None:
    """A page is not trusted: it is replaced, and tells nothing."""
    world = Writing()
    world.bucket.put(PAGE, b"\xff\x00{", None)
    world.clock.sleep(EVERY.total_seconds())
    world.run()
    assert "<!doctype html>" in world.page()
    assert "Changed since" not in world.page()


def test_browsers_are_told_what_it_is() -> None:
    """By its content type, as the names of objects say it."""
    assert [
        "text/html; charset=utf-8", "application/gzip", "application/json"
    ] == [content_type(name) for name in ("a/report.html", "r.json.gz", "known.json")]  # fmt: skip
