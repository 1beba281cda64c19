"""What to do with the manifests, as commands: before applying them, then, and at the end. Pure."""

from shared.model import Snapshot
from shared.restore.drivers import CLUSTER, Cloud

#: What a command does, and its line.
Command = tuple[str, str]


def commands(
    cloud: Cloud,
    snapshot: Snapshot,
    claim: tuple[str, str, str],
    *,
    driver: str,
    cluster: str,
    keep_key: str,
) -> tuple[Command, ...]:
    """List the commands, in their order.

    Args:
        cloud: the snapshot's.
        snapshot: to be restored.
        claim: namespace and name of the new one, and the name of its VolumeSnapshotContent.
        driver: that makes the disk.
        cluster: the name of the cluster that restores; empty where it is not known.
        keep_key: key of the keep label.
    """
    namespace, name, content = claim
    setting, removing = cloud.tag_commands(snapshot, driver, cluster)
    unknown = setting.endswith(f"={CLUSTER}")
    stands_for = f" ({CLUSTER} is the name of the cluster that restores)" if unknown else ""
    found = (
        ("Keep the snapshot from expiring meanwhile:", cloud.keep_command(snapshot, keep_key)),
        *_unarchiving(cloud, snapshot),
        (f"Let the driver use it, where the policy of its role wants tags{stands_for}:", setting),
        ("Apply, by piping this into:", "kubectl apply -f -"),
        ("Look; most classes make the disk once a pod uses the claim:",
         f"kubectl -n {namespace} get volumesnapshot,pvc"),
        ("Once the claim is bound, remove the tags: with them the driver may delete the snapshot:",
         removing),
        ("Clean up; the cloud's snapshot stays (Retain), the new disk goes if its class says so:",
         f"kubectl -n {namespace} delete pvc/{name} volumesnapshot/{name} && "
         f"kubectl delete volumesnapshotcontent/{content}"),
    )  # fmt: skip
    return tuple((what, line) for what, line in found if line)


def _unarchiving(cloud: Cloud, snapshot: Snapshot) -> tuple[Command, ...]:
    if snapshot.tier != "archive":
        return ()
    take, look = cloud.unarchive_commands(snapshot)
    return (
        ("Take it out of the archive for 14 days; this takes up to 72 hours:", take),
        ("Wait until its LastTieringOperationStatus is temporary-restore-completed:", look),
    )
