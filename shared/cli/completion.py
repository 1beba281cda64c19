"""What a shell, or kubectl, completes while somebody types. No cloud and no cluster is asked."""

import argparse
import io
import os
import shlex
from collections.abc import Sequence

from shared.request import Only

SHELLS = ("bash", "zsh", "fish")
#: The installed commands, of which shells ask; kubectl asks of its plugins by itself.
_COMMANDS = ("k8s-snapshots", "kubectl-snapshots")
#: Cobra's ShellCompDirective, which kubectl reads on the last line.
_NO_SPACE, _NO_FILES = 2, 4


def script(shell: str) -> str:
    """Give what a shell is to evaluate once, so that it asks the command from then on."""
    from argcomplete.shell_integration import shellcode

    return shellcode(_COMMANDS, use_defaults=False, shell=shell)


def answer_shell(made: argparse.ArgumentParser) -> None:
    """Where it is the shell that asks, answer it and end the process."""
    if "_ARGCOMPLETE" in os.environ:
        _complete(made)


def for_kubectl(made: argparse.ArgumentParser, words: Sequence[str]) -> str:
    """Answer kubectl, which asks what may stand in place of the last of some words.

    A candidate a line, a tab and what it is; then a colon and what the shell is to do.
    """
    *before, last = words or [""]
    line = f"{shlex.join(['kubectl-snapshots', *before])} {last}"
    out = io.StringIO()
    os.environ |= {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_DFS": "\t",
        "_ARGCOMPLETE_SHELL": "fish",  # which is told descriptions too, and nothing is escaped for
        "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
    }
    _complete(made, out)
    found = [text.rstrip("\t") for text in out.getvalue().split("\n") if text]
    if last.startswith("-") and "=" in last:  # kubectl's scripts put the option before it
        found = [text.partition("=")[2] for text in found]
    open_ended = found and all(text.partition("\t")[0].endswith(("=", "/")) for text in found)
    return "\n".join([*found, f":{_NO_FILES + (_NO_SPACE if open_ended else 0)}"]) + "\n"


def _complete(made: argparse.ArgumentParser, out: io.StringIO | None = None) -> None:
    import argcomplete
    from argcomplete.completers import FilesCompleter, SuppressCompleter

    _name_values(made, FilesCompleter())
    argcomplete.autocomplete(
        made,
        always_complete_options="long",
        # A name of the cluster is none of a file.
        default_completer=SuppressCompleter(),
        output_stream=out,
        exit_method=_stay if out else os._exit,
    )


def _stay(status: int) -> None:
    """Let the process go on."""


def _name_values(made: argparse.ArgumentParser, files: object) -> None:
    """Say of options and arguments what their values are, where that can be told."""
    for action in made._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                _name_values(command, files)
        elif action.metavar == "FILE":
            action.completer = files  # type: ignore[attr-defined]
        elif action.dest == "only":
            action.completer = _keys  # type: ignore[attr-defined]


def _keys(**asked: object) -> list[str]:
    return [f"{key}=" for key in Only.__struct_fields__]
