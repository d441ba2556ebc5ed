# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The section C(routes), and what belongs to its names: redirects, pages for errors, wildcard certificates."""

from __future__ import annotations

from ..model import Derivation, Part, Section
from .authentication.checks import authentication_secrets, check_authentication
from .authentication.derive import route_authentication
from .checks import check_redirects, check_routes, check_sites
from .derive import certificates, claims, fail2ban_jails, firewall_rules, nginx_sites, nginx_upstreams
from .model import routes_from
from .redirects import REDIRECTS, redirects_from
from .schema import ROUTES
from .sites import ERROR_PAGES, WILDCARDS, error_pages_from, wildcards_from

SECTION = Section(
    parts={
        "routes": Part(ROUTES, routes_from),
        "redirects": Part(REDIRECTS, redirects_from),
        "error_pages": Part(ERROR_PAGES, error_pages_from),
        "wildcards": Part(WILDCARDS, wildcards_from),
    },
    checks=(check_routes, check_redirects, check_sites, check_authentication),
    derivations={
        "nginx_sites": Derivation(nginx_sites, list, merged=True),
        "nginx_upstreams": Derivation(nginx_upstreams, list, merged=True),
        "certificates": Derivation(certificates, list, merged=True),
        "firewall_rules": Derivation(firewall_rules, list, merged=True),
        "fail2ban_jails": Derivation(fail2ban_jails, list, merged=True),
        "route_authentication": Derivation(route_authentication, list, merged=True),
    },
    reads=authentication_secrets,
    claims=claims,
)
