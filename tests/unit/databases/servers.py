# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real servers and real exporters on this machine, on loopback and for one test: PostgreSQL, Redis and PgBouncer, as nobody."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.latentum.ops.plugins.module_utils.contracts.database_exporters import DatabaseExporter
from ansible_collections.latentum.ops.plugins.module_utils.metrics import database_files

from ..free_ports import free_port

ROLE = Path(__file__).resolve().parents[3] / "roles/exporters"
# Packages of the distribution, unpacked by tests/tools/unit.sh.
UNPACKED = Path(os.environ.get("LATENTUM_TEST_DATABASES") or "/nowhere")
PATIENCE = 120  # seconds; this machine may be busy


def program(name: str) -> str:
    """Where a program is; empty for nowhere."""
    beside = [*sorted(UNPACKED.glob("usr/lib/postgresql/*/bin")), *sorted(Path("/usr/lib/postgresql").glob("*/bin"))]
    folders = [str(folder) for folder in (UNPACKED / "usr/bin", UNPACKED / "usr/sbin", *beside)]
    return shutil.which(name, path=os.pathsep.join([*folders, os.environ.get("PATH", "")])) or ""


def environment() -> dict[str, str]:
    """Libraries of what was unpacked, and no language."""
    libraries = ":".join(str(path) for path in UNPACKED.glob("usr/lib/*-linux-gnu"))
    return {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": "/nonexistent", "LD_LIBRARY_PATH": libraries}


def as_nobody(argv: list[str]) -> list[str]:
    """A server of PostgreSQL refuses root."""
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *argv] if os.geteuid() == 0 else argv


@contextmanager
def folder() -> Iterator[Path]:
    """One that nobody may enter and write."""
    path = Path(tempfile.mkdtemp(prefix="latentum-databases-", dir="/tmp"))  # folders of pytest are closed to others
    path.chmod(0o755)
    if os.geteuid() == 0:
        shutil.chown(path, "nobody", "nogroup")
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def running(
    argv: list[str], log: Path, variables: Mapping[str, str] | None = None, *, end: int = signal.SIGTERM
) -> Iterator[subprocess.Popen[bytes]]:
    """A program until the block ends."""
    with log.open("ab") as written:
        process = subprocess.Popen(argv, stdout=written, stderr=subprocess.STDOUT, env={**environment(), **(variables or {})})
    try:
        yield process
    finally:
        process.send_signal(end)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()


def wait_for(what: str, look: Callable[[], object], log: Path | None = None) -> None:
    """Until it is true."""
    until = time.monotonic() + PATIENCE
    while not look():
        if time.monotonic() > until:
            raise AssertionError(f"{what}: not within {PATIENCE} s\n{log.read_text(errors='replace')[-2000:] if log else ''}")
        time.sleep(0.05)


