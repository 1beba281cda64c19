"""The command line, the same for every cloud: the passes of the functions from a workstation."""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from shared.cli.arguments import parser
from shared.cli.commands import DONE, INTERRUPTED, NOT_DONE, SOME_FAILED, WRONG_USAGE, run_command
from shared.cli.completion import answer_shell
from shared.cli.output import give_up_output, set_up
from shared.cli.status import UNKNOWN
from shared.errors import PassError, UsageError
from shared.passes.deadline import Interrupted, end_on_sigterm
from shared.text import printable

log = logging.getLogger(__name__)

#: The commands in which Ctrl-C lets what is under way come to an end.
_CHANGING = ("reconcile", "backfill")


def main(
    prog: str,
    build: Callable[..., Any],
    argv: Sequence[str] | None = None,
    clouds: Sequence[str] = (),
) -> int:
    """Run one command and give its exit status.

    Args:
        prog: the command's name.
        build: makes settings and ports from the environment and, if given, a source of rules; where
            there are `clouds` it is also told the `cloud` that was chosen, if any.
        argv: the arguments; None takes the process's.
        clouds: those that --cloud chooses from; none for a command of one cloud.
    """
    made = parser(prog, clouds)
    answer_shell(made)
    arguments = made.parse_args(argv)
    set_up(color=not getattr(arguments, "no_color", False))
    end_on_sigterm()
    if clouds:
        build = partial(build, cloud=getattr(arguments, "cloud", None) or "")
    try:
        return _run(prog, build, arguments)
    except BrokenPipeError:  # whoever read has enough, as `| head` has
        give_up_output()
        return DONE
    except KeyboardInterrupt:
        _say(f"{prog}: interrupted")
        return INTERRUPTED


def _run(prog: str, build: Callable[..., Any], arguments: argparse.Namespace) -> int:
    interrupted = Interrupted() if arguments.command in _CHANGING else None
    # As terraform's and Nagios', where 2 says something else.
    failed = {"detailed_exitcode": SOME_FAILED, "monitor": UNKNOWN}
    special = next((failed[name] for name in failed if getattr(arguments, name, False)), None)
    status = NOT_DONE if special is None else special
    try:
        status = run_command(build, arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except UsageError as error:
        _say(f"{prog}: {printable(str(error))}")
        status = WRONG_USAGE if special is None else special
    except PassError as error:
        _say(f"{prog}: {printable(str(error))}")
    except Exception:
        # Left to Python it would end with status 1, which says that a pass was done.
        log.exception("unexpected error")
    if interrupted and interrupted.so:
        _say(f"{prog}: interrupted; what was done is above, the rest is left to the next pass")
        return INTERRUPTED
    return status


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201
