# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deviations that the inventory allows, each with a reason: roles write them to the host, so that whoever looks later knows them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ..preflight.host import Host

FOLDER = "/etc/latentum-ops/deviations"


def of(host: Host, role: str) -> Mapping[str, str]:
    """Reason by key; none where the role has written no file.

    :raises ValueError: the file cannot be read.
    """
    given = json.loads(host.read(f"{FOLDER}/{role}.json") or "{}")
    if not isinstance(given, dict):
        raise ValueError(f"{FOLDER}/{role}.json is no JSON object")
    return {str(key): str(reason) for key, reason in given.items()}
