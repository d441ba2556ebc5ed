# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages of Debian and Ubuntu: what is missing is installed; what is there costs one look at dpkg's database."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..core.process import run

LISTS = Path("/var/lib/apt/lists")
# Never ask, keep configuration files that were changed, wait for another apt to end.
ENVIRONMENT: Mapping[str, str] = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_MODE": "l"}
OPTIONS = ["-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"]


def installed() -> set[str]:
    """Names of the installed packages, and of what they provide."""
    shown = run(["dpkg-query", "--show", "--showformat", "${db:Status-Abbrev}\t${Package}\t${Provides}\n"]).stdout
    names: set[str] = set()
    for line in shown.splitlines():
        status, package, provides = line.split("\t", 2)
        if status.startswith(("ii", "hi")):
            names.add(package)
            names |= {provided.split()[0].strip() for provided in provides.split(",") if provided.strip()}
    return names


def missing(names: Sequence[str]) -> list[str]:
    """Those of the named packages that are not installed, sorted."""
    return sorted(set(names) - installed())


def present(names: Sequence[str]) -> list[str]:
    """Those of the named packages that are installed, sorted."""
    return sorted(set(names) & installed())


def lists_age() -> float:
    """Seconds since the package lists were fetched; infinite when there are none."""
    fetched = [file.stat().st_mtime for file in LISTS.glob("*_Packages*")]
    return time.time() - max(fetched, default=0) if fetched else float("inf")


def fetch_lists() -> None:
    """Fetch the package lists.

    :raises CommandError: a repository does not answer.
    """
    run(["apt-get", "update", "--quiet", *OPTIONS], env=ENVIRONMENT, timeout=600)
    os.utime(LISTS)


def install(names: Sequence[str], *, lists_valid: float, recommends: bool = False) -> None:
    """Install packages; lists older than `lists_valid` seconds are fetched first.

    :raises CommandError: a package is unknown, or its installation failed; with apt's own words.
    """
    if lists_age() > lists_valid:
        fetch_lists()
    argv = ["apt-get", "install", "--yes", "--quiet", *OPTIONS, *([] if recommends else ["--no-install-recommends"]), *names]
    run(argv, env=ENVIRONMENT, timeout=1800)


def remove(names: Sequence[str]) -> None:
    """Remove packages, keeping their configuration files.

    :raises CommandError: with apt's own words.
    """
    run(["apt-get", "remove", "--yes", "--quiet", *OPTIONS, *names], env=ENVIRONMENT, timeout=600)
