# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What waits in the tree for somebody who takes it later, a log host or a sink.

The tree is the queue: somebody who is away costs nothing but the room that the tree takes anyway. What waits beyond the declared bound is
passed over, the oldest first, and counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_BLOCK = 1 << 20


@dataclass
class Backlog:
    """How far each file of the tree was taken.

    :param limit: bytes that may wait.
    :param sent: by paths in the tree, bytes that were taken or passed over.
    :param dropped: records that were passed over.
    """

    tree: Path
    limit: int
    sent: dict[str, int] = field(default_factory=dict)
    dropped: int = 0

    def waiting(self, sizes: Mapping[str, int]) -> dict[str, int]:
        """Bytes that wait of each file, the oldest day first."""
        left = {path: size - self.sent.get(path, 0) for path, size in sorted(sizes.items())}
        return {path: count for path, count in left.items() if count > 0}

    def read(self, path: str, count: int) -> bytes:
        """The next bytes of a file."""
        with (self.tree / path).open("rb") as file:
            file.seek(self.sent.get(path, 0))
            return file.read(count)

    def lines(self, path: str, left: int, count: int) -> bytes:
        """Whole lines of about so many bytes, one at least; nothing where what is left has no end yet."""
        data = self.read(path, min(left, count))
        if b"\n" not in data:
            data = self.read(path, left)
        return data[: data.rfind(b"\n") + 1]

    def bound(self, waiting: Mapping[str, int]) -> None:
        """Pass over what waits beyond the limit."""
        excess = sum(waiting.values()) - self.limit
        for path, count in waiting.items():
            if excess <= 0:
                break
            excess -= self.pass_over(path, count, excess)

    def pass_over(self, path: str, left: int, least: int) -> int:
        """Pass over lines of a file, so many bytes at least or all that is left; the bytes."""
        gone = 0
        while gone < left:
            block = self.read(path, min(left - gone, _BLOCK))
            if not block:
                break
            # The first end of a line from there on: never in the middle of one.
            end = block.find(b"\n", max(0, least - gone - 1)) + 1 if least - gone <= len(block) else 0
            taken = end or len(block)
            self.dropped += block.count(b"\n", 0, taken)
            self.sent[path] = self.sent.get(path, 0) + taken
            gone += taken
            if end:
                break
        return gone
