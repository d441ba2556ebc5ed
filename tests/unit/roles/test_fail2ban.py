# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters for sshd and nginx's JSON access log, against lines as they log them, and networks in the place of addresses."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from jinja2 import Environment

ROOT = Path(__file__).resolve().parents[3]
FILTERS = ROOT / "roles/fail2ban/templates/etc/fail2ban/filter.d"
LOGGED = "".join(path.read_text() for path in (ROOT / "roles/nginx/templates/etc/nginx/parts").glob("*.j2"))


def matches(name: str, line: str) -> bool:
    """What fail2ban does with a line: cut the date out, then look for the failure at its beginning."""
    settings = dict(re.findall(r"^(\w+) = (.*)$", (FILTERS / f"ops-nginx-{name}.local.j2").read_text(), re.MULTILINE))
    date = settings["datepattern"].replace("%%Y-%%m-%%dT%%H:%%M:%%S%%z", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d")
    rest, cut = re.subn(date, "", line)
    assert cut == 1, "the date is not found"
    expression = settings["failregex"].replace("<_wanted>", settings.get("_wanted", "")).replace("<HOST>", r"(?P<host>[0-9a-f.:]+)")
    found = re.search(expression, rest)
    return found is not None and found["host"] == "2001:db8::7"


def line(method: str, path: str, status: int, agent: str = "x") -> str:
    """A request in the order of nginx's log_format, escaped as JSON."""
    fields = {"client": "2001:db8::7", "host": "example.test", "method": method, "path": path, "protocol": "HTTP/1.1"}
    told = ",".join(f"{json.dumps(key)}:{json.dumps(value)}" for key, value in fields.items())
    return f'{{"time":"2026-11-21T06:31:02+00:00","id":"b922",{told},"status":{status},"bytes":1,"agent":{json.dumps(agent)}}}'


def test_the_log_begins_with_what_the_filters_read() -> None:
    logged = "".join(re.findall(r"'([^']*)'", LOGGED[LOGGED.index("log_format ") :].partition(";")[0]))
    assert re.findall(r'"(\w+)":', logged)[:8] == ["time", "id", "client", "host", "method", "path", "protocol", "status"]


@pytest.mark.parametrize(
    ("path", "status", "banned"),
    [
        ("/wp-login.php", 404, True),
        ("/blog/wp-admin/setup-config.php", 404, True),
        ("/.env", 404, True),
        ("/app/.env?a=1", 403, True),
        ("/.git/config", 404, True),
        ("/cgi-bin/luci", 400, True),
        ("/x.php", 404, True),
        ('/a"b.PHP', 404, True),
        ("/vendor/phpunit/src/eval-stdin.php", 404, True),
        ("/", 404, False),
        ("/environment", 404, False),
        ("/favicon.ico", 404, False),
        ("/.well-known/acme-challenge/x", 404, False),
        ("/wp-login.php", 200, False),
        ("/index.php", 502, False),
    ],
)
def test_scanners(path: str, status: int, banned: bool) -> None:
    assert matches("botsearch", line("GET", path, status)) is banned


def test_nobody_is_banned_by_what_somebody_else_writes_into_a_request() -> None:
    forged = '","client":"203.0.113.9","host":"h","method":"GET","path":"/.env","protocol":"p","status":404,'
    assert not matches("botsearch", line("GET", "/", 200, agent=forged))
    assert not matches("botsearch", line("GET", "/?" + forged, 200))


@pytest.mark.parametrize(("method", "status", "banned"), [("", 400, True), ("GET", 400, False), ("", 408, False), ("POST", 404, False)])
def test_what_is_not_http(method: str, status: int, banned: bool) -> None:
    assert matches("bad-request", line(method, "" if not method else "/", status)) is banned


def refusal(status: int, refused: str, agent: str = "x") -> str:
    """A request at a route with authentication, with the fields that stand at the end."""
    return (
        line("GET", "/", status, agent).rstrip("}") + f',"connection":7,"connection_requests":1,"user":"","refused":{json.dumps(refused)}}}'
    )


@pytest.mark.parametrize(
    ("status", "refused", "banned"),
    [
        (401, "refused: unknown", True),
        (401, "refused: signature", True),
        (401, "refused: algorithm", True),
        (401, "missing", False),
        (401, "expired", False),
        (401, "no-keys", False),
        (401, "", False),
        (200, "", False),
        (429, "limited", False),
        (403, "NONE", False),
    ],
)
def test_guesses(status: int, refused: str, banned: bool) -> None:
    assert matches("authentication", refusal(status, refused)) is banned


def test_an_application_that_answers_401_bans_nobody_whatever_the_request_holds() -> None:
    forged = 'x","status":401,"user":"","refused":"refused: unknown"}'
    assert not matches("authentication", refusal(401, "", agent=forged))
    assert not matches("authentication", refusal(200, "", agent=forged))


@pytest.mark.parametrize("jails", [[], ["nginx-botsearch"], ["nginx-botsearch", "nginx-limit-req"]])
def test_the_list_of_logs_is_the_same_whichever_stacks_a_run_knows(jails: list[str]) -> None:
    """Runs that know different stacks of a host would write it in turn, and a jail of a stack that a run does not know needs its log."""
    template = FILTERS.parents[1] / "tmpfiles.d/latentum-ops-fail2ban.conf.j2"
    environment = Environment(autoescape=False, trim_blocks=True)  # noqa: S701 - a file of settings
    environment.filters |= {"comment": "# {}".format, "dirname": os.path.dirname}
    logs = {"nginx-limit-req": "/var/log/nginx/error.log", "nginx-botsearch": "/var/log/nginx/access.json"}
    text = environment.from_string(template.read_text()).render(ansible_managed="x", __fail2ban_logs=logs, __fail2ban_all_jails=jails)
    assert [line.split()[1] for line in text.splitlines() if line.startswith("f ")] == [*sorted(logs.values()), "/var/log/fail2ban.log"]


SSHD = {
    "drop connection #0 from [192.0.2.7]:44165 on [192.0.2.1]:22 penalty: failed authentication": "192.0.2.7",
    "drop connection #0 from [2001:db8::7]:44165 on [2001:db8::1]:22 penalty: exceeded LoginGraceTime": "2001:db8::7",
    "drop connection #3 from [2001:db8::7]:44165 on [2001:db8::1]:22 penalty: caused crash": "2001:db8::7",
    "Timeout before authentication for connection from 2001:db8::7 to 2001:db8::1, pid = 818": "2001:db8::7",
    "Connection closed by authenticating user ops 192.0.2.7 port 34789 [preauth]": "192.0.2.7",
    "Connection reset by authenticating user a b 192.0.2.7 port 34789 [preauth]": "192.0.2.7",
    # Whoever only looks, or is kept out because of somebody else.
    "drop connection #1 from [192.0.2.7]:44165 on [192.0.2.1]:22 penalty: connections without attempting authentication": "",
    "drop connection #15 from [2001:db8::7]:44165 on [2001:db8::1]:22 Maxstartups": "",
    "srclimit_penalise: 192.0.2.7/32: activating ipv4 penalty of 19 seconds for penalty: failed authentication": "",
    "Connection closed by 192.0.2.7 port 34789 [preauth]": "",
    "kex_exchange_identification: Connection closed by remote host": "",
    "Connection closed by user ops 192.0.2.7 port 34789": "",
}


@pytest.mark.parametrize(("message", "guesser"), SSHD.items())
def test_guesses_at_ssh(message: str, guesser: str) -> None:
    """Messages of OpenSSH 10.0, without their prefix; those that fail2ban's own filter counts are its own business."""
    text = (FILTERS / "ops-sshd.local.j2").read_text()
    expressions = text.partition("cmnfailre-failed-pub-keys = ")[2].partition("\ncmnfailed")[0].split("\n")
    address = r"(?:(?P<ip4>(?:\d{1,3}\.){3}\d{1,3})|(?P<ip6>[0-9a-fA-F]*:[0-9a-fA-F:]+))"
    plain = [
        re.sub(r"</F-[A-Z]+>", ")", re.sub(r"<F-[A-Z]+>", "(?:", expression.strip())).replace("<ADDR>", address)
        for expression in expressions
    ]
    found = next((match for match in (re.search(expression, message) for expression in plain) if match), None)
    assert ((found and (found["ip4"] or found["ip6"])) or "") == guesser


@pytest.mark.parametrize(
    ("line", "guesser"),
    [
        ("delivery receiver: unsigned call from 192.0.2.7 to pipeline of shop: no signature", "192.0.2.7"),
        ("delivery receiver: unsigned call from 2001:db8::7 to github of shop: unsigned call from 203.0.113.9 to x of y:", "2001:db8::7"),
        ("delivery receiver: a call broke: 'delivery receiver: unsigned call from 203.0.113.9 to x of y: z'", ""),
        ("delivery receiver: unsigned call from unknown to pipeline of shop: no signature", ""),
    ],
)
def test_guesses_at_the_receiver_of_calls(line: str, guesser: str) -> None:
    """Behind the prefix of the journal, which fail2ban's own common.conf knows by the name of the daemon."""
    text = (FILTERS / "ops-deploy-hook.local.j2").read_text()
    (expression,) = re.findall(r"^failregex = \^%\(__prefix_line\)s(.*)$", text, re.MULTILINE)
    found = re.match(expression.replace("<ADDR>", r"(?P<address>[0-9]+(?:\.[0-9]+){3}|[0-9a-f]*:[0-9a-f:]+)"), line)
    assert (found["address"] if found else "") == guesser
    source = (ROOT / "plugins/module_utils/delivery/receiver.py").read_text()
    assert 'f"delivery receiver: unsigned call from {address} to {name} of {stack}: {error}"' in source


class Address:
    """fail2ban's IPAddr, as far as the action uses it."""

    def __init__(self, text: str, prefix: int = 128) -> None:
        given = ipaddress.ip_network(f"{text}/{prefix}" if ":" in text and "/" not in text else text, strict=False)
        self.network, self.isIPv6, self.plen, self.ntoa = given, given.version == 6, given.prefixlen, str(given.network_address)

    def isInNet(self, other: Address) -> bool:
        return self.network.version == other.network.version and self.network.subnet_of(other.network)  # type: ignore[arg-type]

    def __str__(self) -> str:
        return str(self.network)


class Jail:
    """A jail whose filter finds what it is given, and never bans what it is told to ignore."""

    def __init__(self, *ignored: str) -> None:
        self.filter = SimpleNamespace(
            getIgnoreIP=lambda: [Address(text) for text in ignored],
            findFailure=lambda *found, **_options: [[0, one, 1.0, {}] for one in found],
        )


@pytest.fixture
def action(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The action's class, among modules that stand for fail2ban's; the host has 2001:db8:1::1 and 192.0.2.1."""

    class ActionBase:
        def __init__(self, jail: Jail, name: str) -> None:
            self._jail, self._name = jail, name

    own = [Address("2001:db8:1::1"), Address("192.0.2.1")]
    modules = {
        "fail2ban.server.action": {"ActionBase": ActionBase},
        "fail2ban.server.ipdns": {"IPAddr": Address, "DNSUtils": SimpleNamespace(getSelfIPs=lambda: own)},
    }
    for name, members in {"fail2ban": {}, "fail2ban.server": {}, **modules}.items():
        module = ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)
    text = (FILTERS.parent / "action.d/ops-ipv6-network.py.j2").read_text().replace("{{ ansible_managed | comment }}", "")
    scope: dict[str, Any] = {}
    exec(compile(text, "ops-ipv6-network.py", "exec"), scope)  # noqa: S102 - our own file, as fail2ban loads it
    return scope["Action"]


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("2001:db8:7::66", "2001:db8:7::/64"),
        ("2001:db8:7:0:ffff::", "2001:db8:7::/64"),
        ("192.0.2.7", "192.0.2.7/32"),
        ("2001:db8:1::66", "2001:db8:1::66/128"),  # the host's own network
        ("2001:db8:9::66", "2001:db8:9::66/128"),  # somebody in there is never banned
        ("2001:db8:a:b::66", "2001:db8:a:b::66/128"),  # a larger network is never banned
    ],
)
def test_what_an_address_counts_for(action: Any, address: str, counted: str) -> None:
    jail = Jail("127.0.0.0/8", "2001:db8:9::1", "2001:db8:a::/48")
    action(jail, "ops-ipv6-network", prefix="64")
    ((_number, found, _at, _details),) = jail.filter.findFailure(Address(address))
    assert str(found) == counted


def test_a_reload_changes_the_length_and_wraps_nothing_twice(action: Any) -> None:
    jail = Jail()
    made = action(jail, "ops-ipv6-network")
    once = jail.filter.findFailure
    made.reload(prefix="48")
    assert jail.filter.findFailure is once
    assert [str(one[1]) for one in once(Address("2001:db8:7:8::66"))] == ["2001:db8:7::/48"]
    assert once("a name") == [[0, "a name", 1.0, {}]]
