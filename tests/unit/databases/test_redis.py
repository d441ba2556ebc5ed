# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redis and PgBouncer by the exporters of the distribution: passwords, users, keys, and what goes wrong for people."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.database_exporters import DatabaseExporter, MeasuredKey

from .servers import Exporter, PostgreSQL, Redis, as_nobody, folder, port, program, running, wait_for

needs_redis = pytest.mark.skipif(
    not all(program(name) for name in ("redis-server", "redis-cli", "prometheus-redis-exporter")),
    reason="no Redis and no exporter of it on this machine: tests/tools/unit.sh provides them",
)
PASSWORD = 'd#e "f\\ %41:/@'
ODD = 'odd,key=100%; "x" {y}'
KEYS = (
    MeasuredKey("nothing"),
    MeasuredKey("jobs"),
    MeasuredKey("events"),
    MeasuredKey("behind", measure="value"),
    MeasuredKey(ODD),
    MeasuredKey("jobs", db=3),
)
# What the exporter needs of a user of its own (docs/guides/metrics.md names the same rules).
RULES = (
    "-@all +ping +info +select +client|setname +config|get +slowlog|get +slowlog|len +latency|latest +latency|histogram"
    " +eval +type +llen +scard +zcard +hlen +xlen +strlen +get"
)


def exporter(redis: Redis, *keys: MeasuredKey, user: str = "") -> DatabaseExporter:
    """One for the server."""
    return DatabaseExporter("shop", "cache", "redis", port(), redis.port, user=user, keys=keys)


@pytest.fixture
def redis() -> Iterator[Redis]:
    """Not started yet."""
    with folder() as path:
        yield Redis(path)