class PostgreSQL:
    """One server; `sql` asks it as its superuser, by the socket."""

    def __init__(self, path: Path, port: int) -> None:
        self.path, self.port, self.log = path, port, path / "log"

    def make(self) -> None:
        """Its data."""
        argv = [program("initdb"), "-D", str(self.path / "data"), "-U", "app", "--auth=trust", "-N", "-E", "UTF8", "--locale=C"]
        subprocess.run(as_nobody(argv), env=environment(), check=True, capture_output=True, cwd="/")
        hba = "local all all trust\nlocal replication all trust\nhost replication all 127.0.0.1/32 trust\n"
        (self.path / "data/pg_hba.conf").write_text(f"{hba}host all all 127.0.0.1/32 scram-sha-256\n")

    @contextmanager
    def started(self, *options: str) -> Iterator[None]:
        """Until the block ends."""
        argv = [program("postgres"), "-D", str(self.path / "data"), "-k", str(self.path), "-p", str(self.port)]
        for option in ("listen_addresses=127.0.0.1", "fsync=off", "shared_buffers=16MB", "jit=off", *options):
            argv += ["-c", option]
        with running(as_nobody(argv), self.log, end=signal.SIGINT):
            wait_for("PostgreSQL", self.answers, self.log)
            yield

    def answers(self) -> bool:
        """It takes questions."""
        return self._asked("SELECT 1", "postgres", {}).returncode == 0

    def __call__(self, statement: str, database: str = "postgres", timeout: float = 60, **values: str) -> str:
        """As backup.psql.Psql asks."""
        done = self._asked(statement, database, values)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def refused(self, statement: str) -> str:
        """What it says to a statement that it does not take."""
        done = self._asked(statement, "postgres", {})
        assert done.returncode
        return done.stderr

    def _asked(self, statement: str, database: str, values: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        argv = [program("psql"), "-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-h", str(self.path), "-p", str(self.port)]
        argv += ["-U", "app", "-d", database, *(word for name, value in values.items() for word in ("-v", f"{name}={value}"))]
        return subprocess.run(argv, input=statement, env=environment(), capture_output=True, text=True, check=False, timeout=PATIENCE)


class Redis:
    """One server."""

    def __init__(self, path: Path) -> None:
        self.path, self.port, self.log = path, port(), path / "redis.log"

    @contextmanager
    def started(self, *lines: str) -> Iterator[None]:
        """Until the block ends, with these lines in its configuration."""
        common = [f"port {self.port}", "bind 127.0.0.1", f"dir {self.path}", 'save ""', *lines]
        (self.path / "redis.conf").write_text("\n".join([*common, ""]))
        with running(as_nobody([program("redis-server"), str(self.path / "redis.conf")]), self.log):
            wait_for("Redis", self.listens, self.log)
            yield

    def listens(self) -> bool:
        """It accepts connections."""
        with socket.socket() as channel:
            return channel.connect_ex(("127.0.0.1", self.port)) == 0

    def __call__(self, *words: str, password: str = "", db: int = 0) -> str:
        """A command."""
        argv = [
            program("redis-cli"),
            "-p",
            str(self.port),
            "-n",
            str(db),
            *(["--no-auth-warning", "-a", password] if password else []),
            *words,
        ]
        return subprocess.run(argv, env=environment(), capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def command(kind: str, replaced: Mapping[str, str]) -> list[str]:
    """What the unit of an exporter starts, with what systemd and the role put in."""
    text = (ROLE / f"templates/etc/systemd/system/latentum-ops-{kind}-exporter@.service.j2").read_text().replace("\\\n", " ")
    line = re.search(r"^ExecStart=(.*)$", text, re.MULTILINE)
    assert line
    command = line[1]
    for name, value in replaced.items():
        command = command.replace(name, value)
    name, *words = shlex.split(command)
    return [program(name.rpartition("/")[2]), *words]


class Exporter:
    """An exporter as its unit runs it."""

    def __init__(self, exporter: DatabaseExporter, path: Path, password: str, address: str = "127.0.0.1") -> None:
        self.exporter, self.path = exporter, path
        self.log = path / f"{exporter.name}.log"
        self.access = path / f"{exporter.name}.access"
        (path / "queries").mkdir(exist_ok=True)
        (path / f"queries/{exporter.name}.yml").write_text(database_files.queries_file(exporter))
        self.variables = database_files.environment(exporter, address)
        if "REDIS_EXPORTER_SCRIPT" in self.variables:
            self.variables["REDIS_EXPORTER_SCRIPT"] = str(path / "queries/keys.lua")
            (path / "queries/keys.lua").write_text(database_files.script(exporter))
        self.set_password(password, address)

    def set_password(self, password: str, address: str = "127.0.0.1") -> None:
        """As what starts it writes it."""
        self.access.unlink(missing_ok=True)
        self.access.write_text(database_files.access(self.exporter, address, password))
        self.access.chmod(0o400)

    @contextmanager
    def started(self, *, wait: bool = True) -> Iterator[None]:
        """Until the block ends."""
        queries = {"{{ __exporters_queries }}/%i.yml": f"{self.path}/queries/{self.exporter.name}.yml"}
        argv = command(self.exporter.kind, {f"${{{name}}}": value for name, value in self.variables.items()} | queries)
        files = {"PGPASSFILE": str(self.access), "REDIS_PASSWORD_FILE": str(self.access), "REDIS_EXPORTER_REDIS_ONLY_METRICS": "true"}
        with running(argv, self.log, {**self.variables, **files}):
            if wait:
                wait_for("the exporter", lambda: self.numbers() is not None, self.log)
            yield

    def numbers(self) -> dict[str, float] | None:
        """All series, without the label of the server's address, as Prometheus keeps them; None while nobody answers."""
        try:
            with urllib.request.urlopen(f"http://{self.exporter.address}/metrics", timeout=PATIENCE) as answer:
                text = answer.read().decode()
        except OSError:
            return None
        series = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, _space, value = line.rpartition(" ")
                name = re.sub(r',?server="[^"]*"', "", name).replace("{,", "{").replace("{}", "")
                series[name] = float(value)
        return series

    def scraped(self) -> dict[str, float]:
        """The same of one that runs."""
        numbers = self.numbers()
        assert numbers is not None, self.log.read_text()
        return numbers


def port() -> int:
    """One that is free."""
    return free_port()
