"""What an artefact holds, as CycloneDX JSON: read off its pins, the same for the same commit."""

import re
import uuid
from datetime import datetime
from pathlib import Path

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL


def sbom(name: str, version: str, built: datetime, pins: dict[str, str]) -> str:
    """List what an artefact holds.

    Args:
        name: the artefact.
        version: of the project.
        built: the time of the commit that it is built of.
        pins: the libraries inside, by name, with their versions.
    """
    address = PackageURL("generic", name=name, version=version).to_string()
    bom = Bom(
        # A random one would differ each time.
        serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"{address}#{built.isoformat()}"),
        components=[_library(*pin) for pin in sorted(pins.items())],
    )
    bom.metadata.timestamp = built
    root = Component(
        name=name,
        version=version,
        type=ComponentType.APPLICATION,
        bom_ref=address,
        licenses=[LicenseExpression("BSD-2-Clause")],
    )
    bom.metadata.component = root
    bom.register_dependency(root, bom.components)
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _library(name: str, version: str) -> Component:
    url = PackageURL("pypi", name=name, version=version)
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        purl=url,
        bom_ref=url.to_string(),
    )


def read_pins(requirements: Path, without: set[str] | None = None) -> dict[str, str]:
    """Read a file of pins, but for those that the artefact leaves out."""
    lines = [re.split("[#;]", line)[0].strip() for line in requirements.read_text().splitlines()]
    pins = dict(line.split("==", 1) for line in lines if line)
    return {name: version for name, version in pins.items() if name not in (without or set())}
