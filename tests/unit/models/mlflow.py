# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A registry that answers as MLflow 3 does where a release asks it; a real one is in scenario `applications`."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

NAME = "market-volatility"


class Mlflow:
    """Versions of one model by their number with their status, and aliases.

    :ivar asked: method and path of each request.
    """

    def __init__(self) -> None:
        self.versions: dict[str, str] = {}
        self.aliases: dict[str, str] = {}
        self.asked: list[str] = []
        self.login = ""
        self.allowed = ""
        self.broken: tuple[int, bytes] | None = None
        handler = type("Handler", (_Handler,), {"registry": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    registry: ClassVar[Mlflow]

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self._handle("GET", url.path, {name: values[0] for name, values in parse_qs(url.query).items()})

    def do_POST(self) -> None:
        self._handle("POST", self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _handle(self, method: str, path: str, given: dict[str, Any]) -> None:
        registry, path = self.registry, path.removeprefix("/api/2.0/mlflow/")
        registry.asked.append(f"{method} {path}")
        if registry.broken:
            self._send(*registry.broken)
        elif registry.allowed and self.headers["Host"] != registry.allowed:
            self._send(403, b"Invalid Host header - possible DNS rebinding attack detected")
        elif registry.login and self.headers.get("Authorization") != f"Basic {base64.b64encode(registry.login.encode()).decode()}":
            self._send(401, b"You are not authenticated. Please see https://www.mlflow.org for authentication.")
        elif (
            NAME not in (given.get("name"), str(given.get("filter", "")).removeprefix("name='").removesuffix("'")) or not registry.versions
        ):
            self._refuse("RESOURCE_DOES_NOT_EXIST", f"Registered Model with name={given.get('name')} not found")
        elif path == "registered-models/alias":
            self._alias(method, given)
        elif path == "model-versions/get":
            self._version(str(given["version"]))
        elif path == "model-versions/search":
            newest = max(registry.versions, key=int)
            self._send(200, json.dumps({"model_versions": [{"name": NAME, "version": newest}]}).encode())
        else:
            self._send(200, json.dumps({"registered_model": {"name": NAME}}).encode())

    def _alias(self, method: str, given: dict[str, Any]) -> None:
        if method == "POST":
            self.registry.aliases[given["alias"]] = given["version"]
            self._send(200, b"{}")
        elif given["alias"] in self.registry.aliases:
            self._version(self.registry.aliases[given["alias"]])
        else:
            self._refuse("INVALID_PARAMETER_VALUE", f"Registered model alias {given['alias']} not found.", 400)

    def _version(self, version: str) -> None:
        if version not in self.registry.versions:
            self._refuse("RESOURCE_DOES_NOT_EXIST", f"Model Version (name={NAME}, version={version}) not found")
            return
        found = {"name": NAME, "version": version, "status": self.registry.versions[version]}
        self._send(200, json.dumps({"model_version": found}).encode())

    def _refuse(self, code: str, message: str, status: int = 404) -> None:
        self._send(status, json.dumps({"error_code": code, "message": message}).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def mlflow() -> Iterator[Mlflow]:
    server = Mlflow()
    yield server
    server.close()
