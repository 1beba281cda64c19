"""The pure parts of the Compute Engine of the tests: what is allowed, and how Google prints things.

Google's discovery document for compute v1, which lies in google-api-python-client, judges requests
and responses. Whatever departs from it is a `Violation`, and so is what the stand-in does not know:
a request that it would answer wrongly must not pass for right.
"""

import base64
import binascii
import functools
import hashlib
import importlib.resources
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

Resource = dict[str, Any]
Check = Callable[[Any], None]
Predicate = Callable[[Resource], bool]

#: In the document, but not in the stand-in.
NOT_EMULATED = {"alt", "callback", "fields", "$.xgafv", "uploadType", "upload_protocol"}
NOT_EMULATED |= {"orderBy", "includeAllScopes", "serviceProjectNumber"}
RANGES = {
    "int32": range(-(2**31), 2**31),
    "uint32": range(2**32),
    "int64": range(-(2**63), 2**63),
    "uint64": range(2**64),
}
TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}
# The list methods' `filter` in the document: AIP-160 comparisons, or regular expressions.
FIELD = r"name|status|id|sourceDiskId|sourceDisk|labels\.[a-z][-_a-z0-9]*"
QUOTED = r"\"[^\"]*\"|'[^']*'"
COMPARISON = re.compile(
    rf"(?P<field>{FIELD})(?:\s*(?P<sign>!=|=|:)\s*(?P<plain>\"[^\"]*\"|\*|[-\w./]+)"
    rf"|\s+(?P<word>eq|ne)\s+(?P<pattern>{QUOTED}|[^\s()\"']+))"
)

LINK = "https://www.googleapis.com/compute/v1/"
DISK = r"(?:https://(?:www|compute)\.googleapis\.com/compute/v1/)?(?:projects/(?P<project>[^/]+)/)?"
DISK += r"(?P<rest>(?:zones|regions)/[^/]+/disks/[^/]+)"
#: "Requirements for labels": lowercase letters of any script, digits, dashes, underscores.
LABEL_KEY, LABEL_VALUE = re.compile(r"[^\W\d_][-\w]{0,62}"), re.compile(r"[-\w]{0,63}")
# https://cloud.google.com/compute/docs/reference/rest/v1/errors, in the old names that errors bear.
STATUS = {"unauthorized": 401, "forbidden": 403, "rateLimitExceeded": 403, "quotaExceeded": 403}
STATUS |= {"notFound": 404, "alreadyExists": 409, "conditionNotMet": 412, "internalError": 500}
STATUS |= {"backendError": 503, "RESOURCE_NOT_FOUND": 404, "INTERNAL_ERROR": 500}
STATUS |= {"QUOTA_EXCEEDED": 403, "RESOURCE_OPERATION_RATE_EXCEEDED": 429}
#: What comes from Google's front end, not from Compute Engine, bears a status.
WORDS = {401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}


