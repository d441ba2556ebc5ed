# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Migrations run with the application's own connection."""

from __future__ import annotations

from alembic import context
from neurocore.store import engine
from sqlalchemy import text

with engine().connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        # Two at once, of two hosts or after a run that was killed, wait for each other.
        connection.execute(text("SELECT pg_advisory_xact_lock(8002)"))
        context.run_migrations()
