# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes jobs from the queue and writes them to the database; a job is lost by no crash, and written once."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import asyncpg
from redis.exceptions import RedisError

from .stores import QUEUE, TAKEN, cache, database

HEARTBEAT = Path("/tmp/heartbeat")  # noqa: S108


async def work(stop: asyncio.Event) -> None:
    """One job after the other until told to stop."""
    pool, queue = await database(), cache()
    while not stop.is_set():
        try:
            # A job that was taken when this worker died is still in its own list: it comes first.
            job = await queue.lindex(TAKEN, -1) or await queue.blmove(QUEUE, TAKEN, 2, "RIGHT", "LEFT")
            HEARTBEAT.touch()
            if job is None:
                continue
            parsed = json.loads(job)
            await pool.execute("INSERT INTO job (key, body) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING", parsed["key"], json.dumps(parsed["body"]))
            await queue.lrem(TAKEN, 1, job)
        except (RedisError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            print(f"worker: waiting: {type(error).__name__}", flush=True)
            await asyncio.sleep(1)


async def run() -> None:
    """Work until SIGTERM; the job in hand is finished."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await work(stop)


if __name__ == "__main__":
    asyncio.run(run())
