# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one network of the test hosts, with names that resolve between them (Docker's embedded DNS)."""

from __future__ import annotations

import json
import os

from cache import alone
from engine import LABEL, HostsError, docker

NAME = "latentum-ops-test"
# Outside the address pools that the inner engines hand out, so that a host never routes its own network away. The first
# one that is free on this machine is taken; LATENTUM_OPS_SUBNET names another.
NAMED = os.environ.get("LATENTUM_OPS_SUBNET")
SUBNETS = [NAMED] if NAMED else [f"10.{number}.0.0/24" for number in range(231, 240)]
SUBNET6 = "fd6c:6174:656e::/64"


def ensure() -> None:
    """Create the network unless ours is there."""
    with alone("network"):
        inspected = docker("network", "inspect", NAME, check=False)
        if inspected.returncode != 0:
            create()
        elif (json.loads(inspected.stdout)[0].get("Labels") or {}).get(LABEL) != "1":
            raise HostsError(f"a Docker network {NAME} exists that is not ours (label {LABEL}): rename or remove it")


def create() -> None:
    """With IPv6 where the engine can; on the first subnet that overlaps no other."""
    base = ["network", "create", "--label", f"{LABEL}=1"]
    error = ""
    for subnet in SUBNETS:
        for version6 in (["--ipv6", "--subnet", SUBNET6], []):
            done = docker(*base, "--subnet", subnet, *version6, NAME, check=False)
            if done.returncode == 0:
                return
            error = done.stderr.strip()
    raise HostsError(f"no network could be made (tried {', '.join(SUBNETS)}; name another by LATENTUM_OPS_SUBNET): {error}")
