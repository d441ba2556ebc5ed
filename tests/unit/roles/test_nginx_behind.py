# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy in front of nginx: what goes wrong for people, decided by the configuration that the role writes.

No nginx runs here. What it would make of ``geo`` and ``map`` is worked out by its documented rules. The scenario neighbours asks a real
one (test_behind.py).
"""

from __future__ import annotations

import ipaddress
import re
from fnmatch import fnmatch
from typing import Any

import pytest
from ansible_runs import AnsibleRuns

from . import test_nginx_templates as templates
from .test_nginx_templates import BESIDE, SITE, Block, every, headers, locations, main, parse, site, value

Files = dict[str, dict[str, str]]
WITHOUT_TLS = ("behind", "behind, PROXY", "behind, beside")
BEHIND = (*WITHOUT_TLS, "behind, TLS")


BEHIND_IT = {"listen": ["127.0.0.1:8080", "10.0.0.5:8080"], "trusted": ["127.0.0.1", "172.16.0.0/12", "10.0.0.0/8"]}
# As sites name them: patterns that match one file, or none.
INCLUDED = {"all": "/etc/nginx/snippets/latentum-behind[.]conf", "https": "/etc/nginx/snippets/latentum-behind-https[.]conf"}
PAGE = {"path": "/status", "directory": "/run/page", "headers": {"Cache-Control": "no-store"}}
WITHOUT = {name: templates.VARIANTS[name] for name in ("new", "old", "balanced", "beside")}
VARIANTS: dict[str, dict[str, Any]] = {
    "new": WITHOUT["new"],
    "behind": {**WITHOUT["new"], "nginx_behind": BEHIND_IT, "nginx_sites": [{**SITE, "locations": [*SITE["locations"], PAGE]}]},
    "behind, PROXY": {
        **WITHOUT["old"],
        "nginx_behind": {"listen": ["[::]:8080", "0.0.0.0:8080"], "trusted": ["10.0.0.7"], "proxy_protocol": True},
        "nginx_extra_sites": [{**WITHOUT["balanced"]["nginx_extra_sites"][0], "headers": {"strict-transport-security": "max-age=1"}}],
    },
    "behind, TLS": {**WITHOUT["old"], "nginx_behind": {**BEHIND_IT, "tls": True, "challenges": True}},
    "behind, beside": {**WITHOUT["beside"], "nginx_behind": BEHIND_IT},
}


@pytest.fixture(scope="module")
def rendered(ansible: AnsibleRuns, tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Path → content, for each variant."""
    return templates.render(VARIANTS, ansible, tmp_path_factory.mktemp("nginx"))


@pytest.mark.parametrize("variant", BEHIND)
def test_every_file_is_well_formed(rendered: Files, variant: str) -> None:
    for path, content in rendered[variant].items():
        assert not path.startswith("/etc/nginx/") or not path.endswith(".conf") or parse(content), path


def block_of(files: Files, variant: str) -> Block:
    """The http block, or what stands in that of somebody else."""
    return parse(files[variant][BESIDE]) if "beside" in variant else main(files, variant)


class Nginx:
    """Variables of a request, worked out of the rendered ``geo`` and ``map``."""

    def __init__(self, http: Block, **known: str) -> None:
        self.http = http
        self.known = {"http_x_forwarded_proto": "", "uri": "/", "proxy_protocol_server_port": "", **known}

    def variable(self, name: str) -> str:
        """The value; of a map exact ones first, then regular expressions in their order (ngx_http_map_module)."""
        if name in self.known:
            return self.known[name]
        for source, target, entries in every(self.http, "geo"):
            if target == f"${name}":
                return self._geo(self._filled(source), entries)
        (entries, source) = next((one[2], one[0]) for one in every(self.http, "map") if one[1] == f"${name}")
        text, cases = self._filled(source), {entry[0]: entry[1] for entry in entries}
        if text in cases and text != "default":
            return str(cases[text])
        for pattern, result in cases.items():
            flags = re.IGNORECASE if pattern.startswith("~*") else re.NOFLAG
            if pattern.startswith("~") and re.search(pattern.lstrip("~*"), text, flags):
                return str(result)
        return str(cases.get("default", ""))

    def _filled(self, text: str) -> str:
        return re.sub(r"\$(\w+)", lambda match: self.variable(match[1]), text)

    @staticmethod
    def _geo(address: str, entries: Block) -> str:
        """The narrowest network that holds the address (ngx_http_geo_module)."""
        networks = {ipaddress.ip_network(network): peer for network, peer in entries if network != "default"}
        there = [one for one in networks if one.version == ipaddress.ip_address(address).version and ipaddress.ip_address(address) in one]
        return str(networks[max(there, key=lambda one: one.prefixlen)] if there else dict(map(tuple, entries))["default"])


