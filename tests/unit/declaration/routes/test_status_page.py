# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where nginx serves the status page, who may see it, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.status_page import CSP
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import load, problems
from ansible_collections.latentum.ops.plugins.module_utils.declaration.routes.derive import certificates, firewall_rules, nginx_sites

from ..samples import REMOVED, changed

ALLOWED = ["203.0.113.0/24"]


def sites(**page: Any) -> dict[str, list[dict[str, Any]]]:
    found = nginx_sites(load(changed(("watchdog.status_page", page))))
    return {site["domain"]: site["locations"] for site in found}


def refused(**page: Any) -> dict[str, str]:
    return {one.key: one.fix for one in problems(changed(("watchdog.status_page", page)))}


def test_without_path_and_domain_it_is_not_served() -> None:
    assert sites(title="Shop") == {site["domain"]: site["locations"] for site in nginx_sites(load(changed()))}


def test_it_is_a_folder_on_the_first_domain() -> None:
    before = nginx_sites(load(changed()))[0]
    page = sites(path="/status", allow_from=ALLOWED)[before["domain"]][-1]
    assert page == {
        "path": "/status",
        "directory": "/run/latentum-ops-watchdog/page/" + load(changed()).name,
        "allow_from": ALLOWED,
        "headers": {"Content-Security-Policy": CSP, "Cache-Control": "no-store"},
        "directives": ["ssi on;"],
    }


def test_a_domain_of_its_own_gets_a_site_and_a_certificate() -> None:
    stack = changed(("watchdog.status_page", {"domain": "status.example.com", "allow_from": ALLOWED}))
    assert [one["path"] for one in sites(domain="status.example.com", allow_from=ALLOWED)["status.example.com"]] == ["/"]
    assert "status.example.com" in [one["name"] for one in certificates(load(stack))]


def test_a_page_without_routes_still_opens_the_firewall() -> None:
    stack = changed(("routes", REMOVED), ("watchdog.status_page", {"domain": "status.example.com", "allow_from": ALLOWED}))
    assert [rule["port"] for rule in firewall_rules(load(stack)) if rule["comment"] in ("HTTP", "HTTPS")] == [80, 443]


@pytest.mark.parametrize(
    ("page", "key"),
    [
        ({"path": "/status"}, "watchdog.status_page.allow_from"),
        ({"path": "/", "allow_from": ALLOWED}, "watchdog.status_page.path"),
        ({"path": "/status", "allow_from": ["all"]}, "watchdog.status_page.allow_from[0]"),
        ({"pat": "/status", "allow_from": ALLOWED}, "watchdog.status_page.pat"),
    ],
)
def test_what_is_refused(page: dict[str, Any], key: str) -> None:
    assert key in refused(**page), refused(**page)
