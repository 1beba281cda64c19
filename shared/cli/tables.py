"""Tables for people; the only importer of `rich`.

Whatever is printed is passed as Text, so that no name from the cluster is read as markup.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from zoneinfo import ZoneInfo

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.passes.run import Outcome
from shared.planning.actions import DiskPlan, Plan
from shared.planning.explanation import Explanation
from shared.ports import Check
from shared.reports.schema import Report
from shared.text import counted, words

#: Columns where the output is no terminal.
WIDTH = 140
#: Deletions and holds shown of one disk; the report has all.
PER_DISK = 6


def outcome(found: Outcome, zone: str, console: Console | None = None) -> None:
    """Print a plan, or what a pass did: disks first, then each list that is not empty."""
    _Printer(found.report, found.plan, ZoneInfo(zone), console or _console()).print()


def report(answer: Report, zone: str, console: Console | None = None) -> None:
    """Print a function's answer, which has no account of each disk."""
    _Printer(answer, None, ZoneInfo(zone), console or _console()).print()


def checks(results: Sequence[Check], console: Console | None = None) -> None:
    """Print what `check` tried."""
    console = console or _console()
    table = _table("Checks", "", "What", "Found", "What to do")
    for result in results:
        mark = Text("ok", "green") if result.ok else Text("FAILED", "bold red")
        table.add_row(mark, *_texts(result.name, result.detail, result.hint))
    console.print(table)
    failed = sum(not result.ok for result in results)
    console.print(f"{failed} of {len(results)} failed" if failed else "All is well.")


def adoptions(
    found: Sequence[Mapping[str, str]], applied: bool, zone: str, console: Console | None = None
) -> None:
    """Print what may be adopted, or was."""
    console = console or _console()
    table = _table("Snapshots that are not ours, of disks that have rules", "Disk", "Snapshot",
                   "Began", "")  # fmt: skip
    for row in found:
        began = datetime.fromisoformat(row["started"]).astimezone(ZoneInfo(zone))
        table.add_row(*_texts(row["disk"], row["snapshot"], f"{began:%Y-%m-%d %H:%M %Z}",
                              row["what"]))  # fmt: skip
    if found:
        console.print(table)
    taken = sum(row["what"] in ("adopted", "would be adopted") for row in found)
    hint = "" if applied or not taken else " Nothing was changed; --apply labels them."
    what = "adopted" if applied else "to adopt"
    console.print(f"{counted(taken, 'snapshot')} {what}, {len(found) - taken} left.{hint}")


