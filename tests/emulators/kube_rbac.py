"""Who asks a Kubernetes API and what they may do: users, RBAC, and the words of a refusal.

As an API server with `--authorization-mode=RBAC` decides and words it (Kubernetes, "Using RBAC
Authorization"; tests/test_apiserver.py compares the words with a real one's).
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

MANIFESTS = Path(__file__).parents[2] / "manifests"
GROUP = "rbac.authorization.k8s.io"
KINDS = ("ClusterRole", "ClusterRoleBinding")
#: What a default installation lets everybody do who is logged in, and everybody at all:
#: `system:discovery`, `system:basic-user` and `system:public-info-viewer`.
DISCOVERY = re.compile(r"/(api|apis|openapi)(/.*)?|/healthz|/livez|/readyz|/version/?")
PUBLIC = re.compile(r"/healthz|/livez|/readyz|/version/?")
REVIEWS = ("selfsubjectaccessreviews", "selfsubjectrulesreviews")
VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}

Object = dict[str, Any]


class User(NamedTuple):
    """Who a request is from."""

    name: str
    groups: tuple[str, ...] = ("system:authenticated",)


#: In whose name the function asks; the group is the subject of manifests/rbac.yaml.
FUNCTION = User("k8s-snapshots", ("k8s-snapshots", "system:authenticated"))
ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))
ADMIN = User("admin", ("system:masters", "system:authenticated"))


def service_account(namespace: str, name: str) -> User:
    """Give the user that a service account's token stands for."""
    groups = "system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"
    return User(f"system:serviceaccount:{namespace}:{name}", groups)


class Asked(NamedTuple):
    """What a request asks for, in the words of access rules; `resource` with its subresource.

    For a path that is no resource's, `path` alone is given.
    """

    verb: str
    group: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def full_name(self) -> str:
        """Name the resource as errors do: `snapshotrules.k8s-snapshots.elsdoerfer.com`."""
        plural = self.resource.partition("/")[0]
        return f"{plural}.{self.group}" if self.group else plural

    @property
    def right(self) -> str:
        """Name the right in short: `list persistentvolumes`, `patch snapshotrules.GROUP/status`."""
        _, slash, sub = self.resource.partition("/")
        return f"{self.verb} {self.full_name}{slash}{sub}"


_RESOURCE = re.compile(
    r"(?:/api/v1|/apis/(?P<group>[^/]+)/[^/]+)"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/[^/]))?"
    r"/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<sub>.+))?"
)


def asked_by(method: str, path: str, query: Mapping[str, str]) -> Asked:
    """Read a request as an API server's access rules see it."""
    match = _RESOURCE.fullmatch(path)
    if match is None:
        return Asked(VERBS.get(method, method.lower()), path=path)
    name, sub = match["name"] or "", match["sub"] or ""
    verb = VERBS.get(method, method.lower())
    if method in ("GET", "DELETE") and not name:
        verb = "list" if method == "GET" else "deletecollection"
    if method == "GET" and query.get("watch") in ("1", "true"):
        verb = "watch"
    resource = match["plural"] + (f"/{sub}" if sub else "")
    return Asked(verb, match["group"] or "", resource, match["namespace"] or "", name, path)


class Roles:
    """The ClusterRoles and ClusterRoleBindings of a cluster."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Object] = {}

    def apply(self, documents: Iterable[Object]) -> None:
        """Take in what of some manifests belongs to RBAC."""
        for item in documents:
            if item["kind"] in KINDS:
                self._found[item["kind"], item["metadata"]["name"]] = item

    def manifest(self, name: str) -> None:
        """Take in a manifest of ours."""
        self.apply(yaml.safe_load_all((MANIFESTS / name).read_text()))

    def clear(self) -> None:
        """Remove all of them."""
        self._found.clear()

    def refusal(self, user: User, asked: Asked) -> str | None:
        """Say why a user may not do what they ask; None where they may."""
        missing = []
        for (kind, _), binding in self._found.items():
            if kind == "ClusterRoleBinding" and any(_is(user, s) for s in binding["subjects"]):
                name = binding["roleRef"]["name"]
                role = self._found.get(("ClusterRole", name))
                if role is None:
                    missing.append(f'clusterrole.{GROUP} "{name}" not found')
                elif any(_grants(rule, asked) for rule in role["rules"]):
                    return None
        if _by_default(user, asked):
            return None
        said = forbidden(user, asked)
        return f"{said}: RBAC: {', '.join(missing)}" if missing else said


def forbidden(user: User, asked: Asked) -> str:
    """Word a refusal as an API server does."""
    who = f'User "{user.name}"'
    if not asked.resource:
        return f'forbidden: {who} cannot {asked.verb} path "{asked.path}"'
    where = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
    what = f'resource "{asked.resource}" in API group "{asked.group}" {where}'
    named = f' "{asked.name}"' if asked.name else ""
    return f"{asked.full_name}{named} is forbidden: {who} cannot {asked.verb} {what}"


def _is(user: User, subject: Object) -> bool:
    if subject["kind"] == "ServiceAccount":
        return user.name == service_account(subject["namespace"], subject["name"]).name
    names = user.groups if subject["kind"] == "Group" else (user.name,)
    return subject["name"] in names


def _grants(rule: Object, asked: Asked) -> bool:
    wanted = ("apiGroups", asked.group), ("resources", asked.resource), ("verbs", asked.verb)
    names = rule.get("resourceNames")
    return (
        bool(asked.resource)
        and all({value, "*"} & set(rule.get(key, ())) for key, value in wanted)
        and (not names or asked.name in names)
    )


def _by_default(user: User, asked: Asked) -> bool:
    if "system:masters" in user.groups:
        return True
    authenticated = "system:authenticated" in user.groups
    if asked.resource:
        return authenticated and asked.verb == "create" and asked.resource in REVIEWS
    paths = DISCOVERY if authenticated else PUBLIC
    return asked.verb == "get" and bool(paths.fullmatch(asked.path))
