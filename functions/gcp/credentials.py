"""Who we are to Google Cloud: credentials as the daemon had them, and clients with them."""

import ipaddress
import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from shared.errors import SettingsError

#: What every token is asked for. Without the second a GKE cluster knows a service account by its
#: numeric id only, which no role binding names (GKE, "Role-based access control").
PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
EMAIL = "https://www.googleapis.com/auth/userinfo.email"
SCOPES = (PLATFORM, EMAIL)
#: A user's own credentials have the scopes that the user consented to at login, and no others.
LOG_IN = f"gcloud auth application-default login --scopes=openid,{EMAIL},{PLATFORM}"


class Login:
    """Credentials, found once, when they are first needed.

    Args:
        files: paths by the names of their settings, the first that is set wins.
        contents: a key's contents by the name of its setting.
        endpoint: another Compute Engine; empty for Google's own.

    Raises:
        SettingsError: where the endpoint is not encrypted.
    """

    def __init__(self, files: dict[str, str], contents: dict[str, str], endpoint: str = "") -> None:
        self._files, self._contents = files, contents
        self._endpoint = origin(endpoint)
        if self._endpoint.startswith("http://") and not is_loopback(self._endpoint):
            raise SettingsError(
                f"the custom endpoint {self._endpoint} would get credentials unencrypted. "
                "Use https; http is accepted for this machine only"
            )

    @cached_property
    def found(self) -> tuple[Any, str]:
        """Give the credentials and their project, if they have one.

        Raises:
            SettingsError: names the setting that cannot be used, never its contents.
            google.auth.exceptions.DefaultCredentialsError: where there are none.
        """
        import google.auth
        from google.auth.credentials import AnonymousCredentials

        if is_loopback(self._endpoint):
            return AnonymousCredentials(), ""
        for name, text in self._contents.items():
            if text:
                return _from_text(name, text)
        for name, path in self._files.items():
            if path.lstrip().startswith("{"):
                return _from_text(name, path)
            if path:
                return _from_file(name, path)
        credentials, project = google.auth.default(scopes=SCOPES)
        return credentials, project or ""

    def project(self) -> str:
        """Tell the project of the credentials; empty where there are none, or they name none."""
        from google.auth.exceptions import GoogleAuthError

        try:
            return self.found[1] or _project_of(self.found[0])
        except GoogleAuthError:
            return ""

    def client(self, kind: str) -> Any:
        """Make a client of compute_v1 by its class's name."""
        from google.api_core.client_options import ClientOptions
        from google.cloud import compute_v1

        options = ClientOptions(api_endpoint=self._endpoint or None)
        return getattr(compute_v1, kind)(credentials=self.found[0], client_options=options)

    def identity(self) -> str:
        """Tell who the credentials belong to."""
        credentials, project = self.found
        who = getattr(credentials, "service_account_email", "") or type(credentials).__name__
        return f"{who} in {project}" if project else str(who)


def origin(endpoint: str) -> str:
    """Reduce an endpoint as Terraform writes it, perhaps with the version path, to its origin.

    Raises:
        SettingsError: where it is no URL.
    """
    try:
        parts = urlsplit(endpoint)
    except ValueError:
        raise SettingsError(f"the endpoint {endpoint!r} is no URL") from None
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}" if host else ""


def is_loopback(endpoint: str) -> bool:
    """Tell whether an endpoint is on this machine: the only place that gets no credentials."""
    host = urlsplit(endpoint).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _from_text(name: str, text: str) -> tuple[Any, str]:
    import google.auth

    try:
        with _unwarned():
            return _scoped(*google.auth.load_credentials_from_dict(json.loads(text)))
    except Exception:
        # Whatever goes wrong, its text may quote the key.
        raise SettingsError(f"{name} does not hold a key as Google writes it, in JSON") from None


def _from_file(name: str, path: str) -> tuple[Any, str]:
    import google.auth

    if not os.path.exists(path):
        # Not what it is set to, which may be the contents of a key.
        raise SettingsError(f"{name} is no path of a file that is there")
    try:
        with _unwarned():
            return _scoped(*google.auth.load_credentials_from_file(path))
    except Exception:
        raise SettingsError(f"{name}={path!r} does not hold credentials of Google's") from None


def _scoped(credentials: Any, project: str | None) -> tuple[Any, str]:
    """Ask for our scopes where the credentials take any, as `google.auth.default` does.

    A user's own do not: a refresh that asks for more than was consented to fails.
    """
    from google.auth.credentials import with_scopes_if_required

    return with_scopes_if_required(credentials, SCOPES), project or ""


def _project_of(credentials: Any) -> str:
    """Look up the project of credentials of another identity provider, which name its number."""
    from google.auth.transport.requests import Request

    look_up = getattr(credentials, "get_project_id", None)
    try:
        return (look_up(Request()) or "") if look_up else ""
    except ValueError:  # a proxy's page
        return ""


@contextmanager
def _unwarned() -> Iterator[None]:
    """Load credentials of any kind: they are the operator's own, which the warning is not about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield
