"""How a plan is carried out, with a provider that costs nothing and a virtual clock."""

import math
import threading
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import (
    DiskFailed,
    DiskGone,
    NextPass,
    NotAllowed,
    ProviderError,
    Refused,
    StopCreating,
    Unanswered,
    UnknownDisk,
)
from shared.kinds import PersistentVolume
from shared.model import Disk, OperationState, Snapshot
from shared.passes.apply import FOR_DELETIONS, apply
from shared.passes.deadline import Deadline
from shared.planning.actions import Create, Delete, Plan
from shared.planning.labels import AWS, Encoding
from shared.ports import Check, Listing, Provider, Volumes
from shared.reports.applied import Applied, foresee
from tests.clock import NOON, VirtualClock
from tests.shared.builders import DAY, disk, snapshot

KINDS: tuple[type[ProviderError], ...] = (
    DiskFailed,
    NextPass,
    StopCreating,
    Unanswered,
    Refused,
    NotAllowed,
)
PUT_OFF = (NextPass, Refused)
Action = tuple[str, str, str]


class NoVolumes:
    """Knows no volume; implements `ports.Volumes`."""

    backend = "fake"

    def from_volume(self, volume: PersistentVolume) -> Disk | None:
        return None

    def from_spec(self, spec: Mapping[str, Any]) -> Disk:
        raise AssertionError(spec)


class FakeProvider:
    """Keeps a log of what is begun and when; implements `ports.Provider`.

    Each call takes so many seconds of the clock. `errors` maps disk names and snapshot ids to what
    is raised for them.
    """

    name = "fake"
    encoding: Encoding = AWS
    volumes: Volumes = NoVolumes()
    longest_call = 60.0

    def __init__(
        self,
        clock: VirtualClock | None = None,
        seconds: Iterable[float] = (),
        errors: Mapping[str, Exception] | None = None,
    ) -> None:
        self.clock = clock or VirtualClock()
        self.log: list[tuple[float, str, str]] = []
        self._seconds, self._errors = iter(seconds), errors or {}

    def locate(
        self, disks: Collection[Disk], doubted: Collection[Disk] = ()
    ) -> Mapping[Disk, Disk | UnknownDisk]:
        return {}

    def list(self, scopes: Collection[str]) -> list[Listing]:
        return [Listing(scope) for scope in scopes]

    def create(self, create: Create) -> Snapshot:
        self._call("create", create.disk.name)
        return snapshot(f"of-{create.disk.name}", NOON, disk=create.disk, state="pending")

    def operation(self, scope: str, name: str) -> OperationState:
        raise AssertionError("not asked while a plan is carried out")

    def delete(self, snapshot: Snapshot) -> None:
        self._call("delete", snapshot.id)

    def credentials(self) -> Check:
        return Check("nobody", True)

    def check(
        self, scope: str, create: Create | None, snapshot: Snapshot | None
    ) -> Iterable[Check]:
        return ()

    def _call(self, action: str, name: str) -> None:
        self.log.append((self.clock.monotonic(), action, name))
        self.clock.sleep(next(self._seconds, 0.0))
        error = self._errors.get(name)
        if error:
            raise error

    def names(self, action: str) -> Sequence[str]:
        return [name for _, kind, name in self.log if kind == action]


def creating(name: str, scope: str = "eu-west-1") -> Create:
    return Create(
        disk=disk(name, scope),
        name=f"snapshot-of-{name}",
        labels={},
        description="",
        rules=("shop-pvc-data",),
        overdue=None,
        reason="no snapshot yet",
    )


def deleting(name: str) -> Delete:
    return Delete(snapshot=snapshot(name, NOON - 400 * DAY), reason="too old")


def plan_of(creates: Iterable[Create] = (), deletes: Iterable[Delete] = ()) -> Plan:
    return Plan(now=NOON, creates=tuple(creates), deletes=tuple(deletes))


def carry_out(
    plan: Plan, provider: FakeProvider, seconds: float = math.inf, workers: int = 1
) -> Applied:
    port: Provider = provider
    return apply(plan, port, Deadline(provider.clock, seconds, port.longest_call), workers)


def accounted(applied: Applied) -> Counter[Action]:
    """Tell what the report has, wherever it has it."""
    return Counter(
        [("create", done.disk, "") for done in applied.creations]
        + [("delete", done.disk, done.snapshot) for done in applied.deletions]
        + [(failure.action, failure.disk, failure.snapshot) for failure in applied.failures]
        + [(entry.action, entry.disk, entry.snapshot) for entry in applied.deferred]
    )


def planned(plan: Plan) -> Counter[Action]:
    creates = [("create", create.disk.id, "") for create in plan.creates]
    gone = [delete.snapshot for delete in plan.deletes]
    return Counter(creates + [("delete", snapshot.disk.id, snapshot.id) for snapshot in gone])


