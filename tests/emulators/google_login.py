"""Google's servers that give access tokens, and who each token is to a GKE cluster.

Sources: "Using OAuth 2.0 for Server to Server Applications" (a key's assertion asks for scopes),
"Using OAuth 2.0 to Access Google APIs" (a refresh gives at most what was consented to),
"About VM metadata" (Compute Engine ignores `?scopes=`, Cloud Run honours it), IAM Credentials API
`generateAccessToken`. GKE, "Role-based access control", section "Forbidden error for service
accounts on VM instances": without `userinfo.email` a service account is its numeric id.
"""

import base64
import itertools
import json
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

from tests.emulators.kube import Kube
from tests.emulators.kube_rbac import Asked, User

PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
EMAIL = "https://www.googleapis.com/auth/userinfo.email"
WHO = "k8s-snapshots@shop.iam.gserviceaccount.com"
NUMBER = "105445077843088018206"
METADATA = "/computeMetadata/v1"

Json = dict[str, Any]


class Token(NamedTuple):
    """What a token is good for."""

    email: str
    scopes: frozenset[str]

    def user(self) -> str:
        """Name the User that a GKE cluster sees; none where the token is for something else."""
        if PLATFORM not in self.scopes:
            return ""
        return self.email if EMAIL in self.scopes else NUMBER


class GoogleLogin:
    """Serve tokens: `with GoogleLogin() as login:`.

    Attributes:
        consented: the scopes that a user has agreed to; a refresh gives no others.
        fixed: the scopes of the machine, where its metadata server ignores what is asked for.
        tokens: those that were given, by their text.
    """

    def __init__(self) -> None:
        self.consented = frozenset({PLATFORM, EMAIL, "openid"})
        self.fixed: frozenset[str] | None = None
        self.tokens: dict[str, Token] = {}
        self._numbers = itertools.count(1)

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _Connection)
        self._server.login = self
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def service_account(self, private_key: str) -> Json:
        """Give the contents of a key file, whose tokens come from here."""
        return {
            "type": "service_account",
            "client_email": WHO,
            "private_key": private_key,
            "token_uri": f"{self.url}/token",
            "project_id": "shop-project",
        }

    def user(self) -> Json:
        """Give what `gcloud auth application-default login` leaves, but for the address.

        The library takes no other address for these than the one in the file.
        """
        return {
            "type": "authorized_user",
            "client_id": "1.apps.googleusercontent.com",
            "client_secret": "not-so-secret",
            "refresh_token": "1//refresh",
            "token_uri": f"{self.url}/token",
        }

    def answer(self, path: str, query: dict[str, list[str]], sent: str) -> tuple[int, Any]:
        """Answer a request: a status, and an object or a text."""
        if path == "/token":
            return self._exchange(parse_qs(sent))
        if path.endswith(":generateAccessToken"):
            given = self._give(json.loads(sent)["scope"], path.split("/")[-1].partition(":")[0])
            return 200, {"accessToken": given["access_token"], "expireTime": "2999-01-01T00:00:00Z"}
        if path == f"{METADATA}/instance/service-accounts/default/token":
            asked = ",".join(query.get("scopes", [PLATFORM])).split(",")
            return 200, self._give(asked if self.fixed is None else self.fixed)
        return self._metadata(path)

    def _exchange(self, form: dict[str, list[str]]) -> tuple[int, Json]:
        """Give a token for a key's assertion or for a user's consent."""
        if assertion := form.get("assertion", [""])[0]:
            claims = json.loads(_unpadded(assertion.split(".")[1]))
            return 200, self._give(claims["scope"].split())
        asked = frozenset(form["scope"][0].split()) if "scope" in form else self.consented
        if not asked <= self.consented:
            return 400, {"error": "invalid_scope", "error_description": "Bad Request"}
        return 200, self._give(asked, "ann@example.com")

    def _give(self, scopes: Iterable[str], email: str = WHO) -> Json:
        text = f"ya29.token-{next(self._numbers)}"
        self.tokens[text] = token = Token(email, frozenset(scopes))
        given = {"access_token": text, "expires_in": 3600, "token_type": "Bearer"}
        return given | {"scope": " ".join(sorted(token.scopes))}

    def _metadata(self, path: str) -> tuple[int, Any]:
        """Answer as the metadata server of a machine or a function."""
        known: Json = {
            "/": "computeMetadata/\n",
            f"{METADATA}/project/project-id": "shop-project",
            f"{METADATA}/universe/universe-domain": "googleapis.com",
            f"{METADATA}/instance/service-accounts/default/": {
                "aliases": ["default"],
                "email": WHO,
                "scopes": sorted(self.fixed or {PLATFORM}),
            },
        }
        return (200, known[path]) if path in known else (404, "Not Found")


class GKECluster(Kube):
    """A cluster that takes Google's tokens; `bound` are Users with the roles of the manifests."""

    def __init__(self, login: GoogleLogin, objects: Iterable[Json] = (), **more: Any) -> None:
        super().__init__(objects, **more)
        self.login, self.bound, self.seen = login, {WHO}, list[str]()

    def _user(self, authorization: str) -> User | None:
        known = self.login.tokens.get(authorization.removeprefix("Bearer "))
        user = known.user() if known else ""
        if not user:
            return None
        self.seen.append(user)
        return User(user)

    def _refusal(self, user: User, asked: Asked) -> str | None:
        granted = user.name in self.bound
        return super()._refusal(self.function if granted else user, asked)


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class _Server(ThreadingHTTPServer):
    login: GoogleLogin
    daemon_threads = True


class _Connection(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *message: Any) -> None:
        pass

    def serve(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        parts = urlsplit(self.path)
        status, body = self.server.login.answer(parts.path, parse_qs(parts.query), sent)
        text = body if isinstance(body, str) else json.dumps(body)
        kind = "application/text" if isinstance(body, str) else "application/json"
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Metadata-Flavor", "Google")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_POST = serve  # noqa: N815 (the names that http.server looks for)
