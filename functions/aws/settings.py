"""What configures the Lambda, beside what configures both clouds."""

from typing import Annotated

from msgspec import Meta

from shared.planning.labels import NAME, PREFIX
from shared.settings import Settings, wrong

#: Amazon EC2 User Guide, "Tag restrictions": the characters that are safe everywhere. A comma ends
#: a tag, and the first `=` its key.
_TAG = (
    r"^[\w.:/+@-]([\w .:/+@-]{0,126}[\w.:/+@-])?=([\w.:/+=@-]([\w .:/+=@-]{0,254}[\w.:/+=@-])?)?$"
)
#: Of the 50 tags of a snapshot (same page) so many are left for others.
_MOST = 30
_REGION = r"^([a-z]{2,4}(-[a-z]+)+-\d{1,2})?$"


class AWSSettings(Settings, frozen=True, kw_only=True):
    """The settings of the Lambda. Credentials are found by boto3's own chain."""

    aws_region: Annotated[
        str,
        Meta(
            description="Default region, for calls such as STS. Lambda sets it itself.",
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
    extra_tags: Annotated[
        tuple[Annotated[str, Meta(pattern=_TAG)], ...],
        Meta(
            description="Further tags of every snapshot that is made, `key=value`, separated by "
            "commas, such as an organisation's policy wants.",
            examples=["cost-center=4711,owner=platform"],
        ),
    ] = ()

    @property
    def tags(self) -> dict[str, str]:
        """Give the extra tags by key."""
        return {key: value for key, _, value in (tag.partition("=") for tag in self.extra_tags)}

    def checked(self) -> None:
        """Refuse extra tags too that are not the user's to set."""
        super().checked()
        own = {NAME, self.snapshot_author_label_key, self.keep_label}
        for key in self.tags:
            if key in own or key.startswith(PREFIX) or key.lower().startswith("aws:"):
                kept = f"must not be {', '.join(sorted(own))}, nor begin with {PREFIX} or aws:"
                raise wrong("EXTRA_TAGS", key, f"keys {kept}")
        if len(self.tags) < len(self.extra_tags):
            raise wrong("EXTRA_TAGS", ",".join(self.extra_tags), "each key must be there once")
        if len(self.tags) > _MOST:
            raise wrong("EXTRA_TAGS", f"{len(self.tags)} tags", f"at most {_MOST} are allowed")
