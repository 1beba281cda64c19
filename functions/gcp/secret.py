"""A kubeconfig out of Google's Secret Manager.

Sources: Secret Manager API v1, "projects.secrets.versions.access" and, for regional secrets,
"projects.locations.secrets.versions.access" and "Regional endpoints".
"""

import base64
import re
from collections.abc import Callable

from functions.gcp.lookups import Asked, Rest
from shared.access.kubeconfig import setting
from shared.errors import ClusterError, SettingsError

ORIGIN = "https://secretmanager.googleapis.com"
#: Of regional secrets, which the global address does not have.
REGIONAL = "https://secretmanager.{}.rep.googleapis.com"
_FORM = re.compile(
    r"(projects/[^/\s?#%]+/(?:locations/(?P<location>[a-z0-9-]+)/)?secrets/[-\w]+)"
    r"(?P<version>/versions/[-\w]+)?"
)


def secret(name: str, api: Callable[[str], Rest]) -> Callable[[], str]:
    """Give what fetches a secret's version, the latest where none is named.

    `api` gives the API at an origin, Google's for all secrets or that of a region.

    Raises:
        SettingsError: where the name has another form.
    """
    form = _FORM.fullmatch(name)
    if not form:
        # Not shown: some put in what the secret holds.
        raise SettingsError(
            "KUBE_CONFIG_SECRET must be projects/PROJECT/secrets/SECRET, or "
            "projects/PROJECT/locations/REGION/secrets/SECRET for a regional one. You may add "
            "/versions/VERSION"
        )
    version = f"{form[1]}{form['version'] or '/versions/latest'}"
    rest = api(REGIONAL.format(form["location"]) if form["location"] else ORIGIN)
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
