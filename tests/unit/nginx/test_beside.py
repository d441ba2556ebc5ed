# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An nginx of others goes on answering as before: ours are read after theirs, and listen where they do."""

from __future__ import annotations

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.nginx.beside import PLACES, hiding, ipv4_only, place, set_by_others, theirs
from ansible_collections.latentum.ops.plugins.module_utils.nginx.config_tree import load

CONF_D, ENABLED = PLACES


@pytest.mark.parametrize(
    ("main", "expected"),
    {
        "Debian": ("http { include /etc/nginx/conf.d/*.conf; include /etc/nginx/sites-enabled/*; }", ENABLED),
        "nginx.org": ("http { include /etc/nginx/conf.d/*.conf; }", CONF_D),
        "the other way round": ("http { include /etc/nginx/sites-enabled/*; include /etc/nginx/conf.d/*.conf; }", CONF_D),
        "relative": ("http { include conf.d/*.conf; }", CONF_D),
        "quoted": ('http { include "conf.d/*.conf"; }', CONF_D),
        "sites with an ending": ("http { include conf.d/*.conf; include sites-enabled/*.conf; }", ENABLED),
        "a comment": ("http { include conf.d/*.conf; # include sites-enabled/*;\n}", CONF_D),
        "files by name": ("http { include conf.d/shop.conf; }", ""),
        "folders of their own": ("http { include vhosts/*; }", ""),
    }.values(),
)
def test_ours_are_read_last(main: str, expected: str) -> None:
    assert place(main) == expected


@pytest.mark.parametrize(
    ("listens", "ports"),
    [
        (["80", "443 ssl"], [80, 443]),
        (["80 default_server", "[::]:80 default_server", "443 ssl"], [443]),
        (["443 ssl", "[2001:db8::7]:443 ssl"], []),
        (["[::]:443 ssl ipv6only=off"], []),
        (["203.0.113.7:8443 ssl", "localhost"], [80, 8443]),
        (["unix:/run/nginx.sock"], []),
        ([], []),
    ],
)
def test_ports_where_nobody_answers_by_ipv6(listens: list[str], ports: list[int]) -> None:
    assert ipv4_only(listens) == ports


def test_addresses_that_never_come_to_ours() -> None:
    listens = ["80", "203.0.113.7:443 ssl", "[2001:db8::7]:443 ssl", "127.0.0.1:80", "*:443", "203.0.113.7:9000", "www.example.test"]
    assert hiding(listens) == ["203.0.113.7:443", "[2001:db8::7]:443", "www.example.test:80"]


def test_what_others_have_set_for_all() -> None:
    files = {
        "/etc/nginx/nginx.conf": f"gzip on; http {{ sendfile on; include {CONF_D}; server {{ gzip off; }} }}",
        CONF_D: "keepalive_min_timeout 2s;",
    }
    assert set_by_others(load("/etc/nginx/nginx.conf", files.get, lambda pattern: [pattern])) == ["sendfile", "server"]


def test_theirs_are_told_from_ours() -> None:
    files = {
        "/etc/nginx/nginx.conf": f"http {{ include {CONF_D}; include sites.d/shop.conf; include old.conf; }} stream {{ include stream; }}",
        "/etc/nginx/stream": "server { listen 5432; }",
        CONF_D: "server { listen 127.0.0.1:8081; }",
        "/etc/nginx/sites.d/shop.conf": "server { listen [::]:443 ssl; }",
        "/etc/nginx/old.conf": "server { listen 443 ssl; listen 8443 ssl http2; }\nserver { server_name bare.example.test; }",
    }
    assert list(theirs(load("/etc/nginx/nginx.conf", files.get, lambda pattern: [pattern]))) == ["443 ssl", "8443 ssl http2", "80"]
