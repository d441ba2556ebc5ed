# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bill of materials of a release: what CycloneDX 1.5 demands of it, and that it goes with the release."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible_collections.latentum.ops.plugins.module_utils.advisories import sbom, scanners
from ansible_collections.latentum.ops.plugins.module_utils.advisories.image_packages import ImagePackages
from ansible_collections.latentum.ops.plugins.module_utils.advisories.package_lists import APK, Distribution, Package
from ansible_collections.latentum.ops.plugins.module_utils.core import paths
from ansible_collections.latentum.ops.plugins.module_utils.release.store import Release, Store

DIGEST = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
WEB, WORKER = f"registry.example.com:5000/shop/web@{DIGEST}", "sha256:1a2b"
RELEASE = Release(
    "shop",
    "/opt/shop",
    {"services": {"web": {"image": WEB}}},
    {},
    [],
    [],
    images={"web": WEB, "api": WEB, "worker": WORKER},
    created="2026-11-30",
)
DEBIAN = ImagePackages(
    Distribution("debian", "13", "trixie"),
    (Package("libstdc++6", "14.2.0-19", "amd64", "gcc-14", "14.2.0-19"), Package("bash", "5.2.37-2+b5", "amd64", "bash", "5.2.37-2")),
)
ALPINE = ImagePackages(Distribution("alpine", "3.22.1"), (Package("musl", "1.2.5-r9", "x86_64", "musl", "1.2.5-r9", APK),))
# What the schema of CycloneDX 1.5 (bom-1.5.schema.json) demands of the parts that are written, in words of our own: what is required, which
# types and values there are, and that nothing else may be there. The whole schema was asked when this was written.
COMPONENT: dict[str, Any] = {
    "type": "object",
    "required": ["type", "name"],
    "additionalProperties": False,
    "properties": {
        "type": {"enum": ["application", "framework", "library", "container", "platform", "operating-system", "file"]},
        "name": {"type": "string"},
        "version": {"type": "string"},
        "bom-ref": {"type": "string", "minLength": 1},
        "purl": {"type": "string"},
        "components": {"type": "array", "uniqueItems": True, "items": {"$ref": "#/$defs/component"}},
        "properties": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"name": {"type": "string"}, "value": {"type": "string"}},
            },
        },
    },
}
SCHEMA: dict[str, Any] = {
    "$defs": {"component": COMPONENT},
    "type": "object",
    "required": ["bomFormat", "specVersion", "version"],
    "additionalProperties": False,
    "properties": {
        "bomFormat": {"enum": ["CycloneDX"]},
        "specVersion": {"const": "1.5"},
        "serialNumber": {"type": "string", "pattern": "^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"},
        "version": {"type": "integer", "minimum": 1},
        "metadata": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "timestamp": {"type": "string", "format": "date-time"},
                "tools": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"components": {"type": "array", "items": {"$ref": "#/$defs/component"}}},
                },
                "component": {"$ref": "#/$defs/component"},
            },
        },
        "components": {"type": "array", "uniqueItems": True, "items": {"$ref": "#/$defs/component"}},
    },
}


def source(image: str) -> tuple[str, str, list[dict[str, Any]]]:
    read = DEBIAN if image == WEB else ALPINE
    return str(read.distribution), "package lists", list(sbom.of_packages(read))


def references(component: dict[str, Any]) -> list[str]:
    """All of a component and what is in it."""
    return [component["bom-ref"], *(name for inner in component.get("components", []) for name in references(inner))]


def test_a_document_is_what_cyclonedx_demands() -> None:
    document = sbom.make(RELEASE, source)
    jsonschema.validate(document, SCHEMA, format_checker=jsonschema.FormatChecker())
    names = [name for component in document["components"] for name in references(component)] + [
        document["metadata"]["component"]["bom-ref"]
    ]
    assert len(names) == len(set(names)), "a reference names one component of the document"


def test_each_image_is_named_once_with_its_services_and_packages() -> None:
    web, worker = sbom.make(RELEASE, source)["components"]
    assert (web["name"], web["version"]) == ("registry.example.com:5000/shop/web", DIGEST)
    assert {"name": "latentum.ops:service", "value": "api"} in web["properties"]
    assert {"name": "latentum.ops:system", "value": "debian 13"} in web["properties"]
    assert [entry["purl"] for entry in web["components"]] == [
        "pkg:deb/debian/bash@5.2.37-2%2Bb5?arch=amd64&distro=debian-13",
        "pkg:deb/debian/libstdc%2B%2B6@14.2.0-19?arch=amd64&distro=debian-13",
    ]
    assert worker["components"][0]["purl"] == "pkg:apk/alpine/musl@1.2.5-r9?arch=x86_64&distro=alpine-3.22.1"
    assert worker["version"] == WORKER, "an image that came from no registry"


def test_the_same_release_has_the_same_document_but_for_the_time() -> None:
    one, other = sbom.make(RELEASE, source), sbom.make(RELEASE, source)
    assert one["serialNumber"] == other["serialNumber"]
    changed = sbom.make(RELEASE, lambda _image: ("debian 13", "syft", []))
    assert changed["serialNumber"] != one["serialNumber"]


def test_components_of_a_scanner_are_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [{"type": "library", "bom-ref": "x", "name": "flask", "version": "1.0"}, {"type": "library", "name": "jinja2", "version": "3"}]
    monkeypatch.setattr(scanners, "components", lambda _image: ("syft", found))
    document = sbom.make(RELEASE, sbom.of_engine(None))  # type: ignore[arg-type]  # nobody asks the engine then
    jsonschema.validate(document, SCHEMA)
    assert {"name": "latentum.ops:components by", "value": "syft"} in document["components"][0]["properties"]
    assert [entry["bom-ref"] for entry in document["components"][0]["components"]] == [f"{WEB}#x", f"{WEB}#1"]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(paths, "RELEASES", tmp_path)
    return Store("shop")


def test_it_lies_beside_its_release_and_goes_with_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save(RELEASE)
    assert sbom.stored(RELEASE) is None
    sbom.write(RELEASE, sbom.make(RELEASE, source))
    file = sbom.path(RELEASE)
    assert file.parent == store.path(RELEASE.id) and file.stat().st_mode & 0o777 == 0o600
    stored = sbom.stored(RELEASE)
    assert stored is not None and stored == json.loads(file.read_text())
    assert store.load(RELEASE.id) == store.live() or store.live() is None, (
        "an engine that does not know the file reads the release as before"
    )

    monkeypatch.setattr("ansible_collections.latentum.ops.plugins.module_utils.release.store.KEPT", 1)
    for number in range(3):
        later = Release(
            "shop", "/opt/shop", {"services": {"web": {"image": f"{WEB}{number}"}}}, {}, [], [], created=f"2026-12-0{number + 1}"
        )
        store.save(later)
        store.set_live(later.id)
    assert not file.exists() and not file.parent.exists()


def test_one_that_is_damaged_is_made_anew(store: Store) -> None:
    store.save(RELEASE)
    sbom.path(RELEASE).write_text("{")
    assert sbom.stored(RELEASE) is None
