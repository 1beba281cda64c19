"""What `check` tries on AWS."""

import pytest
from botocore.exceptions import (
    ClientError,
    NoCredentialsError,
)

from functions.aws.snapshots import EBS
from shared.model import Snapshot
from tests.contract.cloud import order
from tests.emulators.ec2 import ALWAYS
from tests.functions.aws.cloud import PAGES, REGION, EC2Cloud


class TestCheck:
    def test_tries_the_tags_too(self, cloud: EC2Cloud, snapshot: Snapshot) -> None:
        """CreateSnapshot with tags needs ec2:CreateTags as well, so that they are dry-run along."""
        cloud.ec2.fault("CreateSnapshot", "UnauthorizedOperation",
                        when=lambda p: "TagSpecification.1.Tag.1.Key" in p)  # fmt: skip
        found = cloud.provider.check(REGION, order(cloud, snapshot.disk), snapshot)
        missing = [check.name for check in found if not check.ok]
        assert missing == [f"ec2:CreateSnapshot and ec2:CreateTags of {snapshot.disk.name}"]

    @pytest.mark.parametrize("page", PAGES)
    def test_a_proxys_page_is_no_permission(self, cloud: EC2Cloud, page: str) -> None:
        """EC2 answers every dry call with an error, so that a success is not EC2's."""
        cloud.ec2.fault("*", times=ALWAYS, **PAGES[page])
        checks = list(cloud.provider.check(REGION, None, None))
        assert len(checks) == 2
        assert not any(check.ok for check in checks)
        assert all(check.detail for check in checks)

    @pytest.mark.parametrize(
        "error",
        [
            NoCredentialsError(),
            ClientError({"Error": {"Code": "ExpiredToken"}}, "GetCallerIdentity"),
            KeyError("Arn"),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_tells_that_credentials_do_not_work(self, cloud: EC2Cloud, error: Exception) -> None:
        """None, expired ones and a proxy's page are told, with where to read on."""

        def identity() -> str:
            raise error

        check = EBS(cloud.labels, cloud.client, identity).credentials()
        assert not check.ok
        assert check.detail
        assert check.hint
