"""GETs at the end of a pass: the dead man's switch, and the one that says that snapshots exist."""

import http.client
import logging
import urllib.error
import urllib.request
from collections.abc import Sequence
from urllib.parse import quote

from shared.bounded import TooSlow, within
from shared.model import Source
from shared.reports.schema import Report

log = logging.getLogger(__name__)

#: Seconds.
TIMEOUT = 5
#: What a problem with the cluster's id is about.
CLUSTER_ID = Source("Settings", "", "CLUSTER_ID")
#: What a problem is about for which nobody can tell whether rules are missing.
KNOWN = Source("Rules", "", "known")


def beat(url: str, report: Report, scopes: Sequence[str] = ()) -> None:
    """Send the heartbeat of a pass after which all is well.

    At least one rule is in force, nothing is late, no attempt failed, and it is known that neither
    rules nor the cluster's id were lost. `{scope}` in the URL becomes the scopes that the pass was
    limited to, joined by `+`, or `all`.
    """
    counts = report.summary
    bad = counts.overdue or counts.failed or counts.failed_attempts or counts.rules_lost
    well = report.mode == "reconcile" and report.outcome == "completed" and counts.rules
    # Of a scope whose lease another pass has it is not known whether anything is late.
    well = well and not any(scope.skipped for scope in report.scopes)
    errors = {problem.source for problem in report.problems if problem.severity == "error"}
    lost = errors & {CLUSTER_ID, KNOWN}
    if well and not bad and not lost:
        send("HEARTBEAT_URL", url.replace("{scope}", quote("+".join(scopes) or "all", "+")))


def send(setting: str, url: str) -> None:
    """Send a GET to what a setting names, if anything; log whether it was answered.

    One that cannot be sent never fails a pass. Its URL is a secret, and never logged.
    """
    if not url:
        return
    # Said when the error is over: a log that breaks prints the error that is being handled.
    try:
        wrong = within(TIMEOUT, lambda: _get(url))
    except TooSlow:
        wrong = "does not answer in time"
    if wrong:
        log.warning("%s %s", setting, wrong)
    else:
        log.info("sent a GET to %s", setting)


def _get(url: str) -> str:
    """Send a GET; tell what went wrong."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT):  # noqa: S310 - settings allow http only
            return ""
    except TimeoutError:
        return "does not answer in time"
    except urllib.error.HTTPError as error:
        error.close()
        return f"answered {error.code}"
    except (OSError, ValueError, http.client.HTTPException) as error:
        return f"cannot be reached: {type(error).__name__}"
