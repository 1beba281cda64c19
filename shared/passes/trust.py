"""Which rules a pass trusts: the cluster's, those of the mirror behind it, or of it alone."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

import msgspec

from shared.bounded import TooSlow, within
from shared.bucket.storage import Storage
from shared.errors import BucketError, ClusterError, Conflict
from shared.kinds import PLURALS
from shared.model import Problem, RuleSet, Source
from shared.objects import Objects
from shared.ports import RulesSource
from shared.sources.mirror import Copy, Mirror, digest
from shared.text import words
from shared.tolerant_json import UNREADABLE

log = logging.getLogger(__name__)

#: Seconds that reading the cluster may take as a whole.
READING = 120.0
#: An answer that lost more than half of the rules is believed when one so much later says the same.
PATIENCE = timedelta(minutes=15)


class TrustedRules(NamedTuple):
    """The rules of a pass.

    `no_deletions` says why they let nothing go; `in_use` tells that the mirror stands in for the
    cluster; `age` is the mirror's, where it was read. `objects` are as the cluster itself gave
    them, if it did.
    """

    ruleset: RuleSet
    no_deletions: str = ""
    in_use: bool = False
    age: timedelta | None = None
    objects: Objects | None = None


class _Doubt(msgspec.Struct):
    """An answer of the cluster that is not believed yet.

    `lost` names the rules that it lost since the mirror of `version`; `waited` is for how many
    seconds passes had said the same when this was written.
    """

    lost: str = ""
    version: str = ""
    waited: float = 0.0


class RulesReader:
    """Reads the rules of one pass.

    Args:
        source: the cluster, a file, or the mirror where it is the only source.
        storage: has the mirror that stands behind the cluster, and beside it what is remembered of
            answers that are not believed; None where there is none, or no cluster.
        rules: makes rules of objects.
        max_age: of a mirror that may delete.
        lapse: passes that doubt are not further apart.
        writing: whether the pass may write.
        seconds: that reading the cluster may take; None does not bound it.
    """

    def __init__(
        self,
        source: RulesSource,
        storage: Storage | None,
        rules: Callable[[Objects], RuleSet],
        *,
        max_age: timedelta,
        lapse: timedelta = timedelta(hours=1),
        writing: bool = False,
        seconds: float | None = READING,
    ) -> None:
        self._source, self._storage, self._rules = source, storage, rules
        self._max_age, self._lapse, self._writing = max_age, lapse, writing
        self._seconds = seconds

    def read(self) -> TrustedRules:
        """Read the rules.

        Raises:
            ClusterError: where neither cluster nor mirror gives them.
        """
        try:
            objects = self._read()
        except ClusterError as error:
            if self._storage is None:
                raise
            return self._stand_in(self._storage.mirror, error)
        if self._storage is not None:
            return self._compare(objects, self._storage)._replace(objects=objects)
        ruleset, age = self._rules(objects), objects.age
        if why := _gap(objects):
            return TrustedRules(_with(ruleset, "cluster", why), why, False, age,
                                objects if self._source.live else None)  # fmt: skip
        if age is None or age <= self._max_age:
            return TrustedRules(ruleset, age=age, objects=objects if self._source.live else None)
        why = f"the mirror is {words(age)} old, older than MIRROR_MAX_AGE; nothing is deleted"
        return TrustedRules(_with(ruleset, "mirror", why), why, False, age)

    def _read(self) -> Objects:
        """Read the objects; a cluster that never comes to an end is one that does not answer."""
        if not self._source.live or self._seconds is None:
            return self._source.read()
        try:
            return within(self._seconds, self._source.read)
        except TooSlow as error:
            raise ClusterError(f"the cluster's API is too slow: reading it, {error}") from None

    def _stand_in(self, mirror: Mirror, error: ClusterError) -> TrustedRules:
        """Read the mirror in place of a cluster that cannot be read."""
        try:
            objects = mirror.read()
        except ClusterError as second:
            raise ClusterError(f"{error}; and {second}") from None
        age = objects.age or timedelta(0)
        why = (
            f"the rules are those of the mirror, {words(age)} old, since the cluster could not be "
            f"read: {error}"
        )
        log.error("%s", why)
        return TrustedRules(_with(self._rules(objects), "cluster", why), why, True, age)

    def _compare(self, objects: Objects, storage: Storage) -> TrustedRules:
        """Believe the cluster, unless it lost too much; write the mirror anew."""
        mirror, live, doubt = storage.mirror, self._rules(objects), _gap(objects)
        told = _with(live, "cluster", doubt) if doubt else live  # whatever the mirror is like
        try:
            copy = mirror.load()
            data = mirror.encode(objects)
            if copy and copy.data != data and not doubt:
                doubt = self._doubt(objects, live, copy, storage)
        except (BucketError, ClusterError) as error:
            why = f"the mirror could not be compared with the cluster: {error}"
            return TrustedRules(_with(told, "mirror", why), why)
        age = copy.age if copy else None
        if doubt:
            return TrustedRules(_with(live, "cluster", doubt), doubt, False, age)
        try:
            if self._writing:
                mirror.renew(data, copy, self._max_age / 4)
        except BucketError as error:
            live = _with(live, "mirror", f"the mirror could not be written: {error}")
        return TrustedRules(live, age=age)

    def _doubt(self, objects: Objects, live: RuleSet, copy: Copy, storage: Storage) -> str:
        """Say why the answer is not believed, if it lost more than half of the mirror's rules.

        Rules that cannot be understood any more are not lost.
        """
        before = self._rules(storage.mirror.objects(copy))
        known, lost = len(before.rules) + len(_errors(before)), _lost(before, live)
        sources = {source for source, _ in lost}
        absent = sorted(kind for kind in objects.absent if any(s.kind == kind for s in sources))
        if 2 * len(lost) <= known and not absent:
            return ""
        if self._confirmed(digest(lost), copy.version, storage):
            return ""
        what = (
            f"the API knows no {PLURALS[absent[0]]} any more"
            if absent
            else f"such as {min(sources)}"
        )
        return (
            f"the cluster's answer lost {len(lost)} of {known} rules of the mirror ({what}): "
            "nothing is deleted until one "
            f"{words(PATIENCE)} later says the same"
        )

    def _confirmed(self, lost: str, version: str, storage: Storage) -> bool:
        """Tell whether passes have said the same for long enough; remember this one."""
        bucket, name = storage.bucket, f"{storage.folder}/read.json"
        stored = bucket.get(name)
        waited = 0.0
        if stored:
            try:
                doubt = msgspec.json.decode(stored.data, type=_Doubt)
            except UNREADABLE:
                doubt = _Doubt()
            if (doubt.lost, doubt.version) == (lost, version) and stored.age <= self._lapse:
                waited = doubt.waited + stored.age.total_seconds()
        if self._writing and waited < PATIENCE.total_seconds():
            data = msgspec.json.encode(_Doubt(lost, version, waited))
            try:
                bucket.put(name, data, stored.version if stored else "")
            except Conflict:
                log.info("another pass has doubts of its own")
        return waited >= PATIENCE.total_seconds()


def _gap(objects: Objects) -> str:
    """Say which kinds of objects that are wanted could not be listed."""
    if not objects.refused:
        return ""
    return "; ".join(dict.fromkeys(objects.refused.values())) + ". Nothing is deleted"


def _lost(before: RuleSet, now: RuleSet) -> set[tuple[Source, str]]:
    """List the rules that were there and are gone: whose object is, or whose disk has none now."""
    told = {problem.source for problem in _errors(now)}
    sources = {rule.source for rule in now.rules} | told
    disks = {rule.disk for rule in now.rules} | now.held.keys()
    disks |= {problem.disk for problem in _errors(now) if problem.disk}
    lost = {
        (rule.source, rule.disk.id)
        for rule in before.rules
        if rule.source not in sources or (rule.disk not in disks and rule.source not in told)
    }
    return lost | {(p.source, "") for p in _errors(before) if p.source not in sources}


def _errors(ruleset: RuleSet) -> list[Problem]:
    """Give the rules that could not be read; what has only a note is no rule."""
    return [problem for problem in ruleset.problems if problem.severity == "error"]


def _with(ruleset: RuleSet, name: str, message: str) -> RuleSet:
    """Add what is wrong with the cluster, or the mirror, to the rules' own problems."""
    source = Source("Rules", "", name)
    problem = Problem(severity="error", source=source, field="", value="", message=message)
    return msgspec.structs.replace(ruleset, problems=(*ruleset.problems, problem))
