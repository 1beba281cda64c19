"""GETs at the end of a pass: the dead man's switch, and the one that says that snapshots exist."""

import http.client
import logging
import urllib.error
import urllib.request

from shared.reports.schema import Report

log = logging.getLogger(__name__)

#: Seconds.
TIMEOUT = 5


def beat(url: str, report: Report) -> None:
    """Send the heartbeat of a pass that did its work and found nothing overdue."""
    done = report.mode == "reconcile" and report.outcome == "completed"
    if done and not report.summary.overdue:
        send("HEARTBEAT_URL", url)


def send(setting: str, url: str) -> None:
    """Send a GET to what a setting names, if anything; log whether it was answered.

    One that cannot be sent never fails a pass. Its URL is a secret, and never logged.
    """
    if not url:
        return
    # Said when the error is over: a log that breaks prints the error that is being handled.
    wrong = _get(url)
    if wrong:
        log.warning("%s %s", setting, wrong)
    else:
        log.info("sent a GET to %s", setting)


def _get(url: str) -> str:
    """Send a GET; tell what went wrong."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT):  # noqa: S310 - settings allow http only
            return ""
    except urllib.error.HTTPError as error:
        error.close()
        return f"answered {error.code}"
    except (OSError, ValueError, http.client.HTTPException) as error:
        return f"cannot be reached: {type(error).__name__}"
