# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The section C(firewall), and the ports and networks of the Compose file."""

from __future__ import annotations

from ..model import Part, Section
from .checks import check_firewall, check_networks, check_ports
from .model import openings_from
from .schema import FIREWALL

SECTION = Section(
    parts={"firewall": Part(FIREWALL, openings_from)},
    checks=(check_firewall,),
    compose_checks=(check_ports, check_networks),
)
