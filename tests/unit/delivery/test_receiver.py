# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The receiver over real sockets, with a real intake behind it: the right status for each call, and nothing changed by a wrong one."""

from __future__ import annotations

import asyncio
import json
import random
import resource
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.delivery import receiver as receiver_module
from ansible_collections.latentum.ops.plugins.module_utils.delivery import settings as settings_module
from ansible_collections.latentum.ops.plugins.module_utils.delivery.inbox import Inbox
from ansible_collections.latentum.ops.plugins.module_utils.delivery.intake import Intake
from ansible_collections.latentum.ops.plugins.module_utils.delivery.queue import Queue
from ansible_collections.latentum.ops.plugins.module_utils.delivery.receiver import Receiver, Server
from ansible_collections.latentum.ops.plugins.module_utils.delivery.rules import Live
from ansible_collections.latentum.ops.plugins.module_utils.delivery.signatures import Call, verify

from .samples import CALLS, GENERIC, GITHUB_PUSH, NOW, OLD, SECRET, settings, signed

Answer = tuple[int, dict[str, str], bytes]


class Host:
    """A receiver on a port of this machine, and an intake that looks each hundredth of a second."""

    def __init__(
        self,
        queue: Queue,
        etc: Path,
        *,
        lifetime: float = 10.0,
        patience: float = 5.0,
        connections: int = 512,
        listening: socket.socket | None = None,
    ) -> None:
        self.queue, self.secrets = queue, [SECRET]
        self.config = settings(freezes=[], approval={"persons": 1})
        (etc / "shop.json").write_text(json.dumps(self.config.to_dict()))
        self.listening = listening or socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = 0 if listening else self.listening.getsockname()[1]
        self.intake = Intake(queue, lambda stack: self.config if stack == "shop" else None, lambda _stack: Live())
        self.stop = threading.Event()
        self.paused = threading.Event()
        self._options = {"lifetime": lifetime, "connections": connections}
        self._load = lambda stack: settings_module.load(stack, etc)
        self._patience = patience
        self.loop = asyncio.new_event_loop()
        self.server: Server | None = None
        ready = threading.Event()
        self.threads = [
            threading.Thread(target=self._serve, args=(ready,), daemon=True),
            threading.Thread(target=self._take_in, daemon=True),
        ]
        for thread in self.threads:
            thread.start()
        assert ready.wait(10)

    def _serve(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self.loop)

        async def serve() -> None:
            self.receiver = Receiver(Inbox(self.queue.folder), self._load, lambda _stack, _name: self.secrets, self._patience)
            self.server = Server(self.receiver, **self._options)  # type: ignore[arg-type]
            listening = await self.server.listen(self.listening)
            ready.set()
            while not self.stop.is_set():
                await asyncio.sleep(0.05)
            listening.close()

        self.loop.run_until_complete(serve())

    def _take_in(self) -> None:
        while not self.stop.is_set():
            if not self.paused.is_set():
                self.intake.look(time.time())
            time.sleep(0.01)

    def close(self) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(10)

    # A client

    def raw(self, content: bytes, timeout: float = 20.0) -> bytes:
        """What is answered to some bytes, up to the end of the connection."""
        received = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as channel:
            try:
                channel.sendall(content)
                while part := channel.recv(65536):
                    received += part
            except (ConnectionError, TimeoutError):
                pass  # what has come is the answer
        return received

    def call(self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Answer:
        head = [f"{method} {path} HTTP/1.1", "Host: deploy.example.com", f"Content-Length: {len(body)}"]
        head += [f"{name}: {value}" for name, value in (headers or {}).items()]
        return parsed(self.raw("\r\n".join([*head, "", ""]).encode("latin-1") + body))

    def deliver(self, provider: str, document: Any, *, path: str = "", **more: Any) -> tuple[int, dict[str, Any]]:
        status, _headers, body = self.call(
            "POST", path or f"/deliver/shop/{provider}", *signed(provider, document, now=time.time(), **more)
        )
        return status, json.loads(body)

    def entries(self) -> list[Any]:
        return self.queue.entries("shop")


def parsed(answer: bytes) -> Answer:
    head, _blank, body = answer.partition(b"\r\n\r\n")
    line, *rows = head.decode("latin-1").split("\r\n")
    return int(line.split()[1]), {name.lower(): value for name, _colon, value in (row.partition(": ") for row in rows)}, body


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    folder = tmp_path / "etc"
    folder.mkdir()
    return folder


@pytest.fixture
def host(queue: Queue, etc: Path) -> Iterator[Host]:
    made = Host(queue, etc)
    yield made
    made.close()


def test_a_call_is_taken_and_can_be_asked_about(host: Host) -> None:
    for number, provider in enumerate(CALLS, start=1):
        status, told = host.deliver(provider, CALLS[provider])
        assert (status, told["state"]) == (202, "waiting"), told
        asked, headers, body = host.call("GET", f"/status/{told['id']}")
        assert asked == 200 and json.loads(body)["ref"] in ("v1.4.3", "1.4.3") and headers["cache-control"] == "no-store"
        assert len(host.entries()) == number
    assert not list(host.queue.inbox.iterdir())


@pytest.mark.parametrize("provider", CALLS)
def test_a_call_that_came_before_is_told_of_the_first(host: Host, provider: str) -> None:
    headers, body = signed(provider, CALLS[provider], now=time.time())
    first = host.call("POST", f"/deliver/shop/{provider}", headers, body)
    again = host.call("POST", f"/deliver/shop/{provider}", {**headers, "x-github-delivery": "another", "x-gitea-delivery": "another"}, body)
    assert (first[0], again[0]) == (202, 409) and json.loads(first[2])["id"] == json.loads(again[2])["id"] and len(host.entries()) == 1


def test_a_secret_that_is_rotated(host: Host) -> None:
    host.secrets = [SECRET, OLD]
    assert host.deliver("github", GITHUB_PUSH, secret=OLD)[0] == 202
    assert host.deliver("github", {**GITHUB_PUSH, "before": "1" * 40}, secret=SECRET)[0] == 202
    host.secrets = [SECRET]
    assert host.deliver("github", {**GITHUB_PUSH, "before": "2" * 40}, secret=OLD)[0] == 401


@pytest.mark.parametrize("provider", CALLS)
def test_without_a_good_signature_nothing_is_taken_and_nothing_is_told(
    host: Host, provider: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, told = host.deliver(provider, CALLS[provider], secret="a-secret-of-somebody-else")
    assert (status, told) == (401, {"reason": "the call is not signed as it must be"})
    headers, body = signed(provider, CALLS[provider], now=time.time())
    dressed = {name: value for name, value in headers.items() if name.startswith(("content", "x-github-event"))}
    assert host.call("POST", f"/deliver/shop/{provider}", dressed, body)[0] == 401
    assert host.entries() == [] and not list(host.queue.inbox.iterdir())
    assert f"unsigned call from 127.0.0.1 to {provider} of shop" in capsys.readouterr().out  # what fail2ban reads


def test_a_call_that_is_late(host: Host) -> None:
    headers, body = signed("generic", GENERIC, now=time.time() - 301)
    assert host.call("POST", "/deliver/shop/generic", headers, body)[0] == 401


def test_two_headers_of_one_name_are_none(host: Host) -> None:
    headers, body = signed("github", GITHUB_PUSH)
    head = f"POST /deliver/shop/github HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nX-Hub-Signature-256: sha256={'0' * 64}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    assert parsed(host.raw(head.encode() + b"\r\n" + body))[0] == 401


@pytest.mark.parametrize(
    ("provider", "document", "status", "words"),
    [
        ("github", {**GITHUB_PUSH, "repository": {"full_name": "evil/shop"}}, 403, "is none of source"),
        ("github", {**GITHUB_PUSH, "ref": "refs/tags/v9.0.0"}, 403, "no version of"),
        ("github", {**GITHUB_PUSH, "ref": "refs/heads/hotfix"}, 403, "no rule lets"),
        ("github", {**GITHUB_PUSH, "ref": "refs/heads/develop"}, 200, "is for staging"),
        ("github", {**GITHUB_PUSH, "deleted": True}, 200, "deleted"),
        ("github", {**GITHUB_PUSH, "ref": "refs/tags/$(id)"}, 400, "ref"),
        ("generic", {**GENERIC, "images": {"database": "1.4.3"}}, 403, "may not get"),
        ("generic", {**GENERIC, "images": {"api": "1.4.4"}}, 403, "has the tag"),
        ("generic", {**GENERIC, "images": {"../../etc": "1.4.3"}}, 400, "images"),
        ("generic", {**GENERIC, "repository": "acme/shop;reboot"}, 400, "repository"),
        ("generic", b"{", 400, "no JSON"),
        ("generic", b"", 400, "no JSON"),
    ],
)
def test_what_is_not_allowed_gets_its_status_and_reason(host: Host, provider: str, document: Any, status: int, words: str) -> None:
    got, told = host.deliver(provider, document)
    assert got == status and words in told["reason"]
    assert all(entry.state.ended for entry in host.entries())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/deliver/shop/github", 405),
        ("DELETE", "/deliver/shop/github", 405),
        ("POST", "/deliver/shop/nobody", 404),
        ("POST", "/deliver/other/github", 404),
        ("POST", "/deliver/../etc/github", 404),
        ("POST", "/deliver/..%2f..%2fetc/github", 404),
        ("POST", "/deliver/shop/github/../github", 404),
        ("POST", "/deliver/shop/github%00", 404),
        ("POST", "/deliver/shop/git;id", 404),
        ("POST", "//deliver/shop/github", 404),
        ("GET", "/status/" + "0" * 32, 404),
        ("GET", "/status/../../../etc/passwd", 404),
        ("GET", "/status/" + "0" * 31 + "G", 404),
        ("POST", "/status/" + "0" * 32, 405),
        ("GET", "/approve/" + "0" * 32, 401),
        ("GET", "/health", 200),
    ],
)
def test_paths(host: Host, method: str, path: str, status: int) -> None:
    assert host.call(method, path)[0] == status


