"""The command `adopt`: label snapshots that others made, with the rights of whoever runs it."""

import logging
from collections.abc import Iterable
from typing import NamedTuple

from shared.errors import ClusterError, ProviderError, RequestError
from shared.model import Disk, Rule
from shared.passes.run import read_rules_of
from shared.passes.world import Ports
from shared.planning.adopt import TAG, Adoption, adoptions
from shared.planning.histories import group_rules
from shared.ports import Adopter
from shared.request import Only
from shared.settings import Settings

log = logging.getLogger(__name__)


class Adopted(NamedTuple):
    """What was decided over a snapshot, and why it could not be done; empty where it was."""

    adoption: Adoption
    error: str


def adopt(settings: Settings, ports: Ports, only: Only, *, apply: bool) -> list[Adopted]:
    """Label, or just show, what may be adopted.

    Raises:
        PassError: where rules or snapshots cannot be had.
    """
    provider = ports.provider
    if not isinstance(provider, Adopter):
        raise RequestError(f"{provider.name} cannot adopt")
    rules = _rules(settings, ports, only)
    if only and not rules:
        log.warning("the selection names no disk that has a rule")
    log.info("looking for snapshots of %d disks", len(rules))
    try:
        found = adoptions(provider.strangers(rules.keys()), rules, ports.labels)
    except ProviderError as error:
        raise ClusterError(f"the snapshots cannot be listed: {error}") from None
    return [Adopted(one, _label(provider, one) if apply else "") for one in found]


def _rules(settings: Settings, ports: Ports, only: Only) -> dict[Disk, list[Rule]]:
    """Read the rules of the disks that are selected."""
    rules = group_rules(read_rules_of(settings, ports).ruleset.rules)
    return {disk: found for disk, found in rules.items() if only.selects(disk, found)}


def _label(provider: Adopter, adoption: Adoption) -> str:
    """Label a snapshot, unless it is left; give why that failed, if it did."""
    if not adoption.labels:
        return ""
    try:
        provider.adopt(adoption.snapshot, adoption.labels)
    except ProviderError as error:
        return str(error)
    log.info("adopted %s", adoption.snapshot.id)
    return ""


def rows(done: Iterable[Adopted], *, applied: bool) -> list[dict[str, str]]:
    """Tell what became of each snapshot, for tables and programs."""
    found = []
    for adoption, error in done:
        snapshot, what = adoption.snapshot, adoption.why
        if adoption.labels:
            done_so = "tagged" if adoption.why == TAG else "adopted"
            what = f"failed: {error}" if error else done_so if applied else f"would be {done_so}"
        found.append({
            "disk": snapshot.disk.id,
            "snapshot": snapshot.id,
            "started": snapshot.started.isoformat(),
            "what": what,
        })  # fmt: skip
    return found
