"""`python -m functions.gcp`: the function's passes from a workstation."""

import sys

from functions.gcp.wiring import build
from shared.cli.main import main

if __name__ == "__main__":
    sys.exit(main("python -m functions.gcp", build))
