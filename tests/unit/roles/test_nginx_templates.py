# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's files, rendered by Ansible for several hosts in one run, and read as nginx reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.nginx import ownership
from ansible_collections.latentum.ops.plugins.module_utils.nginx.sync import MAINTENANCE
from ansible_runs import AnsibleRuns

from .plays import told

ROOT = Path(__file__).resolve().parents[3]
ROLE = ROOT / "roles/nginx"
NEW = {"installed": True, "version": "1.30.6", "openssl_version": "3.5.4", "http2_directive": True, "keepalive_min_timeout": True}
OLD = {"installed": True, "version": "1.22.1", "openssl_version": "3.0.17", "http2_directive": False, "keepalive_min_timeout": False}
SITE = {
    "name": "shop",
    "domain": "shop.example.com",
    "aliases": ["www.shop.example.com"],
    "certificate": "shop.example.com",
    "locations": [
        {"path": "/", "upstream": "shop_web_8080", "body_limit": "2m", "timeout": 30},
        {
            "path": "/api/",
            "upstream": "shop_api_8080",
            "rate_limit": {"requests": 20, "per": "minute", "burst": 40},
            "headers": {"x-frame-options": "DENY", "Strict-Transport-Security": "", "X-Text": 'say "hi"'},
            "allow_from": ["203.0.113.0/24", "2001:db8::/32"],
            "strip_prefix": True,
        },
        {"path": "/ws", "upstream": "shop_api_8080", "websocket": True, "buffering": False, "rate_limit": None, "headers": {}},
    ],
}
UPSTREAMS = [{"name": "shop_web_8080", "project": "shop", "service": "web", "port": 8080, "balance": "least_conn", "keepalive": 32}]
BESIDE = "/etc/nginx/sites-enabled/zz-latentum-ops.conf"
BY_OTHERS = {"post_quantum": True, "ipv6": True, "place": BESIDE, "ipv4_only": [], "set_by_others": []}
VARIANTS: dict[str, dict[str, Any]] = {
    "new": {
        "__nginx_found": {"nginx": {**NEW, "post_quantum": True, "ipv6": True}},
        "nginx_sites": [SITE],
        "nginx_upstreams": UPSTREAMS,
        "nginx_upstreams_name": "shop",
    },
    "old": {
        "__nginx_found": {"nginx": {**OLD, "post_quantum": False, "ipv6": False}},
        "nginx_sites": [SITE],
        "nginx_source": "nginx",
        "nginx_tls_profile": "modern",
        "nginx_status_address": "",
        "nginx_redirect_status": 301,
    },
    "balanced": {
        "__nginx_found": {"nginx": {**NEW, "post_quantum": True, "ipv6": True}},
        "nginx_sites": [],
        "nginx_extra_sites": [
            {
                "name": "plain",
                "domain": "plain.internal",
                "tls": False,
                "locations": [{"path": "/only", "target": "http://127.0.0.1:3000"}],
            },
            {
                "name": "own",
                "domain": "own.example.com",
                "certificate_file": "/etc/own.pem",
                "key_file": "/etc/own.key",
                "headers": {"X-Site": "own"},
                "locations": [{"path": "/", "target": "https://10.0.0.7"}],
            },
            {"name": "moved", "domain": "moved.example.com", "stack": "shop", "redirects": [{"to": "https://shop.example.com"}]},
        ],
        "nginx_real_ip_from": ["10.0.0.0/8"],
        "nginx_proxy_protocol": True,
        "nginx_http_directives": ["proxy_headers_hash_max_size 1024;"],
        "nginx_brotli": False,
        "nginx_unknown_host_status": 404,
    },
    "beside": {
        "__nginx_found": {
            "nginx": {**OLD, "post_quantum": False, "ipv6": True, "place": BESIDE, "ipv4_only": [443], "set_by_others": ["gzip"]}
        },
        "nginx_sites": [SITE],
        "nginx_upstreams": UPSTREAMS,
        "nginx_upstreams_name": "shop",
        "nginx_keep_foreign": True,
        "nginx_http_directives": ["proxy_headers_hash_max_size 1024;"],
    },
}
for name, more in {"new": {}, "set": {"set_by_others": ["keepalive_min_timeout"]}}.items():
    VARIANTS[f"beside {name}"] = {**VARIANTS["beside"], "__nginx_found": {"nginx": {**NEW, **BY_OTHERS, **more}}}
