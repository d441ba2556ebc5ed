# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watchdog's way to Docker's engine: by the socket proxy, which its unit names; it may not ask the engine itself."""

from __future__ import annotations

import os

from ..containers.client import Engine
from ..core.masking import foreign, mask

VARIABLE = "LATENTUM_OPS_ENGINE"


def text(raw: bytes) -> str:
    """What a command in a container wrote, as text without secrets: the proxy has hidden them, and no store need be readable."""
    return mask(raw.decode(errors="replace")) if os.environ.get(VARIABLE) else foreign(raw)


def reach(timeout: float) -> Engine:
    """The engine.

    :raises DockerUnavailable: it does not answer, or nobody answers for it.
    """
    return Engine(timeout, os.environ.get(VARIABLE, ""))
