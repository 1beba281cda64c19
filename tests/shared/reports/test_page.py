"""The report as a page: what it tells, and that nothing in it is taken for markup."""

import base64
import hashlib
import re
from datetime import UTC
from html import escape
from html.parser import HTMLParser
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from shared.model import Problem, Rule, RuleSet, Snapshot, Source, Uncovered
from shared.planning.actions import Plan
from shared.planning.plan import plan
from shared.reports import page_memory
from shared.reports.page import Facts, render
from shared.reports.page_memory import Remembered, State, changes
from shared.reports.schema import Report, Summary
from shared.reports.timeline import of_letters
from shared.windows.parse import parse as parse_window
from tests.shared.builders import DAY, HOUR, NOW, disk, hourly, rule
from tests.shared.objects_builders import POLICY

DELTAS = "PT1H P1D P30D"
HOSTILE = [
    "<script>alert(1)</script>", '" onmouseover="alert(1)', "javascript:alert(1)", "</style><b>",
    "'; rm -rf ~ #", "${7*7}{{7*7}}", "--><!--", "\u202egnp.exe", "a\nb", "]]>&lt;x&#62;",
]  # fmt: skip


def report(**fields: Any) -> Report:
    given: dict[str, Any] = {
        "pass_id": "1", "version": "x", "mode": "plan", "provider": "aws", "cluster": "demo",
        "rules_from": "cluster", "outcome": "completed", "started": NOW, "finished": NOW,
        "summary": Summary(),
    }  # fmt: skip
    return Report(**(given | fields))


def planned(*rules: Rule, snapshots: list[Snapshot], problems: tuple[Problem, ...] = ()) -> Plan:
    return plan(RuleSet(rules, problems), snapshots, NOW, POLICY)


def page(
    *rules: Rule,
    snapshots: list[Snapshot],
    problems: tuple[Problem, ...] = (),
    before: str = "",
    told: Report | None = None,
    zone: Any = UTC,
) -> str:
    found = planned(*rules, snapshots=snapshots, problems=problems)
    grouped: dict[Any, list[Rule]] = {}
    for one in rules:
        grouped.setdefault(one.disk, []).append(one)
    facts = Facts(told or report(), found, grouped, snapshots, POLICY.labels, zone, before)
    return render(facts)


