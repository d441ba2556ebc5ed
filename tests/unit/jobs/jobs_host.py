# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host for jobs: an engine on a socket whose containers are real processes, and a `docker compose run` that asks it for one."""

from __future__ import annotations

import json
import os
import re
import signal
import socketserver
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers.api import EngineApi
from ansible_collections.latentum.ops.plugins.module_utils.contracts.job_settings import Job, JobSettings
from ansible_collections.latentum.ops.plugins.module_utils.core import locks, paths, progress
from ansible_collections.latentum.ops.plugins.module_utils.jobs import settings as job_settings
from ansible_collections.latentum.ops.plugins.module_utils.jobs.running import Runner
from ansible_collections.latentum.ops.plugins.module_utils.release.store import GOOD, Release, Store

# What stands for `docker`: it reads the project that it was given, and asks the engine below for a container.
DOCKER = """#!/usr/bin/env python3
import http.client, json, os, socket, sys
words = sys.argv[1:]
if os.environ.get("REFUSE"):
    sys.stderr.write(os.environ["REFUSE"])
    sys.exit(1)
options = dict(word[2:].split("=", 1) for word in words if word.startswith("--") and "=" in word)
project = json.load(open(options["file"]))
at = next(i for i, word in enumerate(words) if word.startswith("--name=")) + 1
service, command = words[at], words[at + 1:]
spec = project["services"][service]
body = {"name": options["name"], "project": options["project-name"], "service": service, "words": words, "spec": spec,
        "command": command or spec.get("command") or ["true"]}
class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(os.environ["ENGINE"])
connection = Unix("docker")
connection.request("POST", "/run", json.dumps(body))
answer = connection.getresponse()
text = answer.read().decode()
if answer.status >= 400:
    sys.stderr.write(json.loads(text)["message"])
    sys.exit(125)
print(text)
"""


@dataclass
class Box:
    """A container that is a process."""

    id: str
    name: str
    labels: dict[str, str]
    request: dict[str, Any]
    process: subprocess.Popen[bytes] | None = None
    log: list[bytes] = field(default_factory=list)
    out_of_memory: bool = False
    grace: int = 1
    exit_code: int | None = None

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def described(self) -> dict[str, Any]:
        code = self.exit_code if self.process is None else self.process.poll()
        state = {
            "Status": "running" if self.running else "exited",
            "Running": self.running,
            "ExitCode": 0 if code is None else code if code >= 0 else 128 - code,
            "OOMKilled": self.out_of_memory,
        }
        return {
            "Id": self.id,
            "Name": f"/{self.name}",
            "State": state,
            "Config": {"Labels": self.labels, "Tty": False, "StopTimeout": self.grace},
        }


