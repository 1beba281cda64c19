"""The real terraform on modules and examples; skipped where none can be run offline."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from shared.environment import load
from shared.request import parse_request
from tests.terraform.plans import MODULES, ROOT, Json, environment, need_terraform, plan, run
from tests.terraform.test_modules import CLOUDS
from tools.hcl import variables

need_terraform()

EXAMPLES = sorted((ROOT / "examples" / "terraform").glob("*/*"))


@pytest.fixture
def artefacts() -> None:
    """Have something to deploy: what is in it does not matter to a plan."""
    for name in ("aws.zip", "gcp.zip"):
        path = ROOT / "build" / name
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            path.write_bytes(b"no artefact")


@pytest.fixture
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Answer each download with a small artefact, and tell the URLs that were asked for."""
    artefact, asked = tmp_path / "artefact.zip", tmp_path / "asked"
    artefact.write_bytes(b"no artefact")
    asked.touch()
    curl = tmp_path / "bin" / "curl"
    curl.parent.mkdir()
    curl.write_text(
        "#!/bin/sh\n"
        'for last; do [ "$before" = --output ] && file=$last; before=$last; done\n'
        f'echo "$last" >> "{asked}"\n'
        f'cp "{artefact}" "$file"\n'
    )
    curl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{curl.parent}:{os.environ['PATH']}")
    sha256 = hashlib.sha256(artefact.read_bytes()).hexdigest()
    monkeypatch.setenv("TF_VAR_artefact_sha256", sha256)
    return asked


@pytest.mark.usefixtures("artefacts", "downloads")
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_an_example_is_applied_and_the_next_plan_is_empty(path: Path) -> None:
    """And formatted, valid and destroyed again."""
    done = run("--apply", "--fmt", str(path))
    assert 0 == done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("cloud", CLOUDS)
def test_three_clusters_share_a_bucket_and_a_state(
    cloud: str, downloads: Path, tmp_path: Path
) -> None:
    """Each has a function and a folder of its own; nobody reads another's."""
    file = tmp_path / "plan.json"
    root = ROOT / "examples" / "terraform" / cloud / "three-clusters"
    done = run("--no-test", "--plan-json", str(file), str(root))
    assert 0 == done.returncode, done.stdout + done.stderr
    assert "" == downloads.read_text()  # a plan downloads nothing
    planned = json.loads(file.read_text())["planned_values"]["root_module"]
    made = {module["address"]: module["resources"] for module in planned["child_modules"]}
    assert 3 == len(made)
    places = {mirror(resources, cloud) for resources in made.values()}
    assert 3 == len(places)
    assert 1 == len({place.split("/")[2] for place in places})


def mirror(resources: list[Json], cloud: str) -> str:
    """Tell the MIRROR_URL of a module's function."""
    kinds = {"aws": "aws_lambda_function", "gcp": "google_cloudfunctions2_function"}
    (values,) = [found["values"] for found in resources if found["type"] == kinds[cloud]]
    found = values["environment"][0]["variables"] if cloud == "aws" else (
        values["service_config"][0]["environment_variables"]
    )  # fmt: skip
    return str(found["MIRROR_URL"])


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_modules_own_tests_pass(cloud: str) -> None:
    """What is made, and what is refused with which message."""
    done = run("--fmt", str(MODULES / cloud))
    assert 0 == done.returncode, done.stdout + done.stderr
    assert "0 failed" in done.stdout


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_function_takes_its_environment(cloud: str) -> None:
    """Defaults are left to the function or said as it would; nothing else stands there."""
    found = environment(cloud)
    settings = load(CLOUDS[cloud], found)
    names = {field.upper() for field in settings.__struct_fields__}
    assert set(found) <= names
    assert settings.mirror_url.endswith("k8s-snapshots/rules.json.gz")


