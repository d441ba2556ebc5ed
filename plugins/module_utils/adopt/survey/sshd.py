# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SSH server: what is in force, and the lines of its files that set it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ...preflight.ssh_port import MAIN, OWN, listening
from ..host import SurveyedHost

PROGRAM = "/usr/sbin/sshd"


@dataclass(frozen=True)
class Line:
    """A setting in a file.

    :param match: the condition of its block; empty outside of any.
    """

    file: str
    number: int
    keyword: str
    value: str
    match: str = ""


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
    lines = tuple(_lines(host, str(MAIN), "", 0))
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


def _lines(host: SurveyedHost, path: str, match: str, depth: int) -> Iterator[Line]:
    """Settings in the order in which sshd reads them (sshd_config(5)); a block ends with the file that it is in."""
    text = host.read(path)
    if text is None or depth > 5:
        return
    outer = match
    for number, line in enumerate(text.splitlines(), 1):
        words = re.match(r"\s*(\w+)(?:\s*=\s*|\s+)(.+?)\s*$", line)
        if not words:
            continue
        keyword, value = words[1], words[2]
        if keyword.lower() == "match":
            match = outer if value.lower() == "all" else value
        elif keyword.lower() == "include":
            for pattern in value.split():
                full = pattern if pattern.startswith("/") else f"/etc/ssh/{pattern}"
                folder, _slash, name = full.rpartition("/")
                for file in host.files(folder, name):
                    yield from _lines(host, str(file), match, depth + 1)
        else:
            yield Line(path, number, keyword, value.strip('"'), match)
