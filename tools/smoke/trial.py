"""What is tried, step by step, and said."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tools.smoke.account import Account, Seen

ROOT = Path(__file__).parents[2]
#: What the disk's rule says: first three snapshots a minute apart are kept, then fewer.
GENEROUS, TIGHT = "PT1M PT1H", "PT1H P1D"
#: Snapshots that are taken, and seconds between two.
SNAPSHOTS, APART = 3, 65
#: Seconds between two looks at a pending snapshot, and how many looks there are: four minutes.
LOOK, LOOKS = 5, 48


class Failed(Exception):
    """A step went otherwise than it should have."""


class Run(NamedTuple):
    """What a command of the product printed, and its exit status."""

    status: int
    text: str
    errors: str

    def report(self) -> dict[str, Any]:
        """Decode what `--json` printed."""
        try:
            found: dict[str, Any] = json.loads(self.text)
        except ValueError:
            raise Failed(f"no report, status {self.status}: {self.errors or self.text}") from None
        return found


def by_process(words: Sequence[str], environment: Mapping[str, str]) -> Run:
    """Run a module of the product in a process of its own."""
    made = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return Run(made.returncode, made.stdout, made.stderr)


class Trial:
    """One trial; `run` does it all.

    Args:
        account: where it takes place.
        name: of the trial, and of the cluster that its snapshots are labelled with.
        folder: for the rules.
        say: prints a line.
        sleep: waits so many seconds.
        command: runs a module with its arguments.
    """

    def __init__(
        self,
        account: Account,
        name: str,
        folder: Path,
        say: Callable[[str], None] = print,
        sleep: Callable[[float], None] = time.sleep,
        command: Callable[[Sequence[str], Mapping[str, str]], Run] = by_process,
    ) -> None:
        self._command_by = command
        self._account, self._name, self._say, self._sleep = account, name, say, sleep
        self._rules, self._disk = folder / "rules.json", ""

    def run(self) -> bool:
        """Try everything and remove it; tell whether all went as it should, and nothing is left."""
        done = False
        try:
            self._steps()
            done = True
        except Exception as error:  # whatever it was, what was made is removed
            self._say(f"FAILED: {error}" if isinstance(error, Failed) else f"FAILED: {error!r}")
        except KeyboardInterrupt:
            self._say("interrupted")
        finally:
            clean = self._remove()
        return done and clean

    def _steps(self) -> None:
        self._say(f"In {self._account.describe()}.")
        self._say(f"1. A disk of 1 GiB: {self._account.make_disk()}.")
        self._write(GENEROUS)
        self._first()
        self._nothing_due()
        self._more()
        self._held()
        self._released()
        self._restore()
        self._observe()

    def _first(self) -> None:
        began = time.monotonic()
        report = self._pass("backfill", "--wait")
        self._expect(report, created=1, failed=0)
        self._say(f"2. A backfill took one and waited {time.monotonic() - began:.0f} s for it.")

    def _nothing_due(self) -> None:
        self._expect(self._pass("reconcile"), created=0, deleted=0, failed=0, overdue=0)
        self._say("3. A pass right behind it had nothing to do.")

    def _more(self) -> None:
        for _ in range(SNAPSHOTS - 1):
            self._sleep(APART)
            self._expect(self._pass("reconcile"), created=1, deleted=0, failed=0)
            self._complete()
        self._say(f"4. Passes a minute apart took {SNAPSHOTS - 1} more, and kept all.")

    def _held(self) -> None:
        self._write(TIGHT)
        report = self._pass("reconcile")
        self._expect(report, deleted=0, failed=0)
        held = [hold for hold in report["holds"] if hold["cause"] == "unsettled"]
        if not held:
            raise Failed("nothing is held as unsettled after the rule was tightened")
        self._disk = held[0]["disk"]
        self._say(f"5. The rule was tightened; what the former one kept is held: "
                  f"{', '.join(hold['snapshot'] for hold in held)}.")  # fmt: skip

    def _released(self) -> None:
        before = {found.id for found in self._account.snapshots()}
        report = self._pass("reconcile", "--release-holds", "--only", f"disks={self._disk}")
        told = {deletion["snapshot"] for deletion in report["deletions"]}
        gone = self._gone(before, told)
        if not gone or gone != told:
            raise Failed(f"the report says that {sorted(told)} went, the cloud {sorted(gone)}")
        self._say(f"6. Released by hand: {', '.join(sorted(gone))} is gone, by the cloud's word.")

    def _gone(self, before: set[str], told: set[str]) -> set[str]:
        """Give what the cloud lists no more; a deletion may take a while."""
        gone = set[str]()
        for _ in range(LOOKS):
            gone = before - {found.id for found in self._account.snapshots()}
            if told <= gone:
                break
            self._sleep(LOOK)
        return gone

    def _restore(self) -> None:
        made = self._command("restore", "--volume", "smoke", "--namespace", "smoke")
        if made.status or "kind: VolumeSnapshotContent" not in made.text:
            raise Failed(f"restore printed no manifests: {made.errors or made.text}")
        self._say("7. The manifests that restore it:\n")
        self._say(made.text)

    def _observe(self) -> None:
        self._say("8. What the account shows of docs/assumptions.md:")
        for seen in self._account.observe():
            self._say(_line(seen))

    def _remove(self) -> bool:
        """Remove everything, whatever interrupts it once; say what is left."""
        try:
            left = self._account.remove()
        except KeyboardInterrupt:
            left = self._account.remove()
        if left:
            self._say(f"LEFT BEHIND, remove it by hand: {'; '.join(left)}")
        else:
            self._say("Everything is removed again.")
        return not left

    def _write(self, deltas: str) -> None:
        metadata = {
            "name": "smoke",
            "annotations": {"backup.kubernetes.io/deltas": deltas},
        }
        spec = {"capacity": {"storage": "1Gi"}, **self._account.volume()}
        volume = {"kind": "PersistentVolume", "metadata": metadata, "spec": spec}
        self._rules.write_text(json.dumps({"kind": "List", "items": [volume]}))

    def _complete(self) -> None:
        for _ in range(LOOKS):
            if all(found.completed for found in self._account.snapshots()):
                return
            self._sleep(LOOK)
        raise Failed(f"a snapshot is not completed after {LOOK * LOOKS} s")

    def _pass(self, *arguments: str) -> dict[str, Any]:
        return self._command(*arguments, "--json").report()

    def _expect(self, report: Mapping[str, Any], **figures: int) -> None:
        summary = report["summary"]
        wrong = {name: summary[name] for name, figure in figures.items() if summary[name] != figure}
        if wrong:
            why = [entry for name in ("failures", "problems") for entry in report[name]]
            raise Failed(f"expected {figures}, but {wrong}: {why}")

    def _command(self, command: str, *arguments: str) -> Run:
        words = [self._account.module, command, "--rules", str(self._rules), *arguments]
        return self._command_by(words, self._environment())

    def _environment(self) -> dict[str, str]:
        """Give the caller's environment without settings that would reach beyond the trial."""
        own = {"CLUSTER_ID": self._name, "PASS_DEADLINE": "PT5M"}
        kept = {key: value for key, value in os.environ.items() if key not in _LEFT_OUT}
        return kept | self._account.environment | own


#: Settings of a deployed function that a shell may have.
_LEFT_OUT: Sequence[str] = (
    "CLUSTER_NAME", "DELTAS_ANNOTATION_KEY", "EXTRA_TAGS", "HEARTBEAT_URL", "KUBE_CONFIG_FILE",
    "KUBE_CONFIG_SECRET", "MIRROR_URL", "PROJECTS", "REGIONS", "REPORT_HTML", "RULES_FROM",
    "SNAPSHOT_TAG", "WRITE_STATUS",
)  # fmt: skip


def _line(seen: Seen) -> str:
    return f"   {'as assumed' if seen.ok else 'OTHERWISE '}  {seen.id}: {seen.said}"
