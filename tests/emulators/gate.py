"""A gate before the embedded AWS: lets through what an IAM policy allows, and nothing else.

It knows just what our policy and those of AWS for its CSI drivers use, and refuses to load anything
else, so that no construct is passed over in silence. What each action is authorized on is taken
from the Service Authorization Reference, "Actions, resources, and condition keys for Amazon EC2"
and "… for Amazon S3".
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from werkzeug.wrappers import Response

from tests.emulators.ec2 import EC2, Call, Refusal

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

#: Operators that the gate can evaluate, and the keys that it can fill in.
OPERATORS = (
    "StringEquals", "StringEqualsIfExists", "StringNotEquals", "StringLike", "ArnEquals", "ArnLike",
    "Bool", "Null", "ForAllValues:StringEquals", "ForAllValues:StringNotEquals",
    "ForAllValues:StringLike",
)  # fmt: skip
KEYS = ("aws:RequestedRegion", "aws:SecureTransport", "aws:SourceAccount", "aws:TagKeys",
        "ec2:CreateAction", "lambda:SourceFunctionArn")  # fmt: skip
PREFIXES = ("aws:RequestTag/", "aws:ResourceTag/", "ec2:ResourceTag/", "aws:PrincipalTag/")
FIELDS = {"Sid", "Effect", "Action", "Resource", "Condition"}
#: A policy variable, the one kind of text that is not taken as it stands.
_VARIABLE = re.compile(r"\$\{([^}]*)\}")

#: What is known of a request; a key with several values has them as a tuple.
Context = Mapping[str, str | tuple[str, ...]]


class UnknownConstruct(Exception):
    """The policy says something that the gate cannot evaluate."""


@dataclass(frozen=True)
class Statement:
    """One statement of a policy."""

    sid: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...] = ()

    def matches(self, action: str, resource: str, context: Context) -> bool:
        """Tell whether it speaks of this; a condition on a key that is not there is not met."""
        return (
            any(_like(action.lower(), pattern.lower()) for pattern in self.actions)
            and any(_like(resource, pattern) for pattern in self.resources)
            and all(_met(*condition, context) for condition in self.conditions)
        )


@dataclass
class Policy:
    """An identity's policy; `used` collects the actions that were asked for and allowed."""

    statements: tuple[Statement, ...]
    used: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, document: str | Mapping[str, Any], *, sids: bool = True) -> Policy:
        """Read a policy document; each statement must have a Sid, unless it is said otherwise."""
        read: Mapping[str, Any] = json.loads(document) if isinstance(document, str) else document
        if set(read) - {"Version", "Statement"} or read.get("Version") != "2012-10-17":
            raise UnknownConstruct(f"a policy with {sorted(read)}")
        return cls(tuple(_statement(entry, sids) for entry in _many(read["Statement"])))

    def without(self, action: str) -> Policy:
        """Give the policy without one action."""
        return Policy(
            tuple(
                Statement(
                    s.sid,
                    s.effect,
                    tuple(a for a in s.actions if a != action),
                    s.resources,
                    s.conditions,
                )
                for s in self.statements
            )
        )

    def actions(self, *services: str) -> set[str]:
        """List the actions that it allows, of these services."""
        found = {a for s in self.statements if s.effect == "Allow" for a in s.actions}
        return {action for action in found if action.partition(":")[0] in services}

    def allows(self, action: str, resource: str, context: Context) -> bool:
        """Decide: what is not allowed is denied, and what is denied is not allowed."""
        found = [s.effect for s in self.statements if s.matches(action, resource, context)]
        allowed = "Allow" in found and "Deny" not in found
        if allowed:
            self.used.add(action)
        return allowed


