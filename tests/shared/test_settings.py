"""Settings: read from the environment, typed, refused at start where they are wrong."""

import traceback
import zoneinfo
from datetime import timedelta
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as fuzz
from hypothesis import strategies as st
from msgspec import Meta

from shared.environment import describe, load
from shared.errors import PassError, SettingsError
from shared.settings import Settings

SECRET = "hc-ping.com/0b1f-very-secret"
VARIABLES = [name for name, _, _ in describe(Settings)]


def test_an_empty_environment_gives_the_defaults() -> None:
    """Nothing must be set; the defaults are upstream's."""
    settings = load(Settings, {})

    assert Settings() == settings
    assert settings.deltas_annotation_key == "backup.kubernetes.io/deltas"
    assert settings.snapshot_author_label == "k8s-snapshots"
    assert settings.snapshot_author_label_key == "created-by"
    assert settings.snapshot_datetime_format == "%d%m%y-%H%M%S"
    assert settings.schedule_period == timedelta(minutes=5)


def test_empty_variables_count_as_unset() -> None:
    """A variable that is set to nothing, as templates leave them, gives the default."""
    assert Settings() == load(Settings, dict.fromkeys(VARIABLES, " "))


def test_other_variables_are_passed_over() -> None:
    """The environment holds much that is none of ours."""
    assert Settings() == load(Settings, {"PATH": "/bin", "tz": "Mars", "CLUSTER": "x"})


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("CLUSTER_NAME", " demo ", "demo"),
        ("CLUSTER_ID", "demo-1", "demo-1"),
        ("KUBE_CONFIG_FILE", "/etc/kube config", "/etc/kube config"),
        ("USE_CLAIM_NAME", "true", True),
        ("USE_CLAIM_NAME", "True", True),
        ("USE_CLAIM_NAME", "1", True),
        ("USE_CLAIM_NAME", "false", False),
        ("JSON_LOG", "TRUE", True),
        ("SCHEDULE_PERIOD", "PT15M", timedelta(minutes=15)),
        ("SCHEDULE_PERIOD", "PT1M", timedelta(minutes=1)),
        ("SCHEDULE_PERIOD", "P31D", timedelta(days=31)),
        ("DISK_RULE_NAMESPACES", "ops", ("ops",)),
        ("DISK_RULE_NAMESPACES", " ops, kube-system,,", ("ops", "kube-system")),
        ("LOG_LEVEL", "debug", "DEBUG"),
        ("HEARTBEAT_URL", "https://hc-ping.com/1", "https://hc-ping.com/1"),
        ("HEARTBEAT_URL", "http://localhost:8000", "http://localhost:8000"),
        ("KEEP_LABEL", "legal-hold", "legal-hold"),
        ("SNAPSHOT_AUTHOR_LABEL_KEY", "a" * 63, "a" * 63),
        ("SNAPSHOT_DATETIME_FORMAT", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M"),
        ("TZ", "America/Montreal", "America/Montreal"),
    ],
)
def test_reads_each_variable_by_its_type(variable: str, text: str, value: object) -> None:
    """Text of the environment becomes the field's type."""
    assert value == getattr(load(Settings, {variable: text}), variable.lower())


KEY = "a letter, then up to 62 lowercase letters, digits, - and _"


@pytest.mark.parametrize(
    ("variable", "text", "would_do"),
    [
        ("USE_CLAIM_NAME", "yes", "true or false"),
        ("JSON_LOG", "2", "true or false"),
        ("SCHEDULE_PERIOD", "5m", "an ISO 8601 duration such as PT5M"),
        ("SCHEDULE_PERIOD", "P1M", "an ISO 8601 duration such as PT5M"),
        ("SCHEDULE_PERIOD", "PT30S", "from PT1M to P31D"),
        ("SCHEDULE_PERIOD", "P0D", "from PT1M to P31D"),
        ("SCHEDULE_PERIOD", "-PT5M", "from PT1M to P31D"),
        ("SCHEDULE_PERIOD", "P999999999D", "from PT1M to P31D"),
        ("LOG_LEVEL", "verbose", "DEBUG, INFO, WARNING or ERROR"),
        ("SNAPSHOT_AUTHOR_LABEL_KEY", "Created By", KEY),
        ("SNAPSHOT_AUTHOR_LABEL_KEY", "-by", KEY),
        ("KEEP_LABEL", "9lives", KEY),
        ("KEEP_LABEL", "größe", KEY),
        ("SNAPSHOT_DATETIME_FORMAT", "%c %c", "a strftime format of up to 32 characters"),
        ("SNAPSHOT_DATETIME_FORMAT", "backup", "a strftime format of up to 32 characters, to the"),
        ("SNAPSHOT_DATETIME_FORMAT", "%d%m%y-%H", "a strftime format of up to 32 characters, to"),
        ("TZ", "Mars/Olympus", "a name such as Europe/Berlin"),
        ("TZ", "Europe", "a name such as Europe/Berlin"),
        ("TZ", "/etc/localtime", "a name such as Europe/Berlin"),
        ("TZ", "../../etc/passwd", "a name such as Europe/Berlin"),
    ],
)
def test_refuses_wrong_values(variable: str, text: str, would_do: str) -> None:
    """A wrong value is refused with the variable's name, the value and what would do."""
    with pytest.raises(SettingsError) as caught:
        load(Settings, {variable: text})

    assert str(caught.value).startswith(f"{variable} must be {would_do}")
    assert str(caught.value).endswith(f"(is '{text}')")


