"""What `check` tries, one thing after the other: access, rules, permissions."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from shared.bucket.storage import Storage
from shared.errors import Conflict, SnapshotsError
from shared.model import Rule, Source
from shared.passes.html_report import page_name
from shared.passes.run import Outcome, run
from shared.passes.world import Ports
from shared.planning.actions import Create
from shared.planning.histories import group_rules
from shared.ports import Check, Trial
from shared.request import Request
from shared.settings import Settings
from shared.sources.mirror import Mirror
from shared.text import counted, words

#: A version that no object has: who may not write is refused before it is compared.
NEVER = '"never"'


def check(settings: Settings, ports: Ports) -> Iterator[Check]:
    """Try everything that a pass needs, changing nothing."""
    if ports.labels.cluster:
        yield Check("cluster label", True, ports.labels.cluster)
    else:
        hint = "set CLUSTER_NAME or CLUSTER_ID: its snapshots are labelled with it"
        yield Check("cluster label", False, "this cluster has no name", hint)
    yield ports.provider.credentials()
    access = list(ports.source.check())
    yield from access
    if ports.storage and ports.source.live:
        yield from _mirror(ports.storage.mirror)
    if ports.storage:
        yield from _bucket(ports.storage)
    yield from _page(ports)
    if not all(result.ok for result in access):
        yield from _writing(ports, [])
        return
    try:
        outcome = run(Request(mode="plan"), settings, ports)
    except SnapshotsError as error:
        yield from _writing(ports, [])
        yield Check("plan", False, str(error))
        return
    rules = [rule.source for rule in outcome.ruleset.rules if rule.source.kind == "SnapshotRule"]
    yield from _writing(ports, rules)
    yield from _rules(outcome)
    yield from _permissions(outcome, ports)


def _mirror(mirror: Mirror) -> Iterable[Check]:
    """Try the mirror behind the cluster, which the first pass writes."""
    try:
        copy = mirror.load()
        if copy is None:
            yield Check("mirror", True, f"{mirror.url} is not there yet: the next pass writes it")
            return
        count = mirror.objects(copy).count()
    except SnapshotsError as error:
        yield Check("mirror", False, str(error))
    else:
        yield Check("mirror", True, f"{mirror.url}: {count} objects, {words(copy.age)} old")


def _bucket(storage: Storage) -> Iterable[Check]:
    """Try whether state and reports can be written, where the bucket can tell."""
    name = f"{storage.folder}/read.json"
    try:
        if isinstance(storage.bucket, Trial) and storage.bucket.try_put(name):
            yield Check("bucket", True, f"{name} can be written")
    except SnapshotsError as error:
        yield Check("bucket", False, str(error))


def _page(ports: Ports) -> Iterable[Check]:
    """Try whether the HTML report can be written, where REPORT_HTML is on; nothing is stored."""
    storage = ports.storage
    if not ports.page or not storage:
        return
    name = f"{storage.folder}/html/{page_name(())}"
    try:
        if not (isinstance(storage.bucket, Trial) and storage.bucket.try_put(name)):
            with suppress(Conflict):
                storage.bucket.put(name, b"", NEVER)
    except SnapshotsError as error:
        yield Check("HTML report", False, str(error))
    else:
        yield Check("HTML report", True, f"{name} can be written")


def _writing(ports: Ports, rules: Sequence[Source]) -> Iterable[Check]:
    """Try what WRITE_STATUS needs, where it is set."""
    return ports.status.check(rules) if ports.status else ()


def _rules(outcome: Outcome) -> Iterable[Check]:
    summary = outcome.report.summary
    found = f"{counted(summary.rules, 'rule')} on {counted(summary.disks, 'disk')}"
    if not summary.rules:
        hint = "annotate a claim, or write a SnapshotRule: see examples/"
        yield Check("rules", False, found, hint)
    else:
        yield Check("rules", True, found)
    for problem in outcome.plan.problems:
        if problem.severity == "error":
            # One owner's mistake, which a pass tells them of: the installation is not broken.
            yield Check(str(problem.source), True, f"{problem.field} {problem.value!r}",
                        problem.message, warning=True)  # fmt: skip


def _permissions(outcome: Outcome, ports: Ports) -> Iterable[Check]:
    """Try each permission in each scope, on a disk and a snapshot that are there."""
    creates = {
        rules[0].disk.scope: _example(rules, ports)
        for rules in group_rules(outcome.ruleset.rules).values()
    }
    snapshots = {delete.snapshot.disk.scope: delete.snapshot for delete in outcome.plan.deletes}
    for listing in outcome.report.scopes:
        yield Check(f"listing of {listing.scope}", listing.complete,
                    listing.error or f"{listing.snapshots} snapshots of ours")  # fmt: skip
        scope = listing.scope
        yield from ports.provider.check(scope, creates.get(scope), snapshots.get(scope))
        if scope not in creates:
            yield Check(f"creating in {scope}", True, "not tried: no rule names a disk there")
        if scope not in snapshots:
            yield Check(f"deleting in {scope}", True, "not tried: no snapshot has expired there")


def _example(rules: list[Rule], ports: Ports) -> Create:
    labels = ports.labels
    return Create(
        disk=rules[0].disk,
        name="check",
        labels=labels.for_snapshot("check", rules),
        description=labels.description("check", rules),
        rules=(),
        overdue=None,
        reason="",
    )
