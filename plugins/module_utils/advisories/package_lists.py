# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages that are installed, from the databases of package managers as they lie on a disk or in an image."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..core.atomic_files import read_text

DPKG = Path("/var/lib/dpkg/status")
OS_RELEASE = Path("/etc/os-release")
DEB, APK = "deb", "apk"
_SOURCE = re.compile(r"(\S+)(?:\s+\((.+)\))?")
_ASSIGNMENT = re.compile(r"""^([A-Z_]+)=["']?(.*?)["']?\s*$""", re.MULTILINE)


@dataclass(frozen=True)
class Package:
    """One package.

    :param kind: of the package manager.
    :param source: the package that it was built from; its version may be another one.
    """

    name: str
    version: str
    architecture: str = ""
    source: str = ""
    source_version: str = ""
    kind: str = DEB


@dataclass(frozen=True)
class Distribution:
    """What a system says of itself (os-release(5)).

    :param suite: the code name, by which Debian's data is kept; empty where there is none.
    """

    id: str = ""
    version: str = ""
    suite: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, [self.id, self.version])) or "unknown"


def of_host(status: Path = DPKG) -> list[Package]:
    """The packages of this host."""
    return list(from_dpkg(read_text(status) or ""))


def distribution_of_host(file: Path = OS_RELEASE) -> Distribution:
    """This host."""
    return distribution(read_text(file) or "")


def from_dpkg(text: str) -> Iterator[Package]:
    """Installed packages of ``/var/lib/dpkg/status``, or of a file of ``status.d``, as images without a package manager have it."""
    for paragraph in re.split(r"\n\s*\n", text):
        fields = _fields(paragraph)
        name, version = fields.get("Package"), fields.get("Version")
        if not name or not version or not fields.get("Status", "ok installed").endswith(" installed"):
            continue
        source = _SOURCE.match(fields.get("Source", "")) if fields.get("Source") else None
        yield Package(
            name, version, fields.get("Architecture", ""), source[1] if source else name, (source[2] if source else "") or version
        )


def from_apk(text: str) -> Iterator[Package]:
    """Packages of ``/lib/apk/db/installed``: a letter a field (Alpine wiki, Apk spec)."""
    for paragraph in re.split(r"\n\s*\n", text):
        fields = dict(line.split(":", 1) for line in paragraph.splitlines() if line[1:2] == ":")
        if fields.get("P") and fields.get("V"):
            yield Package(fields["P"], fields["V"], fields.get("A", ""), fields.get("o", fields["P"]), fields["V"], APK)


def distribution(os_release: str) -> Distribution:
    """From the text of os-release."""
    values: Mapping[str, str] = dict(_ASSIGNMENT.findall(os_release))
    return Distribution(values.get("ID", ""), values.get("VERSION_ID", ""), values.get("VERSION_CODENAME", ""))


def _fields(paragraph: str) -> dict[str, str]:
    """The fields of a paragraph that stand on one line."""
    fields: dict[str, str] = {}
    for line in paragraph.splitlines():
        name, colon, value = line.partition(":")
        if colon and not line.startswith((" ", "\t")):
            fields[name] = value.strip()
    return fields