@pytest.mark.parametrize("text", [SECRET, f"ftp://{SECRET}", f"https://{SECRET} x", f"\n{SECRET}"])
def test_the_heartbeat_url_is_never_shown(text: str) -> None:
    """The URL is a key to the dead man's switch: no error, nor what led to it, repeats it."""
    with pytest.raises(SettingsError) as caught:
        load(Settings, {"HEARTBEAT_URL": text})

    expected = (
        "HEARTBEAT_URL must be a URL such as https://example.com/ping (its value is not shown)"
    )
    assert expected == str(caught.value)
    assert "secret" not in "".join(traceback.format_exception(caught.value, chain=True))


@pytest.mark.parametrize("zone", [":UTC", ":/etc/localtime"])
def test_lambdas_own_time_zone_is_no_setting(zone: str) -> None:
    """Lambda sets TZ in a form that names no zone: the function starts, with UTC."""
    assert load(Settings, {"TZ": zone}).tz == "UTC"


def test_utc_needs_no_time_zones_on_the_system() -> None:
    """A function's image may lack the time zone database."""
    zoneinfo.ZoneInfo.clear_cache()
    zoneinfo.reset_tzpath(to=())
    try:
        assert load(Settings, {"TZ": "UTC"}).tz == "UTC"
    finally:
        zoneinfo.reset_tzpath()


def test_wrong_settings_fail_the_invocation() -> None:
    """Settings that cannot be are a pass that could not do its work."""
    with pytest.raises(PassError):
        load(Settings, {"LOG_LEVEL": "LOUD"})


@fuzz(deadline=None, max_examples=200)
@given(st.sampled_from(VARIABLES), st.text(max_size=40) | st.text("PT0123456789.-+DHMS%Yyd:/ "))
def test_any_value_is_read_or_refused(variable: str, text: str) -> None:
    """No value makes loading fail otherwise, and an error is one line that names the variable."""
    try:
        load(Settings, {variable: text})
    except SettingsError as error:
        message = str(error)
    else:
        return
    assert message.startswith((f"{variable} must be ", f"{variable} needs "))
    assert message.isprintable()


class CloudSettings(Settings, frozen=True, kw_only=True):
    """As a cloud adds its own."""

    regions: Annotated[tuple[str, ...], Meta(description="Regions.")] = ()


def test_a_cloud_adds_its_own() -> None:
    """A subclass has the common settings and its own, read in the same way."""
    settings = load(CloudSettings, {"REGIONS": "eu-west-1,us-east-1", "CLUSTER_NAME": "demo"})

    assert (settings.regions, settings.cluster_name) == (("eu-west-1", "us-east-1"), "demo")


def test_describes_every_setting() -> None:
    """The documents list each variable with the default that holds, and a description."""
    described = {name: (default, text) for name, default, text in describe(CloudSettings)}

    fields: list[Any] = [field.name.upper() for field in msgspec.structs.fields(CloudSettings)]
    assert fields == list(described)
    assert all(text.endswith(".") for _, text in described.values())
    assert described["SCHEDULE_PERIOD"][0] == "PT5M"
    assert described["USE_CLAIM_NAME"][0] == "false"
    assert described["REGIONS"][0] == ""


@pytest.mark.parametrize(("variable", "default"), [row[:2] for row in describe(Settings)])
def test_the_described_default_is_what_an_unset_variable_means(variable: str, default: str) -> None:
    """To set a variable to its described default changes nothing."""
    assert Settings() == load(Settings, {variable: default})


def test_a_long_value_is_shortened() -> None:
    """An error shows enough of a value to find it, not all of it."""
    with pytest.raises(SettingsError) as caught:
        load(Settings, {"KEEP_LABEL": "a" * 100_000})

    assert f"KEEP_LABEL must be {KEY} (is '{'a' * 59}…')" == str(caught.value)


@pytest.mark.parametrize(
    "environ",
    [
        {"KEEP_LABEL": "created-by"},
        {"SNAPSHOT_AUTHOR_LABEL_KEY": "mine", "KEEP_LABEL": "mine"},
        {"SNAPSHOT_AUTHOR_LABEL_KEY": "k8s-snapshots-cluster"},
        {"SNAPSHOT_AUTHOR_LABEL_KEY": "k8s-snapshots-keep", "KEEP_LABEL": "keep"},
        *(
            {"KEEP_LABEL": f"k8s-snapshots-{name}"}
            for name in (
                "cluster",
                "namespace",
                "claim",
                "volume",
                "rule",
                "deltas",
                "source",
                "from",
                "taken",
            )
        ),
    ],
)
def test_keys_that_collide_are_refused(environ: dict[str, str]) -> None:
    """72 snapshots were taken in 6 hours in place of 6: none was recognised."""
    with pytest.raises(SettingsError, match="_LABEL"):
        load(Settings, environ)
