"""Notices that rules, or the cluster's id, are gone: absence is an error until it is accepted."""

import logging
import zlib
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from shared.bucket.storage import Storage
from shared.errors import BucketError, Conflict
from shared.model import Problem, RuleSet, Source
from shared.ports import Stored
from shared.reports.pings import CLUSTER_ID, KNOWN
from shared.rules.disks import disks_of
from shared.rules.known import KIND, Known, Verdict, compare
from shared.text import counted, shorten, words
from shared.tolerant_json import UNREADABLE

log = logging.getLogger(__name__)

#: What is remembered of some 500,000 disks, uncompressed; no more of an object is unpacked.
MOST_BYTES = 50_000_000
_ACCEPT = "run a pass with accept_rules"


class Absence(NamedTuple):
    """What is missing: `lost` disks had a rule lately and have none now."""

    problems: tuple[Problem, ...] = ()
    lost: int = 0


class KnownRules:
    """The memory of one cluster's rules, beside the mirror.

    Args:
        storage: has it.
        cluster: this cluster's id.
        window: how far back rules are remembered.
        accept: whether what is there now is meant.
    """

    def __init__(
        self, storage: Storage, cluster: str, window: timedelta, accept: bool = False
    ) -> None:
        self._bucket, self._name = storage.bucket, f"{storage.folder}/known.json"
        self._cluster, self._window, self._accept = cluster, window, accept

    def look(self, ruleset: RuleSet, now: datetime, writing: bool) -> Absence:
        """Compare the disks that have rules now with those that are remembered.

        `writing` says whether what is there now is remembered.
        """
        disks = disks_of(msgspec.structs.replace(ruleset, held={}))
        try:
            stored = self._bucket.get(self._name)
            known = _decode(stored) if stored else None
        except BucketError as error:
            return Absence(
                (_problem(KNOWN.name, f"cannot check whether rules are missing: {error}"),)
            )
        except ValueError:
            if not self._accept:
                said = f"{self._name} cannot be read, so missing rules are not noticed. "
                return Absence((_problem(KNOWN.name, f"{said}To start again, {_ACCEPT}"),))
            known = None
        verdict = compare(
            known, self._cluster, disks, now, self._window, self._accept, ruleset.held.keys()
        )
        problems = self._problems(verdict)
        if writing and verdict.known != known:
            problems += self._write(verdict.known, stored)
        return Absence(tuple(problems), verdict.lost)

    def _problems(self, verdict: Verdict) -> list[Problem]:
        found = []
        if verdict.lost:
            now = verdict.reference - verdict.lost
            found.append(_problem(
                "lost",
                f"{counted(now, 'disk')} have a rule for a day or longer; within "
                f"{words(self._window)} there were {verdict.reference}. If you removed them "
                f"on purpose, {_ACCEPT}",
            ))  # fmt: skip
        before = verdict.known.cluster
        if before != self._cluster:
            found.append(Problem(
                severity="error", source=CLUSTER_ID, field="CLUSTER_ID",
                value=shorten(self._cluster),
                message=f"this cluster's id was '{shorten(before)}' until now: snapshots with that "
                "label are neither counted nor deleted any more. Set it back. If the change is on "
                f"purpose, run adopt --from-cluster {shorten(before)}, then {_ACCEPT}",
            ))  # fmt: skip
        return found

    def _write(self, known: Known, stored: Stored | None) -> list[Problem]:
        """Remember it; tell the problem where that fails."""
        data = zlib.compress(msgspec.json.encode(known), 6)
        try:
            self._bucket.put(self._name, data, stored.version if stored else "")
        except Conflict:
            if self._accept:
                return [not_accepted("another pass remembered the rules meanwhile")]
            log.info("another pass has remembered the rules meanwhile")
        except BucketError as error:
            said = f"the rules could not be remembered, so that missing ones go unnoticed: {error}"
            return [_problem(KNOWN.name, said)]
        return []


def _decode(stored: Stored) -> Known:
    """Read what is remembered; raise ValueError where it cannot be."""
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(stored.data, MOST_BYTES)
        known = msgspec.json.decode(data, type=Known)
    except (zlib.error, *UNREADABLE) as error:
        raise ValueError from error
    if known.kind != KIND or not unpacker.eof:
        raise ValueError
    return known


def not_accepted(why: str) -> Problem:
    """Say that a pass was asked to accept what is there, and could not."""
    return _problem("accept", f"accept_rules had no effect: {why}. Run the pass again")


def _problem(name: str, message: str) -> Problem:
    source = Source("Rules", "", name)
    return Problem(severity="error", source=source, field="", value="", message=message)
