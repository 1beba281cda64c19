"""Reading the cluster's API over real HTTP, and what is said where it cannot be read."""

import json
import logging
import socket
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
import yaml

import shared.sources.api
import shared.sources.cluster
from shared import __version__
from shared.access.connect import in_cluster_client, kubeconfig_client, kubeconfig_cluster
from shared.errors import ClusterError
from shared.kinds import GROUP
from shared.objects import Objects
from shared.sources.cluster import Cluster
from tests.emulators.kube import Answer, Kube, Request
from tests.shared.objects_builders import claim, snapshot_rule, volume

TOKEN = "s3cr3t-t0ken-of-the-reader"
RBAC = Path(__file__).parents[3] / "manifests" / "rbac.yaml"

Json = dict[str, Any]


class Verbatim(Kube):
    """Answers every listing of SnapshotRules with this text."""

    text = ""

    def _answer(self, request: Request, token: str) -> Answer:
        if request.resource()[1] == "snapshotrules":
            return Answer(200, self.text)
        return super()._answer(request, token)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without a pause, and give up a silent API soon."""
    monkeypatch.setattr(urllib3.Retry, "get_backoff_time", lambda retry: 0)
    monkeypatch.setattr(shared.sources.api, "TIMEOUT", (0.5, 0.2))


@pytest.fixture(autouse=True)
def discreet(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Find the token in no log and on no terminal, at any level."""
    caplog.set_level(logging.DEBUG)
    yield
    assert TOKEN not in caplog.text
    assert TOKEN not in "".join(capfd.readouterr())


@pytest.fixture
def kube() -> Iterator[Kube]:
    unclaimed = [volume(f"pv-{n}", claimed_by=None) for n in range(5)]
    rule = snapshot_rule(persistentVolumeClaim="data")
    with Kube([*unclaimed, volume(), claim(deltas="P1D P30D"), rule], token=TOKEN) as served:
        yield served


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "kubeconfig"


def cluster(config: Path) -> Cluster:
    """Connect by a kubeconfig, at the first read."""
    return Cluster(lambda: kubeconfig_client(str(config)))


def read(kube: Kube, config: Path) -> Objects:
    return cluster(kube.kubeconfig(config)).read()


def refused(call: Callable[[], object]) -> str:
    """Return what is said where the objects cannot be had, the token never being in it."""
    with pytest.raises(ClusterError) as caught:
        call()
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
    assert str(caught.value).isprintable()
    return str(caught.value)


def refusal(kube: Kube, config: Path) -> str:
    return refused(lambda: read(kube, config))


def asked(kube: Kube) -> list[tuple[str, str]]:
    """List the requests: the method, and the plural of the resource."""
    return [(request.method, request.resource()[1]) for request in kube.requests]


def changed(kube: Kube, config: Path, change: Callable[[Json], object]) -> Path:
    """Write a kubeconfig, changed in place."""
    content = yaml.safe_load(kube.kubeconfig(config).read_text())
    change(content)
    config.write_text(yaml.safe_dump(content))
    return config


def server(content: Json) -> Json:
    found: Json = content["clusters"][0]["cluster"]
    return found


def user(content: Json) -> Json:
    found: Json = content["users"][0]["user"]
    return found


def test_reads_every_page(kube: Kube, config: Path) -> None:
    """All pages of all three kinds are read, each once, rules first and volumes last."""
    kube.page_limit = 4

    objects = read(kube, config)

    names = ["pv-0", "pv-1", "pv-2", "pv-3", "pv-4", "pv-data"]
    assert names == [volume.metadata.name for volume in objects.volumes]
    assert (len(objects.claims), len(objects.rules), objects.problems) == (1, 1, [])
    assert objects.read_from == "cluster"
    kinds = ["snapshotrules", "snapshotpolicies", "persistentvolumeclaims", "storageclasses",
             "namespaces", "persistentvolumes", "persistentvolumes"]  # fmt: skip
    assert [("GET", kind) for kind in kinds] == asked(kube)


def test_asks_for_pages(kube: Kube, config: Path) -> None:
    """A page begins small and grows, so that a large cluster fits into little memory."""
    kube.page_limit = 2
    read(kube, config)
    asked_for = [request.query["limit"] for request in kube.requests]
    assert asked_for == ["125"] * 5 + ["250"] + ["125", "250", "500"]