class _Printer:
    def __init__(self, answer: Report, plan: Plan | None, zone: ZoneInfo, console: Console) -> None:
        self.report, self.plan = answer, plan
        self.zone, self.console = zone, console
        self.planned = answer.mode == "plan"

    def print(self) -> None:
        report = self.report
        age = ""
        if report.mirror_age is not None and report.rules_from != "cluster":
            age = f", {words(timedelta(seconds=report.mirror_age))} old"
        self.console.print(
            Text(
                f"{report.mode.capitalize()} of cluster {report.cluster or '(no name)'} on "
                f"{report.provider}, {self._time(report.started)}, rules from {report.rules_from}"
                f"{age}",
                "bold",
            )
        )
        for explanation in report.explanations:
            self._explanation(explanation)
        if report.mode == "explain":
            self._problems()
            return
        if self.plan:
            self._disks(self.plan)
        self._creations()
        self._deletions()
        self._snapshots("Held", ((h.disk, h.snapshot, h.reason) for h in report.holds))
        self._rows("Waiting", ("Disk", "Why"), ((w.disk, w.reason) for w in report.waiting))
        self._rows(
            "Waited for",
            ("Disk", "Snapshot", "State"),
            ((a.disk, a.snapshot, a.state) for a in report.awaited),
        )
        self._rows(
            "Failed",
            ("Action", "Disk", "Snapshot", "Why"),
            ((f.action, f.disk, f.snapshot, f.message) for f in report.failures),
        )
        self._rows(
            "Not done: call again" if report.mode == "backfill" else "Left to a later pass",
            ("Action", "Disk", "Snapshot", "Why"),
            ((d.action, d.disk, d.snapshot, d.reason) for d in report.deferred),
        )
        self._rows(
            "Incomplete listings",
            ("Scope", "Why"),
            ((s.scope, s.error) for s in report.scopes if not s.complete and not s.skipped),
        )
        self._problems()
        self._rows(
            "Orphans: no rule covers their disk any more",
            ("Disk", "Snapshots", "Newest", "What becomes of them"),
            (
                (o.disk, str(o.count), f"{self._time(o.newest)}, {words(o.age)} ago", o.reason)
                for o in report.orphans
            ),
        )
        self.console.print(Text(summary(report), "bold"))

    def _problems(self) -> None:
        self._rows(
            "Problems",
            ("", "Object", "Field", "Value", "What is wrong"),
            ((p.severity, str(p.source), p.field, p.value, p.message)
             for p in self.report.problems),
        )  # fmt: skip

    def _explanation(self, found: Explanation) -> None:
        say = self._say
        say(f"\n{found.disk}", "bold")
        for rule in found.rules:
            say(f"  {rule.deltas}: {rule.sentence}\n    from {rule.source}, as {rule.name}")
        if not found.rules:
            say("  no rule covers it, or none that can be read")
        for problem in found.problems:
            say(f"  problem: {problem}", "red")
        say(f"  newest {self._time(found.newest)}; next due "
            f"{self._time(found.next_due) if found.next_due else 'never'}")  # fmt: skip
        if found.due:
            say(f"  due now: {found.due}")
        width = max((len(g.name) for g in found.generations), default=0)
        for deltas, generations in groupby(found.generations, key=lambda g: g.deltas):
            say(f"  generations of {deltas}, the newest at the right")
            for one in generations:
                say(f"    {one.name:{width}}  {one.picture}  {one.kept}")
        if now := sum(fate.fate == "goes" for fate in found.snapshots):
            say(f"  {counted(now, 'snapshot')} will go in the next pass")
        if going := found.next_deletion:
            what = "then" if now else "next to go"
            say(f"  {what}: {going.snapshot} of {self._time(going.started)}, at "
                f"{self._time(going.at)}")  # fmt: skip
        self._rows(
            "Snapshots",
            ("Snapshot", "Began", "State", "", "Why"),
            ((s.snapshot, self._time(s.started), s.state, s.fate, s.why) for s in found.snapshots),
        )

    def _say(self, text: str, style: str = "") -> None:
        for line in text.split("\n"):
            self.console.print(Text("".join(map(_shown, line)), style))

    def _disks(self, plan: Plan) -> None:
        done = ("Create", "Delete", "Hold") if self.planned else ("Created", "Deleted", "Held")
        table = _table("Disks", "Disk, rules", "Policy", "Newest", "Due", "Kept", *done)
        table.columns[0].no_wrap = True
        table.show_lines = True
        created = {done.disk for done in self.report.creations}
        deleted = Counter(done.disk for done in self.report.deletions)
        for disk in plan.disks:
            table.add_row(
                *_texts(
                    "\n  ".join([disk.disk.id, *disk.rules]),
                    "\n".join(disk.policy) or "its rule cannot be read: see Problems",
                    self._time(disk.newest),
                    _due(disk, plan.now),
                    _kept(disk),
                    "1" if disk.disk.id in created else "",
                    str(deleted[disk.disk.id] or ""),
                    str(disk.holds or ""),
                )
            )
        if table.row_count:
            self.console.print(table)

    def _creations(self) -> None:
        self._rows(
            "Would create" if self.planned else "Created",
            ("Disk", "Name" if self.planned else "Snapshot", "Why"),
            ((d.disk, d.name if self.planned else d.snapshot, d.reason) for d in
             self.report.creations),
        )  # fmt: skip

    def _deletions(self) -> None:
        notes = ("", "; not confirmed by tarsnapper, too much for it")
        self._snapshots(
            "Would delete" if self.planned else "Deleted",
            ((d.disk, d.snapshot, d.reason + notes[d.unconfirmed]) for d in self.report.deletions),
        )

    def _snapshots(self, title: str, rows: Iterable[tuple[str, str, str]]) -> None:
        """Print the first few snapshots of each disk, and how many more there are."""
        shown: list[tuple[str, ...]] = []
        for disk, group in groupby(sorted(rows, key=itemgetter(0)), key=itemgetter(0)):
            found = list(group)
            shown += found[:PER_DISK]
            if len(found) > PER_DISK:
                more = len(found) - PER_DISK
                shown.append((disk, f"… {more} more", "all are in the report: --json"))
        self._rows(title, ("Disk", "Snapshot", "Why"), shown)

    def _rows(self, title: str, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
        table = _table(title, *columns)
        for row in rows:
            table.add_row(*_texts(*row))
        if table.row_count:
            self.console.print(table)

    def _time(self, time: datetime | None) -> str:
        return time.astimezone(self.zone).strftime("%Y-%m-%d %H:%M %Z") if time else "none yet"


def summary(report: Report) -> str:
    """Say in a sentence what a pass did, or would do."""
    if report.outcome == "skipped":
        return "Skipped: another pass is at work. Nothing was changed."
    counts = report.summary
    would = "would be " if report.mode == "plan" else ""
    parts = [
        f"{counted(counts.rules, 'rule')} on {counted(counts.disks, 'disk')}",
        f"{would}{counts.created} created",
        f"{would}{counts.deleted} deleted",
        f"{counts.kept} kept",
    ]
    extra = {
        "held": counts.held,
        "failed": counts.failed,
        "not done" if report.mode == "backfill" else "left to a later pass": counts.deferred,
        "waiting": counts.waiting,
        f"overdue, the worst {counts.worst_disk}": counts.overdue,
        "orphaned": counts.orphans,
        "of other drivers skipped": counts.skipped,
    }
    parts += [f"{count} {name}" for name, count in extra.items() if count]
    states = Counter(awaited.state for awaited in report.awaited)
    parts += [f"{count} {state} at the end" for state, count in sorted(states.items())]
    skipped = [scope.scope for scope in report.scopes if scope.skipped]
    if skipped:
        parts.append(f"{', '.join(skipped)} left to another pass that is at work there")
    if counts.problems:
        parts.append(counted(counts.problems, "problem"))
    ending = "Nothing was changed." if report.mode == "plan" else ""
    return f"{'; '.join(parts)}. {ending}".strip()


def _due(disk: DiskPlan, now: datetime) -> str:
    if disk.newest is None or disk.next_due is None:
        return "now" if disk.interval else ""
    left = disk.next_due - now
    return f"in {words(left)}" if left.total_seconds() > 0 else f"{words(-left)} ago"


def _kept(disk: DiskPlan) -> str:
    lines = [f"{count} {why}" for why, count in disk.kept.items()]
    lines += [f"({count} {state})" for state, count in disk.states.items() if state != "completed"]
    total = sum(disk.kept.values())
    return "\n".join([f"{total}, of which", *lines] if len(disk.kept) > 1 else lines or ["0"])


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.ROUNDED)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _texts(*values: str) -> list[Text]:
    return [Text("".join(map(_shown, value))) for value in values]


def _shown(character: str) -> str:
    """Escape what a terminal would obey."""
    return character if character.isprintable() or character == "\n" else repr(character)[1:-1]
