# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SSH server: what is in force, and the lines of its files that set it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...preflight.ssh_port import OWN, listening
from ...preflight.sshd_files import Line
from ...preflight.sshd_files import lines as lines_of
from ..host import SurveyedHost

PROGRAM = "/usr/sbin/sshd"


@dataclass(frozen=True)
class Sshd:
    """The server.

    :param effective: by keyword in lower case, as ``sshd -T`` says; from the files where it says nothing.
    :param ours: role ssh_hardening has written its files.
    """

    ports: tuple[int, ...] = ()
    effective: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[Line, ...] = ()
    ours: bool = False

    def says(self, keyword: str) -> str:
        """A setting; empty where it is not known."""
        return self.effective.get(keyword, "")


def sshd(host: SurveyedHost) -> Sshd:
    """What is configured; nothing where there is no server."""
    lines = tuple(lines_of(host))
    shown = host.output(["sshd", "-T"]) or host.output([PROGRAM, "-T"]) or ""
    effective: dict[str, list[str]] = {}
    for text in shown.splitlines():
        keyword, _space, value = text.partition(" ")
        effective.setdefault(keyword.lower(), []).append(value)
    if not shown:
        for line in lines:
            if not line.match:
                effective.setdefault(line.keyword.lower(), [line.value])
    ports = listening(shown) or {int(value) for value in effective.get("port", []) if value.isdigit()} or ({22} if lines else set())
    several = {keyword: ", ".join(values) for keyword, values in effective.items()}
    return Sshd(tuple(sorted(ports)), several, lines, ours=host.exists(OWN))
