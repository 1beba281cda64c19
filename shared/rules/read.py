"""Kubernetes objects to rules and problems. Pure; nothing here raises for what an object says.

Every object is untrusted input: a claim or rule reaches only the disks that the cluster itself
says belong to its namespace, and what has no such power causes no hold either.
"""

from contextlib import suppress
from typing import Any, NamedTuple

import msgspec

from shared.errors import DeltasError, WindowError
from shared.kinds import Object, PersistentVolume, PersistentVolumeClaim, SnapshotRule
from shared.model import Problem, Rule, RuleSet, Source
from shared.objects import Objects
from shared.ports import Volumes
from shared.retention.deltas import Deltas, parse
from shared.rules.bindings import Bindings
from shared.rules.names import SHORT, rule_name, source_of
from shared.rules.targets import Target, target_of
from shared.rules.windows import window_of
from shared.rules.windows import written as written_window
from shared.rules.wrong import Skip, Warned, Wrong
from shared.text import shorten
from shared.windows.window import Window


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that decide how objects are read; see `settings.Settings`."""

    deltas_annotation_key: str = "backup.kubernetes.io/deltas"
    use_claim_name: bool = False
    disk_rule_namespaces: tuple[str, ...] = ()


class _Written(NamedTuple):
    """What an object has in place of deltas, and at which field: any value."""

    field: str
    value: Any


def read_rules(objects: Objects, volumes: Volumes, options: Options) -> RuleSet:
    """Read all rules: from annotated volumes and claims, and from SnapshotRules."""
    bindings = Bindings(objects, volumes)
    rules: list[Rule] = []
    problems = [_traced(problem, bindings, options) for problem in objects.problems]
    skipped = 0
    for item in objects.all():
        if not _asks(item, options):
            continue
        source = source_of(item)
        try:
            rule, wrongs = _read(source, item, bindings, options)
        except Skip:
            skipped += 1
        except Wrong as wrong:
            problems.append(wrong.problem(source, options.use_claim_name))
        else:
            rules.append(rule)
            problems += [wrong.problem(source, options.use_claim_name) for wrong in wrongs]
    rules.sort(key=lambda r: (r.disk, r.name, r.source))
    problems.sort(key=lambda p: (p.source, p.field, p.message))
    return RuleSet(tuple(rules), tuple(problems), skipped, objects.read_from)


def _asks(item: Object, options: Options) -> bool:
    """Tell whether an object asks for snapshots at all."""
    return isinstance(item, SnapshotRule) or _annotation(item, options) is not None


def _annotation(item: PersistentVolume | PersistentVolumeClaim, options: Options) -> str | None:
    return (item.metadata.annotations or {}).get(options.deltas_annotation_key)


def _read(
    source: Source, item: Object, bindings: Bindings, options: Options
) -> tuple[Rule, list[Wrong]]:
    """Make a rule of an object, with what is wrong about it and does not stop it."""
    target = _target(source, item, bindings, options)
    # From here on the source has power over the disk.
    written = _written(item, options)
    deltas = _deltas(written, target)
    unordered = "is not in ascending order; it is read as if it were"
    wrongs: list[Wrong] = []
    if not deltas.in_order:
        wrongs.append(Warned(*written, unordered, target.disk))
    window = _window(item, target, wrongs)
    return _rule(source, target, deltas, window, options), wrongs


def _target(source: Source, item: Object, bindings: Bindings, options: Options) -> Target:
    if isinstance(item, SnapshotRule):
        return target_of(source, item, bindings, options.disk_rule_namespaces)
    if isinstance(item, PersistentVolumeClaim):
        item = bindings.volume_of(item, "spec.volumeName")
    return Target(bindings.disk_of(item), item)


def _written(item: Object, options: Options) -> _Written:
    if isinstance(item, SnapshotRule):
        return _Written("spec.deltas", item.spec.get("deltas"))
    field = f"metadata.annotations[{options.deltas_annotation_key}]"
    return _Written(field, _annotation(item, options))


def _deltas(written: _Written, target: Target) -> Deltas:
    field, text = written
    try:
        if not isinstance(text, str) or not text.strip():
            raise DeltasError(_no_text(text))
        return parse(text)
    except DeltasError as error:
        raise Wrong(field, text, str(error), target.disk) from None


def _window(item: Object, target: Target, wrongs: list[Wrong]) -> Window | None:
    """Read the window; where it cannot be read there is none: no snapshot is the greater harm."""
    try:
        return window_of(item)
    except WindowError as error:
        said = f"{error}. Until then it is snapshotted at any time"
        wrongs.append(Wrong(*written_window(item), said, target.disk))
        return None


def _no_text(value: object) -> str:
    """Say what stands in place of deltas, and what they might have been."""
    if value is None or isinstance(value, str):
        return "has no deltas; write for example 'PT1H P1D P30D', or remove the rule"
    kind = {list: "a list", dict: "an object", bool: "a truth value"}.get(type(value), "a number")
    example = "PT1H P1D P30D"
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        with suppress(DeltasError):
            example = parse(" ".join(value)).text
    return f"is {kind}; write one text, durations separated by blanks: '{shorten(example, 80)}'"


def _rule(
    source: Source, target: Target, deltas: Deltas, window: Window | None, options: Options
) -> Rule:
    volume = target.volume
    ref = volume.spec.claim_ref if volume else None
    claim = ref.name if ref else ""
    return Rule(
        name=rule_name(source, claim if options.use_claim_name else ""),
        disk=target.disk,
        deltas=deltas.text,
        source=source,
        namespace=ref.namespace if ref else source.namespace,
        claim=claim,
        volume=volume.metadata.name if volume else "",
        window=window,
    )


def _traced(problem: Problem, bindings: Bindings, options: Options) -> Problem:
    """Add what is known of the rule, and of a claim's disk, to an object that is malformed."""
    source = problem.source
    if source.kind not in SHORT:
        return problem
    disk = bindings.disk_of_claim(source) if source.kind == "PersistentVolumeClaim" else None
    claim = ""
    if source.kind == "PersistentVolume" and options.use_claim_name:
        claim = bindings.claim_of(source.name)
    return msgspec.structs.replace(problem, rule=rule_name(source, claim), disk=disk)
