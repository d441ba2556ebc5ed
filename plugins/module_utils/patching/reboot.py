# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a reboot is due: an update asked for it, or the kernel that runs is not the one that would start."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from ..advisories.versions import older
from ..core.atomic_files import read_text
from ..core.process import run

REQUIRED = Path("/run/reboot-required")
BOOT = Path("/boot")
_BUILD = re.compile(r"\bDebian (\S+)|\bUbuntu (\S+)")


def reasons() -> list[str]:
    """Why a reboot is due; nothing where none is."""
    return [*_asked(), *kernel(os.uname().release, os.uname().version)]


def _asked() -> Iterator[str]:
    if REQUIRED.exists():
        packages = sorted(set((read_text(f"{REQUIRED}.pkgs") or "").split()))
        yield f"{REQUIRED}: {', '.join(packages) or 'nobody says for what'}"


def kernel(release: str, version: str) -> Iterator[str]:
    """The kernel that runs, beside the newest of its flavour on the disk.

    Nothing is said of a kernel that did not come from a package: that of a container's host, or of a provider.
    """
    if not (BOOT / f"vmlinuz-{release}").exists() or _is_container():
        return
    flavour = re.sub(r"^[0-9.+~-]+", "", release)
    others = [file.name.removeprefix("vmlinuz-") for file in BOOT.glob("vmlinuz-*")]
    newest = release
    for other in others:
        if re.sub(r"^[0-9.+~-]+", "", other) == flavour and older(newest, other):
            newest = other
    if newest != release:
        yield f"the kernel {release} runs, and {newest} is installed"
        return
    build = _BUILD.search(version)
    installed = run(["dpkg-query", "--show", "--showformat", "${Version}", f"linux-image-{release}"], check=False).stdout.strip()
    if build and installed and older(build[1] or build[2], installed):
        yield f"the kernel {release} runs in its version {build[1] or build[2]}, and {installed} is installed"


def _is_container() -> bool:
    return run(["systemd-detect-virt", "--container", "--quiet"], check=False).rc == 0
