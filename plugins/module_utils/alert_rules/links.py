# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dashboard on which an alert is seen, with what the alert is about chosen already."""

from __future__ import annotations

from collections.abc import Mapping

from ..contracts.alerts import RUNBOOKS
from ..contracts.dashboards import BACKUPS, CONTAINERS, HOST, LOGS, OBJECTIVES, OF_ALERT, OVERVIEW, SERVICE, uid

# By the dashboard's name, which of its variables are labels of the alerts that are seen on it.
_CHOSEN: Mapping[str, tuple[str, ...]] = {
    OVERVIEW: (),
    SERVICE: ("stack", "service"),
    CONTAINERS: ("stack", "service"),
    HOST: ("instance",),
    LOGS: ("instance",),
    BACKUPS: ("stack",),
    OBJECTIVES: ("stack", "slo"),
}


def dashboard_link(address: str, alert: str) -> dict[str, str]:
    """What is added to the annotations of an alert of this name; nothing without an address, and of one that nobody is told.

    :param address: of Grafana, as people reach it.
    """
    if not address or alert not in (*RUNBOOKS, *OF_ALERT):
        return {}
    name = OF_ALERT.get(alert, OVERVIEW)
    chosen = "&".join(f"var-{label}={{{{ $labels.{label} | urlquery }}}}" for label in _CHOSEN[name])
    return {"dashboard": f"{address.rstrip('/')}/d/{uid(name)}" + (f"?{chosen}" if chosen else "")}
