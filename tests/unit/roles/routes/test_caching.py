# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that nginx keeps, asked of a real nginx."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.upstreams import upstreams_from
from ansible_collections.latentum.ops.plugins.module_utils.nginx import sync

from .declared_site import Declared
from .nginx_runs import Answer, Nginx, Service, needs_nginx

pytestmark = needs_nginx
SITE = "https://cache.example.com"
paths = (f"/page{number}" for number in itertools.count())


@pytest.fixture(autouse=True)
def counted(service: Service) -> Iterator[None]:
    """An application whose every answer is another one."""
    numbers = itertools.count()

    class Replies(dict[str, Any]):
        def get(self, path: str, default: Any = None) -> Any:
            return super().get(path) or (lambda _request: (200, {"Content-Type": "text/plain"}, f"answer {next(numbers)}"))

    before, service.replies = service.replies, Replies()
    yield
    service.replies = before


def twice(nginx: Nginx, path: str, *, first: dict[str, str] | None = None, then: dict[str, str] | None = None) -> tuple[Answer, Answer]:
    return nginx.ask(f"{SITE}{path}", headers=first or {}), nginx.ask(f"{SITE}{path}", headers=then or {})


def is_kept(nginx: Nginx, path: str, *, first: dict[str, str] | None = None, then: dict[str, str] | None = None) -> bool:
    """The second request gets the answer of the first."""
    one, two = twice(nginx, path, first=first, then=then)
    assert (one.body == two.body) == (two["x-cache-status"] == "HIT"), (one, two)
    return one.body == two.body


def with_headers(service: Service, path: str, headers: dict[str, str], status: int = 200) -> None:
    numbers = itertools.count()
    service.replies[path] = lambda _request: (status, headers, f"answer {next(numbers)}")


def test_an_answer_is_kept(nginx: Nginx) -> None:
    path = next(paths)
    one, two = twice(nginx, path)
    assert (one["x-cache-status"], two["x-cache-status"], one.body) == ("MISS", "HIT", two.body)


def test_other_queries_are_other_answers(nginx: Nginx) -> None:
    path = next(paths)
    assert nginx.ask(f"{SITE}{path}?a=1").body != nginx.ask(f"{SITE}{path}?a=2").body


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer x"}, {"Cookie": "anything=1"}])
def test_what_one_caller_sees_is_not_given_to_another(nginx: Nginx, headers: dict[str, str]) -> None:
    assert not is_kept(nginx, next(paths), first=headers)
    path = next(paths)
    assert is_kept(nginx, path)
    assert nginx.ask(f"{SITE}{path}", headers=headers)["x-cache-status"] == "BYPASS"  # nor the kept one to it


@pytest.mark.parametrize(
    "headers",
    [
        {"Set-Cookie": "session=1"},
        {"Cache-Control": "private"},
        {"Cache-Control": "no-store"},
        {"Cache-Control": "no-cache"},
        {"Cache-Control": "max-age=0"},
        {"Vary": "*"},
        {"X-Accel-Expires": "0"},
    ],
)
def test_an_answer_that_is_for_one_client_is_not_kept(nginx: Nginx, service: Service, headers: dict[str, str]) -> None:
    path = next(paths)
    with_headers(service, path, headers)
    assert not is_kept(nginx, path)


@pytest.mark.parametrize("status", [404, 403, 500, 502, 503, 204])
def test_errors_are_not_kept(nginx: Nginx, service: Service, status: int) -> None:
    path = next(paths)
    with_headers(service, path, {}, status)
    nginx.ask(f"{SITE}{path}")
    service.replies.pop(path)
    assert nginx.ask(f"{SITE}{path}").status == 200


def test_the_application_says_what_differs(nginx: Nginx, service: Service) -> None:
    path = next(paths)
    with_headers(service, path, {"Vary": "Accept-Language"})
    german = nginx.ask(f"{SITE}{path}", headers={"Accept-Language": "de"})
    assert nginx.ask(f"{SITE}{path}", headers={"Accept-Language": "fr"}).body != german.body


