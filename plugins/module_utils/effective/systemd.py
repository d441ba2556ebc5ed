# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drop-ins of systemd: its own configuration (``systemd-analyze cat-config``) and units (``systemctl cat``), last assignment first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..preflight.host import Host
from .deviation import Deviation

# The drop-in, the role that writes it, and what is asked for all files together.
DROP_INS: Sequence[tuple[str, str, tuple[str, ...]]] = (
    ("os_hardening", "/etc/systemd/system.conf.d/90-latentum-ops.conf", ("systemd-analyze", "cat-config", "systemd/system.conf")),
    ("os_hardening", "/etc/systemd/coredump.conf.d/latentum-ops.conf", ("systemd-analyze", "cat-config", "systemd/coredump.conf")),
    ("os_hardening", "/etc/systemd/system/docker.service.d/90-latentum-ops-core.conf", ("systemctl", "cat", "docker.service")),
    ("os_hardening", "/etc/systemd/system/containerd.service.d/90-latentum-ops-core.conf", ("systemctl", "cat", "containerd.service")),
    ("base", "/etc/systemd/timesyncd.conf.d/latentum-ops.conf", ("systemd-analyze", "cat-config", "systemd/timesyncd.conf")),
    ("auto_updates", "/etc/systemd/system/apt-daily.timer.d/latentum-ops.conf", ("systemctl", "cat", "apt-daily.timer")),
    ("auto_updates", "/etc/systemd/system/apt-daily-upgrade.timer.d/latentum-ops.conf", ("systemctl", "cat", "apt-daily-upgrade.timer")),
)
LISTS = {"OnCalendar"}  # assignments add up, and an empty one begins anew
_HEADER = re.compile(r"# (/(?:etc|run|usr/local/lib|usr/lib|lib)/systemd/\S+)")


@dataclass(frozen=True)
class Assignment:
    """A line of a file."""

    file: str
    number: int
    section: str
    key: str
    value: str


def judge(host: Host, role: str) -> Iterator[Deviation]:
    """Each key of a drop-in of this role that has another value in the end."""
    for owner, own, argv in DROP_INS:
        if owner != role or host.read(own) is None:
            continue
        every = list(_assignments(host.output(argv) or ""))
        if not every:
            continue  # no such unit, or nobody to ask
        name = argv[-1]
        for section, key in dict.fromkeys((line.section, line.key) for line in every if line.file == own):
            of_key = [line for line in every if (line.section, line.key) == (section, key)]
            wanted, there = _value([line for line in of_key if line.file == own]), _value(of_key)
            if wanted != there:
                winner = next((line for line in reversed(of_key) if line.file != own), of_key[-1])
                yield Deviation(role, f"{name} {key}", wanted, there, f"{winner.file}:{winner.number}")


def _value(lines: Sequence[Assignment]) -> str:
    """What comes of assignments in their order."""
    values: list[str] = []
    for line in lines:
        values = [*values, line.value] if line.key in LISTS and line.value else [line.value] if line.value else []
    return ", ".join(values)


def _assignments(shown: str) -> Iterator[Assignment]:
    file, number, section = "", 0, ""
    for line in shown.splitlines():
        header = _HEADER.fullmatch(line)
        if header:
            file, number, section = header[1], 0, ""
            continue
        number += 1
        text = line.strip()
        if text.startswith("["):
            section = text
        elif "=" in text and not text.startswith(("#", ";")):
            key, _equals, value = text.partition("=")
            yield Assignment(file, number, section, key.strip(), value.strip())
