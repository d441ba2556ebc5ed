# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where people reach Grafana: a route to a program of the host, with the authentication of any other, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.monitoring import DashboardsSite, MonitoredStack
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import load, problems
from ansible_collections.latentum.ops.plugins.module_utils.declaration.monitoring.derive import monitoring_config
from ansible_collections.latentum.ops.plugins.module_utils.declaration.routes.authentication.derive import route_authentication
from ansible_collections.latentum.ops.plugins.module_utils.declaration.routes.derive import (
    certificates,
    fail2ban_jails,
    firewall_rules,
    nginx_sites,
    nginx_upstreams,
)

from ..samples import REMOVED, STACK, changed

AUTH = {"basic": {"users": {"ada": "ada_password"}}}
OWN: dict[str, Any] = {"domain": "grafana.example.com", "auth": AUTH}
SECRETS = {**STACK["secrets"], "ada_password": {"kind": "password"}}


def declared(dashboards: dict[str, Any], *more: tuple[str, Any]) -> dict[str, Any]:
    """A declaration with these; a secret that nobody uses would be refused."""
    secrets = SECRETS if "ada_password" in repr(dashboards) else STACK["secrets"]
    return changed(("monitoring", {"dashboards": dashboards}), ("secrets", secrets), *more)


def site(dashboards: dict[str, Any], domain: str) -> dict[str, Any]:
    """The site of a domain."""
    (found,) = [site for site in nginx_sites(load(declared(dashboards))) if site["domain"] == domain]
    return found


def test_a_domain_of_its_own_has_a_site_a_certificate_and_a_login() -> None:
    stack = load(declared(OWN))
    (location,) = site(OWN, "grafana.example.com")["locations"]
    assert location["target"] == "http://127.0.0.1:3000" and "upstream" not in location
    assert (location["path"], location["route"], location["service"]) == ("/", "grafana.example.com/", "")
    assert location["websocket"] is True and location["strip_prefix"] is False
    assert location["auth"]["kind"] == "basic"
    assert "grafana.example.com" in [certificate["name"] for certificate in certificates(stack)]
    (policy,) = [policy for policy in route_authentication(stack) if "grafana" in policy["name"]]
    assert location["auth"]["policy"] == f"acme/{policy['name']}" and policy["users"] == {"ada": "ada_password"}
    assert "nginx-authentication" in fail2ban_jails(stack)
    assert not [upstream for upstream in nginx_upstreams(stack) if "3000" in upstream["name"]]


def test_it_may_be_below_a_path_of_a_site_that_there_is() -> None:
    found = site({"domain": "app.example.com", "path": "/grafana/", "auth": AUTH, "port": 3001}, "app.example.com")
    (location,) = [location for location in found["locations"] if location["path"] == "/grafana"]
    assert location["target"] == "http://127.0.0.1:3001"
    (stack,) = monitoring_config(load(declared({"domain": "app.example.com", "path": "/grafana/", "auth": AUTH})))
    assert MonitoredStack.from_dict(stack).dashboards == DashboardsSite(
        "https://app.example.com/grafana",
        "/etc/latentum-ops/secrets/acme/grafana_admin_password",
        "/etc/latentum-ops/secrets/acme/grafana_secret_key",
    )


def test_its_secrets_are_made_and_nobody_has_to_declare_them() -> None:
    made = load(declared(OWN)).made_secrets()
    assert {"grafana_admin_password", "grafana_secret_key"} <= set(made)
    assert not {"grafana_admin_password"} & set(load(changed()).made_secrets())


def test_without_it_nothing_is_there() -> None:
    (stack,) = monitoring_config(load(changed(("monitoring", {}))))
    assert "dashboards" not in stack
    assert nginx_sites(load(changed(("monitoring", {})))) == nginx_sites(load(changed()))


def test_without_any_other_route_the_web_is_open_for_it() -> None:
    stack = declared({"domain": "grafana.example.com", "allow_from": ["203.0.113.0/24"]}, ("routes", REMOVED))
    assert {80, 443} <= {rule["port"] for rule in firewall_rules(load(stack))}


@pytest.mark.parametrize(
    ("dashboards", "more", "key", "parts"),
    [
        ({"domain": "grafana.example.com"}, (), "monitoring.dashboards.auth", ("is not said", "allow_from")),
        ({"auth": AUTH}, (), "monitoring.dashboards.domain", ("required",)),
        ({"domain": "Grafana.example.com", "auth": AUTH}, (), "monitoring.dashboards.domain", ("upper case", "write grafana.example.com")),
        ({**OWN, "port": 0}, (), "monitoring.dashboards.port", ("1",)),
        ({**OWN, "user": "ada"}, (), "monitoring.dashboards.user", ("allow_from, auth, domain, path, port",)),
        (
            {"domain": "grafana.example.com", "auth": {"api_key": {"keys": {"ada": "ada_password"}}}},
            (),
            "monitoring.dashboards.auth",
            ("for programs", "basic, client_ca, forward"),
        ),
        (
            {"domain": "grafana.example.com", "auth": {"basic": {"users": {"ada": "nobody"}}}},
            (),
            "monitoring.dashboards.auth.basic.users.ada",
            ("no secret of this stack",),
        ),
        ({"domain": "app.example.com", "auth": AUTH}, (), "monitoring.dashboards.path", ("a route already", "/grafana")),
        (
            OWN,
            (("redirects", [{"domain": "grafana.example.com", "to": "https://app.example.com"}]),),
            "monitoring.dashboards.domain",
            ("redirects",),
        ),
        (
            OWN,
            (("watchdog.status_page", {"domain": "grafana.example.com", "allow_from": ["203.0.113.0/24"]}),),
            "monitoring.dashboards.path",
            ("status page",),
        ),
        (OWN, (("contact", REMOVED),), "contact", ("required",)),
        (OWN, (("secrets", {**SECRETS, "grafana_admin_password": {"kind": "rsa"}}),), "secrets.grafana_admin_password", ("kind rsa",)),
    ],
)  # fmt: skip
def test_what_cannot_stand_is_refused(
    dashboards: dict[str, Any], more: tuple[tuple[str, Any], ...], key: str, parts: tuple[str, ...]
) -> None:
    found = {problem.key: str(problem) for problem in problems(declared(dashboards, *more))}
    assert key in found, found
    assert all(part in found[key] for part in parts), found[key]
