# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CORS, asked of a real nginx as browsers ask it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .nginx_runs import Answer, Nginx, Service, needs_nginx

pytestmark = needs_nginx
SITE = "https://cors.example.com"
APP = "https://app.example.com"
PREFLIGHT = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}


@pytest.fixture(autouse=True)
def own_headers(service: Service) -> Iterator[None]:
    """An application that says something of CORS itself: anybody may, with cookies."""
    own = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": "X-Own",
        "Vary": "Accept",
    }
    service.replies["/own"] = (200, own, "{}")
    service.replies["/open/own"] = (200, own, "{}")
    service.replies["/fails"] = (500, own, "{}")
    service.requests.clear()
    yield
    service.replies.clear()


def preflight(nginx: Nginx, path: str, origin: str) -> Answer:
    return nginx.ask(f"{SITE}{path}", "OPTIONS", headers={"Origin": origin, **PREFLIGHT})


@pytest.mark.parametrize("origin", [APP, "https://a.example.org", "https://a.b-c.example.org", "http://localhost:3000"])
def test_a_preflight_is_answered_by_nginx(nginx: Nginx, service: Service, origin: str) -> None:
    answer = preflight(nginx, "/thing", origin)
    assert (answer.status, answer.body, service.requests) == (204, "", [])
    assert answer["access-control-allow-origin"] == origin and answer["access-control-allow-credentials"] == "true"
    assert answer["access-control-allow-methods"] == "GET, PUT" and answer["access-control-max-age"] == "300"
    assert answer["access-control-allow-headers"] == "Content-Type, Authorization"
    assert "Origin" in answer["vary"]


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "https://app.example.com.evil.example",  # begins as a listed one
        "https://evilexample.org",  # ends as one
        "https://evil.example/.example.org",
        "https://a.example.org.evil.example",
        "https://example.org",  # the wildcard is for names below
        "http://app.example.com",  # another scheme is another origin
        "https://app.example.com:8443",
        "http://localhost:3001",
        "null",
        "https://aXexample.org",
        "https://app.example.com https://evil.example",
    ],
)
def test_an_origin_that_is_not_listed_is_not_reflected(nginx: Nginx, origin: str) -> None:
    for answer in (preflight(nginx, "/own", origin), nginx.ask(f"{SITE}/own", headers={"Origin": origin})):
        assert answer["access-control-allow-origin"] == "" and answer["access-control-allow-credentials"] == ""
        assert "Origin" in ", ".join(answer.every("vary"))  # or a cache would give this answer to a listed one


def test_what_the_application_says_is_not_doubled(nginx: Nginx) -> None:
    answer = nginx.ask(f"{SITE}/own", headers={"Origin": APP})
    assert answer["access-control-allow-origin"] == APP and answer["access-control-expose-headers"] == "X-Total-Count"
    assert sorted(answer.every("vary")) == ["Accept", "Origin"]


def test_without_an_origin_nothing_is_allowed(nginx: Nginx) -> None:
    answer = nginx.ask(f"{SITE}/own")
    assert answer.status == 200 and answer["access-control-allow-origin"] == "" and "Origin" in answer.every("vary")


def test_a_plain_options_request_is_the_application_s(nginx: Nginx, service: Service) -> None:
    assert nginx.ask(f"{SITE}/thing", "OPTIONS").asked["method"] == "OPTIONS"
    assert nginx.ask(f"{SITE}/thing", "OPTIONS", headers={"Origin": APP}).asked["method"] == "OPTIONS"


def test_anybody_without_credentials(nginx: Nginx) -> None:
    answer = nginx.ask(f"{SITE}/open/own", headers={"Origin": "https://else.example"})
    assert answer["access-control-allow-origin"] == "*" and answer["access-control-allow-credentials"] == ""
    answer = preflight(nginx, "/open/x", "https://else.example")
    assert answer["access-control-allow-origin"] == "*" and answer["access-control-allow-methods"] == "GET, HEAD, POST"


def test_a_route_without_cors_is_the_application_s(nginx: Nginx, service: Service) -> None:
    assert preflight(nginx, "/closed/x", APP).asked["method"] == "OPTIONS"
    assert nginx.ask(f"{SITE}/closed/x", headers={"Origin": APP})["access-control-allow-origin"] == ""


def test_errors_of_nginx_can_be_read_by_scripts(nginx: Nginx) -> None:
    """Else 429, 403 and 502 look like a broken network, and the application on the page cannot wait."""
    for path, status in (("/once/x", 429), ("/inside/x", 403)):
        answers = [nginx.ask(f"{SITE}{path}", headers={"Origin": APP}) for _again in range(2)]
        assert (answers[-1].status, answers[-1]["access-control-allow-origin"]) == (status, APP)
        stranger = nginx.ask(f"{SITE}{path}", headers={"Origin": "https://evil.example"})
        assert (stranger.status, stranger["access-control-allow-origin"]) == (status, "")


def test_errors_of_the_application_can_be_read_by_scripts(nginx: Nginx) -> None:
    answer = nginx.ask(f"{SITE}/fails", headers={"Origin": APP})
    assert (answer.status, answer["access-control-allow-origin"]) == (500, APP)


def test_a_preflight_is_not_limited(nginx: Nginx) -> None:
    """It comes before each call, and carries nothing by which its caller could be known."""
    assert {preflight(nginx, "/once/x", APP).status for _again in range(3)} == {204}
    assert preflight(nginx, "/inside/x", APP).status == 204


def test_a_preflight_beside_websockets(nginx: Nginx) -> None:
    assert preflight(nginx, "/socket/x", APP).status == 204
    upgrade = {"Origin": APP, "Connection": "upgrade", "Upgrade": "websocket"}
    answer = nginx.ask(f"{SITE}/socket/x", headers=upgrade)
    assert answer["access-control-allow-origin"] == APP and ["Upgrade", "websocket"] in answer.asked["headers"]
