"""Events: problems with annotations, told to whoever looks at the claim or volume. Pure."""

import hashlib
from datetime import datetime
from typing import Any, NamedTuple

from shared.kinds import Object
from shared.model import Problem, Source
from shared.objects import Objects
from shared.planning.actions import Plan
from shared.reports.problems import by_object, text_with_field
from shared.rules.names import source_of
from shared.text import shorten

#: An API server takes 1,024 bytes in an Event; a character has four at most.
EVENT_TEXT = 240


class EventPost(NamedTuple):
    """One Event to write, of the time `at`. Its name says which problem of which object it is."""

    source: Source
    name: str
    at: datetime
    body: dict[str, Any]


def events(objects: Objects, plan: Plan) -> list[EventPost]:
    """List an Event for each problem with an annotation, by source.

    The name is made of the object's uid and the problem, so that the same is the same Event.
    """
    problems = by_object(plan, {"PersistentVolume", "PersistentVolumeClaim"})
    annotated: list[Object] = [*objects.volumes, *objects.claims] if problems else []
    posts = []
    for item in annotated:
        source, uid = source_of(item), item.metadata.uid
        posts += [_event(source, uid, p, plan.now) for p in problems.get(source, ()) if uid]
    return sorted(posts, key=lambda post: (post.source, post.name))


def _event(source: Source, uid: str, problem: Problem, now: datetime) -> EventPost:
    said = "\n".join([uid, problem.severity, problem.field, problem.value, problem.message])
    digest = hashlib.sha256(said.encode("utf-8", "backslashreplace")).hexdigest()[:16]
    name = f"{source.name[:200].rstrip('-.')}.{digest}"
    # The events of what belongs to no namespace are kept in this one.
    namespace = source.namespace or "default"
    time = f"{now:%FT%TZ}"
    involved = {"apiVersion": "v1", "kind": source.kind, "name": source.name, "uid": uid}
    if source.namespace:
        involved["namespace"] = source.namespace
    body = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": namespace},
        "involvedObject": involved,
        "type": "Warning",
        "reason": "SnapshotRuleProblem",
        "message": shorten(text_with_field(problem), EVENT_TEXT),
        "source": {"component": "k8s-snapshots"},
        "reportingComponent": "k8s-snapshots",
        "reportingInstance": "k8s-snapshots",
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
    }
    return EventPost(source, name, now, body)
