# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The database and the cache, both found again when they were away."""

from __future__ import annotations

import asyncio
import os

import asyncpg
from redis.asyncio import Redis

from .settings import setting

TABLES = """
CREATE TABLE IF NOT EXISTS counter (name text PRIMARY KEY, value bigint NOT NULL);
CREATE TABLE IF NOT EXISTS job (id bigserial PRIMARY KEY, key text UNIQUE NOT NULL, body text NOT NULL, done timestamptz NOT NULL DEFAULT now());
INSERT INTO counter VALUES ('visits', 0) ON CONFLICT DO NOTHING;
"""
QUEUE, TAKEN = "jobs", f"jobs:taken:{os.uname().nodename}"


def cache() -> Redis:
    """A client that connects by itself, and again."""
    return Redis.from_url(setting("REDIS_URL"), decode_responses=True, socket_timeout=10, socket_connect_timeout=3, health_check_interval=15)


async def database() -> asyncpg.Pool:
    """A pool whose tables exist; waits for the database as long as it takes."""
    while True:
        try:
            pool = await asyncpg.create_pool(setting("DATABASE_URL"), min_size=1, max_size=8, command_timeout=10, timeout=5)
            # Two replicas may start at once: CREATE TABLE IF NOT EXISTS alone can collide with itself.
            async with pool.acquire() as connection, connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock(1)")
                await connection.execute(TABLES)
            return pool
        except (OSError, asyncpg.PostgresError, TimeoutError) as error:
            print(f"database: not yet: {type(error).__name__}", flush=True)
            await asyncio.sleep(1)
