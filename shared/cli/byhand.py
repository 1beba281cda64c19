"""The commands that only people run, with their own credentials: adopt and restore."""

import argparse
import json
import logging
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shared.errors import ClusterError, ProviderError, RequestError
from shared.model import Disk, Rule
from shared.objects import Objects
from shared.passes.run import Ports, read_rules_of
from shared.planning.adopt import Adoption, adoptions
from shared.planning.plan import group_rules
from shared.ports import Adopter
from shared.request import Only
from shared.restore.choose import find, scopes_of
from shared.restore.manifests import restore, to_yaml
from shared.restore.manifests import to_builtins as restored
from shared.restore.origins import parse_restore, read_origins
from shared.settings import Settings
from shared.text import words

log = logging.getLogger(__name__)


def add_adopt(command: argparse.ArgumentParser) -> None:
    """Add the arguments of adopt, beside the common ones."""
    command.add_argument(
        "--apply", action="store_true", help="label them; without it they are only shown"
    )


def add_restore(command: argparse.ArgumentParser) -> None:
    """Add the arguments of restore, beside the common ones."""
    helps = {
        "--claim": ("NAMESPACE/NAME", "the claim whose data is to be restored; or"),
        "--volume": ("NAME", "a PersistentVolume, or"),
        "--disk": ("ID", "a disk that a rule names"),
        "--at": ("TIME", "the newest snapshot begun by then, as 2026-11-22T06:00Z"),
        "--snapshot": ("ID", "this snapshot; without either the newest completed one"),
        "--name": ("NAME", "of the new claim (default: the old one's, restored, and the time)"),
        "--namespace": ("NAMESPACE", "of the new claim (default: that of the old one)"),
        "--size": ("SIZE", "of the new claim, as 200Gi (default: the larger of snapshot and "
                   "volume)"),
    }  # fmt: skip
    for name, (metavar, text) in helps.items():
        dest = "into" if name == "--namespace" else name.removeprefix("--")
        command.add_argument(name, metavar=metavar, help=text, dest=dest)
    command.add_argument(
        "--scope",
        action="append",
        default=[],
        help="a region or project to look in, where nothing tells where the disk was",
    )


def run_adopt(
    settings: Settings, ports: Ports, arguments: argparse.Namespace, only: Only
) -> Sequence[tuple[Adoption, str]]:
    """Label, or just show, what may be adopted; give each with what went wrong.

    Raises:
        PassError: where rules or snapshots cannot be had.
    """
    provider = ports.provider
    if not isinstance(provider, Adopter):
        raise RequestError(f"{provider.name} cannot adopt")
    rules = _selected(group_rules(read_rules_of(settings, ports).ruleset.rules), only)
    if only and not rules:
        log.warning("the selection names no disk that has a rule")
    log.info("looking for snapshots of %d disks", len(rules))
    try:
        found = adoptions(provider.strangers(rules.keys()), rules, ports.labels)
    except ProviderError as error:
        raise ClusterError(f"the snapshots cannot be listed: {error}") from None
    done = []
    for adoption in found:
        failed = ""
        if arguments.apply and adoption.labels:
            try:
                provider.adopt(adoption.snapshot, adoption.labels)
                log.info("adopted %s", adoption.snapshot.id)
            except ProviderError as error:
                failed = str(error)
        done.append((adoption, failed))
    return done


def _selected(rules: Mapping[Disk, list[Rule]], only: Only) -> dict[Disk, list[Rule]]:
    return {disk: found for disk, found in rules.items() if only.selects(disk, found)}


def run_restore(ports: Ports, arguments: argparse.Namespace) -> int:
    """Print the manifests that bring a snapshot back.

    Raises:
        PassError: where nothing fits what was asked for, with what would.
    """
    names = ("claim", "volume", "disk", "at", "snapshot", "name", "into", "size")
    now = ports.clock.now()
    request = parse_restore(now, **{name: getattr(arguments, name) for name in names})
    origins = read_origins(_objects(ports), ports.provider.volumes, ports.provider.locate)
    scopes = sorted({*arguments.scope, *scopes_of(request, origins)} or {*ports.scopes})
    if not scopes:
        raise RequestError(
            f"nothing tells where the disk of {request} was; name a region or project by --scope"
        )
    listings = ports.provider.list(scopes)
    missing = "; ".join(listing.error for listing in listings if not listing.complete)
    listed = [snapshot for listing in listings for snapshot in listing.snapshots]
    try:
        chosen = find(request, listed, origins, ports.labels, now)
    except RequestError as error:
        if missing:
            raise RequestError(f"{error}; but the listing is incomplete: {missing}") from None
        raise
    size = f"{chosen.size}Gi" if chosen.size else None
    found = restore(request, chosen, origins, ports.labels, now, size=size, missing=missing)
    if arguments.json:
        print(json.dumps(restored(found), indent=2, ensure_ascii=False))  # noqa: T201
    else:
        sys.stdout.write(to_yaml(found))
    return 0


def _objects(ports: Ports) -> Objects | None:
    """Read the cluster, or the mirror where it is gone; None where both are."""
    sources: list[Any] = [ports.source]
    if ports.shelf and ports.source.live:
        sources.append(ports.shelf.mirror)
    for source in sources:
        try:
            found: Objects = source.read()
        except ClusterError as error:
            log.warning("%s", error)
            continue
        if found.age is not None:
            log.warning("volumes and claims are those of the mirror, %s old", words(found.age))
        return found
    return None


def rows(done: Iterable[tuple[Adoption, str]], applied: bool) -> list[dict[str, str]]:
    """Tell what became of each snapshot, for tables and programs."""
    found = []
    for adoption, failed in done:
        snapshot, what = adoption.snapshot, adoption.why
        if adoption.labels:
            what = f"failed: {failed}" if failed else "adopted" if applied else "would be adopted"
        found.append({
            "disk": snapshot.disk.id,
            "snapshot": snapshot.id,
            "started": snapshot.started.isoformat(),
            "what": what,
        })  # fmt: skip
    return found