def asked(files: Files, variant: str, peer: str = "10.0.0.7", **known: str) -> Nginx:
    return Nginx(block_of(files, variant), realip_remote_addr=peer, **known)


def test_nothing_of_ours_listens_on_80_or_443(rendered: Files) -> None:
    for variant in BEHIND:
        listens = [word for text in rendered[variant].values() for word in re.findall(r"^\s*listen\s+([^; ]+)", text, re.MULTILINE)]
        assert listens and not any(re.fullmatch(r"(.*:)?(80|443)", one) for one in listens), (variant, listens)
    assert every(site(rendered, "behind", "shop")[1][0], "listen") == [["127.0.0.1:8080"], ["10.0.0.5:8080"]]
    assert every(site(rendered, "behind, PROXY", "shop")[1][0], "listen")[0] == ["[::]:8080", "proxy_protocol"]
    assert every(site(rendered, "behind, TLS", "shop")[1][0], "listen")[0] == ["127.0.0.1:8080", "ssl", "http2"]


@pytest.mark.parametrize("variant", WITHOUT_TLS)
def test_without_tls_no_site_names_a_certificate(rendered: Files, variant: str) -> None:
    assert "ssl_certificate" not in "".join(text for path, text in rendered[variant].items() if "/sites.d/" in path or "stack/" in path)
    assert len(site(rendered, variant, "shop")[1]) == 1


def test_with_tls_certificates_and_challenges_are_as_ever(rendered: Files) -> None:
    (server,) = site(rendered, "behind, TLS", "shop")[1]
    assert value(server, "ssl_certificate") == ["/etc/latentum-ops/tls/shop.example.com/fullchain.pem"]
    assert ["/etc/nginx/snippets/latentum-acme.conf"] in every(server, "include")


@pytest.mark.parametrize(
    ("proto", "redirected"),
    [
        ("https", ""),  # the usual case: TLS ends at the proxy, and a redirect by our own scheme would go in circles
        ("", ""),  # a proxy that says nothing: its clients would go in circles as well
        ("http", "1"),
        ("HTTP", "1"),
        ("wss", ""),
        ("ws", "1"),
        ("https, http", ""),  # a proxy behind another one: the first is the client's
        ("http,https", "1"),
        ("httpx", ""),
    ],
)
def test_only_a_client_of_whom_the_proxy_says_http_is_redirected(rendered: Files, proto: str, redirected: str) -> None:
    for variant in ("behind", "behind, beside", "behind, TLS"):
        nginx = asked(rendered, variant, http_x_forwarded_proto=proto)
        assert nginx.variable("ops_redirect") == redirected
        assert (nginx.variable("ops_scheme"), nginx.variable("ops_port")) == (("http", "80") if redirected else ("https", "443"))
        assert [INCLUDED["https"]] in every(site(rendered, variant, "shop")[1][0], "include")
        status = "308" if variant != "behind, TLS" else "301"
        snippet = parse(rendered[variant]["/etc/nginx/snippets/latentum-behind-https.conf"])
        assert every(snippet, "if") == [["($ops_redirect)", [["return", status, "https://$host$request_uri"]]]]


