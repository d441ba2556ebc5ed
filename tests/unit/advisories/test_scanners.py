# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scanners that may be installed: their command lines, and their answers in the form in which they give them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.advisories import scanners
from ansible_collections.latentum.ops.plugins.module_utils.advisories.finding import Finding
from ansible_collections.latentum.ops.plugins.module_utils.advisories.scanners import SCANNERS, ScanError, choose, components
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError, Result

# `trivy image --format json`, SchemaVersion 2: a system and an application, a vulnerability without a fix, a target without any.
TRIVY = {
    "SchemaVersion": 2,
    "CreatedAt": "2026-11-30T12:20:30Z",
    "ArtifactName": "registry.example.com/shop/web@sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
    "ArtifactType": "container_image",
    "Metadata": {"OS": {"Family": "debian", "Name": "13.1"}, "ImageID": "sha256:c2c03a29", "DiffIDs": ["sha256:78c1b941"]},
    "Results": [
        {
            "Target": "registry.example.com/shop/web (debian 13.1)",
            "Class": "os-pkgs",
            "Type": "debian",
            "Vulnerabilities": [
                {
                    "VulnerabilityID": "CVE-2026-1111",
                    "PkgID": "libssl3t64@3.5.1-1",
                    "PkgName": "libssl3t64",
                    "PkgIdentifier": {"PURL": "pkg:deb/debian/libssl3t64@3.5.1-1?arch=amd64&distro=debian-13.1"},
                    "InstalledVersion": "3.5.1-1",
                    "FixedVersion": "3.5.4-1~deb13u1",
                    "Status": "fixed",
                    "SeveritySource": "debian",
                    "Severity": "CRITICAL",
                    "CVSS": {"nvd": {"V3Score": 9.8}},
                },
                {"VulnerabilityID": "CVE-2026-2222", "PkgName": "perl-base", "InstalledVersion": "5.40", "Severity": "UNKNOWN"},
            ],
        },
        {"Target": "Python", "Class": "lang-pkgs", "Type": "python-pkg", "Vulnerabilities": [
            {"VulnerabilityID": "GHSA-1234", "PkgName": "flask", "InstalledVersion": "1.0", "FixedVersion": "1.0.1", "Severity": "HIGH"},
        ]},
        {"Target": "app/go.sum", "Class": "lang-pkgs", "Type": "gomod"},
    ],
}  # fmt: skip
GRYPE = {
    "matches": [
        {
            "vulnerability": {
                "id": "CVE-2026-1111",
                "dataSource": "https://security-tracker.debian.org/tracker/CVE-2026-1111",
                "severity": "High",
                "cvss": [],
                "fix": {"versions": ["3.5.4-1~deb13u1"], "state": "fixed"},
                "advisories": [],
                "risk": 1.68,
            },
            "relatedVulnerabilities": [],
            "matchDetails": [{"type": "exact-indirect-match", "matcher": "dpkg-matcher"}],
            "artifact": {
                "id": "a246fd2054833c93",
                "name": "libssl3t64",
                "version": "3.5.1-1",
                "type": "deb",
                "purl": "pkg:deb/debian/libssl3t64",
            },
        },
        {
            "vulnerability": {"id": "CVE-2011-3374", "severity": "Negligible", "fix": {"versions": [], "state": "not-fixed"}},
            "artifact": {"name": "apt", "version": "3.0.3"},
        },
    ],
    "source": {"type": "image", "target": {"userInput": "shop/web"}},
    "distro": {"name": "debian", "version": "13", "idLike": []},
    "descriptor": {"name": "grype", "version": "0.104.0"},
}


class Programs:
    """Programs that are installed, and what each writes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **outputs: Any) -> None:
        self.asked: list[list[str]] = []
        self.outputs = outputs
        monkeypatch.setattr(scanners.shutil, "which", lambda name: f"/usr/bin/{name}" if name in outputs else None)
        monkeypatch.setattr(scanners, "run", self.run)

    def run(self, argv: Sequence[str], **_options: Any) -> Result:
        self.asked.append(list(argv))
        output = self.outputs[argv[0]]
        if isinstance(output, str):
            raise CommandError(Result(tuple(argv), 1, "", output), "failed with exit status 1")
        return Result(tuple(argv), 0, json.dumps(output), "")


def test_trivy_of_an_image(monkeypatch: pytest.MonkeyPatch) -> None:
    programs = Programs(monkeypatch, trivy=TRIVY)
    scanner = choose("auto")
    assert scanner and scanner.scan("shop/web@sha256:1") == (
        Finding("CVE-2026-1111", "libssl3t64", "3.5.1-1", "critical", "3.5.4-1~deb13u1"),
        Finding("GHSA-1234", "flask", "1.0", "high", "1.0.1"),
        Finding("CVE-2026-2222", "perl-base", "5.40", "unknown", ""),
    )
    assert programs.asked == [["trivy", "image", "--quiet", "--format", "json", "--scanners", "vuln", "shop/web@sha256:1"]]


def test_grype_of_a_host(monkeypatch: pytest.MonkeyPatch) -> None:
    programs = Programs(monkeypatch, grype=GRYPE)
    scanner = choose("auto")
    assert scanner and scanner.scan() == (
        Finding("CVE-2026-1111", "libssl3t64", "3.5.1-1", "high", "3.5.4-1~deb13u1"),
        Finding("CVE-2011-3374", "apt", "3.0.3", "negligible", ""),
    )
    assert programs.asked[0][-1] == "dir:/" and "./var/lib/docker/**" in programs.asked[0], "images are looked at by themselves"


def test_an_image_without_a_vulnerability() -> None:
    assert list(SCANNERS["trivy"].read({"SchemaVersion": 2})) == [] == list(SCANNERS["grype"].read({"matches": []}))


@pytest.mark.parametrize(
    ("wanted", "installed", "chosen"), [("none", ("trivy",), None), ("auto", (), None), ("grype", ("trivy", "grype"), "grype")]
)
def test_who_is_asked(monkeypatch: pytest.MonkeyPatch, wanted: str, installed: Sequence[str], chosen: str | None) -> None:
    Programs(monkeypatch, **{name: {} for name in installed})
    scanner = choose(wanted)
    assert (scanner.name if scanner else None) == chosen


def test_one_that_is_wanted_and_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    Programs(monkeypatch, grype={})
    with pytest.raises(ScanError, match="trivy is not installed on this host: install it, or write auto"):
        choose("trivy")


@pytest.mark.parametrize(
    ("output", "said"), [("FATAL: failed to download vulnerability DB", "failed to download"), ({"matches": [{}]}, "cannot be read")]
)
def test_one_that_cannot_say_anything_says_why(monkeypatch: pytest.MonkeyPatch, output: Any, said: str) -> None:
    Programs(monkeypatch, grype=output)
    with pytest.raises(ScanError, match=said):
        SCANNERS["grype"].scan("shop/web")


def test_components_of_an_image(monkeypatch: pytest.MonkeyPatch) -> None:
    document = {"bomFormat": "CycloneDX", "components": [{"type": "library", "name": "flask", "version": "1.0"}]}
    programs = Programs(monkeypatch, trivy=document, syft=document)
    assert components("shop/web") == ("syft", document["components"]) and programs.asked[0][-1] == "docker:shop/web"
    Programs(monkeypatch)
    assert components("shop/web") == ("", [])
