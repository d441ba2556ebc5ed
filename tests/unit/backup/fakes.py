# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the backups share: a host in a folder, programs that are only written down, an engine, a database, a target."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.backup import (
    barman,
    catalogue,
    container_files,
    escrow,
    identity,
    origins,
    postgres,
    proof,
    psql,
    redis,
    replacement,
    restoring,
    restoring_beside,
    restoring_place,
    running,
    settings,
    staging,
    state,
    verification,
    volumes,
)
from ansible_collections.latentum.ops.plugins.module_utils.backup.restic import Entry, Snapshot, TargetError
from ansible_collections.latentum.ops.plugins.module_utils.backup.settings import Settings
from ansible_collections.latentum.ops.plugins.module_utils.containers.api import Conflict
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Container
from ansible_collections.latentum.ops.plugins.module_utils.contracts.backup_settings import Cache, Check, Cluster, Target, Volume
from ansible_collections.latentum.ops.plugins.module_utils.core import locks, paths, process
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError, Result
from ansible_collections.latentum.ops.plugins.module_utils.core.progress import Progress
from ansible_collections.latentum.ops.plugins.module_utils.maintenance import windows as maintenance_windows

NOW = 1_800_000_000.0
SECRET = "hush-hush-0815"  # every secret of a test holds it, so that it can be searched for


class Killed(BaseException):
    """The process is gone at this very point: nothing that handles errors sees it."""


def throw(error: BaseException) -> NoReturn:
    """Raise it."""
    raise error


# -- a host ---------------------------------------------------------------------------------------------------------------


@dataclass
class Host:
    """A host whose folders are those of the test."""

    root: Path
    monkeypatch: pytest.MonkeyPatch
    owners: list[tuple[str, int, int]] = field(default_factory=list)

    @property
    def backups(self) -> Path:
        return self.root / "backups"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def barman(self) -> Path:
        return self.root / "barman"

    def secret(self, name: str, content: str = f"{SECRET}\n") -> str:
        """The path of a secret's file."""
        file = self.secrets / "shop" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        return str(file)

    def declare(self, **services: int) -> None:
        """Stack shop is one of this host's."""
        described = {"name": "shop", "services": [{"service": one, "replicas": count} for one, count in services.items()]}
        (self.root / "stacks").mkdir(exist_ok=True)
        (self.root / "stacks" / "shop.json").write_text(json.dumps(described))

    def free(self, count: float) -> None:
        """So many bytes are free on each disk."""
        usage = type(shutil.disk_usage("/"))(int(2e12), 0, int(count))
        self.monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)

    def state(self) -> dict[str, Any]:
        """What is published of stack shop."""
        return state.read("shop")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """An empty host, owned by whoever runs the test."""
    made = Host(tmp_path, monkeypatch)
    for module in (settings, state, replacement, escrow):
        monkeypatch.setattr(module, "ROOT", made.backups)
    monkeypatch.setattr(settings, "FOLDER", tmp_path / "etc")
    monkeypatch.setattr(running, "RUN", tmp_path / "run")
    monkeypatch.setattr(locks, "FOLDER", tmp_path / "run")
    monkeypatch.setattr(verification, "WORK", tmp_path / "verify")
    monkeypatch.setattr(identity, "WORK", tmp_path / "identity")
    monkeypatch.setattr(restoring_beside, "FOLDER", tmp_path / "restored")
    monkeypatch.setattr(paths, "SECRETS", made.secrets)
    monkeypatch.setattr(paths, "RELEASES", tmp_path / "releases")
    monkeypatch.setattr(staging, "HOST", ())
    monkeypatch.setattr(barman, "HOME", made.barman)
    monkeypatch.setattr(barman.Barman.__init__, "__defaults__", (made.barman,))
    monkeypatch.setattr(barman, "CONFIGURATION", tmp_path / "barman.d")
    monkeypatch.setattr(barman, "CLIENTS", tmp_path / "clients")
    monkeypatch.setattr(barman, "_numbers", lambda: (os.getuid(), os.getgid()))
    monkeypatch.setattr(paths, "STACKS", tmp_path / "stacks")
    monkeypatch.setattr(maintenance_windows, "FILE", tmp_path / "watchdog" / "maintenance.json")
    monkeypatch.setattr(os, "fchown", lambda *_given: None)
    monkeypatch.setattr(os, "chown", lambda path, uid, gid: made.owners.append((str(path), uid, gid)))
    for folder in (made.backups, made.barman, tmp_path / "etc", tmp_path / "barman.d", tmp_path / "clients" / "17" / "bin"):
        folder.mkdir(parents=True)
    (tmp_path / "clients" / "17" / "bin" / "pg_receivewal").touch()
    return made


