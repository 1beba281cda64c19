"""The objects from the cluster's API."""

import logging
from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple

from shared.errors import ClusterError
from shared.kinds import DEFAULTS, GROUP, OURS, kinds_of
from shared.objects import Objects
from shared.ports import Check
from shared.rules.selectors import asked_labels
from shared.sources.api import API, FIRST_PAGE, Expired, Missing, next_limit
from shared.sources.refusals import Forbidden, Hints, NotLoggedIn

log = logging.getLogger(__name__)

#: Listings that expire on the way (410 Gone) are begun again so many times.
RESTARTS = 3


class Resource(NamedTuple):
    """A list of the API: its kind, path, and its name for people."""

    kind: str
    path: str
    name: str


#: Rules first, claims next, volumes last: what is made meanwhile is then missing where it does
#: not matter, and not a rule whose volume seems not to exist. What selects comes before what is
#: selected, so that just the labels are kept that are asked for.
RESOURCES = (
    Resource("SnapshotRule", f"/apis/{GROUP}/v1/snapshotrules", f"snapshotrules.{GROUP}"),
    Resource("SnapshotPolicy", f"/apis/{GROUP}/v1/snapshotpolicies", f"snapshotpolicies.{GROUP}"),
    Resource("PersistentVolumeClaim", "/api/v1/persistentvolumeclaims", "persistentvolumeclaims"),
    Resource("StorageClass", "/apis/storage.k8s.io/v1/storageclasses", "storageclasses"),
    Resource("Namespace", "/api/v1/namespaces", "namespaces"),
    Resource("PersistentVolume", "/api/v1/persistentvolumes", "persistentvolumes"),
)


class Cluster:
    """Reads rules from a Kubernetes API; implements `ports.RulesSource`.

    `connect` gives an ApiClient of the kubernetes package; it is called at the first read, at the
    one after a failure, and where the API does not know the credentials any more. It raises
    ClusterError where there is no way in. `annotations` are the keys of annotations that are kept;
    None keeps all. `defaults` are the levels beside each volume's own objects that are read.
    """

    live = True

    def __init__(
        self,
        connect: Callable[[], Any],
        hints: Hints | None = None,
        annotations: Collection[str] | None = None,
        defaults: Collection[str] = tuple(DEFAULTS),
    ) -> None:
        self._api, self._annotations = API(connect, hints or Hints()), annotations
        unread = set(DEFAULTS.values()) - kinds_of(defaults)
        self._resources = [r for r in RESOURCES if r.kind not in unread]

    def client(self) -> Any:
        """Give the connection that objects are read by.

        Raises:
            ClusterError: where there is no way into the cluster.
        """
        return self._api.client()

    def read(self) -> Objects:
        """Read all objects, in pages; a missing CRD is no SnapshotRules."""
        self._api.begin()
        try:
            return self._read_with_new_credentials()
        except ClusterError:
            self._api.forget()
            raise

    def check(self) -> Iterable[Check]:
        """Ask for one object of each resource."""
        self._api.begin()
        for resource in self._resources:
            name = f"list {resource.name}"
            try:
                self._api.page(resource.path, resource.name, {"limit": "1"})
            except Missing:
                yield Check(name, True, "not installed: annotations only; for "
                            "SnapshotRules and SnapshotPolicies, kubectl apply -f "
                            "manifests/crd.yaml")  # fmt: skip
            except Forbidden as error:
                yield Check(name, False, str(error))
            except ClusterError as error:
                yield Check(name, False, str(error))
                return  # the next would say the same
            else:
                yield Check(name, True, f"at {self._api.host()}")

    def _read_with_new_credentials(self) -> Objects:
        """Read; where a connection of an earlier read is refused, once more by a new one.

        A secret that was rotated, or an account whose token ran out, then costs no pass.
        """
        warm = self._api.connected()
        try:
            return self._read()
        except NotLoggedIn as error:
            if not warm:
                raise
            log.info("connecting again: %s", error)
        self._api.forget()
        return self._read()

    def _read(self) -> Objects:
        objects, labels = Objects("cluster"), None
        for resource in self._resources:
            # What selects is read by then.
            if labels is None and resource.kind not in OURS:
                labels = asked_labels(objects)
            try:
                objects.take(self._list(resource, labels or ()))
            except Missing:
                if resource.kind not in OURS:
                    raise ClusterError(
                        f"{self._api.host()} is no Kubernetes API: it does not know {resource.path}"
                    ) from None
                objects.absent.append(resource.kind)
            except Forbidden as error:
                # Without its defaults a cluster can still be served; without the rest it cannot.
                if resource.kind not in DEFAULTS.values():
                    raise
                objects.refused[resource.kind] = str(error)
        return objects

    def _list(self, resource: Resource, labels: Collection[str]) -> Objects:
        for _ in range(RESTARTS):
            try:
                return self._pages(resource, labels)
            except Expired:
                continue
        raise ClusterError(
            f"listing {resource.name} expired {RESTARTS} times; the API server is too slow"
        )

    def _pages(self, resource: Resource, labels: Collection[str]) -> Objects:
        """Read all pages; of each only what is kept stays in memory."""
        objects = Objects("cluster", annotations=self._annotations, labels=labels)
        limit, query, seen = FIRST_PAGE, {}, set[str]()
        while True:
            query["limit"] = str(limit)
            page = self._api.page(resource.path, resource.name, query)
            objects.add(resource.kind, page.items or ())
            token = page.metadata.token
            if not token:
                return objects
            if token in seen:
                raise ClusterError(f"listing {resource.name}: the API repeats a page")
            seen.add(token)
            query["continue"] = token
            limit = next_limit(limit, sum(map(len, page.items or ())))