def test_whoever_guesses_is_slowed_down_and_others_are_not(host: Host) -> None:
    statuses = [host.call("POST", "/deliver/shop/github", {"X-Real-IP": "203.0.113.9"})[0] for _number in range(22)]
    assert statuses == [401] * 20 + [429] * 2
    assert host.call("POST", "/deliver/shop/github", {"X-Real-IP": "203.0.113.10"})[0] == 401
    for number in range(5000):
        host.receiver.failures.add(str(number), 0.0)
    assert len(host.receiver.failures.known) == receiver_module.ADDRESSES


def test_a_worker_that_is_not_there_keeps_nobody_waiting_for_long(queue: Queue, etc: Path) -> None:
    host = Host(queue, etc, patience=0.2)
    host.paused.set()
    time.sleep(0.1)
    status, told = host.deliver("github", GITHUB_PUSH)
    assert (status, told["state"]) == (202, "accepted")
    assert json.loads(host.call("GET", told["status"])[2])["state"] == "accepted"
    assert host.deliver("github", GITHUB_PUSH)[0] == 409
    host.paused.clear()
    deadline = time.monotonic() + 10
    while not host.entries() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert json.loads(host.call("GET", told["status"])[2])["state"] == "waiting"
    host.close()


def test_an_inbox_that_cannot_be_written_is_no_error_of_the_caller(host: Host) -> None:
    host.paused.set()
    time.sleep(0.1)
    host.queue.inbox.rename(host.queue.folder / "elsewhere")
    assert host.deliver("github", GITHUB_PUSH)[0] == 503
    (host.queue.folder / "elsewhere").rename(host.queue.inbox)
    assert host.call("GET", "/health")[0] == 200


