# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scanners that somebody has installed on a host: Trivy and Grype are asked for JSON, and so are they and Syft for lists of components.

What is read of it are the fields that both have kept over their versions (Trivy: SchemaVersion 2; Grype: its document of matches).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.process import CommandError, run
from .finding import Finding, ordered, severity

TIMEOUT = 900.0  # seconds: the first run fetches the scanner's own data
# Below these the images of the engine lie, each of which is looked at by itself.
_ENGINES = ("/var/lib/docker", "/var/lib/containerd")


class ScanError(Exception):
    """A scanner that is there cannot say anything; the message says why."""


@dataclass(frozen=True)
class Scanner:
    """A program.

    :param argv: of a scan, for an image, or for the host where it is empty.
    """

    name: str
    argv: Callable[[str], list[str]]
    read: Callable[[Mapping[str, Any]], Iterator[Finding]]

    def scan(self, image: str = "") -> tuple[Finding, ...]:
        """What it finds in an image, or on this host.

        :raises ScanError: it fails, or says something else.
        """
        try:
            document = json.loads(run(self.argv(image), timeout=TIMEOUT).stdout)
            return ordered(self.read(document))
        except CommandError as error:
            raise ScanError(str(error)) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ScanError(f"{self.name}: its answer cannot be read: {error!r}") from error


def trivy_argv(image: str) -> list[str]:
    """Its command line."""
    common = ["--quiet", "--format", "json", "--scanners", "vuln"]
    if image:
        return ["trivy", "image", *common, image]
    return ["trivy", "rootfs", *common, *(word for folder in _ENGINES for word in ("--skip-dirs", folder)), "/"]


def trivy_findings(document: Mapping[str, Any]) -> Iterator[Finding]:
    """Of all that it has found in a target: packages of the system, and of languages."""
    for result in document.get("Results") or ():
        for found in result.get("Vulnerabilities") or ():
            level = severity(str(found.get("Severity") or ""))
            yield Finding(found["VulnerabilityID"], found["PkgName"], found["InstalledVersion"], level, found.get("FixedVersion") or "")


def grype_argv(image: str) -> list[str]:
    """Its command line."""
    common = ["--quiet", "--output", "json"]
    if image:
        return ["grype", *common, f"docker:{image}"]
    return ["grype", *common, *(word for folder in _ENGINES for word in ("--exclude", f".{folder}/**")), "dir:/"]


def grype_findings(document: Mapping[str, Any]) -> Iterator[Finding]:
    """Of all matches."""
    for match in document["matches"]:
        found, package = match["vulnerability"], match["artifact"]
        fix = found.get("fix") or {}
        fixed = next(iter(fix.get("versions") or ()), "") if fix.get("state") == "fixed" else ""
        yield Finding(found["id"], package["name"], package["version"], severity(str(found.get("severity") or "")), fixed)


SCANNERS: Mapping[str, Scanner] = {
    "trivy": Scanner("trivy", trivy_argv, trivy_findings),
    "grype": Scanner("grype", grype_argv, grype_findings),
}


def choose(wanted: str) -> Scanner | None:
    """The scanner to ask: the one that is named, or whichever is installed; None for none.

    :param wanted: ``auto``, ``none``, or the name of a scanner.
    :raises ScanError: the one that is named is not installed.
    """
    if wanted == "none":
        return None
    names: Sequence[str] = [wanted] if wanted != "auto" else list(SCANNERS)
    installed = next((name for name in names if shutil.which(name)), "")
    if not installed and wanted != "auto":
        raise ScanError(f"{wanted} is not installed on this host: install it, or write auto, or none for package lists alone")
    return SCANNERS.get(installed)


def components(image: str) -> tuple[str, list[dict[str, Any]]]:
    """The components of an image as CycloneDX has them, and the program that said so; no program where none is installed.

    :raises ScanError: the one that is installed fails.
    """
    for name, argv in (
        ("syft", ["syft", "scan", "--quiet", "--output", "cyclonedx-json", f"docker:{image}"]),
        ("trivy", ["trivy", "image", "--quiet", "--format", "cyclonedx", image]),
    ):
        if shutil.which(name):
            try:
                document = json.loads(run(argv, timeout=TIMEOUT).stdout)
                return name, [dict(component) for component in document.get("components") or ()]
            except (CommandError, ValueError, TypeError, AttributeError) as error:
                raise ScanError(f"{name}: {error}") from error
    return "", []
