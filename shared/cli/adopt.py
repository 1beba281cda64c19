"""The command `adopt`: label snapshots that others made, with the rights of whoever runs it."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from shared.errors import ClusterError, ProviderError, RequestError
from shared.model import Disk, Rule
from shared.passes.listings import snapshots_of
from shared.passes.run import read_rules_of
from shared.passes.world import Ports
from shared.planning.adopt import TAG, Adoption, adoptions, takeovers
from shared.planning.histories import group_rules
from shared.ports import Adopter
from shared.request import Only
from shared.settings import Settings
from shared.text import counted

log = logging.getLogger(__name__)


class Adopted(NamedTuple):
    """What was decided over a snapshot, and why it could not be done; empty where it was."""

    adoption: Adoption
    error: str


def adopt(
    settings: Settings, ports: Ports, only: Only, *, apply: bool, from_cluster: str = ""
) -> list[Adopted]:
    """Label, or just show, what may be adopted; with `from_cluster` that cluster's snapshots.

    Raises:
        PassError: where rules or snapshots cannot be had.
    """
    provider = ports.provider
    if not isinstance(provider, Adopter):
        raise RequestError(f"{provider.name} cannot adopt")
    rules = _rules(settings, ports, only)
    if only and not rules:
        log.warning("the selection names no disk that has a rule")
    log.info("looking for snapshots of %s", counted(len(rules), "disk"))
    try:
        if from_cluster:
            found = _of_cluster(from_cluster, rules, ports)
        else:
            found = adoptions(provider.strangers(rules.keys()), rules, ports.labels)
    except ProviderError as error:
        raise ClusterError(f"the snapshots cannot be listed: {error}") from None
    return [Adopted(one, _label(provider, one) if apply else "") for one in found]


def _of_cluster(cluster: str, rules: Mapping[Disk, Sequence[Rule]], ports: Ports) -> list[Adoption]:
    """List the snapshots of another cluster, such as this one under an earlier name."""
    if not ports.labels.cluster or cluster == ports.labels.cluster:
        raise RequestError("--from-cluster names another cluster than this one, CLUSTER_ID this")
    listings = ports.provider.list(sorted({disk.scope for disk in rules}))
    for listing in listings:
        if not listing.complete:
            raise ClusterError(
                f"the snapshots of {listing.scope} cannot be listed: {listing.error}"
            )
    return takeovers(snapshots_of(listings), rules, ports.labels, cluster)


def _rules(settings: Settings, ports: Ports, only: Only) -> dict[Disk, list[Rule]]:
    """Read the rules of the disks that are selected."""
    rules = group_rules(read_rules_of(settings, ports).ruleset.rules)
    selected = {disk: found for disk, found in rules.items() if only.selects(disk, found)}
    only.refuse_doubtful(selected)
    return selected


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