#: What each variable could be set to, other than its default.
OTHERWISE = {
    "cluster_id": "blue", "kube_config_secret": "kops", "use_claim_name": "true",
    "deltas_annotation_key": "example.com/deltas", "snapshot_author_label": "us",
    "snapshot_author_label_key": "owner", "keep_label": "keep",
    "snapshot_datetime_format": "%Y%m%d-%H%M%S", "schedule_period": "PT10M",
    "default_sources": '["namespaces","policies"]',
    "disk_rule_namespaces": '["kube-system","ops"]', "mirror_max_age": "PT6H",
    "settle_after": "P30D", "orphans": "expire", "orphan_grace": "P7D", "log_level": "DEBUG",
    "heartbeat_url": "https://example.com/h", "ping_url": "https://example.com/p",
    "regions": '["eu-west-1","us-east-1"]', "projects": '["acme-data","acme-more"]',
    "gcloud_project": "acme-more", "storage_location": "eu", "guest_flush": "true",
    "pass_deadline": "PT7M", "write_status": "true", "report_html": "true", "disk_metrics": "true",
    "snapshot_tag": "tagKeys/1=tagValues/2", "extra_tags": '{"cost":"42"}',
}  # fmt: skip


@pytest.mark.parametrize("cloud", CLOUDS)
def test_each_setting_reaches_the_function(cloud: str) -> None:
    """As the value that was meant."""
    names = {field.lower() for field in CLOUDS[cloud].__struct_fields__}
    names &= {variable.name for variable in variables(MODULES / cloud)}
    given = {name: OTHERWISE[name] for name in names - {"cluster_name", "rules_from"}}
    if cloud == "gcp":
        given["kube_config_secret"] = "projects/acme-data/secrets/kops"
    found = environment(cloud, **given)
    settings = load(CLOUDS[cloud], found)
    default = load(CLOUDS[cloud], {})
    same = {name for name in given if getattr(settings, name) == getattr(default, name)}
    assert set() == same
    mirror = load(CLOUDS[cloud], environment(cloud, rules_from="mirror"))
    assert "mirror" == mirror.rules_from


def test_schedules_on_aws_send_the_examples_events() -> None:
    """One for all, or one for each region, whose passes do not overlap."""
    assert [event("eventbridge-scheduler")] == sent_on_aws()
    regions = '["eu-west-1","us-east-1"]'
    one, other = sent_on_aws(regions=regions, schedule_per_region="true")
    assert event("eventbridge-scheduler-one-region") == one
    assert ("us-east-1",) == parse_request(json.loads(other)).only.scopes


def event(name: str) -> str:
    return (ROOT / "examples" / "events" / f"{name}.json").read_text().strip()


def sent_on_aws(**variables: str) -> list[str]:
    found = plan("aws", **variables)
    return sorted(v["target"][0]["input"] for a, v in found.items() if "_schedule.pass" in a)


def sent_on_google(**variables: str) -> list[tuple[str, str]]:
    found = plan("gcp", **variables)
    jobs = [v["http_target"][0] for a, v in found.items() if "scheduler_job.this" in a]
    return sorted((j["http_method"], base64.b64decode(j["body"]).decode()) for j in jobs)


def test_jobs_on_google_send_the_examples_request() -> None:
    """One for all, or one for each project."""
    request = json.loads(event("cloud-scheduler"))
    assert [(request["method"], request["body"])] == sent_on_google()
    projects = '["acme-more"]'
    bodies = [body for _, body in sent_on_google(projects=projects, schedule_per_project="true")]
    scopes = [parse_request(json.loads(body)).only.scopes for body in bodies]
    assert [("acme-data",), ("acme-more",)] == scopes


CHECKOV = os.environ.get("CHECKOV") or shutil.which("checkov")


@pytest.mark.skipif(not CHECKOV, reason="checkov is not installed")
@pytest.mark.parametrize("cloud", CLOUDS)
def test_checkov_finds_nothing_else(cloud: str) -> None:
    """But for a short list of exceptions, each with its reason."""
    config = MODULES / cloud / ".checkov.yaml"
    done = subprocess.run(
        [str(CHECKOV), "--directory", str(MODULES / cloud), "--config-file", str(config)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert 0 == done.returncode, done.stdout + done.stderr
