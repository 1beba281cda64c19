"""What a pass answers: documented in docs/report.md, its JSON schema in docs/report.schema.json."""

import inspect
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from shared.model import Problem
from shared.planning.explanation import Explanation
from shared.reports.entries import (
    Awaited,
    Copied,
    Deferred,
    Done,
    FailedAttempt,
    Failure,
    Held,
    NotCovered,
    Orphaned,
    ScopeReport,
    Waiting,
)

#: Entries a list shows at most.
MAX_ENTRIES = 2_000
#: What all lists may take: a Lambda's answer ends at 6 MB (AWS Lambda, "Quotas").
MAX_BYTES = 5_000_000
#: The lists that are cut.
LISTS = (
    "creations", "deletions", "failures", "failed_attempts", "deferred", "holds", "waiting",
    "orphans", "problems", "notes", "uncovered", "copies", "awaited", "explanations",
)  # fmt: skip

Outcome = Literal["completed", "partial", "skipped"]


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of the whole pass, never cut short.

    `rules` and `disks` are those selected; `skipped` volumes are another cloud's or driver's;
    `snapshots` are listed ones with our author label, `archived` those of them in the archive tier;
    `copies` are of no disk's history. `created` + `deleted` + `failed` +
    `deferred` are all planned actions. `failed_attempts` are snapshots of earlier passes that
    turned out to have failed, each counted once. Of what is `held`, `unsettled` waits until its
    disk is settled; of the disks that are `waiting`, those `awaiting_window` are due and wait for
    their window to open. `problems` are errors, `notes` warnings; `rules_lost` is how many disks
    had a rule lately and have none now, where that is half of them or more. `overdue` disks should
    have been snapshotted by an earlier pass and were not by this one; `worst_overdue` is the
    greatest age over interval, minus one, and `worst_disk` the disk that has it, or has no snapshot
    at all. Of the bound volumes of the whole cluster, `uncovered` have nothing that says anything
    of them, and of `opted_out` somebody says `none`.
    """

    rules: int = 0
    disks: int = 0
    skipped: int = 0
    snapshots: int = 0
    archived: int = 0
    copies: int = 0
    kept: int = 0
    created: int = 0
    deleted: int = 0
    failed: int = 0
    failed_creations: int = 0
    failed_attempts: int = 0
    deferred: int = 0
    held: int = 0
    unsettled: int = 0
    waiting: int = 0
    awaiting_window: int = 0
    problems: int = 0
    notes: int = 0
    rules_lost: int = 0
    orphans: int = 0
    uncovered: int = 0
    opted_out: int = 0
    overdue: int = 0
    worst_overdue: float = 0.0
    worst_disk: str = ""
    unconfirmed: int = 0
    two_key_disagreements: int = 0


class Report(msgspec.Struct, frozen=True, kw_only=True, rename={"pass_id": "pass"}):
    """The answer.

    `outcome` is `partial` where some disks failed or could not be listed, and `skipped` where
    another pass was at work in every scope, so that this one did nothing. It is `partial` too where
    a value of `only` selects nothing. A backfill is `completed` only where nothing is left to
    another call. `problems` are errors, `notes` warnings. `mirror_in_use` tells
    that the mirror stood in for the cluster, `mirror_age` is its age in seconds where there is
    one. `omitted` counts, list by list, the entries that were left out: the ones beyond the first
    2,000, or beyond half as many, and so on, where the whole would be longer than an answer may be.
    """

    pass_id: str
    version: str
    mode: str
    provider: str
    cluster: str
    rules_from: str
    mirror_in_use: bool = False
    mirror_age: float | None = None
    outcome: Outcome
    started: datetime
    finished: datetime
    summary: Summary
    scopes: tuple[ScopeReport, ...] = ()
    creations: tuple[Done, ...] = ()
    deletions: tuple[Done, ...] = ()
    failures: tuple[Failure, ...] = ()
    failed_attempts: tuple[FailedAttempt, ...] = ()
    deferred: tuple[Deferred, ...] = ()
    holds: tuple[Held, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    orphans: tuple[Orphaned, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()
    uncovered: tuple[NotCovered, ...] = ()
    copies: tuple[Copied, ...] = ()
    awaited: tuple[Awaited, ...] = ()
    explanations: tuple[Explanation, ...] = ()
    omitted: dict[str, int] = {}

    def cut(self) -> "Report":
        """Cut each list to what an answer holds, and count what is left out."""
        lists: dict[str, Sequence[Any]] = {name: getattr(self, name) for name in LISTS}
        limit = MAX_ENTRIES
        cut = _cut(lists, limit)
        while len(json.dumps(msgspec.to_builtins(cut))) > MAX_BYTES:
            limit //= 2
            cut = _cut(lists, limit)
        return msgspec.structs.replace(self, **cut)


def _cut(lists: dict[str, Sequence[Any]], limit: int) -> dict[str, Any]:
    omitted = {name: len(entries) - limit for name, entries in lists.items()}
    cut: dict[str, Any] = {name: tuple(entries[:limit]) for name, entries in lists.items()}
    told = cut.get("explanations", ())
    omitted["snapshots"] = sum(max(len(e.snapshots) - limit, 0) for e in told)
    cut["explanations"] = tuple(
        msgspec.structs.replace(e, snapshots=e.snapshots[:limit]) for e in told
    )
    return cut | {"omitted": {name: count for name, count in omitted.items() if count > 0}}


def to_builtins(report: Report) -> dict[str, Any]:
    """Turn a report into what a JSON encoder takes."""
    answer: dict[str, Any] = msgspec.to_builtins(report)
    return answer


def json_schema() -> dict[str, Any]:
    """Give the JSON schema of the report."""
    schema = msgspec.json.schema(Report)
    for part in schema["$defs"].values():
        # Python 3.13 strips the indentation of docstrings, the versions before do not.
        part["description"] = inspect.cleandoc(part["description"])
    return schema
