# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel settings: what runs now, and what a boot would make of all files (``systemd-analyze cat-config sysctl.d``)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..hostconfig.sysctl import assignments, expanded, fits, in_container, is_pattern, path_of
from ..preflight.host import Host
from .deviation import Deviation

ROLE = "os_hardening"
OWN = "/etc/sysctl.d/90-latentum-ops.conf"
FILES = ("systemd-analyze", "cat-config", "sysctl.d")
UFW = "/etc/default/ufw"
_HEADER = re.compile(r"# (/(?:etc|run|usr/local/lib|usr/lib)/sysctl(?:\.d/[^/]+)?\.conf)")
DECLARE = "os_hardening_sysctl_extra"


@dataclass(frozen=True)
class Assignment:
    """A line of a file; without a value the key is kept out of patterns."""

    file: str
    number: int
    key: str
    value: str | None


def judge(host: Host) -> Iterator[Deviation]:
    """Each key that our file sets, with all that its patterns stand for now."""
    own = {key: value for _number, key, value in assignments(host.read(OWN) or "")}
    if not own:
        return
    foreign_kernel = in_container()
    every = list(_lines(host))
    for key, value in expanded(own).items():
        wanted = str(value)
        running = host.read(path_of(key))
        if running is None:
            continue  # this kernel has no such key
        winner = boot_value(every, key)
        if winner is not None and winner.value != wanted:
            yield Deviation(ROLE, key, wanted, str(winner.value), f"after a boot {winner.file}:{winner.number}", DECLARE)
        elif " ".join(running.split()) != wanted and (key.startswith("net.") or not foreign_kernel):
            where = "no file says so, a program has set it since"
            yield Deviation(ROLE, key, wanted, " ".join(running.split()), where, DECLARE)


def boot_value(every: list[Assignment], key: str) -> Assignment | None:
    """The line that wins: the last one with this very key, else the last pattern, unless the key is kept out of patterns."""
    path = path_of(key)
    exact = [line for line in every if not is_pattern(line.key) and path_of(line.key) == path]
    if exact:
        return exact[-1] if exact[-1].value is not None else None
    patterns = [line for line in every if is_pattern(line.key) and fits(path, path_of(line.key))]
    return patterns[-1] if patterns else None


def _lines(host: Host) -> Iterator[Assignment]:
    """All files, in the order in which they are read; UFW reads its own when it starts, after them, where it is told to."""
    file, number, texts = "", 0, dict[str, list[str]]()
    for line in (host.output(FILES) or "").splitlines():
        header = _HEADER.fullmatch(line)
        if header:
            file = header[1]
            texts[file] = []
        elif file:
            texts[file].append(line)
    told = re.search(r"^\s*IPT_SYSCTL=[\"']?([^\s\"'#]+)", host.read(UFW) or "", re.MULTILINE)
    if told and "ENABLED=yes" in (host.read("/etc/ufw/ufw.conf") or ""):
        texts[told[1]] = (host.read(told[1]) or "").splitlines()
    for file, text in texts.items():
        for number, key, value in assignments("\n".join(text)):
            yield Assignment(file, number, key, value)
