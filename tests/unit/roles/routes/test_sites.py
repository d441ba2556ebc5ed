# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages for errors, and clients that come back to their container, asked of a real nginx."""

from __future__ import annotations

import json

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.upstreams import upstreams_from
from ansible_collections.latentum.ops.plugins.module_utils.nginx import sync

from .declaration import PAGES
from .declared_site import Declared
from .nginx_runs import Nginx, Service, needs_nginx

pytestmark = needs_nginx
SITE = "https://pages.example.com"
BROWSER = {"Accept": "text/html,*/*"}


@pytest.mark.parametrize(("path", "status"), [("/gone/x", 502), ("/else", 404), ("/away/x", 503), ("/", 404)])
def test_a_browser_gets_the_stack_s_own_page(nginx: Nginx, path: str, status: int) -> None:
    answer = nginx.ask(f"{SITE}{path}", headers=BROWSER)
    assert (answer.status, answer.body) == (status, PAGES[str(status)])  # to the sign: quotes, dollars and all
    assert answer["content-type"] == "text/html; charset=utf-8" and "no-store" in answer.every("cache-control")
    assert answer["x-request-id"] and answer["strict-transport-security"]


@pytest.mark.parametrize(("path", "status"), [("/gone/x", 502), ("/else", 404), ("/away/x", 503)])
def test_a_program_gets_json(nginx: Nginx, path: str, status: int) -> None:
    answer = nginx.ask(f"{SITE}{path}")
    assert (answer.status, json.loads(answer.body)["status"]) == (status, status)


def test_while_a_service_is_recreated_clients_are_told_when_to_come_back(nginx: Nginx) -> None:
    assert nginx.ask(f"{SITE}/away/x", headers=BROWSER)["retry-after"] == "10"


def test_what_a_service_does_not_find_is_its_own_to_say(nginx: Nginx, service: Service) -> None:
    service.replies["/socket/none"] = (404, {"Content-Type": "text/html"}, "not here")
    assert nginx.ask(f"{SITE}/socket/none", headers=BROWSER).body == "not here"
    del service.replies["/socket/none"]


def test_scripts_of_other_origins_can_read_it(nginx: Nginx) -> None:
    answer = nginx.ask(f"{SITE}/called/x", headers={**BROWSER, "Origin": "https://app.example.com"})
    assert (answer.status, answer["access-control-allow-origin"], answer.body) == (502, "https://app.example.com", PAGES["502"])


def test_the_page_of_an_application_comes_before_that_for_404(nginx: Nginx, service: Service) -> None:
    service.replies["/app/deep"] = (404, {}, "")
    service.replies["/app/index.html"] = (200, {"Content-Type": "text/html"}, "application")
    assert nginx.ask(f"{SITE}/app/deep", headers=BROWSER).body == "application"
    service.replies.clear()


def container_of(nginx: Nginx, pair: list[Service], cookie: str = "") -> tuple[int, str]:
    """Which of the containers answers, and the cookie that the client gets."""
    for service in pair:
        service.requests.clear()
    answer = nginx.ask("https://sticky.example.com/x", headers={"Cookie": f"other=1; {cookie}"} if cookie else {})
    (index,) = [index for index, service in enumerate(pair) if service.requests]
    return index, answer["set-cookie"]


def test_a_client_comes_back_to_its_container(nginx: Nginx, pair: list[Service]) -> None:
    reached = set()
    for _client in range(12):
        index, cookie = container_of(nginx, pair)
        reached.add(index)
        assert cookie.startswith("latentum_route=") and cookie.endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")
        for _again in range(3):
            assert container_of(nginx, pair, cookie.partition(";")[0]) == (index, "")
    assert reached == {0, 1}  # and clients without a cookie are spread


def test_when_a_container_goes_only_its_own_clients_move(nginx: Nginx, pair: list[Service], declared: Declared) -> None:
    (upstream,) = [upstream for upstream in upstreams_from(declared.upstreams) if upstream.service == "pair"]
    third = Service()

    def serve(*services: Service) -> None:
        nginx.write({str(sync.path_of(upstream)): sync.render(upstream, [service.address for service in services])})
        nginx.reload()

    serve(*pair, third)
    clients: dict[str, int] = {}
    for _client in range(20):
        index, cookie = container_of(nginx, [*pair, third])
        clients[cookie.partition(";")[0]] = index
    serve(*pair)
    stayed = {cookie: index for cookie, index in clients.items() if index != 2}
    assert stayed and {cookie: container_of(nginx, pair, cookie)[0] for cookie in stayed} == stayed
    third.close()
