# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx: its connections, and the requests of all routes."""

from __future__ import annotations

from ..alert_rules.names import NGINX, REQUESTS
from ..contracts import dashboards
from .panel import NUMBER, PER_SECOND, REQUESTS_PER_SECOND, Dashboard, Panel, Row, Variable, graph
from .promql import increase, rate
from .requests import ROUTED, panels
from .scope import Scope

_ON = 'instance=~"$instance"'


def dashboard(scope: Scope) -> Dashboard | None:
    """Where nginx or its log is asked."""
    if not scope.asks(NGINX, REQUESTS):
        return None
    known = "nginx_up" if scope.asks(NGINX) else "nginx_log_lines_total"
    return Dashboard(
        dashboards.NGINX,
        "nginx",
        "Connections of nginx, and requests to all routes.",
        (Variable("instance", "instance", known, "Host"),),
        (
            Row("Connections", scope.where(NGINX, panels=_connections())),
            Row("Requests", scope.where(REQUESTS, panels=(*panels(scope, f"{_ON},{ROUTED}", "route"), *_beside()))),
        ),
    )


def _connections() -> tuple[Panel, ...]:
    lost = f"rate(nginx_connections_accepted{{{_ON}}}[$__rate_interval]) - rate(nginx_connections_handled{{{_ON}}}[$__rate_interval])"
    return (
        graph("Connections", NUMBER, *((f"sum(nginx_connections_{state}{{{_ON}}})", state) for state in ("reading", "writing", "waiting")),
              stacked=True, about="waiting are kept open for the next request."),
        graph("Accepted", PER_SECOND, (rate("nginx_connections_accepted", _ON, "instance"), "{{instance}}")),
        graph("Lost", PER_SECOND, (lost, "{{instance}}"), about="Accepted and not handled: a limit was reached (worker_connections)."),
        graph("Requests", REQUESTS_PER_SECOND, (rate("nginx_http_requests_total", _ON, "instance"), "{{instance}}"),
              about="All that nginx has, the watchdog's probes among them."),
    )  # fmt: skip


def _beside() -> tuple[Panel, ...]:
    nowhere = f'{_ON},route=""'
    return (
        graph("To no route", REQUESTS_PER_SECOND, (rate("http_requests_total", nowhere, "code"), "{{code}}"), empty="none",
              about="Redirects to HTTPS, and what is asked for in vain."),
        graph("Lines of the log", NUMBER, (increase("nginx_log_lines_total", _ON, "kind", "$__rate_interval"), "{{kind}}"),
              empty="none yet", about="unread should stay at 0: they are counted nowhere else."),
    )  # fmt: skip
