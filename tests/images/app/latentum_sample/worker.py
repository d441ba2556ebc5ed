# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker: takes jobs from the queue in Redis and writes a row a job to PostgreSQL, each exactly once.

A job is moved to a second list while it is worked on, and removed from there after its row was committed. Jobs of a worker
that died are put back when a worker starts; a job that was written already changes nothing the second time (its id is the key).
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import redis.asyncio

from . import PROCESSING, QUEUE
from .config import Settings
from .log import begin, log, short
from .storage import UNAVAILABLE, Database, cache_of, check_cache, database_of

WAIT_SECONDS = 1.0
RETRY_SECONDS = 0.5


class Worker:
    """One loop, until told to stop; it survives its database and its queue."""

    def __init__(self, settings: Settings, database: Database, cache: redis.asyncio.Redis, heartbeat: Path) -> None:
        self.settings = settings
        self.database = database
        self.cache = cache
        self.heartbeat = heartbeat
        self.stopping = asyncio.Event()
        self.away = False

    async def run(self) -> None:
        put_back = False
        log.info("taking jobs from %s", QUEUE)
        while not self.stopping.is_set():
            try:
                if not put_back:
                    await self.put_back()
                    put_back = True
                raw = await self.cache.blmove(QUEUE, PROCESSING, timeout=WAIT_SECONDS, src="RIGHT", dest="LEFT")
                if raw is not None:
                    await self.work(raw)
                await asyncio.gather(self.database.check(), check_cache(self.cache))
                self.beat()
            except UNAVAILABLE as error:
                put_back = False
                await self.wait_out(error)
        log.info("stopped")

    async def work(self, raw: str) -> None:
        """Write the row, then forget the job. One that cannot be read is dropped with a line in the log."""
        try:
            job = json.loads(raw)
            values = (job["id"], json.dumps(job["payload"]), self.settings.identity.host, self.settings.identity.version)
        except (ValueError, KeyError, TypeError) as error:
            log.error("dropping a job that cannot be read: %s", short(error))
        else:
            async with self.database.connection() as connection:
                await connection.execute(
                    "INSERT INTO jobs (id, payload, worker, version) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING", *values
                )
            log.info("job %s done", values[0])
        await self.cache.lrem(PROCESSING, 1, raw)

    async def put_back(self) -> None:
        """Jobs that a worker had taken and not finished."""
        count = 0
        while await self.cache.lmove(PROCESSING, QUEUE, src="RIGHT", dest="RIGHT") is not None:
            count += 1
        if count and not self.away:
            log.info("put back jobs that were not finished: %d", count)

    def beat(self) -> None:
        """What the healthcheck looks at: queue and database answered a moment ago."""
        if self.away:
            log.info("queue and database answer again")
            self.away = False
        if not self.settings.broken:
            self.heartbeat.touch()

    async def wait_out(self, error: BaseException) -> None:
        if not self.away:
            log.warning("waiting for queue and database: %s", short(error))
            self.away = True
        try:
            async with asyncio.timeout(RETRY_SECONDS):
                await self.stopping.wait()
        except TimeoutError:
            pass


async def _run(settings: Settings) -> None:
    database, cache = database_of(os.environ), cache_of(os.environ)
    worker = Worker(settings, database, cache, Path(os.environ.get("HEARTBEAT_FILE", "/tmp/heartbeat")))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stopping.set)
    await worker.run()
    await cache.aclose()
    await database.close()


def main() -> None:
    settings = Settings.read(os.environ)
    begin(settings)
    asyncio.run(_run(settings))
