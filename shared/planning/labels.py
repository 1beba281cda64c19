"""Keys, names and values of the labels on snapshots, and what each cloud allows of them. Pure."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from shared.errors import DeltasError
from shared.model import Disk, Rule, Snapshot
from shared.retention.deltas import MAX_TEXT, Deltas, parse

PREFIX = "k8s-snapshots-"
CLUSTER = PREFIX + "cluster"
NAMESPACE = PREFIX + "namespace"
CLAIM = PREFIX + "claim"
VOLUME = PREFIX + "volume"
RULE = PREFIX + "rule"
DELTAS = PREFIX + "deltas"
#: The default that the deltas come from, such as `Namespace shop`; none for a volume's own.
SOURCE = PREFIX + "source"
KEEP = PREFIX + "keep"
#: Of a copy: when the snapshot was begun that its data is of, such as `2026-06-14T18:00:00Z`.
#: Whoever copies a snapshot sets it, since a copy's own time is that of the copying.
TAKEN = PREFIX + "taken"
#: The cluster that an adopted snapshot was another's, before it became this one's.
FROM = PREFIX + "from"
#: Keys that no setting may give another meaning.
OWN = frozenset((CLUSTER, NAMESPACE, CLAIM, VOLUME, RULE, DELTAS, SOURCE, FROM, TAKEN))
#: What the console shows as a snapshot's name; only where labels are exact.
NAME = "Name"
#: Stands between the deltas of several rules in one label; no duration contains it.
SEPARATOR = " / "
#: What a description holds at most. Compute Engine names no limit for snapshots; where Google does
#: (Filestore, NetApp Volumes: "2048 characters or less") longer ones are rejected.
MAX_DESCRIPTION = 2048
#: Google's limit on names ("Resource naming convention"), and what upstream cut to everywhere.
MAX_NAME = 63


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a cloud writes labels and names.

    `exact` clouds take any text up to `max_value`. The others take lowercase letters, digits,
    `-` and `_` only, so that values are compared in encoded form, and the exact ones stand as JSON
    in the description. `failed_block`: there a failed snapshot keeps its disk from the next one.
    `least_interval`: a disk takes no more than one snapshot in that time.
    """

    exact: bool
    max_value: int
    failed_block: bool = False
    least_interval: timedelta = timedelta(0)

    def value(self, text: str) -> str:
        """Encode a label's value; where it must be cut, a hash keeps it distinct."""
        clean = self._clean(text)
        return clean if len(clean) <= self.max_value else self._hashed(clean, text)

    def distinct(self, text: str) -> str:
        """Encode a value that must not be another's; a hash follows where that changes it."""
        clean = self._clean(text)
        same = clean == text and len(text) <= self.max_value
        return text if same else self._hashed(clean, text)

    def _clean(self, text: str) -> str:
        return text if self.exact else re.sub(r"[^-_a-z0-9]", "-", text.lower())

    def _hashed(self, clean: str, text: str) -> str:
        return f"{clean[: self.max_value - 9]}-{_digest(text, 8)}"

    def name(self, text: str) -> str:
        """Make a name safe, length aside."""
        if self.exact:
            return text
        clean = re.sub(r"[^-a-z0-9]", "-", text.lower())
        return clean if clean[:1].isalpha() else f"s{clean}"


#: Amazon EC2 User Guide, "Tag restrictions": values up to 256 Unicode characters.
#: Failed snapshots count against a volume's concurrent ones (AWS re:Post, "ebs-snapshot-stuck").
AWS = Encoding(exact=True, max_value=256, failed_block=True)
#: Compute Engine, "Requirements for labels": 63 characters, lowercase; "Best practices for Compute
#: Engine disk snapshots": one snapshot of a disk in 10 minutes.
GOOGLE = Encoding(exact=False, max_value=63, least_interval=timedelta(minutes=10))

Owner = Literal["this", "other", "unknown"]


