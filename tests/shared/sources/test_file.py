"""Rules from files: what kubectl prints, what people write, and what is neither."""

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from shared.errors import ClusterError
from shared.objects import Objects
from shared.sources.file import RulesFile
from tests.shared.objects_builders import claim, rules_of, snapshot_rule, volume

DEMO = Path(__file__).parents[3] / "examples" / "demo-cluster.yaml"
OBJECTS = [volume(), claim(deltas="P1D P30D"), snapshot_rule(persistentVolumeClaim="data")]
LIST = {"apiVersion": "v1", "kind": "List", "items": OBJECTS}
YAML = yaml.safe_dump(LIST)
#: As `kubectl get --raw` prints a page: its items have no kind.
BARE = [{key: item[key] for key in ("metadata", "spec")} for item in (volume("a"), volume("b"))]
PAGE = {"kind": "PersistentVolumeList", "metadata": {"continue": "x"}, "items": BARE}
EMPTY: dict[str, object] = {"kind": "PersistentVolumeClaimList", "metadata": {}, "items": None}


def counts(objects: Objects) -> tuple[int, int, int]:
    """Count volumes, claims and rules, none of them malformed."""
    assert objects.problems == []
    return len(objects.volumes), len(objects.claims), len(objects.rules)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rules"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (json.dumps(LIST), (1, 1, 1)),
        (" \n" + json.dumps(LIST, indent=2), (1, 1, 1)),
        ("\ufeff" + json.dumps(LIST), (1, 1, 1)),
        (json.dumps(OBJECTS[0]), (1, 0, 0)),
        (json.dumps({"kind": "List", "items": []}), (0, 0, 0)),
        (yaml.safe_dump(LIST), (1, 1, 1)),
        (yaml.safe_dump(OBJECTS[1]), (0, 1, 0)),
        (yaml.safe_dump_all(OBJECTS), (1, 1, 1)),
        ("---\n# nothing\n---\n" + yaml.safe_dump_all([LIST, *OBJECTS]), (2, 2, 2)),
        (yaml.safe_dump({"kind": "List", "items": []}), (0, 0, 0)),
        ("kind: Secret\ndata: {a: b}\n", (0, 0, 0)),
        (json.dumps(PAGE), (2, 0, 0)),
        (json.dumps({"kind": "List", "items": [PAGE, EMPTY, *OBJECTS]}), (3, 1, 1)),
        (yaml.safe_dump({"kind": "List", "items": [PAGE, EMPTY, *OBJECTS]}), (3, 1, 1)),
        (yaml.safe_dump_all([PAGE, LIST]), (3, 1, 1)),
    ],
    ids=[
        "JSON List",
        "indented JSON",
        "byte order mark",
        "one JSON object",
        "empty JSON List",
        "YAML List",
        "one YAML object",
        "YAML documents",
        "YAML documents and a List",
        "empty YAML List",
        "another kind",
        "a page",
        "JSON List of lists",
        "YAML List of lists",
        "YAML documents that are lists",
    ],
)
def test_reads_what_kubectl_prints_and_what_people_write(
    file: Path, text: str, expected: tuple[int, int, int]
) -> None:
    """Lists, single objects and several documents will do, in JSON and in YAML."""
    file.write_text(text)
    assert counts(RulesFile(str(file)).read()) == expected


