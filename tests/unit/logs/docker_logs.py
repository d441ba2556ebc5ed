# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers as Docker keeps their logs: a folder each with its configuration, and a json-file that is rotated.

As moby does it (daemon/logger/loggerutils/logfile.go): the oldest goes, the others are renamed upwards, and a new file is begun; with one
file it is truncated. A line of more than 16 KiB comes in parts, of which only the last ends with a newline.
"""

from __future__ import annotations

import gzip
import itertools
import json
import shutil
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import BinaryIO

PART = 16384
START = 1_800_000_000 * 10**9  # nanoseconds


@dataclass
class Container:
    """One container, and what it writes."""

    folder: Path
    max_size: int
    max_file: int
    compress: bool
    clock: itertools.count[int] = field(default_factory=lambda: itertools.count(START, 1_000))
    rotations: int = 0

    def __post_init__(self) -> None:
        self.path = self.folder / f"{self.folder.name}-json.log"
        self.file: BinaryIO = self.path.open("ab", buffering=0)
        self.size = 0

    def write(self, text: str, stream: str = "stdout", end: str = "\n") -> None:
        """A line."""
        parts = [text[begin : begin + PART] for begin in range(0, len(text), PART)] or [""]
        for part in parts[:-1]:
            self.part(part, stream)
        self.part(parts[-1] + end, stream)

    def part(self, log: str, stream: str = "stdout") -> None:
        """A record, as Docker writes it."""
        now = next(self.clock)
        at = f"{datetime.fromtimestamp(now // 10**9, timezone.utc):%Y-%m-%dT%H:%M:%S}.{now % 10**9:09d}Z"
        self.raw(json.dumps({"log": log, "stream": stream, "time": at}, ensure_ascii=False).encode() + b"\n")

    def raw(self, line: bytes) -> None:
        """Bytes; before them the file is rotated where it is full."""
        if self.max_size and self.size >= self.max_size:
            self.rotate()
        self.file.write(line)
        self.size += len(line)

    def rotate(self) -> None:
        """Begin a new file."""
        self.file.close()
        self.rotations += 1
        self.size = 0
        if self.max_file < 2:
            self.file = self.path.open("wb", buffering=0)
            return
        suffix = ".gz" if self.compress else ""
        for number in range(self.max_file - 1, 1, -1):
            older = Path(f"{self.path}.{number - 1}{suffix}")
            if older.exists():
                older.rename(f"{self.path}.{number}{suffix}")
        first = Path(f"{self.path}.1")
        self.path.rename(first)
        if self.compress:
            with first.open("rb") as plain, gzip.open(f"{first}.gz", "wb") as packed:
                shutil.copyfileobj(plain, packed)
            first.unlink()
        self.file = self.path.open("wb", buffering=0)

    def remove(self) -> None:
        """As `docker rm` does."""
        self.file.close()
        shutil.rmtree(self.folder)


class Containers:
    """Docker's folder of containers."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._count = len(list(root.iterdir())) if root.exists() else 0

    def add(
        self, stack: str, service: str, *, max_size: int = 0, max_file: int = 1, compress: bool = False, name: str = "", driver: bool = True
    ) -> Container:
        """A new container."""
        self._count += 1
        folder = self.root / f"{self._count:064x}"
        folder.mkdir(parents=True)
        labels = {"com.docker.compose.project": stack, "com.docker.compose.service": service} if stack else {}
        config = {
            "ID": folder.name,
            "Name": f"/{name or f'{stack}-{service}-1'}",
            "Config": {"Labels": labels},
            "LogPath": str(folder / f"{folder.name}-json.log") if driver else "",
        }
        (folder / "config.v2.json").write_text(json.dumps(config))
        return Container(folder, max_size, max_file, compress)