@dataclass(frozen=True, slots=True)
class Labels:
    """What the labels of this installation mean.

    `author_key` and `author` mark every snapshot of ours, as upstream's did. `cluster` tells
    clusters apart that share an account; empty means that none is known, and none is written.
    """

    encoding: Encoding
    author_key: str = "created-by"
    author: str = "k8s-snapshots"
    cluster: str = ""
    keep_key: str = KEEP

    def ours(self, snapshot: Snapshot) -> bool:
        """Tell whether the snapshot bears the author label."""
        return snapshot.labels.get(self.author_key) == self.encoding.value(self.author)

    def owner(self, snapshot: Snapshot) -> Owner:
        """Tell whose cluster the snapshot belongs to; the daemon's say nothing (`unknown`).

        What the description says exactly counts before the label, but for adopted ones, whose
        description cannot be changed.
        """
        if snapshot.cluster and FROM not in snapshot.labels:
            return "this" if snapshot.cluster == self.cluster else "other"
        label = snapshot.labels.get(CLUSTER, "")
        if not label:
            return "unknown"
        return "this" if self.cluster and label == self.encoding.distinct(self.cluster) else "other"

    def kept(self, snapshot: Snapshot, now: datetime) -> bool:
        """Tell whether the keep label forbids to delete the snapshot at `now`.

        `false` and a date in the past do not; a date counts to its end in UTC. A value that cannot
        be read forbids: whoever wrote it meant something.
        """
        value = snapshot.labels.get(self.keep_key)
        if value is None or value.lower() == "false":
            return False
        try:
            until = datetime.fromisoformat(value.upper())
        except ValueError:
            return True
        if len(value) <= 10:
            until = until.replace(hour=23, minute=59, second=59, microsecond=999_999)
        return now <= (until if until.tzinfo else until.replace(tzinfo=UTC))

    def kept_until(self, snapshot: Snapshot) -> str:
        """Tell until which date the snapshot is kept, as forced ones are; empty for no date."""
        value = snapshot.labels.get(self.keep_key, "")[:10]
        return value if value[:1].isdigit() else ""

    def for_snapshot(self, name: str, rules: Sequence[Rule]) -> dict[str, str]:
        """Give the labels of a new snapshot that `rules` ask for, the most frequent rule first."""
        first = rules[0]
        values = {
            CLUSTER: self.cluster,
            NAMESPACE: first.namespace,
            CLAIM: first.claim,
            VOLUME: first.volume,
            RULE: first.name,
            DELTAS: deltas_text(rules),
            SOURCE: source_text(first),
        }
        if self.encoding.exact:
            values[NAME] = name
        labels = {key: self.encoding.value(text) for key, text in values.items() if text}
        if self.cluster:
            labels[CLUSTER] = self.encoding.distinct(self.cluster)
        return {self.author_key: self.encoding.value(self.author)} | labels

    def description(self, name: str, rules: Sequence[Rule]) -> str:
        """Give the description: the name, or the exact values as JSON where labels are not.

        The deltas, which are read again, stand there always; of the rest as much as it holds.
        """
        if self.encoding.exact:
            return name
        first, names = rules[0], [rule.name for rule in rules][:8]
        exact = {
            "deltas": deltas_text(rules),
            "namespace": first.namespace,
            "claim": first.claim,
            "volume": first.volume,
            "rules": names,
            "cluster": self.cluster,
            "source": source_text(first),
        }
        exact = {key: value for key, value in exact.items() if value}
        while len(text := json.dumps(exact)) > MAX_DESCRIPTION:
            if len(names) > 1:
                names.pop()
            else:
                exact.popitem()
        return text


def taken(snapshot: Snapshot) -> datetime | None:
    """Tell when the data of a snapshot was taken; of a copy by its label, None without a good one.

    A time without a zone is UTC.
    """
    if not snapshot.copy:
        return snapshot.started
    try:
        time = datetime.fromisoformat(snapshot.labels.get(TAKEN, "").upper())
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def snapshot_name(encoding: Encoding, rule: str, disk: Disk, time: str, distinct: bool) -> str:
    """Name a snapshot as upstream does: `<rule>-<time>`, 63 characters.

    Where that cuts the rule's name, or `distinct` asks for it since two disks of a pass would
    share the name, six hex digits of the disk's hash stand before the time.
    """
    base, suffix = encoding.name(rule), "-" + re.sub(r"[^-a-zA-Z0-9]", "-", time)
    if not encoding.exact:
        suffix = suffix.lower().rstrip("-")
    if distinct or len(base) + len(suffix) > MAX_NAME:
        suffix = f"-{_digest(disk.id, 6)}{suffix}"
    return base[: MAX_NAME - len(suffix)].rstrip("-.") + suffix


def deltas_text(rules: Sequence[Rule]) -> str:
    """Write the deltas of several rules as a snapshot says them; of a disk's own namespace first.

    A text that is too long for a label ends in how many lists are left out, and a hash of all: it
    then counts as a list that cannot be read, but two that are alike were written by the same
    rules.
    """
    own = sorted(rules, key=lambda rule: rule.source.namespace not in ("", rule.namespace))
    texts = [*dict.fromkeys(rule.deltas for rule in own)]
    whole = SEPARATOR.join(texts)
    if len(whole) <= MAX_TEXT:
        return whole
    for count in range(len(texts) - 1, -1, -1):
        end = f"+{len(texts) - count} {_digest(whole, 8)}"
        text = SEPARATOR.join([*texts[:count], end])
        if len(text) <= MAX_TEXT:
            return text
    raise AssertionError("one list is no longer than a label")


def source_text(rule: Rule) -> str:
    """Name the default that a rule comes from; nothing for a volume's own."""
    return "" if rule.level == "own" else str(rule.source)


def read_deltas(text: str) -> tuple[Deltas, ...]:
    """Read the deltas that a snapshot says; nothing where not all can be understood."""
    try:
        return tuple(parse(part) for part in text.split(SEPARATOR)) if text else ()
    except DeltasError:
        return ()


def read_uncut(text: str) -> tuple[Deltas, ...]:
    """Read the deltas that a snapshot says, of a text that was cut those that are there."""
    whole, _, end = text.rpartition(SEPARATOR)
    return read_deltas(whole if end.startswith("+") else text)


def _digest(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]
