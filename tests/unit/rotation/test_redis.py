# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two passwords of a user at once, on a real Redis server, and what goes wrong for people."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.secret_rotation import SecretRotation
from ansible_collections.latentum.ops.plugins.module_utils.rotation import redis as users
from ansible_collections.latentum.ops.plugins.module_utils.rotation.refusal import RotationFailed, RotationRefused

from ..databases.servers import Redis, environment, folder, program

pytestmark = pytest.mark.skipif(
    not all(program(name) for name in ("redis-server", "redis-cli")), reason="no Redis here: tests/tools/unit.sh provides one"
)
ROTATION = SecretRotation("redis", "cache")
FIRST, SECOND = 'd#e "f\\ %41:/@', "zweites Paßwort"


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.fixture
def server() -> Iterator[Redis]:
    """Not started yet."""
    with folder() as path:
        yield Redis(path)


def asked(server: Redis, *passwords: str, user: str = "default") -> users.Redis:
    """The server by its client, as the container's own one is started: its words come by standard input."""

    def client(script: str) -> str:
        argv = [program("redis-cli"), "-p", str(server.port)]
        return subprocess.run(argv, input=script, env=environment(), capture_output=True, text=True, check=False, timeout=60).stdout

    return users.Redis(client, user, passwords)


@contextmanager
def connected(server: Redis, password: str) -> Iterator[socket.socket]:
    """A pool that keeps its connection."""
    with socket.create_connection(("127.0.0.1", server.port), 10) as channel:
        word = password.encode()
        channel.sendall(b"*2\r\n$4\r\nAUTH\r\n$%d\r\n%b\r\n" % (len(word), word))
        assert channel.recv(64) == b"+OK\r\n"
        yield channel


def pong(channel: socket.socket) -> bytes:
    try:
        channel.sendall(b"PING\r\n")
        return channel.recv(64)
    except OSError:
        return b""


def test_both_are_good_and_then_the_new_one_alone(server: Redis) -> None:
    with server.started(f"requirepass {quoted(FIRST)}"):
        redis = asked(server, SECOND, FIRST)
        users.require(redis, ROTATION, "cache_password")
        assert users.accept(redis, SECOND) and not users.accept(redis, SECOND)
        assert redis.lets_in(FIRST) and redis.lets_in(SECOND) and not redis.lets_in("third")
        assert users.shut_out(redis, FIRST, 60) == 0 and users.shut_out(redis, FIRST, 60) == 0
        assert not redis.lets_in(FIRST) and redis.lets_in(SECOND)


def test_it_is_taken_back(server: Redis) -> None:
    with server.started(f"requirepass {quoted(FIRST)}"):
        redis = asked(server, FIRST, SECOND)
        users.accept(redis, SECOND)
        users.shut_out(redis, SECOND, float("inf"))
        assert redis.lets_in(FIRST) and not redis.lets_in(SECOND)


def test_a_pool_that_keeps_its_connections_is_ended_with_its_password(server: Redis) -> None:
    """Redis leaves a connection alone when its password goes."""
    with server.started(f"requirepass {quoted(FIRST)}"), connected(server, FIRST) as channel:
        redis = asked(server, SECOND, FIRST)
        users.accept(redis, SECOND)
        assert users.old_connections(redis, 60) == [] and len(users.old_connections(redis, -1)) >= 1
        assert users.shut_out(redis, FIRST, 60) == 0 and pong(channel) == b"+PONG\r\n"
        assert users.shut_out(redis, FIRST, -1) >= 1 and pong(channel) == b""


def test_no_value_is_in_arguments_or_in_what_a_monitor_sees(server: Redis) -> None:
    with server.started(f"requirepass {quoted(FIRST)}", "slowlog-log-slower-than 0"):
        redis = asked(server, FIRST)
        users.accept(redis, SECOND)
        slow = redis.ask("SLOWLOG", "GET", "50")
        assert SECOND not in slow and FIRST not in slow
        assert "(redacted)" in slow


