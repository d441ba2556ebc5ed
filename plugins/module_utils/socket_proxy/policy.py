# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy of the proxy: which containers the watchdog may look at, and what it may do with which.

Root derives it from the settings of the watchdog (preparing.py), and the proxy reads it from a file that nobody else can write.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.journal import log

FILE = Path("/run/latentum-ops-socket-proxy/policy.json")
Service = tuple[str, str]  # names of a project and of a service in it


@dataclass(frozen=True)
class Policy:
    """What is let through.

    :param stacks: whose containers may be seen, with their logs.
    :param healed: may be started, restarted, let go on, and put back into their networks.
    :param commands: may be run in containers of a service, word by word.
    :param files: of a service, whose age may be asked for.
    :param metrics: of all containers of the host, what their metrics need.
    """

    stacks: frozenset[str] = frozenset()
    healed: frozenset[Service] = frozenset()
    commands: Mapping[Service, Collection[tuple[str, ...]]] = field(default_factory=dict)
    files: Mapping[Service, Collection[str]] = field(default_factory=dict)
    metrics: bool = False

    def to_json(self) -> str:
        """As it is handed over."""
        document: dict[str, Any] = {
            "stacks": sorted(self.stacks),
            "healed": sorted(self.healed),
            "commands": [[*service, sorted(argvs)] for service, argvs in sorted(self.commands.items())],
            "files": [[*service, sorted(named)] for service, named in sorted(self.files.items())],
            "metrics": self.metrics,
        }
        return json.dumps(document, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Policy:
        """:raises ValueError: it is none."""
        try:
            raw = json.loads(text)
            return cls(
                stacks=frozenset(map(str, raw["stacks"])),
                healed=frozenset((str(project), str(service)) for project, service in raw["healed"]),
                commands={(project, service): frozenset(tuple(argv) for argv in argvs) for project, service, argvs in raw["commands"]},
                files={(project, service): frozenset(named) for project, service, named in raw["files"]},
                metrics=raw["metrics"] is True,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{FILE} is no policy: systemctl restart latentum-ops-socket-proxy: {error!r}") from error


class PolicyFile:
    """The policy that is handed over now: root's next word holds for the next request, so that nobody is told that it was read."""

    def __init__(self, path: Path | None = None) -> None:
        """:raises OSError, ValueError: there is none."""
        self._path = path or FILE
        self._policy, self._stamp = self._read()

    def current(self) -> Policy:
        """Another one once the file is; where it cannot be read, the one before."""
        try:
            status = self._path.stat()
            if (status.st_mtime_ns, status.st_ino) != self._stamp:
                self._policy, self._stamp = self._read()
        except (OSError, ValueError) as error:
            self._stamp = (0, 0)
            log(f"socket proxy: goes on with its old policy: {error}")
        return self._policy

    def _read(self) -> tuple[Policy, tuple[int, int]]:
        with self._path.open(encoding="utf-8") as file:
            status = os.fstat(file.fileno())
            return Policy.from_json(file.read()), (status.st_mtime_ns, status.st_ino)
