# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The section C(delivery)."""

from __future__ import annotations

from ..model import Derivation, Part, Section
from .checks import check_delivered_services, check_delivery
from .derive import delivery_config
from .front import host_routes, jails
from .model import delivery_from, delivery_secrets
from .schema import DELIVERY

SECTION = Section(
    parts={"delivery": Part(DELIVERY, delivery_from)},
    checks=(check_delivery,),
    compose_checks=(check_delivered_services,),
    derivations={"delivery_config": Derivation(delivery_config, dict)},
    reads=delivery_secrets,
    facts={"host_routes": host_routes, "jails": jails},
)