def test_creates_before_it_deletes_and_in_order() -> None:
    """One worker does one thing after the other as planned (trap: Gemini deletes first)."""
    provider = FakeProvider()
    plan = plan_of(map(creating, "cab"), map(deleting, ["z", "x", "y"]))
    carry_out(plan, provider, workers=1)
    begun = [(action, name) for _, action, name in provider.log]
    assert begun == [("create", name) for name in "cab"] + [("delete", name) for name in "zxy"]


@pytest.mark.parametrize("workers", [2, 8])
def test_creates_before_it_deletes_with_many_workers(workers: int) -> None:
    """Every creation has its answer before the first deletion begins."""
    names = [f"d{n}" for n in range(20)]
    provider = FakeProvider()
    applied = carry_out(
        plan_of(map(creating, names), map(deleting, names)), provider, math.inf, workers
    )
    assert [action for _, action, _ in provider.log] == 20 * ["create"] + 20 * ["delete"]
    assert [done.snapshot for done in applied.creations] == [f"of-{name}" for name in names]


def test_deletes_though_creating_failed() -> None:
    """Expiry does not hang on a new snapshot (trap: the daemon's did)."""
    provider = FakeProvider(errors={"a": DiskFailed("gone", "NotFound")})
    applied = carry_out(plan_of([creating("a")], [deleting("old")]), provider)
    assert [(failure.disk, failure.code) for failure in applied.failures] == [
        (disk("a").id, "NotFound")
    ]
    assert [done.snapshot for done in applied.deletions] == ["old"]


def test_keeps_a_quarter_of_the_time_for_deletions() -> None:
    """Slow creations end when three quarters are gone, and the deletions get the rest."""
    provider = FakeProvider(seconds=[10.0] * 1000)
    plan = plan_of((creating(f"d{n}") for n in range(100)), (deleting(f"s{n}") for n in range(100)))
    applied = carry_out(plan, provider, 660.0)
    useful = 660 - provider.longest_call
    assert len(applied.creations) == useful * (1 - FOR_DELETIONS) / 10 == 45
    assert len(applied.deletions) == useful * FOR_DELETIONS / 10 == 15
    assert len(applied.deferred) == 140


def test_creates_to_the_end_where_nothing_is_to_be_deleted() -> None:
    """Without deletions no time is kept for them."""
    provider = FakeProvider(seconds=[10.0] * 1000)
    applied = carry_out(plan_of(creating(f"d{n}") for n in range(100)), provider, 660.0)
    assert (len(applied.creations), len(applied.deferred)) == (60, 40)


@settings(deadline=None)
@given(
    st.lists(st.floats(0, FakeProvider.longest_call), max_size=40),
    st.integers(0, 20),
    st.integers(0, 20),
    st.floats(0, 1500),
)
def test_ends_before_the_deadline(
    took: list[float], creates: int, deletes: int, seconds: float
) -> None:
    """However long calls take, none begins that could end too late, and the rest waits (P6).

    A pass shorter than five of the longest calls keeps a fifth of its time for the last one.
    """
    provider = FakeProvider(seconds=took)
    plan = plan_of(
        (creating(f"d{n}") for n in range(creates)), (deleting(f"s{n}") for n in range(deletes))
    )
    applied = carry_out(plan, provider, seconds)
    last = seconds - min(provider.longest_call, seconds / 5)
    assert all(begun < last for begun, _, _ in provider.log)
    if seconds >= 5 * provider.longest_call:
        assert provider.clock.monotonic() <= seconds + 1e-6
    assert accounted(applied) == planned(plan)
    assert len(provider.log) == len(applied.creations) + len(applied.deletions)
    assert {entry.reason for entry in applied.deferred} <= {"the pass ran out of time"}


def test_as_many_calls_are_under_way_as_there_are_workers() -> None:
    """Each waits here for the other, so that one alone would never end."""
    meeting = threading.Barrier(2)

    class Slow(FakeProvider):
        def create(self, create: Create) -> Snapshot:
            meeting.wait(20)
            return super().create(create)

    applied = carry_out(plan_of(map(creating, "ab")), Slow(), workers=2)
    assert 2 == len(applied.creations)


@pytest.mark.parametrize("seconds", [0.0, -5.0])
def test_begins_nothing_without_time(seconds: float) -> None:
    """A pass that comes too late puts everything off."""
    provider = FakeProvider()
    applied = carry_out(plan_of([creating("a")], [deleting("old")]), provider, seconds)
    assert provider.log == []
    assert [entry.action for entry in applied.deferred] == ["create", "delete"]


