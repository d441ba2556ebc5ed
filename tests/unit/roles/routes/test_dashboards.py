# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Grafana behind nginx: what it is asked, as a browser would ask it. Grafana itself is not here; a service stands in its place."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.dashboards import DashboardsSettings
from ansible_collections.latentum.ops.plugins.module_utils.dashboards.grafana_ini import grafana_ini
from ansible_runs import AnsibleRuns

from .declared_site import Declared, rendered
from .nginx_runs import Nginx, Service, needs_nginx, running

pytestmark = needs_nginx
SITE = "shop.example.com"


@pytest.fixture(scope="module")
def shown(ansible: AnsibleRuns, service: Service, tmp_path_factory: pytest.TempPathFactory) -> Declared:
    """The files of the role, with the service in the place of Grafana."""
    port = int(service.address.rpartition(":")[2])
    dashboards = {"domain": SITE, "path": "/grafana", "port": port, "allow_from": ["127.0.0.1"]}
    return rendered(
        ansible,
        tmp_path_factory.mktemp("dashboards") / "rendered",
        routes=[{"domain": SITE, "service": "web", "port": 8080}],
        monitoring={"dashboards": dashboards},
    )


@pytest.fixture(scope="module")
def nginx(shown: Declared, service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """nginx before it."""
    with running(shown.files, tmp_path_factory.mktemp("nginx"), shown.upstreams, web=service) as nginx:
        yield nginx


def test_paths_arrive_whole_and_the_host_is_that_of_the_browser(nginx: Nginx) -> None:
    """Grafana compares it with the origin: where they differ, no login succeeds, and no dashboard asks."""
    answer = nginx.ask(f"https://{SITE}/grafana/api/ds/query", "POST", headers={"Origin": f"https://{SITE}"}, body="{}")
    headers = {name.lower(): value for name, value in answer.asked["headers"]}
    assert answer.asked["path"] == "/grafana/api/ds/query"
    assert (headers["host"], headers["origin"], headers["x-forwarded-proto"]) == (SITE, f"https://{SITE}", "https")


def test_its_own_policy_for_scripts_reaches_the_browser(nginx: Nginx, service: Service) -> None:
    """That of nginx lets no script of Grafana's page run; it is for answers without one."""
    service.replies["/grafana/"] = (200, {"Content-Security-Policy": "script-src 'self' 'nonce-x'"}, "a page")
    assert nginx.ask(f"https://{SITE}/grafana/")["content-security-policy"] == "script-src 'self' 'nonce-x'"
    assert "default-src 'self'" in nginx.ask(f"https://{SITE}/grafana/other")["content-security-policy"]
    assert "content_security_policy = true" in grafana_ini(DashboardsSettings())


def test_a_page_that_is_open_is_told_what_is_new(nginx: Nginx) -> None:
    """By a WebSocket; where none comes through, Grafana tries again and again."""
    asked = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    answer = nginx.ask(f"https://{SITE}/grafana/api/live/ws", headers=asked)
    headers = {name.lower(): value for name, value in answer.asked["headers"]}
    assert headers["upgrade"] == "websocket" and headers["connection"].lower() == "upgrade"


def test_other_paths_are_the_services(nginx: Nginx) -> None:
    assert nginx.ask(f"https://{SITE}/grafanas").asked["path"] == "/grafanas"


def test_a_login_of_nginx_does_not_reach_grafana(ansible: AnsibleRuns, tmp_path_factory: pytest.TempPathFactory) -> None:
    made = rendered(
        ansible,
        tmp_path_factory.mktemp("login") / "rendered",
        monitoring={"dashboards": {"domain": SITE, "auth": {"basic": {"users": {"ada": "ada_password"}}}}},
        secrets={"ada_password": {"kind": "password"}},
    )
    (text,) = [content for path, content in made.files.items() if path.endswith(f"/{SITE}.conf")]
    assert 'proxy_set_header Authorization "";' in text and "auth_basic_user_file" in text
    assert "proxy_pass http://127.0.0.1:3000;" in text
