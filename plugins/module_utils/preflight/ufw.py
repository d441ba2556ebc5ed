# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of others in UFW's own files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..firewall.docker_ports import CHAIN, written_by_others
from ..firewall.ufw_files import AFTER
from ..schema.nodes import Problem
from .host import Host


def published_ports(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """Rules of others for Docker's published ports, as ufw-docker writes them: theirs and ours would empty each other's chain."""
    if not wanted["firewall"]["docker"]:
        return
    for path in AFTER.values():
        if place := written_by_others(host.read(path) or ""):
            problem = f"{place} of {path} write to the chain {CHAIN}, and theirs and ours would empty each other's"
            fix = "remove them and declare what they open in firewall_extra_rules, or leave the chain to them: firewall_docker: false"
            yield Problem("firewall_docker", "true", problem, fix)
