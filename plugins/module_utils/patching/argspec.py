# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arguments of the modules that look at the updates of a host, and install them."""

from __future__ import annotations

from typing import Any

from ..advisories.debsecan import URL
from .request import LOCK_TIMEOUT, Scope

ARGUMENTS: dict[str, Any] = {
    "scope": {"type": "str", "choices": [scope.value for scope in Scope], "default": Scope.SECURITY.value},
    "exclude": {"type": "list", "elements": "str", "default": []},
    "engine": {"type": "bool", "default": False},
    "without_live_restore": {"type": "bool", "default": False},
    "repair": {"type": "bool", "default": False},
    "never_restart": {"type": "list", "elements": "str", "default": []},
    "lock_timeout": {"type": "float", "default": float(LOCK_TIMEOUT)},
    "advisories_url": {"type": "str", "default": URL},
}
