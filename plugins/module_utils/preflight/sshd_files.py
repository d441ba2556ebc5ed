# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of sshd's files in the order in which it reads them: the first value of a keyword counts (sshd_config(5))."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .host import Host
from .ssh_port import MAIN


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


def lines(host: Host, path: str = str(MAIN), match: str = "", depth: int = 0) -> Iterator[Line]:
    """Settings of a file and of those that it includes; a block ends with the file that it is in."""
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
                    yield from lines(host, str(file), match, depth + 1)
        else:
            yield Line(path, number, keyword, value.strip('"'), match)
