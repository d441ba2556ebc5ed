# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who checks a secret: told, proven, and asked again when the old value is gone."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.backup import container_files
from ansible_collections.latentum.ops.plugins.module_utils.backup.settings import BackupError
from ansible_collections.latentum.ops.plugins.module_utils.contracts.secret_rotation import SecretRotation
from ansible_collections.latentum.ops.plugins.module_utils.rotation import postgresql, servers
from ansible_collections.latentum.ops.plugins.module_utils.rotation.declared import Rotating
from ansible_collections.latentum.ops.plugins.module_utils.rotation.journal import Item
from ansible_collections.latentum.ops.plugins.module_utils.rotation.refusal import RotationFailed, RotationRefused
from ansible_collections.latentum.ops.plugins.module_utils.rotation.scram_login import Answer, LoginUnknown

POSTGRESQL = Rotating("password", {}, SecretRotation("postgresql", "db", "app", "shop", "postgres"), (), ())
REDIS = Rotating("cache", {}, SecretRotation("redis", "cache"), (), ())
ITEM = Item("password", "postgresql", "app_a", "app_b")
VALUES = ("the-next-value", "the-present-value")


@pytest.fixture
def container(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    found = SimpleNamespace(name="shop-db-1", address=lambda: "10.9.8.7", running=True)

    def running(_engine: Any, _stack: str, service: str) -> Any:
        if not found.running:
            raise BackupError(f"no container of {service} is running")
        return found

    monkeypatch.setattr(servers, "Engine", lambda: None)
    monkeypatch.setattr(container_files, "running", running)
    return found


def test_nobody_checks_a_file(container: SimpleNamespace) -> None:
    container.running = False
    for kind in ("file", "overlap"):
        server = servers.of("shop", Rotating("key", {}, SecretRotation(kind), (), ()), ITEM, VALUES)
        server.require()
        server.accept("x")
        assert server.in_use(1) == 0 and server.shut_out("x", 1) == 0


@pytest.mark.parametrize("secret", [POSTGRESQL, REDIS], ids=lambda secret: secret.name)
def test_a_server_that_does_not_run_is_refused(container: SimpleNamespace, secret: Rotating) -> None:
    container.running = False
    with pytest.raises(RotationRefused, match=r"no container of .* is running"):
        servers.of("shop", secret, ITEM, VALUES)


def test_no_value_is_in_the_arguments_or_the_environment_of_a_client(container: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[Sequence[str], dict[str, Any]]] = []

    def run(argv: Sequence[str], **more: Any) -> Any:
        called.append((argv, more))
        return SimpleNamespace(stdout="OK\nPONG\n")

    monkeypatch.setattr(servers, "run", run)
    server = servers.of("shop", REDIS, Item("cache", "redis"), VALUES)
    assert isinstance(server, servers.RedisServer) and server.redis.lets_in("the next value")
    ((argv, more),) = called
    assert not any("value" in word for word in argv) and set(more) == {"input", "timeout", "check"}
    assert b"the next value".hex(" ").replace(" ", "\\x") in more["input"]


def test_a_login_asks_the_container_of_the_server(container: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(servers, "try_login", lambda *words: asked.append(words) or Answer(True))
    server = servers.of("shop", POSTGRESQL, ITEM, VALUES)
    assert isinstance(server, servers.PostgresqlServer) and server.login("app_b", "value").let_in
    assert asked == [("10.9.8.7", 5432, "app_b", "value", "shop")]
    container.address = lambda: None
    with pytest.raises(LoginUnknown, match="has no address"):
        server.login("app_b", "value")


def played(monkeypatch: pytest.MonkeyPatch, login: Any) -> servers.PostgresqlServer:
    for name, answer in (("accept", True), ("shut_out", 3), ("sessions", 2), ("require", None)):
        monkeypatch.setattr(postgresql, name, lambda *_words, answer=answer: answer)
    return servers.PostgresqlServer(POSTGRESQL, ITEM, lambda *_words, **_more: "", login)


def away(_role: str, _password: str) -> Answer:
    raise LoginUnknown("10.9.8.7:5432 does not answer")


def test_what_is_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    played(monkeypatch, lambda _role, _password: Answer(True)).accept("x")
    assert played(monkeypatch, lambda _role, _password: Answer(False)).shut_out("x", 1) == 3
    assert played(monkeypatch, away).in_use(1) == 2
    with pytest.raises(RotationFailed, match=r"db does not let app_b in: no pg_hba.conf entry"):
        played(monkeypatch, lambda _role, _password: Answer(False, "no pg_hba.conf entry")).accept("x")
    with pytest.raises(
        RotationFailed, match=r"lets app_a in with the password that was taken away: its pg_hba.conf asks for none \(trust\)"
    ):
        played(monkeypatch, lambda _role, _password: Answer(True)).shut_out("x", 1)
    with pytest.raises(RotationFailed, match="whether app_a is shut out is not known"):
        played(monkeypatch, away).shut_out("x", 1)
    with pytest.raises(RotationFailed, match=r"takes no new login: .*does not answer"):
        played(monkeypatch, away).accept("x")


def test_a_server_that_refuses_a_question_is_a_failure_with_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_words: Any) -> Any:
        raise BackupError("shop-db-1 refused a question: the database system is shutting down")

    server = played(monkeypatch, away)
    for name in ("accept", "shut_out", "sessions", "require"):
        monkeypatch.setattr(postgresql, name, refuses)
    for act in (lambda: server.accept("x"), lambda: server.in_use(1), lambda: server.shut_out("x", 1)):
        with pytest.raises(RotationFailed, match="shutting down"):
            act()
    with pytest.raises(RotationRefused, match="shutting down"):
        server.require()
