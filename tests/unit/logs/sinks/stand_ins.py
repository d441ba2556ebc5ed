# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-ins of Loki, Elasticsearch or OpenSearch, and VictoriaLogs, strict by their documentation: the real ones cannot be had here.

Each refuses, by an assertion that the test sees, what the real one does not read; and answers as the real one does to what it reads and
does not take. What it has kept are records, in order.
"""

from __future__ import annotations

import gzip
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

BILLION = 10**9
LINE = 262_144  # bytes: max_line_size of Loki, -insert.maxLineSizeBytes of VictoriaLogs
HOUR = 3600 * BILLION


@dataclass(frozen=True)
class Kept:
    """A record that a server has."""

    labels: Mapping[str, str]
    at: int
    number: int
    source: str
    text: str
    whole: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """What is answered; without a status the connection is closed."""

    status: int = 0
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    store: bool = False  # what came is kept before


class Store:
    """What one kind of server makes of a request."""

    def __init__(self) -> None:
        self.kept: list[Kept] = []

    def take(self, path: str, query: Mapping[str, list[str]], headers: Mapping[str, str], body: bytes) -> Reply:
        raise NotImplementedError


class Loki(Store):
    """Grafana Loki 2.4 to 3: labels and nanoseconds as strings, one of equal lines, nothing an hour older than the newest of a stream.

    :param poison: a line with this in it is refused with the whole request, as one that cannot be read.
    """

    def __init__(self, poison: str = "") -> None:
        super().__init__()
        self.poison = poison
        self.streams: dict[tuple[tuple[str, str], ...], set[tuple[int, str]]] = {}
        self.newest: dict[tuple[tuple[str, str], ...], int] = {}

    def take(self, path: str, query: Mapping[str, list[str]], headers: Mapping[str, str], body: bytes) -> Reply:
        if path != "/loki/api/v1/push":
            return Reply(404, "404 page not found\n")
        assert headers["Content-Type"].split(";")[0] == "application/json" and not query
        push = json.loads(body)
        assert set(push) == {"streams"} and push["streams"]
        if self.poison and self.poison in body.decode():
            return Reply(400, "couldn't parse push request")
        wrong: list[str] = []
        for stream in push["streams"]:
            assert set(stream) == {"stream", "values"} and 0 < len(stream["stream"]) <= 15 and stream["values"]
            for label, value in stream["stream"].items():
                assert re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", label) and isinstance(value, str) and 0 < len(value) <= 2048, label
            key = tuple(sorted(stream["stream"].items()))
            late: list[int] = []
            newest = self.newest.get(key, 0)
            for value in stream["values"]:
                stamp, line = value  # without structured metadata: not every Loki takes it
                assert isinstance(stamp, str) and re.fullmatch(r"\d{19}", stamp) and isinstance(line, str) and line
                at = int(stamp)
                if len(line.encode()) > LINE:
                    wrong.append(f"Max entry size '{LINE}' bytes exceeded for stream '{{{key}}}'")
                    continue
                if at < newest - HOUR:
                    late.append(at)
                    continue
                newest = self.newest[key] = max(newest, at)
                record = json.loads(line)
                if (at, line) not in self.streams.setdefault(key, set()):
                    self.streams[key].add((at, line))
                    self.kept.append(Kept(dict(stream["stream"]), at, record["number"], record["source"], record["text"], record))
            if late:
                oldest = f"{datetime.fromtimestamp((newest - HOUR) // BILLION, timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
                what = f"reason: 'entry too far behind, oldest acceptable timestamp is: {oldest}',"
                total = f"user 'fake', total ignored: {len(late)} out of {len(stream['values'])}"
                wrong.append(f"entry with timestamp {late[-1]} ignored, {what}\n{total}")
        return Reply(400, "\n".join(wrong)) if wrong else Reply(204)


class Bulk(Store):
    """Elasticsearch 8 and OpenSearch 2: an action and a document, a status for each.

    :param fields: how many fields an index may have.
    :param item: a status, a type and a reason for a document, which is not kept then.
    """

    def __init__(self, fields: int = 50, item: Callable[[dict[str, Any]], tuple[int, str, str] | None] = lambda _document: None) -> None:
        super().__init__()
        self.fields, self.item = fields, item
        self.indices: dict[str, set[str]] = {}
        self.mapped: dict[str, set[str]] = {}
        self.items = 0

    def take(self, path: str, query: Mapping[str, list[str]], headers: Mapping[str, str], body: bytes) -> Reply:
        if path != "/_bulk":
            return Reply(405, '{"error":"Incorrect HTTP method for uri"}')
        assert headers["Content-Type"] in ("application/x-ndjson", "application/json")
        assert body.endswith(b"\n"), "The bulk request must be terminated by a newline"
        lines = body.decode().split("\n")[:-1]
        assert len(lines) % 2 == 0
        items = [self._item(json.loads(lines[at]), json.loads(lines[at + 1])) for at in range(0, len(lines), 2)]
        self.items += len(items)
        answer: dict[str, Any] = {"errors": any(item["create"]["status"] >= 300 for item in items), "items": items}
        if "filter_path" not in query:
            answer["took"] = 3
        return Reply(200, json.dumps(answer))

    def _item(self, action: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
        assert set(action) == {"create"} and set(action["create"]) == {"_index", "_id"}
        index, identity = action["create"]["_index"], action["create"]["_id"]
        assert re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,254}", index) and 0 < len(identity.encode()) <= 512
        at = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{9})Z", document["@timestamp"])
        assert at and isinstance(document["host"], dict), "host is an object of the Elastic Common Schema"
        refused = self.item(document) or self._mapping(index, document)
        if identity in self.indices.setdefault(index, set()):
            refused = (409, "version_conflict_engine_exception", f"[{identity}]: version conflict, document already exists")
        if refused:
            return {"create": {"status": refused[0], "error": {"type": refused[1], "reason": refused[2]}}}
        self.indices[index].add(identity)
        labels = {**document["labels"], "host": document["host"]["name"], "service": document["service"]["name"], "_index": index}
        seconds = int(datetime.fromisoformat(at[1] + "+00:00").timestamp())
        source = labels.pop("source")
        self.kept.append(Kept(labels, seconds * BILLION + int(at[2]), document["event"]["sequence"], source, document["message"], document))
        return {"create": {"status": 201}}

    def _mapping(self, index: str, document: dict[str, Any]) -> tuple[int, str, str] | None:
        mapped = self.mapped.setdefault(index, set()) | set(_flat(document))
        if len(mapped) > self.fields:
            return 400, "illegal_argument_exception", f"Limit of total fields [{self.fields}] has been exceeded while adding new fields [1]"
        self.mapped[index] = mapped
        return None


class VictoriaLogs(Store):
    """VictoriaLogs 1: flat documents of strings, nothing known of what came before, and a line that is too long dropped in silence."""

    def take(self, path: str, query: Mapping[str, list[str]], headers: Mapping[str, str], body: bytes) -> Reply:
        if path != "/insert/jsonline":
            return Reply(400, "unsupported path requested")
        assert headers["Content-Type"] == "application/stream+json"
        assert set(query) == {"_stream_fields", "_time_field", "_msg_field"}
        streams = query["_stream_fields"][0].split(",")
        for line in body.decode().split("\n")[:-1]:
            document = json.loads(line)
            assert all(isinstance(value, str) for value in document.values())
            at = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{9})Z", document[query["_time_field"][0]])
            assert at
            if len(line.encode()) > LINE:
                continue
            seconds = int(datetime.fromisoformat(at[1] + "+00:00").timestamp())
            labels = {name: document[name] for name in streams if name in document}
            self.kept.append(
                Kept(labels, seconds * BILLION + int(at[2]), int(document["number"]), document["source"], document["_msg"], document)
            )
        return Reply(200)


def _flat(document: Mapping[str, Any], prefix: str = "") -> list[str]:
    names: list[str] = []
    for name, value in document.items():
        names += _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else [prefix + name]
    return names


class Server:
    """A stand-in that listens on loopback, on the same port after each start.

    :param tls: certificate and key.
    :param authorization: the header that it wants to see.
    """

    def __init__(self, store: Store, tls: tuple[str, str] | None = None, authorization: str = "", prefix: str = "") -> None:
        self.store, self.tls, self.authorization, self.prefix = store, tls, authorization, prefix
        self.replies: list[Reply] = []  # instead of what the store says, one a request
        self.always: Reply | None = None
        self.largest = 0  # bytes of a body, unpacked; 0 for any
        self.requests = 0
        self.sizes: list[int] = []
        self.problems: list[str] = []
        self.gate = threading.Event()  # shut, requests hang
        self.gate.set()
        self.port = 0
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Where it listens, by the name of its certificate."""
        return f"{'https' if self.tls else 'http'}://localhost:{self.port}{self.prefix}"

    def start(self) -> Server:
        """Listen."""
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                stand_in.handle(self)

            def log_message(self, *_arguments: Any) -> None:
                """Nothing."""

        class Listening(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_arguments: Any) -> None:
                """A client that goes away is no problem of the test."""

        self._server = Listening(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.tls)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def stop(self) -> None:
        """Listen no more."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
        self._server = None

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        """One request."""
        body = request.rfile.read(int(request.headers["Content-Length"]))
        self.requests += 1
        self.gate.wait()
        try:
            reply = self._reply(request, body) if self._server else Reply()
        except (AssertionError, ValueError, KeyError, TypeError) as error:
            self.problems.append(f"{type(error).__name__}: {error}")
            reply = Reply(500, "the stand-in does not read this")
        if not reply.status:
            request.close_connection = True
            request.connection.shutdown(socket.SHUT_RDWR)
            return
        data = reply.body.encode()
        request.send_response(reply.status)
        for name, value in reply.headers.items():
            request.send_header(name, value)
        if reply.status != 204:
            request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        if reply.status != 204:
            request.wfile.write(data)

    def _reply(self, request: BaseHTTPRequestHandler, body: bytes) -> Reply:
        url = urlsplit(request.path)
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.sizes.append(len(body))
        if request.headers.get("Authorization", "") != self.authorization:
            return Reply(401, "no such user, or another password")
        if self.largest and len(body) > self.largest:
            return Reply(413, "Request Entity Too Large")
        planned = self.replies.pop(0) if self.replies else self.always
        if planned and not planned.store:
            return planned
        assert url.path.startswith(self.prefix)
        done = self.store.take(url.path[len(self.prefix) :], parse_qs(url.query), request.headers, body)
        return planned or done
