"""Each disk as a page shows it: words, pictures and the commands to copy. Pure."""

import shlex
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

from shared.model import Disk, Problem, Rule, Snapshot
from shared.planning.actions import DiskPlan, Hold, Plan
from shared.planning.labels import Labels
from shared.planning.next_deletion import next_deletion
from shared.reports.health import DiskHealth
from shared.reports.page_memory import name_of
from shared.reports.problems import text_with_field
from shared.reports.timeline import Drawing, draw_rows
from shared.retention.deltas import parse
from shared.text import counted, printable, shorten, words

#: How many snapshots ahead the next deletion is looked for: a page tells of thousands of disks.
AHEAD = 24
#: Gaps of one generation, and holds of one disk, that are told.
MOST_GAPS = 5
GIB = 1024**3


class Claim(NamedTuple):
    """One disk. Times come as text and, for sorting, in seconds; `facts` are pairs of words."""

    name: str
    health: str
    why: str
    newest: str
    due: str
    seconds: tuple[int, int]
    snapshots: int
    missing: int
    drawing: Drawing
    facts: tuple[tuple[str, str], ...]
    commands: tuple[tuple[str, str], ...]


class Known(NamedTuple):
    """What is known of one disk beside its health; nothing of one that nothing covers."""

    disk: Disk | None
    account: DiskPlan | None
    rules: Sequence[Rule]
    counted: Sequence[Snapshot]
    holds: Sequence[Hold]
    problems: Sequence[Problem]


class Page(NamedTuple):
    """What all disks of a page have in common.

    `begun` are the ids of disks of which the pass began a snapshot, or a plan would.
    """

    plan: Plan
    labels: Labels
    zone: tzinfo
    program: str
    begun: Collection[str] = ()
    planned: bool = True


def claim(one: DiskHealth, known: Known, page: Page) -> Claim:
    """Tell all about a disk."""
    now = page.plan.now
    due = one.next_due
    return Claim(
        name=name_of(one),
        health=one.health,
        why=shorten(one.why, 300),
        newest=f"{words(now - one.newest)} ago" if one.newest else "none",
        due=_due(one, page),
        seconds=(_seconds(one.newest), _seconds(due)),
        snapshots=one.snapshots,
        missing=sum(gap.points for picture in one.pictures for gap in picture.gaps()),
        drawing=draw_rows(one.pictures),
        facts=tuple(_facts(one, known, page)),
        commands=tuple(_commands(one, known, page.program)),
    )


def _seconds(time: datetime | None) -> int:
    return int(time.timestamp()) if time else 0


def _due(one: DiskHealth, page: Page) -> str:
    due, now = one.next_due, page.plan.now
    if one.disk in page.begun:
        return "now" if page.planned else "begun in this pass"
    if due is None:
        return ""
    return f"in {words(due - now)}" if due > now else f"due {words(now - due)} ago"


def _facts(one: DiskHealth, known: Known, page: Page) -> Iterator[tuple[str, str]]:
    names, zone = one.names, page.zone
    if names.volume:
        yield "Volume", shorten(names.volume, 300)
    yield "Disk", shorten(one.disk, 300) or "unknown from its volume"
    for text in dict.fromkeys(rule.deltas for rule in known.rules):
        yield "Rule", f"{text}: {parse(text)}"
    if one.window:
        opens = f"; opens next {at(one.opens, zone)}" if one.opens else ""
        yield "Window", f"{shorten(one.window, 600)}{opens}"
    if one.newest and one.oldest:
        span = f"{at(one.oldest, zone)} to {at(one.newest, zone)}"
        yield "Restore points", f"{one.snapshots}, from {span}"
    if one.size:
        yield "Size of the disk", f"{one.size} GiB"
    if taken := _taken(known.counted):
        yield "Storage", taken
    for picture in one.pictures:
        if told := _gaps(picture.gaps(), zone):
            yield f"Missing, {picture.name.partition(' for ')[0]}", told
    if one.pictures:
        yield "Next expiry", _expiry(known, page)
    yield from _troubles(known, zone)


def _troubles(known: Known, zone: tzinfo) -> Iterator[tuple[str, str]]:
    for hold in known.holds[:MOST_GAPS]:
        until = f"; until {at(hold.until, zone)}" if hold.until else ""
        short = hold.reason.partition(" (would go: ")[0]
        yield "Held", f"{hold.snapshot.id}: {hold.cause}: {shorten(short, 300)}{until}"
    if len(known.holds) > MOST_GAPS:
        yield "Held", f"{len(known.holds) - MOST_GAPS} more"
    for problem in known.problems:
        yield "Problem", f"{problem.source}: {text_with_field(problem)}"


def _taken(history: Sequence[Snapshot]) -> str:
    """Say what the snapshots take, as far as the cloud tells."""
    if told := sum(s.stored for s in history):
        return f"{told / GIB:.1f} GiB for all snapshots"
    newest = history[-1].full if history else 0
    return f"{newest / GIB:.1f} GiB for the newest snapshot alone" if newest else ""


def at(time: datetime, zone: tzinfo) -> str:
    """Print a time to the minute."""
    return f"{time.astimezone(zone):%Y-%m-%d %H:%M}"


def _gaps(gaps: Sequence[tuple[datetime, datetime, int]], zone: tzinfo) -> str:
    shown = [
        f"{at(first, zone)} to {at(last, zone)} ({counted(points, 'point')})"
        if points > 1
        else at(first, zone)
        for first, last, points in reversed(gaps[-MOST_GAPS:])
    ]
    if len(gaps) > MOST_GAPS:
        shown.append(f"{len(gaps) - MOST_GAPS} older gaps")
    return ", ".join(shown)


def _expiry(known: Known, page: Page) -> str:
    """Say what goes in this pass, or else when the next one goes."""
    plan, account = page.plan, known.account
    if known.holds:
        return "deletions are held"
    if account and account.deletes:
        return f"{counted(account.deletes, 'snapshot')} in the pass of {at(plan.now, page.zone)}"
    if account is None or account.next_due is None:
        return "none"
    lists = [parse(text) for text in dict.fromkeys(rule.deltas for rule in known.rules)]
    going = next_deletion(
        known.counted, lists, account.next_due, plan.now, page.labels, ahead=AHEAD
    )
    if going is None:
        return f"none with the next {AHEAD} snapshots"
    return f"{going.snapshot} of {at(going.started, page.zone)}, at {at(going.at, page.zone)}"


def _commands(one: DiskHealth, known: Known, program: str) -> Iterator[tuple[str, str]]:
    if one.newest:
        # Where no rule names the disk the command has to be told where to look.
        gone = known.disk if one.health == "orphan" else None
        more = f" {_option('--scope', gone.scope)}" if gone else ""
        yield "Restore", f"{program} restore {chosen(one)}{more}"
    if any(hold.cause == "unsettled" for hold in known.holds):
        yield "Release the holds", release(one, program)


def release(one: DiskHealth, program: str) -> str:
    """Give the command that lets go at once what is held as unsettled."""
    only = chosen(one) if one.names.claim else _option("--only", f"disks={one.disk}")
    return f"{program} reconcile --release-holds {only}"


def chosen(one: DiskHealth) -> str:
    """Name a disk on the command line, quoted for a shell."""
    if one.names.claim:
        return _option("--claim", one.names.claim)
    if one.names.volume:
        return _option("--volume", one.names.volume)
    return _option("--disk", one.disk)


def _option(name: str, value: str) -> str:
    return shlex.quote(f"{name}={printable(value)}")
