# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/guides/getting_started.md as its reader follows it: the files to write and the commands to run, by section."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs/guides/getting_started.md"
# The ways through the guide, by who comes: sections in the order in which they are followed.
INSTALL, OPERATE, REGISTRY = "1. Install the collection on the controller", "5. Operate it", "A private registry"
ROOT_ALONE, PORT = "A server with root alone", "SSH on another port than 22"
WAYS = {
    "a user with sudo": (INSTALL, REGISTRY, "3. Dry run", "4. Run", OPERATE),
    "root alone, another port": (INSTALL, REGISTRY, ROOT_ALONE, OPERATE),
}
# Tarballs of a release are named by its version; playbooks by the collection.
PLAYBOOK = re.compile(r"ansible-playbook latentum\.ops\.(\w+)")


@dataclass(frozen=True)
class Block:
    """A fenced block: its section, its language, the file that the line before it names, if any."""

    section: str
    language: str
    file: str
    text: str


def blocks(text: str) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    section, before, opened, inside = "", "", "", []
    for line in text.splitlines(keepends=True):
        if line.startswith("```") and not opened:
            opened, inside = line[3:].strip() or "text", []
        elif line.startswith("```"):
            named = re.fullmatch(r"`([\w./-]+)`:", before.strip())
            yield Block(section, opened, named[1] if named else "", "".join(inside))
            opened = ""
        elif opened:
            inside.append(line)
        else:
            section = line.lstrip("# ").strip() if line.startswith("#") else section
            before = line if line.strip() else before


def files(page: list[Block]) -> dict[str, str]:
    """What the reader writes, by path."""
    return {block.file: block.text for block in page if block.file}


def commands(page: list[Block], section: str) -> list[str]:
    """What the reader runs in this section, one command a line."""
    return [line for block in page if (block.section, block.language) == (section, "console") for line in block.text.splitlines() if line]


def page() -> list[Block]:
    """The guide of this checkout."""
    return list(blocks(GUIDE.read_text()))
