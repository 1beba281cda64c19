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

    assert str(caught.value) == f"{name} must be one such as {would_do} (is '{text}')"


def test_regions_are_separated_by_commas() -> None:
    """Blanks around them do not matter."""
    assert ("eu-west-1", "us-gov-west-1") == load(
        AWSSettings, {"REGIONS": "eu-west-1, us-gov-west-1"}
    ).regions


def test_extra_tags_are_read() -> None:
    """The first `=` ends the key; values may be empty."""
    tags = load(AWSSettings, {"EXTRA_TAGS": "cost-center=47 11, url=a=b,team="}).tags
    assert tags == {"cost-center": "47 11", "url": "a=b", "team": ""}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("team", "one such as cost-center=4711,owner=platform"),
        ("=x", "one such as"),
        ("a=b,a=c", "each key must be there once"),
        ("Name=x", "keys must not be Name, created-by, k8s-snapshots-keep, nor begin with"),
        ("created-by=me", "keys must not be"),
        ("k8s-snapshots-cluster=x", "keys must not be"),
        ("AWS:x=y", "nor begin with k8s-snapshots- or aws:"),
        (",".join(f"k{n}=v" for n in range(31)), "at most 30 are allowed"),
    ],
)
def test_extra_tags_that_are_not_the_users_are_refused(text: str, said: str) -> None:
    """They would make a snapshot another's, or EC2 would refuse every one."""
    with pytest.raises(SettingsError, match="EXTRA_TAGS") as caught:
        load(AWSSettings, {"EXTRA_TAGS": text})
    assert said in str(caught.value)


def test_a_key_that_a_setting_gives_is_refused_as_well() -> None:
    environ = {"SNAPSHOT_AUTHOR_LABEL_KEY": "CreatedBy", "EXTRA_TAGS": "CreatedBy=me"}
    with pytest.raises(SettingsError, match="must not be CreatedBy, Name"):
        load(AWSSettings, environ)
