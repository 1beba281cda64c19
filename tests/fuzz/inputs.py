"""Untrusted input of every shape: odd texts, any JSON, mutations of what is real, torn bytes."""

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.budget import BULK
from tests.shared.objects_builders import DELTAS, claim, snapshot_rule, volume, with_spec

Json = dict[str, Any]
Path = tuple[Any, ...]

#: What has broken programs before, and what this one treats specially.
ODD = [
    "", " ", "\n", "x\nERROR forged", "x\r\nforged", "\x1b[2J", "\x00", "\x85", "\u2028forged",
    "\u202egnp", "\ufeff", "\u0130\ufb00", "\U0001d7cf", "e\u0301" * 40, "null", "NaN", "-Infinity",
    "true", "0", "-1", "../../etc/passwd", "%s%n", "{{7*7}}", "`", "a - at `$.kind`\nforged",
    "[red]x[/red]", "a" * 64, "a" * 257, "\n" * 300, "\ud7ff\ue000" * 200,
]  # fmt: skip
#: Volume handles and zones that are nearly right.
PLACES = [
    "aws:///vol-0123456789abcde99", "aws://eu-west-1a\nforged/vol-0123456789abcde99",
    "vol-0123456789abcde99\n", "projects/p/zones/UNSPECIFIED/disks/d",
    "projects/my-project/zones/a\nforged/disks/d", f"projects/my-project/zones/{'z' * 999}/disks/d",
    "projects/my-project/zones/europe-west1-b/disks/d\n", "europe-west1-b__europe-west1-c",
    "eu-west-1a\n", "us-west-2-lax-1a", DELTAS, "PT1H", "P1D PT1H", "PT1H\nP1D\u2003P30D",
    "P99999999999Y P1D", "P0D P1D", "PT0.0000001S P1D", "P1,5Y P2Y",
]  # fmt: skip
#: Lone surrogates come out of JSON's escapes, and out of environments.
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
#: What JSON decoders that check for surrogates let through.
CLEAN_TEXT = st.text(max_size=20) | st.sampled_from([t for t in ODD if t.isascii()] + PLACES)
TEXTS = st.one_of(ANY_TEXT, st.sampled_from(ODD), st.sampled_from(PLACES))
NUMBERS = st.one_of(
    st.integers(),
    st.sampled_from([2**53 + 1, 2**63, -(2**63) - 1, 2**64, 10**400]),
    st.floats(allow_nan=False, allow_infinity=False),
)
KEYS = (
    st.sampled_from(
        ["apiVersion", "kind", "items", "metadata", "name", "namespace", "uid", "labels", "spec",
         "annotations", "csi", "driver", "volumeHandle", "claimRef", "volumeName", "deltas", "disk",
         "backend", "region", "zone", "volumeId", "persistentVolume", "persistentVolumeClaim"]
    )
    | TEXTS
)  # fmt: skip
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)
#: Stand for what Python's encoder cannot print; see `encoded`.
HUGE, NO_UTF8, LONG = "@huge@", "@no-utf8@", "@long@"
RAW = {HUGE: b"1e999999", NO_UTF8: b'"\xff\xfe"', LONG: b'"%s"' % (b"x\\n" * 30_000)}
#: How deep: around msgspec's own limit, and beyond.
DEPTHS = st.integers(1, 90) | st.integers(900, 1100) | st.just(20_000)


def encoded(value: Any) -> bytes:
    """Print JSON as Go does, without lone surrogates; for marks, what other encoders print."""
    data = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    for mark, raw in RAW.items():
        data = data.replace(b'"%s"' % mark.encode(), raw)
    return data


@st.composite
def mutations(draw: st.DrawFn, real: Json) -> bytes:
    """Mutate one to three places of a real object: another type, another key, gone, or nested."""
    item, depth = copy.deepcopy(real), 0
    for _ in range(draw(st.integers(1, 3))):
        paths = [path for path in _paths(item) if path]
        if not paths:
            break
        *parents, last = draw(st.sampled_from(paths))
        place = item
        for step in parents:
            place = place[step]
        what = draw(st.sampled_from(["value", "text", "gone", "key", "wrap", "raw", "deep"]))
        if what == "gone":
            del place[last]
        elif what == "key" and isinstance(place, dict):
            place[draw(KEYS)] = place.pop(last)
        elif what == "wrap":
            place[last] = [place[last]] if draw(st.booleans()) else {draw(KEYS): place[last]}
        elif what == "deep":
            depth = draw(DEPTHS)
            place[last] = "@deep@"
        else:
            choices = {"text": TEXTS, "raw": st.sampled_from([*RAW])}
            place[last] = draw(choices.get(what, VALUES))
    return encoded(item).replace(b'"@deep@"', b"[" * depth + b"]" * depth)


def _paths(value: Any, path: Path = ()) -> Iterator[Path]:
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _paths(inner, (*path, index))