def test_a_file_of_users_is_written_so_that_a_restart_keeps_both(server: Redis) -> None:
    acl = server.path / "users.acl"
    acl.write_text("user default on ~* &* +@all >first\n")
    acl.chmod(0o666)
    server.path.chmod(0o777)
    with server.started(f"aclfile {acl}"):
        users.accept(asked(server, "first"), SECOND)
    with server.started(f"aclfile {acl}"):
        redis = asked(server, SECOND, "first")
        assert redis.lets_in("first") and redis.lets_in(SECOND)
        users.shut_out(redis, "first", 60)
    with server.started(f"aclfile {acl}"):
        assert not asked(server, SECOND).lets_in("first")


def test_without_one_a_restart_takes_what_its_file_says(server: Redis) -> None:
    """As the guide says: after the switch that is the new one, since the file was written in place."""
    with server.started(f"requirepass {quoted(FIRST)}"):
        users.accept(asked(server, FIRST), SECOND)
    with server.started(f"requirepass {quoted(SECOND)}"):
        redis = asked(server, SECOND, FIRST)
        assert redis.lets_in(SECOND) and not redis.lets_in(FIRST)
        assert users.accept(redis, FIRST), "a rotation that goes on makes both good again"


def test_a_user_of_its_own(server: Redis) -> None:
    lines = (f"requirepass {quoted('admin')}", "user worker on ~jobs:* +@all >first")
    with server.started(*lines):
        redis = asked(server, "first", user="worker")
        users.require(redis, SecretRotation("redis", "cache", "worker"), "worker_password")
        users.accept(redis, SECOND)
        users.shut_out(asked(server, SECOND, user="worker"), "first", 60)
        assert redis.lets_in(SECOND) and not redis.lets_in("first") and asked(server, "admin").lets_in("admin")


def no_password(server: Redis) -> tuple[tuple[str, ...], users.Redis]:
    return (), asked(server, "anything")


def other_password(server: Redis) -> tuple[tuple[str, ...], users.Redis]:
    return ("requirepass elsewhere",), asked(server, FIRST)


def may_not(server: Redis) -> tuple[tuple[str, ...], users.Redis]:
    return ("user worker on ~* +get >first",), asked(server, "first", user="worker")


def a_replica(server: Redis) -> tuple[tuple[str, ...], users.Redis]:
    return ("requirepass first", "replicaof 127.0.0.1 1"), asked(server, "first")


REFUSED = {
    no_password: "asks the user default for no password; write requirepass",
    other_password: "takes no password of the user default that is known here",
    may_not: "the server refused ACL GETUSER",
    a_replica: "is a replica: rotate at its primary",
}


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.__name__)
def test_what_is_refused(server: Redis, case: object) -> None:
    lines, redis = case(server)  # type: ignore[operator]
    with server.started(*lines), pytest.raises(RotationRefused, match=REFUSED[case]):  # type: ignore[index]
        users.require(redis, ROTATION, "cache_password")


def test_replicas_that_log_in_with_it(server: Redis) -> None:
    with folder() as path, server.started("requirepass first"):
        replica = Redis(Path(path))
        with replica.started(f"replicaof 127.0.0.1 {server.port}", "masterauth first", "repl-ping-replica-period 1"):
            redis = asked(server, "first")
            for _attempt in range(600):
                if "connected_slaves:1" in redis.ask("INFO", "replication"):
                    break
            with pytest.raises(RotationRefused, match="has 1 replicas, which log in with this password as well"):
                users.require(redis, ROTATION, "cache_password")


def test_a_server_of_before_access_lists() -> None:
    def client(_script: str) -> str:
        return "OK\nERR unknown command `ACL`, with args beginning with: `GETUSER`\n"

    with pytest.raises(RotationRefused, match="knows no access lists, so two passwords cannot be good at once: take an image of Redis 6"):
        users.require(users.Redis(client, "default", ("x",)), ROTATION, "cache_password")


def test_a_server_that_loads_its_data() -> None:
    def client(_script: str) -> str:
        return "OK\nLOADING Redis is loading the dataset in memory\n"

    with pytest.raises(RotationFailed, match="the server refused ACL GETUSER: LOADING"):
        users.accept(users.Redis(client, "default", ("x",)), SECOND)
