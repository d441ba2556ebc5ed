# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python3 -m latentum_sample migrate``: what a release does to the database once, before it gets traffic."""

from __future__ import annotations

import asyncio
import os

from .config import ConfigError, Settings
from .log import begin, log
from .storage import database_of

SCHEMA = "CREATE TABLE IF NOT EXISTS schema_versions (version text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())"


async def _migrate(settings: Settings) -> None:
    database = database_of(os.environ)
    async with database.connection() as connection:
        await connection.execute(SCHEMA)
        await connection.execute("INSERT INTO schema_versions (version) VALUES ($1) ON CONFLICT DO NOTHING", settings.identity.version)
    await database.close()


def main() -> None:
    settings = Settings.read(os.environ)
    begin(settings)
    if settings.fault == "migration":
        raise ConfigError('column "customer_id" of relation "jobs" does not exist')
    asyncio.run(_migrate(settings))
    log.info("schema is at %s", settings.identity.version)
