"""Which way into the cluster the settings choose, and what the cluster is called by it."""

from pathlib import Path
from typing import Any

import pytest

from shared.access.connect import in_cluster_client
from shared.access.ways import Way, choose, find
from shared.environment import load
from shared.errors import SettingsError
from shared.kinds import WINDOW
from shared.settings import Settings
from shared.sources.file import RulesFile
from tests.emulators.kube import Kube
from tests.shared.objects_builders import DELTAS, KEY, annotated, volume

FILE, SECRET, NAME = "KUBE_CONFIG_FILE", "KUBE_CONFIG_SECRET", "CLUSTER_NAME"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    with Kube() as kube:
        return kube.kubeconfig(tmp_path / "config", "of-the-kubeconfig")


class Cloud:
    """The ways of a cloud; `asked` is what was asked of it."""

    def __init__(self, config: Path) -> None:
        self.config, self.asked = config, list[str]()

    def secret(self, name: str) -> Any:
        self.asked.append(f"secret {name}")
        return self.config.read_text

    def managed(self, name: str) -> Way:
        self.asked.append(f"cluster {name}")
        return Way(lambda: f"way to {name}")


@pytest.fixture
def cloud(config: Path) -> Cloud:
    return Cloud(config)


@pytest.mark.parametrize(
    ("environ", "asked"),
    [
        ({}, []),
        ({NAME: "n"}, ["cluster n"]),
        ({SECRET: "s"}, ["secret s"]),
        ({SECRET: "s", NAME: "n"}, ["secret s"]),
        ({FILE: "f"}, []),
        ({FILE: "f", NAME: "n"}, []),
    ],
)
def test_file_before_secret_before_name(
    cloud: Cloud, environ: dict[str, str], asked: list[str]
) -> None:
    """The file, else the secret, else the cluster of the name; the others are not asked for."""
    way = choose(load(Settings, environ), cloud.secret, cloud.managed)
    assert asked == cloud.asked
    assert (way.connect is in_cluster_client) == (environ == {})


@pytest.mark.parametrize(
    ("environ", "label"),
    [
        ({FILE: "the config"}, "of-the-kubeconfig"),
        ({SECRET: "s"}, "of-the-kubeconfig"),
        ({SECRET: "s", NAME: "n"}, ""),
        ({SECRET: "s", "CLUSTER_ID": "i"}, ""),
        ({FILE: "/no/such", NAME: "n"}, ""),
        ({}, ""),
    ],
)
def test_the_kubeconfigs_name_is_the_last_resort(
    cloud: Cloud, config: Path, environ: dict[str, str], label: str
) -> None:
    """The kubeconfig is read for its cluster's name only where no setting tells one."""
    values = {key: value.replace("the config", str(config)) for key, value in environ.items()}
    _, name = find(load(Settings, values), None, None, cloud.secret, cloud.managed)
    assert label == name


def test_rules_from_a_file_need_no_cluster(cloud: Cloud) -> None:
    """A given source is taken, and a name that is no cluster's is then only a label."""
    source = RulesFile("rules.yaml")
    found, _ = find(load(Settings, {NAME: "anything"}), source, None, cloud.secret, cloud.managed)
    assert source is found
    assert [] == cloud.asked


def test_file_and_secret_are_refused_together() -> None:
    """Two kubeconfigs may be of two clusters: neither is guessed."""
    with pytest.raises(SettingsError, match="KUBE_CONFIG_FILE and KUBE_CONFIG_SECRET are both set"):
        load(Settings, {FILE: "f", SECRET: "s"})


@pytest.mark.parametrize("text", ["apiVersion: v1\nusers: s3cr3t", "s3cr3t" * 200, "a s3cr3t"])
def test_the_secrets_contents_are_not_its_name(text: str) -> None:
    """Where a platform puts the secret itself into the variable, it is refused and not shown."""
    with pytest.raises(SettingsError) as caught:
        load(Settings, {SECRET: text})
    assert "s3cr3t" not in str(caught.value)
    assert "KUBE_CONFIG_SECRET must be the name of a secret" in str(caught.value)


def test_an_arn_gives_its_last_part(tmp_path: Path) -> None:
    """`aws eks update-kubeconfig` names clusters by their ARN, which no label needs."""
    arn = "arn:aws:eks:eu-west-1:123456789012:cluster/production"
    with Kube() as kube:
        path = kube.kubeconfig(tmp_path / "config", arn)
    settings = load(Settings, {FILE: str(path)})
    assert "production" == find(settings, None, None, lambda _: str, lambda _: Way(str))[1]


def test_deltas_and_windows_are_kept_of_annotations(tmp_path: Path) -> None:
    """What a live read trims away no pass goes by."""
    item = annotated(volume(deltas=DELTAS), window="01:00-05:00", other="x")
    with Kube([item]) as kube:
        settings = load(Settings, {FILE: str(kube.kubeconfig(tmp_path / "config"))})
        source, _ = find(settings, None, None, lambda _: str, lambda _: Way(str))
        (found,) = source.read().volumes
    assert {KEY: DELTAS, WINDOW: "01:00-05:00"} == found.metadata.annotations
