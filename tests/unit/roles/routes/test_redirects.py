# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redirects, asked of a real nginx with what a declaration derives."""

from __future__ import annotations

import pytest

from .nginx_runs import Nginx, needs_nginx

pytestmark = needs_nginx


@pytest.mark.parametrize(
    ("asked", "status", "led"),
    [
        # www to the bare name: path and query go along, at the root as well
        ("https://www.shop.example.com/", 308, "https://shop.example.com/"),
        ("https://www.shop.example.com/a/b?c=d&e=f", 308, "https://shop.example.com/a/b?c=d&e=f"),
        # over HTTP first to HTTPS of the same name (what HSTS preloading asks for)
        ("http://www.shop.example.com/a", 308, "https://www.shop.example.com/a"),
        # a path that has moved, with and without a slash, with what is below it
        ("https://shop.example.com/old", 308, "https://shop.example.com/new"),
        ("https://shop.example.com/old/", 308, "https://shop.example.com/new/"),
        ("https://shop.example.com/old/a/b?c", 308, "https://shop.example.com/new/a/b?c"),
        # encoded signs stay as they are: decoded, %0d%0a would be a header of the client's making
        ("https://shop.example.com/old/a%20b%2Fc", 308, "https://shop.example.com/new/a%20b%2Fc"),
        ("https://shop.example.com/old/%0d%0aSet-Cookie:%20a=b", 308, "https://shop.example.com/new/%0d%0aSet-Cookie:%20a=b"),
        # another host is not to be had by slashes
        ("https://shop.example.com/root//evil.example/x", 308, "https://shop.example.com/evil.example/x"),
        ("https://shop.example.com/root/\\evil.example", 308, "https://shop.example.com/\\evil.example"),
        ("https://www.shop.example.com//evil.example", 308, "https://shop.example.com/evil.example"),
        ("https://www.shop.example.com/.evil.example", 308, "https://shop.example.com/.evil.example"),
        # the root alone
        ("https://shop.example.com/", 302, "https://shop.example.com/start"),
        # one page, without its query
        ("https://shop.example.com/page.html?utm=1", 301, "https://docs.example.com/page"),
        # everything to one page
        ("https://shop.example.com/all/of/it?x=1", 307, "https://shop.example.com/one?from=all#top"),
        # what nobody serves leads to the application
        ("https://app.example.com/", 302, "https://app.example.com/app/"),
        ("https://app.example.com/else?x", 302, "https://app.example.com/app/?x"),
        # a name that was given up
        ("https://gone.example.com/x?y", 301, "https://shop.example.com/gone/x?y"),
    ],
)
def test_a_redirect_leads_where_it_says(nginx: Nginx, asked: str, status: int, led: str) -> None:
    answer = nginx.ask(asked)
    assert (answer.status, answer["location"]) == (status, led)
    assert answer["set-cookie"] == ""


@pytest.mark.parametrize("path", ["/older", "/oldest/x", "/old/kept", "/old/kept/x", "/x?y=/old/"])
def test_what_is_beside_a_moved_path_is_served(nginx: Nginx, path: str) -> None:
    assert nginx.ask(f"https://shop.example.com{path}").asked["path"] == path


def test_a_post_keeps_its_method_by_the_status(nginx: Nginx) -> None:
    assert nginx.ask("https://shop.example.com/old/form", "POST", body="a=b").status == 308


def test_a_redirect_has_the_headers_of_its_site(nginx: Nginx) -> None:
    answer = nginx.ask("https://www.shop.example.com/")
    assert answer["strict-transport-security"].startswith("max-age=") and answer["x-request-id"]


def test_a_certificate_authority_is_answered_for_a_name_that_leads_elsewhere(nginx: Nginx) -> None:
    assert nginx.ask("http://www.shop.example.com/.well-known/acme-challenge/x").status == 404
