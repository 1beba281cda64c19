"""Environments of any shape: settings, or one line that echoes no secret."""

from collections.abc import Mapping

from hypothesis import example, given
from hypothesis import strategies as st

from functions.aws.settings import AWSSettings
from functions.gcp.settings import GCPSettings
from shared.environment import describe, load
from shared.errors import SettingsError
from shared.settings import Settings
from tests.fuzz.budget import assert_line, assert_secret, bounded, fuzz
from tests.fuzz.inputs import TEXTS, bulky

KINDS: list[type[Settings]] = [Settings, AWSSettings, GCPSettings]
VARIABLES = sorted({name for kind in KINDS for name, _, _ in describe(kind)})
SECRET = "hunter2hunter2"
#: Their values may hold tokens, or be what somebody took for the name of a secret.
SECRETS = [name for name in VARIABLES if name.endswith(("_URL", "_SECRET", "_STRING"))]

#: A process's environment has no NUL; what is no UTF-8 is read as lone surrogates.
VALUES = st.one_of(
    TEXTS,
    st.text(st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF), max_size=3),
    st.text("PT0123456789.-+DHMSY%yd:/, ", max_size=30),
    st.sampled_from(
        ["true", "mirror", "expire", "P99999999999D", "PT1e9S", "P1Y", "Europe/", "/etc/localtime",
         "posix/Europe/Berlin", "America", "eu-west-1,,x", "%", "%Q%n%H%M", "%H%M" * 40, "\udcff"]
    ),
).map(lambda text: text.replace("\0", ""))  # fmt: skip
ODD_SECRETS = st.sampled_from(
    ["https://x/{}", "s3://b/{}", "file:///{}", "gs://b/{}.json", "{}", "https:// {}", "ftp://{}",
     "apiVersion: v1\ntoken: {}", "s3://b/{}/", "s3://{}", "https://u:{}@x/\n", "{}\udcff"]
)  # fmt: skip
ENVIRONMENTS = st.builds(
    lambda plain, odd: plain | {name: odd_one.format(SECRET) for name, odd_one in odd.items()},
    st.dictionaries(st.sampled_from(VARIABLES) | TEXTS, VALUES, max_size=4),
    st.dictionaries(st.sampled_from(SECRETS), ODD_SECRETS, max_size=3),
)


@fuzz(400)
@given(st.sampled_from(KINDS), ENVIRONMENTS)
@example(Settings, {"LOG_LEVEL": "\udcff"})
@example(Settings, {"TZ": "\udcff"})
@example(Settings, {"SNAPSHOT_DATETIME_FORMAT": "\udcff%H%M%S%d"})
@example(Settings, {"SCHEDULE_PERIOD": "P999999999Y"})
@example(Settings, {"SETTLE_AFTER": "P" + "9" * 5000 + "D"})
def test_any_environment_is_settings_or_refused(
    kind: type[Settings], environment: Mapping[str, str]
) -> None:
    """An error is one short line, and shows nothing of what may be a secret, chained ones too."""
    try:
        with bounded():
            load(kind, environment)
    except SettingsError as error:
        assert_line(str(error), 400)
        assert_secret(error, SECRET)


@fuzz(60)
@given(st.sampled_from(VARIABLES), bulky("/:.-_a1%,PTS@ ") | bulky("eu-west1,"))
@example("AWS_REGION", "eu" + "-west" * 20_000)
@example("MIRROR_URL", "s3://" + "a/" * 50_000 + " ")
@example("REGIONS", "eu-west-1," * 10_000)
def test_a_long_value_takes_bounded_time(variable: str, text: str) -> None:
    """Patterns do not backtrack without end."""
    for kind in KINDS:
        with bounded():
            try:
                load(kind, {variable: text})
            except SettingsError as error:
                assert_line(str(error), 400)
