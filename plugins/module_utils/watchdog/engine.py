# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watchdog's way to Docker's engine: by the socket proxy, which its unit names; it may not ask the engine itself."""

from __future__ import annotations

import os

from ..containers.client import Engine

VARIABLE = "LATENTUM_OPS_ENGINE"


def reach(timeout: float) -> Engine:
    """The engine.

    :raises DockerUnavailable: it does not answer, or nobody answers for it.
    """
    return Engine(timeout, os.environ.get(VARIABLE, ""))
