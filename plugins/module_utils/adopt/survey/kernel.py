# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel settings that files of others make, and modules that are loaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from ...hostconfig.sysctl import assignments
from ..host import SurveyedHost

OWN = "90-latentum-ops.conf"
FOLDERS = ("/etc/sysctl.d", "/run/sysctl.d")  # those of packages below /usr/lib are not the administrator's
LAST = "/etc/sysctl.conf"  # read by procps after all others; by systemd-sysctl only where 99-sysctl.conf leads to it
# Docker and Compose ask for settings of others too; these are the distribution's own files.
PACKAGED = {
    "99-sysctl.conf", "10-console-messages.conf", "10-ipv6-privacy.conf", "10-kernel-hardening.conf",
    "10-magic-sysrq.conf", "10-map-count.conf", "10-network-security.conf", "10-ptrace.conf",
    "10-zeropage.conf", "10-bufferbloat.conf", "protect-links.conf",
}  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """A line of a file.

    :param later: the file is read after ours, so that its value wins at a boot.
    """

    name: str
    value: str
    file: str
    later: bool


def settings(host: SurveyedHost) -> list[Setting]:
    """In the order of sysctl.d(5): files by their names, whatever their folders."""
    files = {path.name: str(path) for folder in reversed(FOLDERS) for path in host.files(folder, "*.conf")}
    ordered = [files[name] for name in sorted(files) if name not in {OWN, *PACKAGED}]
    return [setting for path in [*ordered, LAST] for setting in _settings(host, path)]


def _settings(host: SurveyedHost, path: str) -> Iterator[Setting]:
    for _number, name, value in assignments(host.read(path) or ""):
        if value is not None:
            dotted = name.replace("/", ".") if "/" in name and "." not in name else name
            yield Setting(dotted, value, path, later=path == LAST or PurePosixPath(path).name > OWN)


def modules(host: SurveyedHost) -> list[str]:
    """Modules that are loaded, with the hyphens of modprobe written as underscores."""
    return sorted(line.split()[0] for line in (host.read("/proc/modules") or "").splitlines() if line.strip())