class JobEngine:
    """The engine.

    :ivar removed: names of containers that were removed.
    :ivar grace: seconds between the stop signal and SIGKILL.
    :ivar heard_first: a container counts as started once it has written a line: a shell on a busy machine may take longer than its time.
    """

    def __init__(self, path: Path) -> None:
        self.boxes: dict[str, Box] = {}
        self.requests: list[dict[str, Any]] = []
        self.removed: list[str] = []
        self.readable = True
        self.out_of_memory = False
        self.grace = 1
        self.heard_first = False
        self.number = 0
        engine = self

        class Handler(_Handler):
            host = engine

        class Server(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that went away."""

        self._server = Server(str(path), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        for box in self.boxes.values():
            if box.process and box.running:
                with suppress(OSError):
                    os.killpg(box.process.pid, signal.SIGKILL)

    def begin(self, request: dict[str, Any]) -> Box:
        """A container that runs."""
        self.number += 1
        labels = {"com.docker.compose.project": request["project"], "com.docker.compose.oneoff": "True", **request["spec"]["labels"]}
        box = Box(f"{self.number:064x}", request["name"], labels, request, out_of_memory=self.out_of_memory, grace=self.grace)
        environment = {**os.environ, **(request["spec"].get("environment") or {})}
        box.process = subprocess.Popen(
            request["command"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )
        threading.Thread(target=self._read, args=(box,), daemon=True).start()
        while self.heard_first and box.running and not box.log:
            time.sleep(0.02)
        self.boxes[box.id] = box
        return box

    @staticmethod
    def _read(box: Box) -> None:
        for line in box.process.stdout if box.process and box.process.stdout else ():
            box.log.append(line)

    def find(self, identity: str) -> Box | None:
        return next((box for box in self.boxes.values() if identity in (box.id, box.name)), None)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    host: JobEngine

    def address_string(self) -> str:
        return ""

    def log_message(self, *_given: Any) -> None:
        """Nothing."""

    def _answer(self, document: Any, status: int = 200) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Api-Version", "1.45")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def _box(self) -> tuple[Box | None, str, dict[str, str]]:
        url = urlsplit(self.path)
        match = re.fullmatch(r"(?:/v1\.\d+)?/containers/([^/]+)(?:/(\w+))?", url.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        return (self.host.find(unquote(match[1])), match[2] or "", query) if match else (None, "", query)

    def do_GET(self) -> None:
        path = re.sub(r"^/v1\.\d+", "", urlsplit(self.path).path)
        if path == "/_ping":
            self._answer("OK")
        elif path == "/containers/json":
            labels = json.loads(self._box()[2]["filters"])["label"]
            fitting = [box for box in self.host.boxes.values() if set(labels) <= {f"{name}={value}" for name, value in box.labels.items()}]
            self._answer([{"Id": box.id, "Labels": box.labels} for box in fitting])
        else:
            box, verb, _query = self._box()
            if box is None:
                self._answer({"message": "No such container"}, 404)
            elif verb == "logs":
                self._logs(box)
            else:
                self._answer(box.described())

    def _logs(self, box: Box) -> None:
        if not self.host.readable:
            self._answer({"message": "configured logging driver does not support reading"}, 500)
            return
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        sent = 0
        while True:
            running, lines = box.running, box.log[sent:]
            for written in lines:
                data = b"2026-11-29T05:00:00.123456789Z " + written
                frame = b"\x01\0\0\0" + len(data).to_bytes(4, "big") + data
                self.wfile.write(f"{len(frame):x}\r\n".encode() + frame + b"\r\n")
            self.wfile.flush()
            sent += len(lines)
            if not running and sent == len(box.log):
                time.sleep(0.05)
                if sent == len(box.log):
                    break
            time.sleep(0.02)
        self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/run":
            request = json.loads(raw)
            self.host.requests.append(request)
            if self.host.find(request["name"]):
                self._answer({"message": f"Conflict. The container name {request['name']} is already in use"}, 409)
                return
            try:
                self._answer(self.host.begin(request).id)
            except OSError as error:
                self.host.number += 1
                labels = {"com.docker.compose.project": request["project"], **request["spec"]["labels"]}
                made = Box(f"{self.host.number:064x}", request["name"], labels, request, exit_code=127)
                self.host.boxes[made.id] = made
                self._answer({"message": f"failed to create task: {error}"}, 400)
            return
        box, verb, query = self._box()
        if box is None:
            self._answer({"message": "No such container"}, 404)
        elif verb == "stop" and box.process:
            with suppress(OSError):
                os.killpg(box.process.pid, signal.SIGTERM)
            try:
                box.process.wait(float(query["t"]))
            except subprocess.TimeoutExpired:
                os.killpg(box.process.pid, signal.SIGKILL)
                box.process.wait()
            self._answer({})
        else:
            self._answer({})

    def do_DELETE(self) -> None:
        box, _verb, _query = self._box()
        if box is None:
            self._answer({"message": "No such container"}, 404)
            return
        if box.process and box.running:
            with suppress(OSError):
                os.killpg(box.process.pid, signal.SIGKILL)
        self.host.removed.append(box.name)
        del self.host.boxes[box.id]
        self._answer({})


PROJECT: dict[str, Any] = {
    "name": "shop",
    "services": {
        "web": {"image": "web@sha256:1", "depends_on": {"database": {"condition": "service_healthy"}}},
        "modeling": {
            "image": "modeling@sha256:2",
            "command": ["sh", "-c", "echo trained"],
            "environment": {"EPOCHS": "5"},
            "depends_on": ["database"],
            "labels": {"com.latentum.ops.definition": "abc", "com.latentum.ops.uses": "def", "team": "ml"},
            "healthcheck": {"test": ["CMD", "true"]},
            "restart": "unless-stopped",
            "ports": ["8080:8080"],
            "deploy": {"replicas": 0, "resources": {"limits": {"memory": "1g", "cpus": "1"}}},
            "networks": {"backend": {"ipv4_address": "172.30.0.9", "aliases": ["model"]}},
            "secrets": [{"source": "modeling.token", "target": "token"}],
            "user": "10001:10001",
        },
        "database": {"image": "postgres@sha256:3"},
    },
}


@dataclass
class JobHost:
    """The host."""

    root: Path
    engine: JobEngine
    said: list[str] = field(default_factory=list)

    def release(self, project: dict[str, Any] | None = None, *, live: bool = True) -> Release:
        """A release of stack shop, which is live."""
        services = [{"service": "web", "expect": "running", "replicas": 1}]
        made = Release(
            "shop", str(self.root / "opt/shop"), project or PROJECT, {"LEVEL": "info"}, services, [], images={"web": "web@sha256:1"}
        )
        store = Store("shop")
        store.save(made)
        if live:
            store.mark(made.id, GOOD)
            store.set_live(made.id)
        return made

    def runner(self, **job: Any) -> Runner:
        """A runner of one job that is declared so."""
        made = Job(**{"name": "train", "service": "modeling", "command": ("sh", "-c", "echo trained"), **job})
        settings = JobSettings("shop", str(self.root / "opt/shop"), (made,), "app1", "app1")
        job_settings.FOLDER.mkdir(parents=True, exist_ok=True)
        job_settings.file_of("shop").write_text(json.dumps(settings.to_dict()))
        return Runner(settings, made, self.said.append)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A host with a live release of stack shop."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "docker").write_text(DOCKER)
    (programs / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("ENGINE", str(tmp_path / "docker.sock"))
    monkeypatch.setattr(EngineApi.__init__, "__defaults__", (30, str(tmp_path / "docker.sock")))
    monkeypatch.setattr(paths, "RELEASES", tmp_path / "var/stacks")
    monkeypatch.setattr(paths, "JOBS", tmp_path / "var/jobs")
    monkeypatch.setattr(paths, "STACKS", tmp_path / "etc/stacks")
    monkeypatch.setattr(locks, "FOLDER", tmp_path / "run")
    monkeypatch.setattr(progress, "FOLDER", tmp_path / "run")
    monkeypatch.setattr(job_settings, "FOLDER", tmp_path / "etc/jobs")
    (tmp_path / "run").mkdir()
    (tmp_path / "opt/shop").mkdir(parents=True)
    engine = JobEngine(tmp_path / "docker.sock")
    yield JobHost(tmp_path, engine)
    engine.close()
