# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the proxy refuses: no byte of it reaches the engine, but for the question whose a container is."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.socket_proxy.operations import Operations
from ansible_collections.latentum.ops.plugins.module_utils.socket_proxy.policy import Policy
from ansible_collections.latentum.ops.plugins.module_utils.socket_proxy.server import MOST, Server

from .conftest import Proxy
from .engine import DB, ONEOFF, OTHER, PROJECT, QUIET, SEEN, SINGLE, WEB

EXEC = {"AttachStdout": True, "AttachStderr": True, "Cmd": ["pg_isready", "-q"]}
NAMES = {"Container": WEB, "EndpointConfig": {"Aliases": ["web"]}}


def labels(*wanted: str) -> str:
    return quote_plus(json.dumps({"label": list(wanted)}))


def events(**filters: object) -> str:
    return "/events?since=1&until=2&filters=" + quote_plus(json.dumps(filters))


OPEN = {"event": ["die"], "type": ["container"]}
REFUSED: list[tuple[str, str, object]] = [
    # what makes root of whoever may do it
    ("POST", "/containers/create", {"Image": "x", "HostConfig": {"Binds": ["/:/host"]}}),
    ("POST", "/containers/create?name=x", {"Image": "x", "HostConfig": {"Privileged": True}}),
    ("POST", "/build", None),
    ("POST", "/session", None),
    ("POST", "/grpc", None),
    ("POST", "/images/create?fromImage=x", None),
    ("POST", "/images/load", None),
    ("GET", "/images/json", None),
    ("GET", "/images/shop/json", None),
    ("POST", f"/commit?container={WEB}", None),
    ("GET", "/volumes", None),
    ("POST", "/volumes/create", {"Name": "x"}),
    ("GET", "/secrets", None),
    ("GET", "/configs", None),
    ("POST", "/swarm/init", {}),
    ("GET", "/swarm", None),
    ("GET", "/plugins", None),
    ("GET", "/info", None),
    ("GET", "/version", None),
    ("GET", "/system/df", None),
    ("POST", "/auth", {}),
    ("GET", "/distribution/x/json", None),
    ("GET", "/networks", None),
    ("POST", "/networks/create", {"Name": "x"}),
    ("POST", "/networks/shop_default/disconnect", {"Container": WEB, "Force": True}),
    ("POST", "/containers/prune", None),
    # what is in a container, or what becomes of it
    ("GET", f"/containers/{DB}/archive?path=/run/secrets/x", None),
    ("HEAD", f"/containers/{DB}/archive?path=/run/secrets/x", None),
    ("HEAD", f"/containers/{WEB}/archive?path=/data/newest", None),
    ("GET", f"/containers/{WEB}/export", None),
    ("GET", f"/containers/{WEB}/changes", None),
    ("GET", f"/containers/{WEB}/top", None),
    ("GET", f"/containers/{WEB}/stats", None),
    ("POST", f"/containers/{WEB}/attach?logs=1&stdout=1", None),
    ("GET", f"/containers/{WEB}/attach/ws", None),
    ("POST", f"/containers/{WEB}/kill?signal=SIGKILL", None),
    ("POST", f"/containers/{WEB}/stop?t=1", None),
    ("POST", f"/containers/{WEB}/pause", None),
    ("POST", f"/containers/{WEB}/wait", None),
    ("POST", f"/containers/{WEB}/resize?h=1&w=1", None),
    ("POST", f"/containers/{WEB}/rename?name=x", None),
    ("POST", f"/containers/{WEB}/update", {"Memory": 1}),
    ("POST", f"/containers/{WEB}/checkpoints", {}),
    # what belongs to somebody else, is not watched, or is not declared
    ("POST", f"/containers/{OTHER}/restart?t=1", None),
    ("POST", f"/containers/{OTHER}/start", None),
    ("POST", f"/containers/{OTHER}/unpause", None),
    ("POST", f"/containers/{OTHER}/exec", EXEC),
    ("GET", f"/containers/{OTHER}/logs?stdout=1&stderr=1&tail=9", None),
    ("GET", f"/containers/{SEEN}/logs?stdout=1&stderr=1&tail=9", None),
    ("POST", f"/containers/{SEEN}/restart?t=1", None),
    ("POST", f"/containers/{SINGLE}/restart?t=1", None),
    ("GET", f"/containers/{SINGLE}/logs?stdout=1&stderr=1&tail=9", None),
    ("POST", f"/containers/{QUIET}/restart?t=1", None),
    # containers by anything but their whole id
    ("GET", "/containers/shop-web-1/json", None),
    ("GET", f"/containers/{WEB[:12]}/json", None),
    ("POST", "/containers/other-web-1/restart?t=1", None),
    ("POST", f"/containers/{WEB[:63]}/start", None),
    ("POST", f"/containers/{WEB.upper()}/start", None),
    # commands
    ("POST", f"/containers/{DB}/exec", {**EXEC, "Cmd": ["sh", "-c", "id"]}),
    ("POST", f"/containers/{DB}/exec", {**EXEC, "Cmd": ["pg_isready"]}),
    ("POST", f"/containers/{DB}/exec", {**EXEC, "Cmd": ["pg_isready", "-q", "-h", "x"]}),
    ("POST", f"/containers/{DB}/exec", {**EXEC, "Cmd": "pg_isready -q"}),
    ("POST", f"/containers/{DB}/exec", {**EXEC, "Cmd": [["pg_isready", "-q"]]}),
    ("POST", f"/containers/{DB}/exec", {**EXEC, "User": "0"}),
    ("POST", f"/containers/{DB}/exec", {**EXEC, "User": ""}),
    ("POST", f"/containers/{DB}/exec", {**EXEC, "Privileged": True}),
    ("POST", f"/containers/{DB}/exec", {**EXEC, "Env": ["A=b"]}),
    ("POST", f"/containers/{DB}/exec", {**EXEC, "WorkingDir": "/"}),
    ("POST", f"/containers/{DB}/exec", {**EXEC, "Tty": True}),
    ("POST", f"/containers/{DB}/exec", {**EXEC, "AttachStdin": True}),
    ("POST", f"/containers/{DB}/exec", {"cmd": ["pg_isready", "-q"], "AttachStdout": True, "AttachStderr": True}),
    ("POST", f"/containers/{DB}/exec", None),
    ("POST", f"/containers/{WEB}/exec", EXEC),
    ("POST", f"/exec/{'8' * 64}/start", {"Detach": False, "Tty": False}),
    ("POST", f"/exec/{'8' * 64}/start", {"Detach": True, "Tty": False}),
    ("GET", f"/exec/{'8' * 64}/json", None),
    ("POST", f"/exec/{'8' * 64}/resize?h=1&w=1", None),
    # networks
    ("POST", "/networks/host/connect", NAMES),
    ("POST", "/networks/other_default/connect", NAMES),
    ("POST", "/networks/shared/connect", NAMES),
    ("POST", "/networks/nowhere/connect", NAMES),
    ("POST", "/networks/shop_default/connect", {**NAMES, "Container": OTHER}),
    ("POST", "/networks/shop_default/connect", {**NAMES, "Container": "shop-web-1"}),
    ("POST", "/networks/shop_default/connect", {**NAMES, "Container": QUIET}),
    ("POST", "/networks/shop_default/connect", {**NAMES, "EndpointConfig": {"Aliases": ["db"]}}),
    ("POST", "/networks/shop_default/connect", {**NAMES, "EndpointConfig": {"Aliases": ["web"], "IPAMConfig": {"IPv4Address": "1.2.3.4"}}}),
    ("POST", "/networks/shop_default/connect", {**NAMES, "EndpointConfig": {"Aliases": ["web"], "DriverOpts": {}}}),
    ("POST", "/networks/shop_default/connect", {"Container": WEB}),
    # lists, logs and events that are wider than they need be
    ("GET", "/containers/json", None),
    ("GET", "/containers/json?all=0", None),
    ("GET", "/containers/json?all=1&size=1", None),
    ("GET", "/containers/json?all=1&limit=5", None),
    ("GET", f"/containers/json?all=1&filters={labels(f'{PROJECT}=other', f'{ONEOFF}=False')}", None),
    ("GET", f"/containers/json?all=1&filters={labels(f'{PROJECT}=shop')}", None),
    ("GET", f"/containers/json?all=1&filters={labels(f'{PROJECT}=shop', f'{PROJECT}=other', f'{ONEOFF}=False')}", None),
    ("GET", f"/containers/json?all=1&filters={labels(PROJECT)}", None),
    ("GET", f"/containers/json?all=1&filters={quote_plus(json.dumps({'name': ['web']}))}", None),
    ("GET", f"/containers/json?all=1&filters={quote_plus(json.dumps({'label': {f'{PROJECT}=shop': True}}))}", None),
    ("GET", "/containers/json?all=1&filters=[]", None),
    ("GET", f"/containers/{WEB}/json?size=1", None),
    ("GET", f"/containers/{WEB}/logs?stdout=1&stderr=1&tail=all", None),
    ("GET", f"/containers/{WEB}/logs?stdout=1&stderr=1&tail=99999", None),
    ("GET", f"/containers/{WEB}/logs?stdout=1&stderr=1&tail=0", None),
    ("GET", f"/containers/{WEB}/logs?stdout=1&stderr=1", None),
    ("GET", f"/containers/{WEB}/logs?stdout=1&stderr=1&tail=9&follow=1", None),
    ("GET", f"/containers/{WEB}/logs?stdout=1&stderr=1&tail=9&since=0", None),
    ("POST", f"/containers/{WEB}/restart?t=99999", None),
    ("POST", f"/containers/{WEB}/restart?t=-1", None),
    ("POST", f"/containers/{WEB}/restart?t=1&signal=SIGKILL", None),
    ("POST", f"/containers/{WEB}/restart", None),
    ("POST", f"/containers/{WEB}/start?detachKeys=x", None),
    ("POST", f"/containers/{WEB}/start", {"Binds": ["/:/host"]}),
    ("GET", "/events", None),
    ("GET", "/events?since=1", None),
    ("GET", events(**{**OPEN, "event": ["exec_create"]}), None),
    ("GET", events(**{**OPEN, "event": []}), None),
    ("GET", events(**{**OPEN, "type": ["image"]}), None),
    ("GET", events(event=["die"]), None),
    ("GET", events(**OPEN, label=["a=b"]), None),
    ("GET", events(**OPEN).replace("since=1", "since=now"), None),
    # ways to write another path
    ("GET", "//containers/json", None),
    ("GET", "/containers//json", None),
    ("GET", "/_ping/../containers/json", None),
    ("GET", "/./_ping", None),
    ("GET", "/_ping/", None),
    ("GET", "/%5fping", None),
    ("GET", f"/containers/{WEB}%2fjson", None),
    ("GET", f"/containers/%2e%2e/{WEB}/json", None),
    ("GET", "/v1.45/v1.45/_ping", None),
    ("GET", "/v2.45/_ping", None),
    ("GET", "/v1.45", None),
    ("GET", "/v1.4.5/_ping", None),
    ("GET", "/_PING", None),
    ("GET", "/_ping#x", None),
    ("GET", "/_ping?x=%zz", None),
    ("GET", "http://docker/_ping", None),
    ("GET", "*", None),
    ("GET", f"/containers/{WEB}/logs?stdout=1&stdout=0&stderr=1&tail=9", None),
    ("GET", f"/containers/{WEB}/logs?stdout=1&stderr=1&tail=%ff", None),
    ("GET", f"/containers/{WEB}/logs?stdout=1&stderr=1&tail", None),
    # methods
    ("DELETE", f"/containers/{WEB}?force=1", None),
    ("PUT", f"/containers/{WEB}/archive?path=/", None),
    ("PATCH", "/_ping", None),
    ("CONNECT", "/_ping", None),
    ("OPTIONS", "/_ping", None),
    ("HEAD", "/_ping", None),
    ("POST", "/_ping", None),
    ("get", "/_ping", None),
]


