"""YAML of any shape, a kubeconfig or a file of rules: read or refused, and no secret echoed."""

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from functions.aws.volumes import EBSVolumes
from shared.access.kubeconfig import parse
from shared.errors import ClusterError
from shared.objects import decode_list
from shared.rules.options import Options
from shared.rules.read import read_rules
from shared.sources.file import RulesFile
from tests.fuzz.budget import assert_line, assert_secret, bounded, fuzz
from tests.fuzz.inputs import ANY_TEXT, TEXTS, VALUES, bulky, mutations, torn
from tests.shared.objects_builders import claim, snapshot_rule, volume

#: PyYAML is Python: a thousand brackets, its limit, take it a second.
YAML_SECONDS = 5.0

SECRET = "hunter2hunter2"
CONFIG: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "demo",
    "contexts": [{"name": "demo", "context": {"cluster": "demo", "user": "robot"}}],
    "clusters": [
        {"name": "demo", "cluster": {"server": "https://10.0.0.1", "insecure-skip-tls": True}}
    ],
    "users": [{"name": "robot", "user": {"token": SECRET, "client-key-data": SECRET}}],
}
WHOLE = yaml.safe_dump(CONFIG).encode()
#: What YAML has beyond JSON: tags whose values do not fit, aliases, merges, odd keys.
SNIPPETS = [
    '!!int ""', '!!float ""', "!!int x", "!!bool x", "!!timestamp x", "!!timestamp ''", "!!set {a}",
    "!!binary x", "!!omap [{a: b}]", "!!pairs [a]", "!!python/object:os.system {}", "!x y",
    "2001-13-99", "2001-12-14t21:59:43.10-99:99", "1:99:99", "0o9", ".nan", "-.inf", "1e999999",
    "&a [*a]", "&a {<<: *a}", "{<<: [1]}", "{? [a] : b}", "{? {a: b} : c}", "{null: a}", "*none",
    '"\\ud800"', '"\\U00110000"', "|", "> x", "%YAML 9.9", "--- a", "9" * 5000, "\t", "@", "`",
]  # fmt: skip


@st.composite
def snippets(draw: st.DrawFn, whole: dict[str, Any]) -> bytes:
    """Put what only YAML has into a real document."""
    item = copy.deepcopy(whole)
    place: Any = item
    while isinstance(place, dict | list) and place:
        keys = [*place] if isinstance(place, dict) else range(len(place))
        key = draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or draw(st.integers(0, 3)) == 0:
            place[key] = "@snippet@"
            break
        place = place[key]
    text = yaml.safe_dump(item, default_flow_style=draw(st.booleans()))
    return text.replace("'@snippet@'", draw(st.sampled_from(SNIPPETS))).encode()


DOCUMENTS = st.one_of(
    mutations(CONFIG),
    snippets(CONFIG),
    torn(WHOLE),
    st.sampled_from(SNIPPETS).map(str.encode),
    VALUES.map(lambda value: yaml.safe_dump(value).encode("utf-8", "replace")),
)


def assert_refused_or_read(text: str) -> None:
    try:
        with bounded(YAML_SECONDS):
            found = parse(text, "KUBE_CONFIG_SECRET=x")
    except ClusterError as error:
        assert_line(str(error), 400)
        assert_secret(error, SECRET)
    else:
        assert isinstance(found.content["clusters"][0]["cluster"]["server"], str)


@fuzz(200)
@given(DOCUMENTS.map(lambda data: data.decode(errors="surrogateescape")) | ANY_TEXT | TEXTS)
@example('!!int ""')
@example(json.dumps(CONFIG | {"current-context": [SECRET]}))
def test_any_text_is_a_kubeconfig_or_refused(text: str) -> None:
    """Nothing of it is printed, least of all the token."""
    assert_refused_or_read(text)


@fuzz(4)
@given(bulky("[]{}&*a:, \n-", 2_000) | bulky("\"'#|>?! \n", 2_000))
@example("a: &a\n" + " b: *a\n" * 300)
def test_a_long_text_takes_bounded_time(text: str) -> None:
    """Brackets, quotes and aliases cost no more than they are long."""
    assert_refused_or_read(text)


def test_a_file_of_brackets_is_refused(tmp_path: Path) -> None:
    """In a process of its own, which a segmentation fault would end."""
    path = tmp_path / "rules.yaml"
    path.write_text("- " + "[" * 100_000)
    program = f"from shared.sources.file import RulesFile; RulesFile({str(path)!r}).read()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "shared.errors.ClusterError" in done.stderr


def merges(levels: int) -> str:
    """Make a mapping that merges one twice, which merges one twice, and so on."""
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, levels)]
    return "\n".join(lines)


def aliases(levels: int) -> str:
    """Make a list that holds one ten times, which holds one ten times, and so on."""
    lines = ["kind: List", "a0: &a0 [x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    lines += [f"items: [*a{levels - 1}]"]
    return "\n".join(lines)


RULES = {"kind": "List", "items": [volume(), claim(deltas="PT1H P1D"),
                                   snapshot_rule(persistentVolumeClaim="data")]}  # fmt: skip
FILES = st.one_of(
    mutations(RULES),
    snippets(RULES),
    torn(yaml.safe_dump(RULES).encode()),
    torn(yaml.safe_dump_all(RULES["items"]).encode()),
    st.binary(max_size=100),
    st.sampled_from(SNIPPETS).map(lambda text: f"kind: X\na: {text}".encode()),
)


def assert_rules_or_refused(data: bytes, path: Path) -> None:
    path.write_bytes(data)
    try:
        with bounded():
            objects = RulesFile(str(path)).read()
            read_rules(objects, EBSVolumes(), Options())
    except ClusterError as error:
        assert_line(str(error).replace(str(path), "rules.yaml"), 400)


@fuzz(150)
@given(FILES)
@example(b'kind: X\na: !!int ""')
@example(b"kind: X\na: !!bool x")
@example(b"kind: X\na: !!timestamp x")
def test_any_file_is_rules_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    """What is reviewed before it is applied was written by whoever proposes it."""
    assert_rules_or_refused(data, tmp_path_factory.getbasetemp() / "rules.yaml")


def test_a_secret_that_doubles_at_each_line_is_refused() -> None:
    """A few hundred bytes stand for millions of values."""
    with bounded(), pytest.raises(ClusterError):
        parse(merges(24), "KUBE_CONFIG_SECRET=x")


def test_a_file_that_doubles_at_each_line_is_refused(tmp_path: Path) -> None:
    """Memory does not go by what a file stands for."""
    with patch("shared.sources.file.decode_list", wraps=decode_list) as decoding:
        assert_rules_or_refused(aliases(7).encode(), tmp_path / "rules.yaml")
    assert all(len(call.args[0]) < 1_000_000 for call in decoding.call_args_list)
