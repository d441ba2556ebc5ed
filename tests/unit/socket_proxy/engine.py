# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine behind the proxy: answers as dockerd does, and keeps every request that reached it."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

PROJECT, SERVICE = "com.docker.compose.project", "com.docker.compose.service"
NUMBER, ONEOFF = "com.docker.compose.container-number", "com.docker.compose.oneoff"
WEB, DB, OTHER, SINGLE, SEEN, QUIET = ("a" * 64, "b" * 64, "c" * 64, "d" * 64, "e" * 64, "f" * 64)
SECRET = "Zx9-planted-value"
PASSWORD = "password=hunter2hunter2"


def container(identity: str, project: str, service: str, *, oneoff: str = "False") -> dict[str, Any]:
    """As the engine inspects it, with a secret wherever one may stand."""
    labels = {PROJECT: project, SERVICE: service, NUMBER: "1", ONEOFF: oneoff, "traefik.auth": SECRET}
    return {
        "Id": identity,
        "Name": f"/{project}-{service}-1",
        "Created": "2026-01-01T00:00:00Z",
        "Path": "sh",
        "Args": ["-c", f"serve --key {SECRET}"],
        "Image": "sha256:" + "1" * 64,
        "RestartCount": 2,
        "LogPath": f"/var/lib/docker/{SECRET}",
        "ExecIDs": [SECRET],
        "State": {
            "Status": "running",
            "Running": True,
            "Pid": 4711,
            "ExitCode": 0,
            "Error": SECRET,
            "StartedAt": "2026-01-01T00:00:01Z",
            "Health": {"Status": "unhealthy", "FailingStreak": 4, "Log": [{"ExitCode": 1, "Output": f"{SECRET} {n}"} for n in range(5)]},
        },
        "Config": {
            "Image": "shop/web:1",
            "Env": [f"DB_PASSWORD={SECRET}"],
            "Cmd": [SECRET],
            "Entrypoint": [SECRET],
            "Labels": labels,
            "Healthcheck": {"Test": ["CMD", SECRET]},
            "StopTimeout": 7,
        },
        "HostConfig": {
            "NetworkMode": "shop_default",
            "CgroupParent": "",
            "Binds": [f"/{SECRET}:/x"],
            "LogConfig": {"Config": {"k": SECRET}},
        },
        "Mounts": [{"Source": f"/{SECRET}"}],
        "GraphDriver": {"Data": {"x": SECRET}},
        "NetworkSettings": {
            "Networks": {"shop_default": {"IPAddress": "172.20.0.9", "NetworkID": "1" * 64, "Aliases": [SECRET], "MacAddress": "x"}},
            "Ports": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]},
        },
    }


def event(kind: str, action: str, identity: str, **attributes: str) -> dict[str, Any]:
    return {"Type": kind, "Action": action, "Actor": {"ID": identity, "Attributes": attributes}, "timeNano": 5, "status": SECRET}


class Engine:
    """What is behind the socket; `asked` is each request line with its body."""

    def __init__(self, path: Path) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.containers = {
            one["Id"]: one
            for one in (
                container(WEB, "shop", "web"),
                container(DB, "shop", "db"),
                container(OTHER, "other", "web"),
                container(SINGLE, "shop", "web", oneoff="True"),
                container(SEEN, "routed", "web"),
                container(QUIET, "shop", "quiet"),
            )
        }
        self.networks = [
            {"Name": "shop_default", "Id": "1" * 64, "Labels": {PROJECT: "shop"}},
            {"Name": "shop_default_02_aaaaaa", "Id": "2" * 64, "Labels": {PROJECT: "shop"}},
            {"Name": "other_default", "Id": "3" * 64, "Labels": {PROJECT: "other"}},
            {"Name": "host", "Id": "4" * 64, "Labels": {}},
            {"Name": "shared", "Id": "5" * 64, "Labels": {}},
        ]
        self.happened: list[dict[str, Any]] = []
        self.keeps_open = False  # the stream of events, after the last one
        self.closed = threading.Event()  # somebody ended a stream
        self.log = b""
        self.links: dict[str, str] = {}
        self.refuses: tuple[int, str] | None = None
        engine = self

        class Handler(_Handler):
            held = engine

        class Server(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that went away."""

        self.path = path
        self._server = Server(str(path), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    held: Engine
    protocol_version = "HTTP/1.1"

    def log_message(self, *_words: object) -> None:
        """Silent."""

    def address_string(self) -> str:
        return ""

    def _any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        engine, target = self.held, self.path.removeprefix("/v1.45")
        engine.asked.append((f"{self.command} {target}", body))
        path = target.partition("?")[0]
        if engine.refuses:
            self._json({"message": engine.refuses[1]}, engine.refuses[0])
        elif path == "/_ping":
            self._reply(b"OK", {"Api-Version": "1.45"})
        elif path == "/events":
            self._events()
        elif path == "/containers/json":
            self._json([self._brief(one) for one in engine.containers.values()])
        elif path == "/networks":
            self._json(engine.networks)
        elif path.startswith("/exec/"):
            self._exec(path)
        elif path.startswith("/networks/"):
            self._reply(b"")
        else:
            self._container(path)

    do_GET = do_POST = do_HEAD = do_DELETE = do_PUT = _any

    def _brief(self, one: dict[str, Any]) -> dict[str, Any]:
        return {
            "Id": one["Id"],
            "Names": [one["Name"]],
            "State": "running",
            "Command": SECRET,
            "Labels": one["Config"]["Labels"],
            "Mounts": [SECRET],
        }

    def _container(self, path: str) -> None:
        _blank, _containers, identity, verb = path.split("/")
        engine = self.held
        if identity not in engine.containers:
            self._json({"message": f"No such container: {identity}"}, 404)
        elif verb == "json":
            self._json(engine.containers[identity])
        elif verb == "logs":
            self._reply(engine.log)
        elif verb == "exec":
            self._json({"Id": "9" * 64}, 201)
        elif verb == "archive":
            self._archive()
        else:
            self._reply(b"", status=204)

    def _archive(self) -> None:
        import base64
        from urllib.parse import parse_qs, urlsplit

        asked = parse_qs(urlsplit(self.path).query)["path"][0]
        status = {
            "name": "x",
            "size": 3,
            "mode": 0o644,
            "mtime": "2026-01-01T00:00:00Z",
            "linkTarget": self.held.links.get(asked, ""),
            "k": SECRET,
        }
        self._reply(b"", {"X-Docker-Container-Path-Stat": base64.b64encode(json.dumps(status).encode()).decode()})

    def _exec(self, path: str) -> None:
        if path.endswith("/json"):
            self._json({"ID": path.split("/")[2], "Running": False, "ExitCode": 3, "ProcessConfig": {"arguments": [SECRET]}})
        else:
            self._reply(self.held.log)

    def _events(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for one in self.held.happened:
            line = json.dumps(one).encode() + b"\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
        self.wfile.flush()
        if self.held.keeps_open:
            self.connection.settimeout(10)
            self.connection.recv(1)
            self.held.closed.set()
            return
        self.wfile.write(b"0\r\n\r\n")

    def _json(self, document: object, status: int = 200) -> None:
        self._reply(json.dumps(document).encode(), status=status)

    def _reply(self, body: bytes, headers: dict[str, str] | None = None, status: int = 200) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body)), "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True


def answers(channel: socket.socket) -> Iterator[bytes]:
    """To the end; a server that has not read all that was sent resets the connection after its answer (unix(7))."""
    with suppress(ConnectionResetError):
        while part := channel.recv(65536):
            yield part
