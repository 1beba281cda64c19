"""The contract of `shared.ports.Provider`, call by call."""

from datetime import timedelta

import msgspec
import pytest

from shared.errors import (
    DiskGone,
    NextPass,
    NotAllowed,
    ProviderError,
    Refused,
    StopCreating,
    Unanswered,
)
from shared.model import Snapshot, State
from shared.ports import Listing
from tests.contract.cloud import DELTAS, Cloud, Kind, Trouble, existing, order, seed
from tests.contract.passes import PassContract

HOUR = timedelta(hours=1)


def list_one(cloud: Cloud, scope: str) -> Listing:
    (listing,) = cloud.provider.list([scope])
    assert listing.scope == scope
    return listing


def listed(cloud: Cloud, scope: str) -> list[Snapshot]:
    """List a scope that must be had completely."""
    listing = list_one(cloud, scope)
    assert (listing.complete, listing.error) == (True, "")
    return list(listing.snapshots)


class ProviderContract(PassContract):
    """What every provider does. A subclass named `Test…` gives the fixture `cloud`."""

    @pytest.fixture
    def scope(self, cloud: Cloud) -> str:
        return cloud.scopes[0]

    # Listing

    def test_lists_nothing_where_there_is_nothing(self, cloud: Cloud, scope: str) -> None:
        """An empty scope is a complete listing without snapshots, no scope is no listing."""
        assert listed(cloud, scope) == []
        assert cloud.provider.list([]) == []

    def test_lists_only_what_bears_our_author_label(self, cloud: Cloud, scope: str) -> None:
        """Snapshots by other authors, or by nobody, are not ours to see."""
        disk = cloud.add_disk(scope)
        for age, labels in enumerate(({}, {cloud.labels.author_key: "somebody-else"}), 1):
            cloud.seed(disk, cloud.clock.now() - age * HOUR, labels)
        ours = seed(cloud, disk, 3 * HOUR)
        assert [snapshot.id for snapshot in listed(cloud, scope)] == [ours]

    def test_lists_all_pages(self, cloud: Cloud, scope: str) -> None:
        """Everything is listed once however many pages it takes (trap: a listing cut short)."""
        disk = cloud.add_disk(scope)
        made = [seed(cloud, disk, age * HOUR) for age in range(1, 2 * cloud.page_size + 2)]
        found = [snapshot.id for snapshot in listed(cloud, scope)]
        assert sorted(found) == sorted(made)
        assert cloud.calls() == {"list": 3}

    def test_lists_every_scope(self, cloud: Cloud) -> None:
        """Each scope asked for is listed, with its own (trap: only the home region is listed)."""
        disks = {scope: cloud.add_disk(scope) for scope in cloud.scopes[:2]}
        made = {scope: {seed(cloud, disk, HOUR)} for scope, disk in disks.items()}
        listings = cloud.provider.list(cloud.scopes)
        found = {listing.scope: {s.id for s in listing.snapshots} for listing in listings}
        assert found == made | {cloud.scopes[2]: set()}
        assert {s.disk for listing in listings for s in listing.snapshots} == set(disks.values())

    def test_tells_states(self, cloud: Cloud, scope: str) -> None:
        """Failed snapshots and pending ones are told from backups (trap: failed ones count)."""
        disk = cloud.add_disk(scope)
        states: tuple[State, ...] = ("completed", "pending", "failed")
        made = {seed(cloud, disk, age * HOUR, state): state for age, state in enumerate(states, 1)}
        assert {snapshot.id: snapshot.state for snapshot in listed(cloud, scope)} == made

    def test_tells_times_in_utc(self, cloud: Cloud, scope: str) -> None:
        """The start is an aware time in UTC, to the second at least."""
        seed(cloud, cloud.add_disk(scope), timedelta(days=100, seconds=1))
        (snapshot,) = listed(cloud, scope)
        assert snapshot.started == cloud.clock.now() - timedelta(days=100, seconds=1)
        assert snapshot.started.utcoffset() == timedelta(0)

    def test_gives_labels_and_deltas_as_they_were_written(self, cloud: Cloud, scope: str) -> None:
        """Labels come back as the cloud's encoding has them, the deltas exactly."""
        disk = cloud.add_disk(scope)
        seed(cloud, disk, HOUR)
        (snapshot,) = listed(cloud, scope)
        assert snapshot.labels == order(cloud, disk).labels
        assert snapshot.deltas == DELTAS

    def test_the_daemons_snapshots_bear_no_deltas(self, cloud: Cloud, scope: str) -> None:
        """They have the author label and nothing else: what is read is empty, not wrong."""
        labels = cloud.labels
        author = {labels.author_key: labels.encoding.value(labels.author)}
        cloud.seed(cloud.add_disk(scope), cloud.clock.now() - HOUR, author)
        assert [snapshot.deltas for snapshot in listed(cloud, scope)] == [""]

    def test_lists_snapshots_of_a_disk_that_is_gone(self, cloud: Cloud, scope: str) -> None:
        """A deleted disk's snapshots are still listed as that disk's (trap: it crashes all)."""
        gone = cloud.missing_disk(scope)
        seed(cloud, gone, HOUR)
        assert [snapshot.disk for snapshot in listed(cloud, scope)] == [gone]

    @pytest.mark.parametrize("trouble", ["down", "denied", "throttled", "cut off"])
    def test_a_scope_that_fails_spoils_no_other(self, cloud: Cloud, trouble: Trouble) -> None:
        """It is incomplete and says why; the others are complete (trap: region not found)."""
        good, bad, empty = cloud.scopes
        made = seed(cloud, cloud.add_disk(good), HOUR)
        seed(cloud, cloud.add_disk(bad), HOUR)
        cloud.trouble("list", trouble, scope=bad)
        listings = {listing.scope: listing for listing in cloud.provider.list(cloud.scopes)}
        assert [snapshot.id for snapshot in listings[good].snapshots] == [made]
        assert {scope: listing.complete for scope, listing in listings.items()} == {
            good: True,
            bad: False,
            empty: True,
        }
        assert listings[bad].error
        assert not listings[good].error

    def test_a_listing_cut_short_is_incomplete(self, cloud: Cloud, scope: str) -> None:
        """Pages that cannot be had make all of it incomplete (trap: it passes for the whole)."""
        disk = cloud.add_disk(scope)
        made = {seed(cloud, disk, age * HOUR) for age in range(1, 2 * cloud.page_size + 2)}
        cloud.trouble("list", "down", after=1)
        listing = list_one(cloud, scope)
        assert {snapshot.id for snapshot in listing.snapshots} < made
        assert not listing.complete
        assert listing.error

    @pytest.mark.parametrize("trouble", ["throttled", "down", "cut off"])
    def test_asks_again_for_a_page(self, cloud: Cloud, scope: str, trouble: Trouble) -> None:
        """One failure that passes does not cost the listing."""
        made = seed(cloud, cloud.add_disk(scope), HOUR)
        cloud.trouble("list", trouble, times=1)
        assert [snapshot.id for snapshot in listed(cloud, scope)] == [made]

    # Creating

    def test_begins_a_snapshot(self, cloud: Cloud, scope: str) -> None:
        """It is returned pending, with labels and disk, and listed so from then on."""
        disk = cloud.add_disk(scope)
        asked = order(cloud, disk)
        made = cloud.provider.create(asked)
        assert (made.disk, made.state, made.started) == (disk, "pending", cloud.clock.now())
        assert (made.labels, made.deltas) == (asked.labels, DELTAS)
        (found,) = listed(cloud, scope)
        # What a creation may not tell yet, and what only a creation tells.
        assert made == msgspec.structs.replace(
            found, size=made.size, operation=made.operation, cluster=made.cluster
        )
        assert found.size > 0
        cloud.complete()
        assert [snapshot.state for snapshot in listed(cloud, scope)] == ["completed"]

    def test_labels_in_the_call_that_creates(self, cloud: Cloud, scope: str) -> None:
        """There is no second call, a crash before which would lose the snapshot (trap)."""
        asked = order(cloud, cloud.add_disk(scope))
        cloud.provider.create(asked)
        assert cloud.calls() == {"create": 1}
        assert [snapshot.labels for snapshot in cloud.snapshots()] == [asked.labels]

    def test_tells_a_snapshot_that_failed(self, cloud: Cloud, scope: str) -> None:
        """A snapshot that fails after it began is listed as failed."""
        made = cloud.provider.create(order(cloud, cloud.add_disk(scope)))
        cloud.fail(made.id)
        assert [(s.id, s.state) for s in listed(cloud, scope)] == [(made.id, "failed")]

    def test_a_disk_that_is_gone_fails_alone(self, cloud: Cloud, scope: str) -> None:
        """A disk that does not exist is its rule's problem (trap: one deleted disk stops all)."""
        with pytest.raises(DiskGone):
            cloud.provider.create(order(cloud, cloud.missing_disk(scope)))
        assert existing(cloud) == set()

    def test_creates_one_when_throttling_passes(self, cloud: Cloud, scope: str) -> None:
        """Throttling, which has no effect, is waited out."""
        asked = order(cloud, cloud.add_disk(scope))
        cloud.trouble("create", "throttled", times=2)
        made = cloud.provider.create(asked)
        assert existing(cloud) == {made.id}

    def test_leaves_creating_to_the_next_pass_when_throttling_stays(
        self, cloud: Cloud, scope: str
    ) -> None:
        """Throttling that does not end ends the attempt, within the longest call."""
        cloud.trouble("create", "throttled")
        with pytest.raises(NextPass):
            cloud.provider.create(order(cloud, cloud.add_disk(scope)))
        assert existing(cloud) == set()
        assert cloud.clock.monotonic() < cloud.provider.longest_call

    @pytest.mark.parametrize(("trouble", "effects"), [("lost", 1), ("cut off", 0), ("down", 0)])
    def test_never_creates_blindly_again(
        self, cloud: Cloud, scope: str, trouble: Trouble, effects: int
    ) -> None:
        """Without an answer the effect is unknown, and is left so (trap: it made three)."""
        asked = order(cloud, cloud.add_disk(scope))
        cloud.trouble("create", trouble)
        with pytest.raises(Unanswered):
            cloud.provider.create(asked)
        assert len(existing(cloud)) == effects
        assert cloud.repeatable or cloud.calls() == {"create": 1}

    def test_a_full_scope_stops_creating(self, cloud: Cloud, scope: str) -> None:
        """A limit of the whole scope is told from one disk's failure."""
        cloud.trouble("create", "full")
        with pytest.raises(StopCreating):
            cloud.provider.create(order(cloud, cloud.add_disk(scope)))
        assert existing(cloud) == set()

    def test_creating_tells_a_missing_permission(self, cloud: Cloud, scope: str) -> None:
        """A permission that is missing is not the disk's failure."""
        cloud.trouble("create", "denied")
        with pytest.raises(NotAllowed):
            cloud.provider.create(order(cloud, cloud.add_disk(scope)))
        assert existing(cloud) == set()

    # Deleting

    @pytest.fixture
    def two(self, cloud: Cloud, scope: str) -> list[Snapshot]:
        disk = cloud.add_disk(scope)
        for age in (1, 2):
            seed(cloud, disk, age * HOUR)
        return [s for s in cloud.snapshots() if s.disk == disk]

    def test_deletes_one_snapshot(self, cloud: Cloud, two: list[Snapshot]) -> None:
        """The snapshot goes in one call, its neighbour stays."""
        assert len(two) == 2
        cloud.provider.delete(two[0])
        assert existing(cloud) == {two[1].id}
        assert cloud.calls() == {"delete": 1}

    def test_deleting_what_is_gone_is_no_error(self, cloud: Cloud, two: list[Snapshot]) -> None:
        """Somebody else may have deleted it since it was listed."""
        cloud.provider.delete(two[0])
        cloud.provider.delete(two[0])
        assert existing(cloud) == {two[1].id}

    def test_a_refused_deletion_says_why(self, cloud: Cloud, two: list[Snapshot]) -> None:
        """A snapshot in use is skipped for a reason, and the next goes (trap: it kept them all)."""
        cloud.protect(two[0].id)
        with pytest.raises(Refused, match=r"."):
            cloud.provider.delete(two[0])
        cloud.provider.delete(two[1])
        assert existing(cloud) == {two[0].id}

    @pytest.mark.parametrize("trouble", ["throttled", "down", "cut off", "lost"])
    def test_deletes_again(self, cloud: Cloud, two: list[Snapshot], trouble: Trouble) -> None:
        """Deleting is safe to repeat, so that one failure that passes costs nothing."""
        cloud.trouble("delete", trouble, times=1)
        cloud.provider.delete(two[0])
        assert existing(cloud) == {two[1].id}

    @pytest.mark.parametrize(
        ("trouble", "kind"),
        [("throttled", NextPass), ("denied", NotAllowed), ("cut off", Unanswered)],
    )
    def test_deleting_that_fails_says_what_follows(
        self, cloud: Cloud, two: list[Snapshot], trouble: Trouble, kind: type[ProviderError]
    ) -> None:
        """A failure that stays is sorted as for creating, and nothing is gone."""
        cloud.trouble("delete", trouble)
        with pytest.raises(kind):
            cloud.provider.delete(two[0])
        assert existing(cloud) == {snapshot.id for snapshot in two}

    # All calls

    @pytest.mark.parametrize("kind", ["list", "create", "delete"])
    def test_errors_are_short_and_carry_no_credentials(
        self, cloud: Cloud, two: list[Snapshot], kind: Kind
    ) -> None:
        """What is said of any trouble is one line that anybody may read."""
        troubles: tuple[Trouble, ...] = ("throttled", "denied", "full", "down", "cut off", "lost")
        for trouble in troubles:
            cloud.trouble(kind, trouble)
            text = said(cloud, two[0], kind)
            cloud.calm()
            assert 10 < len(text) < 500
            assert text.isprintable()
            assert not [secret for secret in cloud.secrets if secret in text]

    def test_knows_who_it_is(self, cloud: Cloud) -> None:
        """`credentials` tells an identity without any permission to see snapshots."""
        cloud.trouble("list", "denied")
        found = cloud.provider.credentials()
        assert found.ok, found
        assert found.detail
        assert not [secret for secret in cloud.secrets if secret in found.detail]

    @pytest.mark.parametrize("kind", ["list", "create", "delete"])
    def test_check_finds_a_missing_permission(
        self, cloud: Cloud, two: list[Snapshot], kind: Kind
    ) -> None:
        """Each permission is tried, one that is missing is found, and nothing is changed."""
        scope, asked = two[0].disk.scope, order(cloud, two[0].disk)
        found = list(cloud.provider.check(scope, asked, two[0]))
        assert len(found) >= 3
        assert [check for check in found if not check.ok] == []
        cloud.trouble(kind, "denied")
        missing = [c for c in cloud.provider.check(scope, asked, two[0]) if not c.ok]
        assert len(missing) == 1
        assert missing[0].detail
        assert missing[0].hint
        assert existing(cloud) == {snapshot.id for snapshot in two}


def said(cloud: Cloud, snapshot: Snapshot, kind: Kind) -> str:
    """Tell what a call that goes wrong says."""
    disk = snapshot.disk
    if kind == "list":
        return list_one(cloud, disk.scope).error
    asked = order(cloud, cloud.add_disk(disk.scope))
    with pytest.raises(ProviderError) as caught:
        cloud.provider.create(asked) if kind == "create" else cloud.provider.delete(snapshot)
    return f"{caught.value} ({caught.value.code})"