Block = list[Any]
# The files as an action of the collection renders them, without writing them.
RENDER = """
from ansible_collections.latentum.ops.plugins.plugin_utils.rendered import RenderingAction


class ActionModule(RenderingAction):
    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        return {"files": self.rendered(self._task.args["files"], task_vars)}
"""


def words(text: str) -> Iterator[str]:
    """The tokens of nginx's configuration language: words, quoted words, and ``{ } ;``."""
    position = 0
    while position < len(text):
        char = text[position]
        if char in "{};":
            yield char
            position += 1
        elif char.isspace():
            position += 1
        elif char == "#":
            position = text.find("\n", position)
        else:
            word, quote = "", char if char in "\"'" else ""
            position += len(quote)
            while position < len(text) and (text[position] != quote if quote else not (text[position].isspace() or text[position] in "{;")):
                position += text[position] == "\\"
                word += text[position]
                position += 1
            position += len(quote)
            yield "\0" + word if quote else word


def parse(text: str) -> Block:
    """Directives as lists of words, a block as the last element of its directive."""
    stack: list[Block] = [[]]
    current: list[Any] = []
    for word in words(text):
        if word == ";":
            assert current, "a directive without a name"
            stack[-1].append(current)
            current = []
        elif word == "{":
            stack[-1].append([*current, []])
            stack.append(stack[-1][-1][-1])
            current = []
        elif word == "}":
            assert not current, f"a directive without its semicolon: {current}"
            stack.pop()
        else:
            current.append(word.removeprefix("\0"))
    assert len(stack) == 1 and not current, "blocks do not close"
    return stack[0]


def every(block: Block, name: str) -> list[list[Any]]:
    """The directives of this name directly in a block, without their name."""
    return [directive[1:] for directive in block if directive[0] == name]


def value(block: Block, name: str) -> list[Any]:
    """The one directive of this name directly in a block."""
    found = every(block, name)
    assert len(found) == 1, f"{name}: {found}"
    return found[0]


def locations(server: Block) -> dict[str, Block]:
    """The locations of a server by their match."""
    return {" ".join(one[:-1]): one[-1] for one in every(server, "location")}


def headers(block: Block) -> dict[str, str]:
    """Response headers that a block adds; each must be on errors as well."""
    added = every(block, "add_header")
    assert all(one[-1] == "always" for one in added), added
    names = [one[0].lower() for one in added]
    assert len(names) == len(set(names)), f"a header twice: {names}"
    return {one[0].lower(): one[1] for one in added}


