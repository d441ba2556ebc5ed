# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of policies of a stack, as the service and whoever writes it read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..contracts.route_authentication import RouteAuthentication
from ..core.atomic_files import read_text, understood

POLICIES = "policies.json"


def read_policies(file: Path) -> list[tuple[RouteAuthentication, Mapping[str, str]]]:
    """The policies of a file, each with its callers by the digest of their key.

    :raises ValueError: it is damaged.
    """
    with understood(file):
        items = json.loads(read_text(file) or "{}").get("policies") or []
        return [_read(item, f"{file}: policies[{index}]") for index, item in enumerate(items)]


def _read(item: Mapping[str, Any], key: str) -> tuple[RouteAuthentication, Mapping[str, str]]:
    callers = {str(mark): str(name) for mark, name in (item.get("callers") or {}).items()}
    return RouteAuthentication.from_dict(item, key, tolerant=True), callers