class Clock:
    """Both clocks of a host; they go on when the test sleeps, and not by a thread that an earlier test of this process has left."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = NOW
        monkeypatch.setattr(time, "time", lambda: self.now)
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        self._test, self._sleep = threading.get_ident(), time.sleep
        monkeypatch.setattr(time, "sleep", self._slept)

    def go(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    def _slept(self, seconds: float) -> None:
        if threading.get_ident() == self._test:
            self.go(seconds)
        else:
            self._sleep(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands."""
    return Clock(monkeypatch)


def progress() -> Progress:
    """One that only keeps its lines."""
    return Progress("shop", "test", silent=True)


def said(one: Progress) -> str:
    """What it said, without the times."""
    return "\n".join(line.partition("] ")[2] for line in one.lines)


# -- programs -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """One program that was to be run."""

    argv: tuple[str, ...]
    given: Mapping[str, Any]

    @property
    def line(self) -> str:
        return " ".join(self.argv)


@dataclass
class _Rule:
    words: tuple[str, ...]
    answer: Callable[[Call], str | Result | None]


REAL = ("cp", "mv")  # programs that do what they do everywhere


class Programs:
    """Takes the place of `run`: nothing but the programs of `REAL` is started; what was asked for is kept.

    The last rule whose words are all in the command answers it; what no rule knows succeeds and says nothing.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._rules: list[_Rule] = []

    def on(
        self, *words: str, stdout: str = "", rc: int = 0, stderr: str = "", do: Callable[[Call], str | Result | None] | None = None
    ) -> None:
        """What commands that hold these words answer; `do` may raise, write, and give the standard output or a result."""
        fixed = Result((), rc, stdout, stderr)

        def answer(call: Call) -> str | Result | None:
            if do is None:
                return fixed
            return do(call)

        self._rules.append(_Rule(words, answer))

    def __call__(self, argv: Sequence[str], **given: Any) -> Result:
        call = Call(tuple(argv), given)
        self.calls.append(call)
        rule = next((one for one in reversed(self._rules) if all(word in call.line for word in one.words)), None)
        if rule is None and argv[0] in REAL:
            return process.run(argv, **{**given, "timeout": None})  # a deadline would be waited for by the clock of the test
        found = rule.answer(call) if rule else ""
        result = found if isinstance(found, Result) else Result((), 0, found or "", "")
        result = replace(result, argv=call.argv)
        if output := given.get("output"):
            output.write(result.stdout.encode())
            output.flush()
            result = replace(result, stdout="")
        if result.rc and given.get("check", True):
            raise CommandError(result, f"failed with exit status {result.rc}")
        return result

    def lines(self, *words: str) -> list[str]:
        """The commands that hold all these words."""
        return [one.line for one in self.calls if all(word in one.line for word in words)]

    def named(self, *words: str) -> list[Call]:
        """The same, with what was given to them."""
        return [one for one in self.calls if all(word in one.line for word in words)]

    def shows(self, secret: str = SECRET) -> list[str]:
        """Commands whose arguments show a secret to everybody on the host."""
        return [one.line for one in self.calls if secret in one.line]


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> Programs:
    """No program is started by any module of the backups."""
    made = Programs()
    for module in (barman, container_files, escrow, identity, postgres, proof, psql, redis, restoring, restoring_place, staging, volumes):
        monkeypatch.setattr(module, "run", made)
    return made


# -- the engine -----------------------------------------------------------------------------------------------------------


def container(service: str, number: int = 1, **changes: Any) -> Container:
    """One of stack shop that runs."""
    given: dict[str, Any] = {
        "id": f"{service}{number}",
        "name": f"shop-{service}-{number}",
        "service": service,
        "number": number,
        "state": "running",
        "health": "healthy",
        "restarts": 0,
        "exit_code": 0,
        "oom_killed": False,
        "started_at": "",
        "image": f"registry/{service}:1",
        "image_id": f"sha256:{service}",
        "addresses": (("backend", "10.0.0.9"),),
        "health_log": (),
        "project": "shop",
    }
    return Container(**{**given, **changes})


def mount(source: Path, destination: str, name: str = "", *, writable: bool = True) -> dict[str, Any]:
    """A volume when it has a name, else a bind mount."""
    return {"Type": "volume" if name else "bind", "Name": name, "Source": str(source), "Destination": destination, "RW": writable}


class Api:
    """What of Docker's API the backups use."""

    def __init__(self, engine: FakeEngine) -> None:
        self.engine = engine
        self.thrown: list[dict[str, Any]] = []  # what throw-away containers were made of
        self.left: list[dict[str, Any]] = []  # throw-away containers that are there
        self.present: list[dict[str, Any]] = []  # volumes
        self.words = b"ready\n"
        self.dead = False

    def inspect_container(self, identity: str) -> dict[str, Any]:
        if one := next((one for one in self.left if identity in (one["Id"], one["name"])), None):
            running = one["running"] and not self.dead
            return {"Id": one["Id"], "State": {"Running": running, "ExitCode": 0 if running else one.get("exit_code", 1)}}
        found = next(one for one in self.engine.there if one.id == identity)
        raw: dict[str, Any] = {
            "Id": found.id,
            "Name": f"/{found.name}",
            "Image": found.image_id,
            "Config": {"Cmd": ["serve"], "Entrypoint": ["entry"], "Env": ["MODE=real"], "User": "999"},
            "HostConfig": {"Memory": 1024, "ShmSize": 64, "Init": True, "Tmpfs": {"/run": ""}},
            "Mounts": self.engine.mounts.get(found.service, []),
            "State": {"Running": found.state == "running", "Status": found.state},
        }
        return raw

    def volumes(self, filters: Mapping[str, Any]) -> dict[str, Any]:
        wanted = dict(one.split("=", 1) for one in filters["label"])
        return {"Volumes": [one for one in self.present if all(one["Labels"].get(key) == value for key, value in wanted.items())]}

    def volume(self, name: str, folder: Path, **changes: Any) -> dict[str, Any]:
        """Docker has a volume of stack shop."""
        labels = {"com.docker.compose.project": "shop", "com.docker.compose.volume": name}
        made = {"Name": f"shop_{name}", "Driver": "local", "Options": None, "Mountpoint": str(folder), "Labels": labels, **changes}
        self.present.append(made)
        return made

    def containers(self, all: bool = False, filters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        key, _equals, value = str((filters or {})["label"]).partition("=")
        return [one for one in self.left if one["Labels"].get(key) == value]

    def create_container(self, name: str, config: Mapping[str, Any]) -> dict[str, Any]:
        given = {"name": name, **config}
        if any(one["name"] == name for one in self.left):
            throw(Conflict(f"the name {name} is in use", 409))
        self.thrown.append(given)
        made = {"Id": f"thrown{len(self.thrown)}", "running": False, **given}
        self.left.append(made)
        return made

    def start(self, identity: str) -> None:
        self.engine.did.append(f"start {identity}")
        for one in self.left:
            if one["Id"] == identity:
                one["running"] = True

    def stop(self, identity: str, timeout: int = 10) -> None:
        self.engine.did.append(f"stop {identity}")
        self.engine.change(identity, state="exited")

    def pause(self, identity: str) -> None:
        self.engine.did.append(f"pause {identity}")
        self.engine.change(identity, state="paused")

    def remove_container(self, identity: str, force: bool = False, v: bool = False) -> None:
        self.engine.did.append(f"remove {identity}" + (" with its volumes" if v else ""))
        self.left = [one for one in self.left if one["Id"] != identity]

    def logs(self, _identity: str, **_given: Any) -> bytes:
        return self.words


class FakeEngine:
    """Containers in a list; what was done goes into another."""

    def __init__(self, *there: Container) -> None:
        self.there = list(there)
        self.mounts: dict[str, list[dict[str, Any]]] = {}
        self.did: list[str] = []
        self.ill: set[str] = set()  # services that do not get well
        self.api = Api(self)

    def containers(self, project: str) -> list[Container]:
        return [one for one in self.there if one.project == project]

    def change(self, identity: str, **changes: Any) -> None:
        """Something happens to one of them."""
        self.there = [replace(one, **changes) if one.id == identity else one for one in self.there]

    def start(self, one: Container) -> None:
        self.did.append(f"start {one.id}")
        self.change(one.id, state="running", health="unhealthy" if one.service in self.ill else "healthy")

    def unpause(self, one: Container) -> None:
        self.did.append(f"unpause {one.id}")
        self.change(one.id, state="running")

    def log_tail(self, one: Container, _lines: int = 20) -> list[str]:
        return [f"last words of {one.name}"]

    def digest(self, one: Container) -> str:
        return f"{one.image_id}-digest"


# -- a database -----------------------------------------------------------------------------------------------------------


@dataclass
class Database:
    """A PostgreSQL behind the psql of a container: what it holds, and what it was told.

    :param answers: what statements that begin like this are answered.
    """

    version: int = 170002
    wal_level: str = "replica"
    senders: int = 10
    data: str = "/var/lib/postgresql/data"
    identifier: str = "7000000000000000001"
    hba: str = "local all all trust\nhost all all all scram-sha-256\n"
    hba_error: str = ""
    tablespace: str = ""
    stored: str = ""  # the verifier of the role of the backups
    has_role: bool = False
    reloads: int = 0
    loaded: bool = True  # what is in the file
    answers: dict[str, str] = field(default_factory=dict)
    told: list[tuple[str, str]] = field(default_factory=list)  # statement and database

    def __call__(self, call: Call) -> str | Result:
        statement = " ".join(str(call.given["input"]).split())
        database = next(word.removeprefix("--dbname=") for word in call.argv if word.startswith("--dbname="))
        self.told.append((statement, database))
        for start, answer in reversed(self.answers.items()):
            if statement.startswith(start):
                return answer if not answer.startswith("ERROR") else Result((), 3, "", answer)
        return self._answer(statement)

    def _answer(self, statement: str) -> str:
        if statement.startswith("SELECT current_setting('server_version_num')"):
            numbers = [self.version, self.data, f"{self.data}/pg_hba.conf", self.wal_level, self.senders, self.identifier]
            return "|".join(map(str, numbers)) + "\n"
        if "FROM pg_tablespace" in statement:
            return self.tablespace
        if "FROM pg_authid" in statement:
            return self.stored
        if "FROM pg_roles" in statement:
            return "1" if self.has_role else ""
        if statement.startswith(("CREATE ROLE", "ALTER ROLE", "BEGIN")) and "PASSWORD '" in statement:
            self.stored, self.has_role = statement.partition("PASSWORD '")[2].partition("'")[0], True
        if "pg_read_file" in statement:
            return self.hba
        if "pg_conf_load_time" in statement:
            return "t" if self.loaded else "f"
        if "pg_hba_file_rules" in statement:
            return self.hba_error
        if "pg_reload_conf" in statement:
            self.reloads, self.loaded = self.reloads + 1, True
            return "t"
        return ""

    def behind(self, programs: Programs, name: str = "shop-database-1") -> Database:
        """It answers in this container."""
        programs.on(name, " psql ", do=self)
        programs.on(name, " stat ", stdout="999:999\n")
        programs.on(name, " sh -c ", "pg_hba.conf", do=self._write)
        return self

    def _write(self, call: Call) -> None:
        self.hba, self.loaded = str(call.given["input"]), False


# -- a target -------------------------------------------------------------------------------------------------------------


@dataclass
class FakeRepository:
    """A repository in folders: each snapshot is a tree with the paths of the host below it.

    :param broken: method to the error that it raises.
    """

    root: Path
    name: str = "offsite"
    broken: dict[str, Exception] = field(default_factory=dict)
    made: list[dict[str, Any]] = field(default_factory=list)
    forgot: list[tuple[dict[str, int], set[str], tuple[str, ...]]] = field(default_factory=list)
    checked: list[tuple[int, int]] = field(default_factory=list)
    restored: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    pruned: int = 0
    there: list[Snapshot] = field(default_factory=list)
    state: str = "present"
    during: Callable[[], None] = lambda: None

    def fails(self, method: str, error: Exception | None = None) -> None:
        """From now on."""
        self.broken[method] = error or TargetError(self.name, "i/o timeout")

    def _may(self, method: str) -> None:
        if method in self.broken:
            raise self.broken[method]

    def tree(self, snapshot: str) -> Path:
        """Where the files of a snapshot are."""
        return self.root / self.name / snapshot

    def holds(self, identity: str, at: float, kind: str = "backup", **changes: Any) -> Path:
        """A snapshot is there; the folder that stands for `/` in it."""
        size = int(changes.pop("bytes", 1000))
        self.there.append(Snapshot(identity, at, ("stack:shop", f"kind:{kind}"), (), "host", bytes=size, **changes))
        self.tree(identity).mkdir(parents=True)
        return self.tree(identity)

    def reachable(self, timeout: float = 20.0) -> str:
        self._may("reachable")
        return self.state

    def ensure(self) -> str:
        self._may("ensure")
        before, self.state = self.state, "present"
        return "created" if before == "absent" else "present"

    def backup(self, paths: Sequence[str | Path], tags: Sequence[str], **given: Any) -> Snapshot:
        self._may("backup")
        self.during()
        self.made.append({"paths": [str(one) for one in paths], "tags": tuple(tags), **given})
        made = Snapshot(
            f"{len(self.made):08x}{self.name}", time.time(), tuple(tags), tuple(map(str, paths)), given["host"], 4096, 1024, 3, 1.5
        )
        self.there.append(made)
        return made

    def forget(self, retention: Mapping[str, int], *, protect: Sequence[str] = (), tags: Sequence[str] = (), spare: str = "") -> list[str]:
        self._may("forget")
        self.forgot.append((dict(retention), set(protect), tuple(tags)))
        return []

    def unlock_stale(self) -> None:
        """Nothing is locked."""

    def prune(self, deadline: float = 0) -> bool:
        self._may("prune")
        self.pruned += 1
        return True

    def snapshots(self, tags: Sequence[str] = (), host: str = "") -> list[Snapshot]:
        self._may("snapshots")
        return [one for one in self.there if set(tags) <= set(one.tags)]

    def restore(self, snapshot: str, folder: str | Path, *, include: Sequence[str] = (), verify: bool = True, **_given: Any) -> None:
        self._may("restore")
        assert verify, "what comes back is read again"
        self.restored.append((snapshot, tuple(include)))
        tree, found = self.tree(snapshot), False
        for wanted in include or ("/",):
            source = tree / wanted.lstrip("/")
            place = Path(folder) / wanted.lstrip("/")
            if source.is_dir():
                shutil.copytree(source, place, dirs_exist_ok=True, symlinks=True)
            elif source.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, place)
            found = found or source.exists()
        if not found:
            raise TargetError(self.name, "", what=f"has nothing in snapshot {snapshot[:8]} that matches {', '.join(include)}")

    def ls(self, snapshot: str, path: str = "/", *, recursive: bool = False) -> list[Entry]:
        self._may("ls")
        assert recursive, "a size is that of all that is below"
        top = self.tree(snapshot) / path.lstrip("/")
        found = [one for one in (top, *top.rglob("*")) if one.is_file()]
        return [Entry(str(one), "file", one.stat().st_size, one.stat().st_mtime) for one in found]

    def check(self, part: int, parts: int, deadline: float = 0) -> None:
        self._may("check")
        self.checked.append((part, parts))


