"""The command `deltas`: a list's meaning, without a cloud."""

import json
from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any

import pytest

from shared.cli.main import main


@pytest.fixture
def told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    """Run the command on one day, since months differ; nothing may be built."""

    class OneDay(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "OneDay":
            return cls(2026, 6, 15, 12, tzinfo=tz)

    monkeypatch.setattr("shared.cli.commands.datetime", OneDay)

    def build(environ: object, source: object) -> Any:
        raise AssertionError("no cloud is needed")

    def run(*arguments: str) -> tuple[int, str, str]:
        return main("k8s-snapshots", build, ["deltas", *arguments]), *capsys.readouterr()

    return run


Told = Callable[..., tuple[int, str, str]]


def test_says_what_a_list_means(told: Told) -> None:
    """Its sentence, how many stay, its picture."""
    status, out, err = told("PT1H P1D P30D P360D")
    assert (0, "") == (status, err)
    assert "a snapshot every hour; hourly for 1 day, daily for 30 days, monthly for 360 days" in out
    assert "once full: 65 snapshots of each disk" in out
    assert "12 of 12  " + "■" * 12 in out
    assert "25 after 1 day, 54 after 30 days, 65 after 360 days" in out
    assert "stored" not in out


def test_takes_a_list_without_quotes(told: Told) -> None:
    """As people type it."""
    assert told("P1D", "P7D")[1] == told("P1D P7D")[1]


def test_tells_what_it_stores_and_costs(told: Told) -> None:
    """With its assumption."""
    out = told("P1D P7D", "--change", "2%/day", "--size", "100Gi")[1]
    assert "stored: about 114 GiB for 100 GiB in use; $5.70 a month at $0.05 a GiB" in out
    assert "assumed: 2% a day of the blocks change" in out
    assert told("P1D P7D", "--size", "100Gi")[1] == out
    assert "stored: about 1.1 times what is in use" in told("P1D P7D", "--change", "2%")[1]


def test_compares(told: Told) -> None:
    """What each loses; a month and 30 days are alike."""
    out = told("PT1H P1D P30D P360D", "--compare", "P1D P7D P1M P1Y")[1]
    losses = out.partition("in place of 'PT1H P1D P30D P360D' loses\n")[2].splitlines()
    assert ["  up to 1 day: daily in place of hourly",
            "  from 7 days to 30 days: weekly in place of daily"] == [
                loss.replace("1 month", "30 days") for loss in losses  # the same, on some days
            ]  # fmt: skip
    assert "  nothing\n" in told("P1D P7D", "--compare", "P1D P7D")[1]


def test_prints_json(told: Told) -> None:
    """For programs: the same."""
    found = json.loads(told("P1D P7D", "--size", "10Gi", "--compare", "P1D P9D", "--json")[1])
    assert [8, 10] == [one["snapshots"] for one in found["lists"]]
    assert ["#" * 7] == [one["picture"] for one in found["lists"][0]["generations"]]
    assert {"stored_gib", "dollars_a_month"} <= found["lists"][0].keys()
    assert [["daily", "daily"], ["nothing", "daily"]] == [
        band["points"] for band in found["comparison"]
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["PT1H 1D"], "'PT1H 1D': '1D' is not an ISO 8601 duration; write PT30M"),
        (["PT1H"], "'PT1H': has 1 duration; at least two are needed"),
        (["pt1h,p1d"], "write 'PT1H P1D'"),
        (["P1D P7D", "--compare", "x"], "'x': 'x' is not an ISO 8601 duration"),
        (["P1D P7D", "--size", "huge"], "--size huge: is not a size; write such as 100Gi"),
        (["P1D P7D", "--change", "lots"], "--change lots: write a part of the disk in a time"),
        (["P1D P7D", "--change", "100%/day"], "--change 100%/day: write a part of the disk"),
    ],
)
def test_says_what_would_do(told: Told, arguments: list[str], said: str) -> None:
    """One line on standard error."""
    status, out, err = told(*arguments)
    assert (0, "") != (status, out)
    assert said in err
    assert 1 == len(err.splitlines())