def test_json_and_yaml_are_the_same(file: Path) -> None:
    """The same objects are read from both, dates and all that YAML makes of a text included."""
    content = LIST | {"items": [*OBJECTS, volume("pv-2", labels={"since": "2026-01-31"})]}
    file.write_text(json.dumps(content))
    from_json = RulesFile(str(file)).read()
    file.write_text(yaml.safe_dump(content).replace("'2026-01-31'", "2026-01-31"))
    from_yaml = RulesFile(str(file)).read()
    assert list(map(bytes, from_yaml.manifests)) != []
    from_yaml.manifests, from_json.manifests = [], []  # the text as it stood
    assert from_yaml == from_json


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le+bom", "utf-16-be+bom"]
)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("text", [json.dumps(LIST, indent=4), yaml.safe_dump(LIST)])
def test_reads_files_of_windows(file: Path, text: str, ending: str, encoding: str) -> None:
    """As Notepad and PowerShell write them: marked, in UTF-16, with other line ends."""
    name, bom, _ = encoding.partition("+")
    marked = "\ufeff" * bool(bom) + text.replace("\n", ending)
    file.write_bytes(marked.encode(name))
    assert (1, 1, 1) == counts(RulesFile(str(file)).read())


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("=", "="),
        ("<<", "<<"),
        ("12:30", "12:30"),
        ("1:30.5", "1:30.5"),
        ("2001-13-99", "2001-13-99"),
        ("2026-01-31", "2026-01-31"),
        ("2026-01-31 10:20:30", "2026-01-31 10:20:30"),
        ("9" * 5000, "9" * 5000),
        ("0x_", "0x_"),
    ],
    ids=lambda value: value[:20],
)
def test_words_without_quotes_mean_what_they_mean_to_kubectl(
    file: Path, word: str, text: str
) -> None:
    """One annotation that YAML 1.1 has a kind of its own for spoils neither its file nor itself."""
    content = yaml.safe_dump(LIST | {"items": [volume(labels={"topology.x": "@"}), *OBJECTS[1:]]})
    file.write_text(content.replace("'@'", word))
    objects = RulesFile(str(file)).read()
    assert (1, 1, 1) == counts(objects)
    assert {"topology.x": text} == objects.volumes[0].metadata.labels


@pytest.mark.parametrize(
    ("text", "first"),
    [(json.dumps(LIST, indent=4), True), (json.dumps(LIST, indent=4), False), (YAML, False)],
)
def test_a_warning_of_kubectl_among_the_objects_is_named(
    file: Path, text: str, first: bool
) -> None:
    """Of standard error in the same file: it is no JSON any more, and kubectl would not read it."""
    warning = "Warning: v1 ComponentStatus is deprecated in v1.19+\n"
    file.write_text(warning + text if first else f"{text}\nWARNING: version difference: {text[:9]}")
    with pytest.raises(ClusterError) as caught:
        RulesFile(str(file)).read()
    assert str(caught.value).endswith("redirect with > alone, not 2>&1")


def test_a_warning_that_is_a_field_of_yaml_spoils_nothing(file: Path) -> None:
    """Before the List it reads as one field more."""
    file.write_text(f"Warning: v1 ComponentStatus is deprecated in v1.19+\n{YAML}")
    assert counts(RulesFile(str(file)).read()) == (1, 1, 1)


def test_says_where_the_objects_were_read(file: Path) -> None:
    """The report names the file."""
    file.write_text(json.dumps(LIST))
    assert RulesFile(str(file)).read().read_from == str(file)


