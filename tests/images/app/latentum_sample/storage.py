# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL and Redis, both of which may be away at any time: each use connects again by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

from .config import address

# Two replicas that start at once must not create a table twice: the lock makes one of them wait.
SCHEMA = """
SELECT pg_advisory_xact_lock(7206148);
CREATE TABLE IF NOT EXISTS counters (name text PRIMARY KEY, value bigint NOT NULL);
CREATE TABLE IF NOT EXISTS jobs (
    id uuid PRIMARY KEY, payload jsonb NOT NULL, worker text NOT NULL, version text NOT NULL, finished timestamptz NOT NULL DEFAULT now()
);
"""
CHECK_SECONDS = 2.0
UNAVAILABLE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, redis.asyncio.RedisError)


class Database:
    """A pool that is made at the first use, and again while that fails."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: asyncpg.Pool | None = None
        self._making = asyncio.Lock()

    async def _ready(self) -> asyncpg.Pool:
        async with self._making:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._url, min_size=0, max_size=10, timeout=3, command_timeout=10, init=_prepare, max_inactive_connection_lifetime=60
                )
        return self._pool

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection of the pool; one that died meanwhile is replaced."""
        pool = await self._ready()
        async with pool.acquire(timeout=5) as connection:
            yield connection

    async def check(self) -> None:
        """Raises what is wrong, after CHECK_SECONDS at the latest."""

        async def ask() -> None:
            async with self.connection() as connection:
                await connection.fetchval("SELECT 1")

        await within(CHECK_SECONDS, ask())

    async def count_up(self, name: str) -> int:
        """Raise a counter by one and return it."""
        statement = "INSERT INTO counters VALUES ($1, 1) ON CONFLICT (name) DO UPDATE SET value = counters.value + 1 RETURNING value"
        async with self.connection() as connection:
            return int(await connection.fetchval(statement, name))

    async def close(self) -> None:
        if self._pool is not None:
            self._pool.terminate()


async def _prepare(connection: asyncpg.Connection) -> None:
    """Runs on each new connection, so that a database that was replaced by an empty one is prepared too."""
    async with connection.transaction():
        await connection.execute(SCHEMA)


def cache_client(url: str) -> redis.asyncio.Redis:
    """A client that tries three times within a second, then says that the cache is away."""
    return redis.asyncio.Redis.from_url(
        url, decode_responses=True, socket_connect_timeout=2, socket_timeout=10, health_check_interval=15,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 3), retry_on_error=[redis.asyncio.ConnectionError],
    )  # fmt: skip


async def check_cache(cache: redis.asyncio.Redis) -> None:
    """Raises what is wrong, after CHECK_SECONDS at the latest."""
    await within(CHECK_SECONDS, cache.ping())


async def within(seconds: float, work: Coroutine[Any, Any, Any]) -> None:
    """Like ``asyncio.timeout``, but without waiting for the clean-up of a driver whose server hangs."""
    task = asyncio.ensure_future(work)
    done, _pending = await asyncio.wait({task}, timeout=seconds)
    if not done:
        task.cancel()
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        raise TimeoutError(f"no answer within {seconds:g} s")
    task.result()


def database_of(environ: Mapping[str, str]) -> Database:
    return Database(address(environ, "DATABASE_URL", ("postgres", "postgresql")))


def cache_of(environ: Mapping[str, str]) -> redis.asyncio.Redis:
    return cache_client(address(environ, "REDIS_URL", ("redis", "rediss")))
