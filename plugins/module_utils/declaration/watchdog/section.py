# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The section C(watchdog), and how services are watched."""

from __future__ import annotations

from ..model import Derivation, Part, Section
from .checks import check_watch, check_watchdog, watch_secrets
from .derive import watchdog_config
from .model import watchdog_from
from .schema import WATCHDOG

SECTION = Section(
    parts={"watchdog": Part(WATCHDOG, watchdog_from)},
    checks=(check_watchdog,),
    compose_checks=(check_watch,),
    derivations={"watchdog_config": Derivation(watchdog_config, dict)},
    reads=watch_secrets,
)
