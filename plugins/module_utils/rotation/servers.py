# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who checks a secret, by its kind: takes the next value, says whether the one before is in use, and takes it no more.

Each of them looks at what is there first, so that it may be done again after a kill.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ..backup import container_files
from ..backup.psql import Psql
from ..backup.redis import CLIENT
from ..backup.settings import BackupError
from ..containers.client import Container, Engine
from ..contracts.secret_rotation import POSTGRESQL, REDIS
from ..core.process import run
from . import postgresql
from . import redis as redis_users
from .declared import Rotating
from .journal import Item
from .refusal import RotationFailed, RotationRefused
from .scram_login import Answer, LoginUnknown, try_login


class Server(Protocol):
    """Who checks one secret in one rotation."""

    def require(self) -> None:
        """:raises RotationRefused: it would not take a second value."""

    def accept(self, value: str) -> None:
        """Let the next value in, and prove it.

        :raises RotationFailed: it is not let in.
        """

    def in_use(self, since: float) -> int:
        """How many clients hold the value from before.

        :param since: when nothing began any more to use it (epoch seconds).
        :raises RotationFailed: its server does not say.
        """

    def shut_out(self, value: str, since: float) -> int:
        """Let the value from before in no more, end those that hold it, and prove it; how many there were.

        :raises RotationFailed: it is let in all the same.
        """

    def shut_out_next(self, value: str, since: float) -> None:
        """Let the next value in no more: the rotation is taken back."""


class Nobody:
    """Nobody checks it: its consumers alone know it."""

    def require(self) -> None:
        """There is nothing that could be in the way."""

    def accept(self, value: str) -> None:
        """Nobody has to be told."""

    def in_use(self, since: float) -> int:
        """Nobody can say."""
        return 0

    def shut_out(self, value: str, since: float) -> int:
        """Nobody has to be told."""
        return 0

    def shut_out_next(self, value: str, since: float) -> None:
        """Nobody has to be told."""


@dataclass
class PostgresqlServer:
    """A PostgreSQL server, asked by its superuser.

    :param login: a login over the network by a role and a password.
    """

    secret: Rotating
    item: Item
    sql: postgresql.Sql
    login: Callable[[str, str], Answer]

    def require(self) -> None:
        """See `Server`."""
        try:
            postgresql.require(self.sql, self.secret.rotation, self.item.new_login, self.secret.name)
        except BackupError as error:
            raise RotationRefused(f"secret {self.secret.name}, {error}") from error

    def accept(self, value: str) -> None:
        """See `Server`."""
        try:
            postgresql.accept(self.sql, self.secret.rotation, self.item.new_login, value)
            answer = self.login(self.item.new_login, value)
        except (BackupError, LoginUnknown) as error:
            raise RotationFailed(f"secret {self.secret.name}, {self.secret.rotation.service} takes no new login: {error}") from error
        if not answer.let_in:
            raise RotationFailed(
                f"secret {self.secret.name}, {self.secret.rotation.service} does not let {self.item.new_login} in: {answer.reason}"
            )

    def in_use(self, since: float) -> int:
        """See `Server`."""
        try:
            return postgresql.sessions(self.sql, self.item.old_login)
        except BackupError as error:
            raise RotationFailed(f"secret {self.secret.name}, {error}") from error

    def shut_out(self, value: str, since: float) -> int:
        """See `Server`."""
        return self._closed(self.item.old_login, value)

    def shut_out_next(self, value: str, since: float) -> None:
        """See `Server`."""
        self._closed(self.item.new_login, value)

    def _closed(self, login: str, value: str) -> int:
        try:
            ended = postgresql.shut_out(self.sql, self.secret.rotation, login)
            if self.login(login, value).let_in:
                raise RotationFailed(
                    f"secret {self.secret.name}, {self.secret.rotation.service} lets {login} in with the password that was taken away: its"
                    " pg_hba.conf asks for none (trust)"
                )
        except (BackupError, LoginUnknown) as error:
            raise RotationFailed(f"secret {self.secret.name}, whether {login} is shut out is not known: {error}") from error
        return ended


@dataclass
class RedisServer:
    """A Redis server, asked with whichever password it takes."""

    secret: Rotating
    redis: redis_users.Redis
    clock: Callable[[], float] = time.time

    def require(self) -> None:
        """See `Server`."""
        redis_users.require(self.redis, self.secret.rotation, self.secret.name)

    def accept(self, value: str) -> None:
        """See `Server`."""
        redis_users.accept(self.redis, value)
        if not self.redis.lets_in(value):
            raise RotationFailed(
                f"secret {self.secret.name}, {self.secret.rotation.service} does not take the new password, although it was told"
            )

    def in_use(self, since: float) -> int:
        """See `Server`."""
        return len(redis_users.old_connections(self.redis, self.clock() - since))

    def shut_out(self, value: str, since: float) -> int:
        """See `Server`."""
        ended = redis_users.shut_out(self.redis, value, self.clock() - since)
        if self.redis.lets_in(value):
            raise RotationFailed(f"secret {self.secret.name}, {self.secret.rotation.service} takes the password that was taken away")
        return ended

    def shut_out_next(self, value: str, since: float) -> None:
        """See `Server`. Connections go on: those that hold the next value are of containers that are gone."""
        redis_users.shut_out(self.redis, value, float("inf"))


def of(stack: str, secret: Rotating, item: Item, passwords: tuple[str, ...]) -> Server:
    """Who checks a secret.

    :param passwords: values that the server may know now, the likeliest first.
    :raises RotationRefused: its container does not run.
    """
    if secret.rotation.kind not in (POSTGRESQL, REDIS):
        return Nobody()
    try:
        container = container_files.running(Engine(), stack, secret.rotation.service)
    except BackupError as error:
        raise RotationRefused(f"secret {secret.name}, {error}") from error
    if secret.rotation.kind == REDIS:
        return RedisServer(secret, redis_users.Redis(_client(container), secret.rotation.user or "default", passwords))
    return PostgresqlServer(
        secret, item, Psql(container.name, secret.rotation.admin), _login(container, secret.rotation.port, secret.rotation.database)
    )


def _client(container: Container) -> redis_users.Client:
    """The container's own client, which reads commands from its standard input."""
    argv = ["docker", "exec", "--interactive", container.name, "sh", "-c", CLIENT, "sh"]
    return lambda script: re.sub(r"^\s+", "", run(argv, input=script, timeout=60, check=False).stdout)


def _login(container: Container, port: int, database: str) -> Callable[[str, str], Answer]:
    """A login from this host, which is a neighbour in each network of the container."""

    def login(role: str, password: str) -> Answer:
        if not (address := container.address()):
            raise LoginUnknown(f"{container.name} has no address: it needs a network (`none` and `host` give it none)")
        return try_login(address, port, role, password, database)

    return login