def test_asks_for_nothing_but_what_the_role_grants(kube: Kube, config: Path) -> None:
    """The verbs and resources in manifests/rbac.yaml are those of the requests, no more, no less.

    A GET of a collection is the verb `list` where it names nothing and watches nothing.
    """
    kube.page_limit = 2

    read(kube, config)

    role = next(yaml.safe_load_all(RBAC.read_text()))
    granted = {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    groups = {root: root.removeprefix("/apis/").removesuffix("/v1") for root in (
        f"/apis/{GROUP}/v1", "/apis/storage.k8s.io/v1")} | {"/api/v1": ""}  # fmt: skip
    made = {request.resource() for request in kube.requests}
    assert granted == {(groups[root], plural, "list") for root, plural in made}
    assert {"GET"} == {request.method for request in kube.requests}
    assert {"limit", "continue"} == {key for request in kube.requests for key in request.query}


def test_one_connection_serves_all_reads(kube: Kube, config: Path) -> None:
    """The kubeconfig is read once in the life of a process, however many passes it runs."""
    source = cluster(kube.kubeconfig(config))
    source.read()
    config.unlink()

    assert len(source.read().volumes) == 6


def test_a_listing_that_expires_is_begun_again(kube: Kube, config: Path) -> None:
    """410 Gone on a further page restarts the listing, and no object comes twice."""
    kube.page_limit = 4
    kube.fault("persistentvolumes", continued=True, status=410)

    objects = read(kube, config)

    assert 6 == len({volume.metadata.name for volume in objects.volumes}) == len(objects.volumes)
    assert asked(kube).count(("GET", "persistentvolumes")) == 4


def test_a_listing_that_always_expires_is_given_up(kube: Kube, config: Path) -> None:
    """After three listings that expired, the API is said to be too slow."""
    kube.page_limit = 4
    kube.fault("persistentvolumes", continued=True, status=410, times=None)

    assert "listing persistentvolumes expired 3 times" in refusal(kube, config)
    assert asked(kube).count(("GET", "persistentvolumes")) == 6


def test_a_missing_definition_is_no_rules(kube: Kube, config: Path) -> None:
    """Where the CRD is not installed there are no SnapshotRules, and the rest is read."""
    kube.crd = False

    objects = read(kube, config)

    assert (objects.rules, len(objects.claims), len(objects.volumes)) == ([], 1, 6)


def test_something_else_than_kubernetes_is_said_to_be_so(kube: Kube, config: Path) -> None:
    """A server that knows none of the paths is not taken for a cluster without volumes."""
    kube.fault(status=404, times=None)
    assert "is no Kubernetes API: it does not know /api/v1" in refusal(kube, config)


@pytest.mark.parametrize(
    "resource", [f"snapshotrules.{GROUP}", "persistentvolumes", "persistentvolumeclaims"]
)
def test_a_missing_permission_is_named(kube: Kube, config: Path, resource: str) -> None:
    """403 names the verb, the resource and the manifest that grants it."""
    kube.denied.add(f"list {resource}")

    said = refusal(kube, config)

    assert f"refused to list {resource} (403)" in said
    assert 'User "k8s-snapshots" cannot list' in said
    assert said.endswith(f"; grant the verb list on {resource}, as manifests/rbac.yaml does")


def test_an_expired_token_is_a_matter_of_credentials(kube: Kube, config: Path) -> None:
    """A token that was good for one pass and has expired before the next: 401, the credentials."""
    source = cluster(kube.kubeconfig(config))
    source.read()
    kube.token = "the-next-one"

    before = len(kube.requests)

    said = refused(source.read)

    assert "refused the credentials (401): the token or certificate has expired" in said
    assert len(kube.requests) == before + 2  # by the old connection, and once by a new one


def test_a_wrong_token_is_tried_once_in_a_cold_process(kube: Kube, config: Path) -> None:
    """There a new connection would have the same credentials."""
    source = cluster(kube.kubeconfig(config))
    kube.token = "another"
    assert "refused the credentials (401)" in refused(source.read)
    assert len(kube.requests) == 1


@pytest.mark.parametrize("page", [False, True])
def test_new_credentials_cost_a_warm_process_no_read(kube: Kube, config: Path, page: bool) -> None:
    """A token that was replaced is read anew at the first 401, in the middle of a list as well."""
    kube.page_limit = 4
    source = cluster(kube.kubeconfig(config))
    source.read()
    kube.token = "the-next-one"
    kube.kubeconfig(config)
    if page:
        kube.users[TOKEN] = kube.function
        kube.fault("persistentvolumes", continued=True, status=401)

    objects = source.read()

    assert (6, 1, 1) == (len(objects.volumes), len(objects.claims), len(objects.rules))


PASSWORD = {"name": "reader", "user": {"username": "me", "password": TOKEN}}


@pytest.mark.parametrize("anonymous", [True, False])
@pytest.mark.parametrize("users", [[], [PASSWORD]], ids=["no user", "a password"])
def test_no_credentials_are_told_as_such(
    kube: Kube, config: Path, users: list[Json], anonymous: bool
) -> None:
    """Nobody is advised to grant anything to system:anonymous."""
    kube.anonymous = anonymous
    changed(kube, config, lambda content: content.update(users=users))
    said = refused(cluster(config).read)
    if anonymous or not users:
        status = 403 if anonymous else 401
        assert f"was asked without credentials ({status}): the kubeconfig's current co" in said
        assert "grant" not in said
    else:
        assert "refused the credentials (401)" in said


@pytest.mark.parametrize(
    ("url", "site"),
    [
        (f"https://elsewhere.example/?token={TOKEN}", "https://elsewhere.example"),
        ("/login", "another path"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(
    kube: Kube, config: Path, status: int, url: str, site: str
) -> None:
    """It would take the credentials to an address that nobody configured."""
    kube.fault(redirect=url, status=status, times=None)
    said = refusal(kube, config)
    assert f"answered {status} and redirects to {site}, which is not followed" in said
    assert len(kube.requests) == 1


@pytest.mark.parametrize(
    ("status", "said"),
    [(302, "redirects to an address that is none"), (305, "redirects to another address")],
)
def test_a_redirect_to_an_address_that_is_none(
    kube: Kube, config: Path, status: int, said: str
) -> None:
    """It is not taken for a token that cannot be sent."""
    kube.fault(redirect="https://[", status=status, times=None)
    assert said in refusal(kube, config)


def test_a_redirect_reaches_no_other_cluster(kube: Kube, config: Path) -> None:
    """Its answer is not believed, and it sees no request."""
    with Kube(token=None) as other:
        kube.fault(redirect=f"{other.url}/api/v1/persistentvolumes", times=None)
        refusal(kube, config)
        assert [] == other.requests


def test_says_who_asks(kube: Kube, config: Path) -> None:
    """An audit log of the cluster tells our requests by their user agent."""
    read(kube, config)
    assert {f"k8s-snapshots/{__version__}"} == {r.headers["user-agent"] for r in kube.requests}


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"html": True}, "is no Kubernetes list (<html><body><h1>Sign in"),
        ({"html": True, "status": 502}, "answered 502 to listing snapshotrules"),
        ({"status": 500}, "answered 500 to listing snapshotrules"),
        ({"status": 429}, "answered 429 to listing snapshotrules"),
        ({"truncate": True}, "with something that is no Kubernetes list"),
        ({"cut": True}, "cannot be reached: ('Connection broken: IncompleteRead"),
        ({"close": True}, "Remote end closed connection"),
        ({"hang": 5}, "Read timed out"),
    ],
    ids=["HTML 200", "HTML 502", "500", "429", "truncated", "cut", "hung up", "hangs"],
)
def test_an_answer_that_is_none_fails_the_pass(
    kube: Kube, config: Path, fault: Json, said: str
) -> None:
    """An API that goes on failing raises ClusterError, and never looks like an empty cluster."""
    kube.fault(times=None, **fault)
    assert said in refusal(kube, config)


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"\xff", b'{"kind": "\xff"}', b'{"kind": "Status"}', b'{"items": []}'],
)
def test_a_body_of_any_kind_is_no_list(body: bytes) -> None:
    """Bytes that are no list of objects decode to a page without a kind, whatever they are."""
    assert not shared.sources.api.decode_page(body).kind.endswith("List")


