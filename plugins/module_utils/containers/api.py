# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Client of the Docker Engine API over its unix socket, by the standard library alone.

The Docker SDK for Python brings `requests` and `urllib3`: 18 MB and 0.15 s of processor time in every process that asks the engine
one question, which was more than half of the watchdog's memory. What is asked here are a dozen endpoints of JSON.
Each request has a connection of its own, so that one client serves all threads. Source: Docker Engine API reference, v1.41 to v1.51.
"""

from __future__ import annotations

import base64
import binascii
import http.client
import json
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote, urlencode

from ..core.masking import mask
from . import registry_auth

SOCKET = "/var/run/docker.sock"
NEWEST = (1, 51)  # the newest version of the API that this was tried with; an older engine is asked in its own
ARCHIVE_PATIENCE = 300.0  # seconds without a byte of an archive
CHUNK = 65536  # bytes of one read


class EngineError(OSError):
    """The engine refused a request or broke off its answer; `status` is that of HTTP, 0 without an answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class NotFound(EngineError):
    """There is no such container, image, network or exec."""


class Conflict(EngineError):
    """The state of a container contradicts the request: its name is taken, it is being removed."""


ERRORS: Mapping[int, type[EngineError]] = {404: NotFound, 409: Conflict}


class _UnixConnection(http.client.HTTPConnection):
    """An HTTP connection to a unix socket."""

    def __init__(self, path: str, timeout: float | None) -> None:
        super().__init__("docker", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class EngineApi:
    """The endpoints that this collection uses; documents are the engine's own.

    :param timeout: seconds for an answer; what waits for a container to stop gets that time on top.
    """

    def __init__(self, timeout: float = 30, path: str = SOCKET) -> None:
        self.timeout = timeout
        self.path = path
        self.version = ""  # of the API, such as 1.51; empty for the engine's own newest

    @property
    def _prefix(self) -> str:
        return f"/v{self.version}" if self.version else ""

    def ping(self) -> None:
        """Ask whether it answers, and agree on a version of the API.

        :raises OSError: it does not answer.
        """
        self.version = ""
        connection = self._send("GET", "/_ping")
        try:
            with _answered(connection) as answer:
                offered = answer.getheader("Api-Version") or ""
        except http.client.HTTPException as error:
            raise EngineError(f"no answer of the Docker engine: {error!r}") from error
        finally:
            connection.close()
        version = tuple(int(part) for part in offered.split(".") if part.isdigit())
        self.version = "{}.{}".format(*min(version, NEWEST)) if len(version) == 2 else ""

    def info(self) -> dict[str, Any]:
        """What the engine says of itself: its root, storage driver, part in a swarm."""
        description: dict[str, Any] = self._json("GET", "/info")
        return description

    def containers(self, all: bool = False, filters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Short descriptions of containers; of those that run, or of `all`."""
        containers: list[dict[str, Any]] = self._json("GET", "/containers/json", {"all": int(all), "filters": _filters(filters)})
        return containers

    def inspect_container(self, identity: str) -> dict[str, Any]:
        """The full description of a container."""
        container: dict[str, Any] = self._json("GET", f"/containers/{quote(identity, safe='')}/json")
        return container

    def create_container(self, name: str, config: Mapping[str, Any]) -> dict[str, Any]:
        """Create a container from the engine's own document (`Image`, `Cmd`, `HostConfig` …); what was made has an `Id`."""
        made: dict[str, Any] = self._json("POST", "/containers/create", {"name": name}, config)
        return made

    def update(self, identity: str, resources: Mapping[str, Any]) -> None:
        """Change limits of a container while it runs."""
        self._request("POST", f"/containers/{quote(identity, safe='')}/update", body=resources)

    def start(self, identity: str) -> None:
        """Start a container; one that runs already is fine."""
        self._post(identity, "start")

    def stop(self, identity: str, timeout: int = 10) -> None:
        """Ask a container to stop, and kill it after `timeout` seconds; one that does not run is fine."""
        self._post(identity, "stop", {"t": timeout}, wait=timeout)

    def restart(self, identity: str, timeout: int = 10) -> None:
        """Stop a container as `stop` does, and start it."""
        self._post(identity, "restart", {"t": timeout}, wait=timeout)

    def kill(self, identity: str, signal: str) -> None:
        """Send a signal to the first process of a container."""
        self._post(identity, "kill", {"signal": signal})

    def pause(self, identity: str) -> None:
        """Freeze all processes of a container."""
        self._post(identity, "pause")

    def unpause(self, identity: str) -> None:
        """Let them go on."""
        self._post(identity, "unpause")

    def remove_container(self, identity: str, force: bool = False, v: bool = False) -> None:
        """Remove a container, with `force` a running one, with `v` also its anonymous volumes."""
        self._request("DELETE", f"/containers/{quote(identity, safe='')}", {"force": int(force), "v": int(v)})

    def logs(self, identity: str, tail: int) -> bytes:
        """The last lines that a container wrote to both its outputs."""
        raw = self._request("GET", f"/containers/{quote(identity, safe='')}/logs", {"stdout": 1, "stderr": 1, "tail": tail})
        # Frames, unless the container has a terminal: then the bytes are what it wrote, and begin with no header.
        return demultiplex(raw)[0] if raw[:1] in (b"\0", b"\1", b"\2") and raw[1:4] == b"\0\0\0" else raw

    def log_stream(self, identity: str, *, tail: str = "all", since: str = "", follow: bool = False) -> Iterator[tuple[int, bytes]]:
        """What a container wrote, and with `follow` what it writes until it stops: the output (1 or 2), and a part with its time before it.

        Of a container with a terminal the parts are cut anywhere, and the output is 0.

        :param tail: how many of the last lines; ``all``.
        :param since: epoch seconds with nine decimals; empty for the beginning.
        """
        terminal = bool(self.inspect_container(identity)["Config"].get("Tty"))
        query = {"stdout": 1, "stderr": 1, "timestamps": 1, "tail": tail, "follow": int(follow), "since": since or "0"}
        connection = self._send("GET", f"/containers/{quote(identity, safe='')}/logs", query)
        channel, rest = connection.sock, b""
        try:
            with _answered(connection) as answer:
                channel.settimeout(None if follow else self.timeout)
                while part := answer.read1(CHUNK):
                    if terminal:
                        yield 0, part
                        continue
                    whole, rest = frames(rest + part)
                    yield from whole
        except http.client.HTTPException as error:
            raise EngineError(f"the log of {identity} broke off: {error!r}") from error
        finally:
            connection.close()

    def path_status(self, identity: str, path: str) -> dict[str, Any]:
        """What is at a path in a container, without its content: `size`, `mode`, `mtime`, and `linkTarget` of a link.

        :raises NotFound: nothing is there, or no such container.
        """
        connection = self._send("HEAD", f"/containers/{quote(identity, safe='')}/archive", {"path": path})
        try:
            with _answered(connection) as answer:
                raw = answer.getheader("X-Docker-Container-Path-Stat") or ""
            status: dict[str, Any] = json.loads(base64.b64decode(raw))
            return status
        except (http.client.HTTPException, ValueError, binascii.Error) as error:
            raise EngineError(f"HEAD {path}: the engine's answer cannot be read: {error!r}") from error
        finally:
            connection.close()

    def create_execution(self, identity: str, config: Mapping[str, Any]) -> str:
        """The id of a command that is to be run in a container (`Cmd`, `Tty`, `User` …)."""
        return str(self._json("POST", f"/containers/{quote(identity, safe='')}/exec", body=config)["Id"])

    def attach_execution(self, execution: str, *, terminal: tuple[int, int] | None) -> tuple[socket.socket, bytes]:
        """Start it; the channel to its input and outputs, and the first bytes that came.

        :param terminal: rows and columns of its terminal from the first moment on; an engine before API 1.42 wants to be told afterwards.
        :raises EngineError: it cannot be started; the message is the engine's own.
        """
        size = {"ConsoleSize": terminal} if terminal else {}
        body = json.dumps({"Detach": False, "Tty": terminal is not None, **size}).encode()
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        channel.settimeout(self.timeout)
        try:
            channel.connect(self.path)
            head = f"POST {self._prefix}/exec/{execution}/start HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n"
            head += f"Content-Length: {len(body)}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
            channel.sendall(head.encode() + body)
            raw = b""
            while b"\r\n\r\n" not in raw:
                part = channel.recv(CHUNK)
                if not part:
                    raise EngineError("the engine broke off its answer to the start of a command")
                raw += part
            answer, _blank, first = raw.partition(b"\r\n\r\n")
            status = int((answer.split(maxsplit=2)[1:2] or [b"0"])[0])
            if status not in (101, 200):
                raise ERRORS.get(status, EngineError)(_refusal(self._rest(channel, first), f"HTTP {status}"), status)
        except BaseException:
            channel.close()
            raise
        channel.settimeout(None)
        return channel, first

    def _rest(self, channel: socket.socket, first: bytes) -> bytes:
        """The body of a refusal, without the sizes of its chunks."""
        channel.settimeout(1)
        with suppress(OSError):
            channel.shutdown(socket.SHUT_WR)
            while b"}" not in first and (part := channel.recv(CHUNK)):
                first += part
        begin, end = first.find(b"{"), first.rfind(b"}") + 1
        return first[begin:end] if 0 <= begin < end else first

    def inspect_execution(self, execution: str) -> dict[str, Any]:
        """Whether it runs (`Running`), its process on the host (`Pid`), and its `ExitCode`."""
        description: dict[str, Any] = self._json("GET", f"/exec/{execution}/json")
        return description

    def resize_execution(self, execution: str, rows: int, columns: int) -> None:
        """Give its terminal another size."""
        self._request("POST", f"/exec/{execution}/resize", {"h": rows, "w": columns})

    def connect_container_to_network(self, identity: str, network: str, aliases: Sequence[str] = ()) -> None:
        """Put a container into a network, where it answers to these names too."""
        body = {"Container": identity, "EndpointConfig": {"Aliases": list(aliases)}}
        self._request("POST", f"/networks/{quote(network, safe='')}/connect", body=body)

    def disconnect_container_from_network(self, identity: str, network: str) -> None:
        """Take a container out of a network."""
        self._request("POST", f"/networks/{quote(network, safe='')}/disconnect", body={"Container": identity, "Force": True})

    def networks(self, filters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Those that fit (`Name`, `Labels`, `Internal` …)."""
        networks: list[dict[str, Any]] = self._json("GET", "/networks", {"filters": _filters(filters)})
        return networks

    def remove_network(self, name: str) -> None:
        """Remove a network that no container is in."""
        self._request("DELETE", f"/networks/{quote(name, safe='')}")

    def remove_volume(self, name: str) -> None:
        """Remove a volume that no container uses."""
        self._request("DELETE", f"/volumes/{quote(name, safe='')}")

    def volumes(self, filters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A document whose `Volumes` are those that fit."""
        volumes: dict[str, Any] = self._json("GET", "/volumes", {"filters": _filters(filters)})
        return volumes

    def inspect_image(self, reference: str) -> dict[str, Any]:
        """The description of a local image."""
        image: dict[str, Any] = self._json("GET", f"/images/{quote(reference, safe='/:@')}/json")
        return image

    def inspect_distribution(self, reference: str) -> dict[str, Any]:
        """What the registry has for a reference, asked with the credentials of `docker login`."""
        headers = registry_auth.headers(reference)
        distribution: dict[str, Any] = self._json("GET", f"/distribution/{quote(reference, safe='/:@')}/json", headers=headers)
        return distribution

    def execute(self, identity: str, argv: Sequence[str], timeout: float) -> tuple[int | None, bytes]:
        """Run a command in a container; its exit status (None when the time was up) and the end of what it wrote."""
        execution = self.create_execution(identity, {"AttachStdout": True, "AttachStderr": True, "Cmd": list(argv)})
        ended, output = self.run_execution(execution, timeout)
        return (self.inspect_execution(execution).get("ExitCode") if ended else None), output

    def run_execution(self, execution: str, timeout: float) -> tuple[bool, bytes]:
        """Start it without a terminal; whether it ended in time, and the end (`CHUNK` bytes) of what it wrote."""
        connection = self._send("POST", f"/exec/{execution}/start", body={"Detach": False, "Tty": False}, timeout=timeout)
        channel, deadline, raw, output = connection.sock, time.monotonic() + timeout, b"", b""
        try:
            with _answered(connection) as answer:
                while (left := deadline - time.monotonic()) > 0:
                    if answer.isclosed():  # its length was known, and it was read
                        return True, output
                    channel.settimeout(left)
                    part = answer.read1(CHUNK)
                    if not part:
                        return True, output
                    content, raw = demultiplex(raw + part)
                    output = (output + content)[-CHUNK:]
        except TimeoutError:
            pass
        finally:
            connection.close()
        return False, output

    def events(self, since: float, until: float | None, filters: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Events as they happen, from one time (epoch seconds) until another; silence is no error."""
        query = {"since": f"{since:.9f}", "until": "" if until is None else f"{until:.9f}", "filters": _filters(filters)}
        connection = self._send("GET", "/events", query)
        channel = connection.sock
        try:
            with _answered(connection) as answer:
                channel.settimeout(None)
                while line := answer.readline():
                    yield json.loads(line)
        except (http.client.HTTPException, ValueError) as error:
            raise EngineError(f"the stream of events broke off: {error!r}") from error
        finally:
            connection.close()

    @contextmanager
    def archive(self, identity: str, path: str) -> Iterator[http.client.HTTPResponse]:
        """What is at a path in a container, which need not run, as a stream in the form of tar.

        :raises NotFound: nothing is there, or no such container.
        """
        connection = self._send("GET", f"/containers/{quote(identity, safe='')}/archive", {"path": path}, timeout=ARCHIVE_PATIENCE)
        try:
            with _answered(connection) as answer:
                yield answer
        except http.client.HTTPException as error:
            raise EngineError(f"GET {path}: the engine broke off its answer: {error!r}") from error
        finally:
            connection.close()

    def _post(self, identity: str, verb: str, query: Mapping[str, Any] | None = None, wait: float = 0) -> None:
        self._request("POST", f"/containers/{quote(identity, safe='')}/{verb}", query, timeout=self.timeout + wait)

    def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        try:
            return json.loads(self._request(method, path, query, body, headers))
        except ValueError as error:
            raise EngineError(f"{method} {path}: the engine's answer is no JSON: {error}") from error

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> bytes:
        connection = self._send(method, path, query, body, headers, timeout)
        try:
            with _answered(connection) as answer:
                return answer.read()
        except http.client.HTTPException as error:
            raise EngineError(f"{method} {path}: the engine broke off its answer: {error!r}") from error
        finally:
            connection.close()

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> _UnixConnection:
        """A connection on which a request was sent."""
        connection = _UnixConnection(self.path, self.timeout if timeout is None else timeout)
        target = self._prefix + path + (f"?{urlencode(query)}" if query else "")
        content = None if body is None else json.dumps(body).encode()
        about = {"Content-Type": "application/json"} if content else {}
        try:
            connection.request(method, target, content, {**about, **(headers or {}), "Connection": "close"})
        except BaseException:
            connection.close()
            raise
        self._sent(connection)
        return connection

    def _sent(self, connection: _UnixConnection) -> None:
        """For whoever breaks requests off from another thread (socket_proxy/session.py)."""


def _answered(connection: _UnixConnection) -> http.client.HTTPResponse:
    """The answer to what was sent.

    :raises EngineError: it is a refusal; the message is the engine's own, without secrets.
    """
    answer = connection.getresponse()
    if answer.status < 400:
        return answer
    raise ERRORS.get(answer.status, EngineError)(mask(_refusal(answer.read(), answer.reason)), answer.status)


def _refusal(raw: bytes, otherwise: str) -> str:
    """What the engine says in the body of a refusal."""
    try:
        return str(json.loads(raw)["message"])
    except (ValueError, KeyError, TypeError):
        return raw.decode(errors="replace").strip() or otherwise


def _filters(filters: Mapping[str, Any] | None) -> str:
    """Filters as the API wants them: a JSON object of lists."""
    return json.dumps({name: [value] if isinstance(value, str) else list(value) for name, value in (filters or {}).items()})


def frames(raw: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """What was written without a terminal, as parts with the number of their output, and the beginning of one whose end has not come.

    A frame is a stream number, three zeros, four bytes of length, and the bytes.
    """
    whole, at = [], 0
    while len(raw) >= at + 8 and len(raw) >= (end := at + 8 + int.from_bytes(raw[at + 4 : at + 8], "big")):
        whole.append((raw[at], raw[at + 8 : end]))
        at = end
    return whole, raw[at:]


def demultiplex(raw: bytes) -> tuple[bytes, bytes]:
    """The same as one, of both outputs."""
    whole, rest = frames(raw)
    return b"".join(content for _stream, content in whole), rest