def asked(proxy: Proxy) -> list[str]:
    """What has reached the engine, without the questions whose a container is, and where a link leads."""
    harmless = ("GET /_ping", f"HEAD /containers/{DB}/archive?path=%2Fdata%2Fnewest", "GET /networks?")
    lines = [line for line, _body in proxy.engine.asked]
    return [
        line for line in lines if not line.startswith(harmless) and not (line.startswith("GET /containers/") and line.endswith("/json"))
    ]


@pytest.mark.parametrize(
    ("method", "target", "body"), REFUSED, ids=[f"{method} {target[:60]} {body}"[:110] for method, target, body in REFUSED]
)
def test_a_request_that_the_watchdog_does_not_need_is_refused(proxy: Proxy, method: str, target: str, body: object) -> None:
    reply = proxy.ask(method, target, body)
    assert 400 <= reply.status < 500
    assert asked(proxy) == []
    assert method == "HEAD" or reply.json["message"]


HOST, CLOSE = b"Host: docker\r\n", b"Connection: close\r\n"
BODY = b'{"Detach": false, "Tty": false}'
MALFORMED = {
    "lengths that differ": b"POST /_ping HTTP/1.1\r\n" + HOST + CLOSE + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "length and chunks": b"POST /x HTTP/1.1\r\n" + HOST + CLOSE + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks": b"POST /x HTTP/1.1\r\n" + HOST + CLOSE + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks, hidden": b"POST /x HTTP/1.1\r\n" + HOST + CLOSE + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "chunks by another word": b"POST /x HTTP/1.1\r\n" + HOST + CLOSE + b"Transfer-Encoding: xchunked\r\n\r\n",
    "a second request": b"GET /_ping HTTP/1.1\r\n" + HOST + CLOSE + b"\r\nGET /info HTTP/1.1\r\n" + HOST + b"\r\n",
    "a second request in a body": b"GET /_ping HTTP/1.1\r\n" + HOST + CLOSE + b"Content-Length: 20\r\n\r\nGET /info HTTP/1.1\r\n",
    "a connection that stays": b"GET /_ping HTTP/1.1\r\n" + HOST + b"\r\n",
    "keep-alive": b"GET /_ping HTTP/1.1\r\n" + HOST + b"Connection: keep-alive\r\n\r\n",
    "an upgrade": b"POST /exec/" + b"9" * 64 + b"/start HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
    "an upgrade to h2c": b"GET /_ping HTTP/1.1\r\n" + HOST + CLOSE + b"Upgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/1.0": b"GET /_ping HTTP/1.0\r\n" + HOST + CLOSE + b"\r\n",
    "HTTP/0.9": b"GET /_ping\r\n\r\n",
    "no host": b"GET /_ping HTTP/1.1\r\n" + CLOSE + b"\r\n",
    "two hosts": b"GET /_ping HTTP/1.1\r\n" + HOST + HOST + CLOSE + b"\r\n",
    "a folded header": b"GET /_ping HTTP/1.1\r\n" + HOST + CLOSE + b"Accept-Encoding: a\r\n b\r\n\r\n",
    "a bare line feed": b"GET /_ping HTTP/1.1\nHost: docker\nConnection: close\n\n\r\n\r\n",
    "a line feed in a header": b"GET /_ping HTTP/1.1\r\n" + HOST + CLOSE + b"Accept-Encoding: a\nUpgrade: b\r\n\r\n",
    "a carriage return in a header": b"GET /_ping HTTP/1.1\r\n" + HOST + CLOSE + b"Accept-Encoding: a\rb\r\n\r\n",
    "a zero octet": b"GET /_ping\0 HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n",
    "a tab": b"GET\t/_ping HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n",
    "two spaces": b"GET  /_ping HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n",
    "no ASCII": "GET /_ping HTTP/1.1\r\nHost: döcker\r\nConnection: close\r\n\r\n".encode(),
    "a header of somebody else": b"GET /_ping HTTP/1.1\r\n" + HOST + CLOSE + b"X-Registry-Auth: e30=\r\n\r\n",
    "an expectation": b"POST /x HTTP/1.1\r\n" + HOST + CLOSE + b"Expect: 100-continue\r\n\r\n",
    "a length with a sign": b"POST /x HTTP/1.1\r\n" + HOST + CLOSE + b"Content-Type: application/json\r\nContent-Length: +2\r\n\r\n{}",
    "a length in hexadecimal": b"POST /x HTTP/1.1\r\n" + HOST + CLOSE + b"Content-Length: 0x2\r\n\r\n{}",
    "a length beyond its limit": b"POST /x HTTP/1.1\r\n"
    + HOST
    + CLOSE
    + b"Content-Type: application/json\r\nContent-Length: 99999\r\n\r\n",
    "a body that is a form": b"POST /x HTTP/1.1\r\n" + HOST + CLOSE + b"Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
    "a body that is no JSON": b"POST /x HTTP/1.1\r\n" + HOST + CLOSE + b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{'",
    "a body that is very deep": b"POST /x HTTP/1.1\r\n"
    + HOST
    + CLOSE
    + b"Content-Type: application/json\r\nContent-Length: 30000\r\n\r\n"
    + b"[" * 30000,
    "a long head": b"GET /_ping HTTP/1.1\r\n" + HOST + CLOSE + b"Accept-Encoding: " + b"a" * 9000 + b"\r\n\r\n",
    "a head without an end": b"GET /_ping HTTP/1.1\r\n" + b"Accept-Encoding: a\r\n" * 900,
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_two_parsers_may_read_in_two_ways_is_no_request(proxy: Proxy, name: str) -> None:
    reply = proxy.send(MALFORMED[name])
    assert 400 <= reply.status < 500
    assert proxy.engine.asked == []


def test_a_name_that_is_there_twice_is_no_json(proxy: Proxy) -> None:
    """Go's parser would take the last `User`, and names in any case."""
    body = b'{"AttachStdout":true,"AttachStderr":true,"Cmd":["id"],"Cmd":["pg_isready","-q"]}'
    head = f"POST /containers/{DB}/exec HTTP/1.1\r\nHost: docker\r\nConnection: close\r\nContent-Type: application/json\r\n"
    assert proxy.send(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body).status == 400
    assert asked(proxy) == []


@pytest.mark.parametrize(
    "part",
    [b"", b"GET /_ping HT", b"POST /x HTTP/1.1\r\n" + HOST + CLOSE + b"Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{"],
)
def test_whoever_drags_a_request_out_is_sent_away(proxy: Proxy, part: bytes) -> None:
    proxy.be_impatient()
    began = time.monotonic()
    assert proxy.send(part).status == 408
    assert time.monotonic() - began < 20


def test_a_request_in_drops_ends_with_its_time_and_not_with_its_last_drop(proxy: Proxy) -> None:
    proxy.be_impatient()
    channel, began = proxy.connect(), time.monotonic()
    with pytest.raises(OSError):
        while time.monotonic() - began < 25:
            channel.sendall(b"G")
            time.sleep(0.1)
    assert time.monotonic() - began < 20


def test_other_users_are_sent_away_unread(proxy: Proxy, tmp_path: Path) -> None:
    path = tmp_path / "theirs.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        Server(listening, Operations(Policy, str), os.getuid() + 1, str(proxy.engine.path)).start()
        theirs = Proxy(path, proxy.engine, proxy.operations)
        reply = theirs.ask("GET", "/_ping")
        listening.shutdown(socket.SHUT_RDWR)
    assert reply.status == 403 and "may not ask" in reply.json["message"]
    assert proxy.engine.asked == []


def test_there_is_an_end_to_connections_and_those_that_go_make_room(proxy: Proxy) -> None:
    idle = [proxy.connect() for _number in range(MOST)]
    time.sleep(0.2)
    assert proxy.ask("GET", "/_ping").status == 503
    for channel in idle:
        channel.close()
    end = time.monotonic() + 20
    while (status := proxy.ask("GET", "/_ping").status) == 503 and time.monotonic() < end:
        time.sleep(0.1)
    assert status == 200


def test_without_metrics_of_containers_others_are_not_there(proxy: Proxy) -> None:
    proxy.policy = Policy(stacks=frozenset({"shop"}))
    assert proxy.ask("GET", f"/containers/{OTHER}/json").status == 404
    assert proxy.ask("GET", "/containers/json?all=1&filters=%7B%7D").status == 403
    assert proxy.ask("GET", f"/containers/{WEB}/json").status == 200