def test_approval_by_a_link(host: Host) -> None:
    status, told = host.deliver("github", {**GITHUB_PUSH, "ref": "refs/tags/approved-7"})
    assert (status, told["state"]) == (202, "waiting for approval")
    entry = host.queue.find(told["id"])
    link = urlsplit(host.intake.links.make("https://deploy.example.com", entry, "bob <b>", time.time() + 600))
    address = f"{link.path}?{link.query}"
    got, headers, page = host.call("GET", address)
    assert got == 200 and b"approved-7" in page and b"<b>" not in page and "default-src 'none'" in headers["content-security-policy"]
    assert host.queue.find(told["id"]).approvals == []  # whoever only looks has approved nothing
    assert host.call("POST", address.replace("bob", "eve"))[0] == 401
    assert host.call("POST", address)[0] == 200
    assert [given.who for given in host.queue.find(told["id"]).approvals] == ["bob <b>"]
    late = urlsplit(host.intake.links.make("https://deploy.example.com", entry, "carol", time.time() - 1))
    assert host.call("POST", f"{late.path}?{late.query}")[0] == 403


# What attackers send


def test_a_body_of_100_mb_is_refused_and_not_kept(host: Host) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    head = b"POST /deliver/shop/github HTTP/1.1\r\nHost: x\r\n"
    assert parsed(host.raw(head + b"Content-Length: 104857600\r\n\r\n"))[0] == 413
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", host.port), timeout=20) as channel:
        channel.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        with suppress(OSError):  # it may hang up
            for _number in range(100):
                channel.sendall(chunk)
        answer = b""
        with suppress(OSError):
            answer = channel.recv(1000)
    assert not answer or parsed(answer)[0] == 413
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB
    assert host.call("GET", "/health")[0] == 200


