"""The text of a window: what is accepted, what is refused and with which words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import WindowError
from shared.windows.parse import MAX_ENTRIES, MAX_TEXT, parse
from shared.windows.zones import names

GRAMMAR = "write [not] HH:MM-HH:MM [DAYS] [ZONE], for example '01:00-05:00 Europe/Berlin'"
NO_LENGTH = "has no length; write 00:00-24:00 for the whole day"
NO_TIME = "is not a time of day; write two digits each, from 00:00 to 24:00"
NO_DAY = "is not a day of the week; write mon, tue, wed, thu, fri, sat, sun"
NEVER = "is never open, or not in every week: what follows `not` leaves nothing"

RIGHT = [
    ("01:00-05:00", "01:00-05:00 UTC"),
    ("01:00-05:00 Europe/Berlin", "01:00-05:00 Europe/Berlin"),
    ("01:00-05:00 daily Europe/Berlin", "01:00-05:00 Europe/Berlin"),
    ("01:00-05:00 mon-sun", "01:00-05:00 UTC"),
    ("01:00-05:00 sat,sun UTC", "01:00-05:00 sat,sun UTC"),
    ("01:00-05:00 Sat , SUN", "01:00-05:00 sat,sun UTC"),
    ("01:00-05:00 mon - fri", "01:00-05:00 mon-fri UTC"),
    ("01:00-05:00 fri-mon", "01:00-05:00 mon,fri,sat,sun UTC"),
    ("01:00-05:00 mon,wed-fri", "01:00-05:00 mon,wed,thu,fri UTC"),
    ("22:00-02:00", "22:00-02:00 UTC"),
    ("20:00-24:00", "20:00-24:00 UTC"),
    ("20:00-00:00", "20:00-24:00 UTC"),
    ("00:00-24:00", "00:00-24:00 UTC"),
    ("01:00 - 05:00\n  mon-fri ;\n", "01:00-05:00 mon-fri UTC"),
    ("NOT 08:00-20:00", "not 08:00-20:00 UTC"),
    (
        "not 08:00-20:00 mon-fri Europe/Berlin",
        "not 08:00-20:00 mon-fri Europe/Berlin",
    ),
    ("12:00-13:00;01:00-05:00", "01:00-05:00 UTC; 12:00-13:00 UTC"),
    ("not 02:00-03:00; 01:00-05:00; 01:00-05:00", "01:00-05:00 UTC; not 02:00-03:00 UTC"),
    ("01:00-05:00 America/Port-au-Prince", "01:00-05:00 America/Port-au-Prince"),
]
WRONG = [
    ("", f"has no hours; {GRAMMAR}"),
    (" ;; \n", f"has no hours; {GRAMMAR}"),
    ("night", f"'night' is not a window; {GRAMMAR}"),
    ("01:00-05:00 mon-fri Europe/Berlin please", "is not a window"),
    ("not", f"'not' is not a window; {GRAMMAR}"),
    ("1:00-05:00", f"'1:00' {NO_TIME}"),
    ("01:00-25:00", f"'25:00' {NO_TIME}"),
    ("01:60-05:00", f"'01:60' {NO_TIME}"),
    ("01:00-24:01", f"'24:01' {NO_TIME}"),
    ("01:00:00-05:00", f"'01:00:00' {NO_TIME}"),
    ("٠١:00-05:00", f"'٠١:00' {NO_TIME}"),
    ("01:00\x00-05:00", f"'01:00\\x00' {NO_TIME}"),
    ("01:00-01:00", f"'01:00-01:00' {NO_LENGTH}"),
    ("00:00-00:00", f"'00:00-00:00' {NO_LENGTH}"),
    ("24:00-05:00", "begins at 24:00, which is an end only; write 00:00 and the next day"),
    ("01:00-05:00 monday", f"'monday' {NO_DAY}"),
    ("01:00-05:00 mon-fry UTC", f"'fry' {NO_DAY}"),
    ("01:00-05:00 Europe/Berlin mon-fri", f"'Europe/Berlin' {NO_DAY}"),
    ("01:00-05:00 europe/berlin", "'europe/berlin' is not a time zone; write 'Europe/Berlin'"),
    ("01:00-05:00 Berlin", "'Berlin' is not a time zone; write 'Europe/Berlin'"),
    ("01:00-05:00 Europe/Berln", "'Europe/Berln' is not a time zone; write 'Europe/Berlin'"),
    ("01:00-05:00 +02:00", "is not a time zone; write one such as Europe/Berlin or UTC"),
    ("01:00-05:00 ../../etc/passwd", "'../../etc/passwd' is not a time zone"),
    ("01:00-05:00 right/UTC", "'right/UTC' is not a time zone"),
    ("not 00:00-24:00", NEVER),
    ("01:00-02:00 Europe/Berlin; not 20:00-21:00 America/New_York", NEVER),
    ("01:00-02:00; not 00:00-03:00", NEVER),
    ("02:00-03:00 Europe/Berlin; not 01:00-02:00 UTC", NEVER),
    ("not 00:00-12:00; not 12:00-00:00", NEVER),
    (";".join(f"{n:02}:00-{n:02}:30" for n in range(21)), "has 21 entries; at most 20"),
    (f"01:00-05:00{' ' * MAX_TEXT}", "is 511 characters long; at most 500 are accepted"),
]


@pytest.mark.parametrize(("text", "expected"), RIGHT)
def test_accepts(text: str, expected: str) -> None:
    """Windows are given in one form, whatever blanks and letters they were written with."""
    assert expected == str(parse(text))


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_refuses(text: str, message: str) -> None:
    """What cannot be understood is told, with what would be right."""
    with pytest.raises(WindowError) as caught:
        parse(text)
    assert message in str(caught.value)


def test_a_text_that_would_grow_too_long_is_refused() -> None:
    """What is accepted is accepted again in its own form."""
    text = ";".join(f"{n:02}:00-{n:02}:30 sat-mon" for n in range(MAX_ENTRIES))
    assert len(text) <= MAX_TEXT
    with pytest.raises(WindowError, match="characters long"):
        parse(text)


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "GMT", "EST5EDT"])
def test_zones_come_with_the_code(name: str) -> None:
    """Zones are those of the pinned database."""
    assert name in names()


PIECES = [
    "not ", "01:00", "05:00", "24:00", "00:00", "-", " ", ";", ",", "mon", "fri", "daily",
    "Europe/Berlin", "UTC", "Pacific/Apia", "x", ":",
]  # fmt: skip


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES)).map("".join)))
def test_any_text_is_a_window_or_an_error(text: str) -> None:
    """Nothing else is raised, and what is accepted is its own text's window."""
    said = ""
    try:
        window = parse(text)
    except WindowError as error:
        said = str(error)
    else:
        assert window == parse(str(window))
        assert hash(window) == hash(parse(str(window)))
    assert "\n" not in said
    assert len(said) < 200
