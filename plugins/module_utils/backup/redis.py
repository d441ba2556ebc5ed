# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Redis, or a relative of it, in a container: a consistent copy by the protocol of its replicas, and what is needed to put it back.

Source: Redis' documentation, "Persistence" (RDB, multi-part AOF since 7.0), `redis-cli --rdb`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..containers.client import Container, Engine
from ..contracts.backup_settings import Cache
from ..core.atomic_files import private, read_text
from ..core.process import run
from . import container_files, scratch_container
from .settings import BackupError, Settings

ASKED = ("dir", "dbfilename", "appendonly", "appendfilename", "appenddirname")
# Whichever of the two the image has.
CLIENT = 'command -v valkey-cli >/dev/null 2>&1 && exec valkey-cli "$@"; exec redis-cli "$@"'


@dataclass(frozen=True)
class Copied:
    """One copy: its file, its size in bytes, how many keys it holds at least, and the settings that say where it belongs."""

    file: Path
    size: int
    keys: int
    settings: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """For the facts of a run."""
        return {"file": self.file.name, "size": self.size, "keys": self.keys, "settings": self.settings}


class Redis:
    """One server, asked by the container's own client."""

    def __init__(self, engine: Engine, settings: Settings, cache: Cache) -> None:
        """:raises BackupError: no container of it is running."""
        self.cache = cache
        self.container: Container = container_files.running(engine, settings.stack, cache.service)
        self.raw = container_files.inspect(engine, self.container)
        password = (read_text(cache.password_file) or "").strip() if cache.password_file else ""
        # An empty one would be sent, too, and refused.
        self._password = {"REDISCLI_AUTH": password} if password else {}

    def ask(self, *words: str, timeout: float = 30) -> str:
        """An answer of the server, one value a line.

        :raises BackupError: it refused, or did not answer.
        """
        done = run([*self._client(), "--raw", *words], env=self._password, timeout=timeout, check=False)
        answer = (done.stdout + done.stderr).strip()
        if done.rc != 0 or answer.startswith(("ERR", "NOAUTH", "WRONGPASS", "Could not connect", "AUTH failed")):
            raise BackupError(f"{self.container.name} refused `{' '.join(words)}`: {done.shown(300)}")
        return done.stdout.strip()

    def copy(self, folder: Path, timeout: float = 3600) -> Copied:
        """Write its data into `folder` as an RDB file, as a replica would get them: of one moment, while it goes on."""
        settings = {}
        for name in ASKED:
            answer = self.ask("CONFIG", "GET", name).splitlines()
            settings[name] = answer[1] if len(answer) > 1 else ""
        keys = self._keys()
        file = folder / f"{self.cache.service}.rdb"
        part = file.with_suffix(".part")
        with private(part) as output:
            done = run([*self._client(), "--rdb", "-"], env=self._password, timeout=timeout, check=False, output=output)
        with part.open("rb") as written:
            magic = written.read(5)
        if done.rc != 0 or magic not in (b"REDIS", b"VALKE"):
            raise BackupError(f"{self.container.name} gave no copy of its data: {done.shown(300)}")
        # The mark that ends the transfer would be taken for a broken command by a server that reads its append-only file.
        if whole := re.search(r"finished with success after (\d+) bytes", done.stderr):
            os.truncate(part, int(whole[1]))
        part.replace(file)
        return Copied(file, file.stat().st_size, min(keys, self._keys()), settings)

    def _keys(self) -> int:
        return sum_of_keys(self.ask("INFO", "keyspace"), expiring=False)

    def _client(self) -> list[str]:
        # The password goes by the environment of the client on this side, named and not spelled in its arguments.
        named = [f"--env={name}" for name in self._password]
        return ["docker", "exec", *named, self.container.name, "sh", "-c", CLIENT, "sh"]


def place(settings: Settings, tree: Path, about: Mapping[str, Any]) -> Path:
    """Where the copy of a cache lies below `tree`, the root of a host or of a backup."""
    return tree / str(settings.staging).lstrip("/") / "redis" / str(about["file"])


def bring_back(
    engine: Engine, raw: Mapping[str, Any], stack: str, about: Mapping[str, Any], copy: Path, folder: Path, use: str = ""
) -> int:
    """Make an empty folder a data folder that holds a copy; returns how many keys a server found in it.

    :param about: what `Copied.as_dict` said, and the owner of the data.
    :raises BackupError: a server cannot read it, or finds fewer keys than there were.
    """
    put_back(about["settings"], copy, folder, about["owner"])
    keys = load(engine, raw, stack, folder, about["settings"], use)
    if keys < about["keys"]:
        raise BackupError(f"a server finds {keys} keys in the copy, at least {about['keys']} were there")
    container_files.own(folder, about["owner"])  # the server may have written as somebody else
    return keys


def load(engine: Engine, raw: Mapping[str, Any], stack: str, folder: Path, settings: Mapping[str, str], use: str = "") -> int:
    """How many keys a throw-away server of the same image finds in a folder that `put_back` made, read as the real one reads it.

    :raises BackupError: it cannot read it.
    """
    inside = "/latentum-ops"
    given = [word for name in ASKED if name != "dir" and settings.get(name) for word in (f"--{name}", settings[name])]
    script = 's=redis-server; command -v $s >/dev/null || s=valkey-server; exec $s "$@"'
    command = ["sh", "-c", script, "sh", "--port", "6379", "--dir", inside, "--save", "", *given]
    with scratch_container.like(engine, raw, stack, "redis", folder, inside, command=command, use=use) as name:
        client = ["docker", "exec", name, "sh", "-c", CLIENT, "sh"]

        def ready() -> bool:
            return run([*client, "PING"], timeout=30, check=False).stdout.strip() == "PONG"

        scratch_container.wait(engine, name, ready, 600, lambda _line: None)
        return sum_of_keys(run([*client, "INFO", "keyspace"], timeout=30).stdout, expiring=True)


def sum_of_keys(keyspace: str, *, expiring: bool) -> int:
    """Keys of all databases in an answer to ``INFO keyspace``; without those that expire, which may be gone when they are counted again."""
    total = 0
    for line in keyspace.splitlines():
        if line.startswith("db"):
            numbers = dict(pair.split("=") for pair in line.strip().partition(":")[2].split(",") if "=" in pair)
            total += int(numbers.get("keys", 0)) - (0 if expiring else int(numbers.get("expires", 0)))
    return total


def put_back(settings: dict[str, str], copy: Path, folder: Path, owner: tuple[int, int] | list[int]) -> None:
    """Lay a copy down in an empty data folder so that the server reads it, whether it writes an append-only file or not."""
    if settings.get("appendonly") == "yes":
        # A server that writes one reads nothing else at its start.
        name = settings.get("appendfilename") or "appendonly.aof"
        if settings.get("appenddirname"):
            # Several parts, of which the base may be an RDB file.
            inner = folder / settings["appenddirname"]
            inner.mkdir(mode=0o750)
            place = inner / f"{name}.1.base.rdb"
            (inner / f"{name}.manifest").write_text(f"file {name}.1.base.rdb seq 1 type b\nfile {name}.1.incr.aof seq 1 type i\n")
            (inner / f"{name}.1.incr.aof").touch()
        else:
            # Before 7.0 one file, that may begin with an RDB file.
            place = folder / name
    else:
        place = folder / (settings.get("dbfilename") or "dump.rdb")
    place.write_bytes(b"")
    run(["cp", "--reflink=auto", "--", str(copy), str(place)], timeout=3600)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, *owner)
