# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one network of the test hosts, with names that resolve between them (Docker's embedded DNS)."""

from __future__ import annotations

import json

from engine import LABEL, HostsError, docker

NAME = "latentum-ops-test"
# Outside the address pools that the inner engines hand out, so that a host never routes its own network away.
SUBNET, SUBNET6 = "10.231.0.0/24", "fd6c:6174:656e::/64"


def ensure() -> None:
    """Create the network unless ours is there."""
    found = docker("network", "inspect", NAME, check=False)
    if found.returncode == 0:
        labels = json.loads(found.stdout)[0].get("Labels") or {}
        if labels.get(LABEL) != "1":
            raise HostsError(f"a Docker network {NAME} exists that is not ours: rename or remove it")
        return
    docker("network", "create", "--label", f"{LABEL}=1", "--ipv6", "--subnet", SUBNET, "--subnet", SUBNET6, NAME)