def test_a_certificate_authority_is_not_redirected(rendered: Files) -> None:
    uri = "/.well-known/acme-challenge/token"
    assert asked(rendered, "behind, TLS", http_x_forwarded_proto="http", uri=uri).variable("ops_redirect") == ""
    assert asked(rendered, "behind, TLS", http_x_forwarded_proto="http", uri="/a" + uri).variable("ops_redirect") == "1"


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("10.0.0.7", "proxy"),
        ("10.0.0.5", "proxy"),  # the host's own address inside the network of the proxy: a proxy on this host comes from there
        ("127.0.0.1", "proxy"),
        ("127.0.0.2", "host"),
        ("::1", "host"),
        ("172.18.0.4", "proxy"),
        ("203.0.113.9", "nobody"),
        ("2001:db8::1", "nobody"),
    ],
)
def test_who_is_not_the_proxy_gets_nothing(rendered: Files, peer: str, expected: str) -> None:
    assert asked(rendered, "behind", peer).variable("ops_peer") == expected
    snippet = parse(rendered["behind"]["/etc/nginx/snippets/latentum-behind.conf"])
    assert every(snippet, "if") == [["($ops_peer", "=", "nobody)", [["return", "403"]]]]
    for variant in BEHIND:
        for server in site(rendered, variant, "shop")[1]:
            assert [INCLUDED["all"]] in every(server, "include")


def test_the_host_itself_is_answered_and_not_believed(rendered: Files) -> None:
    """The watchdog asks so; and a program of the host cannot say that its client spoke HTTP, or HTTPS."""
    nginx = asked(rendered, "behind", "127.0.0.2", http_x_forwarded_proto="http")
    assert (nginx.variable("ops_peer"), nginx.variable("ops_scheme"), nginx.variable("ops_redirect")) == ("host", "https", "")


@pytest.mark.parametrize(("port", "scheme"), [("80", "http"), ("443", "https"), ("8443", "https"), ("", "https")])
def test_behind_the_proxy_protocol_headers_are_the_client_s_own(rendered: Files, port: str, scheme: str) -> None:
    for forged in ("http", "https", ""):
        nginx = asked(rendered, "behind, PROXY", proxy_protocol_server_port=port, http_x_forwarded_proto=forged)
        assert nginx.variable("ops_scheme") == scheme


def test_the_address_of_a_client_is_believed_of_the_proxy_alone(rendered: Files) -> None:
    """A client that sends X-Forwarded-For is not the one it says: the last address that is not the proxy's counts."""
    http = main(rendered, "behind")
    assert every(http, "set_real_ip_from") == [["127.0.0.1"], ["172.16.0.0/12"], ["10.0.0.0/8"]]
    assert (value(http, "real_ip_header"), value(http, "real_ip_recursive")) == (["X-Forwarded-For"], ["on"])
    assert value(main(rendered, "behind, PROXY"), "real_ip_header") == ["proxy_protocol"]
    beside = parse(rendered["behind, beside"]["/etc/nginx/snippets/latentum-server.conf"])
    assert len(every(beside, "set_real_ip_from")) == 3 and not every(parse(rendered["behind, beside"][BESIDE]), "set_real_ip_from")


def test_limits_and_logs_go_by_that_address(rendered: Files) -> None:
    http = main(rendered, "behind")
    assert ["$remote_addr", "$ops_client"] in [one[:2] for one in every(http, "map")]
    (logged,) = [one for one in every(http, "log_format") if one[0] == "ops_json"]
    text = "".join(logged[2:])
    assert '"client":"$remote_addr"' in text and '"scheme":"$ops_scheme"' in text and text.endswith(',"peer":"$realip_remote_addr"}')
    assert "$ops_scheme" not in rendered["new"]["/etc/nginx/nginx.conf"]


def test_the_application_hears_scheme_and_port_of_the_client(rendered: Files) -> None:
    """With those of our own connection it would write http://, or :8080, into its links: mixed content."""
    told = {one[0]: one[1] for one in every(parse(rendered["behind"]["/etc/nginx/snippets/latentum-proxy.conf"]), "proxy_set_header")}
    assert (told["X-Forwarded-Proto"], told["X-Forwarded-Port"]) == ("$ops_scheme", "$ops_port")
    assert (told["X-Forwarded-For"], told["X-Real-IP"]) == ("$remote_addr", "$remote_addr")
    assert told["X-Forwarded-Ssl"] == told["Front-End-Https"] == told["Forwarded"] == ""


