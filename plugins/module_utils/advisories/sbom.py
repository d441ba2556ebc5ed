# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Software bill of materials of a release: a document of CycloneDX 1.5, an entry for each image and below it what is in there.

Made by Syft or Trivy where one is installed, else of the package lists in the images. The same release has the same document on
each host that reads the same from its images, but for the time.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..containers.api import EngineApi
from ..core.atomic_files import read_text, write_atomic
from ..core.version import OWN
from ..release.store import Release, Store, now
from . import image_packages, scanners
from .image_packages import ImagePackages
from .package_lists import Package

FILE = "sbom.cdx.json"  # in the folder of the release, with which it goes
_NAMESPACE = uuid.UUID("6c1f2a0e-9b1d-5d0e-8a55-1a7e17b0a001")  # of the serial numbers
_DISTRIBUTION = {"deb": "debian", "apk": "alpine"}  # where os-release names none
Source = Callable[[str], tuple[str, str, list[dict[str, Any]]]]  # of an image: its system, who said so, the components


def path(release: Release) -> Path:
    """Where the document of a release lies."""
    return Store(release.stack).path(release.id) / FILE


def stored(release: Release) -> dict[str, Any] | None:
    """The document of a release; None where there is none yet, or it is damaged."""
    try:
        document: dict[str, Any] = json.loads(read_text(path(release)) or "")
    except ValueError:
        return None
    return document


def write(release: Release, document: Mapping[str, Any]) -> None:
    """Keep it beside the release."""
    write_atomic(path(release), json.dumps(document, indent=1, sort_keys=True) + "\n", 0o600, 0, 0)


def make(release: Release, source: Source) -> dict[str, Any]:
    """The document of a release."""
    images: dict[str, list[str]] = {}
    for service, reference in sorted(release.images.items()):
        images.setdefault(reference, []).append(service)
    described = [_image(reference, services, *source(reference)) for reference, services in images.items()]
    content = json.dumps(described, sort_keys=True)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, f'{release.stack} {release.id} {content}')}",
        "version": 1,
        "metadata": {
            "timestamp": now(),
            "tools": {"components": [{"type": "application", "name": "latentum.ops", "version": OWN.version}]},
            "component": {"type": "application", "bom-ref": release.id, "name": release.stack, "version": release.id},
        },
        "components": described,
    }


def of_engine(api: EngineApi) -> Source:
    """Components by whatever program is installed, else by package lists."""

    def read(image: str) -> tuple[str, str, list[dict[str, Any]]]:
        program, found = scanners.components(image)
        if program:
            return "", program, found
        packages = image_packages.read(api, image)
        return str(packages.distribution), "package lists", list(of_packages(packages))

    return read


def of_packages(image: ImagePackages) -> Iterator[dict[str, Any]]:
    """An entry for each package."""
    for package in sorted(image.packages, key=lambda one: (one.name, one.architecture)):
        name = purl(package, image.distribution.id, image.distribution.version)
        yield {"type": "library", "bom-ref": name, "name": package.name, "version": package.version, "purl": name}


def purl(package: Package, distribution: str, version: str) -> str:
    """The package as a URL (package-url specification, types deb and apk)."""
    system = distribution or _DISTRIBUTION[package.kind]
    qualifiers = {"arch": package.architecture, "distro": f"{system}-{version}" if version else ""}
    query = "&".join(f"{key}={quote(value, safe='.-_')}" for key, value in qualifiers.items() if value)
    name, number = quote(package.name, safe=".-_"), quote(package.version, safe=".-_~:")
    return f"pkg:{package.kind}/{system}/{name}@{number}{'?' if query else ''}{query}"


def _image(reference: str, services: list[str], system: str, program: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    name, _at, digest = reference.partition("@")
    shown = {"service": services, "system": [system] if system else [], "components by": [program] if program else []}
    return {
        "type": "container",
        "bom-ref": reference,
        "name": name,
        "version": digest or reference,
        "properties": [{"name": f"latentum.ops:{key}", "value": value} for key, values in shown.items() for value in values],
        # A component is in several images: its reference is one of the document.
        "components": [{**entry, "bom-ref": f"{reference}#{entry.get('bom-ref') or number}"} for number, entry in enumerate(found)],
    }
