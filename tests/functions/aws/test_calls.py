"""How EC2 is called: clients, retries and time-outs."""

import pytest

from shared.errors import (
    NextPass,
)
from shared.model import Disk, Snapshot
from tests.contract.cloud import order
from tests.contract.provider import listed
from tests.emulators.ec2 import ALWAYS
from tests.functions.aws.cloud import REGION, EC2Cloud


class TestRetries:
    def test_reads_and_deletes_adapt_to_throttling(
        self, cloud: EC2Cloud, snapshot: Snapshot
    ) -> None:
        """Botocore's adaptive mode tries them three times, and slows down the whole client."""
        for action in ("DescribeSnapshots", "DeleteSnapshot"):
            cloud.ec2.fault(action, "RequestLimitExceeded", times=2)
        assert [found.id for found in listed(cloud, REGION)] == [snapshot.id]
        cloud.provider.delete(snapshot)
        assert cloud.calls() == {"list": 3, "delete": 3}
        (config,) = map(vars, cloud.configs)
        assert config["retries"]["mode"] == "adaptive"

    def test_one_client_serves_a_region(self, cloud: EC2Cloud, disk: Disk) -> None:
        """Clients are dear: one for reads and deletes, one for creations, whatever the threads."""
        for _ in range(2):
            cloud.provider.list(cloud.scopes)
        cloud.provider.create(order(cloud, disk))
        assert len(cloud.configs) == 4

    @pytest.mark.parametrize("action", ["create", "delete"])
    def test_the_longest_call_is_no_longer_than_it_says(
        self, cloud: EC2Cloud, snapshot: Snapshot, action: str
    ) -> None:
        """Every try as late as its time-outs allow, and all waits between: what P6 rests on.

        Creating is tried for as long as the pacer is patient, whose own tests have slow answers.
        """
        cloud.ec2.fault("*", "RequestLimitExceeded", times=ALWAYS)
        asked, provider = order(cloud, snapshot.disk), cloud.provider
        with pytest.raises(NextPass):
            provider.create(asked) if action == "create" else provider.delete(snapshot)
        (config,) = map(vars, cloud.configs)
        tries = 1 if action == "create" else len(cloud.ec2.calls)
        answers = tries * (config["connect_timeout"] + config["read_timeout"])
        assert answers + cloud.clock.monotonic() <= cloud.provider.longest_call
