# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of C(monitoring.dashboards): where people reach Grafana."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...schema import values
from ...schema.nodes import Record, Text
from ..forms import networks, port
from ..routes.authentication.schema import AUTH

KEY = "monitoring.dashboards"
PASSWORD, ENCRYPTION = "grafana_admin_password", "grafana_secret_key"
MADE: Mapping[str, Mapping[str, Any]] = {PASSWORD: {"kind": "password"}, ENCRYPTION: {"kind": "password", "length": 48}}
DASHBOARDS = Record(
    default=None,
    description="Where people reach Grafana through nginx, where role C(grafana) is on. Its password and its key are made on the host, as"
    f" C({PASSWORD}) and C({ENCRYPTION}).",
    fields={
        "domain": Text(
            required=True, default="", check=values.domain, example="grafana.example.com", description="A domain of its own, or of a route."
        ),
        "path": Text(default="/", check=values.path, example="/grafana", description="The path below which it is."),
        "port": port("The port of loopback at which Grafana answers, as in C(grafana_address).", 3000, "3000"),
        "auth": AUTH,
        "allow_from": networks("Who may connect; all others get 403.", "everybody, with C(auth)"),
    },
    example="{domain: grafana.example.com, auth: {basic: {users: {ada: ada_password}}}}",
)
