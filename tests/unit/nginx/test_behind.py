# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``nginx_behind`` as people write it: what follows from it, and what is refused with what to write instead."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.watchdog_settings import FrontSpec
from ansible_collections.latentum.ops.plugins.module_utils.nginx.behind import Behind, Beside, against, read

LOCAL = {"listen": ["127.0.0.1:8080"], "trusted": ["127.0.0.1"]}


def behind(**given: Any) -> Behind:
    found, problems = read({**LOCAL, **given})
    assert found is not None and problems == [], list(map(str, problems))
    return found


@pytest.mark.parametrize("nothing", [None, {}, [], ""])
def test_nothing_is_nothing(nothing: object) -> None:
    assert read(nothing) == (None, [])


def test_a_proxy_on_the_same_host_needs_no_opening() -> None:
    found = behind()
    assert (found.rules, found.never_banned) == ([], ["127.0.0.1"])
    assert found.front == FrontSpec("127.0.0.1", 8080, tls=False)
    assert found.as_dict()["peers"] == {"127.0.0.0/8": "host", "::1": "host", "127.0.0.1": "proxy"}


def test_one_in_a_container_comes_through_the_firewall() -> None:
    """UFW refuses what containers send to the host: the proxy would wait for an answer until it gives up."""
    (rule,) = behind(listen=["172.17.0.1:8080"], trusted=["172.18.0.0/16"]).rules
    assert rule == {"action": "allow", "port": 8080, "protocol": "tcp", "from": ["172.18.0.0/16"], "comment": "proxy in front"}


def test_openings_are_one_a_port_and_for_nobody_on_loopback() -> None:
    found = behind(
        listen=["127.0.0.1:9000", "0.0.0.0:8080", "[::]:8080", "10.0.0.5:8443"], trusted=["127.0.0.1", "10.0.0.7", "2001:db8::/64"]
    )
    assert [(rule["port"], rule["from"]) for rule in found.rules] == [
        (8080, ["10.0.0.7", "2001:db8::/64"]),
        (8443, ["10.0.0.7", "2001:db8::/64"]),
    ]


def test_everybody_is_open_to_everybody_and_still_banned() -> None:
    """With 0.0.0.0/0 among the addresses that are never banned, nobody would be."""
    found = behind(listen=["0.0.0.0:8080"], trusted=["0.0.0.0/0"], trust_anyone=True)
    assert found.rules[0]["from"] == [] and found.never_banned == []
    assert found.peers == {"::1": "host", "0.0.0.0/0": "proxy"}


@pytest.mark.parametrize(
    ("listen", "front"),
    [
        (["10.0.0.5:8443", "127.0.0.1:8080"], ("127.0.0.1", 8080)),
        (["10.0.0.5:8443", "0.0.0.0:8080"], ("127.0.0.1", 8080)),
        (["[::]:8080"], ("::1", 8080)),
        (["[2001:db8::5]:8080"], ("2001:db8::5", 8080)),
        (["10.0.0.5:8443"], ("10.0.0.5", 8443)),
    ],
)
def test_the_watchdog_asks_where_it_is_nearest(listen: list[str], front: tuple[str, int]) -> None:
    found = behind(listen=listen, trusted=["10.0.0.7"], tls=True, proxy_protocol=True).front
    assert (found.address, found.port, found.tls, found.proxy_protocol) == (*front, True, True)


def test_the_host_s_own_address_may_connect_too() -> None:
    """That is where the watchdog comes from, if nginx listens on no loopback."""
    assert behind(listen=["10.0.0.5:8080"], trusted=["203.0.113.7"]).peers["10.0.0.5"] == "host"
    assert "10.0.0.5" not in behind(listen=["10.0.0.5:8080"], trusted=["10.0.0.0/8"]).peers


