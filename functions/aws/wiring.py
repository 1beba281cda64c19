"""What a pass on AWS is made of: settings and ports, the same for Lambda and command line."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ProfileNotFound, UnknownRegionError

from functions.aws.bucket import S3
from functions.aws.cluster import EKS
from functions.aws.secret import secret
from functions.aws.settings import AWSSettings
from functions.aws.snapshots import EBS
from shared.access.ways import Way, find
from shared.bucket.storage import open_storage
from shared.environment import load
from shared.errors import SettingsError
from shared.passes.world import Ports, labels_of, page_writer_of, status_writer_of
from shared.ports import RulesSource


def build(
    environ: Mapping[str, str], source: RulesSource | None = None
) -> tuple[AWSSettings, Ports]:
    """Make settings and ports from the environment; `source` replaces the cluster.

    Raises:
        SettingsError, ClusterError: where the environment cannot be used.
    """
    settings = load(AWSSettings, environ)
    session = _session(settings)
    found = open_storage(settings, {"s3": partial(S3, session)})
    mirror = found.mirror if found else None
    rules, cluster = find(
        settings, source, mirror, partial(secret, session=session), partial(_managed, session)
    )
    labels = labels_of(settings, EBS.encoding, cluster)
    home = (session.region_name,) if session.region_name else ()
    regions = tuple(dict.fromkeys((*home, *settings.regions)))
    provider = EBS(
        labels,
        partial(_client, session),
        partial(_identity, session),
        regions=regions,
        extra_tags=settings.tags,
        known=partial(_regions, session, regions),
    )
    return settings, Ports(
        rules,
        provider,
        labels,
        scopes=settings.regions,
        storage=found,
        status=status_writer_of(settings, rules),
        page=page_writer_of(settings, found),
        memory={},
    )


def _session(settings: AWSSettings) -> boto3.Session:
    try:
        return boto3.Session(region_name=settings.aws_region or None)
    except ProfileNotFound as error:
        raise SettingsError(f"AWS_PROFILE cannot be used: {error}") from None


def _client(session: boto3.Session, region: str, config: Config) -> Any:
    return session.client("ec2", region_name=region, config=config)


def _regions(session: boto3.Session, ours: Sequence[str]) -> frozenset[str]:
    """List EC2's regions that botocore knows, of the partitions of ours; no call is made.

    Credentials are one partition's. Where no region is set, or botocore knows none of them, that
    partition cannot be told, and those of all pass.
    """
    partitions = set()
    for region in ours:
        with suppress(UnknownRegionError):
            partitions.add(session.get_partition_for_region(region))
    return frozenset(
        region
        for partition in partitions or session.get_available_partitions()
        for region in session.get_available_regions("ec2", partition)
    )


def _identity(session: boto3.Session) -> str:
    region = session.region_name or "us-east-1"
    caller = session.client("sts", region_name=region).get_caller_identity()
    return str(caller["Arn"])


def _managed(session: boto3.Session, name: str) -> Way:
    return EKS(name, session).way()