class Violation(Exception):
    """Something that the document does not allow; `path` leads to the field."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.path: list[str] = []

    def within(self, name: str) -> "Violation":
        """Tell that this was found inside of `name`."""
        self.path.insert(0, name)
        return self

    def __str__(self) -> str:
        return f"{'.'.join(self.path)}: {self.what}" if self.path else self.what


@functools.cache
def document() -> Resource:
    """Read the document, 5 MB, once."""
    folder = importlib.resources.files("googleapiclient") / "discovery_cache/documents"
    loaded: Resource = json.loads(folder.joinpath("compute.v1.json").read_bytes())
    return loaded


@dataclass(frozen=True)
class Method:
    """A method of the document; `id` is such as `snapshots.insert`."""

    id: str
    spec: Resource

    def values(self, segments: Mapping[str, str], query: str) -> dict[str, str]:
        """Check the parameters of a request, from its path and its query, and return them."""
        known = document()["parameters"] | self.spec["parameters"]
        asked = parse_qsl(query, keep_blank_values=True)
        values = dict(segments)
        for name, value in asked:
            if name not in known or known[name]["location"] != "query":
                raise Violation(f"{self.id} has no query parameter {name!r}")
            if name in NOT_EMULATED or name in values:
                raise Violation(f"{self.id}: {name!r} is not emulated, or given twice")
            values[name] = value
        for name, spec in self.spec["parameters"].items():
            if spec.get("required") and name not in values:
                raise Violation(f"{self.id} needs {name!r}")
        for name, value in values.items():
            _within(name, functools.partial(_check_parameter, known[name]), value)
        return values

    def check_request(self, body: Resource | None) -> None:
        """Check a request's body: its fields, none that Google sets, all that the method needs."""
        if "request" not in self.spec:
            if body:
                raise Violation(f"{self.id} takes no body")
            return
        name = self.spec["request"]["$ref"]
        if body is None:
            raise Violation(f"{self.id} needs a body, a {name}")
        _within(name, checker(name, True), body)
        for key, spec in document()["schemas"][name]["properties"].items():
            needed = f"compute.{self.id}" in spec.get("annotations", {}).get("required", ())
            if needed and key not in body:
                raise Violation(f"{self.id} needs the field {key!r}")

    def check_response(self, body: Resource) -> None:
        """Check what is about to be answered."""
        name = self.spec["response"]["$ref"]
        _within(name, checker(name, False), body)


@functools.cache
def methods() -> dict[tuple[str, int], list[tuple[list[str], Method]]]:
    """Index the document's methods by verb and the number of the path's segments."""
    index: dict[tuple[str, int], list[tuple[list[str], Method]]] = {}
    for resource in document()["resources"].values():
        for spec in resource.get("methods", {}).values():
            path = (document()["basePath"] + spec["flatPath"]).split("/")
            method = Method(spec["id"].removeprefix("compute."), spec)
            index.setdefault((spec["httpMethod"], len(path)), []).append((path, method))
    return index


def route(verb: str, path: str) -> tuple[Method, dict[str, str]]:
    """Find the method that verb and path name, and the path's parameters."""
    segments = path.split("/")
    for template, method in methods().get((verb, len(segments)), ()):
        pairs = list(zip(template, segments, strict=True))
        if all(part.startswith("{") or part == value for part, value in pairs):
            named = [(part, value) for part, value in pairs if part.startswith("{")]
            return method, {part.strip("{}"): unquote(value) for part, value in named}
    raise Violation(f"the document has no {verb} {path}")


def _check_parameter(spec: Resource, text: str) -> None:
    """Check a parameter, which is text in a URL, whatever its type."""
    if spec["type"] == "boolean" and text not in ("true", "false"):
        raise Violation(f"{text!r} is neither true nor false")
    if spec["type"] == "integer":
        _check_number(spec["format"], text)
    else:
        _check_text(spec, text)


@functools.cache
def checker(name: str, request: bool) -> Check:
    """Make the check of one of the document's schemas."""
    return _compile(document()["schemas"][name], request)


def _compile(schema: Resource, request: bool) -> Check:
    """Make a schema into a function, since a page of snapshots is 500 of them."""
    if "$ref" in schema:
        # Not before it is called: schemas refer to each other.
        return lambda value: checker(schema["$ref"], request)(value)
    if schema["type"] == "object":
        return _compile_object(schema, request)
    if schema["type"] == "array":
        item = _compile(schema["items"], request)
        return lambda value: _check_items(item, value)
    return lambda value: _check_scalar(schema, value)


def _compile_object(schema: Resource, request: bool) -> Check:
    fields = schema.get("properties", {})
    checks = {name: _compile(field, request) for name, field in fields.items()}
    fixed = {name for name, field in fields.items() if request and field.get("readOnly")}
    further = schema.get("additionalProperties")
    other = _compile(further, request) if further else None

    def check(value: Any) -> None:
        if not isinstance(value, dict):
            raise Violation(f"{value!r} is no object")
        for name, item in value.items():
            one = checks.get(name, other)
            if one is None or name in fixed:
                raise Violation("is read-only" if one else "is unknown").within(name)
            _within(name, one, item)

    return check


