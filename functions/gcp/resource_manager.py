"""Resource Manager: which permissions we hold in a project, and tags of snapshots.

Sources: Cloud Resource Manager API v3, "projects.testIamPermissions" and "tagBindings.create"; the
parent of a binding as Google's CSI driver for persistent disks writes it.
"""

import time
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from google.api_core.exceptions import Conflict, from_http_response

from functions.gcp.calls import PATIENCE, REQUEST, retry, sorted_errors
from functions.gcp.credentials import Login
from shared.errors import DiskFailed, NextPass, Unanswered
from shared.text import shorten

ORIGIN = "https://cloudresourcemanager.googleapis.com"
#: Seconds between two looks at a binding that is not done, and how many there are.
PAUSE, LOOKS = 1.0, 20


class ResourceManager:
    """The API, with the credentials that Compute Engine is called with.

    Args:
        login: the credentials.
        origin: of another Resource Manager; empty for Google's own.
        patience: seconds that a call is tried again for.
    """

    def __init__(self, login: Login, origin: str = "", patience: float = PATIENCE) -> None:
        self._login, self._origin, self._retry = login, origin or ORIGIN, retry(patience)

    def held(self, project: str, permissions: Iterable[str]) -> set[str]:
        """Tell which of some permissions we hold on a whole project; asking needs none.

        What is granted under a condition counts only where the project itself meets it.

        Raises:
            ProviderError: where that cannot be told.
        """
        body = {"permissions": list(permissions)}
        answer = self._call("POST", f"projects/{project}:testIamPermissions", body)
        return {*answer.get("permissions", [])}

    def bind(self, tag_value: str, project: str, snapshot: int) -> None:
        """Bind a tag, `tagValues/…`, to a snapshot, which its numeric id names.

        One that is bound already is no error.

        Raises:
            ProviderError: where it could not be bound.
        """
        parent = f"//compute.googleapis.com/projects/{project}/global/snapshots/{snapshot}"
        try:
            answer = self._call("POST", "tagBindings", {"parent": parent, "tagValue": tag_value})
        except Conflict:
            return
        for _ in range(LOOKS):
            if answer.get("done"):
                break
            time.sleep(PAUSE)
            answer = self._call("GET", str(answer.get("name")))
        else:
            raise NextPass(f"binding {tag_value} is not done after {PAUSE * LOOKS:.0f} s")
        if error := answer.get("error"):
            raise DiskFailed(f"binding {tag_value}: {shorten(error.get('message', ''), 300)}")

    def _call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Call a method of the API.

        Raises:
            google.api_core.exceptions.Conflict: where what is asked for is there already.
            ProviderError: what follows from any other error.
        """

        def send() -> Any:
            url = f"{self._origin}/v3/{path}"
            answer = self._session.request(method, url, json=body, timeout=REQUEST)
            if answer.status_code != 200:
                raise from_http_response(answer)
            return answer.json()

        conflict: Conflict | None = None
        content: Any = None
        with sorted_errors():
            try:
                content = self._retry(send)()
            except Conflict as error:
                conflict = error
        if conflict:
            raise conflict
        if not isinstance(content, dict):
            raise Unanswered("the answer is not Resource Manager's; is a proxy between?", "kind")
        return content

    @cached_property
    def _session(self) -> Any:
        from google.auth.transport.requests import AuthorizedSession

        return AuthorizedSession(self._login.found[0])
