"""`restore` of a claim that is called otherwise: which there are, and where to look."""

from collections.abc import Mapping
from typing import Any

import pytest

from shared.cli.main import main
from shared.environment import load
from shared.settings import Settings
from tests.shared.fake_cloud import FakeCloud, FakeCluster, ports
from tests.shared.objects_builders import claim, volume

CLUSTER = FakeCluster(claim(deltas="P1D P7D"), volume())


@pytest.mark.parametrize("scope", [[], ["--scope", "eu-west-1"]])
def test_names_the_claims_that_there_are(
    scope: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Close ones first, and `list`; wherever it is noticed."""

    def build(environ: Mapping[str, str], source: object) -> Any:
        return load(Settings, environ), ports(CLUSTER, FakeCloud())

    status = main("k8s-snapshots", build, ["restore", "--claim", "shop/daat", *scope])
    _, err = capsys.readouterr()
    assert 2 == status
    assert "did you mean shop/data? The claims are: shop/data" in err
    assert err.endswith("; `k8s-snapshots list` shows what can be restored\n")
