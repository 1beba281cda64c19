"""The mistakes that people make: each says what is wrong, where, and what would be right."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from functions.aws.settings import AWSSettings
from functions.aws.wiring import build as build_aws
from functions.which_cloud import CLOUDS, which_cloud
from shared.cli.main import main
from shared.environment import describe, load
from shared.settings import Settings
from tests.shared.fake_cloud import FakeCloud, FakeCluster, ports
from tests.shared.objects_builders import claim, volume

CLUSTER = FakeCluster(claim(deltas="P1D P7D"), volume())

#: What is typed, the exit status, and what stands in the answer's first line that is no usage.
MISTAKES = [
    ("", 3, "the following arguments are required: COMMAND"),
    ("pln", 3, "Did you mean plan?"),
    ("destroy", 3, "invalid choice: 'destroy' (choose from 'plan'"),
    ("plan --onyl claims=shop/data", 3, "claims=shop/data. Did you mean --only?"),
    ("plan --jsno", 3, "Did you mean --json?"),
    ("plan extra", 3, "unrecognized arguments: extra"),
    ("plan --rules", 3, "argument --rules: expected one argument"),
    ("plan -n", 3, "argument -n/--namespace: expected one argument"),
    ("plan -o xml", 3, "choose from 'table', 'wide', 'json', 'yaml', 'name'"),
    ("check -o name", 3, "choose from 'table', 'json', 'yaml'"),
    ("restore --claim shop/data -o table", 3, "choose from 'yaml', 'json'"),
    ("plan --cloud azure", 3, "choose from 'aws', 'gcp'"),
    ("completion", 3, "the following arguments are required: SHELL"),
    ("completion tcsh", 3, "choose from 'bash', 'zsh', 'fish'"),
    ("html", 3, "the following arguments are required: FILE"),
    ("html /no/such/folder/x.html", 3, "there is no folder /no/such/folder"),
    ("deltas", 3, "the following arguments are required: DELTAS"),
    ("deltas P1D", 3, "at least two"),
    ("deltas '1h 1d'", 3, "'1h' is not an ISO 8601 duration; write PT30M for 30 minutes"),
    ("deltas 'P1D P7O'", 3, "'P7O' is not an ISO 8601 duration"),
    ("deltas 'P1D P7D' --change much", 3, "--change"),
    ("deltas 'P1D P7D' --size big", 3, "--size"),
    ("deltas 'P1D P7D' --compare P1D", 3, "--compare"),
    ("plan --only shop", 3, "--only shop: write KEY=VALUE[,VALUE], KEY being one of"),
    ("plan --only claim=shop/data", 3, "KEY being one of namespaces, rules, disks, scopes, claims"),
    ("plan --only claims=", 3, "--only claims=: write KEY=VALUE"),
    ("plan --claim data", 3, "--claim data: write NAMESPACE/NAME, as shop/data"),
    ("plan --claim shop/data/x", 3, "--claim shop/data/x: write NAMESPACE/NAME"),
    ("plan -n ''", 3, "-n is given no name; leave it out to select all namespaces"),
    ("plan -A -n shop", 3, "-A is all namespaces and -n is one of them"),
    ("reconcile --release-holds", 3, "--release-holds needs -n, --claim or --only"),
    ("reconcile --accept-rules -n shop", 3, "--accept-rules is about all rules: leave out -n"),
    ("backfill --keep-for P2W", 3, "--keep-for is for forced snapshots; say --force as well"),
    ("backfill --force --keep-for 2weeks", 3, "--keep-for: "),
    ("status --watch --monitor", 3, "--watch and --monitor do not go together"),
    ("status --watch -o json", 3, "--watch is for people: leave out -o json, or --watch"),
    ("status --watch 1", 3, "argument --watch: '1': write seconds, from 5 to 86400, such as 60"),
    ("status --watch --rules -", 3, "name a file, not --rules -"),
    ("coverage --only disks=vol-1", 3, "select them by -n, --claim, or --only namespaces="),
    ("plan --rules /no/such.yaml", 2, "/no/such.yaml cannot be read: No such file or directory"),
    ("plan --rules {broken}", 2, "broken.yaml"),
    ("restore --claim shop/daat", 2, "did you mean shop/data?"),
    ("restore --claim data", 2, "NAMESPACE/NAME"),
    ("restore --claim shop/data --at yesteday", 2, "yesteday"),
    ("restore --claim shop/data --at 2026-13-01", 2, "2026-13-01"),
    ("restore", 2, "--claim"),
    ("restore --claim shop/data --disk vol-1", 2, "--disk"),
    ("list --claim shop/daat", 0, "no snapshot of claim shop/daat; did you mean shop/data?"),
]  # fmt: skip

#: Settings that cannot be used: variables, and what stands in the only line.
SETTINGS = [
    (
        {"SCHEDULE_PERIOD": "5m"},
        "SCHEDULE_PERIOD must be an ISO 8601 duration such as PT5M (is '5m')",
    ),
    ({"LOG_LEVEL": "loud"}, "DEBUG, INFO, WARNING or ERROR (is 'loud')"),
    ({"TZ": "Mars"}, "a name such as Europe/Berlin (is 'Mars')"),
    ({"EXTRA_TAGS": "{broken"}, "EXTRA_TAGS must be one such as"),
    ({"AWS_PROFILE": "typo"}, "AWS_PROFILE cannot be used"),
]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, _, _ in describe(AWSSettings):
        monkeypatch.delenv(name, raising=False)


def ended(words: list[str], build: Any, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Give the status, and the first line on standard error that is no usage."""
    try:
        status = main("k8s-snapshots", build, words, CLOUDS)
    except SystemExit as end:
        status = int(str(end.code))
    err = capsys.readouterr().err
    assert "Traceback" not in err
    said = [t for t in err.splitlines() if not t.startswith(("usage:", " "))]
    return status, said[0] if said else ""


@pytest.mark.parametrize(("typed", "status", "first"), MISTAKES, ids=lambda value: str(value))
def test_a_mistake_is_told(
    typed: str, status: int, first: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """By the status that scripts see, and a line for people."""
    (tmp_path / "broken.yaml").write_text("kind: List\n  items: [")

    def build(environ: Mapping[str, str], source: Any, cloud: str = "") -> Any:
        world = ports(CLUSTER, FakeCloud())
        return load(Settings, environ), world._replace(source=source or CLUSTER)

    words = shlex.split(typed.format(broken=tmp_path / "broken.yaml"))
    found, line = ended(words, build, capsys)
    assert (status, True) == (found, first in line), (found, line)


@pytest.mark.parametrize(("environment", "first"), SETTINGS, ids=lambda value: str(value))
def test_a_wrong_setting_is_told(
    environment: dict[str, str],
    first: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With its name, and what would do."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def build(environ: Mapping[str, str], source: Any, cloud: str = "") -> Any:
        return build_aws(environ, source)

    status, line = ended(["plan"], build, capsys)
    assert (2, True) == (status, first in line), line


@pytest.mark.parametrize("given", [{}, {"REGIONS": "eu-west-1", "GCLOUD_PROJECT": "acme"}])
def test_no_cloud_and_two_clouds_are_told(
    given: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Both ask for --cloud."""

    def build(environ: Mapping[str, str], source: Any, cloud: str = "") -> Any:
        return which_cloud(given, source)

    status, line = ended(["plan"], build, capsys)
    assert 3 == status
    assert "say --cloud aws or --cloud gcp" in line
