# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small system of apt and dpkg in a folder: a repository of packages that are built here, and the real programs."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

PROGRAMS = ("apt-get", "apt-mark", "apt-cache", "dpkg", "dpkg-deb")
NEEDED = pytest.mark.skipif(not all(map(shutil.which, PROGRAMS)), reason="no apt and dpkg here")


@dataclass
class System:
    """What the programs see as the root of a host, by ``APT_CONFIG`` and dpkg's own variables.

    :ivar environment: for each program.
    """

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def repository(self) -> Path:
        return self.folder / "repository"

    def __post_init__(self) -> None:
        for place in (
            "etc/apt/apt.conf.d",
            "var/lib/apt/lists/partial",
            "var/cache/apt/archives/partial",
            "var/log/apt",
            "var/lib/dpkg/info",
        ):
            (self.root / place).mkdir(parents=True)
        for name in ("updates", "triggers", "alternatives"):
            (self.root / "var/lib/dpkg" / name).mkdir()
        for name in ("status", "available"):
            (self.root / "var/lib/dpkg" / name).touch()
        (self.folder / "repository").mkdir()
        self.write_sources(f"deb [trusted=yes] file://{self.repository} ./")
        options = [
            f"--root={self.root}",
            "--force-not-root",
            "--force-script-chrootless",
            "--force-bad-path",
            f"--log={self.folder}/dpkg.log",
        ]
        lines = [
            f'Dir "{self.root}";',
            f'Dir::State::status "{self.root}/var/lib/dpkg/status";',
            'APT::Sandbox::User "";',
            'APT::Architecture "amd64";',
            'APT::Architectures { "amd64"; };',
            'Dir::Bin::dpkg "/usr/bin/dpkg";',
            'Acquire::Languages "none";',
            f"DPkg::Options {{ {' '.join(f'{chr(34)}{option}{chr(34)};' for option in options)} }};",
        ]
        (self.folder / "apt.conf").write_text("\n".join(lines) + "\n")
        admin = self.root / "var/lib/dpkg"
        self.environment = {"APT_CONFIG": str(self.folder / "apt.conf"), "DPKG_ADMINDIR": str(admin), "LC_ALL": "C.UTF-8"}

    def write_sources(self, text: str) -> None:
        (self.root / "etc/apt/sources.list").write_text(text + "\n")

    def publish(self, packages: Iterable[Path], fields: Mapping[str, str] | None = None) -> None:
        """Make these the packages of the repository.

        :param fields: further lines of its Release.
        """
        entries = []
        for package in packages:
            control = subprocess.run(["dpkg-deb", "--field", package], capture_output=True, text=True, check=True).stdout
            target = self.repository / package.name
            if target != package:
                shutil.copy(package, target)
            digest = hashlib.sha256(target.read_bytes()).hexdigest()
            entries.append(f"{control}Filename: ./{package.name}\nSize: {target.stat().st_size}\nSHA256: {digest}\n")
        text = "\n".join(entries)
        (self.repository / "Packages").write_text(text)
        head = {"Origin": "Sample", "Label": "Sample", "Suite": "stable", "Codename": "sample", "Date": "Mon, 02 Nov 2026 10:00:00 UTC"}
        listed = f" {hashlib.sha256(text.encode()).hexdigest()} {len(text.encode())} Packages"
        release = [f"{name}: {value}" for name, value in {**head, **(fields or {})}.items()]
        (self.repository / "Release").write_text("\n".join([*release, "Architectures: amd64", "SHA256:", listed]) + "\n")

    def run(self, *argv: str) -> str:
        done = subprocess.run(
            argv, capture_output=True, text=True, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **self.environment}, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def build(folder: Path, name: str, version: str, *, depends: str = "", conflicts: str = "", conffile: str = "", source: str = "") -> Path:
    """A package.

    :param conffile: content of /etc/NAME.conf.
    """
    place = folder / f"{name}-{version}"
    (place / "DEBIAN").mkdir(parents=True)
    control = {"Package": name, "Version": version, "Architecture": "amd64", "Maintainer": "Nobody <nobody@example.test>"}
    control |= {"Description": "a sample", **({"Depends": depends} if depends else {}), **({"Source": source} if source else {})}
    control |= {"Conflicts": conflicts} if conflicts else {}
    (place / "DEBIAN/control").write_text("".join(f"{key}: {value}\n" for key, value in control.items()))
    if conffile:
        (place / "etc").mkdir()
        (place / f"etc/{name}.conf").write_text(conffile)
        (place / "DEBIAN/conffiles").write_text(f"/etc/{name}.conf\n")
    target = folder / f"{name}_{version}_amd64.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", place, target], capture_output=True, check=True)
    return target
