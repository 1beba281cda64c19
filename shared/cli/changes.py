"""What a pass changes, disk by disk, as lines that fit any terminal. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shared.cli.pictures import Line
from shared.cli.rows import local_time
from shared.model import Problem
from shared.planning.actions import DiskPlan
from shared.planning.names import Names
from shared.reports.schema import Report
from shared.text import counted, words

#: Entries of one kind that are shown of a disk, and disks; -o wide and -o json have all.
PER_KIND, DISKS = 2, 40


class Change(NamedTuple):
    """One thing that was done to a disk, would be, or could not be."""

    disk: str
    what: str
    which: str
    why: str
    style: str = ""


def lines(
    report: Report, names: Mapping[str, Names], zone: ZoneInfo, everything: Sequence[DiskPlan] = ()
) -> Iterator[Line]:
    """Tell what changes of each disk, then what is wrong.

    `everything` are the accounts of all disks: then those that do not change are told of too, and
    no list is cut.
    """
    by_disk: dict[str, list[Change]] = {account.disk.id: [] for account in everything}
    for account in everything:
        by_disk[account.disk.id] = [*_account(account, zone)]
    for change in _changes(report, zone):
        by_disk.setdefault(change.disk, []).append(change)
    shown = sorted(by_disk.items(), key=lambda item: _order(item[0], names))
    for disk, changes in shown if everything else shown[:DISKS]:
        yield Line("")
        yield from _disk(disk, changes, names.get(disk, Names()), bool(everything))
    if len(by_disk) > DISKS and not everything:
        yield Line(f"\n{len(by_disk) - DISKS} more disks: -o wide or -o json has all", "dim")
    yield from _incomplete(report)
    yield from _problems("Problems", report.problems, "red")
    yield from _problems("Notes", report.notes)
    yield from _orphans(report, names, zone)


def _order(disk: str, names: Mapping[str, Names]) -> tuple[str, str]:
    found = names.get(disk, Names())
    return found.claim or found.volume or found.rule or "~", disk


def title(disk: str, names: Names) -> str:
    """Name a disk: claim, volume and last the cloud's id, each where there is one."""
    first = names.claim or names.volume or names.rule
    if not first:
        return disk
    volume = f"volume {names.volume}, " if names.claim and names.volume else ""
    if names.volume and names.volume in disk:
        volume = ""  # a disk that was provisioned is called like its volume
    return f"{first} ({volume}{disk})"


def _account(account: DiskPlan, zone: ZoneInfo) -> Iterator[Change]:
    """Tell the policy of a disk and what there is."""
    disk = account.disk.id
    for sentence in account.policy or ("its rule cannot be read: see Problems",):
        yield Change(disk, "policy", "", sentence)
    if account.window:
        state = f"; opens next {local_time(account.opens, zone)}" if account.opens else ""
        yield Change(disk, "window", "", f"{account.window}{state}")
    if account.newest:
        due = f"; next due {local_time(account.next_due, zone)}" if account.next_due else ""
        yield Change(disk, "newest", "", f"{local_time(account.newest, zone)}{due}")
    kept = [f"{count} {why}" for why, count in account.kept.items()]
    kept += [f"{count} {state}" for state, count in account.states.items() if state != "completed"]
    yield Change(disk, "kept", "", ", ".join(kept) or "nothing yet")


def _disk(
    disk: str, changes: Sequence[Change], names: Names, everything: bool = False
) -> Iterator[Line]:
    yield Line(title(disk, names), "bold")
    kinds = dict.fromkeys(change.what for change in changes)
    for what in kinds:
        alike = [change for change in changes if change.what == what]
        for change in alike if everything else alike[:PER_KIND]:
            which = f"{change.which}: " if change.which else ""
            yield Line(f"  {what:8} {which}{change.why}", change.style)
        if len(alike) > PER_KIND and not everything:
            yield Line(f"  {what:8} … {len(alike) - PER_KIND} more: -o wide", alike[0].style)


def _changes(report: Report, zone: ZoneInfo) -> Iterator[Change]:
    planned = report.mode == "plan"
    for done in report.creations:
        what = "create" if planned else "created"
        yield Change(done.disk, what, "" if planned else done.snapshot, done.reason, "green")
    for done in report.deletions:
        beside = "; not confirmed by tarsnapper, too much for it" if done.unconfirmed else ""
        what = "delete" if planned else "deleted"
        yield Change(done.disk, what, done.snapshot, done.reason + beside, "yellow")
    for held in report.holds:
        yield Change(held.disk, "hold" if planned else "held", held.snapshot, _held(held.reason,
                     held.until, zone))  # fmt: skip
    for failure in report.failures:
        yield Change(failure.disk, "failed", f"{failure.action} {failure.snapshot}".strip(),
                     failure.message, "red")  # fmt: skip
    for attempt in report.failed_attempts:
        began = f"{attempt.snapshot} begun {local_time(attempt.began, zone)}".strip()
        yield Change(attempt.disk, "failed", began, f"{attempt.code} {attempt.message}".strip(),
                     "red")  # fmt: skip
    for deferred in report.deferred:
        yield Change(deferred.disk, "not done", f"{deferred.action} {deferred.snapshot}".strip(),
                     deferred.reason)  # fmt: skip
    for waiting in report.waiting:
        yield Change(waiting.disk, "waits", "", waiting.reason)
    for awaited in report.awaited:
        yield Change(awaited.disk, "waited", awaited.snapshot, awaited.state)


def _held(reason: str, until: datetime | None, zone: ZoneInfo) -> str:
    short = reason.partition(" (would go: ")[0]
    return f"{short}; until {local_time(until, zone)}" if until else short


def _incomplete(report: Report) -> Iterator[Line]:
    cut = [scope for scope in report.scopes if not scope.complete and not scope.skipped]
    if cut:
        yield Line("\nIncomplete listings", "bold")
    for scope in cut:
        yield Line(f"  {scope.scope}: {scope.error}", "red")


def _problems(heading: str, found: Sequence[Problem], style: str = "") -> Iterator[Line]:
    if found:
        yield Line(f"\n{heading}", "bold")
    for problem in found:
        value = repr(problem.value) if problem.value else ""
        said = [" ".join(filter(None, (problem.field, value))), problem.message]
        yield Line(f"  {': '.join(filter(None, (str(problem.source), *said)))}", style)


def _orphans(report: Report, names: Mapping[str, Names], zone: ZoneInfo) -> Iterator[Line]:
    if report.orphans:
        yield Line("\nOrphans: no rule covers their disk any more", "bold")
    for o in report.orphans:
        count, age = counted(o.count, "snapshot"), words(o.age)
        yield Line(f"  {title(o.disk, names.get(o.disk, Names()))}: {count}, the newest {age} old; "
                   f"{o.reason}")  # fmt: skip
