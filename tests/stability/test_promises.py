"""What docs/upgrading.md promises is kept.

Additions pass, with a warning that says how they become promises too. To break a promise on
purpose, in a new major version, delete its file and record it anew.
"""

import json
import os
import re
import warnings

import pytest

from tests.stability.compare import Interface, added, broken
from tests.stability.interfaces import PROMISES
from tools.docs import ROOT

FOLDER = ROOT / "tests" / "golden" / "stable"
HINT = "UPDATE_STABLE=1 python -m pytest tests/stability"
UPDATING = bool(os.environ.get("UPDATE_STABLE"))


def write(name: str, interface: Interface) -> None:
    """Record an interface, a line for each thing, so that a change shows as a line."""
    lines = (f"  {json.dumps(k)}: {json.dumps(v, sort_keys=True)}" for k, v in
             sorted(interface.items()))  # fmt: skip
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


def read(name: str) -> Interface:
    found: Interface = json.loads((FOLDER / f"{name}.json").read_text())
    return found


@pytest.mark.parametrize("name", PROMISES)
def test_a_promise_is_kept(name: str) -> None:
    """Nothing that was recorded is removed, means something else, or is newly required."""
    present = PROMISES[name].present()
    if UPDATING and not (FOLDER / f"{name}.json").exists():
        write(name, present)
    promised = read(name)
    assert broken(promised, present, PROMISES[name].read) == []
    if new := added(promised, present):
        if UPDATING:
            write(name, present)
        else:
            warnings.warn(f"{name}: not promised yet: {', '.join(new)}. Run {HINT}", stacklevel=1)


def test_the_page_names_each_promise() -> None:
    """docs/upgrading.md links each file that is compared, and there is no other."""
    page = (ROOT / "docs" / "upgrading.md").read_text()
    linked = set(re.findall(r"\(\.\./tests/golden/stable/([-a-z]+)\.json\)", page))
    assert linked == set(PROMISES) == {path.stem for path in FOLDER.glob("*.json")}
    assert HINT in page


#: A thing that the code has, by promise: if one is missed the interface is not read at all.
SEEN = {
    "annotations-and-labels": ["annotation backup.kubernetes.io/window", "label created-by"],
    "command-line": ["plan --rules", "restore --at", "plan --output=json", "snapshots"],
    "custom-resources": [
        "SnapshotRule as sr",
        "SnapshotRule/v1.spec.deltas",
        "SnapshotRule/v1.spec.disk.volumeId",
        "SnapshotPolicy/v1.spec.deltas",
    ],
    "exit-statuses": ["interrupted"],
    "metrics": ["DisksOverdue", "MirrorAge", "SnapshotAge", "namespace K8sSnapshots"],
    "payload": ["mode=backfill", "only.namespaces", "release_holds"],
    "report": ["pass", "outcome=partial", "summary.created", "creations[].disk", "omitted"],
    "settings": ["aws REGIONS", "gcp PROJECTS", "aws ORPHANS=expire", "gcp MIRROR_URL"],
    "state": ["state.attempts{}.at", "known.disks{}[0]", "read.version"],
    "terraform-outputs": ["aws.role_arn", "gcp.function_uri"],
    "terraform-variables": ["aws.cluster_name", "gcp.project_id"],
}


@pytest.mark.parametrize("name", PROMISES)
def test_an_interface_is_read_to_its_depth(name: str) -> None:
    """So that no promise is empty, and fields of fields are compared too."""
    assert set(SEEN[name]) <= PROMISES[name].present().keys()


def test_what_is_promised_of_a_thing() -> None:
    """Its type, its default where users rely on it, and whether it must be given."""
    settings = PROMISES["settings"].present()
    assert settings["aws SETTLE_AFTER"] == {"type": "string duration", "default": "P14D"}
    variables = PROMISES["terraform-variables"].present()
    assert variables["gcp.project_id"] == {"type": "string", "required": True}
    assert variables["aws.paused"] == {"type": "bool"}
    assert PROMISES["report"].present()["summary.created"] == {"type": "integer"}
    rule = PROMISES["custom-resources"].present()
    assert rule["SnapshotRule"] == {"type": "Namespaced snapshotrules.k8s-snapshots.elsdoerfer.com"}
