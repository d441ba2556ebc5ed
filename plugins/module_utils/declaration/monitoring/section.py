# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The section C(monitoring)."""

from __future__ import annotations

from ...contracts.monitoring import BUCKETS
from ..model import Derivation, Part, Section
from .checks import check_monitoring
from .dashboards import host_routes, made_secrets
from .derive import monitoring_config, request_buckets, unreadable
from .model import monitoring_from, monitoring_secrets
from .schema import MONITORING

SECTION = Section(
    parts={"monitoring": Part(MONITORING, monitoring_from)},
    checks=(check_monitoring,),
    derivations={
        "request_buckets": Derivation(request_buckets, lambda: list(BUCKETS), merged=True, whole=True),
        "monitoring_config": Derivation(monitoring_config, list, merged=True, whole=True, unreadable=unreadable),
    },
    reads=monitoring_secrets,
    makes=made_secrets,
    facts={"host_routes": host_routes},
)
