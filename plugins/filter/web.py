# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters from a declaration to what the web server, the certificates and the network need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.latentum.ops.plugins.module_utils.declaration.routes import derive as routes
from ansible_collections.latentum.ops.plugins.plugin_utils.declared import derived


class FilterModule:
    """Each is documented in a file of its own name."""

    def filters(self) -> dict[str, Callable[[object], Any]]:
        return {
            "nginx_sites": derived(routes.nginx_sites, list),
            "nginx_upstreams": derived(routes.nginx_upstreams, list),
            "certificates": derived(routes.certificates, list),
            "firewall_rules": derived(routes.firewall_rules, list),
            "fail2ban_jails": derived(routes.fail2ban_jails, list),
        }
