"""What configures the Lambda, beside what configures both clouds."""

from typing import Annotated

from msgspec import Meta

from shared.settings import Settings

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
