# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service on its socket: what nginx sends, what others might, and where browsers are sent."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.authentication import daemon, hashes
from ansible_collections.latentum.ops.plugins.module_utils.authentication.judge import Judge
from ansible_collections.latentum.ops.plugins.module_utils.contracts.route_authentication import RouteAuthentication

KEY = "a-key-of-a-partner"
KEYS = RouteAuthentication(name="keys", stack="acme", kind="api_key", header="X-API-Key", realm="api.example.com")
LOGIN = RouteAuthentication(
    name="sso", stack="acme", kind="forward", login="https://auth.example.com/?theme=dark", hosts=("app.example.com", "www.example.com")
)
LOCAL = RouteAuthentication(
    name="local", stack="acme", kind="forward", login="/oauth2/start", login_parameter="rd", hosts=("app.example.com",)
)
INHERIT = """
import os, runpy, sys
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", STATE_DIRECTORY=sys.argv[2])
from ansible_collections.latentum.ops.plugins.module_utils.authentication import daemon, judge
judge.Judge.__init__.__defaults__ = (__import__("pathlib").Path(sys.argv[1]), *judge.Judge.__init__.__defaults__[1:])
daemon.main()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    file = tmp_path / "policies/acme/policies.json"
    file.parent.mkdir(parents=True)
    described = [{**KEYS.to_dict(), "callers": {hashes.digest(KEY): "partner"}}, LOGIN.to_dict(), LOCAL.to_dict()]
    file.write_text(json.dumps({"policies": described}))
    return tmp_path / "policies"


@pytest.fixture
def judge(folder: Path) -> Judge:
    return Judge(folder)


def asked(judge: Judge, path: str, **headers: str) -> tuple[int, dict[str, str]]:
    head, *lines = daemon.answer(judge, path, {name.replace("_", "-"): value for name, value in headers.items()}).decode().split("\r\n")
    return int(head.split()[1]), dict(line.split(": ", 1) for line in lines if line)


def test_keys(judge: Judge) -> None:
    assert asked(judge, "/check", x_ops_policy="acme/keys", x_ops_credential=KEY) == (204, {"X-Ops-User": "partner"})
    status, headers = asked(judge, "/check", x_ops_policy="acme/keys", x_ops_credential="x" * 40)
    assert (status, headers["X-Ops-Refused"]) == (401, "refused: unknown") and headers["WWW-Authenticate"].startswith("ApiKey ")
    assert asked(judge, "/check", x_ops_policy="acme/keys")[1]["X-Ops-Refused"] == "missing"
    assert asked(judge, "/check")[0] == 401 and asked(judge, "/")[0] == 404
    assert asked(judge, "/check", x_ops_policy="acme/sso", x_ops_credential=KEY)[0] == 401


PAGE = {"x_ops_policy": "acme/sso", "x_ops_method": "GET", "x_ops_accept": "text/html", "x_ops_host": "app.example.com"}


def test_the_way_to_a_login_and_back(judge: Judge) -> None:
    status, headers = asked(judge, "/login", **PAGE, x_ops_path="/a?b=1&c=%2F")
    assert status == 302
    assert headers["Location"] == "https://auth.example.com/?theme=dark&rd=https%3A%2F%2Fapp.example.com%2Fa%3Fb%3D1%26c%3D%252F"
    local = {**PAGE, "x_ops_policy": "acme/local"}
    assert (
        asked(judge, "/login", **local, x_ops_path="/")[1]["Location"]
        == "https://app.example.com/oauth2/start?rd=https%3A%2F%2Fapp.example.com%2F"
    )


@pytest.mark.parametrize(
    "given",
    [
        {"x_ops_host": "evil.example"},
        {"x_ops_host": ""},
        {"x_ops_method": "POST"},
        {"x_ops_accept": "application/json"},
        {"x_ops_path": ""},
        {"x_ops_path": "https://evil.example/"},
        {"x_ops_policy": "acme/keys"},
        {"x_ops_policy": "acme/nothing"},
    ],
)
def test_nobody_is_sent_elsewhere(judge: Judge, given: dict[str, str]) -> None:
    status, headers = asked(judge, "/login", **{**PAGE, "x_ops_path": "/", **given})
    assert status == 401 and "Location" not in headers


@pytest.fixture
def service(folder: Path, tmp_path: Path) -> Iterator[Path]:
    """The program as systemd starts it, with a socket that it inherits."""
    path = tmp_path / "auth.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(path))
        listening.listen(16)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
        command = [sys.executable, "-c", INHERIT, str(folder), str(tmp_path)]
        with subprocess.Popen(command, env=environment, preexec_fn=lambda: os.dup2(listening.fileno(), 3), close_fds=False) as process:
            yield path
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0, "it ends in order"


def sent(path: Path, *pieces: bytes) -> bytes:
    """What comes back on one connection until it is closed or quiet."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(20)
        connection.connect(str(path))
        for piece in pieces:
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        try:
            while part := connection.recv(65536):
                received += part
        except ConnectionError:
            pass
        return received


def test_connections_and_what_others_might_send(service: Path) -> None:
    request = f"GET /check HTTP/1.1\r\nHost: x\r\nX-Ops-Policy: acme/keys\r\nX-Ops-Credential: {KEY}\r\n\r\n".encode()
    # Who connects before the service is there is answered once it is.
    assert sent(service, request).startswith(b"HTTP/1.1 204 No Content\r\nX-Ops-User: partner\r\n\r\n")
    assert sent(service, request[:30], request[30:], request, request).count(b"204 No Content") == 3, "a kept connection"
    once = request.replace(b"HTTP/1.1\r\n", b"HTTP/1.0\r\n")
    assert sent(service, once, once).count(b"204 No Content") == 1
    for rubbish in (b"\x16\x03\x01\r\n\r\n", b"GET\r\n\r\n", b"\r\n\r\n", b"x" * 200_000, b""):
        assert sent(service, rubbish) == b""
    huge = request.replace(KEY.encode(), b"y" * 60_000)
    assert b"401 Unauthorized" in sent(service, huge)
    assert sent(service, request).count(b"204 No Content") == 1, "it goes on"
