# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Version of the engine: what this code is, what is installed on the host, and which of them may write the state of a stack.

Two repositories may manage stacks on one host, each with a collection of its own age. The newer engine stays; an older one never
replaces it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from .atomic_files import read_text

VERSION = "0.1.0"  # as in galaxy.yml; a release never has a lower one than the release before
STATE_FORMAT = 1  # of the files under /var/lib/latentum-ops; raised only when an older engine would misread them
HOME = Path("/usr/lib/latentum-ops")
RECORD = "engine.json"
INSTALL = "ansible-playbook latentum.ops.site --tags opsctl"


class EngineSkew(Exception):
    """The engine on this host and this code must not work on the same state; the message names both versions and the next step."""


@dataclass(frozen=True)
class EngineVersion:
    """An engine.

    :param version: of the release, ``1.4.0``; empty for an engine from before versions were recorded.
    :param digest: of all its files; empty where only a part of them is known, as in a module.
    :param state_format: the newest format of state files that it writes.
    """

    version: str = ""
    digest: str = ""
    state_format: int = 0

    def __str__(self) -> str:
        return (self.version or "without a recorded version") + (f" ({self.digest[:12]})" if self.digest else "")

    def older_than(self, other: EngineVersion) -> bool:
        """By version alone: two builds of one version count as equal."""
        return _ordered(self.version) < _ordered(other.version)

    def to_dict(self) -> dict[str, str | int]:
        """As it is recorded."""
        return asdict(self)


OWN = EngineVersion(VERSION, "", STATE_FORMAT)


def _ordered(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))


def installed(home: Path = HOME) -> EngineVersion | None:
    """The engine of this host, as it was recorded when it was installed; None where there is none.

    :raises ValueError: the record is damaged.
    """
    text = read_text(home / RECORD)
    if text is None:
        return EngineVersion() if (home / "latentum_ops").is_dir() else None
    try:
        raw = json.loads(text)
        return EngineVersion(str(raw["version"]), str(raw["digest"]), int(raw["state_format"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{home / RECORD} is damaged: remove it, and run `{INSTALL}`") from error


def require_compatible(home: Path = HOME) -> None:
    """Let this code work on the state of a stack only beside an engine that understands what it writes, and the other way round.

    :raises EngineSkew: the engine is older than this code, or writes a state format that this code does not know.
    """
    engine = installed(home)
    if engine is None:
        return
    if engine.older_than(OWN):
        raise EngineSkew(
            f"the engine on this host is older ({engine}) than this module ({OWN}), and both would work on the same state: install it"
            f" first, with `{INSTALL}` (the playbooks of the collection do so themselves)"
        )
    if engine.state_format > STATE_FORMAT:
        raise EngineSkew(
            f"the engine on this host ({engine}) writes state files of format {engine.state_format}; this module ({OWN}) knows"
            f" {STATE_FORMAT}: update the collection latentum.ops on the controller to {engine.version} or newer"
        )


def tree_files(folder: Path) -> dict[str, bytes]:
    """The engine's files under a folder: content by relative path."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*.py")) if file.is_file()}


def digest(files: Mapping[str, bytes]) -> str:
    """SHA-256 over names and contents, in the order of names."""
    total = hashlib.sha256()
    for name, content in sorted(files.items()):
        total.update(f"{len(name.encode())}:{name}{len(content)}:".encode())
        total.update(content)
    return total.hexdigest()