def _check_items(check: Check, value: Any) -> None:
    if not isinstance(value, list):
        raise Violation(f"{value!r} is no list")
    for number, item in enumerate(value):
        _within(str(number), check, item)


def _check_scalar(schema: Resource, value: Any) -> None:
    kind = schema["type"]
    expected = TYPES.get(kind)
    if expected is None:  # "any"
        return
    if not isinstance(value, expected) or (kind != "boolean" and isinstance(value, bool)):
        raise Violation(f"{value!r} is no {kind}")
    if isinstance(value, str):
        _check_text(schema, value)
    elif kind == "integer":
        _check_number(schema["format"], str(value))


def _check_text(schema: Resource, text: str) -> None:
    if "enum" in schema and text not in schema["enum"]:
        raise Violation(f"{text!r} is none of {', '.join(schema['enum'])}")
    if "pattern" in schema and not re.fullmatch(schema["pattern"], text):
        raise Violation(f"{text!r} does not match {schema['pattern']}")
    if schema.get("format") in ("int64", "uint64"):
        _check_number(schema["format"], text)
    if schema.get("format") == "byte":
        try:
            base64.b64decode(text, validate=True)
        except binascii.Error:
            raise Violation(f"{text!r} is not base64") from None


def _check_number(form: str, text: str) -> None:
    if not re.fullmatch(r"-?[0-9]+", text) or int(text) not in RANGES[form]:
        raise Violation(f"{text!r} is no {form}")


def _within(name: str, check: Check, value: Any) -> None:
    try:
        check(value)
    except Violation as violation:
        raise violation.within(name) from None


@functools.cache
def parse_filter(text: str) -> Predicate:
    """Read a list's filter: comparisons that all hold, in AIP-160's language or with eq and ne."""
    found: list[re.Match[str]] = []
    rest = text.strip()
    while rest or not found:
        opened = rest.startswith("(")
        match = COMPARISON.match(rest.removeprefix("(").lstrip())
        rest = match.string[match.end() :].lstrip() if match else rest
        if match is None or opened != rest.startswith(")"):
            raise Violation(f"this filter is not emulated, from {rest!r} on: {text!r}")
        rest = rest.removeprefix(")").lstrip()
        joined = re.match(r"AND\s+(?=\S)", rest)
        if rest and not joined and not (opened and rest.startswith("(")):
            raise Violation(f"this filter is not emulated, from {rest!r} on: {text!r}")
        rest = rest[joined.end() :] if joined else rest
        found.append(match)
    words = {bool(match["word"]) for match in found}
    if len(words) > 1 or (words == {True} and len({match["field"] for match in found}) > 1):
        raise Violation(f"regular expressions go with nothing else, on one field: {text!r}")
    predicates = [_predicate(match) for match in found]
    return lambda resource: all(holds(resource) for holds in predicates)


def _predicate(match: re.Match[str]) -> Predicate:
    field, operator = match["field"], match["sign"] or match["word"]
    value = (match["plain"] or match["pattern"]).strip("\"'")
    label = field.startswith("labels.")
    known = {"=": True, "eq": True, ":": label and value == "*"}
    if not known.get(operator, not label) or (operator != ":" and match["plain"] == "*"):
        raise Violation(f"this comparison is not emulated: {match[0]!r}")
    try:
        literal = operator in ("=", "!=")
        wanted = re.compile(".*" if operator == ":" else re.escape(value) if literal else value)
    except re.error as error:
        raise Violation(f"{value!r} is no regular expression: {error}") from None

    def holds(resource: Resource) -> bool:
        text = _field(resource, field)
        matches = text is not None and wanted.fullmatch(text) is not None
        return matches != (operator in ("!=", "ne"))

    return holds


def _field(resource: Resource, name: str) -> str | None:
    first, _, key = name.partition(".")
    value = resource.get(first, {}).get(key) if key else resource.get(first)
    return None if value is None else str(value)


