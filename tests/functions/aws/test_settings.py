"""What the environment of the Lambda may hold."""

import pytest

from functions.aws.settings import AWSSettings
from shared.environment import load
from shared.errors import SettingsError


@pytest.mark.parametrize(
    ("name", "text", "would_do"),
    [("AWS_REGION", "Ireland", "eu-west-1"), ("REGIONS", "eu-west-1,x", "eu-west-1,us-east-2")],
)
def test_a_wrong_region_is_refused_with_what_would_do(name: str, text: str, would_do: str) -> None:
    """The error names variable, value and an example, and no pattern."""
    with pytest.raises(SettingsError) as caught:
        load(AWSSettings, {name: text})

    assert str(caught.value) == f"{name}='{text}' cannot be used: one such as {would_do} would do"


def test_regions_are_separated_by_commas() -> None:
    """Blanks around them do not matter."""
    assert ("eu-west-1", "us-gov-west-1") == load(
        AWSSettings, {"REGIONS": "eu-west-1, us-gov-west-1"}
    ).regions