class Targets(dict[str, FakeRepository]):
    """The repositories by the names of their targets."""


@pytest.fixture
def targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Targets:
    """Targets `offsite` and `nas`, both empty."""
    made = Targets({name: FakeRepository(tmp_path / "targets", name) for name in ("offsite", "nas")})
    for module in (running, verification, origins, catalogue):
        monkeypatch.setattr(module, "repository", lambda target: made[target.name])
    return made


def target(name: str = "offsite", **changes: Any) -> Target:
    """A target as the configuration has it."""
    return Target(**{"name": name, "repository": f"s3:https://{name}.example/shop", "key_file": f"/secrets/{name}", **changes})


def shop(*names: str, **changes: Any) -> Settings:
    """Stack shop, with targets of these names."""
    return Settings("shop", "/opt/shop", tuple(target(name) for name in names or ("offsite",)), **changes)


def cluster(host: Host, service: str = "database", *databases: str) -> Cluster:
    """A PostgreSQL with the password of its replication role on the host."""
    return Cluster(service, "admin", databases or ("shopdb",), host.secret(f"replication_{service}"))


def facts(**changes: Any) -> dict[str, Any]:
    """Those of a backup that holds nothing yet."""
    empty: dict[str, Any] = {"format": 1, "stack": "shop", "at": NOW - 600, "clusters": {}, "caches": {}, "volumes": {}, "paths": []}
    return {**empty, **changes}


def about_cluster(server: str = "shop.database", **changes: Any) -> dict[str, Any]:
    """What the facts say of a PostgreSQL."""
    given: dict[str, Any] = {
        "server": server,
        "version": 170002,
        "identifier": "7000000000000000001",
        "data": "/var/lib/postgresql/data",
        "owner": [999, 999],
        "admin": "admin",
        "dumps": {"shopdb": {"file": "database.shopdb.dump", "size": 4}},
        "globals": "database.globals.sql",
        "base": "20270115T080000",
        "base_size": 1000,
        "base_end": NOW - 500,
    }
    return {**given, **changes}


def keep_facts(tree: Path, one: Settings, content: Mapping[str, Any]) -> None:
    """Write the facts of a backup below what stands for `/`."""
    file = tree / str(one.staging).lstrip("/") / "facts.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))


__all__ = [
    "NOW", "SECRET", "Cache", "Call", "Check", "Clock", "Cluster", "Database", "FakeEngine", "FakeRepository", "Host", "Killed", "Programs",
    "Settings", "Targets", "Volume", "about_cluster", "clock", "cluster", "container", "facts", "host", "keep_facts", "mount", "programs",
    "progress", "said", "shop", "target", "targets", "throw",
]  # fmt: skip
