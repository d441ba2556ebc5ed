# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What routes have beyond a path and a port: refusals, and what is derived."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.claims import Place
from ansible_collections.latentum.ops.plugins.module_utils.contracts.routes import IDENTITY, Routes
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import load, problems
from ansible_collections.latentum.ops.plugins.module_utils.declaration.network.derive import loopback_ports
from ansible_collections.latentum.ops.plugins.module_utils.declaration.routes import derive
from ansible_collections.latentum.ops.plugins.module_utils.declaration.together import loader as together
from ansible_collections.latentum.ops.plugins.module_utils.declaration.together.given import given

from ..samples import COMPOSE, changed

ROUTE = "routes[0]"
STREAM = {"port": 8883, "service": "web", "service_port": 1883}
# (what is written where …, key of the error, value in it, a part of what to write instead)
CASES: list[tuple[str, list[tuple[str, Any]], str, str, str]] = [
    # Redirects
    ("redirects not a list", [("redirects", {"domain": "a"})], "redirects", "a mapping", "write a list"),
    ("no name", [("redirects", [{"to": "/x"}])], "redirects[0].domain", "nothing", "add domain: www.example.com"),
    ("no target", [("redirects", [{"domain": "old.example.com"}])], "redirects[0].to", "nothing", "add to: https://example.com"),
    (
        "target a name",
        [("redirects", [{"domain": "old.example.com", "to": "example.com/x"}])],
        "redirects[0].to",
        '"example.com/x"',
        "write https://example.com/x",
    ),
    (
        "target without scheme",
        [("redirects", [{"domain": "old.example.com", "to": "//evil.example"}])],
        "redirects[0].to",
        '"//evil.example"',
        "write https://evil.example",
    ),
    ("target relative", [("redirects", [{"domain": "old.example.com", "to": "new"}])], "redirects[0].to", '"new"', "write /new"),
    (
        "target with a variable",
        [("redirects", [{"domain": "old.example.com", "to": "https://$http_host/"}])],
        "redirects[0].to",
        '"https://$http_host/"',
        "no $",
    ),
    ("target with a space", [("redirects", [{"domain": "old.example.com", "to": "/a b"}])], "redirects[0].to", '"/a b"', "%20"),
    (
        "target that ends the directive",
        [("redirects", [{"domain": "old.example.com", "to": '/a";'}])],
        "redirects[0].to",
        '"/a\\";"',
        "no quotes",
    ),
    (
        "status",
        [("redirects", [{"domain": "old.example.com", "to": "https://x.example.com", "status": 304}])],
        "redirects[0].status",
        '"304"',
        "write 308",
    ),
    (
        "an alias",
        [("redirects", [{"domain": "www.example.com", "to": "https://app.example.com"}])],
        "redirects[0].domain",
        '"www.example.com"',
        "remove it from routes[0].aliases",
    ),
    (
        "path of an alias",
        [("redirects", [{"domain": "www.example.com", "path": "/x", "to": "/y"}])],
        "redirects[0].domain",
        '"www.example.com"',
        "write domain: app.example.com",
    ),
    (
        "path of a route",
        [("redirects", [{"domain": "app.example.com", "path": "/ws", "to": "/x"}])],
        "redirects[0].path",
        '"app.example.com/ws"',
        "remove one of the two",
    ),
    (
        "root of a route",
        [("redirects", [{"domain": "app.example.com", "to": "/start"}])],
        "redirects[0].path",
        '"app.example.com/"',
        "write exact: true",
    ),
    (
        "exact path of a route",
        [("redirects", [{"domain": "app.example.com", "path": "/ws", "exact": True, "to": "/x"}])],
        "redirects[0].path",
        '"app.example.com/ws"',
        "remove one",
    ),
    (
        "the same twice",
        [
            (
                "redirects",
                [
                    {"domain": "a.example.com", "to": "https://x.example.com"},
                    {"domain": "a.example.com", "path": "/", "to": "https://b.example.com"},
                ],
            )
        ],
        "redirects[1].path",
        '"a.example.com/"',
        "remove one",
    ),
    (
        "in a circle",
        [("redirects", [{"domain": "app.example.com", "path": "/a", "to": "/a/b"}])],
        "redirects[0].to",
        '"/a/b"',
        "the address that serves",
    ),
    (
        "to itself",
        [("redirects", [{"domain": "old.example.com", "to": "https://old.example.com/new"}])],
        "redirects[0].to",
        '"https://old.example.com/new"',
        "the address that serves",
    ),
    (
        "in a circle of two",
        [
            (
                "redirects",
                [{"domain": "a.example.com", "to": "https://b.example.com"}, {"domain": "b.example.com", "to": "https://a.example.com"}],
            )
        ],
        "redirects[0].to",
        '"https://b.example.com"',
        "the address that serves",
    ),
    (
        "query twice",
        [("redirects", [{"domain": "a.example.com", "to": "https://b.example.com/?a=1", "keep_path": False}])],
        "redirects[0].to",
        '"https://b.example.com/?a=1"',
        "keep_query: false",
    ),
    (
        "path after a query",
        [("redirects", [{"domain": "a.example.com", "to": "https://b.example.com/?a=1", "keep_query": False}])],
        "redirects[0].to",
        '"https://b.example.com/?a=1"',
        "keep_path: false",
    ),
    (
        "path of certificates",
        [("redirects", [{"domain": "a.example.com", "path": "/.well-known/acme-challenge", "to": "https://x.example.com"}])],
        "redirects[0].path",
        '"/.well-known/acme-challenge"',
        "another path",
    ),
    # CORS
    ("no origins", [(f"{ROUTE}.cors", {"methods": ["GET"]})], f"{ROUTE}.cors.origins", "nothing", "add origins: [https://app.example.com]"),
    (
        "anybody with cookies",
        [(f"{ROUTE}.cors", {"origins": ["*"], "credentials": True})],
        f"{ROUTE}.cors.credentials",
        "true",
        "name the origins",
    ),
    (
        "anybody and others",
        [(f"{ROUTE}.cors", {"origins": ["*", "https://a.example.com"]})],
        f"{ROUTE}.cors.origins",
        "a list with *",
        "remove *",
    ),
    ("origin null", [(f"{ROUTE}.cors", {"origins": ["null"]})], f"{ROUTE}.cors.origins[0]", '"null"', "address of the page"),
    (
        "origin without scheme",
        [(f"{ROUTE}.cors", {"origins": ["a.example.com"]})],
        f"{ROUTE}.cors.origins[0]",
        '"a.example.com"',
        "write https://a.example.com",
    ),
    (
        "origin with a slash",
        [(f"{ROUTE}.cors", {"origins": ["https://a.example.com/"]})],
        f"{ROUTE}.cors.origins[0]",
        '"https://a.example.com/"',
        "write https://a.example.com",
    ),
    (
        "origin with the default port",
        [(f"{ROUTE}.cors", {"origins": ["https://a.example.com:443"]})],
        f"{ROUTE}.cors.origins[0]",
        '"https://a.example.com:443"',
        "write https://a.example.com",
    ),
    (
        "origin in capitals",
        [(f"{ROUTE}.cors", {"origins": ["https://A.example.com"]})],
        f"{ROUTE}.cors.origins[0]",
        '"https://A.example.com"',
        "write https://a.example.com",
    ),
    (
        "origin a pattern",
        [(f"{ROUTE}.cors", {"origins": ["https://app*.example.com"]})],
        f"{ROUTE}.cors.origins[0]",
        '"https://app*.example.com"',
        "https://*.example.com",
    ),
    (
        "origin that ends the directive",
        [(f"{ROUTE}.cors", {"origins": ['https://a.example.com";']})],
        f"{ROUTE}.cors.origins[0]",
        '"https://a.example.com\\";"',
        "write https://app",
    ),
    ("method", [(f"{ROUTE}.cors", {"origins": ["*"], "methods": ["get"]})], f"{ROUTE}.cors.methods[0]", '"get"', "in capitals"),
    ("header", [(f"{ROUTE}.cors", {"origins": ["*"], "headers": ["*"]})], f"{ROUTE}.cors.headers[0]", '"*"', "letters, digits and -"),
    ("age", [(f"{ROUTE}.cors", {"origins": ["*"], "max_age": "2d"})], f"{ROUTE}.cors.max_age", '"2d"', "between 0s and 24h"),
    (
        "said twice",
        [(f"{ROUTE}.cors", {"origins": ["*"]}), (f"{ROUTE}.headers", {"access-control-allow-origin": "*"})],
        f"{ROUTE}.headers.access-control-allow-origin",
        '"*"',
        "remove it here",
    ),
    # Wildcards and pages
    ("wildcard for nobody", [("wildcards", ["example.org"])], "wildcards[0]", '"example.org"', "after the first dot"),
    ("wildcard for some names", [("wildcards", ["app.example.com"])], "wildcards[0]", '"app.example.com"', "after the first dot"),
    ("wildcard twice", [("wildcards", ["example.com", "example.com"])], "wildcards[1]", '"example.com"', "remove it"),
    ("wildcard with its star", [("wildcards", ["*.example.com"])], "wildcards[0]", '"*.example.com"', "write each name out"),
    ("page of another status", [("error_pages", {"418": "<p>"})], "error_pages.418", '"<p>"', "did you mean 413"),
    ("page a path", [("error_pages", {"503": "pages/503.html"})], "error_pages.503", '"pages/503.html"', "lookup('ansible.builtin.file'"),
    # Streams
    ("stream to nowhere", [("streams", [{**STREAM, "service": "wbe"}])], "streams[0].service", '"wbe"', "did you mean web?"),
    ("stream on the port of nginx", [("streams", [{**STREAM, "port": 443}])], "streams[0].port", "443", "another port"),
    ("stream on the port of SSH", [("streams", [{**STREAM, "port": 22}])], "streams[0].port", "22", "another port"),
    ("stream twice", [("streams", [STREAM, {**STREAM, "service": "worker"}])], "streams[1].port", "8883", "another port"),
    ("stream opened twice", [("streams", [{**STREAM, "port": 9443}])], "firewall[0].port", "9443", "remove firewall[0]"),
    (
        "stream with TLS over UDP",
        [("streams", [{**STREAM, "protocol": "udp", "tls": "a.example.com"}])],
        "streams[0].tls",
        '"a.example.com"',
        "protocol: tcp",
    ),
    (
        "stream told over UDP",
        [("streams", [{**STREAM, "protocol": "udp", "proxy_protocol": True}])],
        "streams[0].proxy_protocol",
        "true",
        "protocol: tcp",
    ),
    (
        "stream with the name of an alias",
        [("streams", [{**STREAM, "tls": "www.example.com"}])],
        "streams[0].tls",
        '"www.example.com"',
        "write tls: app.example.com",
    ),
    (
        "stream to a port that is not exposed",
        [("streams", [{**STREAM, "service": "worker"}]), ("compose.services.worker.expose", ["3000"])],
        "streams[0].service_port",
        "1883",
        "write 3000",
    ),
    ("stream with a cookie", [("streams", [{**STREAM, "balance": "sticky"}])], "streams[0].balance", '"sticky"', "least_conn"),
    (
        "stream on a published port",
        [("streams", [STREAM]), ("compose.services.worker.ports", ["127.0.0.1:8883:1"]), ("compose.networks.backend", {"internal": False})],
        "streams[0].port",
        "8883",
        "remove ports: from worker",
    ),
    # Limits
    ("connections", [(f"{ROUTE}.connections", 0)], f"{ROUTE}.connections", "0", "from 1 to"),
    # Protocols
    ("protocol", [(f"{ROUTE}.protocol", "h2c")], f"{ROUTE}.protocol", '"h2c"', "http, https, grpc, grpcs"),
    ("gRPC and WebSockets", [("routes[1].protocol", "grpc")], "routes[1].websocket", "true", "remove it"),
    (
        "gRPC without its path",
        [("routes[2].protocol", "grpc"), ("routes[2].strip_prefix", True)],
        "routes[2].strip_prefix",
        "true",
        "remove it",
    ),
    (
        "gRPC from browsers",
        [("routes[2].protocol", "grpc"), ("routes[2].cors", {"origins": ["*"]})],
        "routes[2].cors",
        "a mapping",
        "remove it",
    ),
    ("gRPC kept", [("routes[2].protocol", "grpc"), ("routes[2].cache", {})], "routes[2].cache", "a mapping", "remove cache"),
    # Caches
    ("WebSockets kept", [("routes[1].cache", {"valid": "1m"})], "routes[1].cache", "a mapping", "remove cache:, or websocket"),
    (
        "pieces kept",
        [(f"{ROUTE}.cache", {"valid": "1m"}), (f"{ROUTE}.buffering", False)],
        f"{ROUTE}.cache",
        "a mapping",
        "remove cache:, or buffering",
    ),
    ("no place", [(f"{ROUTE}.cache", {"size": 0})], f"{ROUTE}.cache.size", '"0"', "write 100m"),
    ("cookie", [(f"{ROUTE}.cache", {"personal_cookies": ["a=b"]})], f"{ROUTE}.cache.personal_cookies[0]", '"a=b"', "such as sessionid"),
    ("cookie without a variable", [(f"{ROUTE}.cache", {"key_cookies": ["a-b"]})], f"{ROUTE}.cache.key_cookies[0]", '"a-b"', "digits and _"),
    ("valid for ever", [(f"{ROUTE}.cache", {"valid": "90d"})], f"{ROUTE}.cache.valid", '"90d"', "between 1s and 30d"),
    # Static files
    ("elsewhere", [("routes[1].static", {"immutable": ["/assets"]})], "routes[1].static.immutable[0]", '"/assets"', "write /ws/assets"),
    (
        "a pattern",
        [(f"{ROUTE}.static", {"immutable": ["/assets/*"]})],
        f"{ROUTE}.static.immutable[0]",
        '"/assets/*"',
        "letters, digits and /",
    ),
    (
        "a page that leaves",
        [(f"{ROUTE}.static", {"fallback": "/../etc/passwd"})],
        f"{ROUTE}.static.fallback",
        '"/../etc/passwd"',
        "letters, digits and /",
    ),
    ("hidden", [(f"{ROUTE}.static", {"image_files": "/app"})], f"{ROUTE}.static.immutable", "nothing", "write immutable: [/assets]"),
    (
        "a relative folder",
        [(f"{ROUTE}.static", {"immutable": ["/assets"], "image_files": "dist"})],
        f"{ROUTE}.static.image_files",
        '"dist"',
        "/",
    ),
    (
        "kept for ever",
        [(f"{ROUTE}.static", {"immutable": ["/assets"], "image_files": "/app", "keep": "2000d"})],
        f"{ROUTE}.static.keep",
        '"2000d"',
        "between 0s and 366d",
    ),
    (
        "a route itself",
        [("routes[1].static", {"immutable": ["/ws"], "image_files": "/app"})],
        "routes[1].static.immutable[0]",
        '"/ws"',
        "a folder below the path of the route",
    ),
    (
        "named twice",
        [(f"{ROUTE}.static", {"immutable": ["/assets", "/assets/"], "image_files": "/app"})],
        f"{ROUTE}.static.immutable[1]",
        '"/assets"',
        "remove one of the two",
    ),
    (
        "kept twice",
        [(f"{ROUTE}.static", {"fallback": "/i.html"}), (f"{ROUTE}.headers", {"Cache-Control": "no-store"})],
        f"{ROUTE}.headers.Cache-Control",
        '"no-store"',
        "remove one",
    ),
    # Lines of nginx
    (
        "closes its location",
        [(f"{ROUTE}.snippet", "} location /x { return 200;")],
        f"{ROUTE}.snippet",
        '"} location /x { return 200;"',
        "remove the }",
    ),
    (
        "leaves a block open",
        [(f"{ROUTE}.snippet", "if ($arg_a) { return 404;")],
        f"{ROUTE}.snippet",
        '"if ($arg_a) { return 404;"',
        "add the }",
    ),
    ("leaves a quote open", [(f"{ROUTE}.snippet", 'add_header A "b;')], f"{ROUTE}.snippet", '"add_header A \\"b;"', "close it"),
    ("without a semicolon", [(f"{ROUTE}.snippet", "gzip off")], f"{ROUTE}.snippet", '"gzip off"', "with its semicolon"),
    ("a comment alone", [(f"{ROUTE}.snippet", "# nothing")], f"{ROUTE}.snippet", '"# nothing"', "write directives"),
    ("hidden by a comment", [(f"{ROUTE}.snippet", "gzip off; # }\n}")], f"{ROUTE}.snippet", '"gzip off; # }\\n}"', "remove the }"),
]


