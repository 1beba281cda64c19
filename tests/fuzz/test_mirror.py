"""Mirrors of any bytes: read whole or refused, and never taken for a cluster without rules."""

import gzip
from datetime import timedelta
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from functions.aws.volumes import EBSVolumes
from shared.errors import ClusterError
from shared.objects import Objects, decode_list
from shared.passes.trust import RulesReader, TrustedRules
from shared.rules.options import Options
from shared.rules.read import read_rules
from shared.sources import mirror as mirrors
from shared.sources.mirror import Mirror
from tests.fuzz.budget import assert_line, bounded, fuzz
from tests.fuzz.inputs import ITEMS, TEXTS, encoded, listed, torn
from tests.shared.fake_bucket import KEY, MIRROR, FakeBucket, storage_in
from tests.shared.objects_builders import claim, snapshot_rule, volume

WHOLE = storage_in(FakeBucket()).mirror.encode(
    decode_list(
        listed(
            encoded(volume(deltas="PT1H P1D")),
            encoded(claim(deltas="PT1H P2D")),
            encoded(snapshot_rule(persistentVolumeClaim="data")),
            encoded({"kind": "PersistentVolume", "metadata": {"name": "odd"}, "spec": 5}),
        ),
        "a test",
    )
)
PACKED = gzip.compress(WHOLE, mtime=0)


def load(data: bytes) -> Objects | None:
    """Read a mirror of these bytes; None where it is refused, as it should be."""
    bucket = FakeBucket()
    bucket.put(MIRROR, data, None)
    with bounded():
        try:
            return storage_in(bucket).mirror.read()
        except ClusterError as error:
            assert_line(str(error), 400)
    return None


@fuzz(150)
@given(
    torn(WHOLE)
    | torn(PACKED)
    | st.binary(max_size=300)
    | st.binary(max_size=60).map(lambda data: b"\x1f\x8b\x08\x00" + data)
    | st.binary(max_size=60).map(gzip.compress)
)
def test_any_bytes_are_a_mirror_or_refused(data: bytes) -> None:
    """What can be read is as much as there was, be it of our kinds or of others."""
    objects = load(data)
    if objects is not None:
        read_rules(objects, EBSVolumes(), Options())
        if data != b'{"items":[]}':
            assert objects.count() + objects.foreign


@fuzz(150)
@given(st.sampled_from([WHOLE, PACKED]).flatmap(lambda d: st.tuples(st.just(d), st.integers(0))))
def test_one_that_is_cut_short_is_refused(cut: tuple[bytes, int]) -> None:
    """Wherever a write or a download ended."""
    data, at = cut
    assert load(data[: at % len(data)]) is None


@fuzz(100)
@given(st.integers(0, len(PACKED) - 1), st.integers(0, 7))
def test_a_compressed_one_with_a_wrong_bit_is_refused(at: int, bit: int) -> None:
    """Its check sum says so; a few bits mean nothing, in the header and before the check sum."""
    data = bytearray(PACKED)
    data[at] ^= 1 << bit
    objects = load(bytes(data))
    assert objects is None or objects.count() == 4


@fuzz(30)
@given(st.integers(2, 60), st.binary(min_size=1, max_size=8), st.booleans())
def test_a_bomb_is_refused(times: int, pattern: bytes, nested: bool) -> None:
    """Whatever a small file holds, no more is unpacked than a mirror may have."""
    limit = 100_000
    data = gzip.compress(pattern * (limit * times // len(pattern)), 1)
    if nested:
        data = gzip.compress(data)
    with patch.object(mirrors, "MAX_BYTES", limit):
        assert load(data) is None


@fuzz(60)
@given(TEXTS)
@example("s3://bucket/x\nforged.json")
def test_a_refusal_is_one_line_whatever_the_mirror_is_called(url: str) -> None:
    """The address stands in what is said."""
    bucket = FakeBucket()
    for data in (None, b"torn", gzip.compress(b"x")[:-3], b'{"kind": "ConfigMap"}'):
        if data is not None:
            bucket.put(MIRROR, data, None)
        with pytest.raises(ClusterError) as caught:
            Mirror(bucket, MIRROR, url, (KEY,)).read()
        assert_line(str(caught.value), 600)


class Live:
    """A cluster that gives these objects."""

    live = True

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self) -> Objects:
        return decode_list(self._data, "cluster")

    def check(self) -> list[object]:
        return []


def pass_over(data: bytes) -> tuple[TrustedRules, FakeBucket]:
    bucket = FakeBucket()
    bucket.put(MIRROR, WHOLE, None)
    reader = RulesReader(
        Live(data),  # type: ignore[arg-type]
        storage_in(bucket),
        lambda objects: read_rules(objects, EBSVolumes(), Options()),
        max_age=timedelta(days=1),
        writing=True,
    )
    with bounded():
        return reader.read(), bucket


@fuzz(100)
@given(st.lists(ITEMS, max_size=3))
def test_whatever_the_cluster_gives_can_be_mirrored(items: list[bytes]) -> None:
    """And is read again: none of it makes a pass fail, or the next one that has but the mirror."""
    _, bucket = pass_over(listed(*items))
    storage_in(bucket).mirror.read()


@pytest.mark.parametrize("depth", [100, 900, 1100])
def test_what_is_nested_deeply_can_be_mirrored(depth: int) -> None:
    """A SnapshotRule of a CRD without a schema may hold anything; it costs nobody else a pass."""
    for deeper in range(0, 100, 1 if depth == 900 else 30):
        value = b"[" * (depth + deeper) + b"]" * (depth + deeper)
        rule = encoded(snapshot_rule("deep", persistentVolumeClaim="data", deltas="@deep@"))
        pass_over(listed(rule.replace(b'"@deep@"', value)))
