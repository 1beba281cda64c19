"""`make docs`: write into the documents what they take from the code.

Each piece stands between two marks, `<!-- NAME -->` and `<!-- /NAME -->`; a test says that they
are as this module would write them.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from functions.aws.settings import AWSSettings
from functions.gcp.settings import GCPSettings
from shared.environment import describe
from shared.reports import schema as report
from shared.settings import Settings
from tools import hcl
from tools.reference import crds_reference, report_reference, type_of

ROOT = Path(__file__).parent.parent
CRDS = ROOT / "manifests" / "crd.yaml"


def documents() -> Iterator[tuple[Path, str]]:
    """Give each document with the text that it should have."""
    for name, pieces in {
        "docs/settings.md": {"settings": settings_table(Settings)},
        "docs/aws.md": {"settings": settings_table(AWSSettings, Settings)},
        "docs/google-cloud.md": {"settings": settings_table(GCPSettings, Settings)},
        "docs/report.md": {
            "report": fields_table(report.Report),
            "summary": fields_table(report.Summary),
        },
        "docs/reference-report.md": {"reference": report_reference(report.json_schema())},
        "docs/reference-crds.md": {"reference": crds_reference(CRDS.read_text())},
        **{
            f"terraform/{cloud}/README.md": {
                "inputs": inputs_table(ROOT / "terraform" / cloud),
                "outputs": outputs_table(ROOT / "terraform" / cloud),
            }
            for cloud in ("aws", "gcp")
        },
    }.items():
        text = (ROOT / name).read_text()
        for mark, piece in pieces.items():
            text = between(text, mark, piece)
        yield ROOT / name, text
    schema = json.dumps(report.json_schema(), indent=2) + "\n"
    yield ROOT / "docs" / "report.schema.json", schema


def anchors_of(page: Path) -> set[str]:
    """Make the anchors of a page's headings as GitHub does."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^-\w ]", "", title.lower()).replace(" ", "-") for title in titles}


def settings_table(kind: type[Settings], without: type[Settings] | None = None) -> str:
    """Print settings as a table, without those that another table has."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    others = describe(without) if without else []
    for name, default, meaning in (row for row in describe(kind) if row not in others):
        rows.append(f"| `{name}` | {f'`{default}`' if default else ''} | {meaning} |")
    return "\n".join(rows)


def inputs_table(module: Path) -> str:
    """Print the variables of a Terraform module as a table, those that must be set first."""
    rows = ["| variable | type | default | meaning |", "|---|---|---|---|"]
    found = hcl.variables(module)
    for v in sorted(found, key=lambda v: v.default != hcl.REQUIRED):
        unset = v.default is None or v.default in ("", [], {})
        default = v.default if v.default == hcl.REQUIRED else f"`{json.dumps(v.default)}`"
        kind = f"`{v.type}`" if "\n" not in v.type else "object"
        rows.append(f"| `{v.name}` | {kind} | {'' if unset else default} | {v.description} |")
    return "\n".join(rows)


def outputs_table(module: Path) -> str:
    """Print what a Terraform module gives back as a table."""
    rows = ["| output | what it is |", "|---|---|"]
    rows += [f"| `{output.name}` | {output.description} |" for output in hcl.outputs(module)]
    return "\n".join(rows)


def fields_table(kind: type) -> str:
    """Print the fields of a part of the report with their types, from its JSON schema."""
    schemas = report.json_schema()["$defs"]
    rows = ["| field | type |", "|---|---|"]
    for name, schema in schemas[kind.__name__]["properties"].items():
        rows.append(f"| `{name}` | {type_of(schema)} |")
    return "\n".join(rows)


def between(text: str, mark: str, piece: str) -> str:
    """Replace what stands between two marks."""
    pattern = re.compile(rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", re.DOTALL)
    if not pattern.search(text):
        raise LookupError(f"no marks for {mark}")
    return pattern.sub(lambda found: f"{found[1]}{piece}\n{found[2]}", text)


def main() -> int:
    """Write the documents that differ."""
    for path, text in documents():
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
