"""What a pass on AWS is made of: settings and ports, the same for Lambda and command line."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ProfileNotFound
from msgspec import Meta

from functions.aws.bucket import S3
from functions.aws.cluster import EKS
from functions.aws.secret import secret
from functions.aws.snapshots import EBS
from shared.access.ways import find
from shared.bucket.storage import shelf
from shared.errors import SettingsError
from shared.passes.run import Ports, labels_of
from shared.ports import RulesSource
from shared.reports.cluster_writer import status_writer
from shared.settings import Settings, load

_REGION = r"^([a-z]{2,4}(-[a-z]+)+-\d{1,2})?$"


class AWSSettings(Settings, frozen=True, kw_only=True):
    """The settings of the Lambda. Credentials are found by boto3's own chain."""

    aws_region: Annotated[
        str,
        Meta(
            description="The region of the account's calls that belong to none; "
            "Lambda sets it itself.",
            pattern=_REGION,
            examples=["eu-west-1"],
        ),
    ] = ""
    regions: Annotated[
        tuple[Annotated[str, Meta(pattern=_REGION)], ...],
        Meta(
            description="Regions to list beside those that rules name, separated by commas, so "
            "that orphans are seen there too.",
            examples=["eu-west-1,us-east-2"],
        ),
    ] = ()
    # The daemon took any; Amazon EC2 User Guide, "Tag restrictions".
    snapshot_author_label_key: Annotated[
        str,
        Meta(
            description="Key of the label that marks our snapshots: on AWS any key of a tag, such "
            "as `CreatedBy`.",
            pattern=r"^(?!aws:)[\w.:/=+@-]{1,128}$",
        ),
    ] = "created-by"


def build(
    environ: Mapping[str, str], source: RulesSource | None = None
) -> tuple[AWSSettings, Ports]:
    """Make settings and ports from the environment; `source` replaces the cluster.

    Raises:
        SettingsError, ClusterError: where the environment cannot be used.
    """
    settings = load(AWSSettings, environ)
    try:
        session = boto3.Session(region_name=settings.aws_region or None)
    except ProfileNotFound as error:
        raise SettingsError(f"AWS_PROFILE cannot be used: {error}") from None

    def client(region: str, config: Config) -> Any:
        return session.client("ec2", region_name=region, config=config)

    def identity() -> str:
        region = session.region_name or "us-east-1"
        caller = session.client("sts", region_name=region).get_caller_identity()
        return str(caller["Arn"])

    found = shelf(settings, {"s3": partial(S3, session)})
    rules, cluster = find(
        settings,
        source,
        found.mirror if found else None,
        lambda name: secret(name, session),
        lambda name: EKS(name, session).way(),
    )
    labels = labels_of(settings, EBS.encoding, cluster)
    provider = EBS(labels, client, identity)
    return settings, Ports(
        rules,
        provider,
        labels,
        scopes=settings.regions,
        shelf=found,
        status=status_writer(settings, rules),
    )
