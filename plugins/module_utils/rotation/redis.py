# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user of a Redis server (or a relative of it) with two passwords at once, as its access lists have them since version 6.

``CONFIG SET requirepass`` would take all other passwords away, so it is never used. Passwords are given as hashes, and the one by which
the engine itself logs in comes by the client's standard input: it is in no argument list, in no environment, and in no MONITOR.

What is set while a server runs is gone when it starts again, unless it keeps its users in a file of its own (``aclfile``), which is
written then. Else a server that starts in the middle takes what its file says: the secret's file is written in place when the value
changes, so that is the new one from then on.

Source: Redis' documentation, "ACL" (rules ``#hash`` and ``!hash``), "CLIENT LIST", "CLIENT KILL".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..contracts.secret_rotation import SecretRotation
from .refusal import RotationFailed, RotationRefused

_ERRORS = re.compile(r"(?:ERR|NOAUTH|WRONGPASS|NOPERM|MISCONF|LOADING|READONLY|WRONGTYPE|AUTH failed|Could not connect|Error)\b")
_CLIENT = re.compile(r"^id=(\d+) .*\bage=(\d+) .*\buser=(\S+)")
# Connections that serve the server itself, by their flags: of its primary, of its replicas.
_SERVERS = re.compile(r"\bflags=\S*[MS]")

# A client that reads commands, one a line, and writes what the server answers.
Client = Callable[[str], str]


@dataclass(frozen=True)
class Redis:
    """A server, by its own client."""

    client: Client
    user: str
    passwords: Sequence[str]

    def ask(self, *words: str) -> str:
        """The answer to one command, by the first password that is good.

        :raises RotationFailed: no password is good, or the server refuses.
        """
        for password in self.passwords:
            answer = self._asked(password, words)
            if answer is not None:
                if _ERRORS.match(answer):
                    raise RotationFailed(f"the server refused {' '.join(words[:2])}: {answer.splitlines()[0][:200]}")
                return answer
        raise RotationFailed(f"the server takes no password of the user {self.user} that is known here: is it another server's secret?")

    def lets_in(self, password: str) -> bool:
        """Whether the server takes a password."""
        return self._asked(password, ("PING",)) is not None

    def _asked(self, password: str, words: Sequence[str]) -> str | None:
        """None where the password is not good."""
        script = "".join(f"{' '.join(map(_quoted, line))}\n" for line in (("AUTH", self.user, password), words))
        first, _end, rest = self.client(script).lstrip("\n").partition("\n")
        return rest.strip() if first.strip() == "OK" else None


def require(redis: Redis, rotation: SecretRotation, name: str) -> None:
    """Refuse a server on which no two passwords are good at once.

    :param name: of the secret, for the message.
    :raises RotationRefused: says what to write.
    """
    key = f"secret {name}"
    try:
        about = redis.ask("ACL", "GETUSER", redis.user).split()
    except RotationFailed as error:
        if "unknown" in str(error).lower():
            fix = "take an image of Redis 6 or later, or Valkey"
            raise RotationRefused(
                f"{key}, {rotation.service} knows no access lists, so two passwords cannot be good at once: {fix}"
            ) from None
        raise RotationRefused(f"{key}, {rotation.service}: {error}") from None
    if "nopass" in about:
        raise RotationRefused(
            f"{key}, {rotation.service} asks the user {redis.user} for no password; write requirepass into its configuration"
        )
    replication = redis.ask("INFO", "replication")
    if "role:slave" in replication:
        raise RotationRefused(f"{key}, {rotation.service} is a replica: rotate at its primary")
    replicas = re.search(r"connected_slaves:(\d+)", replication)
    if replicas and int(replicas[1]) and redis.user == "default":
        fix = "give them a user of their own (masteruser, masterauth), or the applications one of theirs"
        raise RotationRefused(f"{key}, {rotation.service} has {replicas[1]} replicas, which log in with this password as well: {fix}")


def accept(redis: Redis, password: str) -> bool:
    """Let the user log in with a further password; whether that is new."""
    if _hash(password) in redis.ask("ACL", "GETUSER", redis.user).split():
        return False
    redis.ask("ACL", "SETUSER", redis.user, f"#{_hash(password)}")
    _keep(redis)
    return True


def old_connections(redis: Redis, seconds: float) -> list[str]:
    """Ids of connections of the user that are older than this: nobody can say by which password one has logged in."""
    matches = (_CLIENT.search(line) for line in redis.ask("CLIENT", "LIST").splitlines() if not _SERVERS.search(line))
    return [match[1] for match in matches if match and match[3] == redis.user and int(match[2]) > seconds]


def shut_out(redis: Redis, password: str, seconds: float) -> int:
    """Take a password away, then end the connections that are older than this; how many there were."""
    if _hash(password) in redis.ask("ACL", "GETUSER", redis.user).split():
        redis.ask("ACL", "SETUSER", redis.user, f"!{_hash(password)}")
        _keep(redis)
    ended = 0
    for number in old_connections(redis, seconds):
        try:
            redis.ask("CLIENT", "KILL", "ID", number)
            ended += 1
        except RotationFailed:
            continue  # it has left
    return ended


def _keep(redis: Redis) -> None:
    """Write the users to the server's own file of them, where it has one."""
    if len(redis.ask("CONFIG", "GET", "aclfile").split()) > 1:
        redis.ask("ACL", "SAVE")


def _hash(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()


def _quoted(word: str) -> str:
    """As the client reads a word of any bytes."""
    return word if re.fullmatch(r"[\w#!.-]+", word, re.ASCII) else '"' + "".join(f"\\x{byte:02x}" for byte in word.encode()) + '"'
