"""Completion, as bash, zsh and fish do it when somebody types a tab, and as kubectl asks for it."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shared import __version__
from shared.cli.completion import SHELLS
from tests.functions.test_command import SDKS, ran
from tests.terminal import terminal
from tools.docs import ROOT

#: How each shell is begun without anybody's own configuration, and takes the script.
STARTS = {
    "bash": (["bash", "--norc", "-i"], 'PS1="ne""xt> "; eval "$(k8s-snapshots completion bash)"'),
    "zsh": (
        ["zsh", "-f", "-i"],
        'PS1="ne""xt> "; autoload -Uz compinit; compinit -D -u; '
        'eval "$(k8s-snapshots completion zsh)"',
    ),
    "fish": (
        ["fish", "--no-config", "-i"],
        'function fish_prompt; echo -n "ne""xt> "; end; k8s-snapshots completion fish | source',
    ),
}

#: What is typed before a tab, what the shell adds, and what the line then prints.
LINES = [("--vers", "ion", __version__), ("deltas P1D P7D -o ya", "ml", "sentence: ")]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Give an environment in which the command is installed, in a home of nothing else."""
    script = tmp_path / "bin" / "k8s-snapshots"
    script.parent.mkdir()
    code = "import functions.command as c; raise SystemExit(c.main())"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -c {shlex.quote(code)} "$@"\n')
    script.chmod(0o755)
    kept = {key: os.environ[key] for key in ("FPATH", "LD_LIBRARY_PATH") if key in os.environ}
    path = f"{script.parent}:{os.environ['PATH']}"
    return kept | {"PATH": path, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_what_is_typed(shell: str, environment: dict[str, str]) -> None:
    """Options, and their values: the lines that come of it are understood, and run."""
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell}")
    start, setup = STARTS[shell]
    with terminal(start, environment) as screen:
        screen.type(f"{setup}\n")
        for typed, completed, expected in LINES:
            screen.wait("next> ")
            screen.type(f"k8s-snapshots {typed}\t")
            screen.wait(completed)
            screen.type("\n")
            screen.wait(expected)


def test_bash_completes_files_only_where_one_is_meant(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """FILE is a file; a claim, in a folder of many files, is none."""
    (tmp_path / "rules.yaml").write_text("{}")
    script = """
eval "$(k8s-snapshots completion bash)"
for line in "plan --rules ru" "plan --claim ru" "plan --only na" "html ru" "plan -o j"; do
  COMP_LINE="k8s-snapshots $line" COMP_POINT=$((14 + ${#line})) COMP_TYPE=9 COMPREPLY=()
  _python_argcomplete k8s-snapshots
  echo "$line: ${COMPREPLY[*]}"
done
"""
    done = subprocess.run(
        ["bash", "--norc", "-c", script], cwd=tmp_path, env=environment, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    found = [line.split() for line in done.stdout.splitlines()]
    assert [
        "plan --rules ru: rules.yaml",
        "plan --claim ru:",
        "plan --only na: namespaces=",
        "html ru: rules.yaml",
        "plan -o j: json",
    ] == [" ".join(words) for words in found]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["check", "--no"], ["--no-color\tno colours; so does NO_COLOR", ":4"]),
        (["completion", "z"], ["zsh\tone of bash, zsh, fish", ":4"]),
        (["plan", "--cloud=g"], ["gcp", ":4"]),
        (["plan", "--only", "ru"], ["rules=", ":6"]),
        (["restore", "--at", ""], [":4"]),
    ],
)
def test_kubectl_is_answered_as_it_asks(words: list[str], expected: list[str]) -> None:
    """A candidate a line, then what the shell is to do; without a cloud's libraries."""
    script = f"""
import sys
sys.argv = ["kubectl_complete-snapshots", *{words!r}]
from functions.command import complete
complete()
print(sorted(set(sys.modules) & set({SDKS!r})))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert [*expected, "[]"] == done.stdout.splitlines()


def test_an_unknown_shell_is_told_which_there_are() -> None:
    """With the status of wrong usage."""
    done = ran("completion", "tcsh")
    assert 3 == done.returncode
    assert "choose from" in done.stderr
    assert all(shell in done.stderr for shell in SHELLS)
