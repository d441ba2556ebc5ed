# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits, and headers that no client may set, asked of a real nginx."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler

import pytest

from .nginx_runs import Answer, Nginx, Service, needs_nginx

pytestmark = needs_nginx
SITE = "https://limits.example.com"


def test_thirty_a_minute_with_a_burst(nginx: Nginx) -> None:
    """What Market ML wants of /predict: the burst is answered at once, and not delayed."""
    statuses = [nginx.ask(f"{SITE}/predict").status for _again in range(6)]
    assert set(statuses) == {200}
    # How many more the rate lets pass is the speed of this machine.
    assert 429 in (nginx.ask(f"{SITE}/predict").status for _again in range(60))
    answers = (nginx.ask(f"{SITE}/predict/x") for _again in range(5))  # the same zone: alone it would let seven pass
    assert next(answer["retry-after"] for answer in answers if answer.status == 429) == "1"


def test_requests_of_one_client_at_a_time(nginx: Nginx, service: Service) -> None:
    going, done = threading.Semaphore(0), threading.Event()

    def slow(_request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], str]:
        going.release()
        done.wait(10)
        return 200, {}, ""

    service.replies["/few/slow"] = slow
    answers: list[Answer] = []
    callers = [threading.Thread(target=lambda: answers.append(nginx.ask(f"{SITE}/few/slow"))) for _caller in range(2)]
    for caller in callers:
        caller.start()
    for _caller in callers:
        assert going.acquire(timeout=10)
    assert nginx.ask(f"{SITE}/few/x").status == 429
    assert nginx.ask("https://shop.example.com/x").status == 200
    done.set()
    for caller in callers:
        caller.join(10)
    assert [answer.status for answer in answers] == [200, 200]
    assert nginx.ask(f"{SITE}/few/x").status == 200


FORGED = {
    "X-Forwarded-For": "198.51.100.1",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Port": "81",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Server": "evil.example",
    "X-Forwarded-Scheme": "http",
    "X-Forwarded-Ssl": "off",
    "Front-End-Https": "off",
    "X-Real-IP": "198.51.100.1",
    "Forwarded": "for=198.51.100.1;host=evil.example",
    "X-Original-URL": "/admin",
    "X-Rewrite-URL": "/admin",
    "Proxy": "http://evil.example",
    "X-Request-ID": "bad id\twith spaces",
}


def told(nginx: Nginx, path: str, forged: dict[str, str]) -> dict[str, list[str]]:
    """What the service is told, by header in lower case."""
    headers: dict[str, list[str]] = {}
    for name, value in nginx.ask(f"{SITE}{path}", headers=forged).asked["headers"]:
        headers.setdefault(name.lower(), []).append(value)
    return headers


def test_a_client_cannot_say_who_it_is(nginx: Nginx) -> None:
    """The application reads these as said by its proxy: addresses in logs and limits, links in mails, paths that it checks."""
    headers = told(nginx, "/few/x", FORGED)
    assert headers["x-forwarded-for"] == headers["x-real-ip"] == ["127.0.0.1"]
    assert headers["x-forwarded-proto"] == ["https"] and headers["x-forwarded-host"] == headers["host"] == ["limits.example.com"]
    gone = {"x-forwarded-prefix", "x-forwarded-server", "x-forwarded-scheme", "x-forwarded-ssl", "front-end-https"}
    gone |= {"forwarded", "x-original-url", "x-rewrite-url", "proxy"}
    assert not gone & set(headers)
    assert "evil" not in str(headers) and "198.51.100.1" not in str(headers)


def test_the_same_with_several_and_other_spellings(nginx: Nginx) -> None:
    spelt = {**{name.lower(): value for name, value in FORGED.items()}, "X_Forwarded_For": "198.51.100.1", "x-real-ip": "198.51.100.2"}
    headers = told(nginx, "/few/x", spelt)
    assert "198.51.100" not in str(headers) and headers["x-forwarded-for"] == ["127.0.0.1"]


def test_the_prefix_is_the_route_s_own(nginx: Nginx) -> None:
    assert told(nginx, "/prefix/x", FORGED)["x-forwarded-prefix"] == ["/prefix"]


@pytest.mark.parametrize(
    ("given", "kept"), [("abcDEF-123", True), ("short", False), ("a" * 65, False), ("../../etc/passwd", False), ("${jndi:ldap}", False)]
)
def test_an_identifier_is_taken_when_it_is_a_plain_one(nginx: Nginx, given: str, kept: bool) -> None:
    answer = nginx.ask(f"{SITE}/few/x", headers={"X-Request-ID": given})
    (identifier,) = [value for name, value in answer.asked["headers"] if name == "X-Request-ID"]
    assert (identifier == given) is kept and answer["x-request-id"] == identifier