@pytest.fixture(scope="module")
def rendered(ansible: AnsibleRuns, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Path → content, for each variant."""
    return render(VARIANTS, ansible, tmp_path_factory.mktemp("nginx"))


def render(variants: dict[str, dict[str, Any]], ansible: AnsibleRuns, folder: Path) -> dict[str, dict[str, str]]:
    """All files of the role for each set of variables, by path."""
    for part in ("files", "templates"):
        (folder / part).symlink_to(ROLE / part)
    (folder / "action_plugins").mkdir()
    (folder / "action_plugins/render.py").write_text(RENDER)
    tasks: list[dict[str, Any]] = []
    for name, given in variants.items():
        tasks.append({"name": f"Render {name}", "render": {"files": "{{ __nginx_files }}"}, "vars": given, "register": "shown"})
        stack = "{{ __nginx_stack_sites | latentum.ops.content_files('stack/{name}') }}"
        tasks.append({"name": f"Sites of {name}", "ansible.builtin.set_fact": {"sites": stack}, "vars": given})
        tasks.append({"name": name, "ansible.builtin.debug": {"msg": "{{ shown.files + sites }}"}})
    shown = told(ansible, folder, tasks, [ROLE / "defaults/main.yml", ROLE / "vars/main.yml"])
    return {name: {file["path"]: file.get("content", "") for file in shown[name]} for name in variants}


def site(rendered: dict[str, dict[str, str]], variant: str, name: str) -> tuple[Block, list[Block]]:
    """A site's file, and its servers."""
    file = parse(rendered[variant][f"/etc/nginx/sites.d/{name}.conf"])
    return file, [one[0] for one in every(file, "server")]


def main(rendered: dict[str, dict[str, str]], variant: str) -> Block:
    """The http block of nginx.conf."""
    block: Block = value(parse(rendered[variant]["/etc/nginx/nginx.conf"]), "http")[0]
    return block


@pytest.mark.parametrize("variant", ["new", "old"])
def test_a_release_gets_the_very_sites_that_the_role_writes(rendered: dict[str, dict[str, str]], variant: str) -> None:
    """Otherwise role stack and role nginx would write them in turn."""
    assert rendered[variant]["stack/shop"] == rendered[variant]["/etc/nginx/sites.d/shop.conf"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_file_of_nginx_is_well_formed(rendered: dict[str, dict[str, str]], variant: str) -> None:
    files = [path for path in rendered[variant] if path.startswith("/etc/nginx/") and path.endswith(".conf")]
    assert len(files) >= 3 + len(VARIANTS[variant]["nginx_sites"])
    for path in files:
        assert parse(rendered[variant][path]), path


def test_directives_follow_the_version(rendered: dict[str, dict[str, str]]) -> None:
    new, old = main(rendered, "new"), main(rendered, "old")
    assert value(new, "http2") == ["on"]
    assert value(new, "keepalive_min_timeout") == ["2s"]
    assert value(new, "ssl_ecdh_curve")[0].startswith("X25519MLKEM768:X25519")
    assert not every(old, "http2") and not every(old, "keepalive_min_timeout")
    assert value(old, "ssl_ecdh_curve") == ["X25519:prime256v1:secp384r1"]
    assert ["443", "ssl"] in every(site(rendered, "new", "shop")[1][1], "listen")
    assert every(site(rendered, "old", "shop")[1][1], "listen") == [["443", "ssl", "http2"]]


def test_ipv6_only_where_the_host_speaks_it(rendered: dict[str, dict[str, str]]) -> None:
    assert ["[::]:443", "ssl"] in every(site(rendered, "new", "shop")[1][1], "listen")
    assert "[::]" not in "".join(rendered["old"].values())


def test_the_package_finds_its_site_taken_before_it_starts_nginx() -> None:
    """Its postinst starts a site that listens on [::] and fails where the kernel has no IPv6; it keeps a file that is there."""
    tasks = yaml.safe_load((ROLE / "tasks/install.yml").read_text())
    (place,) = [index for index, task in enumerate(tasks) if "latentum.ops.config_set" in task]
    (package,) = [index for index, task in enumerate(tasks) if "latentum.ops.packages" in task]
    assert place < package
    assert tasks[place]["latentum.ops.config_set"]["files"] == [{"path": "/etc/nginx/sites-enabled/default", "content": ""}]


def test_tls_follows_the_profile(rendered: dict[str, dict[str, str]]) -> None:
    new, old = main(rendered, "new"), main(rendered, "old")
    assert value(new, "ssl_protocols") == ["TLSv1.2", "TLSv1.3"]
    assert all("GCM" in cipher or "CHACHA20" in cipher for cipher in value(new, "ssl_ciphers")[0].split(":"))
    assert value(old, "ssl_protocols") == ["TLSv1.3"]
    assert value(new, "ssl_session_tickets") == ["off"]
    assert "stapling" not in rendered["new"]["/etc/nginx/nginx.conf"]


def test_unknown_hosts_learn_nothing(rendered: dict[str, dict[str, str]]) -> None:
    plain, tls = (one[0] for one in every(main(rendered, "new"), "server")[:2])
    assert all("default_server" in one for server in (plain, tls) for one in every(server, "listen"))
    assert value(locations(plain)["/"], "return") == ["444"]
    assert value(tls, "ssl_reject_handshake") == ["on"]
    assert value(tls, "return") == ["444"]
    assert not every(tls, "ssl_certificate")
    assert value(locations(every(main(rendered, "balanced"), "server")[0][0])["/"], "return") == ["404"]


def test_http_goes_to_https_but_for_challenges(rendered: dict[str, dict[str, str]]) -> None:
    plain = site(rendered, "new", "shop")[1][0]
    assert every(plain, "listen")[0] == ["80"]
    assert value(plain, "server_name") == ["shop.example.com", "www.shop.example.com"]
    assert value(plain, "include") == ["/etc/nginx/snippets/latentum-acme.conf"]
    assert value(locations(plain)["/"], "return") == ["308", "https://$host$request_uri"]
    assert value(locations(site(rendered, "old", "shop")[1][0])["/"], "return")[0] == "301"
    acme = locations(parse(rendered["new"]["/etc/nginx/snippets/latentum-acme.conf"]))
    assert value(acme["^~ /.well-known/acme-challenge/"], "root") == ["/var/www/acme"]


def test_a_prefix_ends_at_a_slash(rendered: dict[str, dict[str, str]]) -> None:
    found = locations(site(rendered, "new", "shop")[1][1])
    assert set(found) == {"^~ /.latentum-ops-error/", "/", "= /api", "/api/", "= /ws", "/ws/", "@websocket_2"}
    only = locations(site(rendered, "balanced", "plain")[1][0])
    assert value(only["/"], "return") == ["404"]


def test_every_location_has_all_headers(rendered: dict[str, dict[str, str]]) -> None:
    """add_header is inherited only where a location adds none, so each location carries all of them."""
    server = site(rendered, "new", "shop")[1][1]
    expected = {"strict-transport-security", "x-content-type-options", "content-security-policy", "x-frame-options", "referrer-policy"}
    for match, block in locations(server).items():
        if not match.endswith(("/api", "/api/")):
            assert expected <= set(headers(block)), match
    assert expected <= set(headers(server))


def test_a_path_overrides_headers_whatever_their_case(rendered: dict[str, dict[str, str]]) -> None:
    for match in ("= /api", "/api/"):
        api = locations(site(rendered, "new", "shop")[1][1])[match]
        added = headers(api)
        assert added["x-frame-options"] == "DENY"
        assert added["x-text"] == 'say "hi"'
        assert "strict-transport-security" not in added
        assert ["x-frame-options"] in every(api, "proxy_hide_header")


def test_an_application_keeps_its_own_policy(rendered: dict[str, dict[str, str]]) -> None:
    http = main(rendered, "new")
    added = headers(locations(site(rendered, "new", "shop")[1][1])["/"])
    variable = added["content-security-policy"]
    policy = [one for one in every(http, "map") if one[1] == variable]
    assert policy[0][0] == "$upstream_http_content_security_policy"
    assert dict((line[0], line[1]) for line in policy[0][-1])["default"] == ""


def test_limits_of_a_path(rendered: dict[str, dict[str, str]]) -> None:
    file, (_plain, server) = site(rendered, "new", "shop")
    assert value(file, "limit_req_zone") == ["$ops_client", "zone=limit_shop_1:10m", "rate=20r/m"]
    found = locations(server)
    for match in ("= /api", "/api/"):
        assert value(found[match], "limit_req") == ["zone=limit_shop_1", "burst=40", "nodelay"]
        assert every(found[match], "allow") == [["203.0.113.0/24"], ["2001:db8::/32"]]
        assert value(found[match], "deny") == ["all"]
    assert value(found["/"], "client_max_body_size") == ["2m"]
    assert value(found["/"], "proxy_read_timeout") == ["30s"]
    assert not every(found["/"], "limit_req")
    assert value(main(rendered, "new"), "limit_req_status") == ["429"]


def test_a_prefix_is_stripped(rendered: dict[str, dict[str, str]]) -> None:
    api = locations(site(rendered, "new", "shop")[1][1])["/api/"]
    assert value(api, "rewrite") == ["^/api/?(.*)$", "/$1", "break"]
    assert ["X-Forwarded-Prefix", "/api"] in every(api, "proxy_set_header")
    assert value(api, "proxy_pass") == ["http://shop_api_8080"]


def test_only_upgrades_may_be_silent(rendered: dict[str, dict[str, str]]) -> None:
    found = locations(site(rendered, "new", "shop")[1][1])
    assert value(found["/ws/"], "proxy_read_timeout") == ["60s"]
    assert ["Connection", ""] in every(found["/ws/"], "proxy_set_header")
    assert value(found["@websocket_2"], "proxy_read_timeout") == ["3600s"]
    assert ["Upgrade", "$http_upgrade"] in every(found["@websocket_2"], "proxy_set_header")
    assert value(found["@websocket_2"], "proxy_buffering") == ["off"]
    assert not every(found["/"], "if")


def test_the_client_cannot_choose_its_address(rendered: dict[str, dict[str, str]]) -> None:
    told = dict(every(parse(rendered["new"]["/etc/nginx/snippets/latentum-proxy.conf"]), "proxy_set_header"))
    assert told["X-Forwarded-For"] == told["X-Real-IP"] == "$remote_addr"
    assert told["Forwarded"] == told["Proxy"] == ""
    assert not every(main(rendered, "new"), "set_real_ip_from")
    balanced = main(rendered, "balanced")
    assert every(balanced, "set_real_ip_from") == [["10.0.0.0/8"]]
    assert value(balanced, "real_ip_header") == ["proxy_protocol"]
    for server in (one[0] for one in every(balanced, "server")[:2]):
        assert all(one[-1] == "proxy_protocol" for one in every(server, "listen"))


def test_a_post_is_never_repeated(rendered: dict[str, dict[str, str]]) -> None:
    assert value(main(rendered, "new"), "proxy_next_upstream") == ["error", "timeout"]


def test_the_log_is_json_without_query_strings(rendered: dict[str, dict[str, str]]) -> None:
    shape = value(main(rendered, "new"), "log_format")
    assert shape[:2] == ["ops_json", "escape=json"]
    text = "".join(shape[2:])
    for secret in ("$request ", '"$request"', "$request_uri", "$args", "$http_referer", "$http_authorization", "$http_cookie"):
        assert secret not in text
    numbers = {"$ops_status", "$bytes_sent", "$request_length", "$request_time", "$connection", "$connection_requests"}
    sample = text
    for number in sorted(numbers, key=len, reverse=True):
        sample = sample.replace(f":{number}", ":1")
    assert json.loads(sample)["status"] == 1


def test_a_site_that_leads_nowhere_says_whose_it_is_and_no_other_does(rendered: dict[str, dict[str, str]]) -> None:
    texts = {path.rpartition("/")[2]: text for path, text in rendered["balanced"].items() if "/sites.d/" in path}
    named = {name: found[1] for name, text in texts.items() if (found := ownership.NAMED.search(text))}
    assert named == {"moved.conf": "shop"} and len(texts) > 1


def test_sites_without_our_certificate(rendered: dict[str, dict[str, str]]) -> None:
    servers = site(rendered, "balanced", "plain")[1]
    assert len(servers) == 1
    assert not every(servers[0], "ssl_certificate")
    assert "strict-transport-security" not in headers(locations(servers[0])["/only/"])
    own = site(rendered, "balanced", "own")[1][1]
    assert value(own, "ssl_certificate") == ["/etc/own.pem"]
    assert value(own, "ssl_certificate_key") == ["/etc/own.key"]
    assert headers(locations(own)["/"])["x-site"] == "own"
    assert value(site(rendered, "new", "shop")[1][1], "ssl_certificate") == ["/etc/latentum-ops/tls/shop.example.com/fullchain.pem"]


def test_what_the_package_lacks_is_left_out(rendered: dict[str, dict[str, str]]) -> None:
    assert value(main(rendered, "new"), "brotli") == ["on"]
    assert not every(main(rendered, "old"), "brotli")
    assert not every(main(rendered, "balanced"), "brotli")
    assert value(parse(rendered["old"]["/etc/nginx/nginx.conf"]), "user") == ["nginx"]
    assert value(parse(rendered["new"]["/etc/nginx/nginx.conf"]), "user") == ["www-data"]


def test_numbers_of_nginx_are_on_loopback_only(rendered: dict[str, dict[str, str]]) -> None:
    status = every(main(rendered, "new"), "server")[3][0]
    assert value(status, "listen") == ["127.0.0.1:8081"]
    assert "= /nginx_status" in locations(status)
    assert len(every(main(rendered, "old"), "server")) == 3


def test_the_maintenance_page_is_where_the_engine_points_upstreams_to(rendered: dict[str, dict[str, str]]) -> None:
    for kind in ("new", "old"):
        page = every(main(rendered, kind), "server")[2][0]
        assert value(page, "listen") == [MAINTENANCE]
        assert value(locations(page)["/"], "return") == ["503"]


def test_error_pages_exist_in_both_forms(rendered: dict[str, dict[str, str]]) -> None:
    server = site(rendered, "new", "shop")[1][1]
    for status, page in every(server, "error_page"):
        for form in ("html", "json"):
            path = page.replace("/.latentum-ops-error/", "/etc/nginx/error_pages/").replace("$ops_error_format", form)
            assert status in rendered["new"][path]
    assert {one[0] for one in every(server, "error_page")} >= {"429", "502", "503", "504"}
    inside = locations(server)["^~ /.latentum-ops-error/"]
    assert ["internal"] in inside
    assert value(inside, "client_max_body_size") == ["0"]


def test_directives_by_hand_are_in_the_http_block(rendered: dict[str, dict[str, str]]) -> None:
    assert value(main(rendered, "balanced"), "proxy_headers_hash_max_size") == ["1024"]


def test_the_follower_can_read_its_list(rendered: dict[str, dict[str, str]]) -> None:
    text = rendered["new"]["/etc/latentum-ops/upstreams/shop.json"]
    assert json.loads(text) == UPSTREAMS
    assert text.endswith("]\n")


def test_error_pages_are_json_to_the_last_character(rendered: dict[str, dict[str, str]]) -> None:
    pages = {path: text for path, text in rendered["new"].items() if path.endswith(".json") and "error_pages" in path}
    assert len(pages) == 6
    for path, text in pages.items():
        assert json.loads(text)["status"] == int(Path(path).stem)


# What nginx takes once only in the http block of a whole configuration, or once for an address: of these the owner's own may be there.
ONCE = {
    "gzip",
    "sendfile",
    "keepalive_timeout",
    "ssl_protocols",
    "ssl_prefer_server_ciphers",
    "client_max_body_size",
    "access_log",
    "server_tokens",
}


def test_beside_sites_of_others_only_names_of_our_own_stand_in_their_block(rendered: dict[str, dict[str, str]]) -> None:
    files = rendered["beside"]
    assert "/etc/nginx/nginx.conf" not in files
    ours = parse(files[BESIDE])
    names = {one[0] for one in ours}
    assert names == {"map", "log_format", "proxy_headers_hash_max_size", "server", "include"} and not names & ONCE
    assert not any("default_server" in word for server in every(ours, "server") for one in every(server[0], "listen") for word in one)
    assert ["/etc/nginx/sites.d/*.conf"] in every(ours, "include") and ["/etc/nginx/upstreams.d/*.conf"] in every(ours, "include")


def test_reloads_cost_sites_of_others_no_kept_connection(rendered: dict[str, dict[str, str]]) -> None:
    """In their block, where they have not said it themselves; a second one would be refused by nginx."""
    assert "keepalive_min_timeout" in {one[0] for one in parse(rendered["beside new"][BESIDE])}
    assert "keepalive_min_timeout" not in {one[0] for one in parse(rendered["beside set"][BESIDE])}


def test_the_nginx_of_others_is_given_no_module(rendered: dict[str, dict[str, str]]) -> None:
    """By default; it would load the one for Brotli for all of its sites."""
    assert "brotli" not in rendered["beside"]["/etc/nginx/snippets/latentum-server.conf"]
    assert "brotli on;" in rendered["new"]["/etc/nginx/nginx.conf"]


def test_ours_leave_ipv6_alone_where_sites_of_others_do(rendered: dict[str, dict[str, str]]) -> None:
    """Only there: an IPv6 of ours on port 443 would answer to their names as well, and that of port 80 is theirs already."""
    text = rendered["beside"]["/etc/nginx/sites.d/shop.conf"]
    assert "listen [::]:443" not in text and "listen 443 ssl" in text and "listen [::]:80" in text
    assert "listen [::]:443" in rendered["new"]["/etc/nginx/sites.d/shop.conf"]


def test_our_servers_bring_their_settings_with_them_there(rendered: dict[str, dict[str, str]]) -> None:
    settings = parse(rendered["beside"]["/etc/nginx/snippets/latentum-server.conf"])
    whole = parse(rendered["new"]["/etc/nginx/nginx.conf"])
    http = next(one[-1] for one in whole if one[0] == "http")
    assert {one[0] for one in settings} >= ONCE - {"sendfile"}
    for name in ("ssl_protocols", "client_max_body_size", "proxy_connect_timeout", "access_log", "limit_req_status"):
        assert every(settings, name) == every(http, name)
    for server in site(rendered, "beside", "shop")[1]:
        assert ["/etc/nginx/snippets/latentum-server.conf"] in every(server, "include")
    for server in site(rendered, "new", "shop")[1]:
        assert ["/etc/nginx/snippets/latentum-server.conf"] not in every(server, "include")


def test_the_unit_of_somebody_s_nginx_gets_no_sandbox(rendered: dict[str, dict[str, str]]) -> None:
    """A site of theirs may lie in a home, and log where it likes."""
    path = "/etc/systemd/system/nginx.service.d/10-latentum-ops.conf"
    assert (
        "ProtectHome" in rendered["new"][path]
        and "ProtectHome" not in rendered["beside"][path]
        and "ExecReload=" in rendered["beside"][path]
    )
