"""The lease on a scope, and the little that is remembered between passes, in one object a scope.

The object is only ever replaced by a conditional write: of two passes one takes the lease, and a
pass that was overtaken notices at its next write. What a pass is about to create is written there
before it begins, since a listing may lag or lie; what became of it, and the end of the lease, in
one more write at the end. A pass that dies in between leaves a lease that runs out by itself, and
records whose outcome nobody knows. Fields that this version does not know are ignored, so that
versions can be rolled back.
"""

import logging
from collections.abc import Mapping

import msgspec

from shared.errors import BucketError, Conflict, NotOurs
from shared.planning.actions import Attempt
from shared.ports import Bucket, Stored
from shared.text import shorten
from shared.tolerant_json import UNREADABLE

log = logging.getLogger(__name__)


class _State(msgspec.Struct, omit_defaults=True):
    """What the object holds; `seconds` is how long the lease lasts from the object's last write."""

    kind: str
    holder: str = ""
    seconds: float = 0.0
    attempts: dict[str, Attempt] = {}


KIND = "k8s-snapshots-state"
#: Seconds that a lease can last: PASS_DEADLINE is at most 55 minutes, a call at most two.
LONGEST = 3600.0


class Lease:
    """One scope, held by one pass. `attempts` are those of earlier passes, by the disk's name."""

    def __init__(self, bucket: Bucket, name: str, state: _State, version: str) -> None:
        self._bucket, self._name, self._state, self._version = bucket, name, state, version

    @property
    def attempts(self) -> Mapping[str, Attempt]:
        """Tell what is remembered, as it was last read or written."""
        return self._state.attempts

    def record(self, attempts: Mapping[str, Attempt], seconds: float) -> None:
        """Write down all that is to be remembered, with what is about to be begun.

        Args:
            attempts: by the disk's name.
            seconds: what is left of the lease, which runs from the object's last write.

        Raises:
            Conflict: where another pass has taken over: begin nothing.
            BucketError: where it may or may not be written.
        """
        self._state.seconds = max(seconds, 0.0)
        self._write(attempts)

    def release(self, attempts: Mapping[str, Attempt]) -> None:
        """Write down what is known now, and end the lease.

        Raises:
            BucketError: where that failed; the lease then runs out by itself.
        """
        self._state.holder, self._state.seconds = "", 0.0
        self._write(attempts)

    def _write(self, attempts: Mapping[str, Attempt]) -> None:
        self._state.attempts = dict(attempts)
        self._version = _put(self._bucket, self._name, self._state, self._version)


class Leases:
    """Gives leases to one pass.

    Args:
        bucket: holds the objects.
        folder: where in it, such as `demo/rules`.
        holder: names the pass.
    """

    def __init__(self, bucket: Bucket, folder: str, holder: str) -> None:
        self._bucket, self._folder, self._holder = bucket, folder, holder

    def take(self, scope: str, seconds: float) -> Lease | None:
        """Take the lease of a scope for so many seconds; None where another pass holds it.

        Raises:
            BucketError: where that cannot be told.
        """
        name, stored, state = self._read(scope)
        # One longer than any pass can be is nobody's.
        lasts = state.seconds if state.seconds <= LONGEST else 0.0
        if stored and state.holder and stored.age.total_seconds() < lasts:
            log.info("%s is held by pass %s", scope, shorten(state.holder, 60))
            return None
        state.holder, state.seconds = self._holder, seconds
        try:
            version = _put(self._bucket, name, state, stored.version if stored else "")
        except Conflict:
            return None
        return Lease(self._bucket, name, state, version)

    def peek(self, scope: str) -> Mapping[str, Attempt]:
        """Tell what is remembered of a scope, whoever holds it.

        Raises:
            BucketError: where that cannot be told.
        """
        return self._read(scope)[2].attempts

    def _read(self, scope: str) -> tuple[str, Stored | None, _State]:
        name = f"{self._folder}/state/{scope}.json"
        stored = self._bucket.get(name)
        if stored is None:
            return name, None, _State(kind=KIND)
        try:
            state = msgspec.json.decode(stored.data, type=_State)
        except UNREADABLE as error:
            why = shorten(str(error))
        else:
            if state.kind == KIND:
                return name, stored, state
            why = f"its kind is {shorten(state.kind, 40)}"
        raise NotOurs(
            f"{name} is not the state of this version of k8s-snapshots ({why}); if nothing else "
            "uses it, delete it"
        )


def _put(bucket: Bucket, name: str, state: _State, expected: str) -> str:
    """Write; where the answer is lost, or a repeated write met itself, look what is there."""
    data = msgspec.json.encode(state)
    try:
        return bucket.put(name, data, expected)
    except BucketError:
        stored = bucket.get(name)
        if stored and stored.data == data:
            return stored.version
        raise
