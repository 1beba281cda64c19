"""How EC2 is called: its clients, what is tried again, and what an error means for the pass."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, SSLError
from botocore.exceptions import ConnectionError as NotConnected
from botocore.parsers import ResponseParserError

from functions.aws.errors import classify, text_of
from shared.errors import NextPass, NotAllowed, ProviderError, Unanswered
from shared.planning.actions import Create

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client

#: Seconds to connect, and to wait for an answer.
CONNECT, READ = 3, 15
#: Regions listed at once.
PARALLEL = 8
#: Values that a filter takes at most (Amazon EC2 API Reference, "Filtering").
FILTERED = 200

#: Raised where EC2 itself did not answer. A proxy's page with status 200 parses to an answer
#: without its fields, a KeyError; with others the parser gives up.
NO_ANSWER = (BotoCoreError, ResponseParserError, KeyError)


class EC2Clients:
    """EC2's clients, each made when it is first asked for; any thread may ask.

    `make` makes one for a region and a botocore Config; it is called once for each region and kind
    of call.
    """

    def __init__(self, make: Callable[[str, Config], "EC2Client"]) -> None:
        self._make = make
        self._made: dict[tuple[str, bool], EC2Client] = {}
        self._lock = threading.Lock()

    def of(self, region: str, once: bool = False) -> "EC2Client":
        """Give a region's client; with `once`, the one that never tries a call again."""
        with self._lock:
            key = region, once
            if key not in self._made:
                self._made[key] = self._make(region, _config(once))
            return self._made[key]


def order(create: Create, extra: Mapping[str, str]) -> dict[str, Any]:
    """Say what CreateSnapshot is asked for: tags, `extra` ones too, are set in the same call."""
    labels = {**extra, **create.labels}
    tags = [{"Key": key, "Value": value} for key, value in labels.items()]
    return {
        "VolumeId": create.disk.name,
        "Description": create.description,
        "TagSpecifications": [{"ResourceType": "snapshot", "Tags": tags}],
    }


@contextmanager
def sorted_errors(creating: bool = False) -> Iterator[None]:
    """Turn what a client raises into what follows from it; see `errors.classify`."""
    try:
        yield
    except ClientError as error:
        raise classify(error, creating) from None
    except NO_ANSWER as error:
        raise sort(error) from None


def sort(error: Exception) -> ProviderError:
    """Tell calls that never left from those that may have taken effect."""
    # TLS may break on either side of the call.
    if isinstance(error, (HTTPClientError, SSLError, ResponseParserError, KeyError)):
        return Unanswered(
            f"no answer, so that it is not known whether the call took effect: {text_of(error)}",
            type(error).__name__,
        )
    if isinstance(error, NotConnected):
        return NextPass(f"EC2 cannot be reached: {text_of(error)}", type(error).__name__)
    return NotAllowed(text_of(error), type(error).__name__)  # no credentials, for one


def _config(once: bool) -> Config:
    """Configure a client; its retries are set here, not by the environment."""
    retries: Any = (
        {"total_max_attempts": 1} if once else {"mode": "adaptive", "total_max_attempts": 3}
    )
    return Config(
        connect_timeout=CONNECT,
        read_timeout=READ,
        retries=retries,
        max_pool_connections=2 * PARALLEL,
    )
