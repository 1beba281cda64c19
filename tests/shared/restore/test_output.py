"""What is printed is safe, whatever names and labels say, and is what the documents show."""

import json
import re
import shlex
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from functions.aws.volumes import EBSVolumes
from functions.gcp.volumes import PersistentDisks
from shared.errors import RequestError
from shared.model import Disk
from shared.planning.labels import CLAIM, CLUSTER, NAMESPACE, VOLUME
from shared.restore.choose import find
from shared.restore.manifests import restore
from shared.restore.output import to_builtins, to_yaml
from shared.restore.request import RestoreRequest, parse_restore
from shared.restore.volumes import read_cluster_volumes
from shared.sources.file import RulesFile
from tests.shared import objects_builders as objects
from tests.shared.builders import NOW
from tests.shared.restore.builders import (
    GOOGLE_DISK,
    ID,
    LABELS,
    ON_GOOGLE,
    claim_of,
    made,
    of_data,
)

ROOT = Path(__file__).parents[3]
DOC = ROOT / "docs" / "restore.md"

TEXTS = st.text(max_size=300)
NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,60}[a-z0-9])?", fullmatch=True)
DOTTED = st.lists(NAMES, min_size=1, max_size=4).map(
    lambda words: ".".join(words)[:253].strip(".-")
)
VALID = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
DISKS = st.sampled_from([objects.DISK, GOOGLE_DISK])


@given(
    namespace=NAMES,
    claim=st.one_of(NAMES, DOTTED, st.sampled_from(["1e3", "0o7", "y", "null", "on", "0x1f"])),
    name=st.one_of(st.just(""), NAMES, DOTTED),
    into=st.one_of(st.just(""), NAMES),
    id=TEXTS.filter(bool),
    on=DISKS,
    junk=TEXTS,
    seconds=st.integers(0, 10**8),
)
def test_anything_makes_valid_manifests_that_touch_nothing(
    namespace: str,
    claim: str,
    name: str,
    into: str,
    id: str,  # noqa: A002
    on: Disk,
    junk: str,
    seconds: int,
) -> None:
    """Names are valid, YAML reads back as it was, the handle is exact, and Retain always."""
    request = RestoreRequest(namespace=namespace, claim=claim, name=name, into=into)
    labels = {NAMESPACE: junk, CLAIM: junk, VOLUME: junk, CLUSTER: junk}
    chosen = of_data(id, timedelta(seconds=seconds), on=on, labels=labels)
    if (into or namespace, name) == (namespace, claim):
        with pytest.raises(RequestError, match="is not to be touched"):
            made(request, chosen, [])
        return
    found = made(request, chosen, [], missing=junk)
    content, volume_snapshot, made_claim = found.manifests
    expected = id if on.provider == "aws" else f"projects/acme-data/global/snapshots/{id}"
    assert content["spec"]["source"] == {"snapshotHandle": expected}
    assert content["spec"]["deletionPolicy"] == "Retain"
    for manifest in found.manifests:
        assert VALID.fullmatch(manifest["metadata"]["name"])
        assert len(manifest["metadata"]["name"]) <= 253
    given_to = {"namespace": into or namespace, "name": made_claim["metadata"]["name"]}
    assert volume_snapshot["metadata"] == made_claim["metadata"] == given_to
    assert given_to != {"namespace": namespace, "name": claim}
    reference = content["spec"]["volumeSnapshotRef"]
    assert {key: reference[key] for key in given_to} == given_to
    assert volume_snapshot["spec"]["source"] == {
        "volumeSnapshotContentName": content["metadata"]["name"]
    }
    text = to_yaml(found)
    assert list(yaml.safe_load_all(text)) == list(found.manifests)
    assert all(line.isprintable() for line in text.splitlines())
    head = text.partition("---\n")[0].splitlines()
    assert all(line.startswith("# ") for line in head)
    assert json.loads(json.dumps(to_builtins(found)))["manifests"]["items"] == list(found.manifests)


@given(claim=TEXTS, volume=TEXTS, namespace=TEXTS)
def test_labels_that_anybody_wrote_make_valid_names_or_are_refused(
    claim: str, volume: str, namespace: str
) -> None:
    labels = {NAMESPACE: namespace, CLAIM: claim, VOLUME: volume}
    try:
        found = made(RestoreRequest(disk=objects.VOL), of_data(labels=labels), [])
    except RequestError:
        assert not VALID.fullmatch(namespace) or len(namespace) > 63 or "." in namespace
        return
    name = claim_of(found)["metadata"]["name"]
    assert VALID.fullmatch(name)
    assert len(name) <= 63
    assert (namespace, name) != (namespace, claim)


@pytest.mark.parametrize("word", ["y", "N", "yes", "null", "1e3", "0o7", "0x1f", "123", "1.5", ""])
def test_texts_that_other_readers_take_for_something_else_are_quoted(word: str) -> None:
    found = made(found=of_data(word))
    assert f'snapshotHandle: "{word}"\n' in to_yaml(found)


def test_a_command_quotes_nothing_that_a_shell_obeys() -> None:
    found = made(found=of_data("snap; reboot"))
    assert not [how for _, how in found.commands if "reboot" in how]
    (keep, *_) = [how for _, how in made().commands]
    assert shlex.split(keep)[-1] == "Key=k8s-snapshots-keep,Value=true"
    on_google = made(found=of_data("s-1", on=GOOGLE_DISK), known=[], labels=ON_GOOGLE)
    keep = on_google.commands[0][1]
    assert keep.startswith(
        "gcloud compute snapshots add-labels s-1 --project=acme-data --labels=k8s-"
    )


def example(provider: str) -> str:
    """Restore the first claim of the demo cluster."""
    google = provider == "google"
    file = f"demo-cluster{'-google' if google else ''}.yaml"
    read = RulesFile(str(ROOT / "examples" / file)).read()
    known = read_cluster_volumes(read, PersistentDisks("acme-data") if google else EBSVolumes())
    labels = ON_GOOGLE if google else LABELS
    (on,) = [o.disk for o in known if o.claim == "postgres-data" and o.disk]
    id = "shop-pvc-postgres-data-150626-110000" if google else ID  # noqa: A001
    request = parse_restore(NOW, claim="shop/postgres-data")
    chosen = find(request, [of_data(id, on=on, labels={})], known, labels, NOW)
    return to_yaml(restore(request, chosen, known, labels, NOW, size="200Gi"))


@pytest.mark.parametrize("provider", ["aws", "google"])
def test_the_examples_are_what_is_printed(provider: str) -> None:
    assert (ROOT / "examples" / "restore" / f"{provider}.yaml").read_text() == example(provider)


def test_the_document_shows_what_is_printed() -> None:
    assert f"```yaml\n{example('aws')}```\n" in DOC.read_text()
