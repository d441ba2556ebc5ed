# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By what a request is counted: the fields stack, service and route of a real nginx's access log."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.objectives import Objective
from ansible_collections.latentum.ops.plugins.module_utils.contracts.routes import NO_ROUTE, route_name
from ansible_collections.latentum.ops.plugins.module_utils.slo.rules import rule_groups
from ansible_runs import AnsibleRuns

from .declaration import WEB
from .declared_site import FILTERS, rendered
from .nginx_runs import DEADLINE, Nginx, needs_nginx

WEBSOCKET = {"Upgrade": "websocket", "Connection": "Upgrade"}
CALLED = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "PUT"}


@pytest.mark.parametrize(
    ("domain", "path", "label"),
    [
        ("shop.example.com", "/", "shop.example.com/"),
        ("shop.example.com", "", "shop.example.com/"),
        ("shop.example.com", "/api", "shop.example.com/api"),
        ("shop.example.com", "/api/", "shop.example.com/api"),
        ("shop.example.com", "/api/v1.2/~a+b@c", "shop.example.com/api/v1.2/~a+b@c"),
    ],
)
def test_the_label_of_a_route(domain: str, path: str, label: str) -> None:
    assert route_name(domain, path) == label != NO_ROUTE


ROUTES: list[dict[str, Any]] = [
    {"domain": "shop.example.com", "aliases": ["www.example.com", "shop.example.org"], **WEB},
    {"domain": "shop.example.com", "path": "/api", **WEB},
    {"domain": "shop.example.com", "path": "/files/", **WEB},
    {"domain": "blog.example.com", "path": "/only/here/", "aliases": ["news.example.com"], **WEB},
]


def test_a_route_has_one_label_in_its_site_its_objectives_and_their_rules(ansible: AnsibleRuns, tmp_path: Path) -> None:
    """However an operator writes it: the root, a path, a slash at its end, a domain with aliases."""
    written = ["shop.example.com", "shop.example.com/", "shop.example.com/api/", "shop.example.com/files", "blog.example.com/only/here/"]
    slos = [{"name": f"slo-{number}", "route": route, "availability": 99} for number, route in enumerate(written)]
    declared = rendered(ansible, tmp_path / "rendered", routes=ROUTES, slos=slos)
    sites = [text for path, text in declared.files.items() if "sites.d/" in path]
    labels = {label for site in sites for label in re.findall(r'set \$ops_route "?([^";]*)"?;', site)} - {NO_ROUTE}
    objectives = [Objective.from_dict(entry) for entry in FILTERS["slo_objectives"](declared.stack)]
    rules = set(re.findall(r'route="([^"]*)"', json.dumps(rule_groups(objectives)).replace('\\"', '"')))
    expected = {route_name(route["domain"], route.get("path", "/")) for route in ROUTES}
    assert labels == rules == {objective.target for objective in objectives} == expected
    assert expected == {"shop.example.com/", "shop.example.com/api", "shop.example.com/files", "blog.example.com/only/here"}


def logged(nginx: Nginx, request: str) -> dict[str, Any]:
    """The line of a request, which is written a moment later."""
    path = nginx.root / "var/log/nginx/access.json"
    until = time.monotonic() + DEADLINE
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            for line in path.read_text().splitlines():
                if f'"id":"{request}"' in line:
                    found: dict[str, Any] = json.loads(line)
                    return found
        time.sleep(0.02)
    raise AssertionError(f"no line of request {request}")


