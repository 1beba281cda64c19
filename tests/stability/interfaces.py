"""What users rely on, read off the code, the manifests and the Terraform modules."""

import argparse
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple

import msgspec
import yaml

from functions.aws.settings import AWSSettings
from functions.gcp.settings import GCPSettings
from shared import kinds
from shared.bucket import lease
from shared.cli import commands, status
from shared.cli.arguments import parser
from shared.environment import describe
from shared.passes.trust import _Doubt
from shared.planning import labels
from shared.reports import metrics, schema
from shared.request import Request
from shared.rules import known
from shared.settings import Settings
from tests.stability.compare import Interface
from tests.stability.schemas import flatten
from tools import hcl
from tools.docs import ROOT


class Promise(NamedTuple):
    """One interface; `read` tells that users read it, and do not write it."""

    present: Callable[[], Interface]
    read: bool


def report() -> Interface:
    """Read the answer of a pass."""
    return flatten(schema.json_schema())


def payload() -> Interface:
    """Read what an invocation may ask for."""
    return flatten(msgspec.json.schema(Request))


def state() -> Interface:
    """Read what passes keep in the bucket; going back, an earlier version reads a later one's."""
    found: Interface = {
        f"state.kind={lease.KIND}": {},
        f"known.kind={known.KIND}": {},
    }
    for name, kind in {"state": lease._State, "known": known.Known, "read": _Doubt}.items():
        fields = flatten(msgspec.json.schema(kind))
        found |= {f"{name}.{path}": promise for path, promise in fields.items()}
    return found


def settings() -> Interface:
    """Read environment variables, with their types and defaults, cloud by cloud."""
    found: Interface = {}
    clouds: dict[str, type[Settings]] = {"aws": AWSSettings, "gcp": GCPSettings}
    for cloud, kind in clouds.items():
        fields = flatten(msgspec.json.schema(kind))
        defaults = {name: default for name, default, _ in describe(kind)}
        for path, promise in fields.items():
            name = path.split("=")[0].split("[")[0]
            key = f"{cloud} {path.replace(name, name.upper(), 1)}"
            found[key] = promise | ({"default": defaults[name.upper()]} if name == path else {})
    return found


def keys() -> Interface:
    """Read annotations in the cluster, and labels on snapshots."""
    deltas = msgspec.structs.fields(Settings)
    defaults = {field.name: field.default for field in deltas}
    annotations = [defaults["deltas_annotation_key"], kinds.POLICY_ANNOTATION, kinds.WINDOW]
    on_snapshots = [*labels.OWN, labels.KEEP, labels.NAME, defaults["snapshot_author_label_key"]]
    names = [f"annotation {key}" for key in annotations]
    return {name: {} for name in [*names, *(f"label {key}" for key in on_snapshots)]}


def exit_statuses() -> Interface:
    """Read what the command ends with."""
    found = {
        "done": commands.DONE,
        "some disks failed": commands.SOME_FAILED,
        "could not do its work": commands.NOT_DONE,
        "wrong usage": commands.WRONG_USAGE,
        "interrupted": commands.INTERRUPTED,
        "plan --detailed-exitcode: something to do": commands.SOMETHING_TO_DO,
        "status --monitor: ok": status.OK,
        "status --monitor: warning": status.WARNING,
        "status --monitor: critical": status.CRITICAL,
        "status --monitor: unknown": status.UNKNOWN,
    }
    return {what: {"type": str(number)} for what, number in found.items()}


def command_line() -> Interface:
    """Read commands and their options, and what each takes."""
    found: Interface = {}
    outer = parser("x", ["aws", "gcp"])
    (inner,) = (a for a in outer._actions if isinstance(a, argparse._SubParsersAction))
    for name, command in inner.choices.items():
        found[name] = {}
        for action in command._actions:
            takes = "nothing" if action.nargs == 0 else "a value"
            for option in action.option_strings:
                found[f"{name} {option}"] = {"type": takes} | (
                    {"required": True} if action.required else {}
                )
            for choice in action.choices or () if action.option_strings else ():
                found[f"{name} {action.option_strings[-1]}={choice}"] = {}
    return found


def metric_names() -> Interface:
    """Read metrics with their units, their namespace and dimensions."""
    now = datetime.now(UTC)
    written = schema.Report(
        pass_id="x", version="x", mode="reconcile", provider="aws", cluster="x", rules_from="x",
        outcome="completed", started=now, finished=now + timedelta(seconds=1), mirror_age=1.0,
        summary=schema.Summary(),
    )  # fmt: skip
    disk = SimpleNamespace(disk=SimpleNamespace(id="x"), newest=now)
    plan: Any = SimpleNamespace(now=now, disks=[disk])
    found = [*metrics.of_report(written), *metrics.of_failure()]
    found += [metric for _, metric in metrics.of_disks(written, plan)]
    names: Interface = {metric.name: {"type": metric.unit} for metric in found}
    return names | {
        f"namespace {metrics.NAMESPACE}": {},
        f"dimension {metrics.DIMENSION}": {},
        f"dimension {metrics.DISK}": {},
    }


def resources() -> Interface:
    """Read the custom resources: their names, and the fields of each version."""
    found: Interface = {}
    for crd in yaml.safe_load_all((ROOT / "manifests" / "crd.yaml").read_text()):
        spec, kind = crd["spec"], crd["spec"]["names"]["kind"]
        found[kind] = {"type": f"{spec['scope']} {crd['metadata']['name']}"}
        found |= {f"{kind} as {name}": {} for name in spec["names"].get("shortNames", ())}
        for version in spec["versions"]:
            at = f"{kind}/{version['name']}"
            found[at] = {"type": "served" if version["served"] else "not served"}
            fields = flatten(version["schema"]["openAPIV3Schema"])
            found |= {f"{at}.{path}": promise for path, promise in fields.items()}
    return found


def variables() -> Interface:
    """Read the inputs of the Terraform modules."""
    found: Interface = {}
    for cloud in ("aws", "gcp"):
        for variable in hcl.variables(ROOT / "terraform" / cloud):
            needed = variable.default == hcl.REQUIRED
            promise = {"type": variable.type} | ({"required": True} if needed else {})
            found[f"{cloud}.{variable.name}"] = promise
    return found


def outputs() -> Interface:
    """Read what the Terraform modules give back."""
    return {
        f"{cloud}.{output.name}": {}
        for cloud in ("aws", "gcp")
        for output in hcl.outputs(ROOT / "terraform" / cloud)
    }


PROMISES = {
    "annotations-and-labels": Promise(keys, read=True),
    "command-line": Promise(command_line, read=False),
    "custom-resources": Promise(resources, read=False),
    "exit-statuses": Promise(exit_statuses, read=True),
    "metrics": Promise(metric_names, read=True),
    "payload": Promise(payload, read=False),
    "report": Promise(report, read=True),
    "settings": Promise(settings, read=False),
    "state": Promise(state, read=False),
    "terraform-outputs": Promise(outputs, read=True),
    "terraform-variables": Promise(variables, read=False),
}