def given(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Make a text the standard input."""
    stdin: Any = SimpleNamespace(buffer=io.BytesIO(text.encode()))
    monkeypatch.setattr(sys, "stdin", stdin)


@pytest.mark.parametrize("text", [json.dumps(LIST), yaml.safe_dump(LIST)])
def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """`-` reads standard input, and may be read again: `check` looks at it twice."""
    given(monkeypatch, text)
    file = RulesFile("-")

    assert (counts(file.read()), counts(file.read())) == ((1, 1, 1), (1, 1, 1))
    assert file.read().read_from == "standard input"


SECRET = "hunter2"
NESTED = "kind: SnapshotRule\nmetadata: {name: a}\nspec: " + "[" * 2000 + "]" * 2000
WRITE = "kubectl get pv,pvc,ns,sc,snapshotrules -A -o"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", f"holds no Kubernetes object: write it with {WRITE} yaml"),
        ("\n \n", "holds no Kubernetes object"),
        (f"error: You must be logged in, {SECRET}", "holds no Kubernetes object"),
        ("<html><body>Sign in</body></html>", "holds no Kubernetes object"),
        (json.dumps(OBJECTS), "holds no Kubernetes object"),
        ("{}", f"is not a List: write it with {WRITE} json"),
        ('{"items": null}', "is not a List"),
        ('{"items": 5}', "is not JSON as kubectl prints it"),
        (json.dumps(LIST)[:-9], "is not JSON as kubectl prints it: Input data was truncated"),
        (json.dumps(LIST) * 2, "is not JSON as kubectl prints it: JSON is malformed"),
        (f"a: b\nc: {SECRET}: d", "is neither JSON nor YAML: it is no YAML, see line 2"),
        (
            f"!!python/object/apply:os.system [{SECRET}]",
            "is neither JSON nor YAML: it is no YAML, see line 1",
        ),
        (b"\x89PNG\r\n\x1a\n\x00", "is neither JSON nor YAML"),
        (b"\x00" * 100, "is neither JSON nor YAML"),
        (b"kind: \xe9", "is neither JSON nor YAML"),
        ("when: 2026-99-99", "holds no Kubernetes object"),
        (
            "kind: SnapshotRule\nmetadata: &m {name: x, x: *m}",
            "is neither JSON nor YAML: it uses an alias in line 2; write out",
        ),
        ('{"a":' * 5000, "is not JSON as kubectl prints it: "),
    ],
    ids=[
        "empty",
        "blank",
        "an error of kubectl",
        "HTML",
        "JSON array",
        "empty object",
        "no items",
        "items of a wrong type",
        "truncated JSON",
        "two JSON documents",
        "neither",
        "a tag that runs something",
        "PNG",
        "zeros",
        "Latin-1",
        "no date",
        "an alias in itself",
        "nested JSON",
    ],
)
def test_refuses_what_holds_no_objects(file: Path, content: str | bytes, said: str) -> None:
    """A file of any other kind is named and refused with what would do, without what it holds."""
    file.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(ClusterError) as caught:
        RulesFile(str(file)).read()

    assert str(caught.value).startswith(f"{file} {said}")
    assert SECRET not in str(caught.value)


def test_deep_yaml_is_refused(file: Path) -> None:
    """As deep as no object is; libyaml would end the process at some depth."""
    file.write_text(NESTED)
    with pytest.raises(ClusterError, match="nested too deeply in line"):
        RulesFile(str(file)).read()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/no/such/file", "/no/such/file cannot be read: No such file or directory"),
        ("/", "/ cannot be read: Is a directory"),
        ("", "the file without a name cannot be read: Is a directory"),
        ("a\0b", "cannot be read: ValueError"),
    ],
)
def test_refuses_what_is_no_file(path: str, said: str) -> None:
    """A path that cannot be read says why."""
    with pytest.raises(ClusterError) as caught:
        RulesFile(path).read()
    assert said in str(caught.value)


def test_an_empty_standard_input_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe from a command that failed brings nothing, and that is an error."""
    given(monkeypatch, "")
    with pytest.raises(ClusterError, match=r"^standard input holds no Kubernetes object"):
        RulesFile("-").read()


def test_a_malformed_object_is_one_problem(file: Path) -> None:
    """One object that cannot be read is one problem, and the rest of the file is read."""
    items = [*OBJECTS, {"kind": "PersistentVolume", "metadata": {"name": "bad"}}, 5, None]
    file.write_text(yaml.safe_dump(LIST | {"items": items}))

    objects = RulesFile(str(file)).read()

    assert len(objects.volumes) == 1
    assert [p.source.name for p in objects.problems] == ["bad", "(no name)", "(no name)"]


def test_the_demo_cluster_is_read_whole() -> None:
    """examples/demo-cluster.yaml holds thirteen volumes, their rules, one mistake on purpose."""
    objects = RulesFile(str(DEMO)).read()
    ruleset = rules_of(objects)

    assert counts(objects) == (13, 13, 3)
    assert (len(ruleset.rules), ruleset.skipped) == (9, 2)
    (problem,) = ruleset.problems
    assert (str(problem.source), problem.value) == (
        "PersistentVolumeClaim shop/uploads",
        "PT1H P1D P3OD",
    )


class TestCheck:
    def test_counts_the_objects(self, file: Path) -> None:
        """A file that can be read is fine, and says how much it holds."""
        file.write_text(json.dumps(LIST))
        (result,) = RulesFile(str(file)).check()
        assert result[:4] == (f"rules in {file}", True, "3 objects", "")

    def test_says_what_is_wrong(self, file: Path) -> None:
        """A file that cannot be read fails, with the reason."""
        (result,) = RulesFile(str(file)).check()
        assert not result.ok
        assert "No such file" in result.detail
