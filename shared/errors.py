"""Errors, named for what follows from them.

No text of an error carries a token, a key or a whole manifest.
"""


class SnapshotsError(Exception):
    """Anything this project raises on purpose."""


class DeltasError(SnapshotsError):
    """The deltas cannot be understood. The text continues `the value …`."""


class WindowError(SnapshotsError):
    """The window cannot be understood. The text continues `the value …`."""


class UnknownDisk(SnapshotsError):
    """A disk cannot be told from an object: a problem of that object, never a guess.

    `fix` is the command that would put it right, where there is one; `{volume}` in it stands for
    the name of the PersistentVolume.
    """

    def __init__(self, field: str, value: object, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.field = field
        self.value = value
        self.fix = fix


class PassError(SnapshotsError):
    """The pass cannot do its work; the invocation counts as failed."""


class RequestError(PassError):
    """The invocation asks for something that does not exist."""


class UsageError(RequestError):
    """The command line's arguments cannot be understood, or do not go together."""


class SettingsError(PassError):
    """The environment configures something that cannot be."""


class ClusterError(PassError):
    """The cluster's API did not give the objects; the text says what to do."""


class BucketError(SnapshotsError):
    """The bucket did not do what it was asked; the text says what to do."""


class NotOurs(BucketError):
    """The bucket is well, and an object in it is not what belongs there."""


class Conflict(BucketError):
    """Somebody else has written the object meanwhile."""


class ProviderError(SnapshotsError):
    """A call to the cloud failed; its subclasses say what follows. `code` is the cloud's own."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class DiskFailed(ProviderError):
    """Concerns one disk or snapshot only: report it and go on."""


class DiskGone(DiskFailed):
    """The disk does not exist any more: a problem of its rule, and nobody else's."""


class NextPass(ProviderError):
    """A limit of this disk, or throttling: nothing is wrong, the next pass tries again."""


class StopCreating(ProviderError):
    """A limit of the whole scope: create nothing more there, go on expiring, alarm."""


class Unanswered(ProviderError):
    """The call may have taken effect: never repeat it before a new listing."""


class Refused(ProviderError):
    """A snapshot that may not be deleted (in use, locked, another owner's): skip it, say why."""


class NotAllowed(ProviderError):
    """A permission is missing, or the credentials are not accepted."""