REFUSED: list[tuple[object, str, str]] = [
    ("127.0.0.1:8080", "nginx_behind: is no mapping", "listen: [127.0.0.1:8080]"),
    ({**LOCAL, "listn": []}, "nginx_behind.listn: is not a known key", "did you mean listen?"),
    ({"trusted": ["127.0.0.1"]}, "nginx_behind.listen: says nowhere to listen", "listen: [127.0.0.1:8080]"),
    ({"listen": ["0.0.0.0:8080"]}, "nginx_behind.trusted: lets nobody connect", "trusted: [127.0.0.1]"),
    ({"listen": ["0.0.0.0:8080"], "trusted": []}, "nginx_behind.trusted: lets nobody connect", "trusted: [127.0.0.1]"),
    ({**LOCAL, "listen": "127.0.0.1:8080"}, 'is no list (found "127.0.0.1:8080")', "listen: [127.0.0.1:8080]"),
    ({**LOCAL, "listen": [8080]}, "nginx_behind.listen[0]: is no address with a port", "such as 127.0.0.1:8080"),
    ({**LOCAL, "listen": ["10.0.0.5"]}, "is no address with a port", "such as 10.0.0.5:8080"),
    ({**LOCAL, "listen": ["localhost:8080"]}, "is a name", "the address of this host"),
    ({**LOCAL, "listen": ["*:8080"]}, "which version of IP", "0.0.0.0:8080 for all addresses of IPv4, [::]:8080"),
    ({**LOCAL, "listen": ["::1:8080"]}, "without brackets", "[::1]:8080"),
    ({**LOCAL, "listen": ["[10.0.0.5]:8080"]}, "only an IPv6 address has", "10.0.0.5:8080"),
    ({**LOCAL, "listen": ["127.0.0.1:22"]}, "the port of the SSH server", "another port"),
    ({**LOCAL, "listen": ["127.0.0.1:70000"]}, "is no port", "1 to 65535"),
    ({**LOCAL, "listen": ["unix:/run/nginx.sock"]}, "a socket", "127.0.0.1:8080"),
    ({**LOCAL, "listen": ["127.8.0.3:8503"]}, "services that are being recreated", "another port"),
    ({**LOCAL, "listen": ["127.0.0.1:8080", "127.0.0.1:8080"]}, "the same as nginx_behind.listen[0]", "remove one"),
    ({**LOCAL, "trusted": ["proxy.example.com"]}, "is no address and no network", "such as 10.0.0.7"),
    ({**LOCAL, "trusted": ["10.0.0.7/8"]}, "an address and a network at once", "write 10.0.0.0/8, or 10.0.0.7"),
    ({**LOCAL, "trusted": ["0.0.0.0/0"]}, "trusts everybody", "trust_anyone: true"),
    ({**LOCAL, "trusted": ["::/0"]}, "trusts everybody", "trust_anyone: true"),
    ({**LOCAL, "trusted": ["0.0.0.0/1"]}, "trusts everybody", "the addresses of the proxy"),
    ({**LOCAL, "tls": "yes"}, "nginx_behind.tls: is neither true nor false", "tls: true"),
    ({**LOCAL, "challenges": True}, "without tls there are none", "tls: true"),
    # A container has a loopback of its own, and the request never comes here.
    (
        {**LOCAL, "trusted": ["172.18.0.0/16"]},
        "nginx_behind.listen: is reached from this host alone",
        "in a container listen on an address",
    ),
    (
        {"listen": ["10.0.0.5:8080"], "trusted": ["127.0.0.1"]},
        "are never seen there",
        "listen on 127.0.0.1:8080, or write trusted: [10.0.0.5]",
    ),
]


@pytest.mark.parametrize(("given", "problem", "fix"), REFUSED)
def test_what_cannot_be_is_refused_with_what_to_write(given: object, problem: str, fix: str) -> None:
    found, problems = read(given)
    assert found is None and len(problems) == 1, list(map(str, problems))
    assert problem in str(problems[0]) and fix in problems[0].fix


def test_all_that_is_wrong_is_said_at_once() -> None:
    _none, problems = read({"listen": ["8080", "localhost:80"], "trusted": ["x", "0.0.0.0/0"], "tls": 1, "x": 1})
    assert len(problems) == 6


def told(given: Behind, **beside: Any) -> list[str]:
    return [str(problem) for problem in against(given, Beside(**beside))]


def test_two_ways_to_say_the_same_contradict() -> None:
    one, other = told(behind(), real_ip_from=["10.0.0.0/8"], proxy_protocol=True)
    assert (
        "nginx_real_ip_from: is said by nginx_behind.trusted already" in one and "nginx_proxy_protocol: is about ports 80 and 443" in other
    )


def test_certificates_by_http_need_the_proxy_s_help() -> None:
    """An authority asks port 80, and a proxy that answers it itself fails every renewal."""
    (problem,) = told(behind(tls=True), certificates=["shop.example.com"])
    for way in ("/.well-known/acme-challenge/", "challenges: true", "certbot_dns_plugin", "tls: false"):
        assert way in problem
    for given, beside in ((behind(tls=True, challenges=True), {}), (behind(tls=True), {"dns": True}), (behind(), {})):
        assert told(given, certificates=["shop.example.com"], **beside) == []
    assert told(behind(tls=True), certificates=[]) == []


def test_ports_that_are_somebody_s_already() -> None:
    (ssh,) = told(behind(listen=["127.0.0.1:2222"]), ssh_port=2222)
    assert "is the port of the SSH server" in ssh
    (status,) = told(behind(listen=["127.0.0.1:8081"]), status="127.0.0.1:8081")
    assert "nginx_status_address" in status
    ports = [{"stack": "shop", "service": "web", "first": 8000, "last": 8090}, {"stack": "blog", "service": "web", "first": 81, "last": 81}]
    (published,) = told(behind(), published=ports)
    assert "the service web of shop publishes (shop: compose.services.web.ports)" in published


def test_sites_by_hand() -> None:
    plain, own = {"name": "a", "tls": False}, {"name": "b", "certificate_file": "/etc/b.pem"}
    (one,) = told(behind(tls=True, challenges=True), sites=[plain, own])
    assert "nginx_extra_sites (a): has tls: false" in one
    (other,) = told(behind(), sites=[plain, own])
    assert "nginx_extra_sites (b): has a certificate" in other
