# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Docker engine as far as opsctl speaks to one: HTTP on a unix socket, logs in frames, commands that are real processes."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import socketserver
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

PART = 16384  # bytes of one message of a log
START = 1_800_000_000 * 10**9  # nanoseconds: a time in 2027 that nothing else has


def stamp(nanoseconds: int) -> str:
    at = datetime.fromtimestamp(nanoseconds // 10**9, timezone.utc)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{nanoseconds % 10**9:09d}Z"


@dataclass
class Box:
    """A container."""

    id: str
    stack: str
    service: str
    number: int
    state: str = "running"
    health: str = "healthy"
    terminal: bool = False
    definition: str = ""
    image: str = "registry.example.com:5000/shop/web:1.4.2@sha256:" + "0123456789abcdef" * 4
    address: str = "172.20.0.2"
    exit_code: int = 0
    readable: bool = True
    cures: bool = True  # a restart makes it well
    log: list[tuple[int, int, bytes]] = field(default_factory=list)  # nanoseconds, output, a message

    @property
    def name(self) -> str:
        return f"{self.stack}-{self.service}-{self.number}"

    def brief(self) -> dict[str, Any]:
        return {"Id": self.id, "Labels": self.labels()}

    def labels(self) -> dict[str, str]:
        return {
            "com.docker.compose.project": self.stack,
            "com.docker.compose.service": self.service,
            "com.docker.compose.container-number": str(self.number),
            "com.docker.compose.oneoff": "False",
            "com.latentum.ops.definition": self.definition,
        }

    def full(self) -> dict[str, Any]:
        state = {"Status": self.state, "ExitCode": self.exit_code, "StartedAt": stamp((int(time.time()) - 90000) * 10**9)}
        if self.health != "none":
            state["Health"] = {"Status": self.health, "Log": []}
        return {
            "Id": self.id,
            "Name": f"/{self.name}",
            "Created": stamp(START),
            "State": state,
            "RestartCount": 0,
            "Image": f"sha256:{self.id}",
            "Config": {"Labels": self.labels(), "Image": self.image, "Tty": self.terminal},
            "NetworkSettings": {"Networks": {"default": {"IPAddress": self.address if self.state == "running" else ""}}},
        }


@dataclass
class Execution:
    """A command in a container."""

    config: dict[str, Any]
    process: subprocess.Popen[bytes] | None = None
    terminal: int = -1
    sizes: list[tuple[int, int]] = field(default_factory=list)
    refused: int | None = None  # exit status of one that could not be run


class Dockerd:
    """The engine; whatever it was asked is kept."""

    def __init__(self, path: Path) -> None:
        self.boxes: dict[str, Box] = {}
        self.executions: dict[str, Execution] = {}
        self.asked: list[str] = []
        self.events: list[dict[str, Any]] = []
        self.changed = threading.Condition()
        self.clock = START
        self.down = False
        self.chunk = 1 << 20  # bytes that are sent of a log at a time
        daemon = self

        class Handler(_Handler):
            engine = daemon

        class Server(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that went away."""

        self._server = Server(str(path), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        with self.changed:
            self.down = True
            self.changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        for execution in self.executions.values():
            if execution.process and execution.process.poll() is None:
                with suppress(OSError):
                    os.killpg(execution.process.pid, 9)

    def add(self, stack: str, service: str, number: int = 1, **more: Any) -> Box:
        box = Box(f"{len(self.boxes) + 1:064x}", stack, service, number, **more)
        self.boxes[box.id] = box
        return box

    def write(self, box: Box, text: bytes, stream: int = 1, *, end: bytes = b"\n", at: int | None = None) -> None:
        """A line, in messages of 16 KiB as dockerd cuts it."""
        parts = [text[begin : begin + PART] for begin in range(0, len(text), PART)] or [b""]
        with self.changed:
            for index, part in enumerate(parts):
                self.clock += 1_000_000
                box.log.append((self.clock if at is None else at, stream, part + (end if index == len(parts) - 1 else b"")))
            self.changed.notify_all()

    def end(self, box: Box, exit_code: int = 137) -> None:
        with self.changed:
            box.state, box.exit_code = "exited", exit_code
            self._event(box, "die")

    def start(self, box: Box) -> None:
        with self.changed:
            box.state = "running"
            self._event(box, "start")

    def _event(self, box: Box, action: str) -> None:
        attributes = {**box.labels(), "name": box.name, "exitCode": str(box.exit_code)}
        self.events.append({"Type": "container", "Action": action, "Actor": {"ID": box.id, "Attributes": attributes}})
        self.changed.notify_all()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    engine: Dockerd

    def address_string(self) -> str:
        return ""

    def log_message(self, *_given: Any) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        path = re.sub(r"^/v1\.\d+", "", url.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.engine.asked.append(f"GET {unquote(self.path)}")
        if path == "/_ping":
            self._answer(b"OK", "text/plain")
        elif path == "/containers/json":
            labels = json.loads(query["filters"])["label"]
            fitting = [box for box in self.engine.boxes.values() if set(labels) <= {f"{k}={v}" for k, v in box.labels().items()}]
            self._json([box.brief() for box in fitting])
        elif match := re.fullmatch(r"/containers/(\w+)/(json|logs)", path):
            box = self.engine.boxes.get(match[1])
            if box is None:
                self._json({"message": f"No such container: {match[1]}"}, 404)
            elif match[2] == "json":
                self._json(box.full())
            else:
                self._logs(box, query)
        elif path == "/events":
            self._events(query)
        elif match := re.fullmatch(r"/exec/(\w+)/json", path):
            execution = self.engine.executions[match[1]]
            process = execution.process
            code = process.poll() if process else execution.refused
            exit_code = None if code is None else code if code >= 0 else 128 - code
            self._json({"Running": process is not None and code is None, "Pid": process.pid if process else 0, "ExitCode": exit_code})
        else:
            self._json({"message": f"No such image: {path}"}, 404)

    def do_POST(self) -> None:
        url = urlsplit(self.path)
        path = re.sub(r"^/v1\.\d+", "", url.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.engine.asked.append(f"POST {unquote(self.path)} {body.decode()}")
        if match := re.fullmatch(r"/containers/(\w+)/exec", path):
            name = f"x{len(self.engine.executions)}"
            self.engine.executions[name] = Execution(json.loads(body))
            self._json({"Id": name}, 201)
        elif match := re.fullmatch(r"/containers/(\w+)/(start|restart|unpause)", path):
            box = self.engine.boxes[match[1]]
            box.state = "running"
            box.health = "healthy" if box.cures else box.health
            self._answer(b"", "text/plain", 204)
        elif match := re.fullmatch(r"/exec/(\w+)/start", path):
            self._start(self.engine.executions[match[1]], json.loads(body).get("ConsoleSize"))
        elif match := re.fullmatch(r"/exec/(\w+)/resize", path):
            execution = self.engine.executions[match[1]]
            query = parse_qs(url.query)
            size = int(query["h"][0]), int(query["w"][0])
            execution.sizes.append(size)
            fcntl.ioctl(execution.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
            self._answer(b"", "text/plain")

    def _json(self, document: Any, status: int = 200) -> None:
        self._answer(json.dumps(document).encode(), "application/json", status)

    def _answer(self, body: bytes, kind: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Api-Version", "1.45")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def _chunk(self, data: bytes) -> None:
        for begin in range(0, len(data), self.engine.chunk):
            part = data[begin : begin + self.engine.chunk]
            self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            self.wfile.flush()

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def _logs(self, box: Box, query: dict[str, str]) -> None:
        if not box.readable:
            self._json({"message": "configured logging driver does not support reading"}, 500)
            return
        self._stream()
        seconds, _dot, fraction = query["since"].partition(".")
        since = int(seconds) * 10**9 + int(fraction.ljust(9, "0") or 0)
        lines = [message for message in box.log if message[0] >= since]
        if query["tail"] != "all":
            ends = [index for index, message in enumerate(lines) if message[2].endswith(b"\n")]
            keep = ends[-int(query["tail"]) :] if int(query["tail"]) else []
            begin = (ends[ends.index(keep[0]) - 1] + 1 if keep and ends.index(keep[0]) else 0) if keep else len(lines)
            lines = lines[begin:]
        sent = box.log.index(lines[0]) if lines else len(box.log)
        for messages in self._following(box, sent, follow=query["follow"] == "1"):
            self._chunk(b"".join(self._message(box, *message) for message in messages))
        self.wfile.write(b"0\r\n\r\n")

    def _following(self, box: Box, sent: int, *, follow: bool) -> Iterator[list[tuple[int, int, bytes]]]:
        while True:
            with self.engine.changed:
                messages = box.log[sent:]
                if not messages and (not follow or box.state != "running" or self.engine.down):
                    return
                if not messages:
                    self.engine.changed.wait(0.2)
                    continue
            sent += len(messages)
            yield messages

    def _message(self, box: Box, at: int, stream: int, content: bytes) -> bytes:
        data = f"{stamp(at)} ".encode() + content
        return data.replace(b"\n", b"\r\n") if box.terminal else bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data

    def _events(self, query: dict[str, str]) -> None:
        self._stream()
        sent, until = 0, float(query.get("until") or "inf")
        while not self.engine.down and time.time() < until:
            with self.engine.changed:
                fresh = self.engine.events[sent:]
                if not fresh:
                    self.engine.changed.wait(0.2)
                    continue
            sent += len(fresh)
            for event in fresh:
                self._chunk(json.dumps(event).encode() + b"\n")
        self.wfile.write(b"0\r\n\r\n")

    def _start(self, execution: Execution, size: list[int] | None) -> None:
        argv, terminal = execution.config["Cmd"], execution.config["Tty"]
        # As in a container, also where the tests were started by `nohup`, which has its children ignore a hang-up, or behind an
        # ampersand, by which a shell has them ignore an interrupt.
        heeding = ["env", "--default-signal=HUP,INT,QUIT"]
        if argv[0] == "when-the-engine-fails":
            self._json({"message": "cannot start: executable file not found for the shim"}, 500)
            return
        if "/" not in argv[0] and not any((Path(folder) / argv[0]).exists() for folder in os.environ["PATH"].split(":")):
            execution.refused = 127
            reason = f'exec: "{argv[0]}": executable file not found in $PATH'
            message = f"OCI runtime exec failed: exec failed: unable to start container process: {reason}"
            self._json({"message": message}, 400)
            return
        self.wfile.write(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
        self.wfile.flush()
        self.close_connection = True
        environment = {**os.environ, **dict(pair.split("=", 1) for pair in execution.config.get("Env", []))}
        if terminal:
            execution.terminal, slave = pty.openpty()
            if size:
                fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
            execution.process = subprocess.Popen(
                [*heeding, "setsid", "--ctty", *argv], stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=False
            )
            os.close(slave)
            self._carry_terminal(execution)
        else:
            execution.process = subprocess.Popen(
                [*heeding, *argv],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                start_new_session=True,
            )
            self._carry(execution.process)

    def _carry_terminal(self, execution: Execution) -> None:
        master = execution.terminal

        def inward() -> None:
            with suppress(OSError):
                while data := self.connection.recv(4096):
                    os.write(master, data)

        threading.Thread(target=inward, daemon=True).start()
        with suppress(OSError):
            while data := os.read(master, 65536):
                self.connection.sendall(data)
        if execution.process:
            execution.process.wait()
        with suppress(OSError):
            self.connection.shutdown(2)

    def _carry(self, process: subprocess.Popen[bytes]) -> None:
        lock = threading.Lock()

        def inward() -> None:
            with suppress(OSError):
                while data := self.connection.recv(4096):
                    os.write(process.stdin.fileno(), data)  # type: ignore[union-attr]
            with suppress(OSError):
                process.stdin.close()  # type: ignore[union-attr]

        def outward(pipe: Any, number: int) -> None:
            with suppress(OSError):
                while data := os.read(pipe.fileno(), 65536):
                    with lock:
                        self.connection.sendall(bytes([number, 0, 0, 0]) + len(data).to_bytes(4, "big") + data)

        threading.Thread(target=inward, daemon=True).start()
        threads = [threading.Thread(target=outward, args=pair, daemon=True) for pair in ((process.stdout, 1), (process.stderr, 2))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        process.wait()
        with suppress(OSError):
            self.connection.shutdown(2)