@pytest.mark.parametrize(("changes", "key", "value", "fix"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_cannot_stand_is_refused(changes: list[tuple[str, Any]], key: str, value: str, fix: str) -> None:
    (problem,) = problems(changed(*changes))
    assert (problem.key, problem.value) == (key, value)
    assert fix in problem.fix and problem.problem


@pytest.mark.parametrize(
    "changes",
    [
        [("redirects", [{"domain": "old.example.com", "to": "https://app.example.com"}])],
        [("redirects", [{"domain": "app.example.com", "path": "/", "exact": True, "to": "/start"}])],
        [("redirects", [{"domain": "app.example.com", "path": "/x", "to": "/ws/x"}])],  # below a longer path, which serves
        [
            (
                "redirects",
                [{"domain": "a.example.com", "to": "https://b.example.com"}, {"domain": "b.example.com", "to": "https://c.example.com"}],
            )
        ],
        [("redirects", [{"domain": "a.example.com", "to": "/x/", "exact": True}, {"domain": "a.example.com", "to": "/y", "path": "/z"}])],
        [
            (
                "redirects",
                [
                    {"domain": "a.example.com", "to": "/one", "keep_path": False},
                    {"domain": "a.example.com", "path": "/one", "to": "https://b.example.com"},
                ],
            )
        ],
        [(f"{ROUTE}.snippet", 'if ($arg_a = \'}\') { return 404; }\n# a quote " and a brace }\nadd_header A "${host} ; { ";')],
        [(f"{ROUTE}.snippet", 'proxy_cookie_path / "/; SameSite=Lax"; # a comment }')],
        [("routes[2].protocol", "grpc")],
        [("routes[2].protocol", "https"), (f"{ROUTE}.connections", 5)],
    ],
)
def test_what_can_stand(changes: list[tuple[str, Any]]) -> None:
    assert problems(changed(*changes)) == ()


def test_redirects_alone_need_a_contact_and_open_the_ports() -> None:
    stack = {
        "name": "moved",
        "compose": "services: {a: {image: 'a:1'}}",
        "redirects": [{"domain": "a.example.com", "to": "https://b.example.com"}],
    }
    assert [problem.key for problem in problems(stack)] == ["contact"]
    declaration = load({**stack, "contact": "ops@example.com"})
    assert [rule["port"] for rule in derive.firewall_rules(declaration)] == [80, 443]
    assert derive.certificates(declaration) == [{"name": "a.example.com", "domains": ["a.example.com"]}]
    (site,) = derive.nginx_sites(declaration)
    assert (site["name"], site["locations"], site["stack"]) == ("a.example.com", [], "moved")
    moved = {"path": "/", "to": "https://b.example.com", "status": 308, "exact": False, "keep_path": True, "keep_query": True}
    assert site["redirects"] == [moved]


def test_a_name_that_leads_elsewhere_belongs_to_the_stack() -> None:
    declaration = load(changed(("redirects", [{"domain": "old.example.com", "to": "https://app.example.com"}])))
    assert Place("old.example.com", frozenset({"/"})) in [claim.value for claim in derive.claims(declaration)]


def test_a_site_without_them_is_what_it_was() -> None:
    (site, _other) = derive.nginx_sites(load(changed()))
    known = {"path", "route", "service", "upstream", "websocket", "body_limit", "timeout", "rate_limit", "headers", "allow_from"}
    known |= {"strip_prefix", "buffering"}
    assert set(site) == {"name", "domain", "aliases", "certificate", "locations", "stack"}
    assert set(site["locations"][0]) == known and set(site["locations"][0]["rate_limit"]) == {"requests", "per", "burst"}
    assert set(derive.nginx_upstreams(load(changed()))[0]) == {"name", "project", "service", "port", "balance", "keepalive"}


def test_wildcards_of_origins_are_names_below() -> None:
    declaration = load(changed((f"{ROUTE}.cors", {"origins": ["https://*.example.com:8443", "http://localhost:3000"]})))
    cors = derive.nginx_sites(declaration)[0]["locations"][0]["cors"]
    assert cors["origins"] == ["http://localhost:3000"]
    assert cors["patterns"] == [r"^https://[a-z0-9-]+([.][a-z0-9-]+)*\.example\.com:8443$"]


def test_messages_of_a_stream_are_not_limited_together() -> None:
    declaration = load(changed(("routes[2].protocol", "grpc"), ("routes[2].body_limit", None)))
    assert derive.nginx_sites(declaration)[1]["locations"][0]["body_limit"] == "0"


def test_only_an_upstream_that_is_kept_has_a_generation() -> None:
    upstreams = derive.nginx_upstreams(load(changed((f"{ROUTE}.cache", {}))))
    assert [upstream.get("generation", False) for upstream in upstreams] == [True]


def test_ports_on_loopback() -> None:
    ports = ["127.0.0.1:5434:5432", "[::1]:5435:5432", "127.0.0.1:9000-9001:9000-9001", "127.0.0.1:53:53/udp", "127.0.0.1::7", "8000:80"]
    changes = [("compose.services.worker.ports", ports), ("compose.networks.backend", {"internal": False})]
    declaration = load(changed(*changes, ("services.worker", {"allow": ["publish_all"]})))
    assert loopback_ports(declaration) == [
        *("127.0.0.1:5434", "localhost:5434", "[::1]:5435", "localhost:5435"),
        *("127.0.0.1:9000", "localhost:9000", "127.0.0.1:9001", "localhost:9001"),
    ]


def test_a_wildcard_is_for_sites_all_of_whose_names_it_covers() -> None:
    declaration = load(changed(("wildcards", ["example.com"]), ("routes[2].domain", "a.b.example.com")))
    assert [site["certificate"] for site in derive.nginx_sites(declaration)] == ["_wildcard.example.com", "a.b.example.com"]
    assert derive.certificates(declaration) == [
        {"name": "_wildcard.example.com", "domains": ["*.example.com", "example.com"]},
        {"name": "a.b.example.com", "domains": ["a.b.example.com"]},
    ]


def test_pages_are_in_every_site() -> None:
    sites = derive.nginx_sites(load(changed(("error_pages", {502: '<p "\\">', "503": "<b>" + "é" * 1500}))))
    assert [len(site["error_pages"]["503"]) for site in sites] == [2, 2]
    assert sites[0]["error_pages"]["502"] == ['<p \\"\\\\\\">']


def test_a_stream_is_an_upstream_an_opening_a_certificate_and_a_claim() -> None:
    stream = {**STREAM, "tls": "mqtt.example.com", "allow_from": ["203.0.113.0/24"]}
    declaration = load(changed(("streams", [stream])))
    upstream = derive.nginx_upstreams(declaration)[-1]
    assert (upstream["name"], upstream["port"], upstream["keepalive"]) == ("acme_web_1883_tcp_8883", 1883, 0)
    fixed = {"port": 8883, "protocol": "tcp", "tls": "mqtt.example.com", "proxy_protocol": False, "timeout": 600}
    assert upstream["stream"] == {**fixed, "allow_from": ["203.0.113.0/24"]}
    rule = {"action": "allow", "port": 8883, "protocol": "tcp", "from": ["203.0.113.0/24"], "comment": "acme web"}
    assert derive.firewall_rules(declaration)[-1] == rule
    assert {"name": "mqtt.example.com", "domains": ["mqtt.example.com"]} in derive.certificates(declaration)
    assert [site["locations"] for site in derive.nginx_sites(declaration) if site["domain"] == "mqtt.example.com"] == [[]]


def test_two_stacks_do_not_share_a_port() -> None:
    stacks = [changed(("streams", [STREAM])), {"name": "other", "compose": COMPOSE, "streams": [STREAM]}]
    found = [(problem.key, problem.value) for problem in together.problems(given(None, stacks, None))]
    assert ("other: streams[0].port", '"8883:1883"') in found, found


def test_a_change_of_a_stream_is_another_release_and_none_changes_nothing() -> None:
    plain = derive.nginx_upstreams(load(changed()))
    streams = [derive.nginx_upstreams(load(changed(("streams", [{**STREAM, "timeout": seconds}])))) for seconds in (60, 61)]
    identities = [Routes(tuple(upstreams)).identity()["upstreams"] for upstreams in (plain, *streams)]
    assert identities[1] != identities[2] and identities[1][:-1] == identities[0]
    assert all(len(upstream) == len(IDENTITY) for upstream in identities[0])


def test_a_page_to_log_in_is_refused_with_grpc() -> None:
    forward = {"url": "http://127.0.0.1:9091/verify", "login": "https://auth.example.com/"}
    route = {"domain": "rpc.example.com", "service": "web", "port": 9000, "protocol": "grpc"}
    (problem,) = problems(changed(("routes[3]", {**route, "auth": {"forward": forward}})))
    assert problem.key == "routes[3].auth.forward.login" and "a client of gRPC is none" in problem.problem
    assert not problems(changed(("routes[3]", {**route, "auth": {"forward": {"url": forward["url"]}}})))


@pytest.mark.parametrize(
    ("option", "key", "text"),
    [
        ({"cache": {"valid": "10m"}}, "cache", "keeps answers for everybody"),
    ],
)
def test_what_authentication_could_not_hold_for_is_refused_beside_it(option: dict[str, Any], key: str, text: str) -> None:
    """An answer that was kept for one caller would be given to another."""
    auth = {"auth": {"api_key": {"keys": {"partner": "partner_key"}}}}
    routes = [{"domain": "acme.example.com", "service": "web", "port": 8080, **option, **auth}]
    secrets = [("secrets.partner_key", {"kind": "token"})]
    assert {
        problem.key: problem.problem for problem in problems(changed(("routes", routes), *secrets)) if text in problem.problem
    }.keys() == {f"{ROUTE}.{key}"}
    for alone in (option, auth):
        given_alone = [{"domain": "acme.example.com", "service": "web", "port": 8080, **alone}]
        assert not [problem for problem in problems(changed(("routes", given_alone), *secrets)) if text in problem.problem]