class GatedEC2(EC2):
    """The embedded AWS behind a policy; `refused` tells what did not come through.

    While `policy` is None everything does, so that tests can prepare. `principal` are the tags of
    who calls, `function` the Lambda function whose code does.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.policy: Policy | None = None
        self.principal: dict[str, str] = {}
        self.function = ""
        self.refused: list[tuple[str, str]] = []

    def _admit(self, call: Call) -> None:
        region = {"aws:RequestedRegion": call.region}
        region |= {f"aws:PrincipalTag/{key}": value for key, value in self.principal.items()}
        region |= {"lambda:SourceFunctionArn": self.function} if self.function else {}
        for action, resource, context in self._ec2_needs(call):
            self._check(action, resource, {**region, **context})
        super()._admit(call)

    def _serve(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        host = environ.get("HTTP_AUTHORIZATION", "")
        if "/s3/aws4_request" in host and self.policy:
            try:
                for action, resource in _s3_needs(environ):
                    self._check(action, resource, {"aws:SecureTransport": "true"})
            except Refusal:
                return _denied()(environ, start)
            return self._hide_missing(environ, start)
        return super()._serve(environ, start)

    def _hide_missing(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Answer 403 in place of 404 to who may not list the bucket."""
        bucket = environ["PATH_INFO"].lstrip("/").partition("/")[0]
        seen: list[str] = []

        def watch(status: str, headers: Any, *more: Any) -> Any:
            seen.append(status)
            return start(status, headers, *more)

        assert self.policy
        if self.policy.allows("s3:ListBucket", f"arn:aws:s3:::{bucket}", {}):
            return super()._serve(environ, start)
        response = Response.from_app(super()._serve, environ)
        if response.status_code == 404:
            response = _denied()
        return response(environ, watch)

    def _check(self, action: str, resource: str, context: Context) -> None:
        if self.policy and not self.policy.allows(action, resource, context):
            self.refused.append((action, resource))
            raise Refusal("UnauthorizedOperation", f"not authorized to perform: {action}")

    def _ec2_needs(self, call: Call) -> Iterable[tuple[str, str, Context]]:
        """Tell what an EC2 call is authorized on: action, resource and context."""
        action = f"ec2:{call.action}"
        if call.action == "CreateVolume":
            yield from self._volume_needs(call)
            return
        if call.action == "CreateSnapshot":
            volume = call.params.get("VolumeId", "")
            tags = _request_tags(call.params)
            # "snapshot*": a snapshot's ARN has no account, and no id before there is one.
            new = f"arn:aws:ec2:{call.region}::snapshot/*"
            owned = f"arn:aws:ec2:{call.region}:{self.account}:volume/{volume}"
            yield action, owned, self._tags(call.region, volume)
            yield action, new, tags
            if tags:
                yield "ec2:CreateTags", new, {**tags, "ec2:CreateAction": call.action}
        elif call.action in ("DeleteSnapshot", "CreateTags"):
            for key, name in call.params.items():
                # What is not there bears no tags: that it is gone is what EC2 says.
                gone = name not in self._backend(call.region).snapshots
                if (key == "SnapshotId" and not gone) or key.startswith("ResourceId."):
                    found = f"arn:aws:ec2:{call.region}::snapshot/{name}"
                    yield action, found, self._tags(call.region, name)
        else:
            yield action, "*", {}

    def _volume_needs(self, call: Call) -> Iterable[tuple[str, str, Context]]:
        """Tell what making a volume needs; since 2025 the snapshot is authorized as well.

        aws-ebs-csi-driver, issue 2190.
        """
        volume = f"arn:aws:ec2:{call.region}:{self.account}:volume/*"
        tags = _request_tags(call.params)
        yield "ec2:CreateVolume", volume, tags
        if name := call.params.get("SnapshotId"):
            source = f"arn:aws:ec2:{call.region}::snapshot/{name}"
            yield "ec2:CreateVolume", source, {**tags, **self._tags(call.region, name)}
        if tags:
            yield "ec2:CreateTags", volume, {**tags, "ec2:CreateAction": call.action}

    def _tags(self, region: str, name: str) -> dict[str, str]:
        found = self._backend(region).tags.get(name, {})
        prefixes = ("aws:ResourceTag/", "ec2:ResourceTag/")
        return {f"{prefix}{key}": found[key] for prefix in prefixes for key in found}