def test_a_post_is_not_answered_from_the_cache(nginx: Nginx, service: Service) -> None:
    path = next(paths)
    assert is_kept(nginx, path)
    service.requests.clear()
    nginx.ask(f"{SITE}{path}", "POST", body="a=b")
    assert service.requests == [f"POST {path}"]


def test_head_and_get_share_an_answer(nginx: Nginx, service: Service) -> None:
    path = next(paths)
    service.requests.clear()
    assert nginx.ask(f"{SITE}{path}", "HEAD").status == 200
    assert nginx.ask(f"{SITE}{path}")["x-cache-status"] == "HIT" and service.requests == [f"GET {path}"]


def test_a_forged_host_does_not_poison_it(nginx: Nginx) -> None:
    """The key has the name that the site was found by, and the service is told the same."""
    path = next(paths)
    poisoned = nginx.ask(f"{SITE}{path}", headers={"X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil"})
    assert "evil" not in poisoned.body and is_kept(nginx, path)


def test_names_of_a_path_are_compared_as_they_are_written(nginx: Nginx, service: Service) -> None:
    """/a%2Fb and /a/b may be different things to the application; keys by the decoded path would mix them."""
    path = next(paths)
    assert nginx.ask(f"{SITE}{path}/a%2Fb").body != nginx.ask(f"{SITE}{path}/a/b").body


def test_declared_keys_and_exceptions(nginx: Nginx) -> None:
    assert is_kept(nginx, "/shop/a", first={"Cookie": "theme=dark"}, then={"Cookie": "theme=light"})
    assert not is_kept(nginx, "/shop/b", first={"Cookie": "theme=dark; sessionid=1"}, then={"Cookie": "sessionid=2"})
    assert not is_kept(nginx, "/shop/c", first={"Cookie": "currency=eur"}, then={"Cookie": "currency=usd"})
    assert not is_kept(nginx, "/shop/d", first={"Accept-Language": "de"}, then={"Accept-Language": "fr"})
    assert not is_kept(nginx, "/shop/e", then={"X-Preview": "1"})
    assert is_kept(nginx, "/shop/f", first={"Cookie": "notsessionid=1"}, then={})
    assert nginx.ask(f"{SITE}/shop/g?utm=1").body == nginx.ask(f"{SITE}/shop/g?utm=2").body


def test_cors_headers_are_those_of_whoever_asks(nginx: Nginx) -> None:
    path = f"/called{next(paths)}"
    answers = [nginx.ask(f"{SITE}{path}", headers={"Origin": origin}) for origin in ("https://evil.example", "https://app.example.com")]
    assert [answer["access-control-allow-origin"] for answer in answers] == ["", "https://app.example.com"]
    assert answers[1]["x-cache-status"] == "HIT"


def test_an_old_answer_serves_while_the_application_fails(nginx: Nginx, service: Service) -> None:
    kept = nginx.ask(f"{SITE}/shop/stale").body
    with_headers(service, "/shop/stale", {}, 503)
    time.sleep(2.2)  # it is valid for a second, and nginx counts whole ones
    answer = nginx.ask(f"{SITE}/shop/stale")
    assert (answer.status, answer.body, answer["x-cache-status"] in ("STALE", "UPDATING")) == (200, kept, True)


def test_a_release_begins_with_an_empty_cache_and_a_rollback_finds_the_old_one(nginx: Nginx, declared: Declared, service: Service) -> None:
    (upstream,) = [upstream for upstream in upstreams_from(declared.upstreams) if upstream.generation]

    def released(generation: str) -> None:
        nginx.write({str(sync.path_of(upstream)): sync.render(upstream, [service.address], generation)})
        nginx.reload()

    path = next(paths)
    old = nginx.ask(f"{SITE}{path}").body
    released("second")
    new = nginx.ask(f"{SITE}{path}")
    assert new["x-cache-status"] == "MISS" and new.body != old
    assert nginx.ask(f"{SITE}{path}").body == new.body
    released("none")
    assert nginx.ask(f"{SITE}{path}").body == old
