# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python3 -m latentum_sample migrate``: what a release does to the database once, before it gets traffic."""

from __future__ import annotations

import asyncio
import os
import sys

from .config import Settings
from .log import begin, log, short
from .storage import UNAVAILABLE, database_of

# The lock is that of the other tables: two migrations at once must not create the table twice.
SCHEMA = """
SELECT pg_advisory_xact_lock(7206148);
CREATE TABLE IF NOT EXISTS schema_versions (version text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now());
"""


async def _migrate(settings: Settings) -> None:
    database = database_of(os.environ)
    async with database.connection() as connection:
        await connection.execute(SCHEMA)
        await connection.execute("INSERT INTO schema_versions (version) VALUES ($1) ON CONFLICT DO NOTHING", settings.identity.version)
    await database.close()


def main() -> None:
    """Prints one line; what goes wrong in the database is exit code 1."""
    settings = Settings.read(os.environ)
    begin(settings)
    if settings.fault == "migration":
        sys.exit('migrate: column "customer_id" of relation "jobs" does not exist')
    try:
        asyncio.run(_migrate(settings))
    except UNAVAILABLE as error:
        sys.exit(f"migrate: {short(error)}")
    log.info("schema is at %s", settings.identity.version)
