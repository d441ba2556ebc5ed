# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx's configuration is read as nginx reads it."""

from __future__ import annotations

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.adopt.survey import nginx
from ansible_collections.latentum.ops.plugins.module_utils.nginx.config_tree import NginxSyntax, dumped, load, of_dump

from ..adopt.hosts import Neighbour, process, recorded


def tree(text: str, **files: str) -> list[object]:
    """A configuration as nested lists, for short tests."""
    named = {f"/etc/nginx/{name.replace('_', '.')}": content for name, content in files.items()}

    def plain(directives: object) -> list[object]:
        return [
            [one.name, *one.words] if one.block is None else [one.name, *one.words, plain(one.block)]
            for one in directives  # type: ignore[attr-defined]
        ]

    texts = {"/etc/nginx/nginx.conf": text, **named}
    return plain(load("/etc/nginx/nginx.conf", texts.get, lambda pattern: sorted(path for path in named if pattern.endswith("*.conf"))))


LUA = """
location /x {
    content_by_lua_block {
        -- a brace } in a comment, and server_name of.nobody;
        local text = "}" .. '}' .. [[ }} ]] .. [==[ ]] } ]==]
        if ngx.var.uri == "/" then ngx.say({ "a" }) end --[[ } ]]
    }
    return 204;
}
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("worker_processes auto;", [["worker_processes", "auto"]]),
        ("a 'b;c' \"d {e}\";", [["a", "b;c", "d {e}"]]),
        (r'a "say \"hi\"" \.php$;', [["a", 'say "hi"', r"\.php$"]]),
        ("a ${name}x $b{c;}", [["a", "${name}x", "$b", [["c"]]]]),
        ("# all; {\na b; # tail }\n#c d;", [["a", "b"]]),
        ("a b#c;", [["a", "b#c"]]),
        ("map $a $b {\n  ~^x 1;\n  'y z' \"\";\n}", [["map", "$a", "$b", [["~^x", "1"], ["y z", ""]]]]),
        (LUA, [["location", "/x", [["content_by_lua_block", []], ["return", "204"]]]]),
        ('if ($a = "}") { return 1; }', [["if", "($a", "=", "}", ")", [["return", "1"]]]]),
        ("\ufeffa b;", [["a", "b"]]),
        ("a\n  b\n  c\n;", [["a", "b", "c"]]),
    ],
)
def test_words_and_blocks(text: str, expected: list[object]) -> None:
    assert tree(text) == expected


def test_includes_are_resolved_and_a_circle_ends() -> None:
    assert tree("include one.conf; include missing.conf; a b;", one_conf="c d; include nginx.conf; include one.conf;") == [
        ["c", "d"],
        ["a", "b"],
    ]


@pytest.mark.parametrize("text", ["server { listen 80;", "a 'b;", "a b"])
def test_what_has_no_end_is_refused(text: str) -> None:
    if text == "server { listen 80;":
        assert tree(text) == [["server", [["listen", "80"]]]]  # as much as is known of it
        return
    with pytest.raises(NginxSyntax, match="ends within"):
        tree(text)


def test_a_real_dump() -> None:
    files = dumped(recorded("nginx-T.txt"))
    assert next(iter(files)) == "/etc/nginx/nginx.conf" and len(files) == 4
    plain, tls = nginx.servers(of_dump(files))
    assert plain.names == ("shop.example.test", "www.shop.example.test") and plain.listens == ("80", "[::]:80") and plain.line == 1
    assert tls.names == ("shop.example.test", r"~^(?<sub>[a-z]+)\.shop\.example\.test$")
    assert tls.upstreams == ("http://127.0.0.1:3000", "http://unix:/run/shop.sock", "unix:/run/php/php8.2-fpm.sock")
    assert tls.roots == ("/srv/shop/${host}/public", "/srv/shop/static/") and tls.password
    assert tls.certificates == ("/etc/letsencrypt/live/shop.example.test/fullchain.pem",)


FILES = {
    "/etc/nginx/nginx.conf": "http { include /etc/nginx/conf.d/*.conf; root /srv/all; }\nstream { include stream.conf; }\n",
    "/etc/nginx/conf.d/a.conf": "server { server_name a.test; location / { return 200; } }",
    "/etc/nginx/conf.d/.hidden.conf": "server { server_name hidden.test; }",
    "/etc/nginx/stream.conf": "upstream pg { server 10.0.0.5:5432; }\nserver { listen 5433; proxy_pass pg; }",
}


def test_files_are_read_where_nginx_does_not_run() -> None:
    """``nginx -T`` of an nginx that never ran makes folders and logs."""
    (site, stream) = nginx.sites(Neighbour(files=FILES, outputs={"nginx -T": recorded("nginx-T.txt")}))
    assert site.names == ("a.test",) and site.roots == ("/srv/all",) and site.listens == ("80",)
    assert stream.upstreams == ("10.0.0.5:5432",) and stream.listens == ("5433",)


def test_the_running_one_is_asked_and_its_files_are_read_when_it_refuses() -> None:
    running = [process("nginx", "nginx: master process /usr/sbin/nginx -g daemon on;", unit="nginx.service")]
    assert len(nginx.sites(Neighbour(FILES, {"nginx -T": recorded("nginx-T.txt")}, running))) == 2
    assert nginx.sites(Neighbour(FILES, {}, running))[0].names == ("a.test",)


def test_a_configuration_elsewhere_is_found() -> None:
    other = [process("nginx", "nginx: master process /opt/nginx/sbin/nginx -c /opt/nginx/nginx.conf")]
    (site,) = nginx.sites(Neighbour({"/opt/nginx/nginx.conf": "http { server { server_name b.test; } }", **FILES}, {}, other))
    assert site.names == ("b.test",)


def test_no_nginx_is_no_site() -> None:
    assert nginx.sites(Neighbour()) == []
