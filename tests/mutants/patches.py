"""What is broken: each a text of the core and what stands in its place."""

from typing import NamedTuple


class Mutant(NamedTuple):
    """A named patch; `old` must be there exactly once, so that none rots unnoticed."""

    name: str
    file: str
    old: str
    new: str


MUTANTS = (
    Mutant(
        "believe spec.volumeName",
        "shared/rules/bindings.py",
        "if not ref or (ref.namespace, ref.name) != (meta.namespace, meta.name):",
        "if False:",
    ),
    Mutant(
        "believe an earlier claim of the name",
        "shared/rules/bindings.py",
        "if not ref.uid or ref.uid != meta.uid:",
        "if False:",
    ),
    Mutant(
        "count pending as newest kept",
        "shared/planning/histories.py",
        'if snapshot.state != "completed" or policy',
        'if snapshot.state == "failed" or policy',
    ),
    Mutant(
        "count failed",
        "shared/planning/due.py",
        'newest = max((s.started for s in known if s.state != "failed"), default=None)',
        "newest = max((s.started for s in known), default=None)",
    ),
    Mutant(
        "count failed as kept",
        "shared/planning/histories.py",
        'if snapshot.state != "completed" or policy',
        'if snapshot.state == "pending" or policy',
    ),
    Mutant(
        "drop the slack",
        "shared/planning/timing.py",
        "return self.interval - min(period / 2, self.interval / 4)",
        "return self.interval",
    ),
    Mutant(
        "double the slack",
        "shared/planning/timing.py",
        "return self.interval - min(period / 2, self.interval / 4)",
        "return self.interval - 2 * min(period / 2, self.interval / 4)",
    ),
    Mutant(
        "ignore an incomplete listing",
        "shared/passes/run.py",
        'incomplete={x.scope: x.error or "cut short" for x in listings if not x.complete},',
        "incomplete={},",
    ),
    Mutant(
        "delete before the two-key check",
        "shared/planning/expiry.py",
        "elif confirmed != retention.kept_ids():",
        "elif False:",
    ),
    Mutant(
        "trust the mirror's age",
        "shared/passes/trust.py",
        "if age is None or age <= self._max_age:",
        "if True:",
    ),
    Mutant(
        "delete by the mirror of a cluster that is gone",
        "shared/passes/trust.py",
        'return TrustedRules(_with(self._rules(objects), "cluster", why), why, True, age)',
        'return TrustedRules(_with(self._rules(objects), "cluster", why), "", True, age)',
    ),
    Mutant(
        "believe a cluster that lost its rules",
        "shared/passes/trust.py",
        "if 2 * len(lost) <= known and not absent:",
        "if True:",
    ),
    Mutant(
        "skip the lease",
        "shared/bucket/lease.py",
        "if stored and state.holder and stored.age.total_seconds() < lasts:",
        "if False:",
    ),
    Mutant(
        "write the state whatever is there",
        "shared/bucket/lease.py",
        "return bucket.put(name, data, expected)",
        "return bucket.put(name, data, None)",
    ),
    Mutant(
        "forget the record before creating",
        "shared/passes/journal.py",
        "return self._leases.record(self._now, sorted({c.disk.scope for c in creates}))",
        "return {}",
    ),
    Mutant(
        "ignore the record",
        "shared/planning/due.py",
        "return _recorded(snapshots, attempt, due.spacing, now) if attempt else None",
        "return None",
    ),
    Mutant(
        "keep the record of what was never begun",
        "shared/passes/journal.py",
        "        self._now.pop(disk, None)",
        "        return",
    ),
    Mutant(
        "drop the author label from the filter",
        "shared/planning/histories.py",
        "labels.ours(s) and not s.copy",
        "not s.copy",
    ),
    Mutant(
        "let another cluster's snapshots go",
        "shared/planning/histories.py",
        'if snapshot.state != "completed" or policy.labels.owner(snapshot) == "other":',
        'if snapshot.state != "completed":',
    ),
    Mutant(
        "let another cluster's failed snapshots go",
        "shared/planning/expiry.py",
        'and policy.labels.owner(s) != "other"',
        "and True",
    ),
    Mutant(
        "ignore the keep label",
        "shared/planning/expiry.py",
        "            if policy.labels.kept(snapshot, now):",
        "            if False:",
    ),
    Mutant(
        "anchor on the future",
        "shared/planning/histories.py",
        "            if snapshot.started > now + CLOCK_SKEW:",
        "            if False:",
    ),
    Mutant(
        "wait for the future",
        "shared/planning/due.py",
        "known = [s for s in snapshots if s.started <= now + CLOCK_SKEW]",
        "known = list(snapshots)",
    ),
    Mutant(
        "treat a vanished rule as an empty one",
        "shared/planning/orphans.py",
        "    if grace is None:",
        "    from shared.planning.actions import Delete\n"
        "    none.deletes.extend(Delete(snapshot=s, reason='') for s in ours[:-1])\n"
        "    if grace is None:",
    ),
    Mutant(
        "let orphans go within their grace",
        "shared/planning/orphans.py",
        "    if left > timedelta(0):",
        "    if False:",
    ),
    Mutant(
        "let the newest orphan go",
        "shared/planning/orphans.py",
        "            and s is not newest\n",
        "",
    ),
    Mutant(
        "delete what has a broken rule",
        "shared/planning/situation.py",
        "if problem := self.broken.get(disk):",
        "if False:",
    ),
    Mutant(
        "stop at a broken rule",
        "shared/planning/situation.py",
        "return rules + last_known(self.histories.get(disk, []), problem, self.policy.labels)",
        "return rules",
    ),
    Mutant(
        "delete first what any rule lets go",
        "shared/planning/expiry.py",
        "        for retention, generations in zip(retentions, names, strict=True):",
        "        for retention, generations in list(zip(retentions, names, strict=True))[:1]:",
    ),
    Mutant(
        "let a pass run over its deadline",
        "shared/passes/deadline.py",
        "self._whole = seconds - min(reserve, seconds / 2) if seconds > 0 else 0.0",
        'self._whole = float("inf")',
    ),
    Mutant(
        "lose count of what fails",
        "shared/reports/applied.py",
        "        self.failures.append(\n",
        "        [].append(\n",
    ),
)