@needs_nginx
@pytest.mark.parametrize(
    ("address", "method", "headers", "status", "led_to", "route"),
    [
        ("https://shop.example.com/start", "GET", {}, 200, "web", "shop.example.com/"),
        ("https://shop.example.com/any/thing?q=1", "POST", {}, 200, "web", "shop.example.com/"),
        ("https://limits.example.com/prefix", "GET", {}, 200, "web", "limits.example.com/prefix"),
        ("https://limits.example.com/prefix/a", "GET", {}, 200, "web", "limits.example.com/prefix"),
        # Whatever a client calls itself, encodes or sends: the name is that of the declaration.
        ("https://limits.example.com/%70refix/%22,%22route%22:%22mine", "GET", {}, 200, "web", "limits.example.com/prefix"),
        ("https://limits.example.com/prefixes", "GET", {}, 404, "", NO_ROUTE),
        ("https://limits.example.com/", "GET", {}, 404, "", NO_ROUTE),
        # Refused by nginx itself, in the phases of rewriting, of access, and of proxying.
        ("https://cors.example.com/", "OPTIONS", CALLED, 204, "web", "cors.example.com/"),
        ("https://cors.example.com/inside", "GET", {}, 403, "web", "cors.example.com/inside"),
        ("https://pages.example.com/gone", "GET", {"Accept": "text/html"}, 502, "nobody", "pages.example.com/gone"),
        ("https://pages.example.com/gone", "GET", {}, 502, "nobody", "pages.example.com/gone"),
        ("https://pages.example.com/away", "GET", {}, 503, "away", "pages.example.com/away"),
        ("https://cors.example.com/socket", "GET", WEBSOCKET, 200, "web", "cors.example.com/socket"),
        # A file of an image that is not there is the service's to give.
        ("https://files.example.com/assets/none.js", "GET", {}, 200, "web", "files.example.com/"),
        ("https://files.example.com/shop/x", "GET", {}, 403, "web", "files.example.com/shop"),
        # Declared, and no route.
        ("https://shop.example.com/old/page", "GET", {}, 308, "", NO_ROUTE),
        ("https://gone.example.com/", "GET", {}, 301, "", NO_ROUTE),
        ("http://shop.example.com/api", "GET", {}, 308, "", NO_ROUTE),
    ],
)
def test_a_request_is_counted_by(
    nginx: Nginx,
    address: str,
    method: str,
    headers: Mapping[str, str],
    status: int,
    led_to: str,
    route: str,
    request: pytest.FixtureRequest,
) -> None:
    name = f"labels-{abs(hash(request.node.name))}"
    assert nginx.ask(address, method, headers={**headers, "X-Request-ID": name}).status == status
    line = logged(nginx, name)
    assert (line["status"], line["stack"], line["service"], line["route"]) == (status, "shop", led_to, route)


@needs_nginx
def test_a_request_of_nobody_has_no_labels(nginx: Nginx) -> None:
    """One that names no site, and one that nginx does not even understand."""
    request = "labels-of-nobody"
    for sent in ("\x16\x03\x01\r\n\r\n", f"GET / HTTP/1.1\r\nHost: nobody.example.net\r\nX-Request-ID: {request}\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", nginx.ports["80"]), 10) as connection:
            connection.sendall(sent.encode("latin-1"))
            with contextlib.suppress(OSError):
                while connection.recv(4096):
                    pass
    line = logged(nginx, request)
    assert (line["status"], line["stack"], line["service"], line["route"]) == (444, "", "", NO_ROUTE)
    lines = [json.loads(line) for line in (nginx.root / "var/log/nginx/access.json").read_text().splitlines()]
    broken = [line for line in lines if line["status"] == 400]
    assert broken and {(line["stack"], line["service"], line["route"]) for line in broken} == {("", "", NO_ROUTE)}


@needs_nginx
def test_a_site_of_an_earlier_release_is_served_without_labels(nginx: Nginx) -> None:
    """A release that was made before sites named what they are counted by, taken back to."""
    place = nginx.root / "etc/nginx/sites.d/limits.example.com.conf"
    now = place.read_text()
    assert "set $ops_route" in now
    place.write_text("".join(line for line in now.splitlines(keepends=True) if not line.strip().startswith("set $ops_")))
    try:
        nginx.reload()
        answer = nginx.ask("https://limits.example.com/prefix", headers={"X-Request-ID": "labels-of-earlier"})
        line = logged(nginx, "labels-of-earlier")
        assert (answer.status, line["stack"], line["service"], line["route"]) == (200, "", "", NO_ROUTE)
    finally:
        place.write_text(now)
        nginx.reload()
