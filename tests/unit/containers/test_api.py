# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of the engine's API, against a server on a unix socket that answers as dockerd does, octet by octet."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers.api import Conflict, EngineApi, EngineError, NotFound
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import DockerUnavailable, Engine


class Server:
    """Answers each connection with the next of the given answers, and keeps what was asked.

    An answer is bytes, or a list of bytes with pauses (seconds) between them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.asked: list[str] = []
        self.answers: list[list[bytes | float]] = []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(8)
        threading.Thread(target=self._serve, daemon=True).start()

    def answer(self, *parts: bytes | float) -> None:
        self.answers.append(list(parts))

    def json(self, document: object, status: str = "200 OK") -> None:
        body = json.dumps(document).encode()
        self.answer(b"HTTP/1.1 %s\r\nContent-Length: %d\r\nApi-Version: 1.45\r\n\r\n" % (status.encode(), len(body)) + body)

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                channel, _address = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(channel, self.answers.pop(0)), daemon=True).start()

    def _one(self, channel: socket.socket, parts: list[bytes | float]) -> None:
        with channel:
            raw = b""
            while b"\r\n\r\n" not in raw:
                raw += channel.recv(65536)
            head, _blank, body = raw.partition(b"\r\n\r\n")
            length = next((int(line.split()[1]) for line in head.lower().splitlines() if line.startswith(b"content-length")), 0)
            while len(body) < length:
                body += channel.recv(65536)
            self.asked.append(f"{head.decode()}\n{body.decode()}".replace("\r", ""))
            with suppress(BrokenPipeError):  # whoever asked did not wait for it
                for part in parts:
                    if isinstance(part, bytes):
                        channel.sendall(part)
                    else:
                        time.sleep(part)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "docker.sock")
    yield made
    made.close()


@pytest.fixture
def api(server: Server) -> EngineApi:
    return EngineApi(5, str(server.path))


def frame(content: bytes, stream: int = 1) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(content).to_bytes(4, "big") + content


STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"


@pytest.mark.parametrize(("offered", "used"), [("1.41", "/v1.41"), ("1.45", "/v1.45"), ("1.99", "/v1.51"), ("", "")])
def test_it_asks_in_the_version_that_both_know(server: Server, api: EngineApi, offered: str, used: str) -> None:
    server.answer(f"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nApi-Version: {offered}\r\n\r\nOK".encode())
    server.json([])
    api.ping()
    api.containers(all=True, filters={"label": ["a=b", "c"]})
    line = server.asked[1].splitlines()[0]
    assert line == f"GET {used}/containers/json?all=1&filters=%7B%22label%22%3A+%5B%22a%3Db%22%2C+%22c%22%5D%7D HTTP/1.1"


@pytest.mark.parametrize(("status", "kind"), [("404 Not Found", NotFound), ("409 Conflict", Conflict), ("500 Error", EngineError)])
def test_a_refusal_carries_the_words_of_the_engine(server: Server, api: EngineApi, status: str, kind: type[EngineError]) -> None:
    server.json({"message": "No such container: web"}, status)
    with pytest.raises(EngineError, match="No such container: web") as refused:
        api.inspect_container("web")
    assert refused.type is kind and refused.value.status == int(status[:3])


def test_a_refusal_of_somebody_in_between_is_one_too(server: Server, api: EngineApi) -> None:
    server.answer(b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n<html>not allowed</html>")
    with pytest.raises(EngineError, match="not allowed"):
        api.start("web")


def test_whoever_stops_a_container_waits_as_long_as_it_may_take(server: Server) -> None:
    server.answer(0.6, b"HTTP/1.1 204 No Content\r\n\r\n")
    EngineApi(0.2, str(server.path)).stop("web", timeout=5)
    assert server.asked[0].startswith("POST /containers/web/stop?t=5 ")


def test_an_engine_that_is_silent_is_not_waited_for_longer_than_that(server: Server) -> None:
    server.answer(2.0, b"")
    with pytest.raises(TimeoutError):
        EngineApi(0.2, str(server.path)).inspect_container("web")


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", b"nonsense\r\n\r\n"])
def test_an_answer_that_breaks_off_is_an_error_of_the_system(server: Server, api: EngineApi, answer: bytes) -> None:
    server.answer(answer)
    with pytest.raises(OSError, match=r".+"):
        api.inspect_container("web")


def test_the_output_of_a_command_comes_without_its_frames_however_it_is_cut(server: Server, api: EngineApi) -> None:
    whole = frame(b"one\n") + frame(b"two\n", 2)
    server.json({"Id": "x1"}, "201 Created")
    server.answer(STREAM + whole[:3], 0.05, whole[3:15], 0.05, whole[15:])
    server.json({"ExitCode": 3})
    assert api.execute("web", ["ls", "-l"], 5) == (3, b"one\ntwo\n")
    assert json.loads(server.asked[0].rpartition("\n")[2])["Cmd"] == ["ls", "-l"]
    assert server.asked[1].startswith("POST /exec/x1/start ") and server.asked[2].startswith("GET /exec/x1/json ")


def test_of_a_long_output_the_end_is_kept(server: Server, api: EngineApi) -> None:
    server.json({"Id": "x1"})
    server.answer(STREAM, *(frame(bytes([65 + number]) * 30000) for number in range(4)))
    server.json({"ExitCode": 0})
    code, output = api.execute("web", ["yes"], 5)
    assert code == 0 and len(output) == 65536 and output[-1:] == b"D" and output[:1] == b"B"


def test_a_command_whose_time_is_up_has_no_exit_status(server: Server, api: EngineApi) -> None:
    server.json({"Id": "x1"})
    server.answer(STREAM + frame(b"begun\n"), 3.0)
    began = time.monotonic()
    assert api.execute("web", ["sleep", "9"], 0.3) == (None, b"begun\n")
    assert time.monotonic() - began < 2


def test_events_come_as_they_happen_and_silence_is_no_error(server: Server) -> None:
    lines = [json.dumps({"Action": name}).encode() + b"\n" for name in ("start", "die")]
    chunks = [b"%x\r\n%s\r\n" % (len(line), line) for line in lines]
    server.answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks[0], 0.5, chunks[1], b"0\r\n\r\n")
    events = EngineApi(0.2, str(server.path)).events(1.5, None, {"type": "container"})
    assert [one["Action"] for one in events] == ["start", "die"]
    assert "since=1.500000000" in server.asked[0]


def test_a_stream_that_breaks_is_an_error_of_the_system(server: Server, api: EngineApi) -> None:
    server.answer(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"Action"')
    with pytest.raises(OSError, match="broke off"):
        list(api.events(0, None, {}))


@pytest.mark.parametrize(
    ("raw", "lines"), [(frame(b"a\n") + frame(b"b\n", 2), b"a\nb\n"), (b"of a terminal\n", b"of a terminal\n"), (b"", b"")]
)
def test_a_log_is_what_was_written_with_and_without_a_terminal(server: Server, api: EngineApi, raw: bytes, lines: bytes) -> None:
    server.answer(b"HTTP/1.1 200 OK\r\n\r\n" + raw)
    assert api.logs("web", tail=2) == lines


def test_names_are_quoted_and_references_keep_their_form(server: Server, api: EngineApi) -> None:
    server.json({})
    server.json({})
    api.inspect_container("../images/x?y")
    api.inspect_image("registry.example.com:5000/shop/web:1@sha256:ab")
    assert server.asked[0].startswith("GET /containers/..%2Fimages%2Fx%3Fy/json ")
    assert server.asked[1].startswith("GET /images/registry.example.com:5000/shop/web:1@sha256:ab/json ")


def test_an_engine_that_is_not_there_is_said_to_be_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(EngineApi.__init__, "__defaults__", (5, str(tmp_path / "none.sock")))
    with pytest.raises(DockerUnavailable, match="systemctl status docker"):
        Engine()


def test_networks_are_asked_for_left_and_removed(server: Server, api: EngineApi) -> None:
    server.json([{"Name": "shop_default", "Labels": {"com.docker.compose.network": "default"}}])
    server.json(None)
    server.json(None)
    assert [one["Name"] for one in api.networks({"label": ["com.docker.compose.project=shop"]})] == ["shop_default"]
    api.disconnect_container_from_network("c1", "shop_default_02_3f2a90")
    api.remove_network("shop_default_02_3f2a90")
    lines = [asked.splitlines()[0].removesuffix(" HTTP/1.1") for asked in server.asked]
    assert lines[0].startswith("GET /networks?filters=%7B%22label%22")
    assert lines[1:] == ["POST /networks/shop_default_02_3f2a90/disconnect", "DELETE /networks/shop_default_02_3f2a90"]
    assert json.loads(server.asked[1].splitlines()[-1]) == {"Container": "c1", "Force": True}


def test_an_archive_is_read_as_it_comes(server: Server, api: EngineApi) -> None:
    server.answer(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        0.05,
        b"2\r\nde\r\n0\r\n\r\n",
    )
    with api.archive("id1", "/app/assets/.") as answer:
        assert answer.read() == b"abcde"
    assert "/containers/id1/archive?path=%2Fapp%2Fassets%2F." in server.asked[-1]
    server.json({"message": "Could not find the file /app in container id1"}, "404 Not Found")
    with pytest.raises(NotFound, match="Could not find"), api.archive("id1", "/app/."):
        pass


def test_an_archive_that_breaks_off_is_the_engine_s_failure(server: Server, api: EngineApi) -> None:
    server.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
    with pytest.raises(EngineError, match="broke off"), api.archive("id1", "/app/.") as answer:
        answer.read()