def unknown(given: Iterable[str], emulated: Iterable[str], what: str) -> None:
    """Raise a violation where a request gives what the stand-in does not understand."""
    if strange := sorted(set(given) - set(emulated)):
        raise Violation(f"{what}: {', '.join(strange)} is not emulated")


class Refusal(Exception):
    """An error that Compute Engine answers; `info` is the reason that modern ones bear besides."""

    def __init__(
        self, reason: str, message: str, status: int | None = None, info: str | None = None
    ) -> None:
        super().__init__(reason, message)
        self.reason, self.message, self.info = reason, message, info
        self.status = status or STATUS.get(reason, 400)

    def body(self) -> Resource:
        """Print the error as Google does."""
        domain = "usageLimits" if self.reason.endswith("Exceeded") else "global"
        one = {"message": self.message, "domain": domain, "reason": self.reason}
        error: Resource = {"code": self.status, "message": self.message, "errors": [one]}
        if self.status in WORDS:
            error["status"] = WORDS[self.status]
        if self.info:
            kind = "type.googleapis.com/google.rpc.ErrorInfo"
            info = {"@type": kind, "reason": self.info, "domain": "googleapis.com"}
            error["details"] = [info | {"metadata": {"service": "compute.googleapis.com"}}]
        return {"error": error}


def not_found(path: str) -> Refusal:
    """Say that something is not there."""
    return Refusal("notFound", f"The resource '{path}' was not found")


def failure(code: str, message: str) -> Resource:
    """Print how an operation ended that failed."""
    status = HTTPStatus(STATUS.get(code, 400))
    said = {"httpErrorStatusCode": status.value, "httpErrorMessage": status.phrase.upper()}
    return {"error": {"errors": [{"code": code, "message": message}]}, **said}


def warning(code: str, scope: str) -> Resource:
    """Print what is wrong with a page, or with one scope of it."""
    words = {"NO_RESULTS_ON_PAGE": f"There are no results for scope '{scope}' on this page."}
    message = words.get(code, f"The scope '{scope}' may be incomplete.")
    return {"code": code, "message": message, "data": [{"key": "scope", "value": scope}]}


def stamp(time: datetime) -> str:
    """Print a time: Pacific, with milliseconds."""
    return time.astimezone(timezone(timedelta(hours=-7))).isoformat(timespec="milliseconds")


def disk_path(project: str, url: str) -> str:
    """Read a disk's full or partial URL, which names a project or means this one."""
    match = re.fullmatch(DISK, url)
    if match is None:
        what = f"Invalid value for field 'resource.sourceDisk': '{url}'."
        raise Refusal("invalid", f"{what} The URL is malformed.")
    return f"projects/{match['project'] or project}/{match['rest']}"


def multi_region(path: str) -> str:
    """Tell where the snapshots of a disk lie by default."""
    continent = path.split("/")[3].split("-")[0]
    return {"europe": "eu", "asia": "asia"}.get(continent, "us")


def check_labels(labels: Mapping[str, str]) -> None:
    """Refuse labels that Google refuses, which the document does not describe."""
    for key, value in labels.items():
        lower = (key + value) == (key + value).lower()
        if not (lower and LABEL_KEY.fullmatch(key) and LABEL_VALUE.fullmatch(value)):
            what = f"Invalid value for field 'resource.labels': '{key}: {value}'."
            raise Refusal("invalid", f"{what} Label value '{value}' violates format constraints.")
    if len(labels) > 64:
        raise Refusal("invalid", "Invalid value for field 'resource.labels': too many labels.")


def label(resource: Resource, labels: Mapping[str, str]) -> Resource:
    """Set a resource's labels and the fingerprint that they have; returns it."""
    digest = hashlib.sha256(json.dumps(sorted(labels.items())).encode()).digest()
    resource.pop("labels", None)
    resource |= {"labels": dict(labels)} if labels else {}
    resource["labelFingerprint"] = base64.b64encode(digest[:8]).decode()
    return resource