@pytest.mark.parametrize(
    "fault", [{"status": 500}, {"status": 429}, {"html": True, "status": 502}, {"close": True}]
)
def test_a_passing_failure_is_tried_again(kube: Kube, config: Path, fault: Json) -> None:
    """One answer that fails on the way does not fail the pass."""
    kube.fault("persistentvolumes", **fault)
    assert len(read(kube, config).volumes) == 6


@pytest.mark.parametrize("fault", [{"truncate": True}, {"html": True}, {"status": 403}])
def test_a_listing_cut_short_is_never_taken_for_all(kube: Kube, config: Path, fault: Json) -> None:
    """Where a further page fails, the whole fails (the daemon's listing cut short at 500)."""
    kube.page_limit = 4
    kube.fault("persistentvolumes", continued=True, times=None, **fault)

    refusal(kube, config)

    assert asked(kube).count(("GET", "persistentvolumes")) == 2


def test_nobody_listens(config: Path) -> None:
    """A refused connection says which API, and what to check."""
    kube = Kube(token=TOKEN).start()
    kube.stop()

    said = refusal(kube, config)

    assert f"the API at {kube.url} cannot be reached" in said
    assert said.endswith("Connection refused; check its address, and the way from here to there")


def test_a_name_that_is_not_known(
    kube: Kube, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server whose name does not resolve is named."""

    def unknown(*host: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    changed(kube, config, lambda content: server(content).update(server="https://kube.invalid"))
    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    said = refused(cluster(config).read)

    assert "the API at https://kube.invalid cannot be reached" in said
    assert "Failed to resolve 'kube.invalid'" in said


def test_a_password_in_the_servers_address_is_not_said(config: Path) -> None:
    """Where the kubeconfig's server bears user and password, errors leave them out."""
    kube = Kube(token=None).start()
    kube.stop()
    address = f"http://me:{TOKEN}@127.0.0.1:{kube.url.rpartition(':')[2]}"
    changed(kube, config, lambda content: server(content).update(server=address))

    assert f"the API at {kube.url} cannot be reached" in refused(cluster(config).read)


def test_trusts_the_clusters_own_authority(config: Path) -> None:
    """TLS is verified with the CA that the kubeconfig holds."""
    with Kube([volume()], token=TOKEN, tls=True) as kube:
        assert len(read(kube, config).volumes) == 1


def test_trusts_nobody_else(config: Path) -> None:
    """Without the cluster's CA there is no connection, and no token goes out."""
    with Kube(token=TOKEN, tls=True) as kube:
        changed(kube, config, lambda content: server(content).pop("certificate-authority-data"))

        said = refused(cluster(config).read)

        assert "certificate verify failed" in said
        assert said.endswith("certificate-authority-data must be the cluster's own CA")
        assert kube.requests == []


@pytest.mark.parametrize(
    ("malformed", "name", "field"),
    [
        ({"metadata": {"name": "bad"}, "spec": 5}, "bad", "spec"),
        ({"metadata": {"name": "b\nERROR"}, "spec": None}, "b\\nERROR", "spec"),
        ({"spec": {}}, "(no name)", "object"),
        ("text", "(no name)", "object"),
    ],
)
def test_a_malformed_object_is_one_problem(
    kube: Kube, config: Path, malformed: Any, name: str, field: str
) -> None:
    """An object that cannot be decoded is a problem of its own; the rest of its page is read."""
    kube.fault("persistentvolumes", malformed=malformed)

    objects = read(kube, config)

    (problem,) = objects.problems
    assert ("PersistentVolume", name) == (problem.source.kind, problem.source.name)
    assert ("error", field) == (problem.severity, problem.field)
    assert len(objects.volumes) == 6


def test_an_object_nested_too_deeply_fails_no_page(config: Path) -> None:
    """A tenant's rule nested as deeply as an API server takes it costs nobody else a snapshot."""
    deep = '{"a": [' * 2500 + '"]} \\" {["' + "]}" * 2500
    bad = '{"metadata": {"name": "deep"}, "spec": {"deltas": "P1D P7D", "x": ' + deep + "}}"
    good = json.dumps(snapshot_rule())
    with Verbatim([volume()], token=TOKEN) as kube:
        kube.text = f'{{"kind": "SnapshotRuleList", "items": [{bad}, {good}]}}'
        objects = read(kube, config)

    assert [rule.metadata.name for rule in objects.rules] == ["deep", "nightly"]
    assert objects.rules[0].spec["deltas"] == "P1D P7D"
    assert (len(objects.volumes), objects.problems) == (1, [])


def test_pages_that_go_round_in_a_circle_are_found_out(config: Path) -> None:
    """An API that gives the same continue token again is not read for ever."""
    with Verbatim(token=TOKEN) as kube:
        kube.text = '{"kind": "SnapshotRuleList", "metadata": {"continue": "x"}, "items": []}'

        assert f"listing snapshotrules.{GROUP}: the API repeats a page" in refusal(kube, config)
        assert len(kube.requests) == 2


class TestCheck:
    def test_asks_for_one_object_of_each_kind(self, kube: Kube, config: Path) -> None:
        """What `check` tries is what a pass needs, at the price of one object each."""
        results = list(cluster(kube.kubeconfig(config)).check())

        assert [(f"list {r}", True) for _, _, r in shared.sources.cluster.RESOURCES] == [
            (result.name, result.ok) for result in results
        ]
        assert {"1"} == {request.query["limit"] for request in kube.requests}

    def test_says_how_to_install_the_definition(self, kube: Kube, config: Path) -> None:
        """A missing CRD is no failure, but said."""
        kube.crd = False

        first, *_ = cluster(kube.kubeconfig(config)).check()

        assert first.ok
        assert "kubectl apply -f manifests/crd.yaml" in first.detail

    def test_tries_all_lists(self, kube: Kube, config: Path) -> None:
        """Each list that is forbidden is told in one run, and those that are not."""
        kube.denied = {"list persistentvolumeclaims", f"list snapshotrules.{GROUP}"}

        results = list(cluster(kube.kubeconfig(config)).check())

        assert [result.ok for result in results] == [False, True, False, True, True, True]
        refused = [result for result in results if not result.ok]
        assert all("as manifests/rbac.yaml does" in result.detail for result in refused)

    @pytest.mark.parametrize("fault", [{"status": 401}, {"status": 500}, {"html": True}])
    def test_ends_where_no_list_can_be_had(self, kube: Kube, config: Path, fault: Json) -> None:
        """Where the API itself fails the next list would say the same again."""
        kube.fault(times=None, **fault)
        assert [False] == [result.ok for result in cluster(kube.kubeconfig(config)).check()]


MISINDENTED = {"name": "reader", "user": None, "token": TOKEN}
OIDC = {"auth-provider": {"name": "oidc", "config": {"client-secret": TOKEN}}}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.pop("current-context"), "Expected key current-context"),
        (lambda c: c.update({"current-context": "nope"}), "Expected object with name nope"),
        (lambda c: c.pop("contexts"), "Expected object with name demo"),
        (lambda c: c.update(contexts=None), "Expected object with name demo"),
        (lambda c: c.update(contexts="demo"), "Expected"),
        (lambda c: c["contexts"][0].update(context=None), "Expected key context"),
        (lambda c: c["contexts"][0].update(context=TOKEN), "AttributeError"),
        (lambda c: c.update(clusters=[]), "Expected object with name demo"),
        (lambda c: server(c).update(server=5), "AttributeError"),
        (lambda c: server(c).update({"proxy-url": "junk"}), "ProxySchemeUnknown"),
        (lambda c: c["users"][0].update(user=TOKEN), "AttributeError"),
        (lambda c: c["users"].append(TOKEN), "TypeError"),
        (lambda c: c.update(users=[{"user": {"token": TOKEN}}]), "Expected all values"),
        (lambda c: c.update(users=[MISINDENTED]), "Expected key user"),
        (lambda c: c["users"][0].update(user=OIDC), "Expected key id-token"),
        (lambda c: c["users"][0].update(user={"tokenFile": "/no/such"}), "it names /no/such"),
        (
            lambda c: c["users"][0].update(user={"username": TOKEN, "password": 5}),
            "TypeError",
        ),
    ],
)
def test_a_kubeconfig_of_the_wrong_shape_is_refused(
    kube: Kube, config: Path, change: Callable[[Json], object], said: str
) -> None:
    """What is missing in a kubeconfig is named, and never what it holds."""
    path = changed(kube, config, change)

    text = refused(cluster(path).read)

    assert f"KUBE_CONFIG_FILE={path}"[:100] in text
    assert f"cannot be used as a kubeconfig: {said}" in text.replace("urllib3.exceptions.", "")
    assert "config view should print it" in text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "file is empty"),
        (b"- " + TOKEN.encode(), "TypeError"),
        (TOKEN.encode(), "TypeError"),
        (b"a: b: " + TOKEN.encode(), "it is no YAML, see line 1"),
        (b"users:\n\t- token: " + TOKEN.encode(), "it is no YAML, see line 2"),
        (b"token: \x00" + TOKEN.encode(), "it is no YAML"),
        (bytes(range(256)) + TOKEN.encode(), "UnicodeDecodeError"),
        (b"[" * 1000 + TOKEN.encode(), "it is nested too deeply"),
    ],
    ids=["empty", "list", "string", "not YAML", "tab", "NUL", "binary", "nested"],
)
def test_a_file_that_is_no_kubeconfig_is_refused(config: Path, content: bytes, said: str) -> None:
    """A file of any other kind is refused as a kubeconfig, without a word of what it holds."""
    config.write_bytes(content)

    for call in (cluster(config).read, lambda: kubeconfig_cluster(str(config))):
        assert said in refused(call)