def test_compressed_bodies_are_not_opened(host: Host) -> None:
    assert host.call("POST", "/deliver/shop/github", {"Content-Encoding": "gzip"}, b"\x1f\x8b")[0] in (400, 415)


def test_whoever_drips_is_cut_off_and_others_are_served(queue: Queue, etc: Path) -> None:
    host = Host(queue, etc, lifetime=4.0)
    drips = [socket.create_connection(("127.0.0.1", host.port)) for _number in range(100)]
    for channel in drips[:50]:
        channel.sendall(b"POST /deliver/shop/github HTTP/1.1\r\nHost: x\r\nX-Drip: ")
    for channel in drips[50:80]:  # and in the body
        channel.sendall(b"POST /deliver/shop/github HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
    began = time.monotonic()
    while time.monotonic() - began < 1.0:
        for channel in drips[:80]:
            channel.sendall(b"x")
        time.sleep(0.1)
        assert host.call("GET", "/health")[0] == 200
    assert host.deliver("github", GITHUB_PUSH)[0] == 202
    for channel in drips:
        channel.settimeout(5)
        with suppress(ConnectionError):
            assert channel.recv(1000) == b""
        channel.close()
    deadline = time.monotonic() + 5
    while host.server and host.server.open and time.monotonic() < deadline:
        time.sleep(0.05)
    assert host.server is not None and host.server.open == 0
    host.close()


def test_too_many_connections_are_turned_away_and_the_rest_goes_on(queue: Queue, etc: Path) -> None:
    host = Host(queue, etc, lifetime=2.0, connections=20)
    held = [socket.create_connection(("127.0.0.1", host.port)) for _number in range(20)]
    time.sleep(0.2)
    assert parsed(host.raw(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"))[0] == 503
    for channel in held:
        channel.close()
    time.sleep(0.3)
    assert host.call("GET", "/health")[0] == 200
    host.close()


def test_200_calls_at_once(host: Host) -> None:
    """Each is answered; what is signed is taken, once."""

    def one(number: int) -> int:
        kind = number % 4
        if kind == 0:
            return host.deliver("generic", {**GENERIC, "delivery": f"d{number}", "ref": f"refs/tags/v1.4.{number}", "images": {}})[0]
        if kind == 1:
            return host.deliver("github", GITHUB_PUSH)[0]
        return (
            host.call("GET", "/health")[0] if kind == 2 else host.call("POST", "/deliver/shop/gitlab", {"X-Real-IP": f"10.0.0.{number}"})[0]
        )

    with ThreadPoolExecutor(200) as pool:
        statuses = list(pool.map(one, range(200)))
    assert set(statuses[0::4]) <= {202, 409} and statuses[1::4].count(202) == 1 and statuses[1::4].count(409) == 49
    assert set(statuses[2::4]) == {200} and set(statuses[3::4]) == {401}
    assert len(host.entries()) == 51 and sum(not entry.state.ended for entry in host.entries()) == 1


BAITS = (b"\r\n", b"\x00", b": ", b"%00", b"../", b"\xff\xfe", b"\r\n\r\n", b"Transfer-Encoding: chunked\r\n")


def _mangled(content: bytes, chance: random.Random) -> bytes:
    data = bytearray(content)
    for _number in range(chance.randrange(1, 8)):
        place = chance.randrange(len(data))
        way = chance.randrange(4)
        if way == 0:
            data[place] = chance.randrange(256)
        elif way == 1:
            del data[place : place + chance.randrange(1, 30)]
        elif way == 2:
            data[place:place] = chance.randbytes(chance.randrange(1, 30))
        else:
            data[place:place] = chance.choice(
                [b"\r\n", b"\x00", b": ", b"%00", b"../", b"\xff\xfe", b"\r\n\r\n", b"Transfer-Encoding: chunked\r\n"]
            )
        if not data:
            return b"\r\n\r\n"
    return bytes(data)


@pytest.fixture
def hasty(queue: Queue, etc: Path) -> Iterator[Host]:
    """A receiver whose connections end soon: much of what is random never comes to its own end."""
    made = Host(queue, etc, lifetime=1.0, patience=0.5)
    yield made
    made.close()


@pytest.mark.parametrize("part", range(5))
def test_5000_random_calls_get_no_5xx_and_leave_nothing(hasty: Host, part: int, capsys: pytest.CaptureFixture[str]) -> None:
    host = hasty
    chance = random.Random(part)  # noqa: S311  # the same calls each time
    host.receiver.failures.add = lambda *_given: None  # type: ignore[method-assign]  # all have one address
    statuses = []
    for number in range(1000):
        provider = chance.choice(list(CALLS))
        body = json.dumps(CALLS[provider]).encode()
        if number % 2:
            body = _mangled(body, chance)
        headers, _same = signed(provider, body, now=time.time())
        if number % 3:
            name = chance.choice(list(headers))
            headers[name] = _mangled(headers[name].encode(), chance).decode("latin-1").replace("\r", "").replace("\n", "")
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        content = f"POST /deliver/shop/{provider} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode("latin-1") + body
        with socket.create_connection(("127.0.0.1", host.port), timeout=20) as channel:
            if number % 5 == 0:  # also what is no HTTP at all; its end is the end of the connection
                channel.sendall(_mangled(content, chance))
                channel.shutdown(socket.SHUT_WR)
            else:
                channel.sendall(content)
            received = b""
            with suppress(ConnectionError):
                while piece := channel.recv(65536):
                    received += piece
        if received:
            statuses.append(parsed(received)[0])
    assert [status for status in statuses if status >= 500] == []
    assert {400, 401, 202, 409} <= set(statuses) and len(statuses) >= 800
    output = capsys.readouterr()
    assert "a call broke" not in output.out and "Traceback" not in output.err
    assert host.call("GET", "/health")[0] == 200 and host.server is not None and host.server.open <= 1
    assert len(host.entries()) < 300 and not [path for path in host.queue.inbox.iterdir() if path.name.startswith(".")]


def test_the_number_that_is_told_is_that_of_the_signature(host: Host) -> None:
    headers, body = signed("github", GITHUB_PUSH)
    _status, told = host.deliver("github", GITHUB_PUSH)
    assert told["id"] == verify("github", Call(headers, body), [SECRET], NOW)
