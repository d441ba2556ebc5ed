# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Web applications of static files, and lines of nginx in a declaration, asked of a real nginx."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .nginx_runs import Answer, Nginx, Service, needs_nginx

pytestmark = needs_nginx
SITE = "https://static.example.com"
HTML = {"Content-Type": "text/html"}
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
MISSING = (404, {"Content-Type": "text/html", "Cache-Control": "max-age=3600"}, "nothing here")


@pytest.fixture(autouse=True)
def files(service: Service) -> Iterator[None]:
    """What the service has: it allows an hour for everything, as many file servers do."""
    hour = {"Cache-Control": "max-age=3600", "Expires": "Thu, 01 Jan 2099 00:00:00 GMT"}
    script = (200, {"Content-Type": "application/javascript", **hour}, "script")
    there = {
        "/": (200, {**HTML, **hour}, "index"),
        "/index.html": (200, {**HTML, **hour}, "index"),
        "/assets/app.3f2a.js": script,
        "/fonts/a.woff2": (200, {"Content-Type": "font/woff2", **hour}, "font"),
        "/favicon.ico": (200, {"Content-Type": "image/x-icon", **hour}, "icon"),
        "/unchanged": (304, hour, ""),
        "/assets/unchanged.js": (304, hour, ""),
        "/busy": (503, {"Content-Type": "text/plain"}, "busy"),
        **{path: MISSING for path in ("/orders/7", "/orders/7.5", "/assets/gone.js", "/assets/gone", "/missing.png", "/api/none")},
    }
    service.replies.update(there)
    yield
    service.replies.clear()


def ask(nginx: Nginx, path: str, method: str = "GET", **headers: str) -> Answer:
    return nginx.ask(f"{SITE}{path}", method, headers=headers or BROWSER)


@pytest.mark.parametrize("path", ["/", "/index.html", "/orders/7"])
def test_a_page_is_asked_for_each_time(nginx: Nginx, path: str) -> None:
    """Kept for an hour it would name files that the next release does not have."""
    answer = ask(nginx, path)
    assert (answer.status, answer.body, answer["cache-control"]) == (200, "index", "no-cache")


@pytest.mark.parametrize("path", ["/assets/app.3f2a.js", "/fonts/a.woff2"])
def test_files_with_a_hash_are_kept(nginx: Nginx, path: str) -> None:
    assert ask(nginx, path)["cache-control"] == "public, max-age=31536000, immutable"


def test_other_files_are_kept_as_the_service_says(nginx: Nginx) -> None:
    assert ask(nginx, "/favicon.ico")["cache-control"] == "max-age=3600"


def test_not_modified_says_the_same(nginx: Nginx) -> None:
    """A browser takes the headers of a 304 over those that it has."""
    assert ask(nginx, "/unchanged")["cache-control"] == "no-cache"
    assert ask(nginx, "/assets/unchanged.js")["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("path", ["/orders/7", "/orders/7.5"])
def test_a_deep_link_gets_the_page_of_the_application(nginx: Nginx, path: str) -> None:
    answer = ask(nginx, path)
    assert (answer.status, answer.body, answer["content-type"]) == (200, "index", "text/html")
    assert ask(nginx, path, "HEAD").status == 200


def test_a_missing_script_is_missing(nginx: Nginx) -> None:
    """With the page in its place browsers say "Unexpected token '<'", and keep it for a year."""
    answer = ask(nginx, "/assets/gone.js", Accept="*/*")
    assert (answer.status, answer["cache-control"]) == (404, "no-store")
    assert ask(nginx, "/missing.png", Accept="image/avif,image/webp,*/*").status == 404


def test_nothing_below_immutable_paths_is_a_page(nginx: Nginx) -> None:
    assert ask(nginx, "/assets/gone").status == 404


def test_calls_and_forms_are_no_pages(nginx: Nginx) -> None:
    assert ask(nginx, "/orders/7", Accept="application/json").status == 404
    assert ask(nginx, "/orders/7", "POST").status == 404
    assert ask(nginx, "/api/none").body == "nothing here"  # another route


def test_errors_have_the_pages_of_nginx(nginx: Nginx) -> None:
    assert ask(nginx, "/busy").status == 503


def test_nobody_leaves_the_folder(nginx: Nginx, service: Service) -> None:
    """Nothing of this is a file of the host: paths are normalized, and go to the service."""
    for path in ("/assets../etc/passwd", "/assets/..%2f..%2fetc/passwd", "/assets/%2e%2e/%2e%2e/etc/passwd", "/../etc/passwd"):
        answer = ask(nginx, path)
        assert "root:" not in answer.body and (answer.status in (400, 404) or "immutable" not in answer["cache-control"])


def test_lines_of_nginx_are_in_their_location(nginx: Nginx) -> None:
    assert nginx.ask("https://snippet.example.com/")["x-snippet"] == "a } b"
    assert nginx.ask("https://snippet.example.com/?teapot=1").status == 406