@pytest.mark.parametrize("call", [kubeconfig_client, kubeconfig_cluster])
def test_a_kubeconfig_that_is_not_there_is_refused(
    tmp_path: Path, call: Callable[[str], object]
) -> None:
    """A missing kubeconfig is named; a directory is no kubeconfig."""
    missing = str(tmp_path / "missing")

    assert f"KUBE_CONFIG_FILE={missing}: there is no such file" == refused(lambda: call(missing))
    assert "IsADirectoryError" in refused(lambda: call(str(tmp_path)))


@pytest.mark.parametrize("ending", ["\n", "\nmore", "\r\n", "€"])
def test_a_token_that_cannot_be_sent_is_not_said(kube: Kube, config: Path, ending: str) -> None:
    """A token with a line break, as `token: |` gives it, is refused without being quoted."""
    changed(kube, config, lambda content: user(content).update(token=TOKEN + ending))

    assert "holds a line break or another character that cannot be sent" in refused(
        cluster(config).read
    )


def test_tells_the_clusters_name(kube: Kube, config: Path) -> None:
    """The current context's cluster gives its name, which may be the cluster's label."""
    assert kubeconfig_cluster(str(kube.kubeconfig(config, "prod"))) == "prod"


def test_outside_of_a_pod_there_is_no_service_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without KUBE_CONFIG_FILE and outside of a pod, what is missing is said."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

    said = refused(Cluster(in_cluster_client).read)

    assert said.startswith("there is no way to the cluster: set KUBE_CONFIG_FILE to a kubeconfig,")
    assert said.endswith("or run in a pod with a service account")


def test_in_a_pod_the_service_account_is_used(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pod's own account reads the API with its token and the cluster's CA."""
    from kubernetes.config import incluster_config

    with Kube([volume()], token=TOKEN, tls=True) as kube:
        assert kube.ca_file
        (tmp_path / "token").write_text(TOKEN)
        monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
        monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(kube.ca_file))
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", kube.url.rpartition(":")[2])

        assert len(Cluster(in_cluster_client).read().volumes) == 1


def test_a_kubeconfig_that_skips_verification_is_refused(kube: Kube, config: Path) -> None:
    """The bearer token would go to anybody who answers at the address."""
    text = kube.kubeconfig(config).read_text()
    config.write_text(text.replace("server:", "insecure-skip-tls-verify: true\n    server:"))

    assert "certificate-authority-data in its place" in refused(cluster(config).read)
