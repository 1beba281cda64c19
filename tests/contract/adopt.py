"""The contract of `shared.ports.Adopter`: what people do with their own rights."""

from datetime import timedelta

import pytest

from shared.errors import ProviderError
from shared.planning.adopt import adoptions, new_labels
from shared.planning.labels import CLUSTER
from shared.ports import Adopter
from tests.contract.cloud import Cloud, Trouble, rule, seed
from tests.contract.provider import listed

HOUR = timedelta(hours=1)


class AdoptContract:
    """What every adopter does. A subclass named `Test…` gives the fixture `cloud`."""

    def test_strangers_are_the_snapshots_without_our_label(self, cloud: Cloud) -> None:
        """Of the disks asked for, whoever made them; ours are no strangers."""
        provider = adopter(cloud)
        disk, other = cloud.add_disk(cloud.scopes[0]), cloud.add_disk(cloud.scopes[0])
        seed(cloud, disk, 2 * HOUR)
        at = cloud.clock.now()
        mine = cloud.seed(disk, at - 3 * HOUR, {"made": "by-hand"}, "before the upgrade")
        bare = cloud.seed(disk, at - 4 * HOUR, {})
        cloud.seed(other, at - 5 * HOUR, {})
        found = {s.snapshot.id: s for s in provider.strangers([disk])}
        assert {mine, bare} == set(found)
        assert ("before the upgrade", "") == (found[mine].description, found[mine].manager)
        assert {disk} == {s.snapshot.disk for s in found.values()}

    def test_many_strangers_are_all_there(self, cloud: Cloud) -> None:
        """Page after page."""
        disk, at = cloud.add_disk(cloud.scopes[0]), cloud.clock.now()
        made = {cloud.seed(disk, at - n * HOUR, {}) for n in range(1, 3 * cloud.page_size)}
        assert made == {s.snapshot.id for s in adopter(cloud).strangers([disk])}

    def test_adopting_makes_a_stranger_ours(self, cloud: Cloud) -> None:
        """It keeps its own labels, and is listed with all others from then on."""
        provider, disk = adopter(cloud), cloud.add_disk(cloud.scopes[0])
        cloud.seed(disk, cloud.clock.now() - HOUR, {"made": "by-hand"})
        (stranger,) = provider.strangers([disk])
        provider.adopt(stranger.snapshot, new_labels([rule(disk)], cloud.labels))
        (found,) = listed(cloud, disk.scope)
        assert (stranger.snapshot.id, "by-hand", "this") == (
            found.id, found.labels["made"], cloud.labels.owner(found)
        )  # fmt: skip
        assert [] == list(provider.strangers([disk]))

    def test_another_clusters_are_left(self, cloud: Cloud) -> None:
        """Of an installation with another author label, say: they are its history (P1)."""
        disk = cloud.add_disk(cloud.scopes[0])
        labels = {"created-by": "team-b", CLUSTER: "prod-b"}
        cloud.seed(disk, cloud.clock.now() - HOUR, labels)
        (found,) = adoptions(adopter(cloud).strangers([disk]), {disk: [rule(disk)]}, cloud.labels)
        assert ({}, "left: it has another cluster's label") == (found.labels, found.why)

    @pytest.mark.parametrize("trouble", ["denied", "down", "cut off"])
    def test_strangers_are_listed_completely_or_not_at_all(
        self, cloud: Cloud, trouble: Trouble
    ) -> None:
        """Half of them would look like all of them."""
        disk = cloud.add_disk(cloud.scopes[0])
        cloud.seed(disk, cloud.clock.now() - HOUR, {})
        cloud.trouble("list", trouble)
        with pytest.raises(ProviderError):
            list(adopter(cloud).strangers([disk]))


def adopter(cloud: Cloud) -> Adopter:
    assert isinstance(cloud.provider, Adopter)
    return cloud.provider
