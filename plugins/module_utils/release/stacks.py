# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stacks that were deployed on this host, as their descriptions say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..core import paths
from ..core.atomic_files import understood


def stacks() -> list[dict[str, Any]]:
    """The description of each stack: ``name``, ``directory``, ``services``, ``domains``.

    :raises ValueError: a description is not what a deployment writes; the message names its file.
    """
    return [_description(file) for file in sorted(paths.STACKS.glob("*.json"))]


def replicas(stack: str) -> dict[str, int]:
    """How many containers each service of the live release of a stack has; empty where there is none.

    :raises ValueError: the description is not what a deployment writes.
    """
    file = paths.STACKS / f"{stack}.json"
    services = _description(file)["services"] if file.exists() else []
    return {str(service["service"]): int(service.get("replicas") or 1) for service in services}


def _description(file: Path) -> dict[str, Any]:
    with understood(file):
        description: dict[str, Any] = json.loads(file.read_text())
        if not isinstance(description["name"], str) or not all(isinstance(service["service"], str) for service in description["services"]):
            raise TypeError("a name that is no text")
    return description