class Reader(HTMLParser):
    """Collects what a browser would make of a page: elements, attributes, and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def healthy(number: int = 0, **fields: Any) -> tuple[Rule, list[Snapshot]]:
    mine = disk(f"vol-{number:02}")
    made = rule(DELTAS, disk=mine, **({"claim": f"data-{number}"} | fields))
    points = hourly(25, NOW, disk=mine, deltas=DELTAS)
    points += hourly(29, NOW - 2 * DAY, DAY, disk=mine, deltas=DELTAS)
    return made, points


def test_tells_each_claim_the_worst_first() -> None:
    """Health in words, what is newest and due, points against what the rule wants."""
    good, points = healthy()
    never = rule(DELTAS, disk=disk("vol-99"), claim="empty")
    text = Reader(page(good, never, snapshots=points)).text
    assert text.index("shop/empty") < text.index("shop/data-0")
    assert "1 never" in text
    assert "newest 0 s ago" in text
    assert "next in 1 h" in text
    assert "24 of 24 hourly" in text
    assert "a snapshot every hour; hourly for 1 day, daily for 30 days" in text
    assert "k8s-snapshots restore --claim=shop/data-0" in text
    assert "restore --claim=shop/empty" not in text


def test_gaps_and_the_next_expiry_are_told_in_the_zone() -> None:
    """A gap by its first and last point; what goes next by its time."""
    good, points = healthy()
    points = [s for s in points if not 3 * HOUR <= NOW - s.started <= 4 * HOUR]
    found = Reader(page(good, snapshots=points, zone=ZoneInfo("Europe/Berlin"))).text
    assert "Missing, hourly: 2026-06-15 10:00 to 2026-06-15 11:00 (2 points)" in found
    assert re.search(r"Next expiry: \S+ of 2026-\d\d-\d\d \d\d:00, at 2026-06-15 16:00", found)


def test_holds_come_with_what_to_do_and_the_command_that_releases_them() -> None:
    """For those of cause unsettled, of each disk."""
    shorter = rule("PT1H P1D", disk=disk("vol-00"))
    _, points = healthy()
    found = Reader(page(shorter, snapshots=points)).text
    assert "Deletions that are held unsettled A former rule may still want them." in found
    assert "k8s-snapshots reconcile --release-holds --claim=shop/data" in found


def test_problems_are_grouped_by_their_owner() -> None:
    """So that each namespace finds its own."""
    problems = tuple(
        Problem(severity="error", source=Source("PersistentVolumeClaim", space, "data"),
                field="metadata", value="P1O", message="is no duration", disk=disk(f"vol-{space}"))
        for space in ("shop", "blog")
    )  # fmt: skip
    found = Reader(page(snapshots=[], problems=problems)).text
    _, _, section = found.partition("Problems, by owner")
    assert section.index("blog") < section.index("shop")
    assert "PersistentVolumeClaim blog/data , metadata P1O : is no duration" in section


def test_orphans_can_be_restored_by_their_labels() -> None:
    """The command says where to look, since no rule does."""
    _, points = healthy()
    named = {"k8s-snapshots-namespace": "shop", "k8s-snapshots-claim": "gone"}
    points = [msgspec.structs.replace(s, labels=s.labels | named) for s in points]
    found = Reader(page(snapshots=points)).text
    assert "Orphans: no rule covers their disk any more" in found
    assert "k8s-snapshots restore --claim=shop/gone --scope=eu-west-1" in found


def test_costs_are_a_range_with_what_was_assumed() -> None:
    """Sizes are told by the disk only, and the page says so."""
    good, points = healthy()
    sized = [msgspec.structs.replace(s, size=100) for s in points]
    found = Reader(page(good, snapshots=sized)).text
    match = re.search(r"([\d,]+) to ([\d,]+) GiB, \$([\d.]+) to \$([\d.]+) a month", found)
    assert match
    low, high, least, most = (float(part.replace(",", "")) for part in match.groups())
    assert 100 < low < high
    assert pytest.approx((low * 0.05, high * 0.05), abs=0.03) == (least, most)
    assert "we assume that they are full. Assumed: 1% to 5% of the blocks change in a day" in found


def test_costs_go_by_what_the_cloud_tells() -> None:
    """EC2 says what the newest takes alone, Compute Engine what each takes beside the others."""
    good, points = healthy()
    gib = 1024**3
    full = [msgspec.structs.replace(s, size=100, full=10 * gib) for s in points]
    found = Reader(page(good, snapshots=full)).text
    assert "Storage: 10.0 GiB for the newest snapshot alone" in found
    assert "The cloud says what each takes alone, and not what they share. Assumed: 1%" in found
    stored = [msgspec.structs.replace(s, size=100, stored=gib) for s in points]
    found = Reader(page(good, snapshots=stored)).text
    assert f"{len(points)} GiB, ${len(points) * 0.05:.2f} a month, for 1 disk with" in found
    assert "The cloud says what they take. Assumed: $0.05 for a GiB in a month." in found


def test_tells_what_changed_since_the_page_before() -> None:
    """What got worse first; a page that is none of ours tells nothing."""
    good, points = healthy(0)
    other, more = healthy(1)
    first = page(good, other, snapshots=points + more)
    second = page(good, other, snapshots=points, before=first)
    assert "Changed since 2026-06-15 12:00 ▲ worse: shop/data-1 : ok → never" in (
        Reader(second).text
    )
    assert "Changed since 2026-06-15 12:00 Nothing." in (
        Reader(page(good, other, snapshots=points, before=second)).text
    )
    for none in ("", "<html>", page_memory.BEGIN + "{torn", page_memory.BEGIN + "[" * 99_999):
        assert "Changed since" not in page(good, snapshots=points, before=none)


def test_changes_name_what_is_new_gone_and_fewer() -> None:
    """Each disk once."""
    before = State(NOW, {"a": Remembered("a", "ok", 9), "b": Remembered("b", "late", 1)})
    now = State(NOW, {"a": Remembered("a", "ok", 7), "c": Remembered("c", "ok", 1)})
    assert [
        ("b", "not here any more", True),
        ("a", "2 snapshots fewer", False),
        ("c", "new here: ok", False),
    ] == [tuple(change) for change in changes(before, now)]


def test_a_path_a_state_however_many_points() -> None:
    """Runs are dashed lines; rows end at the same place, the newest point."""
    drawn = of_letters(["####--", "#"])
    assert (30, 36) == (drawn.width, drawn.height)
    assert [
        ("filled", "M0 9h19M25 27h4"), ("missing", "M20 4h9M20 14h9")
    ] == [*drawn.paths]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(name: str) -> None:
    """In every place where a name can stand: no element, attribute or script comes of it."""
    mine = disk(name)
    bad = Problem(severity="error", source=Source(name, name, name), field=name, value=name,
                  message=name, disk=disk(f"{name}2"))  # fmt: skip
    labels = {"k8s-snapshots-namespace": name, "k8s-snapshots-claim": name}
    good = rule(DELTAS, disk=mine, name=name, namespace=name, claim=name, volume=name)
    points = hourly(25, NOW, disk=mine, deltas=DELTAS)
    lost = [msgspec.structs.replace(s, labels=s.labels | labels, message=name)
            for s in hourly(3, NOW - DAY, disk=disk(f"{name}3"), deltas=DELTAS)]  # fmt: skip
    old = [msgspec.structs.replace(s, labels=s.labels | {"x": name})
           for s in hourly(30, NOW - 40 * DAY, disk=mine, deltas=f"PT1H {name}")]  # fmt: skip
    told = report(cluster=name, provider=name, rules_from=name, version=name)
    first = page(good, snapshots=points + lost + old, problems=(bad,), told=told)
    made = page(good, snapshots=points + lost, problems=(bad,), told=told, before=first)
    plain, points = healthy()
    harmless = {tag for tag, _ in Reader(page(plain, snapshots=points)).tags} | {"code", "h3", "li"}
    found = Reader(made)
    assert {tag for tag, _ in found.tags} <= harmless
    assert 2 == sum(tag == "script" for tag, _ in found.tags)
    attributes = {name for _, attrs in found.tags for name in attrs}
    assert not {a for a in attributes if a.startswith("on") or a in ("href", "src", "style")}
    assert escape(name, quote=False)[:5] in made.replace("&#34;", '"').replace("&#39;", "'") or (
        not name.isprintable()
    )


def test_commands_are_quoted_for_a_shell() -> None:
    """What is copied runs nothing else."""
    good, points = healthy(0, claim="a'; rm -rf ~ #")
    code = Reader(page(good, snapshots=points)).text
    assert """restore '--claim=shop/a'"'"'; rm -rf ~ #'""" in code


def test_asks_no_network_and_runs_only_its_own_script() -> None:
    """The policy names style and script by what is in them; there is no address in the page."""
    good, points = healthy()
    made = page(good, snapshots=points)
    found = Reader(made)
    policy = next(a["content"] for t, a in found.tags if a.get("http-equiv")) or ""
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag, where in (("style", "style-src"), ("script", "script-src")):
        body = re.search(rf"<{tag}>(.*?)</{tag}>", made, re.DOTALL)
        assert body
        digest = base64.b64encode(hashlib.sha256(body[1].encode()).digest()).decode()
        assert f"{where} 'sha256-{digest}'" in policy
    assert not re.search(r"https?://|url\(|@import", made)
    assert not {"link", "img", "iframe", "object", "form", "a"} & {tag for tag, _ in found.tags}


def test_says_what_could_not_be_seen() -> None:
    """A mirror in use, a listing cut short, an action that failed."""
    from shared.reports.entries import Failure, ScopeReport

    told = report(
        mirror_in_use=True,
        scopes=(ScopeReport(scope="eu-west-1", complete=False, error="no answer"),),
        failures=(Failure(action="create", disk="d", code="Limit", message="too many"),),
    )
    found = Reader(page(snapshots=[], told=told)).text
    assert "The cluster could not be read." in found
    assert "eu-west-1 is listed incompletely. no answer" in found
    assert "create failed: d . Limit too many" in found


def test_tells_the_window_and_when_it_opens() -> None:
    """Beside the deltas; only where there is one."""
    night = msgspec.structs.replace(rule(DELTAS), window=parse_window("01:00-05:00 Europe/Berlin"))
    told = "Window: 01:00-05:00 Europe/Berlin; opens next 2026-06-15 23:00"
    assert told in "".join(Reader(page(night, snapshots=hourly(3, NOW))).texts)
    without = "".join(Reader(page(rule(DELTAS), snapshots=hourly(3, NOW))).texts)
    assert "Window: " not in without


@pytest.mark.parametrize("found", [disk(), None])
def test_a_volume_that_nothing_covers_is_on_the_page(found: Any) -> None:
    """By its claim, with what to do; also where its disk cannot be told."""
    bare = Uncovered(disk=found, namespace="ci", claim="cache", volume="pv-cache")
    told = plan(RuleSet((), uncovered=(bare,)), [], NOW, POLICY)
    text = render(Facts(report(), told, {}, [], POLICY.labels, UTC, ""))
    assert "ci/cache" in text
    assert "no rule covers it; annotate the claim" in text


def test_one_snapshot_is_not_told_in_the_plural() -> None:
    """A count and its noun agree."""
    one = rule(DELTAS, disk=disk("vol-a"), claim="data")
    for count, said in ((1, "1 snapshot"), (3, "3 snapshots")):
        found = page(one, snapshots=hourly(count, NOW, disk=disk("vol-a")))
        assert f'<span class="count">{said}</span>' in found