def test_no_redirect_of_nginx_names_its_port(rendered: Files) -> None:
    """/status without its slash would become http://shop.example.com:8080/status/."""
    for variant in BEHIND:
        assert value(parse(rendered[variant]["/etc/nginx/snippets/latentum-behind.conf"]), "absolute_redirect") == ["off"]


def test_hsts_is_for_clients_with_https(rendered: Files) -> None:
    """The redirect has the headers of its server (RFC 6797, 7.2: not over HTTP); all that answers otherwise has them by itself."""
    for variant in BEHIND:
        server = site(rendered, variant, "shop")[1][0]
        assert "strict-transport-security" not in headers(server)
        for match, block in locations(server).items():
            if not match.endswith(("/api", "/api/")):  # it leaves the header to its application
                assert "strict-transport-security" in headers(block), (variant, match)
    only = site(rendered, "behind, PROXY", "plain")[1][0]
    assert [INCLUDED["https"]] not in every(only, "include")  # tls: false of a site: plain for whoever wants it so
    assert "strict-transport-security" in headers(locations(only)["/"]) and "strict-transport-security" not in headers(only)


def test_a_load_balancer_that_asks_for_health_by_an_address_is_answered(rendered: Files) -> None:
    """With 444 for unknown names it would take the host out."""
    for variant in WITHOUT_TLS:
        server = every(block_of(rendered, variant), "server")[0][0]
        assert all("default_server" in one for one in every(server, "listen"))
        assert value(locations(server)["= /.latentum-ops-alive"], "return") == ["200", "alive"]
        assert value(locations(server)["/"], "return") == ["444"]
        assert ["/etc/nginx/snippets/latentum-behind.conf"] in every(server, "include")
    tls = every(main(rendered, "behind, TLS"), "server")[0][0]
    assert value(tls, "ssl_reject_handshake") == ["on"]


def test_the_proxy_is_the_first_to_close_a_kept_connection(rendered: Files) -> None:
    """Else it sends a request into one that is just being closed: a 502 now and then."""
    assert value(main(rendered, "behind"), "keepalive_timeout") == ["150s"]
    assert value(main(rendered, "new"), "keepalive_timeout") == ["65s"]


def test_websockets_and_buffering_are_as_without_a_proxy(rendered: Files) -> None:
    def of(variant: str) -> dict[str, Any]:
        return {
            match: block for match, block in locations(site(rendered, variant, "shop")[1][-1]).items() if re.search("ws|websocket", match)
        }

    assert of("behind") == of("new") and len(of("behind")) == 3


def test_a_release_holds_the_very_site_that_the_role_writes(rendered: Files) -> None:
    for variant in ("behind", "behind, TLS"):
        assert rendered[variant]["stack/shop"] == rendered[variant]["/etc/nginx/sites.d/shop.conf"]


@pytest.mark.parametrize("variant", BEHIND)
def test_a_site_is_taken_by_the_nginx_from_before_as_well(rendered: Files, variant: str) -> None:
    """A release publishes its sites before role nginx has written maps and snippets: an unknown variable would stop the rollout."""
    text = rendered[variant]["/etc/nginx/sites.d/shop.conf"]
    assert set(re.findall(r"\$ops_\w+", text)) <= set(re.findall(r"\$ops_\w+", rendered["new"]["/etc/nginx/sites.d/shop.conf"]))
    for pattern in INCLUDED.values():
        assert fnmatch(pattern.replace("[.]", "."), pattern) and pattern in text
    assert "latentum-behind.conf" not in text


def test_without_a_proxy_in_front_nothing_of_it_is_written(rendered: Files) -> None:
    text = "".join(rendered["new"].values())
    assert "ops_peer" not in text and "ops_scheme" not in text and not [path for path in rendered["new"] if "behind" in path]
