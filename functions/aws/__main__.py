"""`python -m functions.aws`: the Lambda's passes from a workstation."""

import sys

from functions.aws.wiring import build
from shared.cli.main import main

if __name__ == "__main__":
    sys.exit(main("python -m functions.aws", build))
