"""Rules for a whole estate from policies, against an annotation on each claim.

20,000 claims in 500 namespaces and 50 SnapshotPolicies: decoding, reading and planning.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from benchmarks.measure import Result, best
from functions.aws.volumes import EBSVolumes
from shared.objects import decode_list
from shared.planning.labels import AWS, Labels
from shared.planning.plan import plan
from shared.planning.policy import Policy
from shared.rules.options import Options
from shared.rules.read import read_rules

CLAIMS, NAMESPACES, POLICIES = 20_000, 500, 50
NOW = datetime(2026, 6, 15, tzinfo=UTC)
DELTAS = "PT1H P1D P30D"
ANNOTATED = {"annotations": {"backup.kubernetes.io/deltas": DELTAS}}

Json = dict[str, Any]


def objects(annotated: bool) -> bytes:
    """Make the List of an estate: by annotations, or by policies for the same deltas."""
    items: list[Json] = []
    for n in range(CLAIMS):
        space = f"team-{n % NAMESPACES}"
        metadata: Json = {"name": f"data-{n}", "namespace": space, "uid": f"uid-{n}"}
        ref = dict(metadata)
        metadata = metadata | {"labels": {"app": f"app-{n % 7}"}} | (ANNOTATED if annotated else {})
        items.append({"kind": "PersistentVolumeClaim", "metadata": metadata,
                      "spec": {"volumeName": f"pv-{n}"}})  # fmt: skip
        expression = {"key": "topology.ebs.csi.aws.com/zone", "operator": "In",
                      "values": ["eu-west-1a"]}  # fmt: skip
        items.append({"kind": "PersistentVolume", "metadata": {"name": f"pv-{n}"}, "spec": {
            "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": f"vol-{n:017x}"},
            "claimRef": ref, "storageClassName": "gp3",
            "nodeAffinity": {"required": {"nodeSelectorTerms": [
                {"matchExpressions": [expression]}]}}}})  # fmt: skip
    items += [
        {"kind": "Namespace", "metadata": {"name": f"team-{n}", "labels": {"tier": str(n % 50)}}}
        for n in range(0 if annotated else NAMESPACES)
    ]
    items += [
        {"kind": "SnapshotPolicy", "metadata": {"name": f"policy-{n}"}, "spec": {
            "deltas": DELTAS, "selector": {
                "namespaceSelector": {"matchLabels": {"tier": str(n)}},
                "claimSelector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]}}}}
        for n in range(0 if annotated else POLICIES)
    ]  # fmt: skip
    return json.dumps({"kind": "List", "items": items}).encode()


def passed(data: bytes) -> int:
    """Read an estate and plan it; count the creations."""
    ruleset = read_rules(decode_list(data, "a benchmark"), EBSVolumes(), Options())
    policy = Policy(labels=Labels(AWS, cluster="bench"))
    return len(plan(ruleset, [], NOW, policy).creates)


def run() -> Iterator[Result]:
    """Measure both; the promise is at most 1.5 times the time of annotations."""
    by_policies, by_annotations = objects(annotated=False), objects(annotated=True)
    if not passed(by_policies) == passed(by_annotations) == CLAIMS:
        raise RuntimeError("the two estates are not the same")
    ours, baseline = best(lambda: passed(by_policies), 3), best(lambda: passed(by_annotations), 3)
    yield Result(
        f"{CLAIMS:,} claims, {NAMESPACES} namespaces, {POLICIES} policies; an annotation on each",
        f"{ours:.0f} ms",
        f"{baseline:.0f} ms",
        baseline / ours,
        "at least 0.67",
        baseline / ours >= 2 / 3,
    )