def test_the_time_before_applying_counts() -> None:
    """The deadline runs from when it was set, so that slow listings leave less for calls."""
    provider = FakeProvider()
    deadline = Deadline(provider.clock, 600, provider.longest_call)
    provider.clock.sleep(541)
    applied = apply(plan_of([creating("a")]), provider, deadline, 1)
    assert [entry.reason for entry in applied.deferred] == ["the pass ran out of time"]


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([None, *KINDS, ValueError, KeyError]), max_size=12),
    st.lists(st.sampled_from([None, *KINDS, ValueError, KeyError]), max_size=12),
    st.sampled_from([1, 3]),
)
def test_accounts_for_every_action_once(
    creates: list[type[Exception] | None], deletes: list[type[Exception] | None], workers: int
) -> None:
    """Whatever fails and how, each planned action is done, failed or put off, and only one."""
    errors = {f"d{n}": kind for n, kind in enumerate(creates)}
    errors |= {f"s{n}": kind for n, kind in enumerate(deletes)}
    broken = {name: kind("broken") for name, kind in errors.items() if kind}
    provider = FakeProvider(errors=broken)
    plan = plan_of(
        # A scope each, so that none is stopped by another's limit.
        (creating(f"d{n}", f"scope-{n}") for n in range(len(creates))),
        (deleting(f"s{n}") for n in range(len(deletes))),
    )
    applied = carry_out(plan, provider, workers=workers)
    assert accounted(applied) == planned(plan)
    assert applied.created_disks == {done.disk for done in applied.creations}
    kinds = Counter(errors.values())
    assert len(applied.creations) + len(applied.deletions) == kinds[None]
    assert len(applied.deferred) == sum(kinds[kind] for kind in PUT_OFF)


@pytest.mark.parametrize("workers", [1, 4])
def test_a_full_scope_stops_only_itself(workers: int) -> None:
    """Nothing more is tried there than was under way; elsewhere all goes on, deletions too."""
    full = [creating(f"a{n}", "full") for n in range(20)]
    fine = [creating(f"b{n}", "fine") for n in range(20)]
    provider = FakeProvider(errors={f"a{n}": StopCreating("quota", "Full") for n in range(20)})
    applied = carry_out(plan_of(full + fine, [deleting("old")]), provider, workers=workers)
    tried = [name for name in provider.names("create") if name.startswith("a")]
    assert 1 <= len(tried) <= workers
    assert [failure.code for failure in applied.failures] == ["Full"] * len(tried)
    assert [entry.reason for entry in applied.deferred] == [
        "full takes no more snapshots: quota"
    ] * (20 - len(tried))
    assert len(applied.creations) == 20
    assert provider.names("delete") == ["old"]


def test_other_errors_stop_no_scope() -> None:
    """A missing permission or a lost answer is each disk's own: the next is still tried."""
    errors = {"a": NotAllowed("no"), "b": Unanswered("lost"), "c": ValueError("?")}
    provider = FakeProvider(errors=errors)
    carry_out(plan_of(map(creating, "abcd")), provider)
    assert provider.names("create") == ["a", "b", "c", "d"]


@pytest.mark.parametrize("workers", [1, 4])
def test_an_unexpected_error_is_one_failure_without_its_text(workers: int) -> None:
    """A defect costs its own disk only, and what it says, which may be anything, is not told."""
    errors = {"a": ValueError("token s3cr3t"), "old": KeyError("s3cr3t")}
    provider = FakeProvider(errors=errors)
    plan = plan_of(map(creating, "ab"), map(deleting, ["old", "older"]))
    applied = carry_out(plan, provider, workers=workers)
    assert [failure.code for failure in applied.failures] == ["ValueError", "KeyError"]
    assert (len(applied.creations), len(applied.deletions)) == (1, 1)
    assert "s3cr3t" not in msgspec.json.encode(applied.failures).decode()


def test_what_waits_for_a_later_pass_is_no_error_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What fails is one."""
    errors = {"a": NextPass("no time"), "b": DiskGone("no such volume"), "c": DiskFailed("broken"),
              "s": Refused("in use")}  # fmt: skip
    carry_out(plan_of(map(creating, "abc"), [deleting("s")]), FakeProvider(errors=errors))
    levels = {record.message.split(": ")[-1]: record.levelname for record in caplog.records}
    assert {"no time": "WARNING", "no such volume": "WARNING", "broken": "ERROR",
            "in use": "WARNING"} == levels  # fmt: skip


def test_says_what_was_done_and_why() -> None:
    """Entries bear the plan's words and the cloud's id, so that a report can be followed up."""
    provider = FakeProvider(errors={"s": Refused("in use by an image", "InUse")})
    applied = carry_out(plan_of([creating("a")], map(deleting, "rs")), provider)
    (created,), (deleted,), (put_off,) = applied.creations, applied.deletions, applied.deferred
    assert (created.disk, created.snapshot, created.name) == (
        disk("a").id,
        "of-a",
        "snapshot-of-a",
    )
    assert (created.reason, created.rules) == ("no snapshot yet", ("shop-pvc-data",))
    assert (deleted.snapshot, deleted.reason) == ("r", "too old")
    assert (put_off.snapshot, put_off.reason) == ("s", "in use by an image")


def test_foresees_what_would_be_done() -> None:
    """Plan mode accounts for the same actions, as done, with no id for what does not exist."""
    plan = plan_of(map(creating, "ab"), [deleting("old")])
    applied = foresee(plan)
    assert accounted(applied) == planned(plan)
    assert [done.snapshot for done in applied.creations] == ["", ""]
    assert (applied.failures, applied.deferred) == ([], [])
