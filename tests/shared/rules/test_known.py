"""Absence is an alarm: rules that are gone are noticed, and what never settled is not."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest

from shared.model import Disk
from shared.rules.known import Known, Verdict, compare
from tests.shared.builders import DAY, HOUR, NOW, disk

WINDOW = 14 * DAY


def disks(count: int, first: int = 0) -> set[Disk]:
    return {disk(f"vol-{n}") for n in range(first, first + count)}


class Memory:
    """What passes remember, one after the other."""

    def __init__(self) -> None:
        self.known: Known | None = None

    def look(
        self, found: set[Disk], at: datetime, accept: bool = False, doubtful: Iterable[Disk] = ()
    ) -> Verdict:
        verdict = compare(self.known, "demo", found, at, WINDOW, accept, [*doubtful])
        self.known = verdict.known
        return verdict


def settled(count: int) -> Memory:
    """Remember so many disks that have had a rule for two days."""
    memory = Memory()
    for hours in range(0, 49, 6):
        memory.look(disks(count), NOW - 2 * DAY + hours * HOUR)
    return memory


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        (10, 10, 0), (10, 6, 0), (10, 5, 5), (10, 0, 10), (5, 3, 0), (5, 2, 3),
        (4, 2, 0), (4, 1, 0), (4, 0, 4), (1, 0, 1), (0, 0, 0), (3, 9, 0),
    ],
)  # fmt: skip
def test_a_fall_by_half_of_five_or_of_all_is_noticed(before: int, after: int, lost: int) -> None:
    """Fewer come and go without a word."""
    assert lost == settled(before).look(disks(after), NOW).lost


def test_a_new_installation_has_nothing_to_miss() -> None:
    """No rule, and none remembered."""
    assert (0, 0) == compare(None, "demo", set(), NOW, WINDOW)[1:]


def test_what_could_not_be_read_is_neither_lost_nor_new() -> None:
    """Namespaces that may not be listed for days: no disk is forgotten, and none is remembered."""
    memory, everything = settled(6), disks(6) | disks(50, first=100)
    for hours in range(0, 72, 6):
        verdict = memory.look(disks(2), NOW + hours * HOUR, doubtful=everything)
        assert (0, 6) == (verdict.lost, verdict.reference)
    assert 0 == memory.look(disks(6), NOW + 4 * DAY).lost
    assert 6 == memory.look(disks(0), NOW + 4 * DAY).lost


def test_what_was_there_for_hours_is_not_missed() -> None:
    """Preview namespaces come and go."""
    memory = settled(6)
    for hours in range(1, 20):
        memory.look(disks(6) | disks(50, first=100), NOW + hours * HOUR)
    assert 0 == memory.look(disks(6), NOW + 20 * HOUR).lost


def test_disks_that_replace_others_at_once_count_after_a_day() -> None:
    """A whole estate moved to new disks: noticed, and over a day later."""
    memory = settled(10)
    assert memory.look(disks(10, first=100), NOW).lost
    assert not memory.look(disks(10, first=100), NOW + DAY + HOUR).lost


def test_it_is_missed_until_somebody_accepts_it() -> None:
    """Then what is there is the reference."""
    memory = settled(10)
    for hours in range(1, 100):
        assert 8 == memory.look(disks(2), NOW + hours * HOUR).lost
    assert 0 == memory.look(disks(2), NOW + 100 * HOUR, accept=True).lost
    assert 0 == memory.look(disks(2), NOW + 101 * HOUR).lost
    assert 2 == memory.look(set(), NOW + 102 * HOUR).lost


def test_after_the_window_it_is_forgotten() -> None:
    """The reference is the greatest count within it."""
    memory = settled(10)
    assert 0 == memory.look(disks(6), NOW + 13 * DAY).lost
    assert 0 == memory.look(disks(6), NOW + 27 * DAY).lost
    assert 3 == memory.look(disks(3), NOW + 28 * DAY).lost


def test_while_no_pass_looks_nothing_is_forgotten() -> None:
    """Behind a pause of months the same rules are no fall, and none is one."""
    memory = settled(3)
    assert 0 == memory.look(disks(3), NOW + 90 * DAY).lost
    assert 3 == memory.look(set(), NOW + 180 * DAY).lost


def test_a_fall_lasts_until_it_is_accepted() -> None:
    """However long that takes: time is no consent."""
    memory = settled(10)
    for days in range(1, 91, 10):
        assert 8 == memory.look(disks(2), NOW + days * DAY).lost
    assert 0 == memory.look(disks(2), NOW + 91 * DAY, accept=True).lost
    assert 0 == memory.look(disks(2), NOW + 92 * DAY).lost


def test_a_rule_that_flaps_does_not_begin_anew() -> None:
    """A disk that had one for days counts at once when it has one again."""
    memory = settled(6)
    memory.look(disks(1), NOW + HOUR)
    assert 0 == memory.look(disks(6), NOW + 2 * HOUR).lost


def test_another_cluster_id_is_remembered_until_it_is_accepted() -> None:
    """What it was stays known."""
    memory = settled(3)
    found = compare(memory.known, "other", disks(3), NOW, WINDOW)
    assert "demo" == found.known.cluster
    assert "other" == compare(found.known, "other", disks(3), NOW, WINDOW, True).known.cluster


def test_little_is_written_while_nothing_happens() -> None:
    """Once a day, whatever the number of passes."""
    memory = settled(6)
    changes = 0
    for minutes in range(0, 3 * 24 * 60, 5):
        before = memory.known
        memory.look(disks(6), NOW + timedelta(minutes=minutes))
        changes += before != memory.known
    assert changes <= 4


def test_a_disk_is_remembered_for_the_window() -> None:
    """To the day, by the days on which passes looked."""
    memory = settled(6)
    for days, remembered in ((14, True), (15, False)):
        memory.look(disks(1), NOW + days * DAY)
        memory.look(disks(1), NOW + days * DAY)
        assert memory.known
        assert remembered == (disk("vol-5").id in memory.known.disks)