#: Healthy objects with names, and a disk, that no other object of the tests has.
STRANGE = ("strange", "odd")
HANDLES = ("vol-0123456789abcde99", "projects/my-project/zones/europe-west1-b/disks/odd")
GOOGLE_CSI = {"csi": {"driver": "pd.csi.storage.gke.io", "volumeHandle": HANDLES[1]}}
REAL: list[Json] = [
    volume("pv-odd", HANDLES[0], claimed_by=STRANGE, deltas=DELTAS,
           labels={"topology.kubernetes.io/zone": "eu-west-1a"}),
    volume("pv-odd", spec=GOOGLE_CSI, claimed_by=STRANGE, deltas=DELTAS,
           labels={"topology.kubernetes.io/zone": "europe-west1-b"}),
    volume("pv-odd", spec={"awsElasticBlockStore": {"volumeID": HANDLES[0]}}, deltas=DELTAS),
    volume("pv-odd", spec={"gcePersistentDisk": {"pdName": "odd"}}, deltas=DELTAS),
    claim("odd", "strange", volume="pv-odd", deltas=DELTAS),
    snapshot_rule("odd", "strange", persistentVolumeClaim="odd"),
    snapshot_rule("odd", "strange", persistentVolume="pv-odd"),
    with_spec({"deltas": DELTAS, "backend": "aws",
               "disk": {"region": "eu-west-1", "volumeId": HANDLES[0]}}, "odd", "strange"),
    with_spec({"deltas": DELTAS, "backend": "google",
               "disk": {"name": "odd", "zone": "europe-west1-b"}}, "odd", "strange"),
]  # fmt: skip
MUTANTS = st.sampled_from(REAL).flatmap(mutations)
#: One object of a List, as bytes.
ITEMS = st.one_of(MUTANTS, MUTANTS, VALUES.map(encoded))


def listed(*items: bytes) -> bytes:
    """Put objects into a List."""
    return b'{"apiVersion": "v1", "kind": "List", "items": [%s]}' % b", ".join(items)


@st.composite
def torn(draw: st.DrawFn, data: bytes) -> bytes:
    """Flip bits of bytes, leave some out, put some in, or cut them short."""
    found = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(found) - 1, 0)))
        what = draw(st.sampled_from(["flip", "gone", "more", "cut"]))
        if what == "flip" and found:
            found[at] ^= 1 << draw(st.integers(0, 7))
        elif what == "gone":
            del found[at : at + draw(st.integers(1, 40))]
        elif what == "more":
            found[at:at] = draw(st.binary(min_size=1, max_size=4))
        elif what == "cut":
            del found[at:]
    return bytes(found)


@st.composite
def bulky(draw: st.DrawFn, alphabet: str, most: int = BULK) -> str:
    """Repeat a short pattern many times, which is what makes a careless parser crawl."""
    word = st.text(alphabet, max_size=6)
    head, pattern, tail = draw(word), draw(st.text(alphabet, min_size=1, max_size=8)), draw(word)
    length = draw(st.sampled_from([10, 1_000, most]))
    return head + pattern * ((length - len(head) - len(tail)) // len(pattern) + 1) + tail


@st.composite
def bound(draw: st.DrawFn) -> list[bytes]:
    """Draw a volume, its claim and rules for both, that agree on odd names, of an odd disk."""
    texts = st.sampled_from(["odd", "x\nforged", "y" * 500]) | CLEAN_TEXT
    name, called, namespace = draw(texts), draw(texts), draw(texts)
    handle, deltas = draw(st.sampled_from([*HANDLES, *PLACES])), draw(CLEAN_TEXT)
    zone = draw(st.sampled_from(["eu-west-1a", "europe-west1-b", *PLACES]))
    driver = draw(st.sampled_from(["ebs.csi.aws.com", "pd.csi.storage.gke.io"]))
    spec = {"csi": {"driver": driver, "volumeHandle": handle}}
    place = {"topology.kubernetes.io/zone": zone}
    items = [
        volume(name, spec=spec, claimed_by=(namespace, called), labels=place, zones=()),
        claim(called, namespace, volume=name, deltas=deltas),
        snapshot_rule("odd", namespace, persistentVolume=name),
        snapshot_rule("odder", namespace, persistentVolumeClaim=called),
        snapshot_rule("oddest", namespace, persistentVolumeClaim=draw(texts)),
    ]
    return [encoded(item) for item in items]


def odd_names(name: str) -> list[bytes]:
    """Make a volume, claim and rule of such names; the disk cannot be told."""
    return [
        encoded(volume(name, "vol-x", claimed_by=(name, name), deltas=DELTAS)),
        encoded(snapshot_rule(name, name, persistentVolumeClaim="none")),
    ]


def odd_handle(zone: str) -> Json:
    """Make the source of a volume of Google's in such a zone."""
    handle = f"projects/my-project/zones/{zone}/disks/d"
    return {"csi": {"driver": "pd.csi.storage.gke.io", "volumeHandle": handle}}