def quoted(text: str) -> str:
    """As a configuration of Redis has it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@needs_redis
@pytest.mark.parametrize("user", ["", "metrics"])
def test_keys_of_a_redis_with_a_password(redis: Redis, tmp_path: Path, user: str) -> None:
    """The default user by requirepass; one of its own by an ACL that lets it count the keys, and do no more."""
    every = " ".join(f"~{name}" for name in ("jobs", "nothing", "events", "behind"))
    acl = [f"user metrics on {quoted('>' + PASSWORD)} {every} {quoted('~odd*')} {RULES}", "user default on >other ~* +@all"]
    with redis.started(*(acl if user else [f"requirepass {quoted(PASSWORD)}"])):
        root = "other" if user else PASSWORD
        redis("RPUSH", "jobs", "a", "b", "c", password=root)
        redis("XADD", "events", "*", "a", "1", password=root)
        redis("SET", "behind", "42.5", password=root)
        redis("SADD", ODD, "a", "b", password=root)
        redis("RPUSH", "jobs", "one", password=root, db=3)
        measured = Exporter(exporter(redis, *KEYS, user=user), tmp_path, PASSWORD)
        with measured.started():
            numbers = measured.scraped()
        denied = redis("INFO", "errorstats", password=root)
    assert numbers["redis_up"] == 1, measured.log.read_text()
    keys = of_keys(numbers)
    assert keys["size;db0;jobs"] == 3 and keys["size;db3;jobs"] == 1 and keys["size;db0;events"] == 1
    assert keys["size;db0;" + ODD.replace('"', '\\"')] == 2 and keys["value;db0;behind"] == 42.5
    # A list that is empty does not exist; it is 0 all the same, its alert ends, and the keys after it are there.
    assert keys["size;db0;nothing"] == 0 and len(keys) == len(KEYS)
    for name in ("redis_memory_used_bytes", "redis_memory_max_bytes", "redis_rejected_connections_total", "redis_connected_clients"):
        assert name in numbers
    assert any(name.startswith("redis_instance_info{") and 'maxmemory_policy="noeviction"' in name for name in numbers)
    assert PASSWORD not in measured.log.read_text() and "NOPERM" not in denied, denied + measured.log.read_text()


def of_keys(numbers: dict[str, float]) -> dict[str, float]:
    """Answers of the script, by what it calls them."""
    found = {
        re.search(r'key="(.*?)"[,}](?:filename|$)?', name): value
        for name, value in numbers.items()
        if name.startswith("redis_script_values")
    }
    return {match[1]: value for match, value in found.items() if match}


@needs_redis
def test_a_key_that_a_user_may_not_see_takes_nothing_from_the_others(redis: Redis, tmp_path: Path) -> None:
    with redis.started(f"user metrics on >word ~jobs {RULES}", "user default on nopass ~* +@all"):
        redis("RPUSH", "jobs", "a")
        measured = Exporter(
            exporter(redis, MeasuredKey("secret"), MeasuredKey("secret", measure="value"), MeasuredKey("jobs"), user="metrics"),
            tmp_path,
            "word",
        )
        with measured.started():
            numbers = measured.scraped()
    assert numbers["redis_up"] == 1 and of_keys(numbers) == {"size;db0;jobs": 1}


@needs_redis
def test_without_config_it_is_measured_all_the_same(redis: Redis, tmp_path: Path) -> None:
    """Managed ones rename CONFIG; limits of memory are in INFO."""
    with redis.started('rename-command CONFIG ""', "maxmemory 50mb", "maxmemory-policy allkeys-lru"):
        measured = Exporter(exporter(redis, MeasuredKey("jobs")), tmp_path, "")
        with measured.started():
            numbers = measured.scraped()
    assert numbers["redis_up"] == 1 and numbers["redis_memory_max_bytes"] == 50 * 2**20
    assert any("allkeys-lru" in name for name in numbers if name.startswith("redis_instance_info"))


@needs_redis
def test_a_wrong_password_and_no_server_are_seen_and_end(redis: Redis, tmp_path: Path) -> None:
    measured = Exporter(exporter(redis), tmp_path, "wrong")
    with measured.started():
        assert measured.scraped()["redis_up"] == 0
        with redis.started("requirepass right"):
            assert measured.scraped()["redis_up"] == 0
        with redis.started("requirepass wrong"):
            assert measured.scraped()["redis_up"] == 1


@needs_redis
def test_a_node_of_a_cluster_is_measured_without_its_keys(redis: Redis, tmp_path: Path) -> None:
    """They are on whichever node; nothing is said rather than 0."""
    # Nodes talk at a port of their own, 10,000 above the other unless it is said: a free one may have none there.
    with redis.started("cluster-enabled yes", f"cluster-config-file {redis.path}/nodes.conf", f"cluster-port {port()}"):
        measured = Exporter(exporter(redis, MeasuredKey("jobs")), tmp_path, "")
        with measured.started():
            numbers = measured.scraped()
    assert numbers["redis_up"] == 1 and of_keys(numbers) == {}


@pytest.mark.skipif(
    not all(program(name) for name in ("initdb", "postgres", "psql", "pgbouncer", "prometheus-pgbouncer-exporter"))
    or b"Python" in subprocess.run(["file", program("prometheus-pgbouncer-exporter")], capture_output=True, check=False).stdout,
    reason="no PgBouncer and no exporter of it on this machine that reads a file of passwords (Debian 13)",
)
@pytest.mark.parametrize("lets_in", [True, False])
def test_the_console_of_pgbouncer(tmp_path: Path, lets_in: bool) -> None:
    """The exporter's library sends extra_float_digits, which PgBouncer refuses unless it is told to ignore it."""
    with folder() as path:
        listens = port()
        ignored = "ignore_startup_parameters = extra_float_digits" if lets_in else ""
        (path / "users").write_text('"stats" "word of stats"\n')
        (path / "pgbouncer.ini").write_text(
            "[databases]\nshop = host=127.0.0.1 port=1\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
            f"listen_port = {listens}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {path}/users\nstats_users = stats\n"
            f"{ignored}\n"
        )
        server = PostgreSQL(path, listens)
        with running(as_nobody([program("pgbouncer"), str(path / "pgbouncer.ini")]), server.log):
            measured = Exporter(
                DatabaseExporter("shop", "pooler", "pgbouncer", port(), listens, user="stats", database="pgbouncer"),
                tmp_path,
                "word of stats",
            )
            wait_for("PgBouncer", lambda: "process up" in server.log.read_text(), server.log)
            if lets_in:
                with measured.started():
                    assert measured.scraped()["pgbouncer_up"] == 1
                    assert any(name.startswith("pgbouncer_databases_") for name in measured.scraped())
            else:
                # Debian 13's ends then, and is started again and again (up 0); a later one says pgbouncer_up 0.
                with measured.started(wait=False):
                    wait_for("a refusal", lambda: "extra_float_digits" in measured.log.read_text(), measured.log)
                    assert not (measured.numbers() or {}).get("pgbouncer_up")
    assert "word of stats" not in measured.log.read_text()
