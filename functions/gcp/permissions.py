"""The permissions that passes need on a project; Terraform's custom role has just these.

Source: section "IAM permissions" of each method's page in the reference of Compute Engine API v1.
"""

DELETE = "compute.snapshots.delete"
#: Granted once for each project with disks.
PROJECT = frozenset(
    {
        "compute.disks.createSnapshot",
        "compute.disks.list",
        "compute.globalOperations.get",
        "compute.snapshots.create",
        DELETE,
        "compute.snapshots.get",
        "compute.snapshots.list",
        "compute.snapshots.setLabels",
    }
)
#: With SNAPSHOT_TAG: `DELETE` is granted on snapshots with the tag alone, and this besides.
BIND = "compute.snapshots.createTagBinding"


def of_project(*, tagged: bool) -> frozenset[str]:
    """Give what must be held on a whole project, `tagged` telling whether SNAPSHOT_TAG is set."""
    return (PROJECT - {DELETE}) | {BIND} if tagged else PROJECT
