# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stack whose secrets rotate, played: its store is real, its servers and its rollout are objects of the test."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import atomic_files, locks, paths
from ansible_collections.latentum.ops.plugins.module_utils.rollout.request import DeployFailed
from ansible_collections.latentum.ops.plugins.module_utils.rotation.declared import Rotating
from ansible_collections.latentum.ops.plugins.module_utils.rotation.journal import Item, Journal
from ansible_collections.latentum.ops.plugins.module_utils.rotation.refusal import RotationFailed, RotationRefused
from ansible_collections.latentum.ops.plugins.module_utils.rotation.rotating import Rotation
from ansible_collections.latentum.ops.plugins.module_utils.rotation.servers import Nobody
from ansible_collections.latentum.ops.plugins.module_utils.secretstore.store import Store

ME = {"uid": os.geteuid(), "gid": os.getegid()}
HOUR = 3600.0


def places_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The places of a host are in a folder of the test."""
    monkeypatch.setattr(locks, "FOLDER", folder / "run")
    monkeypatch.setattr(paths, "RELEASES", folder / "stacks")
    monkeypatch.setattr(paths, "SECRETS", folder / "secrets")
    # A disk of a test loses nothing: what is played hundreds of times would wait for it each time.
    monkeypatch.setattr(atomic_files, "sync_directory", lambda _path: None)
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


def reads(*services: str) -> list[dict[str, Any]]:
    return [{"service": service, **ME} for service in services]


POSTGRESQL = {"kind": "postgresql", "service": "database", "user": "app", "admin": "app", "grace": HOUR, "every": 90 * 24 * HOUR}
ENTRIES: list[dict[str, Any]] = [
    {"name": "database_password", "kind": "password", "consumers": reads("database"), "rotation": POSTGRESQL},
    {
        "name": "database_url",
        "kind": "template",
        "template": "pg://{{ database_password | login }}:{{ database_password | urlencode }}@database/app",
        "consumers": reads("api", "worker"),
    },
    {
        "name": "cache_password",
        "kind": "password",
        "consumers": reads("cache"),
        "rotation": {"kind": "redis", "service": "cache", "grace": HOUR},
    },
    {"name": "redis_url", "kind": "template", "template": "redis://:{{ cache_password }}@cache", "consumers": reads("api")},
    {"name": "api_key", "kind": "token", "consumers": reads("api", "model"), "rotation": {"kind": "overlap", "grace": HOUR}},
    {"name": "session_key", "kind": "fernet", "consumers": reads("api"), "rotation": {"kind": "file", "grace": HOUR}},
    {"name": "smtp_password", "kind": "provided", "value": "from-a-vault-1", "consumers": reads("worker"), "rotation": {"kind": "file"}},
    {"name": "signing_key", "kind": "ed25519", "consumers": reads("worker"), "rotation": {"kind": "file", "grace": HOUR}},
    {"name": "plain", "kind": "uuid", "consumers": reads("worker")},
]


class Killed(BaseException):
    """SIGKILL: nobody catches it, and no block of the engine gets to do anything that counts."""


@dataclass
class Checking:
    """A server that knows which values are good, and who is connected with which."""

    good: set[str]
    connected: dict[str, str] = field(default_factory=dict)  # client to its value
    away: bool = False
    deaf: bool = False  # takes a value, and does not let it in

    def serving(self, secret: Rotating, _item: Item, passwords: tuple[str, ...]) -> Checker:
        if self.away:
            raise RotationRefused(f"secrets.{secret.name}: no container of {secret.server} is running")
        return Checker(self, passwords)


@dataclass
class Checker:
    """As the engine asks it."""

    server: Checking
    passwords: tuple[str, ...]

    def require(self) -> None:
        assert self.server.good & set(self.passwords)

    def accept(self, value: str) -> None:
        if self.server.deaf:
            raise RotationFailed("the server does not let it in")
        self.server.good.add(value)

    def in_use(self, since: float) -> int:
        assert since
        return sum(value in self.server.connected.values() for value in self.passwords[1:])

    def shut_out(self, value: str, since: float) -> int:
        assert since
        self.server.good.discard(value)
        ended = [client for client, held in self.server.connected.items() if held == value]
        for client in ended:
            del self.server.connected[client]
        return len(ended)

    def shut_out_next(self, value: str, since: float) -> None:
        assert since >= 0
        self.server.good.discard(value)


class Played:
    """The stack on its host."""

    def __init__(self, folder: Path) -> None:
        self.store = Store("shop", folder / "secrets")
        self.journal = Journal("shop", folder / "rotations")
        self.now = 1_800_000_000.0
        self.points: list[str] = []
        self.kill_at = -1
        self.sick: set[str] = set()  # services that do not become healthy with another value
        self.rolls = 0
        self.lines: list[str] = []
        with self.store.locked():
            self.store.ensure(ENTRIES)
        self.first = {name: self.store.value(name) or "" for name in self.store.metadata()}
        self.servers = {
            "database_password": Checking({self.first["database_password"]}),
            "cache_password": Checking({self.first["cache_password"]}),
        }
        # What each container read of each file when it started; services have one each.
        self.held: dict[str, dict[str, str]] = {}
        self.written: dict[str, dict[str, int]] = {}
        self.made: dict[str, float] = {}
        for service in self.services():
            self.start(service)

    def services(self) -> list[str]:
        return sorted(path.name for path in (self.store.folder / "services").iterdir())

    def files(self, service: str) -> dict[str, str]:
        return {path.name: path.read_text() for path in sorted((self.store.folder / "services" / service).iterdir())}

    def start(self, service: str) -> None:
        """A container that reads its secrets once, as most applications do."""
        folder = self.store.folder / "services" / service
        self.held[service] = self.files(service)
        self.written[service] = {path.name: path.stat().st_mtime_ns for path in sorted(folder.iterdir())}
        self.made[service] = self.now
        texts = list(self.held[service].values())
        for name, server in self.servers.items():
            for value in sorted(server.good):
                if service != self.server_of(name) and any(value in text for text in texts):
                    server.connected[service] = value

    def server_of(self, name: str) -> str:
        return {"database_password": "database", "cache_password": "cache"}[name]

    # -- what the engine asks --------------------------------------------------------------------------------------

    def roll(self, recreate: Collection[str] = ()) -> list[str]:
        """Services whose files are other ones than those that they started with, one after the other."""
        self.rolls += 1
        rolled = []
        for service in self.services():
            folder = self.store.folder / "services" / service
            now = {path.name: path.stat().st_mtime_ns for path in sorted(folder.iterdir())}
            if now == self.written[service] and service not in recreate:
                continue
            if service in self.sick:
                raise DeployFailed(f"{service}: did not become healthy")
            assert service not in ("database", "cache"), "a server is never replaced"
            self.start(service)
            self.at(f"rolled {service}")
            self.serves()
            rolled.append(f"{service}: replaced")
        return rolled

    def made_since(self, when: float, services: Collection[str]) -> list[str]:
        return [service for service in services if self.made[service] >= when]

    def serving(self, secret: Rotating, item: Item, passwords: tuple[str, ...]) -> Any:
        if secret.name in self.servers:
            return self.servers[secret.name].serving(secret, item, passwords)
        return Nobody()

    def at(self, point: str) -> None:
        self.points.append(point)
        self.now += 1
        if len(self.points) == self.kill_at:
            raise Killed(point)

    def rotation(self) -> Rotation:
        def sleep(seconds: float) -> None:
            self.now += seconds

        return Rotation("shop", self.store, self.journal, self, self.serving, self.lines.append, self.at, lambda: self.now, sleep)

    # -- what must hold at any moment ------------------------------------------------------------------------------

    def serves(self) -> None:
        """Nobody is refused: what each container holds is good where it is checked, and containers know each other's keys."""
        for service, files in self.held.items():
            if (url := files.get("database_url")) is not None:
                assert any(url.partition("@")[0].rpartition(":")[2] == good for good in self.servers["database_password"].good), service
            if (url := files.get("redis_url")) is not None:
                assert any(good in url for good in self.servers["cache_password"].good), service
        sent = {files["api_key"].split("\n")[0] for files in self.held.values() if "api_key" in files}
        for service, files in self.held.items():
            if "api_key" in files:
                assert sent <= set(files["api_key"].split("\n")), f"{service} does not know a key that somebody sends"