def _s3_needs(environ: WSGIEnvironment) -> Iterable[tuple[str, str]]:
    """Tell what an S3 call, with the bucket in its path, is authorized on."""
    bucket, _, key = unquote(environ["PATH_INFO"].lstrip("/")).partition("/")
    method, query = environ["REQUEST_METHOD"], parse_qs(environ["QUERY_STRING"], True)
    if not key:
        actions = {"GET": "s3:ListBucket", "HEAD": "s3:ListBucket", "PUT": "s3:CreateBucket"}
        yield actions[method], f"arn:aws:s3:::{bucket}"
        return
    unknown = set(query) - {"x-id"}
    if unknown:
        raise UnknownConstruct(f"{method} of an object with {sorted(unknown)}")
    actions = {"GET": "s3:GetObject", "HEAD": "s3:GetObject", "PUT": "s3:PutObject",
               "DELETE": "s3:DeleteObject"}  # fmt: skip
    yield actions[method], f"arn:aws:s3:::{bucket}/{key}"


def _denied() -> Response:
    body = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
    return Response(body, 403, mimetype="application/xml")


def _request_tags(params: Mapping[str, str]) -> dict[str, str | tuple[str, ...]]:
    tags = {
        value: params.get(key.removesuffix("Key") + "Value", "")
        for key, value in params.items()
        if key.startswith("TagSpecification.") and key.endswith(".Key")
    }
    found: dict[str, str | tuple[str, ...]] = {f"aws:RequestTag/{k}": v for k, v in tags.items()}
    return found | ({"aws:TagKeys": tuple(tags)} if tags else {})


def _statement(entry: Mapping[str, Any], sids: bool) -> Statement:
    unknown = set(entry) - FIELDS
    if unknown or (sids and not entry.get("Sid")):
        raise UnknownConstruct(f"a statement with {sorted(unknown)}, or without a Sid")
    if entry["Effect"] not in ("Allow", "Deny"):
        raise UnknownConstruct(f"the effect {entry['Effect']}")
    conditions = []
    for operator, tests in entry.get("Condition", {}).items():
        if operator not in OPERATORS:
            raise UnknownConstruct(f"the operator {operator}")
        for key, values in tests.items():
            if key not in KEYS and not key.startswith(PREFIXES):
                raise UnknownConstruct(f"the condition key {key}")
            if key == "aws:TagKeys" and not operator.startswith(("ForAllValues:", "Null")):
                raise UnknownConstruct(f"{operator} of a key that has several values")
            wanted = tuple(map(_text, _many(values)))
            variables = {name for value in wanted for name in _VARIABLE.findall(value)}
            if not all(name.startswith("aws:PrincipalTag/") for name in variables):
                raise UnknownConstruct(f"the variables {sorted(variables)}")
            conditions.append((operator, key, wanted))
    return Statement(
        entry.get("Sid", ""),
        entry["Effect"],
        tuple(_many(entry["Action"])),
        tuple(_many(entry["Resource"])),
        tuple(conditions),
    )


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _like(value: str, pattern: str) -> bool:
    """Match IAM's `*` and `?`; fnmatch's brackets are letters there."""
    return fnmatch.fnmatchcase(value, pattern.replace("[", "[[]"))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _met(operator: str, key: str, values: tuple[str, ...], context: Context) -> bool:
    if operator == "Null":
        return (key not in context) == (values[0] == "true")
    kind = operator.removeprefix("ForAllValues:").removesuffix("IfExists")
    if key not in context:
        # "IAM JSON policy elements: Condition operators": nothing to compare is no match, unless
        # that is what is asked for.
        return operator != kind or kind == "StringNotEquals"
    found = context[key]
    wanted = [filled for value in values if (filled := _filled(value, context)) is not None]
    return all(
        _compared(kind, one, wanted) for one in ([found] if isinstance(found, str) else found)
    )


def _compared(kind: str, found: str, wanted: Iterable[str]) -> bool:
    if kind == "StringNotEquals":
        return found not in wanted
    exact = kind in ("StringEquals", "Bool")
    return any(found == value if exact else _like(found, value) for value in wanted)


def _filled(value: str, context: Context) -> str | None:
    """Put the values of variables in; None where one has none, which matches nothing."""
    names = _VARIABLE.findall(value)
    if not all(isinstance(context.get(name), str) for name in names):
        return None
    return _VARIABLE.sub(lambda match: str(context[match[1]]), value)
