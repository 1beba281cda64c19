"""A kubeconfig out of Google's Secret Manager.

Source: Secret Manager API v1, "projects.secrets.versions.access".
"""

import base64
import re
from collections.abc import Callable

from functions.gcp.lookups import Asked, Rest
from shared.access.kubeconfig import setting
from shared.errors import ClusterError, SettingsError

ORIGIN = "https://secretmanager.googleapis.com"
_FORM = re.compile(r"(projects/[^/\s?#%]+/secrets/[-\w]+)(/versions/[-\w]+)?")


def secret(name: str, rest: Rest) -> Callable[[], str]:
    """Give what fetches a secret's version, the latest where none is named.

    Raises:
        SettingsError: where the name has another form.
    """
    form = _FORM.fullmatch(name)
    if not form:
        # Not shown: some put in what the secret holds.
        raise SettingsError(
            "KUBE_CONFIG_SECRET cannot be used: projects/PROJECT/secrets/SECRET would do, perhaps "
            "with /versions/VERSION behind it"
        )
    version = f"{form[1]}{form[2] or '/versions/latest'}"
    return lambda: _fetch(version, rest)


def _fetch(version: str, rest: Rest) -> str:
    answer = rest.get(
        f"/v1/{version}:access",
        Asked(
            f"fetching {setting(version)}",
            "secretmanager.versions.access",
            "roles/secretmanager.secretAccessor",
            "see gcloud secrets versions list",
        ),
    )
    try:
        return base64.b64decode(answer["payload"]["data"], validate=True).decode()
    except (KeyError, TypeError, ValueError):
        raise ClusterError(f"{setting(version)} holds no text") from None
