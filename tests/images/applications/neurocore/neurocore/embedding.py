# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words as vectors, in place of OpenAI: the same text gives the same vector everywhere, and texts that share words are near each other."""

from __future__ import annotations

import hashlib
import math
import re

SIZE = 64


def embed(text: str) -> list[float]:
    """A vector of length one and ``SIZE`` numbers; of a text without words the first axis."""
    vector = [0.0] * SIZE
    for word in re.findall(r"[a-z]+", text.lower()):
        hashed = hashlib.sha256(word.encode()).digest()
        vector[hashed[0] % SIZE] += 1.0 if hashed[1] % 2 else -1.0
    length = math.sqrt(sum(number * number for number in vector))
    return [number / length for number in vector] if length else [1.0] + [0.0] * (SIZE - 1)


def literal(vector: list[float]) -> str:
    """As pgvector reads it."""
    return "[" + ",".join(f"{number:.6f}" for number in vector) + "]"
