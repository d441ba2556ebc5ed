# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commit statuses, told to a server that is played over real sockets: the truth, in the end, whatever it answers in between."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.delivery.entry import Entry, State
from ansible_collections.latentum.ops.plugins.module_utils.delivery.queue import Queue
from ansible_collections.latentum.ops.plugins.module_utils.delivery.reporting import Reporter

from .samples import COMMIT, NOW, request, settings

PATHS = {
    "github": f"/repos/acme/shop/statuses/{COMMIT}",
    "gitea": f"/repos/acme/shop/statuses/{COMMIT}",
    "gitlab": f"/projects/acme%2Fshop/statuses/{COMMIT}",
}
LOGINS = {
    "github": ("Authorization", "Bearer t0ken-of-a-forge"),
    "gitea": ("Authorization", "token t0ken-of-a-forge"),
    "gitlab": ("PRIVATE-TOKEN", "t0ken-of-a-forge"),
}


class Forge:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.answer = 201
        forge = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                forge.told.append((self.path, dict(self.headers), body))
                self.send_response(forge.answer)
                if forge.answer == 302:
                    self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.end_headers()

            def log_message(self, *_given: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def forge() -> Iterator[Forge]:
    made = Forge()
    yield made
    made.server.shutdown()


class Reported:
    def __init__(self, queue: Queue, forge: Forge, provider: str) -> None:
        self.queue, self.forge = queue, forge
        report = {"name": provider, "provider": provider, "token": "token", "api": forge.address, "context": "deploy/production"}
        self.settings = settings(report=[{**report, "repositories": ["acme/shop"]}])
        self.reporter = Reporter(queue, lambda _stack: self.settings, lambda _stack, _name: "t0ken-of-a-forge\n")
        with queue.locked():
            self.entry = queue.add("a" * 32, request(), State.WAITING, NOW, images={"api": "x"})

    def become(self, state: State, **more: Any) -> Entry:
        entry = self.queue.find("a" * 32)
        entry.state = state
        for name, value in more.items():
            setattr(entry, name, value)
        self.queue.save(entry, NOW)
        return entry

    def words(self) -> list[str]:
        return [body["state"] for _path, _headers, body in self.forge.told]


@pytest.mark.parametrize("provider", PATHS)
def test_from_pending_to_what_really_runs(queue: Queue, forge: Forge, provider: str) -> None:
    made = Reported(queue, forge, provider)
    assert (made.reporter.look(NOW), made.reporter.look(NOW)) == (1, 0)
    made.become(State.RUNNING)
    made.reporter.look(NOW)
    made.become(State.ROLLED_BACK, live="1.4.2", reason="api is unhealthy")
    made.reporter.look(NOW)
    assert made.words() == ["pending", "pending", "failed" if provider == "gitlab" else "failure"]
    path, headers, body = forge.told[-1]
    name, value = LOGINS[provider]
    assert (path, headers.get(name) or headers.get(name.title())) == (PATHS[provider], value)
    assert body["description"] == "rolled back, production runs 1.4.2: api is unhealthy"
    assert body["target_url"] == f"https://deploy.example.com/status/{'a' * 32}"
    assert (body.get("context") or body.get("name")) == "deploy/production"


def test_a_success_says_the_version(queue: Queue, forge: Forge) -> None:
    made = Reported(queue, forge, "github")
    made.become(State.SUCCEEDED, live="1.4.3")
    made.reporter.look(NOW)
    assert (made.words(), forge.told[0][2]["description"]) == (["success"], "production runs 1.4.3")


@pytest.mark.parametrize(("state", "word"), [(State.REFUSED, "failure"), (State.FAILED, "failure"), (State.SUPERSEDED, "error")])
def test_what_never_went_live(queue: Queue, forge: Forge, state: State, word: str) -> None:
    made = Reported(queue, forge, "github")
    made.become(state, live="1.4.2", reason="x" * 500)
    made.reporter.look(NOW)
    assert made.words() == [word] and len(forge.told[0][2]["description"]) <= 140


@pytest.mark.parametrize("answer", [302, 401, 404, 500])
def test_an_interface_that_does_not_take_it_is_tried_again_later_and_told_the_last_word(queue: Queue, forge: Forge, answer: int) -> None:
    made, forge.answer = Reported(queue, forge, "github"), answer
    made.reporter.look(NOW)
    made.reporter.look(NOW + 9)
    assert len(forge.told) == 1
    made.reporter.look(NOW + 11)
    made.reporter.look(NOW + 29)
    assert len(forge.told) == 2
    forge.answer = 201
    made.become(State.SUCCEEDED, live="1.4.3")
    restarted = Reporter(queue, lambda _stack: made.settings, lambda _stack, _name: "t0ken-of-a-forge")
    assert restarted.look(NOW + 100) == 1 and made.words()[-1] == "success"
    assert restarted.look(NOW + 4000) == 0


def test_one_that_is_gone_delays_nobody_and_is_given_up(queue: Queue, forge: Forge, capsys: pytest.CaptureFixture[str]) -> None:
    made = Reported(queue, forge, "github")
    forge.server.shutdown()
    forge.server.server_close()
    tries, now = 0, NOW
    while now < NOW + 4 * 86400:
        tries += "tried again" in (made.reporter.look(now), capsys.readouterr().out)[1]
        now += 600
    assert 60 < tries < 90
    assert made.queue.find("a" * 32).changed == NOW  # telling is no change of it


def test_no_token_and_other_repositories(queue: Queue, forge: Forge) -> None:
    made = Reported(queue, forge, "github")
    made.reporter.token = lambda _stack, _name: None
    assert made.reporter.look(NOW) == 0 and "is not on this host" in made.queue.find("a" * 32).reported["github"]["reason"]
    made.settings = settings(
        report=[{"name": "github", "provider": "github", "token": "token", "api": forge.address, "repositories": ["a/b"]}]
    )
    assert made.reporter.look(NOW + 9999) == 0 and forge.told == []


def test_gitlab_that_knows_it_already(queue: Queue, forge: Forge) -> None:
    made, forge.answer = Reported(queue, forge, "gitlab"), 400
    assert made.reporter.look(NOW) == 1
    made.become(State.SUCCEEDED, live="1.4.3")
    assert made.reporter.look(NOW) == 0
