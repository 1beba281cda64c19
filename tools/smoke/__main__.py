"""`python -m tools.smoke aws|gcp`: try the product in a real account."""

import argparse
import signal
import sys
import tempfile
import uuid
from pathlib import Path

from tools.smoke.account import Account
from tools.smoke.trial import Trial


def main() -> int:
    """Try; 0 where all went as it should and nothing is left."""
    parser = argparse.ArgumentParser(prog="make smoke", description=__doc__)
    parser.add_argument("cloud", choices=["aws", "gcp"])
    cloud = parser.parse_args().cloud
    # An end that is asked for removes what was made, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    name = f"k8s-snapshots-smoke-{uuid.uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory() as folder:
        return 0 if Trial(account(cloud, name), name, Path(folder)).run() else 1


def account(cloud: str, name: str) -> Account:
    """Open the account that the environment names."""
    if cloud == "aws":
        from tools.smoke.aws import AWS

        return AWS(name)
    from tools.smoke.gcp import Google

    return Google(name)


if __name__ == "__main__":
    sys.exit(main())
